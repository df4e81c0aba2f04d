/* SPDX-License-Identifier: MIT */
#include "gpu_driver.h"
#include "test.h"

/*
 * Memory that renderers use: a guest gets the answer that frees it only after they have released it, since it
 * reuses the memory at once.
 */

#define BLOB 0x4000

static const struct driver_options plain = { 0 };

static int send(uint32_t type, uint32_t resource_id)
{
	const struct gpu_resource_request request = {
		.header = { .type = type },
		.resource_id = resource_id,
	};
	int slot = driver_send(GPU_QUEUE_CONTROL, &request, sizeof(request), 24);

	driver_kick();
	return slot;
}

/* Contexts 1 and 2, of which the first has blob 5 in hostmem at 0. */
static void begin(void)
{
	driver_begin(&plain);
	CHECK_EQ(do_create_context(1, 4), GPU_OK_NODATA);
	CHECK_EQ(do_create_context(2, 4), GPU_OK_NODATA);
	CHECK_EQ(do_create_host_blob(1, 5, 1, BLOB), GPU_OK_NODATA);
	CHECK_EQ(do_map(5, 0), GPU_OK_MAP_INFO);
	CHECK_EQ(do_attach(1, 5), GPU_OK_NODATA);
	CHECK_EQ(do_create_host_blob(1, 6, 1, BLOB), GPU_OK_NODATA);
	memset(driver_window.map, 0x77, BLOB);
	render_holds_on = true;
}

/* Whether the place of blob 5 can be had, and is empty. */
static void check_free(bool wanted)
{
	bool is_free = do_map(6, 0) == GPU_OK_MAP_INFO;

	CHECK_EQ(is_free, wanted);
	if (is_free) {
		CHECK_EQ(driver_window.map[0], 0);
		CHECK_EQ(driver_window.map[BLOB - 1], 0);
	}
}

static void as_linux_does_it(void)
{
	begin();
	CHECK_EQ(do_detach(1, 5), GPU_OK_NODATA); /* nothing depends on this one */
	int unmap = send(GPU_RESOURCE_UNMAP_BLOB, 5);
	int unref = send(GPU_RESOURCE_UNREF, 5);
	CHECK(!driver_is_done(unmap));
	CHECK(!driver_is_done(unref));
	check_free(false);
	render_let_go();
	driver_kick();
	CHECK_EQ(driver_result(unmap), GPU_OK_NODATA);
	CHECK_EQ(driver_result(unref), GPU_OK_NODATA);
	check_free(true);
	driver_end();
}

static void each_step_by_itself(void)
{
	begin();
	int unmap = send(GPU_RESOURCE_UNMAP_BLOB, 5);
	CHECK(!driver_is_done(unmap));
	render_let_go();
	driver_kick();
	CHECK_EQ(driver_result(unmap), GPU_OK_NODATA);
	check_free(true);
	CHECK_EQ(do_unref(5), GPU_OK_NODATA);

	/* Mapped again elsewhere before. */
	CHECK_EQ(do_attach(2, 6), GPU_OK_NODATA);
	unmap = send(GPU_RESOURCE_UNMAP_BLOB, 6);
	CHECK_EQ(do_map(6, 2 * BLOB), GPU_OK_MAP_INFO);
	int unref = send(GPU_RESOURCE_UNREF, 6);
	CHECK(!driver_is_done(unmap));
	CHECK(!driver_is_done(unref));
	render_let_go();
	driver_kick();
	CHECK_EQ(driver_result(unmap), GPU_OK_NODATA);
	CHECK_EQ(driver_result(unref), GPU_OK_NODATA);
	driver_end();
}

static void all_renderers_must(void)
{
	begin();
	CHECK_EQ(do_attach(2, 5), GPU_OK_NODATA);
	CHECK_EQ(do_detach(1, 5), GPU_OK_NODATA);
	render_let_go();
	int unref = send(GPU_RESOURCE_UNREF, 5);
	CHECK(!driver_is_done(unref));
	check_free(false);
	render_let_go();
	driver_kick();
	CHECK_EQ(driver_result(unref), GPU_OK_NODATA);
	check_free(true);
	driver_end();
}

static void fences_wait_too(void)
{
	const struct gpu_resource_request request = {
		.header = { .type = GPU_RESOURCE_UNREF, .flags = GPU_FLAG_FENCE, .fence_id = 9 },
		.resource_id = 5,
	};

	begin();
	int unref = driver_send(GPU_QUEUE_CONTROL, &request, sizeof(request), 24);
	driver_kick();
	CHECK(!driver_is_done(unref));
	render_let_go();
	driver_kick();
	size_t size;
	const struct gpu_header *answer = driver_answer(unref, &size);
	CHECK_EQ(answer->type, GPU_OK_NODATA);
	CHECK_EQ((int64_t)answer->fence_id, 9);
	driver_end();
}

/* A dead renderer's process may still access it. */
static void until_the_process_has_ended(void)
{
	for (int dies = 0; dies < 2; dies++) {
		begin();
		if (dies) {
			render_die(1);
		}
		int unref = send(GPU_RESOURCE_UNREF, 5);
		CHECK(!driver_is_done(unref));
		CHECK_EQ(do_destroy_context(1), GPU_OK_NODATA);
		CHECK(!driver_is_done(unref));
		check_free(false);
		render_let_go();
		driver_kick();
		CHECK_EQ(driver_result(unref), GPU_OK_NODATA);
		check_free(true);
		driver_end();
	}
}

/* The context is destroyed first, with its resources still attached. */
static void after_the_context(void)
{
	begin();
	CHECK_EQ(do_destroy_context(1), GPU_OK_NODATA);
	int unref = send(GPU_RESOURCE_UNREF, 5);
	CHECK(!driver_is_done(unref));
	render_let_go();
	driver_kick();
	CHECK_EQ(driver_result(unref), GPU_OK_NODATA);
	check_free(true);
	driver_end();
}

static void guest_memory(void)
{
	const struct gpu_mem_entry entry = { .addr = DRIVER_DATA, .length = 0x1000 };

	begin();
	CHECK_EQ(do_create_2d(7, 32, 32), GPU_OK_NODATA);
	CHECK_EQ(do_attach_backing(7, &entry, 1), GPU_OK_NODATA);
	CHECK_EQ(do_attach(1, 7), GPU_OK_NODATA);
	int detach = send(GPU_RESOURCE_DETACH_BACKING, 7);
	CHECK(!driver_is_done(detach));
	render_let_go();
	driver_kick();
	CHECK_EQ(driver_result(detach), GPU_OK_NODATA);
	CHECK_EQ(do_attach_backing(7, &entry, 1), GPU_OK_NODATA);
	int unref = send(GPU_RESOURCE_UNREF, 7);
	CHECK(!driver_is_done(unref));
	render_let_go();
	driver_kick();
	CHECK_EQ(driver_result(unref), GPU_OK_NODATA);
	driver_end();
}

/* Only renderers that received the memory are asked. */
static void nothing_to_wait_for(void)
{
	begin();
	CHECK_EQ(do_unmap(6), GPU_ERR_INVALID_PARAMETER);
	CHECK_EQ(do_unref(6), GPU_OK_NODATA);
	CHECK_EQ(do_create_host_blob(1, 8, 1, BLOB), GPU_OK_NODATA);
	CHECK_EQ(do_map(8, BLOB), GPU_OK_MAP_INFO);
	CHECK_EQ(do_unmap(8), GPU_OK_NODATA);
	CHECK_EQ(do_map(8, BLOB), GPU_OK_MAP_INFO);
	CHECK_EQ(do_unref(8), GPU_OK_NODATA);
	driver_end();
}

static void a_reset_does_not_wait(void)
{
	begin();
	int unref = send(GPU_RESOURCE_UNREF, 5);
	CHECK(!driver_is_done(unref));
	driver_stop();
	driver_restart(true);
	CHECK_EQ(do_create_context(1, 4), GPU_OK_NODATA);
	CHECK_EQ(do_create_host_blob(1, 6, 1, BLOB), GPU_OK_NODATA);
	check_free(true);
	CHECK_EQ(do_attach(1, 6), GPU_OK_NODATA);
	/* The late events are about memory without an owner. */
	render_let_go();
	driver_kick();
	CHECK_EQ(do_map(6, BLOB), GPU_ERR_INVALID_PARAMETER);
	unref = send(GPU_RESOURCE_UNREF, 6);
	CHECK(!driver_is_done(unref));
	render_let_go();
	driver_kick();
	CHECK_EQ(driver_result(unref), GPU_OK_NODATA);
	driver_end();
}

int main(void)
{
	RUN(as_linux_does_it);
	RUN(each_step_by_itself);
	RUN(all_renderers_must);
	RUN(fences_wait_too);
	RUN(until_the_process_has_ended);
	RUN(after_the_context);
	RUN(guest_memory);
	RUN(nothing_to_wait_for);
	RUN(a_reset_does_not_wait);
	return 0;
}
