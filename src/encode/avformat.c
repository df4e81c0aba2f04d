/* SPDX-License-Identifier: MIT */
#include "encode/avformat.h"

#include <dlfcn.h>
#include <stdio.h>

#include "platform/library.h"

static void say_nothing(void *context, int level, const char *format, va_list args)
{
	(void)context;
	(void)level;
	(void)format;
	(void)args;
}

enum vtr_err vtr_avformat_load(struct vtr_avformat *out_av, char *why, size_t why_size)
{
	char file[VTR_OS_LIBRARY_NAME];
	/* Never unloaded: libraries that it loaded may have threads that still run. */
	void *library = vtr_os_library_open("avformat", LIBAVFORMAT_VERSION_MAJOR, file);
	struct vtr_avformat av;

	if (!library) {
		snprintf(why, why_size, "%s", dlerror());
		return VTR_ERR_UNSUPPORTED;
	}
#define LOAD(name)                                                 \
	av.name = (__typeof__(av.name))dlsym(library, #name);      \
	if (!av.name) {                                            \
		snprintf(why, why_size, "%s has no " #name, file); \
		return VTR_ERR_UNSUPPORTED;                        \
	}
	VTR_AVFORMAT_FUNCTIONS(LOAD)
#undef LOAD
	/* Its log lines may contain the keys in a server's URL. Errors are reported by number. */
	av.av_log_set_callback(say_nothing);
	*out_av = av;
	return VTR_OK;
}
