/* SPDX-License-Identifier: MIT */
#include "cmd/guestenv.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "cmd/icd.h"
#include "cmd/program.h"
#include "test.h"

static char dir[64];

static const char *const variables[] = {
	"VN_DEBUG",          "VTEST_SOCKET_NAME", "VK_DRIVER_FILES", "VK_ICD_FILENAMES",
	"MESA_VK_WSI_DEBUG", "DISPLAY",           "XDG_DATA_HOME",   "XDG_CONFIG_HOME",
	"XDG_CONFIG_DIRS",   "VN_PERF",           "WAYLAND_DISPLAY", "WAYLAND_SOCKET",
};

static void clear(void)
{
	for (size_t i = 0; i < VTR_ARRAY_LEN(variables); i++) {
		unsetenv(variables[i]);
	}
	setenv("HOME", "/nonexistent", 1);
	setenv("XDG_DATA_DIRS", dir, 1);
}

static void write_file(const char *name, const char *text, mode_t mode)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *file = fopen(path, "we");
	CHECK(file != NULL);
	fputs(text, file);
	fclose(file);
	CHECK_EQ(chmod(path, mode), 0);
}

static const char *value_of(const struct vtr_guestenv *env, const char *name)
{
	for (size_t i = 0; i < env->count; i++) {
		if (strncmp(env->set[i], name, strlen(name)) == 0 && env->set[i][strlen(name)] == '=') {
			return env->set[i] + strlen(name) + 1;
		}
	}
	return NULL;
}

static void sets_what_is_missing(void)
{
	struct vtr_guestenv env;
	char wanted[256];

	clear();
	CHECK_OK(vtr_guestenv_init("run", "/tmp/s", &env));
	CHECK_STR(value_of(&env, "VN_DEBUG"), "vtest");
	CHECK_STR(value_of(&env, "VTEST_SOCKET_NAME"), "/tmp/s");
	snprintf(wanted, sizeof(wanted),
	         "%s/vulkan/icd.d/virtio_icd.i686.json:"
	         "%s/vulkan/icd.d/virtio_icd.x86_64.json",
	         dir, dir);
	CHECK_STR(value_of(&env, "VK_DRIVER_FILES"), wanted);
	CHECK_STR(value_of(&env, "VK_ICD_FILENAMES"), wanted);
	CHECK(!vtr_guestenv_copies_windows()); /* without an X server */
	CHECK(value_of(&env, "MESA_VK_WSI_DEBUG") == NULL);
	CHECK_STR(value_of(&env, "VN_PERF"), "no_async_present");
	CHECK(env.set[env.count] == NULL);
	CHECK_OK(vtr_guestenv_copy_windows(&env, true));
	CHECK_STR(value_of(&env, "MESA_VK_WSI_DEBUG"), "sw,linear");
	CHECK(env.set[env.count] == NULL);
	vtr_guestenv_finish(&env);
}

static void never_alters(void)
{
	struct vtr_guestenv env;

	clear();
	setenv("VN_DEBUG", "result,vtest", 1);
	setenv("VK_DRIVER_FILES", "/x/lvp_icd.json:/y/virtio_icd.json", 1);
	setenv("MESA_VK_WSI_DEBUG", "linear", 1);
	setenv("VN_PERF", "no_multi_ring", 1);
	setenv("DISPLAY", ":4711", 1);
	setenv("WAYLAND_DISPLAY", "wayland-4711", 1);
	CHECK(!vtr_guestenv_copies_windows());
	CHECK_OK(vtr_guestenv_init("run", "/tmp/s", &env));
	CHECK_EQ(env.count, 1);
	CHECK_STR(value_of(&env, "VTEST_SOCKET_NAME"), "/tmp/s");
	vtr_guestenv_finish(&env);
}

static void copies_under_wayland(void)
{
	clear();
	setenv("WAYLAND_DISPLAY", "", 1); /* leads nowhere */
	CHECK(!vtr_guestenv_copies_windows());
	setenv("WAYLAND_DISPLAY", "wayland-4711", 1);
	CHECK(vtr_guestenv_copies_windows());
	setenv("MESA_VK_WSI_DEBUG", "", 1);
	CHECK(!vtr_guestenv_copies_windows());
	clear();
	setenv("WAYLAND_SOCKET", "5", 1);
	CHECK(vtr_guestenv_copies_windows());
}

static void says_what_is_in_the_way(void)
{
	static const char *const against[][2] = {
		{ "VN_DEBUG", "" },
		{ "VN_DEBUG", "result,novtest" },
		{ "VN_DEBUG", "vtest2" },
		{ "VTEST_SOCKET_NAME", "/tmp/other" },
		{ "VK_DRIVER_FILES", "/x/lvp_icd.json" },
		{ "VK_ICD_FILENAMES", "/virtio_icd/lvp_icd.json" },
	};
	struct vtr_guestenv env;

	for (size_t i = 0; i < VTR_ARRAY_LEN(against); i++) {
		clear();
		setenv(against[i][0], against[i][1], 1);
		CHECK_ERR(vtr_guestenv_init("run", "/tmp/s", &env), VTR_ERR_UNSUPPORTED);
	}
	/* The newer variable counts. */
	clear();
	setenv("VK_DRIVER_FILES", "/x/virtio_icd.json", 1);
	setenv("VK_ICD_FILENAMES", "/x/lvp_icd.json", 1);
	CHECK_OK(vtr_guestenv_init("run", "/tmp/s", &env));
	vtr_guestenv_finish(&env);
}

static void finds_no_driver(void)
{
	char *paths;

	clear();
	setenv("XDG_DATA_DIRS", "/nonexistent:relative::/also/nonexistent", 1);
	CHECK_ERR(vtr_icd_find_venus(&paths), VTR_ERR_UNSUPPORTED);
}

static void reads_manifests(void)
{
	char path[256];
	char library[64];
	char version[16];

	snprintf(path, sizeof(path), "%s/vulkan/icd.d/virtio_icd.x86_64.json", dir);
	CHECK_OK(vtr_icd_read(path, library, sizeof(library), version, sizeof(version)));
	CHECK_STR(library, "/usr/lib/libvulkan_virtio.so");
	CHECK_STR(version, "1.3.305");
	snprintf(path, sizeof(path), "%s/program", dir);
	CHECK_ERR(vtr_icd_read(path, library, sizeof(library), version, sizeof(version)),
	          VTR_ERR_UNSUPPORTED);
	CHECK_ERR(vtr_icd_read("/nonexistent", library, sizeof(library), version, sizeof(version)),
	          VTR_ERR_OS);
}

static void finds_programs(void)
{
	char path[256];
	char wanted[256];

	snprintf(wanted, sizeof(wanted), "%s/program", dir);
	setenv("PATH", "/nonexistent", 1);
	CHECK_ERR(vtr_program_find("program", path, sizeof(path)), VTR_ERR_GONE);
	CHECK_ERR(vtr_program_find("", path, sizeof(path)), VTR_ERR_GONE);
	CHECK_OK(vtr_program_find(wanted, path, sizeof(path)));
	char list[256];
	snprintf(list, sizeof(list), "/nonexistent:%s", dir);
	setenv("PATH", list, 1);
	CHECK_OK(vtr_program_find("program", path, sizeof(path)));
	CHECK_STR(path, wanted);
	CHECK_ERR(vtr_program_find("data", path, sizeof(path)), VTR_ERR_UNSUPPORTED);
	CHECK_ERR(vtr_program_find("vulkan", path, sizeof(path)), VTR_ERR_UNSUPPORTED);
	CHECK_ERR(vtr_program_find("/tmp", path, sizeof(path)), VTR_ERR_UNSUPPORTED);
}

int main(void)
{
	int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int stderr_fd = dup(2);
	char path[128];

	test_make_dir(dir, sizeof(dir));
	snprintf(path, sizeof(path), "%s/vulkan", dir);
	CHECK_EQ(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/vulkan/icd.d", dir);
	CHECK_EQ(mkdir(path, 0700), 0);
	const char *manifest = "{\n \"ICD\": {\n  \"api_version\": \"1.3.305\",\n"
			       "  \"library_path\" : \"/usr/lib/libvulkan_virtio.so\"\n } }\n";
	write_file("vulkan/icd.d/virtio_icd.x86_64.json", manifest, 0600);
	write_file("vulkan/icd.d/virtio_icd.i686.json", manifest, 0600);
	write_file("vulkan/icd.d/lvp_icd.x86_64.json", manifest, 0600);
	write_file("vulkan/icd.d/virtio_icd.json.bak", manifest, 0600);
	write_file("program", "#!/bin/sh\n", 0700);
	write_file("data", "", 0600);
	dup2(null_fd, 2);
	RUN(sets_what_is_missing);
	RUN(never_alters);
	RUN(copies_under_wayland);
	RUN(says_what_is_in_the_way);
	RUN(finds_no_driver);
	RUN(reads_manifests);
	RUN(finds_programs);
	dup2(stderr_fd, 2);
	setenv("PATH", "/usr/bin:/bin", 1);
	snprintf(path, sizeof(path), "rm -r %s", dir);
	CHECK_EQ(system(path), 0);
	return 0;
}
