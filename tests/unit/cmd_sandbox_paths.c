/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/sandbox_paths.h"
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

static struct vtr_renderer_config config;
static bool outside;

static bool has(const char *path)
{
	const char *paths[VTR_RENDERER_CONFIG_MAX_PATHS + 1];
	size_t count = vtr_renderer_config_readable(&config, paths);

	for (size_t i = 0; i < count; i++) {
		if (strcmp(paths[i], path) == 0) {
			return true;
		}
	}
	return false;
}

static void find(const char *driver)
{
	const char *why;

	vtr_renderer_config_init(&config);
	CHECK_OK(vtr_sandbox_paths_add(&config, driver, &outside));
	CHECK_OK(vtr_renderer_config_check(&config, &why));
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

static void end(void)
{
	unlink(manifest);
	unlink(library);
	rmdir(own);
	rmdir(dir);
}

static void folder_of_a_driver(void)
{
	begin(NULL);
	find(manifest);
	CHECK(outside && has(own) && has(manifest) && !has(dir));
	end();
}

static void library_beside_its_manifest(void)
{
	char path[sizeof(own) + 8];

	begin("./libvulkan_x.so");
	find(manifest);
	CHECK(outside && has(own));
	snprintf(path, sizeof(path), "%s/.", own); /* what $ORIGIN may be */
	CHECK(has(path));
	end();
}

/* A home folder does not count as a driver's folder. */
static void home(void)
{
	begin(NULL);
	CHECK_EQ(setenv("HOME", own, 1), 0);
	find(manifest);
	CHECK(outside && !has(own) && has(library));
	CHECK_EQ(setenv("HOME", library, 1), 0); /* the folder holds it */
	find(manifest);
	CHECK(!has(own) && has(library));
	end();
}

/* A manifest in a folder of the user's, as the loader finds it. */
static void manifest_in_the_users_folder(void)
{
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
	find(NULL);
	CHECK(outside && has(folder) && has(own));
	unsetenv("XDG_DATA_HOME");
	unlink(moved);
	rmdir(folder);
	snprintf(folder, sizeof(folder), "%s/vulkan", dir);
	rmdir(folder);
	end();
}

static void system_drivers_need_nothing(void)
{
	const char *paths[VTR_RENDERER_CONFIG_MAX_PATHS + 1];

	begin("libvulkan_lvp.so");
	find(manifest);
	CHECK(!outside && vtr_renderer_config_readable(&config, paths) == 1 && has(manifest));
	end();
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
