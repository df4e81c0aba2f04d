/* SPDX-License-Identifier: MIT */
#include "cmd/cdi_driver.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cmd/guest_driver.h"
#include "platform/proc.h"

/* Below the folder of the program. */
#define INSTALLED "/../lib/vitrine/guest"
#define INSTALLED_HOOK "/../libexec/vitrine/cdi-hook"
/* Seconds after which an engine ends the hook, which has a shorter limit itself. */
#define HOOK_SECONDS 90

/* Ubuntu's ldconfig is a script; the program beside it has this other name. */
static const char *const ldconfigs[] = { "/sbin/ldconfig.real", "/sbin/ldconfig", "/usr/sbin/ldconfig",
	                                 "/usr/bin/ldconfig" };

/* Returns: whether the folder is one that tools/make-guest-driver has made; then its real path is in the struct. */
static bool take_folder(const char *path, struct vtr_cdi_driver *driver)
{
	char file[PATH_MAX + sizeof(VTR_GUEST_DRIVER_FILE) + 1];

	if (!realpath(path, driver->folder)) {
		return false;
	}
	snprintf(file, sizeof(file), "%s/" VTR_GUEST_DRIVER_FILE, driver->folder);
	return access(file, R_OK) == 0;
}

/* Fills in the manifests' paths in containers. Returns: whether there are any. */
static bool find_manifests(struct vtr_cdi_driver *driver)
{
	char pattern[PATH_MAX + sizeof("/virtio_icd.*.json")];
	size_t length = 0;
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s/virtio_icd.*.json", driver->folder);
	if (glob(pattern, 0, NULL, &found) != 0) {
		return false;
	}
	/* x86_64's last in the alphabet, but of use first. */
	for (size_t i = found.gl_pathc; i-- > 0 && length < sizeof(driver->manifests);) {
		length += (size_t)snprintf(driver->manifests + length, sizeof(driver->manifests) - length,
		                           "%s" VTR_GUEST_DRIVER_PLACE "%s", length > 0 ? ":" : "",
		                           strrchr(found.gl_pathv[i], '/'));
	}
	globfree(&found);
	return length < sizeof(driver->manifests);
}

/* The hook that is installed with `program` needs no shared libraries. Builds where such programs cannot be made use
 * the command of `program`. */
static void find_hook(const char *program, struct vtr_cdi_driver *driver)
{
	char path[PATH_MAX + sizeof(INSTALLED_HOOK)];
	const char *slash = strrchr(program, '/');

	snprintf(path, sizeof(path), "%.*s" INSTALLED_HOOK, (int)(slash ? slash - program : 0), program);
	driver->own_program = access(path, X_OK) == 0 && realpath(path, driver->hook);
	if (!driver->own_program) {
		snprintf(driver->hook, sizeof(driver->hook), "%s", program);
	}
}

/* One in the folder is there because the host has none that would do. */
static bool find_ldconfig(struct vtr_cdi_driver *driver)
{
	const int wanted = snprintf(driver->ldconfig, sizeof(driver->ldconfig),
	                            "%s/" VTR_GUEST_DRIVER_LDCONFIG, driver->folder);
	bool found = wanted < (int)sizeof(driver->ldconfig) && access(driver->ldconfig, X_OK) == 0;

	for (size_t i = 0; i < VTR_ARRAY_LEN(ldconfigs) && !found; i++) {
		snprintf(driver->ldconfig, sizeof(driver->ldconfig), "%s", ldconfigs[i]);
		found = access(driver->ldconfig, X_OK) == 0;
	}
	return found;
}

static bool find_installed(const char *program, struct vtr_cdi_driver *driver)
{
	char path[PATH_MAX + sizeof(INSTALLED)];
	const char *slash = strrchr(program, '/');

	snprintf(path, sizeof(path), "%.*s" INSTALLED, (int)(slash ? slash - program : 0), program);
	return take_folder(path, driver);
}

enum vtr_err vtr_cdi_driver_find(const char *folder, bool cpu, struct vtr_cdi_driver *out_driver)
{
	struct vtr_cdi_driver driver = { .cpu = cpu };
	const bool none = folder && strcmp(folder, "none") == 0;
	char program[PATH_MAX];

	const enum vtr_err err = vtr_os_self_path(program, sizeof(program));
	if (err != VTR_OK) {
		return err;
	}
	if (none || (!folder && !find_installed(program, &driver))) {
		if (!none) {
			fprintf(stderr,
			        "vitrine cdi: no driver for containers is installed, so images need Mesa's "
			        "Venus driver. docs/containers.md says how to install one; "
			        "'--guest-driver none' does without\n");
		}
		driver.folder[0] = '\0';
		*out_driver = driver;
		return VTR_OK;
	}
	if ((folder && !take_folder(folder, &driver)) || !find_manifests(&driver)) {
		fprintf(stderr,
		        "vitrine cdi: %s contains no driver for containers. 'tools/make-guest-driver "
		        "--folder DIR' of "
		        "vitrine's sources makes one\n",
		        folder ? folder : driver.folder);
		return VTR_ERR_ARG;
	}
	find_hook(program, &driver);
	if (!find_ldconfig(&driver)) {
		fprintf(stderr, "vitrine cdi: this host has no ldconfig, with which libraries are made known "
		                "to images. "
		                "Install it, or give --guest-driver none\n");
		return VTR_ERR_ARG;
	}
	*out_driver = driver;
	return VTR_OK;
}

static void write_text(struct vtr_json *json, const char *name, const char *value)
{
	char text[PATH_MAX + 64];

	snprintf(text, sizeof(text), "%s=%s", name, value);
	vtr_json_text(json, NULL, text);
}

static void write_hook(struct vtr_json *json, const struct vtr_cdi_driver *driver)
{
	const char *const args[] = { "vitrine",      "cdi-hook",   "--folder",
		                     driver->folder, "--ldconfig", driver->ldconfig };
	const size_t first = driver->own_program ? 1 : 0;

	vtr_json_open(json, "hooks", '[');
	vtr_json_open(json, NULL, '{');
	/* The mounts are there, the root is not yet the root, and nothing of the image runs. */
	vtr_json_text(json, "hookName", "createContainer");
	vtr_json_text(json, "path", driver->hook);
	vtr_json_open(json, "args", '[');
	for (size_t i = first; i < VTR_ARRAY_LEN(args); i++) {
		vtr_json_text(json, NULL, args[i]);
	}
	vtr_json_close(json, ']');
	vtr_json_number(json, "timeout", HOOK_SECONDS);
	vtr_json_close(json, '}');
	vtr_json_close(json, ']');
}

void vtr_cdi_driver_write(struct vtr_json *json, const struct vtr_cdi_driver *driver)
{
	/* Programs are mapped from it, so it cannot be noexec. */
	static const char *const mount_options[] = { "bind", "ro", "nosuid", "nodev" };

	if (driver->folder[0] == '\0') {
		return;
	}
	vtr_json_open(json, "containerEdits", '{');
	vtr_json_open(json, "env", '[');
	/* The older name is for loaders before 1.3.207. */
	write_text(json, "VK_DRIVER_FILES", driver->manifests);
	write_text(json, "VK_ICD_FILENAMES", driver->manifests);
	write_text(json, "__EGL_VENDOR_LIBRARY_FILENAMES", VTR_GUEST_DRIVER_PLACE "/egl_vendor.json");
	write_text(json, "__GLX_VENDOR_LIBRARY_NAME", "vitrine");
	write_text(json, "MESA_LOADER_DRIVER_OVERRIDE", "zink");
	if (driver->cpu) {
		write_text(json, "LIBGL_ALWAYS_SOFTWARE", "1");
	}
	vtr_json_close(json, ']');
	vtr_json_open(json, "mounts", '[');
	vtr_json_open(json, NULL, '{');
	vtr_json_text(json, "hostPath", driver->folder);
	vtr_json_text(json, "containerPath", VTR_GUEST_DRIVER_PLACE);
	vtr_json_open(json, "options", '[');
	for (size_t i = 0; i < VTR_ARRAY_LEN(mount_options); i++) {
		vtr_json_text(json, NULL, mount_options[i]);
	}
	vtr_json_close(json, ']');
	vtr_json_close(json, '}');
	vtr_json_close(json, ']');
	write_hook(json, driver);
	vtr_json_close(json, '}');
}
