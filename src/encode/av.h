/* SPDX-License-Identifier: MIT */
#ifndef ENCODE_AV_H
#define ENCODE_AV_H

#include <libavcodec/avcodec.h>
#include <libavutil/frame.h>
#include <libavutil/hwcontext.h>

#include "base/err.h"

/*
 * libavcodec, loaded on demand: it depends on a hundred libraries, which would slow down the start of workers
 * and the front. The layout of its structures depends on its major version, so exactly that version is
 * loaded.
 *
 * Thread: any.
 */
#define VTR_AV_FUNCTIONS(X)             \
	X(av_buffer_create)             \
	X(av_buffer_ref)                \
	X(av_buffer_unref)              \
	X(av_dict_free)                 \
	X(av_dict_set)                  \
	X(av_frame_alloc)               \
	X(av_frame_free)                \
	X(av_frame_unref)               \
	X(av_hwdevice_ctx_create)       \
	X(av_hwframe_ctx_alloc)         \
	X(av_hwframe_ctx_init)          \
	X(av_hwframe_get_buffer)        \
	X(av_hwframe_transfer_data)     \
	X(av_log_set_callback)          \
	X(av_packet_alloc)              \
	X(av_packet_free)               \
	X(av_packet_unref)              \
	X(av_strerror)                  \
	X(avcodec_alloc_context3)       \
	X(avcodec_find_encoder_by_name) \
	X(avcodec_free_context)         \
	X(avcodec_open2)                \
	X(avcodec_receive_packet)       \
	X(avcodec_send_frame)

struct vtr_av {
	void *library;
#define VTR_AV_MEMBER(name) __typeof__(&(name)) name;
	VTR_AV_FUNCTIONS(VTR_AV_MEMBER)
#undef VTR_AV_MEMBER
};

/* Returns: VTR_ERR_UNSUPPORTED (it is missing or incomplete; `why` says why). */
VTR_MUST_CHECK enum vtr_err vtr_av_load(struct vtr_av *out_av, char *why, size_t why_size);

/* No object of the library may be in use. */
void vtr_av_unload(struct vtr_av *av);

/* Writes the library's last message in this thread, or else the meaning of `result`; one line. */
void vtr_av_explain(const struct vtr_av *av, int result, char *why, size_t why_size);

#endif
