/* SPDX-License-Identifier: MIT */
#include "encode/av.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "platform/library.h"

/* The library explains errors only in log lines. */
static _Thread_local char last_line[256];

static void keep_line(void *context, int level, const char *format, va_list args)
{
	(void)context;
	if (level > AV_LOG_ERROR) {
		return;
	}
	vsnprintf(last_line, sizeof(last_line), format, args);
	last_line[strcspn(last_line, "\r\n")] = '\0';
}

enum vtr_err vtr_av_load(struct vtr_av *out_av, char *why, size_t why_size)
{
	char library[VTR_OS_LIBRARY_NAME];
	struct vtr_av av = { .library = vtr_os_library_open("avcodec", LIBAVCODEC_VERSION_MAJOR, library) };

	if (!av.library) {
		snprintf(why, why_size, "%s", dlerror());
		return VTR_ERR_UNSUPPORTED;
	}
#define LOAD(name)                                                    \
	av.name = (__typeof__(av.name))dlsym(av.library, #name);      \
	if (!av.name) {                                               \
		snprintf(why, why_size, "%s has no " #name, library); \
		dlclose(av.library);                                  \
		return VTR_ERR_UNSUPPORTED;                           \
	}
	VTR_AV_FUNCTIONS(LOAD)
#undef LOAD
	av.av_log_set_callback(keep_line);
	*out_av = av;
	return VTR_OK;
}

void vtr_av_unload(struct vtr_av *av)
{
	/* Not unloaded: drivers that it loaded may have threads that still run. */
	*av = (struct vtr_av){ 0 };
}

void vtr_av_explain(const struct vtr_av *av, int result, char *why, size_t why_size)
{
	if (last_line[0] != '\0') {
		snprintf(why, why_size, "%s", last_line);
		last_line[0] = '\0';
	} else if (av->av_strerror(result, why, why_size) < 0) {
		snprintf(why, why_size, "error %d", result);
	}
}
