/* SPDX-License-Identifier: MIT */
#include "virtio/gpu.h"

#include "gpu_driver.h"
#include "test.h"

#define PAGE 4096u
#define MOST_OF_IMAGES (DRIVER_IMAGE_MEMORY / 4 * 3) /* what is not for displays alone */

static const struct driver_options plain = { 0 };

static void venus_starts_up(void)
{
	static const uint32_t create_ring[35] = { 188 };

	driver_begin(&plain);
	CHECK_EQ(do_create_context(2, 4), GPU_OK_NODATA);
	CHECK_EQ(do_create_host_blob(2, 3, 1, 135168), GPU_OK_NODATA);
	CHECK_EQ(do_map(3, 0), GPU_OK_MAP_INFO);
	CHECK_EQ(do_attach(2, 3), GPU_OK_NODATA);
	CHECK_EQ(do_submit(2, create_ring, sizeof(create_ring)), GPU_OK_NODATA);
	CHECK_EQ(do_create_host_blob(2, 4, 1, 1 << 20), GPU_OK_NODATA);
	CHECK_EQ(do_map(4, 0x21000), GPU_OK_MAP_INFO);
	CHECK_EQ(do_attach(2, 4), GPU_OK_NODATA);
	CHECK_SAID("create 2 cube\n"
	           "attach 2:3 hostmem 0x0 = 0x21000\n"
	           "submit 2: 140 0xbc\n"
	           "attach 2:4 hostmem 0x21000 = 0x100000\n");
	CHECK_EQ(do_detach(2, 4), GPU_OK_NODATA);
	CHECK_EQ(do_unmap(4), GPU_OK_NODATA);
	CHECK_EQ(do_unref(4), GPU_OK_NODATA);
	CHECK_EQ(do_destroy_context(2), GPU_OK_NODATA);
	CHECK_SAID("detach 2:4\ndestroy 2\n");
	driver_end();
}

/* Linux attaches before MAP_BLOB is answered, others before it is asked. */
static void attach_before_map(void)
{
	driver_begin(&plain);
	CHECK_EQ(do_create_context(2, 4), GPU_OK_NODATA);
	CHECK_EQ(do_create_context(3, 4), GPU_OK_NODATA);
	CHECK_EQ(do_create_context(4, 0), GPU_OK_NODATA);
	CHECK_EQ(do_create_host_blob(2, 7, 1, PAGE), GPU_OK_NODATA);
	for (uint32_t id = 2; id <= 4; id++) {
		CHECK_EQ(do_attach(id, 7), GPU_OK_NODATA);
	}
	CHECK_SAID("create 2 cube\ncreate 3 cube\n");
	CHECK_EQ(do_map(7, 0x5000), GPU_OK_MAP_INFO);
	CHECK_SAID("attach 2:7 hostmem 0x5000 = 0x1000\nattach 3:7 hostmem 0x5000 = 0x1000\n");
	CHECK_EQ(do_attach(2, 7), GPU_OK_NODATA); /* again */
	CHECK_SAID("");
	CHECK_EQ(do_unmap(7), GPU_OK_NODATA);
	CHECK_SAID("detach 2:7\ndetach 3:7\n");
	CHECK_EQ(do_map(7, 0x9000), GPU_OK_MAP_INFO);
	CHECK_SAID("attach 2:7 hostmem 0x9000 = 0x1000\nattach 3:7 hostmem 0x9000 = 0x1000\n");
	CHECK_EQ(do_detach(2, 7), GPU_OK_NODATA);
	CHECK_EQ(do_detach(2, 7), GPU_OK_NODATA);
	CHECK_SAID("detach 2:7\n");
	CHECK_EQ(do_unref(7), GPU_OK_NODATA); /* still mapped and attached */
	CHECK_SAID("detach 3:7\n");
	CHECK_EQ(do_detach(3, 7), GPU_ERR_INVALID_RESOURCE_ID);
	driver_end();
}

/* "ring 131268 becomes 135168 bytes": the guest maps what it rounded up itself. */
static void blob_larger_than_asked_because_of_alignment(void)
{
	driver_begin(&plain);
	CHECK_EQ(do_create_context(2, 4), GPU_OK_NODATA);
	CHECK_EQ(do_create_host_blob(2, 3, 1, 131268), GPU_OK_NODATA);
	CHECK_EQ(do_attach(2, 3), GPU_OK_NODATA);
	CHECK_EQ(do_map(3, 0), GPU_OK_MAP_INFO);
	CHECK_SAID("create 2 cube\nattach 2:3 hostmem 0x0 = 0x21000\n");
	CHECK_EQ(do_create_host_blob(2, 4, 1, 1), GPU_OK_NODATA);
	CHECK_EQ(do_map(4, 0x20000), GPU_ERR_INVALID_PARAMETER); /* inside of what 3 became */
	CHECK_EQ(do_map(4, 0x21000), GPU_OK_MAP_INFO);
	driver_end();
}

static void the_window_is_shared_out_without_overlaps(void)
{
	driver_begin(&plain);
	CHECK_EQ(do_create_context(2, 4), GPU_OK_NODATA);
	CHECK_EQ(do_create_host_blob(2, 3, 1, 4 * PAGE), GPU_OK_NODATA);
	CHECK_EQ(do_create_host_blob(2, 4, 1, 4 * PAGE), GPU_OK_NODATA);
	CHECK_EQ(do_map(3, 4 * PAGE), GPU_OK_MAP_INFO);
	CHECK_EQ(do_map(3, 32 * PAGE), GPU_ERR_INVALID_PARAMETER); /* it is mapped */
	static const uint64_t bad[] = {
		PAGE,
		4 * PAGE,
		7 * PAGE,
		8 * PAGE + 1,
		2048,
		1 * PAGE,
		UINT64_MAX & ~(uint64_t)4095,
		DRIVER_WINDOW - 3 * PAGE,
		DRIVER_WINDOW,
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK_EQ(do_map(4, bad[i]), GPU_ERR_INVALID_PARAMETER);
	}
	CHECK_EQ(do_map(4, DRIVER_WINDOW - 4 * PAGE), GPU_OK_MAP_INFO);
	CHECK_EQ(do_unmap(4), GPU_OK_NODATA);
	CHECK_EQ(do_unmap(4), GPU_ERR_INVALID_PARAMETER);
	CHECK_EQ(do_map(4, 0), GPU_OK_MAP_INFO);
	CHECK_EQ(do_unmap(3), GPU_OK_NODATA);
	CHECK_EQ(do_map(3, 4 * PAGE), GPU_OK_MAP_INFO);
	CHECK_EQ(do_create_host_blob(2, 5, 1, DRIVER_WINDOW + 1), GPU_ERR_OUT_OF_MEMORY);
	CHECK_EQ(do_create_host_blob(2, 5, 1, UINT64_MAX), GPU_ERR_OUT_OF_MEMORY);
	CHECK_EQ(do_map(5, 0), GPU_ERR_INVALID_RESOURCE_ID);
	CHECK_EQ(do_create_host_blob(2, 6, 0, PAGE), GPU_OK_NODATA);
	CHECK_EQ(do_map(6, 16 * PAGE), GPU_ERR_INVALID_PARAMETER); /* not mappable */
	driver_end();
}

static void check_bytes(size_t from, size_t to, uint8_t wanted)
{
	for (size_t i = from; i < to; i++) {
		CHECK_EQ(driver_window.map[i], wanted);
	}
}

static void reused_hostmem_reads_as_zeros(void)
{
	driver_begin(&plain);
	CHECK_EQ(do_create_context(2, 4), GPU_OK_NODATA);
	for (uint32_t id = 3; id <= 5; id++) {
		CHECK_EQ(do_create_host_blob(2, id, 1, 8 * PAGE), GPU_OK_NODATA);
		CHECK_EQ(do_map(id, (uint64_t)8 * PAGE * id), GPU_OK_MAP_INFO);
		memset(driver_window.map + 8 * PAGE * id, (int)id, 8 * PAGE);
	}
	CHECK_EQ(do_create_host_blob(2, 6, 1, 4 * PAGE), GPU_OK_NODATA);
	/* In one turn, so that nothing is given back in between: 3 and 4 go, 6 takes the middle. */
	const struct gpu_resource_request unmap = {
		.header = { .type = GPU_RESOURCE_UNMAP_BLOB },
		.resource_id = 3,
	};
	const struct gpu_resource_request unref = {
		.header = { .type = GPU_RESOURCE_UNREF },
		.resource_id = 4,
	};
	const struct gpu_resource_map_blob map = {
		.header = { .type = GPU_RESOURCE_MAP_BLOB },
		.resource_id = 6,
		.offset = 30 * PAGE,
	};
	driver_send(GPU_QUEUE_CONTROL, &unmap, sizeof(unmap), 24);
	driver_send(GPU_QUEUE_CONTROL, &unref, sizeof(unref), 24);
	int slot = driver_send(GPU_QUEUE_CONTROL, &map, sizeof(map), 32);
	driver_device->kick(driver_device->data, GPU_QUEUE_CONTROL);
	CHECK(driver_is_done(slot));
	CHECK_EQ(driver_result(slot), GPU_OK_MAP_INFO);
	check_bytes(24 * PAGE, 30 * PAGE, 3); /* a resource that is not in use can wait */
	check_bytes(30 * PAGE, 34 * PAGE, 0);
	check_bytes(34 * PAGE, 40 * PAGE, 4);
	memset(driver_window.map + 30 * PAGE, 6, 4 * PAGE);
	driver_settle();
	check_bytes(24 * PAGE, 30 * PAGE, 0);
	check_bytes(30 * PAGE, 34 * PAGE, 6);
	check_bytes(34 * PAGE, 40 * PAGE, 0);
	check_bytes(40 * PAGE, 48 * PAGE, 5);
	driver_end();
}

static void a_reset_empties_the_window(void)
{
	driver_begin(&plain);
	CHECK_EQ(do_create_context(2, 4), GPU_OK_NODATA);
	CHECK_EQ(do_create_host_blob(2, 5, 1, 4 * PAGE), GPU_OK_NODATA);
	CHECK_EQ(do_map(5, 0), GPU_OK_MAP_INFO);
	driver_settle(); /* the start was a reset, too */
	memset(driver_window.map, 5, 8 * PAGE); /* guests can also write outside of blobs */
	driver_window.map[DRIVER_WINDOW - 1] = 9;
	driver_stop();
	driver_restart(false);
	driver_settle();
	check_bytes(0, 8 * PAGE, 5);
	driver_stop();
	driver_restart(true);
	CHECK_EQ(do_create_context(2, 4), GPU_OK_NODATA);
	CHECK_EQ(do_create_host_blob(2, 5, 1, 6 * PAGE), GPU_OK_NODATA);
	CHECK_EQ(do_map(5, 2 * PAGE), GPU_OK_MAP_INFO);
	driver_window.map[2 * PAGE] = 7;
	driver_settle();
	CHECK_EQ(driver_window.map[2 * PAGE], 7);
	driver_window.map[2 * PAGE] = 0;
	check_bytes(0, 8 * PAGE, 0);
	CHECK_EQ(driver_window.map[DRIVER_WINDOW - 1], 0);
	driver_end();
}

static void many_live_blobs(void)
{
	enum { COUNT = 1900 };

	driver_begin(&plain);
	CHECK_EQ(do_create_context(2, 4), GPU_OK_NODATA);
	for (uint32_t i = 0; i < COUNT; i++) {
		uint32_t place = i * 7 % COUNT; /* in no order */
		CHECK_EQ(do_create_host_blob(2, 10 + i, 1, 8 * PAGE), GPU_OK_NODATA);
		CHECK_EQ(do_map(10 + i, (uint64_t)place * 8 * PAGE), GPU_OK_MAP_INFO);
		CHECK_EQ(do_attach(2, 10 + i), GPU_OK_NODATA);
		driver_said();
	}
	for (uint32_t i = 0; i < COUNT; i += 2) {
		CHECK_EQ(do_detach(2, 10 + i), GPU_OK_NODATA);
		CHECK_EQ(do_unmap(10 + i), GPU_OK_NODATA);
		CHECK_EQ(do_unref(10 + i), GPU_OK_NODATA);
		driver_said();
	}
	CHECK_EQ(do_unref(10), GPU_ERR_INVALID_RESOURCE_ID);
	driver_end(); /* with the other half */
}

/* A dumb buffer of another context becomes memory of a renderer: where its pages are, neighbours in one. */
static void a_dumb_buffer_is_given_to_a_renderer(void)
{
	static const struct gpu_mem_entry entries[] = {
		{ DRIVER_DATA + 16 * PAGE, 2 * PAGE },
		{ DRIVER_DATA + 18 * PAGE, PAGE },
		{ DRIVER_DATA, PAGE },
		{ DRIVER_DATA + 2 * PAGE, PAGE },
	};

	driver_begin(&plain);
	CHECK_EQ(do_create_context(2, 4), GPU_OK_NODATA);
	CHECK_EQ(do_create_2d(5, 64, 64), GPU_OK_NODATA);
	CHECK_EQ(do_attach(2, 5), GPU_OK_NODATA);
	CHECK_SAID("create 2 cube\n"); /* there is no memory yet */
	CHECK_EQ(do_attach_backing(5, entries, 4), GPU_OK_NODATA);
	CHECK_SAID("attach 2:5 ram 0x4010000+0x3000 ram 0x4000000+0x1000 ram 0x4002000+0x1000 "
	           "= 0x5000\n");
	CHECK_EQ(DO((struct gpu_resource_request){ .header = { .type = GPU_RESOURCE_DETACH_BACKING },
	                                           .resource_id = 5 }),
	         GPU_OK_NODATA);
	CHECK_SAID("detach 2:5\n");
	CHECK_EQ(do_attach_backing(5, entries, 1), GPU_OK_NODATA);
	CHECK_SAID("attach 2:5 ram 0x4010000+0x2000 = 0x2000\n");

	CHECK_EQ(do_create_guest_blob(6, DRIVER_DATA, 2 * PAGE), GPU_OK_NODATA);
	CHECK_EQ(do_attach(2, 6), GPU_OK_NODATA);
	CHECK_SAID("attach 2:6 ram 0x4000000+0x2000 = 0x2000\n");
	driver_end();
}

static void memory_that_is_not_made_of_pages_is_for_no_renderer(void)
{
	driver_begin(&plain);
	CHECK_EQ(do_create_context(2, 4), GPU_OK_NODATA);
	driver_said();
	CHECK_EQ(do_create_guest_blob(6, DRIVER_DATA + 64, 2 * PAGE), GPU_OK_NODATA);
	CHECK_EQ(do_attach(2, 6), GPU_ERR_UNSPEC);
	CHECK_SAID("");
	driver_end();
}

static void a_blob_that_is_never_mapped_has_memory_of_its_own(void)
{
	driver_begin(&plain);
	CHECK_EQ(do_create_context(2, 4), GPU_OK_NODATA);
	CHECK_EQ(do_create_context(3, 4), GPU_OK_NODATA);
	driver_said();
	CHECK_EQ(do_create_host_blob(2, 5, 2, 100), GPU_OK_NODATA);
	CHECK_EQ(do_attach(2, 5), GPU_OK_NODATA);
	CHECK_EQ(do_attach(3, 5), GPU_OK_NODATA);
	CHECK_SAID("attach 2:5 other 0x0+0x1000 = 0x1000\nattach 3:5 other 0x0+0x1000 = 0x1000\n");
	CHECK_EQ(do_create_host_blob(2, 6, 2, MOST_OF_IMAGES), GPU_ERR_OUT_OF_MEMORY);
	CHECK_EQ(do_create_host_blob(2, 6, 2, MOST_OF_IMAGES - PAGE), GPU_OK_NODATA);
	CHECK_EQ(do_create_host_blob(2, 7, 2, PAGE), GPU_ERR_OUT_OF_MEMORY);
	CHECK_EQ(do_unref(6), GPU_OK_NODATA);
	CHECK_EQ(do_create_host_blob(2, 7, 2, PAGE), GPU_OK_NODATA);
	driver_end();
}

/* Whatever a program takes, and in whatever order, displays get new pictures. */
static void blobs_leave_room_for_pictures(void)
{
	uint32_t id;

	driver_begin(&plain);
	CHECK_EQ(do_create_context(2, 4), GPU_OK_NODATA);
	/* Scattered over all of the address space: every other blob goes, again and again. */
	for (uint32_t round = 0; round < 3; round++) {
		for (id = 1000; do_create_host_blob(2, id, 2, (size_t)PAGE << round) != GPU_ERR_OUT_OF_MEMORY;
		     id++) {
		}
		for (id = 1000 + round % 2; do_unref(id) == GPU_OK_NODATA; id += 2) {
		}
	}
	for (id = 10000; do_create_host_blob(2, id, 2, PAGE) == GPU_OK_NODATA; id++) {
	}
	CHECK_EQ(do_create_2d(1, 2048, 2048), GPU_OK_NODATA); /* a quarter */
	CHECK_EQ(do_create_2d(2, 32, 32), GPU_OK_NODATA);
	driver_end();
}

/* Memory of the guest that a renderer shall use: the same thing as a guest blob that is attached. */
static void blobs_of_both(void)
{
	struct {
		struct gpu_resource_create_blob request;
		struct gpu_mem_entry entry;
	} both = {
		.request = {
			.header = { .type = GPU_RESOURCE_CREATE_BLOB, .ctx_id = 2 },
			.resource_id = 3, .blob_mem = 3, .blob_flags = 2, .entry_count = 1,
			.blob_id = 77, .size = PAGE,
		},
		.entry = { DRIVER_DATA, PAGE },
	};

	driver_begin(&plain);
	CHECK_EQ(DO(both), GPU_ERR_INVALID_CONTEXT_ID);
	CHECK_EQ(do_create_context(2, 4), GPU_OK_NODATA);
	CHECK_EQ(DO(both), GPU_OK_NODATA);
	CHECK_EQ(do_attach(2, 3), GPU_OK_NODATA);
	CHECK_SAID("create 2 cube\nattach 2:3 ram 0x4000000+0x1000 = 0x1000\n");
	CHECK_EQ(do_map(3, 0), GPU_ERR_INVALID_PARAMETER);
	driver_end();
}

static void ids_are_checked(void)
{
	driver_begin(&plain);
	CHECK_EQ(do_create_2d(0, 32, 32), GPU_ERR_INVALID_RESOURCE_ID);
	CHECK_EQ(do_create_2d(5, 32, 32), GPU_OK_NODATA);
	CHECK_EQ(do_create_2d(5, 32, 32), GPU_ERR_INVALID_RESOURCE_ID);
	CHECK_EQ(do_create_guest_blob(5, DRIVER_DATA, PAGE), GPU_ERR_INVALID_RESOURCE_ID);
	CHECK_EQ(do_create_guest_blob(0, DRIVER_DATA, PAGE), GPU_ERR_INVALID_RESOURCE_ID);
	CHECK_EQ(do_create_host_blob(2, 6, 1, PAGE), GPU_ERR_INVALID_CONTEXT_ID);
	CHECK_EQ(do_create_context(0, 4), GPU_ERR_INVALID_CONTEXT_ID);
	CHECK_EQ(do_create_context(2, 4), GPU_OK_NODATA);
	CHECK_EQ(do_create_context(2, 4), GPU_ERR_INVALID_CONTEXT_ID);
	CHECK_EQ(do_create_context(3, 1), GPU_ERR_INVALID_PARAMETER);
	CHECK_EQ(do_create_context(UINT32_MAX, 0), GPU_OK_NODATA);
	CHECK_EQ(do_attach(3, 5), GPU_ERR_INVALID_CONTEXT_ID);
	CHECK_EQ(do_attach(2, 6), GPU_ERR_INVALID_RESOURCE_ID);
	CHECK_EQ(do_detach(3, 5), GPU_ERR_INVALID_CONTEXT_ID);
	CHECK_EQ(do_submit(3, NULL, 0), GPU_ERR_INVALID_CONTEXT_ID);
	CHECK_EQ(do_destroy_context(3), GPU_ERR_INVALID_CONTEXT_ID);
	CHECK_EQ(do_unref(6), GPU_ERR_INVALID_RESOURCE_ID);
	CHECK_EQ(do_unmap(6), GPU_ERR_INVALID_RESOURCE_ID);
	CHECK_EQ(do_flush(6, (struct gpu_rect){ 0 }), GPU_ERR_INVALID_RESOURCE_ID);
	CHECK_EQ(do_set_scanout(1, 5, (struct gpu_rect){ 0, 0, 32, 32 }), GPU_ERR_INVALID_SCANOUT_ID);
	CHECK_EQ(do_set_scanout(0, 6, (struct gpu_rect){ 0, 0, 32, 32 }), GPU_ERR_INVALID_RESOURCE_ID);
	CHECK_EQ(do_unref(5), GPU_OK_NODATA);
	CHECK_EQ(do_create_2d(5, 32, 32), GPU_OK_NODATA); /* ids may come again */
	CHECK_EQ(do_create_2d(UINT32_MAX, 32, 32), GPU_OK_NODATA);
	driver_end();
}

static void what_resources_cannot_be(void)
{
	static const struct gpu_mem_entry one = { DRIVER_DATA, PAGE };
	static const struct {
		uint32_t format, width, height, answer;
	} bad_2d[] = {
		{ 0, 32, 32, GPU_ERR_INVALID_PARAMETER },
		{ 5, 32, 32, GPU_ERR_INVALID_PARAMETER },
		{ 135, 32, 32, GPU_ERR_INVALID_PARAMETER },
		{ 2, 0, 32, GPU_ERR_INVALID_PARAMETER },
		{ 2, 32, 0, GPU_ERR_INVALID_PARAMETER },
		{ 2, 16385, 1, GPU_ERR_OUT_OF_MEMORY },
		{ 2, 1, 16385, GPU_ERR_OUT_OF_MEMORY },
		{ 2, 16384, 16384, GPU_ERR_OUT_OF_MEMORY },
		{ 2, UINT32_MAX, UINT32_MAX, GPU_ERR_OUT_OF_MEMORY },
		{ 2, 0x10000, 0x10000, GPU_ERR_OUT_OF_MEMORY },
	};
	static const struct gpu_resource_create_blob bad_blobs[] = {
		{ .blob_mem = 0, .size = PAGE, .entry_count = 1 },
		{ .blob_mem = 4, .size = PAGE, .entry_count = 1 },
		{ .blob_mem = 1, .size = 0, .entry_count = 1 },
		{ .blob_mem = 1, .size = PAGE, .entry_count = 0 },
		{ .blob_mem = 1, .size = PAGE, .entry_count = 2 }, /* the second is not there */
		{ .blob_mem = 1, .size = PAGE, .entry_count = UINT32_MAX },
		{ .blob_mem = 1, .size = PAGE + 1, .entry_count = 1 },
		{ .blob_mem = 1, .size = PAGE, .entry_count = 1, .blob_flags = 8 },
		{ .blob_mem = 2, .size = PAGE, .entry_count = 1, .blob_flags = 1 },
		{ .blob_mem = 2, .size = 0, .entry_count = 0, .blob_flags = 1 },
	};

	driver_begin(&plain);
	CHECK_EQ(do_create_context(2, 4), GPU_OK_NODATA);
	for (size_t i = 0; i < sizeof(bad_2d) / sizeof(bad_2d[0]); i++) {
		CHECK_EQ(DO((struct gpu_resource_create_2d){
				 .header = { .type = GPU_RESOURCE_CREATE_2D },
				 .resource_id = 5,
				 .format = bad_2d[i].format,
				 .width = bad_2d[i].width,
				 .height = bad_2d[i].height,
			 }),
		         bad_2d[i].answer);
	}
	for (size_t i = 0; i < sizeof(bad_blobs) / sizeof(bad_blobs[0]); i++) {
		struct {
			struct gpu_resource_create_blob request;
			struct gpu_mem_entry entry;
		} both = { bad_blobs[i], one };
		both.request.header = (struct gpu_header){ .type = GPU_RESOURCE_CREATE_BLOB, .ctx_id = 2 };
		both.request.resource_id = 5;
		CHECK_EQ(DO(both), GPU_ERR_INVALID_PARAMETER);
	}
	CHECK_EQ(do_unref(5), GPU_ERR_INVALID_RESOURCE_ID);
	CHECK_EQ(do_create_2d(5, 16384, 1), GPU_OK_NODATA);
	driver_end();
}

static void backing_is_checked_and_limited(void)
{
	static struct gpu_mem_entry entries[16385];
	struct gpu_mem_entry one = { DRIVER_DATA, PAGE };

	driver_begin(&plain);
	CHECK_EQ(do_create_2d(5, 32, 32), GPU_OK_NODATA);
	CHECK_EQ(do_attach_backing(6, &one, 1), GPU_ERR_INVALID_RESOURCE_ID);
	CHECK_EQ(do_attach_backing(5, &one, 0), GPU_ERR_INVALID_PARAMETER);
	static const struct gpu_mem_entry bad[] = {
		{ DRIVER_DATA, 0 },
		{ DRIVER_DATA + DRIVER_DATA_SIZE, PAGE },
		{ DRIVER_DATA + DRIVER_DATA_SIZE - PAGE, PAGE + 1 },
		{ UINT64_MAX, PAGE },
		{ UINT64_MAX - PAGE + 1, PAGE },
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK_EQ(do_attach_backing(5, &bad[i], 1), GPU_ERR_INVALID_PARAMETER);
	}
	for (size_t i = 0; i < 16385; i++) {
		entries[i] = (struct gpu_mem_entry){ DRIVER_DATA + 2 * PAGE * (i % 4000), PAGE };
	}
	CHECK_EQ(do_attach_backing(5, entries, 16385), GPU_ERR_OUT_OF_MEMORY);
	CHECK_EQ(do_attach_backing(5, entries, 16384), GPU_OK_NODATA);
	CHECK_EQ(do_attach_backing(5, &one, 1), GPU_ERR_INVALID_PARAMETER); /* twice */
	CHECK_EQ(do_create_guest_blob(7, DRIVER_DATA, PAGE), GPU_OK_NODATA);
	CHECK_EQ(do_attach_backing(7, &one, 1), GPU_ERR_INVALID_PARAMETER);
	driver_end();
}

static void all_backings_together_are_limited(void)
{
	static struct gpu_mem_entry entries[16384];
	uint32_t id = 1;

	driver_begin(&plain);
	for (size_t i = 0; i < 16384; i++) {
		entries[i] = (struct gpu_mem_entry){ DRIVER_DATA + 2 * PAGE * (i % 4000), PAGE };
	}
	for (uint32_t answer = GPU_OK_NODATA; answer == GPU_OK_NODATA; id++) {
		CHECK(id <= 65);
		CHECK_EQ(do_create_2d(id, 32, 32), GPU_OK_NODATA);
		answer = do_attach_backing(id, entries, 16384);
		CHECK(answer == GPU_OK_NODATA || answer == GPU_ERR_OUT_OF_MEMORY);
	}
	CHECK_EQ(id - 1, 65); /* the 65th was refused: 2^20 */
	CHECK_EQ(do_unref(1), GPU_OK_NODATA);
	CHECK_EQ(do_attach_backing(65, entries, 16384), GPU_OK_NODATA);
	driver_end();
}

static void counts_are_limited(void)
{
	uint32_t id;

	driver_begin(&plain);
	for (id = 1; do_create_context(id, 4) == GPU_OK_NODATA; id++) {
	}
	CHECK_EQ(id, 65);
	CHECK_EQ(do_create_context(id, 4), GPU_ERR_OUT_OF_MEMORY);
	CHECK_EQ(do_destroy_context(7), GPU_OK_NODATA);
	CHECK_EQ(do_create_context(id, 4), GPU_OK_NODATA);
	for (id = 100; do_create_context(id, 0) == GPU_OK_NODATA; id++) {
	}
	CHECK_EQ(id, 100 + 1024 - 64);
	for (id = 1; do_create_2d(id, 32, 32) == GPU_OK_NODATA; id++) {
	}
	CHECK_EQ(id, 4097); /* each has memory of ours */
	driver_end();
}

static void renderers_may_refuse(void)
{
	static const uint32_t commands[2] = { 1, 2 };

	driver_begin(&plain);
	render_create_error = VTR_ERR_LIMIT;
	CHECK_EQ(do_create_context(2, 4), GPU_ERR_OUT_OF_MEMORY);
	CHECK_EQ(do_submit(2, commands, 8), GPU_ERR_INVALID_CONTEXT_ID);
	render_create_error = VTR_ERR_OS;
	CHECK_EQ(do_create_context(2, 4), GPU_ERR_UNSPEC);
	render_create_error = VTR_OK;
	CHECK_EQ(do_create_context(2, 4), GPU_OK_NODATA);
	render_submit_error = VTR_ERR_NOMEM;
	CHECK_EQ(do_submit(2, commands, 8), GPU_ERR_OUT_OF_MEMORY);
	render_submit_error = VTR_ERR_GONE;
	CHECK_EQ(do_submit(2, commands, 8), GPU_ERR_UNSPEC);
	render_attach_error = VTR_ERR_NOMEM;
	CHECK_EQ(do_create_host_blob(2, 3, 1, PAGE), GPU_OK_NODATA);
	CHECK_EQ(do_attach(2, 3), GPU_OK_NODATA);
	CHECK_EQ(do_map(3, 0), GPU_OK_MAP_INFO); /* mapping did work */
	driver_end();
}

static void submits_are_checked(void)
{
	static const uint32_t commands[4] = { 0x11, 2, 3, 4 };
	struct gpu_submit_3d request = {
		.header = { .type = GPU_SUBMIT_3D, .ctx_id = 2 },
	};

	driver_begin(&plain);
	CHECK_EQ(do_create_context(2, 4), GPU_OK_NODATA);
	CHECK_EQ(do_create_context(3, 0), GPU_OK_NODATA);
	driver_said();
	CHECK_EQ(do_submit(2, commands, 16), GPU_OK_NODATA);
	CHECK_EQ(do_submit(2, NULL, 0), GPU_OK_NODATA);
	CHECK_SAID("submit 2: 16 0x11\n");
	CHECK_EQ(do_submit(2, commands, 6), GPU_ERR_INVALID_PARAMETER);
	request.size = 4; /* which do not follow */
	CHECK_EQ(DO(request), GPU_ERR_INVALID_PARAMETER);
	request.size = UINT32_MAX - 3;
	CHECK_EQ(DO(request), GPU_ERR_INVALID_PARAMETER);
	CHECK_EQ(do_submit(3, NULL, 0), GPU_OK_NODATA);
	CHECK_EQ(do_submit(3, commands, 16), GPU_ERR_UNSPEC);
	CHECK_SAID("");
	driver_end();
}

static void names_are_made_printable(void)
{
	struct gpu_ctx_create request = {
		.header = { .type = GPU_CTX_CREATE, .ctx_id = 2 },
		.name_length = UINT32_MAX,
		.context_init = 0xffffff04, /* bits without a meaning yet */
	};

	driver_begin(&plain);
	memset(request.name, '\n', sizeof(request.name));
	CHECK_EQ(DO(request), GPU_OK_NODATA);
	const char *said = driver_said();
	CHECK_EQ(strncmp(said, "create 2 \\", 10), 0);
	CHECK(strchr(said, '\n') == said + strlen(said) - 1);
	driver_end();
}

/* Every command, with every length: only the whole is taken. */
static void short_requests_are_answered(void)
{
	static const struct {
		uint32_t queue, type;
		size_t size;
	} commands[] = {
		{ 0, GPU_GET_DISPLAY_INFO, 24 },
		{ 0, GPU_RESOURCE_CREATE_2D, 40 },
		{ 0, GPU_RESOURCE_UNREF, 32 },
		{ 0, GPU_SET_SCANOUT, 48 },
		{ 0, GPU_RESOURCE_FLUSH, 48 },
		{ 0, GPU_TRANSFER_TO_HOST_2D, 56 },
		{ 0, GPU_RESOURCE_ATTACH_BACKING, 32 },
		{ 0, GPU_RESOURCE_DETACH_BACKING, 32 },
		{ 0, GPU_GET_CAPSET_INFO, 32 },
		{ 0, GPU_GET_CAPSET, 32 },
		{ 0, GPU_GET_EDID, 32 },
		{ 0, GPU_RESOURCE_CREATE_BLOB, 56 },
		{ 0, GPU_SET_SCANOUT_BLOB, 96 },
		{ 0, GPU_CTX_CREATE, 96 },
		{ 0, GPU_CTX_DESTROY, 24 },
		{ 0, GPU_CTX_ATTACH_RESOURCE, 32 },
		{ 0, GPU_CTX_DETACH_RESOURCE, 32 },
		{ 0, GPU_SUBMIT_3D, 32 },
		{ 0, GPU_RESOURCE_MAP_BLOB, 40 },
		{ 0, GPU_RESOURCE_UNMAP_BLOB, 32 },
		{ 1, GPU_UPDATE_CURSOR, 56 },
		{ 1, GPU_MOVE_CURSOR, 56 },
	};

	driver_begin(&plain);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		uint32_t bytes[32] = { commands[i].type };
		for (size_t size = 1; size < commands[i].size; size++) {
			int slot = driver_send(commands[i].queue, bytes, size, 64);
			driver_kick();
			CHECK_EQ(driver_result(slot), size < 24 ? GPU_ERR_UNSPEC : GPU_ERR_INVALID_PARAMETER);
			/* Each on its own queue only. */
			slot = driver_send(!commands[i].queue, bytes, commands[i].size, 64);
			driver_kick();
			CHECK_EQ(driver_result(slot), GPU_ERR_UNSPEC);
		}
	}
	driver_end();
}

static void unknown_commands_are_answered(void)
{
	static const uint32_t types[] = { 0,     0xff,  0x10b, 0x10e, 0x1ff,  0x204,
		                          0x205, 0x206, 0x20a, 0x302, 0x1100, UINT32_MAX };

	driver_begin(&plain);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		uint32_t bytes[64] = { types[i] };
		CHECK_EQ(DO(bytes), GPU_ERR_UNSPEC);
	}
	driver_end();
}

/* Answers are cut to the room that there is, and never lost. */
static void little_room_for_answers(void)
{
	const struct gpu_header request = { .type = GPU_GET_DISPLAY_INFO };
	size_t size;

	driver_begin(&plain);
	for (size_t room = 0; room <= 30; room++) {
		int slot = driver_send(GPU_QUEUE_CONTROL, &request, sizeof(request), room);
		driver_kick();
		const uint8_t *answer = driver_answer(slot, &size);
		CHECK_EQ(size, room);
		CHECK_EQ(answer[room], 0xee);
	}
	driver_end();
}

static void one_interrupt_for_a_batch(void)
{
	const struct gpu_header request = { .type = GPU_GET_DISPLAY_INFO };
	int slots[20];

	driver_begin(&plain);
	for (int i = 0; i < 20; i++) {
		slots[i] = driver_send(GPU_QUEUE_CONTROL, &request, sizeof(request), 408);
	}
	driver_kick();
	for (int i = 0; i < 20; i++) {
		CHECK_EQ(driver_result(slots[i]), GPU_OK_DISPLAY_INFO);
	}
	CHECK_EQ(driver_interrupts(), 1);
	driver_end();
}

int main(void)
{
	RUN(venus_starts_up);
	RUN(attach_before_map);
	RUN(blob_larger_than_asked_because_of_alignment);
	RUN(the_window_is_shared_out_without_overlaps);
	RUN(reused_hostmem_reads_as_zeros);
	RUN(a_reset_empties_the_window);
	RUN(many_live_blobs);
	RUN(a_dumb_buffer_is_given_to_a_renderer);
	RUN(memory_that_is_not_made_of_pages_is_for_no_renderer);
	RUN(a_blob_that_is_never_mapped_has_memory_of_its_own);
	RUN(blobs_leave_room_for_pictures);
	RUN(blobs_of_both);
	RUN(ids_are_checked);
	RUN(what_resources_cannot_be);
	RUN(backing_is_checked_and_limited);
	RUN(all_backings_together_are_limited);
	RUN(counts_are_limited);
	RUN(renderers_may_refuse);
	RUN(submits_are_checked);
	RUN(names_are_made_printable);
	RUN(short_requests_are_answered);
	RUN(unknown_commands_are_answered);
	RUN(little_room_for_answers);
	RUN(one_interrupt_for_a_batch);
	return 0;
}
