/* SPDX-License-Identifier: MIT */
#ifndef ENCODE_AVFORMAT_H
#define ENCODE_AVFORMAT_H

#include <libavformat/avformat.h>

#include "base/err.h"

/* libavformat, loaded as libavcodec is (encode/av.h), by the processes that write files or send to servers. */
#define VTR_AVFORMAT_FUNCTIONS(X) \
	X(av_dict_free)           \
	X(av_dict_set)            \
	X(av_free)                \
	X(av_guess_format)        \
	X(av_log_set_callback)    \
	X(av_malloc)              \
	X(av_mallocz)             \
	X(av_new_packet)          \
	X(av_packet_alloc)        \
	X(av_packet_free)         \
	X(av_packet_unref)        \
	X(av_strerror)            \
	X(av_write_frame)         \
	X(av_write_trailer)       \
	X(avformat_alloc_context) \
	X(avformat_free_context)  \
	X(avformat_network_init)  \
	X(avformat_new_stream)    \
	X(avformat_write_header)  \
	X(avio_alloc_context)     \
	X(avio_closep)            \
	X(avio_context_free)      \
	X(avio_flush)             \
	X(avio_open2)

struct vtr_avformat {
#define VTR_AVFORMAT_MEMBER(name) __typeof__(&(name)) name;
	VTR_AVFORMAT_FUNCTIONS(VTR_AVFORMAT_MEMBER)
#undef VTR_AVFORMAT_MEMBER
};

/* Stays loaded. Returns: VTR_ERR_UNSUPPORTED (`why` says why). */
VTR_MUST_CHECK enum vtr_err vtr_avformat_load(struct vtr_avformat *out_av, char *why, size_t why_size);

#endif
