/* SPDX-License-Identifier: MIT */
#ifndef TESTS_DRIVER_DRIVER_H
#define TESTS_DRIVER_DRIVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/mem.h"
#include "driver_gen.h"

/*
 * A Vulkan driver for tests (README.md). It does what its callers can observe: it keeps count of objects,
 * memory and synchronisation, runs copies between buffers, and draws nothing.
 *
 * Every command is vtd_NAME(), written by hand or by gen_driver.py. entry_NAME(), generated for each of its
 * names, counts the call, fails it if the configuration asks for that, and calls vtd_NAME().
 *
 * Thread: any, as Vulkan defines it. Objects that callers may use from several threads at once (queues,
 *         fences and semaphores) have the device's lock.
 */

#define VTD_PHYSICAL_MAX 4
#define VTD_FAMILY_COUNT 3
#define VTD_QUEUE_COUNT 26 /* of all families */
#define VTD_HEAP_SIZE ((VkDeviceSize)16 << 30)
#define VTD_PAGE 4096
#define VTD_DRIVER_ID ((VkDriverId)0x76740001) /* not registered */

enum vtd_type { VTD_TYPE_DEVICE, VTD_TYPE_HOST, VTD_TYPE_COUNT };
#define VTD_TYPE_ONLY 0 /* with `buffers-only` */

/* --- what gen_driver.py writes ---------------------------------------------------------------------- */

enum vtd_level { VTD_LEVEL_GLOBAL, VTD_LEVEL_INSTANCE, VTD_LEVEL_PHYSICAL, VTD_LEVEL_DEVICE };

/* A name of a command, sorted. */
struct vtd_name {
	const char *name;
	PFN_vkVoidFunction entry;
	uint32_t command;
	enum vtd_level level;
	uint32_t core; /* 1 + the minor version of Vulkan that has this name; 0: none */
	int extensions[2]; /* that have it, of those offered; -1: none */
};

struct vtd_extension {
	const char *name;
	uint32_t version;
};

struct vtd_result_name {
	const char *name;
	VkResult value;
};

enum vtd_format_kind {
	VTD_FORMAT_COLOR,
	VTD_FORMAT_INTEGER,
	VTD_FORMAT_DEPTH,
	VTD_FORMAT_COMPRESSED,
	VTD_FORMAT_PLANAR,
};

struct vtd_format {
	int32_t format;
	uint32_t bytes; /* of a block */
	uint32_t width; /* of a block, in texels */
	uint32_t height;
	enum vtd_format_kind kind;
};

extern const struct vtd_name vtd_names[VTD_NAME_COUNT];
extern const struct vtd_extension vtd_extensions[VTD_EXTENSION_COUNT];
extern const struct vtd_result_name vtd_result_names[];
extern const struct vtd_format vtd_formats[];
extern const size_t vtd_format_count;

/* The link of any pNext chain. */
struct vtd_chain {
	VkStructureType type;
	struct vtd_chain *next;
};

/* Fill one link of a chain, if its type is known. */
void vtd_fill_properties(void *chain);
void vtd_fill_features(void *chain);
void vtd_fill_limits(VkPhysicalDeviceLimits *s);
void vtd_fill_core_features(VkPhysicalDeviceFeatures *s);

/* --- configuration (config.c) ----------------------------------------------------------------------- */

/* `VTR_TEST_DRIVER` in the environment, read once; README.md has the words. */
struct vtd_config {
	bool valid;
	bool count;
	bool aliases;
	bool portability;
	bool buffers_only; /* imported memory is for buffers; there is one type of memory */
	bool linear_color; /* linear images can be colour attachments, though no format's features say so */
	uint32_t core;        /* with `aliases`: no core name of a later minor version is known */
	uint32_t api_version; /* of the device */
	uint32_t physical_count;
	bool hidden[VTD_EXTENSION_COUNT];
};

extern struct vtd_config vtd_config;

/* Calls are to be counted or to fail. */
extern bool vtd_watch;

/* Reads the configuration once. */
void vtd_configure(void);

/* Notes a call by the name of that number, on a dispatchable object or NULL. Returns: whether it fails, with
 * *out_result. A device that is lost by this stays lost. */
bool vtd_enter(uint32_t name, void *object, VkResult *out_result);

/* Whether a submit that is made now never ends. */
bool vtd_submit_is_endless(void);
/* Whether this wait, which lasts, loses its device. */
bool vtd_wait_loses(void);

/* Notes that the caller does what the driver has said to be impossible; it is counted like a call. */
enum vtd_misuse { VTD_MISUSE_IMAGE_IN_IMPORTED_MEMORY, VTD_MISUSE_COUNT };
void vtd_note_misuse(enum vtd_misuse misuse);

/* Writes how often each name was called to stderr, if the configuration wants it. */
void vtd_print_counts(void);

/* --- objects ---------------------------------------------------------------------------------------- */

/* What dispatchable objects begin with: the loader's word, then ours. */
struct vtd_dispatchable {
	uintptr_t loader;
	struct vtd_device *device; /* NULL: belongs to no device */
};

struct vtd_set {
	bool has[VTD_EXTENSION_COUNT];
};

/* All are alike but for deviceID and deviceUUID, as a pair of equal cards is. */
struct vtd_physical {
	struct vtd_dispatchable base;
	struct vtd_instance *instance;
	uint32_t number;
};

struct vtd_instance {
	struct vtd_dispatchable base;
	struct vtd_physical physicals[VTD_PHYSICAL_MAX]; /* vtd_config.physical_count of them */
	uint32_t api_version; /* asked for */
	struct vtd_set enabled;
};

struct vtd_queue {
	struct vtd_dispatchable base;
	struct vtr_list batches; /* struct vtd_batch, which wait for something; guarded by device->lock */
};

struct vtd_family {
	VkQueueFlags flags;
	uint32_t first; /* of the device's queues */
	uint32_t count;
};
extern const struct vtd_family vtd_families[VTD_FAMILY_COUNT];

struct vtd_device {
	struct vtd_dispatchable base;
	struct vtd_instance *instance;
	const struct vtd_physical *physical;
	struct vtd_set enabled;
	bool events; /* VkEvents may be made */
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a fence, semaphore or queue that is waited for may be ready */
	uint32_t waiters;
	atomic_bool lost;
	struct vtd_queue queues[VTD_QUEUE_COUNT];
};

struct vtd_memory {
	uint8_t *map;
	size_t size;
	int fd; /* -1: has none */
	bool imported; /* `map` is the caller's */
};

struct vtd_buffer {
	VkDeviceSize size;
	struct vtd_memory *memory;
	VkDeviceSize offset;
};

struct vtd_fence {
	bool signalled;
};

struct vtd_semaphore {
	bool timeline;
	uint64_t value; /* of a binary one: 0 or 1 */
};

struct vtd_event {
	atomic_bool set;
};

struct vtd_query_pool {
	uint32_t values; /* of a result */
};

struct vtd_command_buffer;

/* Any object that has nothing to it. */
bool vtd_make(void *out_handle);

/* Removes all pending work from the queues, and wakes all waiting threads. */
void vtd_device_lose(struct vtd_device *device);

void vtd_queues_init(struct vtd_device *device);
void vtd_queues_finish(struct vtd_device *device);

/* Does what a command buffer that has been recorded has to do. With device->lock held. */
void vtd_execute(struct vtd_command_buffer *cmd);

/* `count` bytes of a buffer at `offset`, NULL where it has no such. */
uint8_t *vtd_buffer_bytes(const struct vtd_buffer *b, VkDeviceSize offset, VkDeviceSize count);

/* The row of vtd_formats, or NULL. */
const struct vtd_format *vtd_format_find(VkFormat format);

/* The first struct of that type in a chain, or NULL. */
const void *vtd_find(const void *chain, VkStructureType type);

/* The number of an extension, -1 if it is not offered. */
int vtd_extension_find(const char *name);

#define VTD_OBJECT(type, name, handle) struct vtd_##type *name = (struct vtd_##type *)(void *)(handle)

#endif
