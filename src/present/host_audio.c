/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "window"
#include "present/host_audio.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "platform/thread.h"
#include "present/play_queue.h"
#include "present/present.h"
#include "present/sdl.h"

#define MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)
/* The frames that a device takes at once: 512 are 11 ms. On a host that is so busy that SDL's thread comes too late, it
 * takes up to 2048, which are 43 ms. The sound server holds about as much again. */
#define DEVICE_FRAMES 512
#define DEVICE_MAX_FRAMES 2048
/* If the speakers had nothing to play this many times between two checks, they are opened again with more frames. */
#define TOO_LATE 2
/* How long the speakers stay open after the end of a sound, because the next one often begins soon. */
#define KEEP_NS (3000 * MS)
/* How often an open device is checked: it may be gone, or may not be needed any more. */
#define CHECK_NS (1000 * MS)
/* How long to wait before the next attempt to open a device. */
#define AGAIN_NS (5000 * MS)
/* How long vtr_host_audio_destroy() waits for the thread to end. */
#define END_NS (500 * MS)

/* The speakers, or the microphone. Thread: "audio". */
struct device {
	const char *what; /* what does not work without the device, for the log */
	bool captures;
	SDL_AudioDeviceID id; /* 0: closed */
	int listed; /* how many devices of this kind there were at the last check */
	bool missing; /* it could not be opened, and this was logged */
	int64_t again_ns; /* when to try again if it is missing */
};

struct vtr_host_audio {
	struct vtr_log *log;
	const struct vtr_sdl *sdl;
	struct vtr_present *present;
	void (*speak)(void *data, const struct vtr_audio_block *block);
	void *data;
	struct vtr_os_thread thread;
	struct device speakers, microphone;
	uint16_t device_frames; /* Thread: "audio" */
	bool connected; /* to the sound server. Thread: "audio" */
	struct vtr_audio_block spoken; /* Thread: SDL's for the microphone, as for the next member */
	size_t spoken_frames;

	pthread_mutex_t lock; /* guards the members below; SDL is never called with it held */
	pthread_cond_t changed;
	struct vtr_play_queue queue;
	bool plays, records, ends, ended;
	int64_t given_ns; /* when the speakers last took frames; 0: not since they were opened */
	uint32_t late; /* how often SDL came so late that the sound server had nothing to play */
	int64_t idle_ns; /* since when the guest plays nothing */
};

/* --- SDL's threads ------------------------------------------------------------------------------------- */

static void give(void *data, Uint8 *bytes, int size)
{
	struct vtr_host_audio *audio = data;
	const size_t count = (size_t)size / (VTR_AUDIO_CHANNELS * sizeof(float));
	/* SDL comes again when the server has played about this many frames. After a longer time the server, which has
	 * no more than that, had nothing to play. */
	const int64_t most_ns = (int64_t)count * NS_PER_S / VTR_AUDIO_RATE * 3 / 2;
	const int64_t now_ns = vtr_os_now_ns();

	pthread_mutex_lock(&audio->lock);
	if (audio->given_ns != 0 && now_ns - audio->given_ns > most_ns) {
		audio->late++;
		vtr_play_queue_stall(&audio->queue);
	}
	audio->given_ns = now_ns;
	vtr_play_queue_take(&audio->queue, (float(*)[VTR_AUDIO_CHANNELS])(void *)bytes, count);
	pthread_mutex_unlock(&audio->lock);
}

static void take(void *data, Uint8 *bytes, int size)
{
	struct vtr_host_audio *audio = data;
	const size_t frame_size = VTR_AUDIO_CHANNELS * sizeof(int16_t);
	size_t left = (size_t)size / frame_size;

	while (left > 0) {
		const size_t count = vtr_min(left, VTR_AUDIO_BLOCK - audio->spoken_frames);
		memcpy(audio->spoken.samples + audio->spoken_frames * VTR_AUDIO_CHANNELS, bytes,
		       count * frame_size);
		bytes += count * frame_size;
		left -= count;
		audio->spoken_frames += count;
		if (audio->spoken_frames == VTR_AUDIO_BLOCK) {
			audio->spoken_frames = 0;
			audio->spoken.time = vtr_os_now_ns();
			audio->speak(audio->data, &audio->spoken);
		}
	}
}

/* --- the thread ---------------------------------------------------------------------------------------- */

static void close_device(struct vtr_host_audio *audio, struct device *device)
{
	if (device->id == 0) {
		return;
	}
	audio->sdl->SDL_CloseAudioDevice(device->id);
	device->id = 0;
	if (device->captures) {
		vtr_present_show_microphone(audio->present, false);
		vtr_info(audio->log, "the microphone is off");
	} else {
		pthread_mutex_lock(&audio->lock);
		const uint64_t gaps = audio->queue.gaps;
		pthread_mutex_unlock(&audio->lock);
		vtr_debug(audio->log, "the speakers are closed; gaps so far: %" PRIu64, gaps);
	}
}

static void disconnect(struct vtr_host_audio *audio)
{
	close_device(audio, &audio->speakers);
	close_device(audio, &audio->microphone);
	if (audio->connected) {
		audio->sdl->SDL_QuitSubSystem(SDL_INIT_AUDIO);
		audio->connected = false;
	}
}

/* Drops the sound that waits for the speakers: it would be heard too late. */
static void drop(struct vtr_host_audio *audio)
{
	pthread_mutex_lock(&audio->lock);
	vtr_play_queue_init(&audio->queue);
	pthread_mutex_unlock(&audio->lock);
}

/* Logs once that the device is missing, and chooses when to try again. */
static void miss(struct vtr_host_audio *audio, struct device *device, int64_t now_ns)
{
	device->again_ns = now_ns + AGAIN_NS;
	if (!device->captures) {
		drop(audio);
	}
	if (!device->missing) {
		device->missing = true;
		vtr_warn(audio->log,
		         "%s: %s. Start PipeWire (with pipewire-pulse) or PulseAudio; vitrine keeps trying",
		         device->what,
		         audio->connected ? audio->sdl->SDL_GetError() : "this desktop has no sound server");
	}
}

/* Connects to PulseAudio, or to PipeWire in its place; on macOS to Core Audio. SDL's other drivers for Linux need
 * device nodes, which the sandbox does not have, or libraries that write to stderr when no server runs. The user can
 * choose one of these drivers with SDL_AUDIODRIVER. */
static bool connect_server(const struct vtr_sdl *sdl)
{
	static const char *const drivers[] = { "pulseaudio", "coreaudio" };
	bool chosen = false;

	for (size_t i = 0; i < VTR_ARRAY_LEN(drivers) && !chosen; i++) {
		chosen = !sdl->SDL_SetHint(SDL_HINT_AUDIODRIVER, drivers[i]);
		if (sdl->SDL_InitSubSystem(SDL_INIT_AUDIO) == 0) {
			return true;
		}
	}
	return false;
}

static bool open_device(struct vtr_host_audio *audio, struct device *device)
{
	const SDL_AudioSpec wanted = {
		.freq = VTR_AUDIO_RATE,
		.format = device->captures ? AUDIO_S16SYS : AUDIO_F32SYS,
		.channels = VTR_AUDIO_CHANNELS,
		.samples = device->captures ? DEVICE_FRAMES : audio->device_frames,
		.callback = device->captures ? take : give,
		.userdata = audio,
	};
	const struct vtr_sdl *sdl = audio->sdl;
	SDL_AudioSpec got;

	if (!audio->connected) {
		audio->connected = connect_server(sdl);
	}
	if (audio->connected) {
		device->id = sdl->SDL_OpenAudioDevice(NULL, device->captures, &wanted, &got, 0);
	}
	return device->id != 0;
}

static void begin_device(struct vtr_host_audio *audio, struct device *device)
{
	const char *driver = audio->sdl->SDL_GetCurrentAudioDriver();

	device->missing = false;
	device->listed = audio->sdl->SDL_GetNumAudioDevices(device->captures);
	audio->spoken_frames = device->captures ? 0 : audio->spoken_frames;
	if (device->captures) {
		vtr_present_show_microphone(audio->present, true);
		vtr_info(audio->log, "the guest records: the microphone is on, by %s", driver);
	} else {
		vtr_debug(audio->log, "the speakers are open, by %s", driver);
		pthread_mutex_lock(&audio->lock);
		audio->given_ns = 0;
		audio->late = 0;
		pthread_mutex_unlock(&audio->lock);
	}
	audio->sdl->SDL_PauseAudioDevice(device->id, 0);
}

/* Returns: whether the speakers must be opened again, with more frames. */
static bool comes_late(struct vtr_host_audio *audio)
{
	pthread_mutex_lock(&audio->lock);
	const bool late = audio->late >= TOO_LATE;
	audio->late = 0;
	pthread_mutex_unlock(&audio->lock);
	return late && audio->device_frames < DEVICE_MAX_FRAMES;
}

/* Returns: whether the sound server has ended. SDL 3, which sdl2-compat uses, goes on without it: there, the device
 * is no longer listed. */
static bool is_lost(const struct vtr_sdl *sdl, struct device *device)
{
	const int before = device->listed;

	device->listed = sdl->SDL_GetNumAudioDevices(device->captures);
	return device->listed < before || sdl->SDL_GetAudioDeviceStatus(device->id) == SDL_AUDIO_STOPPED;
}

/* Opens the device if it is wanted, and closes it if not. Returns: how many nanoseconds later to check it again; -1:
 * when something changes. */
static int64_t keep_device(struct vtr_host_audio *audio, struct device *device, bool wanted)
{
	const int64_t now_ns = vtr_os_now_ns();

	if (device->id != 0 && is_lost(audio->sdl, device)) {
		/* Only a new connection can find the next server. */
		disconnect(audio);
		drop(audio);
		return CHECK_NS;
	}
	if (!wanted) {
		close_device(audio, device);
		return -1;
	}
	if (device->id != 0 && !device->captures && comes_late(audio)) {
		audio->device_frames *= 2;
		vtr_debug(audio->log, "this host is busy: the speakers get %u frames at once",
		          audio->device_frames);
		close_device(audio, device);
	}
	if (device->id != 0) {
		return CHECK_NS;
	}
	if (device->missing && now_ns < device->again_ns) {
		return device->again_ns - now_ns;
	}
	if (open_device(audio, device)) {
		begin_device(audio, device);
	} else {
		miss(audio, device, now_ns);
	}
	return device->id != 0 ? CHECK_NS : AGAIN_NS;
}

static int64_t earlier(int64_t a_ns, int64_t b_ns)
{
	return a_ns < 0 || (b_ns >= 0 && b_ns < a_ns) ? b_ns : a_ns;
}

/* Called with the lock held. */
static bool wants_speakers(const struct vtr_host_audio *audio)
{
	return audio->plays || (audio->speakers.id != 0 && vtr_os_now_ns() - audio->idle_ns < KEEP_NS);
}

static void run(void *arg)
{
	struct vtr_host_audio *audio = arg;

	pthread_mutex_lock(&audio->lock);
	while (!audio->ends) {
		const bool plays = wants_speakers(audio);
		const bool records = audio->records;
		pthread_mutex_unlock(&audio->lock);
		int64_t wait_ns = keep_device(audio, &audio->speakers, plays);
		wait_ns = earlier(wait_ns, keep_device(audio, &audio->microphone, records));
		if (audio->speakers.id == 0 && audio->microphone.id == 0) {
			disconnect(audio);
		}
		pthread_mutex_lock(&audio->lock);
		if (!audio->ends && plays == wants_speakers(audio) && records == audio->records) {
			(void)vtr_os_cond_wait_ns(&audio->changed, &audio->lock, wait_ns);
		}
	}
	pthread_mutex_unlock(&audio->lock);
	disconnect(audio);
	pthread_mutex_lock(&audio->lock);
	audio->ended = true;
	pthread_cond_broadcast(&audio->changed);
	pthread_mutex_unlock(&audio->lock);
}

/* --- for others ---------------------------------------------------------------------------------------- */

void vtr_host_audio_play(struct vtr_host_audio *audio, const struct vtr_audio_block *block)
{
	pthread_mutex_lock(&audio->lock);
	if (!audio->plays) {
		audio->plays = true;
		pthread_cond_broadcast(&audio->changed);
	}
	vtr_play_queue_put(&audio->queue, block);
	pthread_mutex_unlock(&audio->lock);
}

void vtr_host_audio_idle(struct vtr_host_audio *audio)
{
	pthread_mutex_lock(&audio->lock);
	audio->plays = false;
	audio->idle_ns = vtr_os_now_ns();
	vtr_play_queue_idle(&audio->queue);
	pthread_cond_broadcast(&audio->changed);
	pthread_mutex_unlock(&audio->lock);
}

void vtr_host_audio_record(struct vtr_host_audio *audio, bool on)
{
	pthread_mutex_lock(&audio->lock);
	if (audio->records != on) {
		audio->records = on;
		pthread_cond_broadcast(&audio->changed);
	}
	pthread_mutex_unlock(&audio->lock);
}

enum vtr_err vtr_host_audio_create(const struct vtr_host_audio_params *params,
                                   struct vtr_host_audio **out_audio)
{
	struct vtr_host_audio *audio = calloc(1, sizeof(*audio));

	if (!audio) {
		return VTR_ERR_NOMEM;
	}
	audio->log = params->log;
	audio->present = params->present;
	audio->sdl = vtr_present_sdl(params->present);
	audio->speak = params->speak;
	audio->data = params->data;
	audio->device_frames = DEVICE_FRAMES;
	audio->speakers.what = "the guest's sound is not heard here";
	audio->microphone = (struct device){ .what = "the guest cannot record here", .captures = true };
	vtr_play_queue_init(&audio->queue);
	pthread_mutex_init(&audio->lock, NULL);
	vtr_os_cond_init(&audio->changed);
	enum vtr_err err = vtr_os_thread_create(&audio->thread, "audio", run, audio);
	if (err != VTR_OK) {
		pthread_cond_destroy(&audio->changed);
		pthread_mutex_destroy(&audio->lock);
		free(audio);
		return err;
	}
	*out_audio = audio;
	return VTR_OK;
}

enum vtr_err vtr_host_audio_destroy(struct vtr_host_audio *audio)
{
	if (!audio) {
		return VTR_OK;
	}
	const int64_t until_ns = vtr_os_now_ns() + END_NS;
	pthread_mutex_lock(&audio->lock);
	audio->ends = true;
	pthread_cond_broadcast(&audio->changed);
	while (!audio->ended && vtr_os_now_ns() < until_ns) {
		(void)vtr_os_cond_wait_ns(&audio->changed, &audio->lock, until_ns - vtr_os_now_ns());
	}
	const bool ended = audio->ended;
	pthread_mutex_unlock(&audio->lock);
	if (!ended) {
		return VTR_ERR_AGAIN;
	}
	vtr_os_thread_join(&audio->thread);
	pthread_cond_destroy(&audio->changed);
	pthread_mutex_destroy(&audio->lock);
	free(audio);
	return VTR_OK;
}
