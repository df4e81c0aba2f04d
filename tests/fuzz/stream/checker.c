/* SPDX-License-Identifier: MIT */
#include "checker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "driver.h"
#include "vk/loader.h"

enum { MAX_OBJECTS = 1 << 17, BUCKETS = 4096 };

struct object {
	uint64_t handle;
	uint64_t parent;
	uint32_t type;
	uint32_t next; /* in its bucket; 0: the last */
	bool alive;
	bool ended_with_parent; /* it was alive when its device, pool or instance was destroyed */
	bool owned; /* the test driver's object was not destroyed */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static struct object objects[MAX_OBJECTS]; /* the first one is unused */
static uint32_t object_count = 1;
static uint32_t buckets[BUCKETS];
static bool is_strict;
static _Atomic unsigned fail_every;
static unsigned fail_count;
static _Atomic unsigned counter_reads;

static _Thread_local const char *running;
static _Thread_local bool saw_null;
static _Thread_local volatile uint8_t sink; /* what is read goes there */

static uint32_t *bucket_of(uint64_t handle)
{
	return &buckets[(handle >> 4) % BUCKETS];
}

/* With the lock held. The newest one, as the test driver may use an address again. */
static struct object *find(uint64_t handle)
{
	for (uint32_t i = *bucket_of(handle); i != 0; i = objects[i].next) {
		if (objects[i].handle == handle) {
			return &objects[i];
		}
	}
	return NULL;
}

static _Noreturn void report(const char *what, uint64_t handle, uint32_t type)
{
	fprintf(stderr, "checker: %s: %s: handle %#llx, type %u\n", running, what, (unsigned long long)handle,
	        type);
	abort();
}

/* With the lock held. */
static struct object *add(uint64_t handle, uint32_t type, uint64_t parent)
{
	struct object *o;

	if (object_count == MAX_OBJECTS) {
		return NULL;
	}
	o = &objects[object_count];
	*o = (struct object){ .handle = handle != 0 ? handle : (uint64_t)(uintptr_t)o,
		              .parent = parent,
		              .type = type,
		              .alive = true,
		              .owned = handle != 0 };
	o->next = *bucket_of(o->handle);
	*bucket_of(o->handle) = object_count++;
	return o;
}

void check_enter(const char *command)
{
	running = command;
	saw_null = false;
}

bool check_fails(void)
{
	bool fails = false;

	pthread_mutex_lock(&lock);
	if (fail_every != 0 && ++fail_count >= fail_every) {
		fail_count = 0;
		fails = true;
	}
	pthread_mutex_unlock(&lock);
	return fails;
}

VkResult check_failure(void)
{
	return fail_every % 4 == 3 ? VK_ERROR_DEVICE_LOST : VK_ERROR_OUT_OF_DEVICE_MEMORY;
}

uint64_t check_counter(void)
{
	return atomic_fetch_add(&counter_reads, 1) % 4 == 3 ? INT64_MAX : 0;
}

void check_bytes(const void *data, size_t size)
{
	const uint8_t *p = data;
	uint8_t all = 0;

	for (size_t i = 0; i < size; i++) {
		all ^= p[i];
	}
	sink = all;
}

void check_string(const char *s)
{
	sink = (uint8_t)strlen(s);
}

void check_handle(uint64_t handle, uint32_t type)
{
	const struct object *o;

	if (handle == 0) {
		saw_null = true;
		return;
	}
	pthread_mutex_lock(&lock);
	o = find(handle);
	if (o == NULL || o->type != type || (is_strict && !o->alive)) {
		report(o == NULL       ? "not a handle of this driver" :
		       o->type != type ? "wrong type" :
		                         "destroyed",
		       handle, type);
	}
	pthread_mutex_unlock(&lock);
}

bool check_saw_null(void)
{
	return saw_null;
}

bool check_make(void *out_handle, uint32_t type, uint64_t parent)
{
	const struct object *o;
	uint64_t handle;

	pthread_mutex_lock(&lock);
	o = add(0, type, parent);
	handle = o != NULL ? o->handle : 0;
	pthread_mutex_unlock(&lock);
	memcpy(out_handle, &handle, sizeof(handle));
	return handle != 0;
}

void check_adopt(uint64_t handle, uint32_t type, uint64_t parent)
{
	const struct object *o;

	pthread_mutex_lock(&lock);
	o = handle != 0 ? find(handle) : NULL;
	if (handle != 0 && (o == NULL || !o->alive || o->type != type) && add(handle, type, parent) == NULL) {
		report("too many objects", handle, type);
	}
	pthread_mutex_unlock(&lock);
}

/* With the lock held. */
static void drop_children(uint64_t parent)
{
	for (uint32_t i = object_count; i-- > 1;) {
		if (objects[i].parent == parent && objects[i].alive) {
			objects[i].alive = false;
			objects[i].ended_with_parent = true;
			drop_children(objects[i].handle);
		}
	}
}

void check_drop_children(uint64_t parent)
{
	pthread_mutex_lock(&lock);
	drop_children(parent);
	pthread_mutex_unlock(&lock);
}

/* Only pools, devices and instances have children. */
static bool has_children(uint32_t type)
{
	return type == VK_OBJECT_TYPE_INSTANCE || type == VK_OBJECT_TYPE_DEVICE ||
	       type == VK_OBJECT_TYPE_COMMAND_POOL || type == VK_OBJECT_TYPE_DESCRIPTOR_POOL;
}

bool check_drop(uint64_t handle)
{
	struct object *o;
	const bool now = is_strict;

	pthread_mutex_lock(&lock);
	o = handle != 0 ? find(handle) : NULL;
	if (o != NULL) {
		/* As in check_handle(): rings that race may use a device while another one destroys it. */
		if (!o->alive && (is_strict || !o->ended_with_parent)) {
			report("destroyed twice", handle, o->type);
		}
		o->alive = false;
		/* The test driver has a command for each of the others. */
		o->owned &= !now || o->type == VK_OBJECT_TYPE_BUFFER || o->type == VK_OBJECT_TYPE_IMAGE;
		if (has_children(o->type)) {
			drop_children(handle);
		}
	}
	pthread_mutex_unlock(&lock);
	return now;
}

/* --- runs ------------------------------------------------------------------------------------------- */

void checker_begin(bool strict)
{
	is_strict = strict;
	fail_every = 0;
	fail_count = 0;
	counter_reads = 0;
}

void checker_fail(unsigned every)
{
	fail_every = every;
}

static void free_object(const struct object *o)
{
	void *p = (void *)(uintptr_t)o->handle;

	switch (o->type) {
	case VK_OBJECT_TYPE_BUFFER:
	case VK_OBJECT_TYPE_IMAGE:
		free(p);
		break;
	case VK_OBJECT_TYPE_DEVICE_MEMORY:
		vtd_vkFreeMemory(NULL, (VkDeviceMemory)p, NULL);
		break;
	case VK_OBJECT_TYPE_DEVICE:
		vtd_vkDestroyDevice((VkDevice)p, NULL);
		break;
	case VK_OBJECT_TYPE_INSTANCE:
		vtd_vkDestroyInstance((VkInstance)p, NULL);
		break;
	default:
		break;
	}
}

void checker_end(void)
{
	for (uint32_t i = object_count; i-- > 1;) {
		if (objects[i].owned) {
			free_object(&objects[i]);
		}
		*bucket_of(objects[i].handle) = 0;
	}
	object_count = 1;
}

/* --- vk/loader.h ------------------------------------------------------------------------------------ */

static int compare_name(const void *key, const void *row)
{
	return strcmp(key, ((const struct checker_name *)row)->name);
}

static PFN_vkVoidFunction look_up(const char *name)
{
	const struct checker_name *n =
		bsearch(name, checker_names, checker_name_count, sizeof(*checker_names), compare_name);

	return n != NULL ? n->command : NULL;
}

/* The renderer's names are literals, so most are looked up once: the first name of a slot stays there. */
static PFN_vkVoidFunction get_device(VkDevice device, const char *name)
{
	static struct {
		_Atomic(const char *) name; /* NULL until the command is there */
		_Atomic(PFN_vkVoidFunction) command;
		atomic_flag taken;
	} cache[8192];
	const size_t slot = ((uintptr_t)name * UINT64_C(0x9e3779b97f4a7c15)) >> 51;
	PFN_vkVoidFunction command;

	(void)device;
	if (atomic_load(&cache[slot].name) == name) {
		return atomic_load_explicit(&cache[slot].command, memory_order_relaxed);
	}
	command = look_up(name);
	if (!atomic_flag_test_and_set(&cache[slot].taken)) {
		atomic_store_explicit(&cache[slot].command, command, memory_order_relaxed);
		atomic_store(&cache[slot].name, name);
	}
	return command;
}

static PFN_vkVoidFunction get(VkInstance instance, const char *name)
{
	(void)instance;
	return strcmp(name, "vkGetDeviceProcAddr") == 0 ? (PFN_vkVoidFunction)get_device :
	                                                  get_device(NULL, name);
}

static VkResult create_instance(const VkInstanceCreateInfo *info, const VkAllocationCallbacks *allocator,
                                VkInstance *out)
{
	return ((PFN_vkCreateInstance)get(NULL, "vkCreateInstance"))(info, allocator, out);
}

enum vtr_err vtr_loader_get(struct vtr_log *log, struct vtr_loader **out_loader)
{
	static struct vtr_loader loader = { .get = get,
		                            .create_instance = create_instance,
		                            .version = VK_API_VERSION_1_4 };

	(void)log;
	vtd_configure();
	*out_loader = &loader;
	return VTR_OK;
}

bool vtr_loader_has_extension(const struct vtr_loader *loader, const char *name)
{
	(void)loader;
	(void)name;
	return true;
}
