/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_GPU_DRIVER_H
#define TESTS_UNIT_GPU_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/hostmem.h"
#include "core/ops.h"
#include "platform/loop.h"
#include "virtio/gpu.h"
#include "virtio/gpu_protocol.h"

/*
 * A guest's driver for a virtio-gpu device, on real queues in memory of its own, with renderers and a
 * screen that only note down what they are asked for.
 */

#define DRIVER_SLOTS 32
#define DRIVER_ANSWER_MAX 0x1000
#define DRIVER_WINDOW ((uint64_t)64 << 20)
#define DRIVER_IMAGE_MEMORY ((uint64_t)64 << 20)
/* Guest memory for tests to put things into. */
#define DRIVER_DATA ((uint64_t)64 << 20)
#define DRIVER_DATA_SIZE ((uint64_t)64 << 20)

struct driver_options {
	uint32_t display_count; /* 0: 1 */
	uint32_t refresh_hz;
	uint32_t blob_alignment; /* 0: the page size */
};

/* Starts a device and its driver; one at a time. */
void driver_begin(const struct driver_options *options);
/* Ends both. */
void driver_destroy(void);
/* The same, and checks that nothing is left. */
void driver_end(void);

extern struct vtr_os_loop *driver_loop;
extern struct vtr_hostmem driver_window;
extern struct vtr_virtio_gpu *driver_gpu;
extern const struct vtr_virtio_device *driver_device;

/* The guest's memory. */
uint8_t *driver_ram(uint64_t gpa);

/* Sends a request without waiting. Returns: its slot. */
int driver_send(uint32_t queue, const void *request, size_t size, size_t answer_room);
/* The same, for a request in two pieces. */
int driver_send_two(uint32_t queue, const void *head, size_t head_size, const void *tail, size_t tail_size,
                    size_t answer_room);
/* Lets the device look at the queues, and its deferred work run. */
void driver_kick(void);
/* Lets the loop turn for a while, until the slot is answered. Returns: false if it is not in half a minute. */
bool driver_wait(int slot);
/* Lets the loop turn until it has nothing more to do at once. */
void driver_settle(void);
/* Whether it is answered. */
bool driver_is_done(int slot);
/* The answer, of `*out_size` bytes; frees the slot. It must be done. */
const void *driver_answer(int slot, size_t *out_size);
/* The type of the answer; frees the slot. */
uint32_t driver_result(int slot);
/* Frees the slots of all that is answered. Returns: how many are not. */
int driver_release(void);
/* Requests that are answered, in this order, since the last call: slots, up to `max`. */
int driver_order(int *slots, int max);
/* Interrupts since the last call. */
unsigned driver_interrupts(void);

/* Stops the queues, as a VMM does. Starts them again as after a pause, or after a reset. */
void driver_stop(void);
void driver_restart(bool reset);
/* The VMM is gone, after driver_stop(): nothing can be sent any more. */
void driver_lose_ram(void);

/* Sends, waits, and returns the type of the answer. */
uint32_t driver_do(const void *request, size_t size);
#define DO(...) driver_do(&(__VA_ARGS__), sizeof(__VA_ARGS__))

/* Often used requests. All return the type of the answer. */
uint32_t do_create_2d(uint32_t id, uint32_t width, uint32_t height);
uint32_t do_create_host_blob(uint32_t ctx_id, uint32_t id, uint32_t flags, uint64_t size);
uint32_t do_create_guest_blob(uint32_t id, uint64_t gpa, uint32_t size);
uint32_t do_map(uint32_t id, uint64_t offset);
uint32_t do_unref(uint32_t id);
uint32_t do_unmap(uint32_t id);
uint32_t do_attach_backing(uint32_t id, const struct gpu_mem_entry *entries, uint32_t count);
uint32_t do_create_context(uint32_t id, uint32_t capset);
uint32_t do_destroy_context(uint32_t id);
uint32_t do_attach(uint32_t ctx_id, uint32_t id);
uint32_t do_detach(uint32_t ctx_id, uint32_t id);
uint32_t do_submit(uint32_t ctx_id, const void *commands, uint32_t size);
uint32_t do_set_scanout(uint32_t display, uint32_t id, struct gpu_rect rect);
uint32_t do_flush(uint32_t id, struct gpu_rect rect);

/* --- what the renderers and the screen were asked for -------------------------------------------------- */

/* Lines since the last call, each ended by '\n'. */
const char *driver_said(void);
#define CHECK_SAID(wanted) CHECK_STR(driver_said(), wanted)

/* Makes a renderer signal the oldest pending fence of a timeline. */
void render_finish(uint32_t ctx_id, uint32_t timeline);
/* It names a fence of its choice. Returns: what the device answers. */
enum vtr_err render_signal(uint32_t ctx_id, uint32_t timeline, uint64_t id);
/* From now on renderers do not release memory, until render_let_go() makes all of them do it. */
extern bool render_holds_on;
void render_let_go(void);
/* The renderer dies. */
void render_die(uint32_t ctx_id);
/* Whether there was ever one; before that, none of these may be called. */
bool driver_has_renderers(void);
/* What its functions return from now on. */
extern enum vtr_err render_create_error;
extern enum vtr_err render_attach_error;
extern enum vtr_err render_submit_error;
extern enum vtr_err render_fence_error;

/* What the display shows now, and where that is in memory. */
extern struct vtr_scanout screen_scanouts[VTR_MAX_DISPLAYS];
extern unsigned screen_touches[VTR_MAX_DISPLAYS];
const uint8_t *screen_pixel(uint32_t display, uint32_t x, uint32_t y);
extern struct vtr_cursor screen_cursor;
extern unsigned config_changes;

#endif
