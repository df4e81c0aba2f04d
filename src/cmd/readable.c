/* SPDX-License-Identifier: MIT */
#include "cmd/readable.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cmd/icd.h"

/* The loader's and the dynamic linker's lists of paths, joined by ':'. */
static const struct {
	const char *variable;
	bool manifests; /* of drivers: each names a library */
} lists[] = {
	{ "VK_DRIVER_FILES", true },     { "VK_ICD_FILENAMES", true },
	{ "VK_ADD_DRIVER_FILES", true }, { "VK_LAYER_PATH", false },
	{ "VK_ADD_LAYER_PATH", false },  { "LD_LIBRARY_PATH", false },
};

static enum vtr_err add(struct vtr_readable *readable, const char *path)
{
	if (path[0] == '\0' || readable->count == VTR_READABLE_MAX) {
		return VTR_OK;
	}
	readable->paths[readable->count] = strdup(path);
	if (!readable->paths[readable->count]) {
		return VTR_ERR_NOMEM;
	}
	readable->count++;
	return VTR_OK;
}

/* The library beside or below its manifest, or anywhere; one without a slash is the system's. */
static enum vtr_err add_library(struct vtr_readable *readable, const char *manifest)
{
	char library[PATH_MAX];
	char path[PATH_MAX];
	char version[16];
	const char *slash = strrchr(manifest, '/');

	if (vtr_icd_read(manifest, library, sizeof(library), version, sizeof(version)) != VTR_OK) {
		return VTR_OK;
	}
	if (library[0] == '/' || !slash) {
		return add(readable, library[0] == '/' ? library : "");
	}
	int n = snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - manifest), manifest, library);
	if (!strchr(library, '/') || n < 0 || (size_t)n >= sizeof(path)) {
		return VTR_OK;
	}
	return add(readable, path);
}

static enum vtr_err add_list(struct vtr_readable *readable, const char *list, bool manifests)
{
	while (*list) {
		size_t length = strcspn(list, ":");
		vtr_autofree char *path = strndup(list, length);
		if (!path) {
			return VTR_ERR_NOMEM;
		}
		enum vtr_err err = add(readable, path);
		if (err == VTR_OK && manifests) {
			err = add_library(readable, path);
		}
		if (err != VTR_OK) {
			return err;
		}
		list += length + (list[length] == ':');
	}
	return VTR_OK;
}

enum vtr_err vtr_readable_init(struct vtr_readable *out_readable)
{
	struct vtr_readable readable = { 0 };

	for (size_t i = 0; i < VTR_ARRAY_LEN(lists); i++) {
		const char *list = getenv(lists[i].variable);
		enum vtr_err err = list ? add_list(&readable, list, lists[i].manifests) : VTR_OK;
		if (err != VTR_OK) {
			vtr_readable_finish(&readable);
			return err;
		}
	}
	*out_readable = readable;
	return VTR_OK;
}

void vtr_readable_finish(struct vtr_readable *readable)
{
	for (size_t i = 0; i < readable->count; i++) {
		free(readable->paths[i]);
	}
	*readable = (struct vtr_readable){ 0 };
}
