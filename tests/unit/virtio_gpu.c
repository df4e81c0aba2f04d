/* SPDX-License-Identifier: MIT */
#include "virtio/gpu.h"

#include "gpu_driver.h"
#include "test.h"

#define PAGE 4096u

static const struct driver_options plain = { 0 };

static void what_the_guest_sees_first(void)
{
	struct gpu_config config;
	uint8_t beyond[32];

	driver_begin(&(struct driver_options){ .display_count = 4 });
	CHECK_EQ(driver_device->features, 0x3b);
	CHECK(driver_device->window == &driver_window);
	driver_device->read_config(driver_device->data, 0, &config, sizeof(config));
	CHECK_EQ(config.events_read, 0);
	CHECK_EQ(config.num_scanouts, 4);
	CHECK_EQ(config.num_capsets, 1);
	CHECK_EQ(config.blob_alignment, 4096);
	memset(beyond, 0xff, sizeof(beyond));
	driver_device->read_config(driver_device->data, 8, beyond, sizeof(beyond));
	CHECK_EQ(beyond[0], 4);
	for (size_t i = 12; i < sizeof(beyond); i++) {
		CHECK_EQ(beyond[i], 0);
	}
	driver_device->read_config(driver_device->data, UINT32_MAX, beyond, sizeof(beyond));
	CHECK_EQ(beyond[0], 0);
	driver_end();
}

static void capsets(void)
{
	size_t size;

	driver_begin(&plain);
	struct gpu_get_capset_info get_info = { .header = { .type = GPU_GET_CAPSET_INFO } };
	int slot = driver_send(GPU_QUEUE_CONTROL, &get_info, sizeof(get_info), 40);
	driver_kick();
	const struct gpu_capset_info *info = driver_answer(slot, &size);
	CHECK_EQ(size, sizeof(*info));
	CHECK_EQ(info->header.type, GPU_OK_CAPSET_INFO);
	CHECK_EQ(info->id, 4);
	CHECK_EQ(info->max_version, 0);
	CHECK_EQ(info->max_size, 160);
	get_info.index = 1;
	CHECK_EQ(DO(get_info), GPU_ERR_INVALID_PARAMETER);

	struct gpu_get_capset get = { .header = { .type = GPU_GET_CAPSET }, .id = 4 };
	slot = driver_send(GPU_QUEUE_CONTROL, &get, sizeof(get), 24 + 160);
	driver_kick();
	const struct gpu_capset *capset = driver_answer(slot, &size);
	CHECK_EQ(size, sizeof(*capset));
	CHECK_EQ(capset->header.type, GPU_OK_CAPSET);
	for (size_t i = 0; i < sizeof(capset->data); i++) {
		CHECK_EQ(capset->data[i], (uint8_t)(i * 3 + 1));
	}
	get.version = 1;
	CHECK_EQ(DO(get), GPU_ERR_INVALID_PARAMETER);
	get.version = 0;
	get.id = 1;
	CHECK_EQ(DO(get), GPU_ERR_INVALID_PARAMETER);
	driver_end();
}

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
	           "attach 2:3 window 0x0 = 0x21000\n"
	           "submit 2: 140 0xbc\n"
	           "attach 2:4 window 0x21000 = 0x100000\n");
	CHECK_EQ(do_detach(2, 4), GPU_OK_NODATA);
	CHECK_EQ(do_unmap(4), GPU_OK_NODATA);
	CHECK_EQ(do_unref(4), GPU_OK_NODATA);
	CHECK_EQ(do_destroy_context(2), GPU_OK_NODATA);
	CHECK_SAID("detach 2:4\ndestroy 2\n");
	driver_end();
}

int main(void)
{
	RUN(what_the_guest_sees_first);
	RUN(capsets);
	RUN(venus_starts_up);
	return 0;
}
