/* SPDX-License-Identifier: MIT */
#ifndef ENCODE_AV_H
#define ENCODE_AV_H

#include <libavcodec/avcodec.h>
#include <libavutil/frame.h>
#include <libavutil/hwcontext.h>

#include "base/err.h"

/*
 * libavcodec, loaded when it is needed and by nobody else: it brings a hundred libraries along, which
 * workers and the front would all map and start up slower for. Its structures are laid out by its major
 * version, so that is the one that is asked for.
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

/* Returns: VTR_ERR_UNSUPPORTED (it is not there, or lacks something; `why` says what). */
VTR_MUST_CHECK enum vtr_err vtr_av_load(struct vtr_av *out_av, char *why, size_t why_size);

/* Nothing of it may be in use. */
void vtr_av_unload(struct vtr_av *av);

/* What the library said last in this thread, or else the meaning of `result`; one line. */
void vtr_av_explain(const struct vtr_av *av, int result, char *why, size_t why_size);

#endif
