/* SPDX-License-Identifier: MIT */
#include "gpu_driver.h"
#include "test.h"

/* What a guest reads about the device, changes at run time, pauses and resets. */

#define PAGE 4096u

static const struct driver_options plain = { 0 };

static void what_the_guest_sees_first(void)
{
	struct gpu_config config;
	uint8_t beyond[32];

	driver_begin(&(struct driver_options){ .display_count = 4 });
	CHECK_EQ(driver_device->features, 0x3b);
	CHECK(driver_device->hostmem == &driver_window);
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
	driver_begin(&(struct driver_options){ .blob_alignment = 16384 });
	driver_device->read_config(driver_device->data, 0, &config, sizeof(config));
	CHECK_EQ(config.blob_alignment, 16384);
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

static void read_display_info(struct gpu_display_info *out)
{
	const struct gpu_header request = { .type = GPU_GET_DISPLAY_INFO };
	size_t size;
	int slot = driver_send(GPU_QUEUE_CONTROL, &request, sizeof(request), 408);

	driver_kick();
	const void *answer = driver_answer(slot, &size);
	CHECK_EQ(size, sizeof(*out));
	memcpy(out, answer, sizeof(*out));
	CHECK_EQ(out->header.type, GPU_OK_DISPLAY_INFO);
}

static uint32_t edid_width(uint32_t display)
{
	const struct gpu_get_edid request = { .header = { .type = GPU_GET_EDID }, display };
	size_t size;
	int slot = driver_send(GPU_QUEUE_CONTROL, &request, sizeof(request), 1056);

	driver_kick();
	const struct gpu_edid *edid = driver_answer(slot, &size);
	if (edid->header.type != GPU_OK_EDID) {
		CHECK_EQ(edid->header.type, GPU_ERR_INVALID_SCANOUT_ID);
		return 0;
	}
	CHECK_EQ(size, sizeof(*edid));
	CHECK_EQ(edid->size, 128);
	return edid->data[56] | (uint32_t)(edid->data[58] >> 4) << 8;
}

static uint32_t events_read(void)
{
	uint32_t events;

	driver_device->read_config(driver_device->data, 0, &events, sizeof(events));
	return events;
}

static void set_mode(uint32_t display, bool connected, uint32_t width, uint32_t height)
{
	vtr_virtio_gpu_screen_events.mode(driver_gpu, display, connected, width, height);
}

static void displays_come_and_go_and_change_size(void)
{
	struct gpu_display_info info;
	const uint32_t clear[6] = { 0, 1, 99, 99, 99, 99 }; /* QEMU writes the whole */

	driver_begin(&(struct driver_options){ .display_count = 3 });
	read_display_info(&info);
	CHECK_EQ(info.displays[0].enabled, 1);
	CHECK_EQ(info.displays[0].rect.width, 1280);
	CHECK_EQ(info.displays[1].rect.x, 1280);
	CHECK_EQ(info.displays[1].rect.width, 1344);
	for (size_t i = 2; i < 16; i++) {
		CHECK_EQ(info.displays[i].enabled, 0);
	}
	CHECK_EQ(edid_width(1), 1344);
	CHECK_EQ(edid_width(2), 1408); /* what it will be */
	CHECK_EQ(edid_width(3), 0);
	CHECK_EQ(events_read(), 0);

	set_mode(2, true, 800, 600);
	CHECK_SAID("mode 2 on 800x600\n");
	CHECK_EQ(config_changes, 1);
	CHECK_EQ(events_read(), 1);
	read_display_info(&info);
	CHECK_EQ(info.displays[2].enabled, 1);
	CHECK_EQ(info.displays[2].rect.x, 1280 + 1344);
	CHECK_EQ(info.displays[2].rect.width, 800);
	CHECK_EQ(info.displays[2].rect.height, 600);
	CHECK_EQ(edid_width(2), 800);

	driver_device->write_config(driver_device->data, 0, clear, sizeof(clear));
	CHECK_EQ(events_read(), 0);
	set_mode(0, true, 1920, 1080);
	set_mode(1, false, 0, 0);
	CHECK_SAID("mode 0 on 1920x1080\nmode 1 off 1344x800\n");
	CHECK_EQ(config_changes, 3);
	CHECK_EQ(events_read(), 1);
	driver_device->write_config(driver_device->data, 4, &clear[1], 4);
	CHECK_EQ(events_read(), 0);
	read_display_info(&info);
	CHECK_EQ(info.displays[0].rect.width, 1920);
	CHECK_EQ(info.displays[1].enabled, 0);
	CHECK_EQ(info.displays[2].rect.x, 1920);
	CHECK_EQ(edid_width(0), 1920);
	driver_end();
}

static void modes_that_make_no_sense(void)
{
	driver_begin(&plain);
	set_mode(0, true, 1280, 800); /* as it is */
	set_mode(1, true, 1280, 800); /* there is but one */
	set_mode(UINT32_MAX, true, 1280, 800);
	set_mode(0, true, 63, 800);
	set_mode(0, true, 1280, 8193);
	CHECK_SAID("");
	CHECK_EQ(config_changes, 0);
	CHECK_EQ(events_read(), 0);
	driver_end();
}

static void a_pause_keeps_and_a_reset_forgets(void)
{
	driver_begin(&plain);
	CHECK_EQ(do_create_context(2, 4), GPU_OK_NODATA);
	CHECK_EQ(do_create_2d(5, 32, 32), GPU_OK_NODATA);
	CHECK_EQ(do_set_scanout(0, 5, (struct gpu_rect){ 0, 0, 32, 32 }), GPU_OK_NODATA);
	driver_said();
	driver_stop();
	driver_restart(false);
	CHECK_SAID("");
	CHECK_EQ(do_create_2d(5, 32, 32), GPU_ERR_INVALID_RESOURCE_ID);
	set_mode(0, true, 800, 600);
	driver_said();
	driver_stop();
	CHECK_SAID(""); /* that may be a pause again */
	driver_restart(true);
	CHECK_SAID("destroy 2\ndark 0\nno cursor 0\n");
	CHECK_EQ(events_read(), 0);
	CHECK_EQ(do_create_2d(5, 32, 32), GPU_OK_NODATA);
	CHECK_EQ(do_create_context(2, 4), GPU_OK_NODATA);
	driver_end();
}

static void a_vmm_that_is_gone_leaves_nothing(void)
{
	driver_begin(&plain);
	CHECK_EQ(do_create_context(2, 4), GPU_OK_NODATA);
	CHECK_EQ(do_create_host_blob(2, 3, 1, PAGE), GPU_OK_NODATA);
	CHECK_EQ(do_map(3, 0), GPU_OK_MAP_INFO);
	driver_window.map[0] = 7;
	driver_said();
	driver_stop();
	driver_lose_ram();
	CHECK_SAID("destroy 2\nno cursor 0\n");
	driver_settle();
	CHECK_EQ(driver_window.map[0], 0);
	driver_end();
}

int main(void)
{
	RUN(what_the_guest_sees_first);
	RUN(capsets);
	RUN(displays_come_and_go_and_change_size);
	RUN(modes_that_make_no_sense);
	RUN(a_pause_keeps_and_a_reset_forgets);
	RUN(a_vmm_that_is_gone_leaves_nothing);
	return 0;
}
