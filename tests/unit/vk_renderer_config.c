/* SPDX-License-Identifier: MIT */
#include "vk/renderer_config.h"

#include <string.h>

#include "base/mem.h"
#include "platform/proc.h"
#include "platform/shm.h"
#include "test.h"

static struct vtr_renderer_config config;
static const char *why;

static void begin(void)
{
	vtr_renderer_config_init(&config);
	CHECK_OK(vtr_renderer_config_check(&config, &why));
}

static void goes_to_another_process(void)
{
	static struct vtr_renderer_config back;
	const char *paths[VTR_RENDERER_CONFIG_MAX_PATHS + 1];
	int fd;

	begin();
	config.max_memory = 1 << 20;
	config.known.count = 1;
	config.known.devices[0] = (struct vtr_probed_device){ .import_alignment = 4096, .type_count = 2 };
	snprintf(config.log_filter, sizeof(config.log_filter), "debug");
	vtr_renderer_config_add_readable(&config, "/a");
	vtr_renderer_config_add_readable(&config, "");
	vtr_renderer_config_add_readable(&config, "/b/c");
	vtr_renderer_config_add_refused_call(&config, "kcmp");
	vtr_renderer_config_add_refused_call(&config, "a name of more than thirty-one bytes");
	CHECK_OK(vtr_renderer_config_share(&config, &fd));
	CHECK(pwrite(fd, "x", 1, 0) < 0 && ftruncate(fd, 0) < 0); /* by nobody, and it cannot be cut */
	CHECK_OK(vtr_renderer_config_receive(fd, &back, &why));
	CHECK(memcmp(&back, &config, sizeof(back)) == 0);
	CHECK_EQ(vtr_renderer_config_readable(&back, paths), 2);
	CHECK(vtr_renderer_config_has_refused_call(&back, "kcmp"));
	CHECK(!vtr_renderer_config_has_refused_call(&back, "a name of more than thirty-one bytes"));
	CHECK(!vtr_renderer_config_has_refused_call(&back, ""));
	CHECK_STR(paths[0], "/a");
	CHECK_STR(paths[1], "/b/c");
	CHECK(paths[2] == NULL);
	vtr_close(&fd);
}

static void limits_memory(void)
{
	begin();
	CHECK_EQ(vtr_renderer_config_max_memory(&config), vtr_os_ram_size() / 2);
	config.max_memory = 1;
	CHECK_EQ(vtr_renderer_config_max_memory(&config), 1);
	CHECK_EQ(vtr_renderer_config_device_memory(&config, 1 << 30), UINT64_MAX);
	config.max_device_memory = 5;
	CHECK_EQ(vtr_renderer_config_device_memory(&config, 1 << 30), 5);
	config.max_device_percent = 100;
	CHECK_OK(vtr_renderer_config_check(&config, &why));
	CHECK_EQ(vtr_renderer_config_device_memory(&config, 1000), 1000);
	CHECK_EQ(vtr_renderer_config_device_memory(&config, UINT64_MAX), UINT64_MAX / 100 * 100);
	config.max_device_percent = 10;
	CHECK_EQ(vtr_renderer_config_device_memory(&config, 1000), 100);
}

static void offers_the_chosen_device(void)
{
	const uint8_t one[VTR_PROBE_CACHE_UUID] = { 1 };
	const uint8_t other[VTR_PROBE_CACHE_UUID] = { 1, 2 };

	begin();
	CHECK(vtr_renderer_config_offers(&config, one, other));
	config.one_device = 1;
	memcpy(config.device_uuid, one, sizeof(one));
	memcpy(config.driver_uuid, other, sizeof(other));
	CHECK_OK(vtr_renderer_config_check(&config, &why));
	CHECK(vtr_renderer_config_offers(&config, one, other));
	CHECK(!vtr_renderer_config_offers(&config, other, other));
	CHECK(!vtr_renderer_config_offers(&config, one, one));
}

static void has_one_size(void)
{
	static char longer[sizeof(config) + 1];
	int fd;

	begin();
	memcpy(longer, &config, sizeof(config));
	CHECK_OK(vtr_os_shm_create_constant("test", longer, sizeof(longer), &fd));
	CHECK_ERR(vtr_renderer_config_receive(fd, &config, &why), VTR_ERR_ARG);
	vtr_close(&fd);
	CHECK_OK(vtr_os_shm_create_constant("test", longer, sizeof(config) - 1, &fd));
	CHECK_ERR(vtr_renderer_config_receive(fd, &config, &why), VTR_ERR_ARG);
	vtr_close(&fd);
	CHECK_ERR(vtr_renderer_config_receive(-1, &config, &why), VTR_ERR_OS);
}

#define REFUSED(change)                                                           \
	do {                                                                      \
		begin();                                                          \
		change;                                                           \
		why = NULL;                                                       \
		CHECK_ERR(vtr_renderer_config_check(&config, &why), VTR_ERR_ARG); \
		CHECK(why != NULL);                                               \
	} while (0)

static void refuses(void)
{
	struct vtr_probed_device *device = &config.known.devices[0];
	const struct vtr_probed_device good = { .import_alignment = 4096, .type_count = 1 };

	REFUSED(config.import_alignment = 3);
	REFUSED(config.no_host_import = 2);
	REFUSED(config.no_export = 2);
	REFUSED(config.no_image_import = 2);
	REFUSED(config.zero = 1);
	REFUSED(config.sandbox = VTR_OS_SANDBOX_REQUIRE + 1);
	REFUSED(config.max_device_percent = 101);
	REFUSED(config.hang_timeout_s = 86401);
	REFUSED(config.hang_compute = 2);
	REFUSED(config.one_device = 2);
	REFUSED(config.known.count = VTR_PROBE_CACHE_MAX_DEVICES + 1);
	REFUSED(config.known.count = UINT32_MAX);
	REFUSED(config.known.zero = 1);
	REFUSED(config.known.count = 1); /* without an alignment */
	REFUSED((config.known.count = 1, *device = good, device->import_alignment = 12288));
	REFUSED((config.known.count = 1, *device = good, device->buffers_importable = 2));
	REFUSED((config.known.count = 1, *device = good, device->is_cpu = 2));
	REFUSED((config.known.count = 1, *device = good, device->type_count = VTR_PROBE_CACHE_MAX_TYPES + 1));
	REFUSED((config.known.count = 1, *device = good, device->share[0] = 5));
	REFUSED((config.known.count = 1, *device = good, device->sparse_share[0] = 5));
	REFUSED(memset(config.log_filter, 'x', sizeof(config.log_filter)));
	REFUSED(config.readable_size = sizeof(config.readable) + 1);
	REFUSED(config.readable_size = UINT32_MAX);
	REFUSED(memset(config.refused_calls[3], 'x', VTR_RENDERER_CONFIG_CALL));
	REFUSED((config.readable_size = 2, memcpy(config.readable, "/x", 2)));
	REFUSED(config.readable_size = VTR_RENDERER_CONFIG_MAX_PATHS + 1);
}

static void leaves_out_what_does_not_fit(void)
{
	static char path[VTR_RENDERER_CONFIG_PATH_BYTES + 1];
	const char *paths[VTR_RENDERER_CONFIG_MAX_PATHS + 1];

	begin();
	for (int i = 0; i < VTR_RENDERER_CONFIG_MAX_PATHS + 3; i++) {
		vtr_renderer_config_add_readable(&config, "/x");
	}
	CHECK_EQ(vtr_renderer_config_readable(&config, paths), VTR_RENDERER_CONFIG_MAX_PATHS);
	CHECK_OK(vtr_renderer_config_check(&config, &why));
	begin();
	memset(path, 'y', sizeof(path) - 1);
	vtr_renderer_config_add_readable(&config, path);
	CHECK_EQ(config.readable_size, 0);
	vtr_renderer_config_add_readable(&config, path + 1);
	CHECK_EQ(config.readable_size, sizeof(config.readable));
	vtr_renderer_config_add_readable(&config, "/x");
	CHECK_EQ(vtr_renderer_config_readable(&config, paths), 1);
	CHECK_OK(vtr_renderer_config_check(&config, &why));
}

int main(void)
{
	RUN(goes_to_another_process);
	RUN(limits_memory);
	RUN(offers_the_chosen_device);
	RUN(has_one_size);
	RUN(refuses);
	RUN(leaves_out_what_does_not_fit);
	return 0;
}
