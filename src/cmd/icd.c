/* SPDX-License-Identifier: MIT */
#include "cmd/icd.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/mem.h"

/* Mesa's manifests have 200 bytes; a longer file is not one of them. */
#define MANIFEST_MAX 8192
#define LIBRARY_MAX 256
#define API_MAX 32
/* The first version of it. */
#define MESA_MINIMUM 25

/* The loader's search order for manifests (its "Linux Manifest Search"). */
static const struct {
	const char *variable;
	const char *fallback; /* used if the variable is not set; NULL: none */
	bool is_home;         /* `fallback` is relative to $HOME */
} places[] = {
	{ "XDG_CONFIG_HOME", ".config", true },
	{ "XDG_CONFIG_DIRS", "/etc/xdg", false },
	{ NULL, "/etc", false },
	{ "XDG_DATA_HOME", ".local/share", true },
	{ "XDG_DATA_DIRS", "/usr/local/share:/usr/share", false },
};

static enum vtr_err append(char **paths, const char *dir, const char *name)
{
	char *joined;
	const char *before = *paths ? *paths : "";

	if (asprintf(&joined, "%s%s%s/%s", before, *paths ? ":" : "", dir, name) < 0) {
		return VTR_ERR_NOMEM;
	}
	free(*paths);
	*paths = joined;
	return VTR_OK;
}

/* virtio_icd.json, virtio_icd.x86_64.json, ... */
static int is_venus_manifest(const struct dirent *entry)
{
	static const char prefix[] = "virtio_icd.";
	static const char suffix[] = ".json";
	size_t length = strlen(entry->d_name);

	return strncmp(entry->d_name, prefix, sizeof(prefix) - 1) == 0 && length >= sizeof(suffix) &&
	       strcmp(entry->d_name + length - (sizeof(suffix) - 1), suffix) == 0;
}

static int is_manifest(const struct dirent *entry)
{
	static const char suffix[] = ".json";
	size_t length = strlen(entry->d_name);

	return length >= sizeof(suffix) && strcmp(entry->d_name + length - (sizeof(suffix) - 1), suffix) == 0;
}

/* Which manifests to search for, and the result. */
struct search {
	int (*filter)(const struct dirent *entry);
	char *paths; /* joined by ':', or NULL */
};

static enum vtr_err search_dir(struct search *search, const char *base, size_t base_length)
{
	vtr_autofree char *dir = NULL;
	struct dirent **entries;
	enum vtr_err err = VTR_OK;

	/* The loader ignores relative entries, too. */
	if (base_length == 0 || base[0] != '/') {
		return VTR_OK;
	}
	if (asprintf(&dir, "%.*s/vulkan/icd.d", (int)base_length, base) < 0) {
		dir = NULL;
		return VTR_ERR_NOMEM;
	}
	int count = scandir(dir, &entries, search->filter, alphasort);
	if (count < 0) {
		return errno == ENOMEM ? VTR_ERR_NOMEM : VTR_OK;
	}
	for (int i = 0; i < count; i++) {
		if (err == VTR_OK) {
			err = append(&search->paths, dir, entries[i]->d_name);
		}
		free(entries[i]);
	}
	free(entries);
	return err;
}

static enum vtr_err search_list(struct search *search, const char *list)
{
	while (*list) {
		size_t length = strcspn(list, ":");
		enum vtr_err err = search_dir(search, list, length);
		if (err != VTR_OK) {
			return err;
		}
		list += length + (list[length] == ':');
	}
	return VTR_OK;
}

static enum vtr_err search_home(struct search *search, const char *below)
{
	vtr_autofree char *dir = NULL;
	const char *home = getenv("HOME");

	if (!home) {
		return VTR_OK;
	}
	if (asprintf(&dir, "%s/%s", home, below) < 0) {
		dir = NULL;
		return VTR_ERR_NOMEM;
	}
	return search_dir(search, dir, strlen(dir));
}

static enum vtr_err find(int (*filter)(const struct dirent *entry), char **out_paths)
{
	struct search search = { .filter = filter };
	enum vtr_err err = VTR_OK;

	for (size_t i = 0; err == VTR_OK && i < VTR_ARRAY_LEN(places); i++) {
		const char *list = places[i].variable ? getenv(places[i].variable) : NULL;
		if (list && *list) {
			err = search_list(&search, list);
		} else if (places[i].is_home) {
			err = search_home(&search, places[i].fallback);
		} else {
			err = search_list(&search, places[i].fallback);
		}
	}
	if (err == VTR_OK && !search.paths) {
		err = VTR_ERR_UNSUPPORTED;
	}
	if (err != VTR_OK) {
		free(search.paths);
		return err;
	}
	*out_paths = search.paths;
	return VTR_OK;
}

enum vtr_err vtr_icd_find_venus(char **out_paths)
{
	return find(is_venus_manifest, out_paths);
}

enum vtr_err vtr_icd_find_all(char **out_paths)
{
	return find(is_manifest, out_paths);
}

bool vtr_icd_list_has_venus(const char *paths)
{
	while (*paths) {
		size_t length = strcspn(paths, ":");
		const char *name = paths;

		for (size_t i = 0; i < length; i++) {
			name = paths[i] == '/' ? paths + i + 1 : name;
		}
		if (strncmp(name, "virtio_icd", strlen("virtio_icd")) == 0) {
			return true;
		}
		paths += length + (paths[length] == ':');
	}
	return false;
}

/* Manifests have each key once. */
static enum vtr_err find_text(const char *manifest, size_t size, const char *key, const char **out_text,
                              size_t *out_length)
{
	struct vtr_json_reader reader = { .at = manifest, .end = manifest + size };

	if (!vtr_json_find(&reader, key) || vtr_json_read_text(&reader, out_text, out_length) != VTR_OK) {
		return VTR_ERR_UNSUPPORTED;
	}
	return VTR_OK;
}

enum vtr_err vtr_icd_read(const char *path, char *out_library, size_t library_size, char *out_api_version,
                          size_t api_version_size)
{
	char manifest[MANIFEST_MAX];
	const char *library;
	const char *version;
	size_t library_length;
	size_t version_length;
	FILE *file = fopen(path, "re");

	if (!file) {
		return VTR_ERR_OS;
	}
	size_t size = fread(manifest, 1, sizeof(manifest), file);
	fclose(file);
	enum vtr_err err = find_text(manifest, size, "library_path", &library, &library_length);
	if (err != VTR_OK) {
		return err;
	}
	err = find_text(manifest, size, "api_version", &version, &version_length);
	if (err != VTR_OK) {
		return err;
	}
	snprintf(out_library, library_size, "%.*s", (int)library_length, library);
	snprintf(out_api_version, api_version_size, "%.*s", (int)version_length, version);
	return VTR_OK;
}

/* Finds Mesa's version in the binary of one of its drivers. */
static bool find_mesa_version(const char *path, char *out, size_t size)
{
	static const char mark[] = "Mesa ";
	struct stat status;
	vtr_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &status) < 0 || status.st_size <= (off_t)sizeof(mark)) {
		return false;
	}
	size_t length = (size_t)status.st_size;
	char *bytes = mmap(NULL, length, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED) {
		return false;
	}
	bool found = false;
	const char *at = bytes;
	const char *end = bytes + length - sizeof(mark) - size;
	while (!found && at < end) {
		at = memmem(at, (size_t)(end - at), mark, sizeof(mark) - 1);
		if (!at) {
			break;
		}
		at += sizeof(mark) - 1;
		size_t digits = 0;
		while (digits < size - 1 && (isdigit((unsigned char)at[digits]) || at[digits] == '.')) {
			digits++;
		}
		if (digits >= 4) {
			memcpy(out, at, digits);
			out[digits] = '\0';
			found = true;
		}
	}
	munmap(bytes, length);
	return found;
}

/* A manifest names its library by path, or by a name that the dynamic linker resolves. */
static bool find_library_version(const char *library, char *out, size_t size)
{
	static const char *const dirs[] = { "/usr/local/lib/*", "/usr/local/lib", "/usr/lib/*", "/usr/lib64",
		                            "/usr/lib" };
	char pattern[LIBRARY_MAX + 32];
	bool found = false;

	if (library[0] == '/') {
		return find_mesa_version(library, out, size);
	}
	for (size_t i = 0; i < VTR_ARRAY_LEN(dirs) && !found; i++) {
		glob_t paths;
		snprintf(pattern, sizeof(pattern), "%s/%s", dirs[i], library);
		if (glob(pattern, 0, NULL, &paths) == 0) {
			for (size_t j = 0; j < paths.gl_pathc && !found; j++) {
				found = find_mesa_version(paths.gl_pathv[j], out, size);
			}
		}
		globfree(&paths);
	}
	return found;
}

bool vtr_icd_mesa_version(const char *manifest, char *out_version, size_t size)
{
	char library[LIBRARY_MAX];
	char api[API_MAX];

	return vtr_icd_read(manifest, library, sizeof(library), api, sizeof(api)) == VTR_OK &&
	       find_library_version(library, out_version, size);
}

bool vtr_icd_is_too_old(const char *version)
{
	return strtoul(version, NULL, 10) < MESA_MINIMUM;
}
