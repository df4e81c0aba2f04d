/* SPDX-License-Identifier: MIT */
#include "cmd/readable.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cmd/icd.h"
#include "platform/proc.h"

/* The loader's and the dynamic linker's lists of files and folders, joined by ':'. */
static const char *const lists[] = { "VK_LAYER_PATH", "VK_ADD_LAYER_PATH", "LD_LIBRARY_PATH" };
/* The loader's lists of manifests: the first that is set replaces its search; the last one adds to both. */
static const char *const manifest_lists[] = { "VK_DRIVER_FILES", "VK_ICD_FILENAMES" };
static const char more_manifests[] = "VK_ADD_DRIVER_FILES";

/* Folders that hold everybody's files: none is a driver's own. */
static const char *const shared_dirs[] = { "/var/tmp", "/dev/shm" };

enum vtr_err vtr_readable_add(struct vtr_readable *readable, const char *path)
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

/* Cuts a path to the folder that the file is in. */
static void cut(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash) {
		slash[slash == path ? 1 : 0] = '\0';
	}
}

/* Whether a folder can be a driver's own: not one below the root, nor the home folder or what that lies in. */
static bool can_be_own(const char *dir)
{
	const char *home = getenv("HOME");
	size_t length = strlen(dir);

	if (!strchr(dir + 1, '/')) {
		return false;
	}
	for (size_t i = 0; i < VTR_ARRAY_LEN(shared_dirs); i++) {
		if (strcmp(dir, shared_dirs[i]) == 0) {
			return false;
		}
	}
	return !home || strncmp(home, dir, length) != 0 || (home[length] != '\0' && home[length] != '/');
}

/* A driver's library. It loads others from its folder when the first program asks for what is in them, and reads
 * data there. */
static enum vtr_err add_library(struct vtr_readable *readable, const char *library)
{
	char dir[PATH_MAX];
	vtr_autofree char *real = realpath(library, NULL);
	const char *const names[] = { library, real };
	enum vtr_err err = VTR_OK;

	if (!real || vtr_os_sandbox_reads(NULL, real)) {
		return VTR_OK;
	}
	readable->outside = true;
	for (size_t i = 0; i < VTR_ARRAY_LEN(names) && err == VTR_OK; i++) {
		snprintf(dir, sizeof(dir), "%s", names[i]);
		cut(dir);
		err = vtr_readable_add(readable, can_be_own(dir) ? dir : names[i]);
	}
	return err;
}

/* The library beside or below its manifest, or anywhere; one without a slash is the system's. */
static enum vtr_err add_manifest(struct vtr_readable *readable, const char *manifest)
{
	char library[PATH_MAX];
	char path[PATH_MAX];
	char version[16];
	const char *slash = strrchr(manifest, '/');

	if (vtr_icd_read(manifest, library, sizeof(library), version, sizeof(version)) != VTR_OK) {
		return VTR_OK;
	}
	if (library[0] == '/') {
		return add_library(readable, library);
	}
	if (!slash || !strchr(library, '/')) {
		return VTR_OK;
	}
	int n = snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - manifest), manifest, library);
	if (n < 0 || (size_t)n >= sizeof(path)) {
		return VTR_OK;
	}
	return add_library(readable, path);
}

enum kind {
	KIND_PATHS,
	KIND_MANIFESTS,
	KIND_FOUND, /* manifests that the loader finds by listing their folders */
};

static enum vtr_err add_item(struct vtr_readable *readable, char *path, enum kind kind)
{
	enum vtr_err err = kind == KIND_PATHS ? VTR_OK : add_manifest(readable, path);

	if (kind == KIND_FOUND) {
		cut(path);
		if (vtr_os_sandbox_reads(NULL, path)) {
			return err;
		}
	}
	return err == VTR_OK ? vtr_readable_add(readable, path) : err;
}

static enum vtr_err add_list(struct vtr_readable *readable, const char *list, enum kind kind)
{
	enum vtr_err err = VTR_OK;

	while (list && *list && err == VTR_OK) {
		size_t length = strcspn(list, ":");
		vtr_autofree char *path = strndup(list, length);
		err = path ? add_item(readable, path, kind) : VTR_ERR_NOMEM;
		list += length + (list[length] == ':');
	}
	return err;
}

static enum vtr_err add_drivers(struct vtr_readable *readable, const char *driver)
{
	vtr_autofree char *found = NULL;
	const char *list = driver;

	for (size_t i = 0; i < VTR_ARRAY_LEN(manifest_lists) && !list; i++) {
		list = getenv(manifest_lists[i]);
	}
	if (list) {
		return add_list(readable, list, KIND_MANIFESTS);
	}
	enum vtr_err err = vtr_icd_find_all(&found);
	if (err != VTR_OK) {
		return err == VTR_ERR_UNSUPPORTED ? VTR_OK : err;
	}
	return add_list(readable, found, KIND_FOUND);
}

enum vtr_err vtr_readable_init(struct vtr_readable *out_readable, const char *driver)
{
	struct vtr_readable readable = { 0 };
	enum vtr_err err = add_drivers(&readable, driver);

	if (err == VTR_OK) {
		err = add_list(&readable, getenv(more_manifests), KIND_MANIFESTS);
	}
	for (size_t i = 0; i < VTR_ARRAY_LEN(lists) && err == VTR_OK; i++) {
		err = add_list(&readable, getenv(lists[i]), KIND_PATHS);
	}
	if (err != VTR_OK) {
		vtr_readable_finish(&readable);
		return err;
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
