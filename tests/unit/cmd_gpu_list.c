/* SPDX-License-Identifier: MIT */
#include "cmd/gpu_list.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "test.h"

/* Two equal cards, the second one by another driver, too; and the processor. */
static const char lines[] =
	"device 000102030405060708090a0b0c0d0e01:aa000000000000000000000000000000:g:NVIDIA H200\n"
	"known what another option prints\n"
	"device 000102030405060708090a0b0c0d0e02:aa000000000000000000000000000000:g:NVIDIA H200\n"
	"device 000102030405060708090a0b0c0d0e02:bb000000000000000000000000000000:g:NVK H200: beta\n"
	"device 00:aa:g:cut off\n"
	"device 000102030405060708090a0b0c0d0e03:cc000000000000000000000000000000:x:no kind\n"
	"device 000102030405060708090a0b0c0d0e04:cc000000000000000000000000000000:c:llvmpipe\n"
	"device 000102030405060708090a0b0c0d0e04:cc000000000000000000000000000000:c:llvmpipe\n";
enum { FIRST, SECOND, NVK, LLVMPIPE, LLVMPIPE_AGAIN, COUNT };

static struct vtr_gpus gpus;

static void reads(void)
{
	char text[sizeof(lines)];
	char uuid[VTR_GPU_UUID_TEXT];

	memcpy(text, lines, sizeof(lines));
	vtr_gpus_read(text, &gpus);
	CHECK_EQ(gpus.count, COUNT);
	CHECK_STR(gpus.items[FIRST].name, "NVIDIA H200");
	CHECK_STR(gpus.items[NVK].name, "NVK H200: beta");
	CHECK(!gpus.items[NVK].is_cpu && gpus.items[LLVMPIPE].is_cpu);
	CHECK_EQ(gpus.items[NVK].driver_uuid[0], 0xbb);
	vtr_gpu_format_uuid(gpus.items[SECOND].device_uuid, uuid);
	CHECK_STR(uuid, "00010203-0405-0607-0809-0a0b0c0d0e02");
}

static void finds(void)
{
	static const struct {
		const char *text;
		size_t count, index;
	} rows[] = {
		{ "0", 1, FIRST },
		{ "1", 1, SECOND },
		{ "4", 1, LLVMPIPE_AGAIN },
		{ "00010203-0405-0607-0809-0a0b0c0d0e01", 1, FIRST },
		{ "000102030405060708090A0B0C0D0E01", 1, FIRST },
		{ "GPU-00010203-0405-0607-0809-0a0b0c0d0e01", 1, FIRST },
		{ "nvidia h200", 2, FIRST },
		{ "H200", 3, FIRST },
		{ "nvk", 1, NVK },
		{ "llvm", 1, LLVMPIPE },
		{ "00010203-0405-0607-0809-0a0b0c0d0e02", 2, SECOND }, /* by two drivers */
		{ "00010203-0405-0607-0809-0a0b0c0d0e04", 1, LLVMPIPE }, /* twice the same */
	};
	static const char *const none[] = {
		"",
		"5",
		"-1",
		" 0",
		"99999999999999999999999",
		"Radeon",
		"00010203-0405-0607-0809-0a0b0c0d0e0f",
		"GPU-",
		"0x1",
	};
	size_t index;

	for (size_t i = 0; i < VTR_ARRAY_LEN(rows); i++) {
		index = COUNT;
		CHECK_EQ(vtr_gpus_match(&gpus, rows[i].text, &index), rows[i].count);
		CHECK_EQ(index, rows[i].index);
	}
	for (size_t i = 0; i < VTR_ARRAY_LEN(none); i++) {
		CHECK_EQ(vtr_gpus_match(&gpus, none[i], &index), 0);
	}
}

/* A name that is a part of another one is still the name of one device. */
static void prefers_the_whole_name(void)
{
	size_t index;

	snprintf(gpus.items[FIRST].name, sizeof(gpus.items[FIRST].name), "NVIDIA H200 NVL");
	CHECK_EQ(vtr_gpus_match(&gpus, "NVIDIA H200", &index), 1);
	CHECK_EQ(index, SECOND);
}

static void has_a_limit(void)
{
	static char text[(VTR_GPUS_MAX + 1) * sizeof(lines)];

	for (size_t i = 0; i <= VTR_GPUS_MAX; i++) {
		strcat(text,
		       "device 000102030405060708090a0b0c0d0e01:aa000000000000000000000000000000:g:x\n");
	}
	vtr_gpus_read(text, &gpus);
	CHECK_EQ(gpus.count, VTR_GPUS_MAX);
	memset(text, 0, sizeof(text));
	vtr_gpus_read(text, &gpus);
	CHECK_EQ(gpus.count, 0);
}

int main(void)
{
	RUN(reads);
	RUN(finds);
	RUN(prefers_the_whole_name);
	RUN(has_a_limit);
	return 0;
}
