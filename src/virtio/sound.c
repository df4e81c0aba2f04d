/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "virtio-snd"
#include "virtio/sound.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "platform/thread.h"
#include "virtio/sound_internal.h"

/* Limits a turn of the loop, so that other events are handled however fast a guest is. */
#define REQUESTS_PER_TURN 64
#define MESSAGES_PER_TURN 256
/* When to try again after the host ran out of memory. */
#define NO_MEMORY_NS INT64_C(10000000)
/* The interval at which a microphone is taken. */
#define BLOCK_NS (INT64_C(1000000000) * VTR_AUDIO_BLOCK / VTR_AUDIO_RATE)
/* The interval at which played samples are moved: a viewer's packet has as many, so more often brings none sooner. */
#define MOVE_NS (2 * BLOCK_NS)
/* So long after its last block, a microphone is taken for switched off. */
#define HEARS_NS INT64_C(1000000000)
/* Answers that are due sooner are given together: a guest may choose messages of one sample. */
#define MIN_WAIT_NS INT64_C(1000000)

/* --- the configuration --------------------------------------------------------------------------------- */

static void read_config(void *data, uint32_t offset, void *buf, uint32_t size)
{
	(void)data;
	memset(buf, 0, size);
	if (offset < sizeof(vtr_sound_config)) {
		memcpy(buf, (const uint8_t *)&vtr_sound_config + offset,
		       vtr_min(size, sizeof(vtr_sound_config) - offset));
	}
}

static void write_config(void *data, uint32_t offset, const void *buf, uint32_t size)
{
	(void)data; /* nothing in it can be written */
	(void)offset;
	(void)buf;
	(void)size;
}

/* --- messages ------------------------------------------------------------------------------------------ */

/* Takes one message. Returns: like vtr_queue_pop(). */
static enum vtr_err take_message(struct vtr_virtio_sound *sound, uint32_t queue_index, int64_t now_ns)
{
	struct vtr_queue *queue = sound->queues[queue_index];
	const bool captures = queue_index == SOUND_QUEUE_RX;
	struct vtr_queue_request *request;
	enum vtr_err err = vtr_queue_pop_ranges(queue, SOUND_MAX_RANGES, &request);
	enum sound_code code = SOUND_BAD_MSG;
	uint32_t id;

	if (err != VTR_OK) {
		return err;
	}
	const size_t had = vtr_queue_read_at(queue, request, 0, &id, sizeof(id));
	if (had == sizeof(id) && id < SOUND_STREAMS && sound->streams[id].captures == captures &&
	    !request->cut && request->in_size >= sizeof(struct sound_pcm_status)) {
		const size_t size = captures ? request->in_size - sizeof(struct sound_pcm_status) :
		                               request->out_size - sizeof(id);
		code = vtr_sound_stream_add(&sound->streams[id], request, size, now_ns);
	}
	if (code != SOUND_OK) {
		sound->counters.refused++;
		vtr_log_write_limited(sound->log, VTR_LOG_DEBUG, VTR_LOG_MODULE,
		                      "a message of the guest was refused (0x%x)", code);
		vtr_sound_answer(queue, request, code, 0);
	}
	return VTR_OK;
}

enum vtr_err vtr_sound_take_messages(struct vtr_virtio_sound *sound)
{
	static const uint32_t queues[] = { SOUND_QUEUE_TX, SOUND_QUEUE_RX };
	const int64_t now_ns = vtr_os_now_ns();
	enum vtr_err result = VTR_ERR_AGAIN;

	for (size_t i = 0; i < VTR_ARRAY_LEN(queues); i++) {
		uint32_t *left = &sound->messages_left[queues[i]];
		enum vtr_err err = VTR_OK;
		while (*left > 0 && err == VTR_OK) {
			err = take_message(sound, queues[i], now_ns);
			(*left)--;
		}
		if (err == VTR_ERR_NOMEM || (err == VTR_OK && result != VTR_ERR_NOMEM)) {
			result = err;
		}
	}
	return result;
}

/* --- the clock ----------------------------------------------------------------------------------------- */

static int64_t earlier(int64_t a_ns, int64_t b_ns)
{
	return a_ns < b_ns ? a_ns : b_ns;
}

static void set_horizon(struct vtr_virtio_sound *sound, int64_t horizon_ns)
{
	sound->horizon_ns = horizon_ns;
	vtr_sound_page_set_horizon(sound->page, horizon_ns);
	sound->wake(sound->wake_data);
}

static bool runs(const struct sound_stream *stream)
{
	return stream->sound->running && stream->state == SOUND_RUNNING;
}

void vtr_sound_show_streams(struct vtr_virtio_sound *sound)
{
	uint32_t playing = 0;
	uint32_t capturing = 0;

	for (uint32_t i = 0; i < SOUND_STREAMS; i++) {
		playing += runs(&sound->streams[i]) && !sound->streams[i].captures;
		capturing += runs(&sound->streams[i]) && sound->streams[i].captures;
	}
	if (playing == 0 && sound->ticks && vtr_sound_page_playing(sound->page) > 0) {
		/* The last one has ended. What was played since: */
		set_horizon(sound, sound->horizon_ns + MOVE_NS);
	}
	vtr_sound_page_set_streams(sound->page, playing, capturing);
	if (sound->listeners > 0) {
		sound->wake(sound->wake_data);
	}
}

/* Begins or ends to move samples. */
static void consider_ticking(struct vtr_virtio_sound *sound, int64_t now_ns)
{
	bool wanted = sound->listeners > 0 && vtr_sound_page_playing(sound->page) > 0;

	if (wanted && !sound->ticks) {
		int64_t horizon_ns = now_ns;
		for (uint32_t i = 0; i < SOUND_PLAYBACK_STREAMS; i++) {
			struct sound_stream *stream = &sound->streams[i];
			if (runs(stream)) {
				/* All of a stream that has just begun is heard. */
				const bool begins = stream->start_ns > now_ns - MOVE_NS;
				horizon_ns = begins ? earlier(horizon_ns, stream->start_ns) : horizon_ns;
				vtr_sound_stream_skip(stream, begins ? stream->start_ns : now_ns);
			}
		}
		set_horizon(sound, horizon_ns);
	}
	sound->ticks = wanted;
}

/* Does everything that is due, and sets the timer for the next time. */
static void run(struct vtr_virtio_sound *sound)
{
	const int64_t now_ns = vtr_os_now_ns();

	consider_ticking(sound, now_ns);
	const bool moves = sound->ticks && now_ns >= sound->horizon_ns + MOVE_NS;
	/* The microphone's sound is taken as evenly as it comes. */
	const bool hears = sound->heard_ns != 0 && now_ns - sound->heard_ns < HEARS_NS;
	int64_t next_ns = INT64_MAX;
	for (uint32_t i = 0; i < SOUND_STREAMS; i++) {
		struct sound_stream *stream = &sound->streams[i];
		if (!runs(stream)) {
			continue;
		}
		const bool due = vtr_sound_stream_due(stream) <= now_ns;
		if (stream->captures && (due || hears)) {
			vtr_sound_stream_record(stream, now_ns);
			next_ns = hears ? earlier(next_ns, now_ns + BLOCK_NS) : next_ns;
		}
		/* A guest may change the samples of a message as soon as it is answered. */
		if (!stream->captures && (moves || (sound->ticks && due))) {
			vtr_sound_stream_move(stream, now_ns);
		}
		vtr_sound_stream_answer(stream, now_ns);
		next_ns = earlier(next_ns, vtr_sound_stream_due(stream));
	}
	if (moves) {
		set_horizon(sound, now_ns - (now_ns - sound->horizon_ns) % MOVE_NS);
	}
	if (sound->ticks) {
		next_ns = earlier(next_ns, sound->horizon_ns + MOVE_NS);
	}
	vtr_sound_page_set_counters(sound->page, &sound->counters);
	if (next_ns == INT64_MAX) {
		vtr_os_loop_timer_set(sound->clock_timer, -1);
	} else {
		const bool soon = next_ns - now_ns < MIN_WAIT_NS;
		vtr_os_loop_timer_set(sound->clock_timer, soon ? MIN_WAIT_NS : next_ns - now_ns);
	}
}

/* --- queues -------------------------------------------------------------------------------------------- */

static enum vtr_err take_request(struct vtr_virtio_sound *sound)
{
	struct vtr_queue_request *request;
	enum vtr_err err = vtr_queue_pop(sound->queues[SOUND_QUEUE_CONTROL], &request);

	if (err == VTR_OK) {
		vtr_sound_control(sound, request);
	}
	return err;
}

/* Returns: whether this turn may take more messages, from both queues. */
static bool has_time(const struct vtr_virtio_sound *sound)
{
	return sound->messages_left[SOUND_QUEUE_TX] > 0 && sound->messages_left[SOUND_QUEUE_RX] > 0;
}

/* Processes the queues as far as possible. The event queue keeps its buffers: no event is offered. */
static void pump(void *data)
{
	struct vtr_virtio_sound *sound = data;
	enum vtr_err control_err = VTR_OK;

	if (!sound->running) {
		return;
	}
	sound->messages_left[SOUND_QUEUE_TX] = MESSAGES_PER_TURN;
	sound->messages_left[SOUND_QUEUE_RX] = MESSAGES_PER_TURN;
	/* Each request takes messages, too. */
	for (int budget = REQUESTS_PER_TURN; budget > 0 && control_err == VTR_OK && has_time(sound);
	     budget--) {
		control_err = take_request(sound);
	}
	enum vtr_err messages_err = vtr_sound_take_messages(sound);
	run(sound);
	/* The answer to RELEASE must not be seen before the answers to the messages. */
	vtr_queue_notify(sound->queues[SOUND_QUEUE_TX]);
	vtr_queue_notify(sound->queues[SOUND_QUEUE_RX]);
	vtr_queue_notify(sound->queues[SOUND_QUEUE_CONTROL]);
	if (control_err == VTR_ERR_NOMEM || messages_err == VTR_ERR_NOMEM) {
		vtr_os_loop_timer_set(sound->again_timer, NO_MEMORY_NS);
	} else if (control_err == VTR_OK || messages_err == VTR_OK) {
		vtr_os_loop_timer_set(sound->again_timer, 0);
	}
}

static void on_clock(void *data)
{
	struct vtr_virtio_sound *sound = data;

	if (sound->running) {
		run(sound);
		vtr_queue_notify(sound->queues[SOUND_QUEUE_TX]);
		vtr_queue_notify(sound->queues[SOUND_QUEUE_RX]);
	}
}

static void kick(void *data, uint32_t queue)
{
	struct vtr_virtio_sound *sound = data;

	(void)queue;
	vtr_os_loop_defer(sound->loop, &sound->pump_task);
}

/* --- the device ---------------------------------------------------------------------------------------- */

/* Ends or begins the time of all running streams. */
static void set_running(struct vtr_virtio_sound *sound, bool running)
{
	const int64_t now_ns = vtr_os_now_ns();

	for (uint32_t i = 0; i < SOUND_STREAMS; i++) {
		struct sound_stream *stream = &sound->streams[i];
		if (stream->state == SOUND_RUNNING) {
			(running ? vtr_sound_stream_start : vtr_sound_stream_stop)(stream, now_ns);
		}
	}
	sound->running = running;
	vtr_sound_show_streams(sound);
}

static void start(void *data, struct vtr_queue *const *queues, const struct vtr_ram *ram, bool reset)
{
	struct vtr_virtio_sound *sound = data;

	(void)ram;
	sound->queues = queues;
	for (uint32_t i = 0; reset && i < SOUND_STREAMS; i++) {
		vtr_sound_stream_reset(&sound->streams[i]);
	}
	set_running(sound, true);
	vtr_os_loop_defer(sound->loop, &sound->pump_task);
}

/* The time of a guest stands still during a pause. */
static void stop(void *data)
{
	struct vtr_virtio_sound *sound = data;

	set_running(sound, false);
	sound->ticks = false;
	vtr_os_loop_timer_set(sound->clock_timer, -1);
}

static void ram_changed(void *data)
{
	(void)data; /* guest memory is looked up at each access */
}

enum vtr_err vtr_virtio_sound_create(const struct vtr_virtio_sound_params *params,
                                     struct vtr_virtio_sound **out_sound)
{
	struct vtr_virtio_sound *sound = calloc(1, sizeof(*sound));

	if (!sound) {
		return VTR_ERR_NOMEM;
	}
	sound->log = params->log;
	sound->loop = params->loop;
	sound->page = params->page;
	sound->wake = params->wake;
	sound->wake_data = params->data;
	sound->device = (struct vtr_virtio_device){
		.name = "sound",
		.data = sound,
		.queue_count = SOUND_QUEUE_COUNT,
		.read_config = read_config,
		.write_config = write_config,
		.start = start,
		.kick = kick,
		.ram_changed = ram_changed,
		.stop = stop,
	};
	for (uint32_t i = 0; i < SOUND_STREAMS; i++) {
		vtr_sound_stream_init(&sound->streams[i], sound, i);
	}
	vtr_os_loop_task_init(&sound->pump_task, pump, sound);
	enum vtr_err err = vtr_os_loop_add_timer(sound->loop, pump, sound, &sound->again_timer);
	if (err == VTR_OK) {
		err = vtr_os_loop_add_timer(sound->loop, on_clock, sound, &sound->clock_timer);
	}
	if (err != VTR_OK) {
		vtr_virtio_sound_destroy(sound);
		return err;
	}
	*out_sound = sound;
	return VTR_OK;
}

void vtr_virtio_sound_destroy(struct vtr_virtio_sound *sound)
{
	if (!sound) {
		return;
	}
	for (uint32_t i = 0; i < SOUND_STREAMS; i++) {
		vtr_sound_stream_reset(&sound->streams[i]);
	}
	vtr_os_loop_task_cancel(&sound->pump_task);
	vtr_os_loop_timer_destroy(sound->again_timer);
	vtr_os_loop_timer_destroy(sound->clock_timer);
	free(sound);
}

const struct vtr_virtio_device *vtr_virtio_sound_device(struct vtr_virtio_sound *sound)
{
	return &sound->device;
}

void vtr_virtio_sound_listen(struct vtr_virtio_sound *sound, bool listens)
{
	vtr_assert(listens || sound->listeners > 0);
	sound->listeners += listens ? 1 : -1u;
	vtr_os_loop_defer(sound->loop, &sound->pump_task);
}

void vtr_virtio_sound_hear(struct vtr_virtio_sound *sound, const struct vtr_audio_block *block)
{
	const int64_t now_ns = vtr_os_now_ns();
	bool wanted = false;

	for (uint32_t i = SOUND_PLAYBACK_STREAMS; i < SOUND_STREAMS; i++) {
		if (runs(&sound->streams[i])) {
			vtr_sound_ear_hear(sound->streams[i].ear, block);
			wanted = true;
		}
	}
	/* Without blocks, the timer is set for the next answer only. */
	if (wanted && (sound->heard_ns == 0 || now_ns - sound->heard_ns >= HEARS_NS)) {
		vtr_os_loop_defer(sound->loop, &sound->pump_task);
	}
	sound->heard_ns = now_ns;
}
