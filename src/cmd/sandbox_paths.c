/* SPDX-License-Identifier: MIT */
#include "cmd/sandbox_paths.h"

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

/* Folders shared by all users: none belongs to a driver. */
static const char *const shared_dirs[] = { "/var/tmp", "/dev/shm" };

struct search {
	struct vtr_renderer_config *config;
	bool outside;
};

/* Shortens a path to the folder of the file. */
static void cut(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash) {
		slash[slash == path ? 1 : 0] = '\0';
	}
}

/* Returns: whether a folder can belong to a driver: not one directly below the root, nor the home folder or
 *          one that contains it. */
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

/* Adds a driver's library. It loads others from its folder when a program first uses their features, and
 * reads data there. */
static void add_library(struct search *search, const char *library)
{
	char dir[PATH_MAX];
	vtr_autofree char *real = realpath(library, NULL);
	const char *const names[] = { library, real };

	if (!real || vtr_os_sandbox_reads(NULL, real)) {
		return;
	}
	search->outside = true;
	for (size_t i = 0; i < VTR_ARRAY_LEN(names); i++) {
		snprintf(dir, sizeof(dir), "%s", names[i]);
		cut(dir);
		vtr_renderer_config_add_readable(search->config, can_be_own(dir) ? dir : names[i]);
	}
}

/* Adds the library of a manifest: relative to the manifest, or absolute. A name without a slash is the
 * system's. */
static void add_manifest(struct search *search, const char *manifest)
{
	char library[PATH_MAX];
	char path[PATH_MAX];
	char version[16];
	const char *slash = strrchr(manifest, '/');

	if (vtr_icd_read(manifest, library, sizeof(library), version, sizeof(version)) != VTR_OK) {
		return;
	}
	if (library[0] == '/') {
		add_library(search, library);
		return;
	}
	if (!slash || !strchr(library, '/')) {
		return;
	}
	int n = snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - manifest), manifest, library);
	if (n > 0 && (size_t)n < sizeof(path)) {
		add_library(search, path);
	}
}

enum kind {
	KIND_PATHS,
	KIND_MANIFESTS,
	KIND_FOUND, /* manifests that the loader finds by listing their folders */
};

static void add_item(struct search *search, char *path, enum kind kind)
{
	if (kind != KIND_PATHS) {
		add_manifest(search, path);
	}
	if (kind == KIND_FOUND) {
		cut(path);
		if (vtr_os_sandbox_reads(NULL, path)) {
			return;
		}
	}
	vtr_renderer_config_add_readable(search->config, path);
}

static enum vtr_err add_list(struct search *search, const char *list, enum kind kind)
{
	while (list && *list) {
		size_t length = strcspn(list, ":");
		vtr_autofree char *path = strndup(list, length);
		if (!path) {
			return VTR_ERR_NOMEM;
		}
		add_item(search, path, kind);
		list += length + (list[length] == ':');
	}
	return VTR_OK;
}

static enum vtr_err add_drivers(struct search *search, const char *driver)
{
	vtr_autofree char *found = NULL;
	const char *list = driver;

	for (size_t i = 0; i < VTR_ARRAY_LEN(manifest_lists) && !list; i++) {
		list = getenv(manifest_lists[i]);
	}
	if (list) {
		return add_list(search, list, KIND_MANIFESTS);
	}
	enum vtr_err err = vtr_icd_find_all(&found);
	if (err != VTR_OK) {
		return err == VTR_ERR_UNSUPPORTED ? VTR_OK : err;
	}
	return add_list(search, found, KIND_FOUND);
}

enum vtr_err vtr_sandbox_paths_add(struct vtr_renderer_config *config, const char *driver, bool *out_outside)
{
	struct search search = { .config = config };
	enum vtr_err err = add_drivers(&search, driver);

	if (err == VTR_OK) {
		err = add_list(&search, getenv(more_manifests), KIND_MANIFESTS);
	}
	for (size_t i = 0; i < VTR_ARRAY_LEN(lists) && err == VTR_OK; i++) {
		err = add_list(&search, getenv(lists[i]), KIND_PATHS);
	}
	if (err == VTR_OK) {
		*out_outside = search.outside;
	}
	return err;
}
