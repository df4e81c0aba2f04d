/* SPDX-License-Identifier: MIT */
#include "cmd/guestenv.h"

#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cmd/icd.h"
#include "cmd/xserver.h"

#define DRM_NODES "/dev/dri/renderD*"
#define WINDOWS "MESA_VK_WSI_DEBUG"
#define TUNING "VN_PERF"

static enum vtr_err add(struct vtr_guestenv *env, const char *name, const char *value)
{
	vtr_assert(env->count < VTR_GUESTENV_MAX);
	if (asprintf(&env->set[env->count], "%s=%s", name, value) < 0) {
		env->set[env->count] = NULL;
		return VTR_ERR_NOMEM;
	}
	env->count++;
	return VTR_OK;
}

/* Returns: whether a comma-separated list of flags, as Mesa parses them, contains `flag`. */
static bool has_flag(const char *list, const char *flag)
{
	size_t flag_length = strlen(flag);

	while (*list) {
		size_t length = strcspn(list, ", ");
		if (length == flag_length && memcmp(list, flag, length) == 0) {
			return true;
		}
		list += length + (list[length] != '\0');
	}
	return false;
}

static enum vtr_err add_debug(struct vtr_guestenv *env, const char *command)
{
	const char *users = getenv("VN_DEBUG");

	if (!users) {
		return add(env, "VN_DEBUG", "vtest");
	}
	if (has_flag(users, "vtest")) {
		return VTR_OK;
	}
	fprintf(stderr,
	        "vitrine %s: the variable VN_DEBUG is set to '%s', which lacks 'vtest': the program "
	        "would not use vitrine.\nAdd vtest to it, or unset it.\n",
	        command, users);
	return VTR_ERR_UNSUPPORTED;
}

static enum vtr_err add_socket(struct vtr_guestenv *env, const char *command, const char *path)
{
	const char *users = getenv("VTEST_SOCKET_NAME");

	if (!users) {
		return add(env, "VTEST_SOCKET_NAME", path);
	}
	fprintf(stderr,
	        "vitrine %s: the variable VTEST_SOCKET_NAME is set already: the program would "
	        "connect to the server at %s.\nUnset it, and run again.\n",
	        command, users);
	return VTR_ERR_UNSUPPORTED;
}

/* Programs would fail with the driver of an older Mesa, without a reason that people could see. */
static enum vtr_err check_mesa(const char *paths, const char *command)
{
	char first[PATH_MAX];
	char version[32];

	snprintf(first, sizeof(first), "%.*s", (int)strcspn(paths, ":"), paths);
	if (!vtr_icd_mesa_version(first, version, sizeof(version)) || !vtr_icd_is_too_old(version)) {
		return VTR_OK;
	}
	fprintf(stderr,
	        "vitrine %s: Mesa's Venus driver, through which programs reach vitrine, is too old: it "
	        "belongs to "
	        "Mesa %s.\n" VTR_ICD_ADVICE ".\n",
	        command, version);
	return VTR_ERR_UNSUPPORTED;
}

static enum vtr_err add_driver(struct vtr_guestenv *env, const char *command)
{
	const char *name = "VK_DRIVER_FILES";
	const char *users = getenv(name);
	vtr_autofree char *paths = NULL;

	if (!users) {
		name = "VK_ICD_FILENAMES"; /* the older name, used if the newer is not set */
		users = getenv(name);
	}
	if (users && vtr_icd_list_has_venus(users)) {
		return VTR_OK;
	}
	if (users) {
		fprintf(stderr,
		        "vitrine %s: the variable %s is set to '%s', which is not Mesa's Venus driver: the "
		        "program would not use vitrine.\nUnset it. To choose the host's driver, use -o "
		        "driver=FILE.\n",
		        command, name, users);
		return VTR_ERR_UNSUPPORTED;
	}
	enum vtr_err err = vtr_icd_find_venus(&paths);
	if (err == VTR_ERR_UNSUPPORTED) {
		fprintf(stderr,
		        "vitrine %s: cannot find Mesa's Venus driver (virtio_icd.*.json): programs reach "
		        "vitrine through it.\n" VTR_ICD_ADVICE ".\n",
		        command);
	}
	if (err == VTR_OK) {
		err = check_mesa(paths, command);
	}
	if (err != VTR_OK) {
		return err;
	}
	err = add(env, "VK_DRIVER_FILES", paths);
	if (err == VTR_OK) {
		err = add(env, "VK_ICD_FILENAMES", paths);
	}
	return err;
}

/*
 * Over vtest, Mesa 26.2.6 presents in a separate thread, which signals the fence of a present with the
 * queue's scratch memory while vkQueueSubmit fills that memory: programs that present with fences, as DXVK
 * does, crash. Mesa 25.0 has no such thread and ignores the name.
 */
static enum vtr_err add_tuning(struct vtr_guestenv *env)
{
	return getenv(TUNING) ? VTR_OK : add(env, TUNING, "no_async_present");
}

static bool has_drm_node(void)
{
	glob_t found;
	bool has = glob(DRM_NODES, GLOB_NOSORT, NULL, &found) == 0;

	globfree(&found);
	return has;
}

bool vtr_guestenv_has_wayland(void)
{
	const char *name = getenv("WAYLAND_DISPLAY");

	return (name && name[0] != '\0') || getenv("WAYLAND_SOCKET");
}

/*
 * Windows need DRI3 and a DRM node, or pictures that go through the X server's socket. Under Wayland they go
 * through shared memory: an fd that a program receives as a dma-buf may not be one, and creating a swapchain
 * then fails.
 */
bool vtr_guestenv_copies_windows(void)
{
	if (getenv(WINDOWS)) {
		return false;
	}
	if (vtr_guestenv_has_wayland()) {
		return true;
	}
	enum vtr_xserver server = vtr_xserver_ask();
	return server == VTR_XSERVER_PLAIN || (server == VTR_XSERVER_DRI3 && !has_drm_node());
}

enum vtr_err vtr_guestenv_copy_windows(struct vtr_guestenv *env, bool on_cpu)
{
	/* Real GPUs cannot draw into linear images, or are slower. */
	return add(env, WINDOWS, on_cpu ? "sw,linear" : "sw");
}

enum vtr_err vtr_guestenv_init(const char *command, const char *socket_path, struct vtr_guestenv *out_env)
{
	struct vtr_guestenv env = { 0 };
	enum vtr_err err = add_debug(&env, command);

	if (err == VTR_OK) {
		err = add_socket(&env, command, socket_path);
	}
	if (err == VTR_OK) {
		err = add_driver(&env, command);
	}
	if (err == VTR_OK) {
		err = add_tuning(&env);
	}
	if (err != VTR_OK) {
		vtr_guestenv_finish(&env);
		return err;
	}
	*out_env = env;
	return VTR_OK;
}

void vtr_guestenv_finish(struct vtr_guestenv *env)
{
	for (size_t i = 0; i < env->count; i++) {
		free(env->set[i]);
	}
	*env = (struct vtr_guestenv){ 0 };
}
