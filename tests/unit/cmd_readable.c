/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/readable.h"
#include "test.h"

static char dir[PATH_MAX]; /* without links */
static char own[PATH_MAX + 16];
static char manifest[PATH_MAX + 32];
static char library[PATH_MAX + 32];

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	CHECK(file != NULL);
	fputs(text, file);
	CHECK_EQ(fclose(file), 0);
}

static bool has(const struct vtr_readable *readable, const char *path)
{
	for (size_t i = 0; i < readable->count; i++) {
		if (strcmp(readable->paths[i], path) == 0) {
			return true;
		}
	}
	return false;
}

static void begin(const char *library_path)
{
	char made[64];
	char json[sizeof(library) + 80];

	test_make_dir(made, sizeof(made));
	CHECK(realpath(made, dir) != NULL);
	snprintf(own, sizeof(own), "%s/own", dir);
	CHECK_EQ(mkdir(own, 0700), 0);
	snprintf(library, sizeof(library), "%s/libvulkan_x.so", own);
	snprintf(manifest, sizeof(manifest), "%s/x.json", own);
	write_file(library, "");
	snprintf(json, sizeof(json), "{\"ICD\": {\"library_path\": \"%s\", \"api_version\": \"1.3.0\"}}",
	         library_path ? library_path : library);
	write_file(manifest, json);
	CHECK_EQ(setenv("HOME", "/nonexistent", 1), 0);
}

static void end(struct vtr_readable *readable)
{
	vtr_readable_finish(readable);
	unlink(manifest);
	unlink(library);
	rmdir(own);
	rmdir(dir);
}

static void folder_of_a_driver(void)
{
	struct vtr_readable readable;

	begin(NULL);
	CHECK_OK(vtr_readable_init(&readable, manifest));
	CHECK(readable.outside && has(&readable, own) && has(&readable, manifest) && !has(&readable, dir));
	end(&readable);
}

static void library_beside_its_manifest(void)
{
	struct vtr_readable readable;
	char path[sizeof(own) + 8];

	begin("./libvulkan_x.so");
	CHECK_OK(vtr_readable_init(&readable, manifest));
	CHECK(readable.outside && has(&readable, own));
	snprintf(path, sizeof(path), "%s/.", own); /* what $ORIGIN may be */
	CHECK(has(&readable, path));
	end(&readable);
}

/* A home folder does not count as a driver's folder. */
static void home(void)
{
	struct vtr_readable readable;

	begin(NULL);
	CHECK_EQ(setenv("HOME", own, 1), 0);
	CHECK_OK(vtr_readable_init(&readable, manifest));
	CHECK(readable.outside && !has(&readable, own) && has(&readable, library));
	vtr_readable_finish(&readable);
	CHECK_EQ(setenv("HOME", library, 1), 0); /* the folder holds it */
	CHECK_OK(vtr_readable_init(&readable, manifest));
	CHECK(!has(&readable, own) && has(&readable, library));
	end(&readable);
}

/* A manifest in a folder of the user's, as the loader finds it. */
static void manifest_in_the_users_folder(void)
{
	struct vtr_readable readable;
	char folder[sizeof(dir) + 32];
	char moved[sizeof(folder) + 16];

	begin(NULL);
	snprintf(folder, sizeof(folder), "%s/vulkan", dir);
	CHECK_EQ(mkdir(folder, 0700), 0);
	snprintf(folder, sizeof(folder), "%s/vulkan/icd.d", dir);
	CHECK_EQ(mkdir(folder, 0700), 0);
	snprintf(moved, sizeof(moved), "%s/x.json", folder);
	CHECK_EQ(rename(manifest, moved), 0);
	CHECK_EQ(setenv("XDG_DATA_HOME", dir, 1), 0);
	CHECK_OK(vtr_readable_init(&readable, NULL));
	CHECK(readable.outside && has(&readable, folder) && has(&readable, own));
	unsetenv("XDG_DATA_HOME");
	unlink(moved);
	rmdir(folder);
	snprintf(folder, sizeof(folder), "%s/vulkan", dir);
	rmdir(folder);
	end(&readable);
}

static void system_drivers_need_nothing(void)
{
	struct vtr_readable readable;

	begin("libvulkan_lvp.so");
	CHECK_OK(vtr_readable_init(&readable, manifest));
	CHECK(!readable.outside && readable.count == 1 && has(&readable, manifest));
	end(&readable);
}

int main(void)
{
	unsetenv("VK_DRIVER_FILES");
	unsetenv("VK_ICD_FILENAMES");
	unsetenv("VK_ADD_DRIVER_FILES");
	unsetenv("VK_LAYER_PATH");
	unsetenv("VK_ADD_LAYER_PATH");
	unsetenv("LD_LIBRARY_PATH");
	RUN(folder_of_a_driver);
	RUN(library_beside_its_manifest);
	RUN(home);
	RUN(manifest_in_the_users_folder);
	RUN(system_drivers_need_nothing);
	return 0;
}
