/* SPDX-License-Identifier: MIT */
#include "vk/probe_cache.h"

#include <stdio.h>
#include <string.h>

#include "test.h"
#include "venus/strategy.h"

static struct vtr_probed_device sample(uint32_t type_count)
{
	struct vtr_probed_device device = { .import_alignment = 16384,
		                            .buffers_importable = true,
		                            .images_importable = type_count % 4 < 2,
		                            .is_cpu = type_count % 2 != 0,
		                            .type_count = type_count };

	for (uint8_t i = 0; i < VTR_PROBE_CACHE_UUID; i++) {
		device.device_uuid[i] = (uint8_t)(i * 17);
		device.driver_uuid[i] = (uint8_t)(255 - i);
	}
	for (uint32_t i = 0; i < type_count; i++) {
		device.share[i] = (uint8_t)(i % 5);
		device.sparse_share[i] = i % 3 == 0 ? VTR_PROBE_CACHE_NOT_SPARSE : (uint8_t)(i % 4);
	}
	return device;
}

static void round_trip(void)
{
	for (uint32_t types = 0; types <= VTR_PROBE_CACHE_MAX_TYPES; types++) {
		const struct vtr_probed_device device = sample(types);
		struct vtr_probed_device back;
		char text[VTR_PROBE_CACHE_TEXT];

		vtr_probe_cache_format(&device, text);
		CHECK(strlen(text) < VTR_PROBE_CACHE_TEXT - 1);
		memset(&back, 0x5a, sizeof(back));
		CHECK_EQ(vtr_probe_cache_parse(text, &back), VTR_OK);
		CHECK(memcmp(back.device_uuid, device.device_uuid, VTR_PROBE_CACHE_UUID) == 0);
		CHECK(memcmp(back.driver_uuid, device.driver_uuid, VTR_PROBE_CACHE_UUID) == 0);
		CHECK_EQ(back.import_alignment, device.import_alignment);
		CHECK(back.buffers_importable);
		CHECK_EQ(back.images_importable, device.images_importable);
		CHECK_EQ(back.is_cpu, device.is_cpu);
		CHECK_EQ(back.type_count, types);
		CHECK(memcmp(back.share, device.share, sizeof(back.share)) == 0);
		CHECK(memcmp(back.sparse_share, device.sparse_share, sizeof(back.sparse_share)) == 0);
	}
}

/* Every text that is cut short, or longer, or has a letter of a wrong kind somewhere, is refused. */
static void refusals(void)
{
	const struct vtr_probed_device device = sample(3);
	struct vtr_probed_device back;
	char text[VTR_PROBE_CACHE_TEXT];
	char bad[VTR_PROBE_CACHE_TEXT + 32];

	vtr_probe_cache_format(&device, text);
	for (size_t i = 0; i < strlen(text); i++) {
		snprintf(bad, sizeof(bad), "%.*s", (int)i, text);
		CHECK_EQ(vtr_probe_cache_parse(bad, &back), VTR_ERR_ARG);
	}
	for (size_t i = 0; i < strlen(text); i++) {
		snprintf(bad, sizeof(bad), "%s", text);
		bad[i] = '!';
		CHECK_EQ(vtr_probe_cache_parse(bad, &back), VTR_ERR_ARG);
	}
	snprintf(bad, sizeof(bad), "%sh", text);
	CHECK_EQ(vtr_probe_cache_parse(bad, &back), VTR_ERR_ARG);
	const struct vtr_probed_device most = sample(VTR_PROBE_CACHE_MAX_TYPES);
	vtr_probe_cache_format(&most, text);
	const int fixed = (int)(strlen(text) - 2 * VTR_PROBE_CACHE_MAX_TYPES - 1);
	snprintf(bad, sizeof(bad), "%.*sh%sh", fixed, text, text + fixed);
	CHECK_EQ(vtr_probe_cache_parse(bad, &back), VTR_ERR_ARG);
	CHECK_EQ(vtr_probe_cache_parse("", &back), VTR_ERR_ARG);
}

static void finding(void)
{
	struct vtr_probe_cache known = { .count = 2, .devices = { sample(1), sample(2) } };

	known.devices[1].driver_uuid[3] ^= 1;
	for (size_t i = 0; i < 2; i++) {
		CHECK(vtr_probe_cache_find(&known, known.devices[i].device_uuid,
		                           known.devices[i].driver_uuid) == &known.devices[i]);
	}
	CHECK(vtr_probe_cache_find(&known, known.devices[0].driver_uuid, known.devices[0].driver_uuid) ==
	      NULL);
}

int main(void)
{
	RUN(round_trip);
	RUN(refusals);
	RUN(finding);
	return 0;
}
