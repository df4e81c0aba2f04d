/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "convert_comp.h"
#include "platform/shm.h"
#include "screen/convert.h"
#include "vkpipeline.h"

/*
 * Whether a GPU should convert pictures: what it costs our rows, a compute pass that reads the pixels in
 * place, and one that reads a copy which a processor has to make; 60 pictures a second, none of them in a cache.
 * Last it says whether the driver reads what the screen process has: memory that can only be read.
 *
 *   bench-convert              exit status 1: the pass gives other bytes
 */
#define FRAMES 100
#define PAUSE_NS 16000000
#define MEMORY ((size_t)512 << 20)
#define FRAME_ALIGNMENT 65536
#define COLUMNS 4 /* of an invocation, two rows; 64 by 2 of them are a group */
#define GROUP_WIDTH 64
#define GROUP_HEIGHT 2

#define HOST (VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT)
#define HANDLE VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT

struct size {
	uint32_t width, height;
};

static const struct size sizes[] = { { 1280, 800 }, { 1920, 1080 }, { 3840, 2160 } };

/* As in the shader. */
struct picture {
	uint32_t width, height;
	uint32_t from, stride;
	uint32_t y_stride, uv_at;
	uint32_t r_place, g_place, b_place;
};

struct bench {
	struct vkc vkc;
	VkPipelineLayout layout;
	VkPipeline pipeline;
	VkDescriptorSet set;
	int fd;
	int view_fd;
	uint8_t *memory;

	/* Of the size that is measured. */
	struct size size;
	size_t stride, frame_size;
	struct vtr_yuv_buffer planes;
	struct vkc_buffer out; /* the same, written by the pass */
	struct vkc_buffer staging;
};

static void check(enum vtr_err err, const char *what)
{
	if (err != VTR_OK) {
		vkc_fail("%s: %s", what, vtr_err_name(err));
	}
}

/* --- the pass ---------------------------------------------------------------------------------------- */

/* Returns: a buffer without memory if the driver does not take it; *out_result says why. */
static struct vkc_buffer import(struct vkc *c, void *map, size_t size, VkResult *out_result)
{
	PFN_vkGetMemoryHostPointerPropertiesEXT get_properties =
		(PFN_vkGetMemoryHostPointerPropertiesEXT)c->vk.GetDeviceProcAddr(
			c->device, "vkGetMemoryHostPointerPropertiesEXT");
	VkMemoryHostPointerPropertiesEXT props = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_HOST_POINTER_PROPERTIES_EXT,
	};
	const VkExternalMemoryBufferCreateInfo external = {
		.sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO,
		.handleTypes = HANDLE,
	};
	const VkBufferCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
		.pNext = &external,
		.size = size,
		.usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT,
	};
	struct vkc_buffer buffer = { .size = size };
	VkMemoryRequirements needs;

	if (!get_properties) {
		vkc_fail("%s cannot import memory of the host", c->props.deviceName);
	}
	vkc_check(get_properties(c->device, HANDLE, map, &props));
	vkc_check(c->vk.CreateBuffer(c->device, &info, NULL, &buffer.buffer));
	c->vk.GetBufferMemoryRequirements(c->device, buffer.buffer, &needs);
	const VkImportMemoryHostPointerInfoEXT pointer = {
		.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT,
		.handleType = HANDLE,
		.pHostPointer = map,
	};
	const VkMemoryAllocateInfo allocate = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
		.pNext = &pointer,
		.allocationSize = size,
		.memoryTypeIndex = vkc_memory_type(c, props.memoryTypeBits & needs.memoryTypeBits, 0),
	};
	*out_result = c->vk.AllocateMemory(c->device, &allocate, NULL, &buffer.memory);
	if (*out_result == VK_SUCCESS) {
		vkc_check(c->vk.BindBufferMemory(c->device, buffer.buffer, buffer.memory, 0));
	} else {
		buffer.memory = VK_NULL_HANDLE;
	}
	return buffer;
}

static void prepare_pass(struct bench *bench)
{
	static const VkDescriptorType types[] = { VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
		                                  VK_DESCRIPTOR_TYPE_STORAGE_BUFFER };
	struct vkc *c = &bench->vkc;
	VkDescriptorSetLayout set = vkc_set_layout(c, VTR_ARRAY_LEN(types), types, 0);

	bench->layout = vkc_pipeline_layout(c, set, sizeof(struct picture));
	bench->pipeline = vkc_compute(c, bench->layout, VKC_CODE(convert_comp), NULL);
	bench->set = vkc_descriptor_set(c, vkc_descriptor_pool(c, 1, 2), set);
}

/* `from`: where in `pixels` the picture is. */
static void run_pass(struct bench *bench, size_t from)
{
	const struct vtr_yuv *yuv = &bench->planes.yuv;
	const struct picture picture = {
		.width = bench->size.width / COLUMNS,
		.height = bench->size.height,
		.from = (uint32_t)(from / sizeof(uint32_t)),
		.stride = (uint32_t)(bench->stride / sizeof(uint32_t)),
		.y_stride = (uint32_t)(yuv->y_stride / sizeof(uint32_t)),
		.uv_at = (uint32_t)((size_t)(yuv->uv - yuv->y) / sizeof(uint32_t)),
		.r_place = 16,
		.g_place = 8,
	};
	struct vkc *c = &bench->vkc;
	VkCommandBuffer cmd = vkc_begin(c);

	c->vk.CmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, bench->pipeline);
	c->vk.CmdBindDescriptorSets(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, bench->layout, 0, 1, &bench->set, 0,
	                            NULL);
	c->vk.CmdPushConstants(cmd, bench->layout, VK_SHADER_STAGE_ALL, 0, sizeof(picture), &picture);
	c->vk.CmdDispatch(cmd, (picture.width + GROUP_WIDTH - 1) / GROUP_WIDTH,
	                  (picture.height / 2 + GROUP_HEIGHT - 1) / GROUP_HEIGHT, 1);
	vkc_barrier(c, cmd);
	vkc_end(c, cmd);
}

/* --- what is measured; `at` is where in memory the picture is ------------------------------------------ */

static void convert_by_rows(struct bench *bench, size_t at)
{
	vtr_convert(&bench->planes.yuv, bench->memory + at, bench->stride, VTR_FORMAT_B8G8R8X8);
}

static void convert_in_place(struct bench *bench, size_t at)
{
	run_pass(bench, at);
}

static void convert_copy(struct bench *bench, size_t at)
{
	memcpy(bench->staging.mapped, bench->memory + at, bench->frame_size);
	run_pass(bench, 0);
}

static double read_ms(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(struct bench *bench, const char *name, void (*convert)(struct bench *bench, size_t at))
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	size_t step = vtr_align_up(bench->frame_size, FRAME_ALIGNMENT);
	double wall_ms[FRAMES];
	double cpu_ms = 0;

	for (size_t i = 0; i < FRAMES; i++) {
		nanosleep(&pause, NULL);
		/* Of the process: a driver may have threads. */
		double cpu_begin_ms = read_ms(CLOCK_PROCESS_CPUTIME_ID);
		double begin_ms = read_ms(CLOCK_MONOTONIC);
		convert(bench, i % (MEMORY / step) * step);
		wall_ms[i] = read_ms(CLOCK_MONOTONIC) - begin_ms;
		cpu_ms += read_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu_begin_ms;
	}
	qsort(wall_ms, FRAMES, sizeof(wall_ms[0]), compare);
	printf("%4" PRIu32 "x%-4" PRIu32 " %-16s  processor %6.3f ms  takes p50 %6.3f p90 %6.3f ms\n",
	       bench->size.width, bench->size.height, name, cpu_ms / FRAMES, wall_ms[FRAMES / 2],
	       wall_ms[FRAMES * 9 / 10]);
}

static void use(struct bench *bench, const struct vkc_buffer *pixels)
{
	vkc_write_buffer(&bench->vkc, bench->set, 0, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, pixels->buffer);
	vkc_write_buffer(&bench->vkc, bench->set, 1, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, bench->out.buffer);
}

/* The pass against our rows: it must do the same work. */
static bool check_pass(struct bench *bench)
{
	const struct vtr_yuv *yuv = &bench->planes.yuv;
	size_t y_size = yuv->y_stride * yuv->height;

	convert_by_rows(bench, 0);
	memset(bench->out.mapped, 0, (size_t)bench->out.size);
	run_pass(bench, 0);
	return memcmp(bench->out.mapped, yuv->y, y_size + y_size / 2) == 0;
}

static bool measure_size(struct bench *bench, const struct size *size, const struct vkc_buffer *pixels)
{
	struct vkc *c = &bench->vkc;

	bench->size = *size;
	bench->stride = (size_t)size->width * sizeof(uint32_t);
	bench->frame_size = bench->stride * size->height;
	check(vtr_yuv_buffer_resize(&bench->planes, size->width, size->height), "memory");
	bench->out = vkc_buffer_create(c, bench->planes.yuv.y_stride * size->height * 3 / 2,
	                               VK_BUFFER_USAGE_STORAGE_BUFFER_BIT,
	                               HOST | VK_MEMORY_PROPERTY_HOST_CACHED_BIT);
	bench->staging = vkc_buffer_create(c, bench->frame_size, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT,
	                                   HOST | VK_MEMORY_PROPERTY_HOST_CACHED_BIT);
	use(bench, pixels);
	bool same = check_pass(bench);
	measure(bench, vtr_convert_kind(), convert_by_rows);
	measure(bench, "GPU, in place", convert_in_place);
	use(bench, &bench->staging);
	measure(bench, "GPU, of a copy", convert_copy);
	vkc_buffer_destroy(c, &bench->out);
	vkc_buffer_destroy(c, &bench->staging);
	return same;
}

static void fill(struct bench *bench)
{
	uint32_t *words = (uint32_t *)(void *)bench->memory;
	uint32_t state = 1;

	for (size_t i = 0; i < MEMORY / sizeof(*words); i++) {
		state = state * 1664525 + 1013904223;
		words[i] = state ^ state >> 13;
	}
}

/* Comes last: NVIDIA's driver, once it has failed here, may refuse other memory, too. */
static void try_read_only(struct bench *bench)
{
	VkResult result;
	void *map;
	int fd;

	check(vtr_os_shm_read_only(bench->fd, bench->view_fd, &fd), "memory that can only be read");
	check(vtr_os_shm_map(fd, 0, MEMORY, false, &map), "memory that can only be read");
	struct vkc_buffer buffer = import(&bench->vkc, map, MEMORY, &result);
	vkc_buffer_destroy(&bench->vkc, &buffer);
	printf("in place, of memory that can only be read: %s (VkResult %d)\n",
	       result == VK_SUCCESS ? "possible" : "not possible", result);
}

int main(void)
{
	static const char *const extensions[] = { "VK_EXT_external_memory_host" };
	struct bench bench = { 0 };
	VkResult result;
	void *map;
	bool same = true;

	vkc_instance_open(&bench.vkc, "bench-convert");
	vkc_physical_open(&bench.vkc, 0);
	vkc_device_open_with(&bench.vkc, false, extensions, VTR_ARRAY_LEN(extensions));
	prepare_pass(&bench);
	check(vtr_os_shm_create_shown("bench-convert", MEMORY, &bench.fd, &bench.view_fd), "memory");
	check(vtr_os_shm_map(bench.fd, 0, MEMORY, true, &map), "memory");
	bench.memory = map;
	fill(&bench);
	struct vkc_buffer pixels = import(&bench.vkc, map, MEMORY, &result);
	vkc_check(result);
	printf("%s\n", bench.vkc.props.deviceName);
	for (size_t i = 0; i < VTR_ARRAY_LEN(sizes); i++) {
		same = measure_size(&bench, &sizes[i], &pixels) && same;
	}
	try_read_only(&bench);
	if (!same) {
		printf("the pass gives other bytes than the rows\n");
	}
	return same ? 0 : 1;
}
