/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_VENUS_GUEST_H
#define TESTS_UNIT_VENUS_GUEST_H

#include <pthread.h>
#include <stdatomic.h>

#include "fake_loader.h"
#include "test.h"
#include "vectors_gen.h"
#include "venus/venus.h"
#include "vk/renderer_config.h"

/*
 * The guest of a context on the test driver: encodes commands, sends them in the context's stream, and reads the
 * replies. Thread: one, except for what the context's threads report, which has a lock.
 */

/* The guest's object ids. Tests use ids from FREE on. */
enum { INSTANCE = 1, PHYSICAL, DEVICE, QUEUE, QUEUE2, FREE = 16 };
/* A queue's timeline, and the resource for replies. Tests use resources from 2 on. */
enum { TIMELINE = 1, REPLY_RES = 1, REPLY_SIZE = 65536 };
enum { GUEST_MAX_REPORTS = 64 };

/* A handle as it is on the wire: the object's id. */
#define ID(type, id) ((type)(uintptr_t)(id))

/* The defaults are zeros. */
struct guest_setup {
	const char *driver; /* words for the test driver (tests/driver/README.md) */
	void (*replace)(void); /* replaces commands of the driver */
	bool no_driver;
	bool no_host_import, no_export;
	uint64_t max_memory; /* 0: 64 MiB */
	uint64_t max_device_memory; /* 0: no limit */
	uint32_t max_device_percent;
	struct vtr_shared_budget *device_memory; /* of which the context has the first part; or NULL */
	size_t hostmem; /* its size; 0: none */
	const struct vtr_probe_cache *known;
	bool no_device; /* guest_open() makes a context only */
};

struct guest {
	struct guest_setup setup;
	struct vtr_venus *venus;
	struct vtr_renderer_config config;
	int hostmem_fd;
	int log_fd;
	struct vtr_log *log;
	uint8_t *reply;
	uint8_t bytes[65536];
	uint8_t sent[65536]; /* a copy of the bytes that were submitted last */
	struct vtr_cs_writer w;
	pthread_mutex_t lock; /* guards what follows */
	uint64_t fences[GUEST_MAX_REPORTS]; /* in the order of their reports */
	uint32_t fence_count;
	uint32_t released[GUEST_MAX_REPORTS]; /* resources */
	uint32_t released_count;
	bool dead;
};

/* Of a context that guest_open() does not make; its data is the guest, of which the lock was initialized. */
extern const struct vtr_venus_events guest_events;

/* Makes a context and, unless setup->no_device, an instance, a device and two queues, of which one has TIMELINE.
 * NULL: the defaults. */
void guest_open(struct guest *g, const struct guest_setup *setup);
void guest_close(struct guest *g);
/* Both, with the same setup: for another test after the context has died. */
void guest_reopen(struct guest *g);

/* The instance and its device. */
void guest_make_instance(struct guest *g);
/* VkResult. NULL: the features and extensions that a device has by itself. */
VkResult guest_make_device(struct guest *g, uint64_t id, const void *next, const char *const *extensions,
                           uint32_t extension_count);
void guest_make_queue(struct guest *g, uint64_t id, uint32_t index, uint32_t timeline);

/* The parts of the macros below. */
struct vtr_cs_writer *guest_begin(struct guest *g);
struct vtr_cs_writer *guest_ask(struct guest *g);
enum vtr_err guest_submit(struct guest *g);
int32_t guest_answer(struct guest *g);
void guest_check_refused(struct guest *g, const char *file, int line, enum vtr_err err, const char *why);

/* Sends a command without a reply. Is: the result of vtr_venus_submit(). The last arguments are members of the
 * command's struct vtw_NAME. */
#define SEND(g, name, ...) \
	(enc_##name(guest_begin(g), 0, &(struct vtw_##name){ __VA_ARGS__ }), guest_submit(g))

/* Sends a command and reads its reply. Is: the reply's word behind the command's number, mostly a VkResult. */
#define CALL(g, name, ...)                                                                                 \
	(enc_##name(guest_ask(g), VK_COMMAND_GENERATE_REPLY_BIT_EXT, &(struct vtw_##name){ __VA_ARGS__ }), \
	 guest_answer(g))

/* Checks that the command ends the context, and that the log's line about it has this text. Then opens the guest
 * again. */
#define CHECK_REFUSED(g, why, name, ...) \
	guest_check_refused(g, __FILE__, __LINE__, SEND(g, name, __VA_ARGS__), why)

/* Of the last reply. */
uint32_t guest_word(const struct guest *g, size_t at);
uint64_t guest_wide(const struct guest *g, size_t at);

/* Whether a line of the log has had this text. */
bool guest_log_has(const struct guest *g, const char *text);
/* Waits until this many fences were reported. */
void guest_wait_fences(struct guest *g, uint32_t count);
uint32_t guest_fences(struct guest *g);
uint32_t guest_released(struct guest *g);

/* Of a timeline semaphore that begins at 0. */
extern const VkSemaphoreCreateInfo guest_timeline;
/* Work that waits until a timeline semaphore reaches 1. Returns: valid until the next call. */
const VkSubmitInfo *guest_waiting_work(uint64_t semaphore);

/* Plain shared memory as a resource. Returns: its mapping. */
void *guest_make_shm(struct guest *g, uint32_t res_id, size_t size);

#endif
