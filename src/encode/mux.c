/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "encode"
#include "encode/mux.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "encode/avformat.h"
#include "encode/encoder.h"
#include "encode/h264.h"
#include "platform/thread.h"

#define NS_PER_S INT64_C(1000000000)
/* A picture's duration in MP4 is limited to 31 bits of ticks: 6.6 hours. */
#define MAX_GAP_S (6 * 3600)

/* Fine enough for any rate, and common among players. */
#define TIME_BASE 90000
/* On a crash a file loses at most its last fragment. */
#define FRAGMENT_US "1000000"
#define CLUSTER_MS "1000"
#define IO_BYTES 65536
/* A server that does not answer for this long counts as gone. */
#define NETWORK_TIMEOUT_NS (10 * NS_PER_S)

struct vtr_mux {
	struct vtr_log *log;
	struct vtr_avformat av;
	enum vtr_mux_kind kind;
};

struct vtr_muxer {
	struct vtr_mux *mux;
	AVFormatContext *format;
	AVStream *stream; /* of the pictures */
	AVStream *sound; /* NULL: there is none */
	uint32_t sound_samples; /* of a packet */
	int64_t next_sound_ts; /* the earliest for the next packet of sound, in its stream's time base */
	AVPacket *packet;
	int fd;   /* -1: none */
	int64_t at;      /* position in the file */
	int64_t written, safe;         /* bytes of the file; see vtr_muxer_safe_bytes() */
	int64_t deadline_ns;           /* for the network */
	struct vtr_access_unit *held;  /* a reference; NULL: none */
	int64_t begin_ns;              /* time 0 of the file */
	int64_t next_ts;               /* the earliest for the next picture, in the stream's time base */
	uint64_t frame;                /* of the last picture */
	bool has_header, broken;
};

static const struct {
	const char *begins, *ends;
	const char *format;
	enum vtr_mux_kind kind;
} kinds[] = {
	{ NULL, ".mp4", "mp4", VTR_MUX_MP4 },      { NULL, ".mkv", "matroska", VTR_MUX_MKV },
	{ "rtsp://", NULL, "rtsp", VTR_MUX_RTSP }, { "rtmp://", NULL, "flv", VTR_MUX_RTMP },
	{ "rtmps://", NULL, "flv", VTR_MUX_RTMP }, { "srt://", NULL, "mpegts", VTR_MUX_SRT },
};

enum vtr_err vtr_mux_kind_of_file(const char *name, enum vtr_mux_kind *out_kind)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < VTR_ARRAY_LEN(kinds); i++) {
		const char *ends = kinds[i].ends;
		if (ends && length > strlen(ends) && strcasecmp(name + length - strlen(ends), ends) == 0) {
			*out_kind = kinds[i].kind;
			return VTR_OK;
		}
	}
	return VTR_ERR_ARG;
}

enum vtr_err vtr_mux_kind_of_url(const char *url, enum vtr_mux_kind *out_kind)
{
	for (size_t i = 0; i < VTR_ARRAY_LEN(kinds); i++) {
		const char *begins = kinds[i].begins;
		if (begins && strncasecmp(url, begins, strlen(begins)) == 0 && url[strlen(begins)] != '\0') {
			*out_kind = kinds[i].kind;
			return VTR_OK;
		}
	}
	return VTR_ERR_ARG;
}

static const char *format_name(enum vtr_mux_kind kind)
{
	for (size_t i = 0; i < VTR_ARRAY_LEN(kinds); i++) {
		if (kinds[i].kind == kind) {
			return kinds[i].format;
		}
	}
	vtr_assert(!"a kind of the table");
	return NULL;
}

enum vtr_err vtr_mux_load(struct vtr_log *log, enum vtr_mux_kind kind, struct vtr_mux **out_mux)
{
	struct vtr_mux *mux = calloc(1, sizeof(*mux));
	char why[160];

	if (!mux) {
		return VTR_ERR_NOMEM;
	}
	mux->log = log;
	mux->kind = kind;
	enum vtr_err err = vtr_avformat_load(&mux->av, why, sizeof(why));
	if (err == VTR_OK && !mux->av.av_guess_format(format_name(kind), NULL, NULL)) {
		snprintf(why, sizeof(why), "this libavformat cannot write %s", format_name(kind));
		err = VTR_ERR_UNSUPPORTED;
	}
	if (err != VTR_OK) {
		vtr_error(log,
		          "cannot record or publish: %s. The VM goes on. Install a libavformat that supports "
		          "it",
		          why);
		free(mux);
		return err;
	}
	mux->av.avformat_network_init();
	*out_mux = mux;
	return VTR_OK;
}

void vtr_mux_unload(struct vtr_mux *mux)
{
	free(mux);
}

/* Logs what went wrong, once. */
static enum vtr_err fail(struct vtr_muxer *muxer, const char *what, int result)
{
	char why[120];

	if (!muxer->broken) {
		if (muxer->mux->av.av_strerror(result, why, sizeof(why)) < 0) {
			snprintf(why, sizeof(why), "error %d", result);
		}
		vtr_warn(muxer->mux->log, "%s: %s", what, why);
	}
	muxer->broken = true;
	if (result == AVERROR_INVALIDDATA) {
		return VTR_ERR_INVALID;
	}
	return result == AVERROR(ENOMEM) ? VTR_ERR_NOMEM : VTR_ERR_OS;
}

/* --- decoder configuration --------------------------------------------------------------------------- */

/* Copies SPS and PPS, with start codes. Returns: 0, or an error of libavformat. */
static int set_parameters(const struct vtr_muxer *muxer, const struct vtr_access_unit *unit)
{
	static const uint8_t start[4] = { 0, 0, 0, 1 };
	AVCodecParameters *params = muxer->stream->codecpar;
	struct vtr_h264_nal nal;
	size_t at = 0;
	size_t size = 0;
	uint8_t *data = muxer->mux->av.av_mallocz(unit->size * 2 + AV_INPUT_BUFFER_PADDING_SIZE);

	if (!data) {
		return AVERROR(ENOMEM);
	}
	while (vtr_h264_next_nal(unit->data, unit->size, &at, &nal)) {
		if ((nal.type != VTR_H264_SPS && nal.type != VTR_H264_PPS) || nal.size < 4) {
			continue;
		}
		if (nal.type == VTR_H264_SPS) {
			params->profile = nal.bytes[1];
			params->level = nal.bytes[3];
		}
		/* At most twice the bytes: each unit has at least four bytes of its own. */
		memcpy(data + size, start, sizeof(start));
		memcpy(data + size + sizeof(start), nal.bytes, nal.size);
		size += sizeof(start) + nal.size;
	}
	params->extradata = data;
	params->extradata_size = (int)size;
	return size > 0 ? 0 : AVERROR_INVALIDDATA;
}

static int add_stream(struct vtr_muxer *muxer, const struct vtr_access_unit *first)
{
	muxer->stream = muxer->mux->av.avformat_new_stream(muxer->format, NULL);
	if (!muxer->stream) {
		return AVERROR(ENOMEM);
	}
	AVCodecParameters *params = muxer->stream->codecpar;
	muxer->stream->time_base = (AVRational){ 1, TIME_BASE };
	params->codec_type = AVMEDIA_TYPE_VIDEO;
	params->codec_id = AV_CODEC_ID_H264;
	params->format = AV_PIX_FMT_YUV420P;
	params->width = (int)(first->width + 1) & ~1;
	params->height = (int)(first->height + 1) & ~1;
	params->color_range = AVCOL_RANGE_MPEG;
	params->color_primaries = AVCOL_PRI_BT709;
	params->color_trc = AVCOL_TRC_BT709;
	params->color_space = AVCOL_SPC_BT709;
	params->chroma_location = AVCHROMA_LOC_CENTER;
	return set_parameters(muxer, first);
}

/* --- sound ------------------------------------------------------------------------------------------- */

enum vtr_audio_codec vtr_mux_sound_codec(enum vtr_mux_kind kind)
{
	/* Media servers pass RTSP on to browsers by WebRTC, which has Opus and no AAC. */
	return kind == VTR_MUX_MKV || kind == VTR_MUX_RTSP ? VTR_AUDIO_OPUS : VTR_AUDIO_AAC;
}

static int add_sound(struct vtr_muxer *muxer, const struct vtr_audio_format *format)
{
	const struct vtr_avformat *av = &muxer->mux->av;

	muxer->sound = av->avformat_new_stream(muxer->format, NULL);
	if (!muxer->sound) {
		return AVERROR(ENOMEM);
	}
	AVCodecParameters *params = muxer->sound->codecpar;
	muxer->sound->time_base = (AVRational){ 1, VTR_AUDIO_ENCODER_RATE };
	muxer->sound_samples = format->packet_samples;
	params->codec_type = AVMEDIA_TYPE_AUDIO;
	params->codec_id = format->codec == VTR_AUDIO_OPUS ? AV_CODEC_ID_OPUS : AV_CODEC_ID_AAC;
	params->format = format->codec == VTR_AUDIO_OPUS ? AV_SAMPLE_FMT_S16 : AV_SAMPLE_FMT_FLTP;
	params->sample_rate = VTR_AUDIO_ENCODER_RATE;
	params->ch_layout = (AVChannelLayout)AV_CHANNEL_LAYOUT_STEREO;
	params->frame_size = (int)format->packet_samples;
	params->bit_rate = format->bitrate;
	params->extradata = av->av_mallocz(format->config_size + AV_INPUT_BUFFER_PADDING_SIZE);
	if (!params->extradata) {
		return AVERROR(ENOMEM);
	}
	memcpy(params->extradata, format->config, format->config_size);
	params->extradata_size = (int)format->config_size;
	return 0;
}

/* --- output ------------------------------------------------------------------------------------------ */

/* From libavformat 61 on the bytes are const. */
#if LIBAVFORMAT_VERSION_MAJOR >= 61
typedef const uint8_t io_byte;
#else
typedef uint8_t io_byte;
#endif

static int write_file(void *opaque, io_byte *bytes, int size)
{
	struct vtr_muxer *muxer = opaque;
	int done = 0;

	while (done < size) {
		ssize_t wrote = write(muxer->fd, bytes + done, (size_t)(size - done));
		if (wrote < 0 && errno == EINTR) {
			continue;
		}
		if (wrote <= 0) {
			return wrote < 0 ? AVERROR(errno) : AVERROR(EIO);
		}
		done += (int)wrote;
		muxer->at += wrote;
	}
	muxer->written = muxer->at > muxer->written ? muxer->at : muxer->written;
	return done;
}

static int64_t seek_file(void *opaque, int64_t offset, int whence)
{
	struct vtr_muxer *muxer = opaque;

	if ((whence & AVSEEK_SIZE) != 0) {
		return muxer->written;
	}
	off_t at = lseek(muxer->fd, (off_t)offset, whence & ~AVSEEK_FORCE);
	if (at < 0) {
		return AVERROR(errno);
	}
	muxer->at = at;
	return at;
}

static int is_late(void *opaque)
{
	const struct vtr_muxer *muxer = opaque;

	return vtr_os_now_ns() > muxer->deadline_ns;
}

static void set_deadline(struct vtr_muxer *muxer)
{
	muxer->deadline_ns = vtr_os_now_ns() + NETWORK_TIMEOUT_NS;
}

static int open_file(struct vtr_muxer *muxer)
{
	const struct vtr_avformat *av = &muxer->mux->av;
	uint8_t *buffer = av->av_malloc(IO_BYTES);

	if (!buffer) {
		return AVERROR(ENOMEM);
	}
	/* MP4 is written front to back. In a Matroska file the duration and an index are written to the front
	 * at the end. */
	bool seeks = muxer->mux->kind == VTR_MUX_MKV;
	muxer->format->pb = av->avio_alloc_context(buffer, IO_BYTES, 1, muxer, NULL, write_file,
	                                           seeks ? seek_file : NULL);
	if (!muxer->format->pb) {
		av->av_free(buffer);
		return AVERROR(ENOMEM);
	}
	return 0;
}

static int open_url(struct vtr_muxer *muxer, const char *url)
{
	const struct vtr_avformat *av = &muxer->mux->av;
	AVFormatContext *format = muxer->format;
	size_t size = strlen(url) + 1;

	format->url = av->av_malloc(size);
	if (!format->url) {
		return AVERROR(ENOMEM);
	}
	memcpy(format->url, url, size);
	if ((format->oformat->flags & AVFMT_NOFILE) != 0) {
		return 0;
	}
	return av->avio_open2(&format->pb, url, AVIO_FLAG_WRITE, &format->interrupt_callback, NULL);
}

static void set_options(const struct vtr_muxer *muxer, AVDictionary **options)
{
	const struct vtr_avformat *av = &muxer->mux->av;

	switch (muxer->mux->kind) {
	case VTR_MUX_MP4:
		av->av_dict_set(options, "movflags", "empty_moov+default_base_moof+frag_keyframe", 0);
		av->av_dict_set(options, "frag_duration", FRAGMENT_US, 0);
		break;
	case VTR_MUX_MKV:
		av->av_dict_set(options, "cluster_time_limit", CLUSTER_MS, 0);
		break;
	case VTR_MUX_RTSP:
		av->av_dict_set(options, "rtsp_transport", "tcp", 0);
		break;
	case VTR_MUX_RTMP:
		/* A live stream has no duration, and the header cannot be updated later. */
		av->av_dict_set(options, "flvflags", "no_duration_filesize", 0);
		break;
	case VTR_MUX_SRT:
		break;
	}
}

static int write_header(struct vtr_muxer *muxer)
{
	AVDictionary *options = NULL;

	set_options(muxer, &options);
	int result = muxer->mux->av.avformat_write_header(muxer->format, &options);
	muxer->mux->av.av_dict_free(&options);
	muxer->has_header = result >= 0;
	return result < 0 ? result : 0;
}

static void destroy(struct vtr_muxer *muxer)
{
	const struct vtr_avformat *av = &muxer->mux->av;

	if (muxer->fd >= 0 && muxer->format && muxer->format->pb) {
		av->av_free(muxer->format->pb->buffer);
		av->avio_context_free(&muxer->format->pb);
	} else if (muxer->format && muxer->format->pb) {
		av->avio_closep(&muxer->format->pb);
	}
	av->avformat_free_context(muxer->format);
	av->av_packet_free(&muxer->packet);
	vtr_access_unit_unref(muxer->held);
	free(muxer);
}

enum vtr_err vtr_muxer_open(struct vtr_mux *mux, int fd, const char *url, const struct vtr_access_unit *first,
                            const struct vtr_audio_format *sound, struct vtr_muxer **out_muxer)
{
	struct vtr_muxer *muxer = calloc(1, sizeof(*muxer));
	int result = AVERROR(ENOMEM);

	if (!muxer) {
		return VTR_ERR_NOMEM;
	}
	muxer->mux = mux;
	muxer->fd = url ? -1 : fd;
	/* The first picture may show a frame that is long on screen; it counts as at most a second old. */
	muxer->begin_ns = vtr_max(first->captured_ns, first->coded_ns - NS_PER_S);
	muxer->format = mux->av.avformat_alloc_context();
	muxer->packet = mux->av.av_packet_alloc();
	if (muxer->format && muxer->packet) {
		muxer->format->oformat = mux->av.av_guess_format(format_name(mux->kind), NULL, NULL);
		muxer->format->interrupt_callback = (AVIOInterruptCB){ is_late, muxer };
		muxer->format->flags |= AVFMT_FLAG_FLUSH_PACKETS;
		set_deadline(muxer);
		result = url ? open_url(muxer, url) : open_file(muxer);
	}
	if (result >= 0) {
		result = add_stream(muxer, first);
	}
	if (result >= 0 && sound) {
		result = add_sound(muxer, sound);
	}
	if (result >= 0) {
		result = write_header(muxer);
	}
	if (result < 0) {
		enum vtr_err err = fail(muxer, url ? "cannot publish" : "cannot record", result);
		destroy(muxer);
		return err;
	}
	muxer->safe = muxer->written;
	*out_muxer = muxer;
	return VTR_OK;
}

/* --- pictures ---------------------------------------------------------------------------------------- */

/* Returns: the time in a stream's time base. */
static int64_t to_ts(const struct vtr_muxer *muxer, const AVStream *stream, int64_t time_ns)
{
	AVRational base = stream->time_base;
	int64_t us = (time_ns - muxer->begin_ns) / 1000;

	return us <= 0 ? 0 : (int64_t)((double)us * base.den / base.num / 1e6 + 0.5);
}

/* Returns: the picture's timestamp, behind the last picture. Gaps longer than MP4 can express are shortened. */
static int64_t next_timestamp(struct vtr_muxer *muxer, int64_t time_ns)
{
	const AVRational base = muxer->stream->time_base;
	const int64_t limit = muxer->next_ts + (int64_t)MAX_GAP_S * base.den / base.num;
	int64_t ts = vtr_max(to_ts(muxer, muxer->stream, time_ns), muxer->next_ts);

	if (ts > limit) {
		muxer->begin_ns += (int64_t)((double)(ts - limit) * base.num / base.den * NS_PER_S);
		ts = limit;
	}
	return ts;
}

/* Returns: when a picture was first shown. A picture that repeats the last frame counts from its encoding. */
static int64_t time_of(const struct vtr_muxer *muxer, const struct vtr_access_unit *unit)
{
	return unit->frame == muxer->frame ? unit->coded_ns : unit->captured_ns;
}

/* Writes muxer->packet, with everything but the bytes. */
static enum vtr_err write_packet(struct vtr_muxer *muxer, const uint8_t *bytes, size_t size)
{
	const struct vtr_avformat *av = &muxer->mux->av;
	AVPacket *packet = muxer->packet;
	const AVPacket about = *packet;
	int result = av->av_new_packet(packet, (int)size);

	if (result < 0) {
		return fail(muxer, "cannot write", result);
	}
	memcpy(packet->data, bytes, size);
	packet->stream_index = about.stream_index;
	packet->pts = about.pts;
	packet->dts = about.pts;
	packet->duration = about.duration;
	packet->flags = about.flags;
	set_deadline(muxer);
	int64_t before = muxer->written;
	result = av->av_write_frame(muxer->format, packet);
	av->av_packet_unref(packet);
	if (result < 0 || (muxer->format->pb && muxer->format->pb->error < 0)) {
		return fail(muxer,
		            muxer->fd < 0 ? "lost the connection to the server" : "cannot write to the file",
		            result < 0 ? result : muxer->format->pb->error);
	}
	/* A fragment or cluster is written at once, when the next one begins. */
	if (muxer->written > before) {
		muxer->safe = muxer->written;
	}
	return VTR_OK;
}

/* `until`: when the next picture is shown, in the stream's time base; < 0: unknown. */
static enum vtr_err write_unit(struct vtr_muxer *muxer, const struct vtr_access_unit *unit, int64_t ts,
                               int64_t until)
{
	AVPacket *packet = muxer->packet;

	packet->stream_index = muxer->stream->index;
	packet->pts = ts;
	packet->duration = until > ts ? until - ts : 0;
	packet->flags = unit->key ? AV_PKT_FLAG_KEY : 0;
	return write_packet(muxer, unit->data, unit->size);
}

int64_t vtr_muxer_begin_ns(const struct vtr_muxer *muxer)
{
	return muxer->begin_ns;
}

enum vtr_err vtr_muxer_write_sound(struct vtr_muxer *muxer, const struct vtr_audio_packet *sound)
{
	AVPacket *packet = muxer->packet;
	const AVRational base = muxer->sound->time_base;
	const int64_t ts = vtr_max(to_ts(muxer, muxer->sound, sound->time_ns), muxer->next_sound_ts);

	packet->stream_index = muxer->sound->index;
	packet->pts = ts;
	packet->duration = (int64_t)muxer->sound_samples * base.den /
	                   ((int64_t)base.num * VTR_AUDIO_ENCODER_RATE);
	packet->flags = AV_PKT_FLAG_KEY;
	muxer->next_sound_ts = ts + 1;
	return write_packet(muxer, sound->data, sound->size);
}

enum vtr_err vtr_muxer_write(struct vtr_muxer *muxer, struct vtr_access_unit *unit)
{
	int64_t ts = next_timestamp(muxer, time_of(muxer, unit));
	enum vtr_err err = VTR_OK;

	muxer->frame = unit->frame;
	if (muxer->fd < 0) {
		muxer->next_ts = ts + 1;
		return write_unit(muxer, unit, ts, -1);
	}
	if (muxer->held) {
		/* next_ts is one more than the timestamp of the held picture. */
		err = write_unit(muxer, muxer->held, muxer->next_ts - 1, ts);
		vtr_access_unit_unref(muxer->held);
	}
	muxer->held = vtr_access_unit_ref(unit);
	muxer->next_ts = ts + 1;
	return err;
}

int64_t vtr_muxer_safe_bytes(const struct vtr_muxer *muxer)
{
	return muxer->safe;
}

enum vtr_err vtr_muxer_close(struct vtr_muxer *muxer, int64_t end_ns)
{
	enum vtr_err err = VTR_OK;

	if (!muxer) {
		return VTR_OK;
	}
	if (muxer->held && !muxer->broken) {
		err = write_unit(muxer, muxer->held, muxer->next_ts - 1, next_timestamp(muxer, end_ns));
	}
	/* Only this closes a connection, also a broken one. */
	if (muxer->has_header && (!muxer->broken || muxer->fd < 0)) {
		muxer->deadline_ns = vtr_os_now_ns() + NS_PER_S;
		int result = muxer->mux->av.av_write_trailer(muxer->format);
		if (result < 0) {
			err = fail(muxer, "cannot write the end of the recording", result);
		}
	}
	destroy(muxer);
	return err;
}
