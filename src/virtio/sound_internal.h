/* SPDX-License-Identifier: MIT */
#ifndef VIRTIO_SOUND_INTERNAL_H
#define VIRTIO_SOUND_INTERNAL_H

#include "base/list.h"
#include "base/log.h"
#include "display/sound_page.h"
#include "platform/loop.h"
#include "virtio/sound.h"
#include "virtio/sound_protocol.h"

/* What the files of the sound device share. Thread: the loop's. */

#define SOUND_PLAYBACK_STREAMS 4u
#define SOUND_CAPTURE_STREAMS 2u
#define SOUND_STREAMS (SOUND_PLAYBACK_STREAMS + SOUND_CAPTURE_STREAMS)
/* Messages of one stream. Linux sends 16, and a queue of QEMU's has 64 entries. */
#define SOUND_MAX_MESSAGES 64
/* Pieces of guest memory in a message: 4 MiB in pages, and several times the largest that Linux sends. */
#define SOUND_MAX_RANGES 1024

_Static_assert(SOUND_PLAYBACK_STREAMS <= VTR_SOUND_PAGE_STREAMS, "the page tells them apart");

/* Frames of a microphone that can wait for a stream: half a second. */
#define SOUND_EAR_ROOM 24000

/* See sound_ear.c. */
struct sound_ear {
	bool flows;           /* enough waits, or has waited */
	uint32_t first, count; /* of the frames that wait */
	double part;          /* of the first one, which has been taken */
	double usual;         /* so many are to wait */
	double mean;          /* of `count`, over a while */
	int16_t frames[SOUND_EAR_ROOM][2];
};

/* Of a stream; virtio 1.3, 5.14.6.6.1. */
enum sound_state {
	SOUND_UNSET,
	SOUND_SET,
	SOUND_PREPARED,
	SOUND_RUNNING,
	SOUND_STOPPED,
	SOUND_RELEASED,
};

/* A part of the stream that the guest plays, or that it wants to be filled. */
struct sound_message {
	struct vtr_list node;
	struct vtr_queue_request *request;
	uint64_t frames;
	uint64_t skip; /* frames that were played before the stream was stopped */
};

struct sound_stream {
	struct vtr_virtio_sound *sound;
	uint32_t id;
	bool captures;
	enum sound_state state;
	uint32_t rate;
	uint8_t format;
	uint8_t channels;
	uint32_t frame_size;
	struct vtr_list messages;
	uint32_t message_count;

	/* The clock: frame 0 of a run is due at start_ns. Valid while the stream runs. */
	bool begun;       /* a message was seen since the stream was started */
	uint32_t run;
	int64_t start_ns;
	uint64_t queued;  /* frames of the run that the guest has handed over */
	uint64_t done;    /* frames of messages that were answered */
	/* Frames that were put into the page (meaningless while no samples are moved), or that were recorded. */
	uint64_t moved;
	struct sound_ear *ear; /* of a capture stream */
};

struct vtr_virtio_sound {
	struct vtr_log *log;
	struct vtr_os_loop *loop;
	struct vtr_sound_page *page;
	void (*wake)(void *data);
	void *wake_data;
	struct vtr_virtio_device device;

	struct vtr_queue *const *queues; /* NULL before the first start */
	bool running; /* the guest is not paused */
	struct vtr_os_loop_task pump_task;
	struct vtr_os_loop_timer *again_timer; /* set when one turn could not handle all messages */
	struct vtr_os_loop_timer *clock_timer; /* set while a stream runs */

	/* How many this turn of the loop may take from TX and RX. */
	uint32_t messages_left[SOUND_QUEUE_COUNT];

	struct sound_stream streams[SOUND_STREAMS];
	struct sound_ear ears[SOUND_CAPTURE_STREAMS];
	int64_t heard_ns; /* when the last block of a microphone came; 0: none has */
	uint32_t listeners;
	bool ticks; /* the samples of playing streams are moved, in blocks */
	int64_t horizon_ns; /* while it ticks: the end of the last block */
	struct vtr_sound_counters counters;
};

/* --- sound.c ------------------------------------------------------------------------------------------ */

/* Shows in the page which streams run, after a change. */
void vtr_sound_show_streams(struct vtr_virtio_sound *sound);

/* Takes the messages that wait in the queues of both directions. Returns: VTR_ERR_NOMEM (some are left), VTR_ERR_AGAIN
 * (that was all), VTR_OK (there may be more). */
VTR_MUST_CHECK enum vtr_err vtr_sound_take_messages(struct vtr_virtio_sound *sound);

/* --- sound_control.c ---------------------------------------------------------------------------------- */

extern const struct sound_config vtr_sound_config;

/* Executes a request of the control queue, and answers it. */
void vtr_sound_control(struct vtr_virtio_sound *sound, struct vtr_queue_request *request);

/* --- sound_stream.c ----------------------------------------------------------------------------------- */

void vtr_sound_stream_init(struct sound_stream *stream, struct vtr_virtio_sound *sound, uint32_t id);

/* Appends a message, whose data is `size` bytes; the stream is prepared, runs or is stopped. Returns: the status with
 * which the caller must answer it, or SOUND_OK: the stream does so later. */
VTR_MUST_CHECK enum sound_code vtr_sound_stream_add(struct sound_stream *stream,
                                                    struct vtr_queue_request *request, size_t size,
                                                    int64_t now_ns);

/* The clock begins, or goes on where vtr_sound_stream_stop() ended. */
void vtr_sound_stream_start(struct sound_stream *stream, int64_t now_ns);

/* Keeps the messages that were not answered. */
void vtr_sound_stream_stop(struct sound_stream *stream, int64_t now_ns);

/* Answers all messages. */
void vtr_sound_stream_flush(struct sound_stream *stream);

/* Drops all messages without an answer, and all parameters. */
void vtr_sound_stream_reset(struct sound_stream *stream);

/* The samples before this time will not be moved. */
void vtr_sound_stream_skip(struct sound_stream *stream, int64_t now_ns);

/* Puts all samples that were due before this time into the page. */
void vtr_sound_stream_move(struct sound_stream *stream, int64_t now_ns);

/* Fills what has been recorded up to now into the messages. */
void vtr_sound_stream_record(struct sound_stream *stream, int64_t now_ns);

/* Answers the messages whose last frame was due. */
void vtr_sound_stream_answer(struct sound_stream *stream, int64_t now_ns);

/* Returns: when the next message has to be answered; INT64_MAX: none waits. */
int64_t vtr_sound_stream_due(const struct sound_stream *stream);

/* Answers a message. `written`: bytes of recorded data before the status. */
void vtr_sound_answer(struct vtr_queue *queue, struct vtr_queue_request *request, enum sound_code status,
                      size_t written);

/* --- sound_ear.c -------------------------------------------------------------------------------------- */

/* Nothing waits. */
void vtr_sound_ear_clear(struct sound_ear *ear);

void vtr_sound_ear_hear(struct sound_ear *ear, const struct vtr_audio_block *block);

/* Takes `count` frames, from -1 to 1; silence where frames are missing. Call it for about a block at a time. */
void vtr_sound_ear_take(struct sound_ear *ear, size_t count, float (*to)[2]);

#endif
