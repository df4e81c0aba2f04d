/* SPDX-License-Identifier: MIT */
/*
 * For LD_PRELOAD: libx264 sleeps before each picture, for as many milliseconds as the 32-bit number says that the
 * file in SLOW_X264 begins with. libavcodec calls x264_encoder_encode() by its name, so this one is found first.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef int encode_fn(void *encoder, void *units, int *count, void *in, void *out);

__attribute__((visibility("default"))) encode_fn x264_encoder_encode;

static volatile const uint32_t *sleep_ms;
static encode_fn *real_encode;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Before the program locks itself in and can open no file any more. */
__attribute__((constructor)) static void map_number(void)
{
	const char *path = getenv("SLOW_X264");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*sleep_ms), PROT_READ, MAP_SHARED, fd, 0);

	if (map != MAP_FAILED) {
		sleep_ms = map;
	}
	if (fd >= 0) {
		close(fd);
	}
}

static int find_library(struct dl_phdr_info *info, size_t size, void *data)
{
	void *library;

	(void)size;
	(void)data;
	if (!strstr(info->dlpi_name, "/libx264.so")) {
		return 0;
	}
	library = dlopen(info->dlpi_name, RTLD_NOW | RTLD_NOLOAD);
	real_encode = library ? (encode_fn *)dlsym(library, "x264_encoder_encode") : NULL;
	return 1;
}

static void find_real(void)
{
	dl_iterate_phdr(find_library, NULL);
	if (!real_encode) {
		fprintf(stderr, "slow_x264: there is no libx264\n");
		abort();
	}
}

int x264_encoder_encode(void *encoder, void *units, int *count, void *in, void *out)
{
	pthread_once(&once, find_real);
	if (sleep_ms && *sleep_ms > 0) {
		usleep(*sleep_ms * 1000);
	}
	return real_encode(encoder, units, count, in, out);
}
