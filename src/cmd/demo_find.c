/* SPDX-License-Identifier: MIT */
/* What the demo's virtual machine needs: a QEMU and the sample guest. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cmd/child.h"
#include "cmd/demo.h"
#include "cmd/program.h"
#include "platform/proc.h"

#define QEMU "qemu-system-x86_64"
#define QEMU_MAJOR 11
#define QEMU_MINOR 1
#define DEVICE "vhost-user-test-device-pci"
#define OUTPUT_MAX 4096

/* "<folder of this program>/<name>". Returns: VTR_ERR_OS. */
static enum vtr_err beside(const char *name, char *out_path, size_t size)
{
	char self[PATH_MAX];
	enum vtr_err err = vtr_os_self_path(self, sizeof(self));

	if (err != VTR_OK) {
		return err;
	}
	const char *slash = strrchr(self, '/');
	int length = slash ? (int)(slash - self) : 0;
	int n = snprintf(out_path, size, "%.*s/%s", length, self, name);
	return n > 0 && (size_t)n < size ? VTR_OK : VTR_ERR_OS;
}

/* Runs it twice: for its version, and for whether it has the device. Says why it will not do. */
static bool examine_qemu(const char *path)
{
	char output[OUTPUT_MAX];
	char program[PATH_MAX];
	char version_opt[] = "--version";
	char device_opt[] = "-device";
	char device[] = DEVICE ",help";
	char *ask_version[] = { program, version_opt, NULL };
	char *ask_device[] = { program, device_opt, device, NULL };
	unsigned major;
	unsigned minor;

	snprintf(program, sizeof(program), "%s", path);
	if (vtr_child_run(ask_version, NULL, output, sizeof(output)) != VTR_OK) {
		fprintf(stderr, "vitrine demo: %s does not run\n", path);
		return false;
	}
	const char *version = strstr(output, "version ");
	if (!version || sscanf(version, "version %u.%u", &major, &minor) != 2) {
		fprintf(stderr, "vitrine demo: %s does not say its version\n", path);
		return false;
	}
	if (major < QEMU_MAJOR || (major == QEMU_MAJOR && minor < QEMU_MINOR)) {
		fprintf(stderr, "vitrine demo: %s is QEMU %u.%u; %d.%d or newer is needed\n", path,
		        major, minor, QEMU_MAJOR, QEMU_MINOR);
		return false;
	}
	if (vtr_child_run(ask_device, NULL, output, sizeof(output)) != VTR_OK) {
		fprintf(stderr, "vitrine demo: %s has been built without %s\n", path, DEVICE);
		return false;
	}
	return true;
}

enum vtr_err vtr_demo_find_qemu(const char *named, char *out_path, size_t size)
{
	char fetched[PATH_MAX];
	const char *places[2] = { QEMU, fetched };
	size_t count = 2;

	if (named) {
		places[0] = named;
		count = 1;
	} else if (beside("qemu/" QEMU, fetched, sizeof(fetched)) != VTR_OK) {
		count = 1;
	}
	for (size_t i = 0; i < count; i++) {
		if (vtr_program_find(places[i], out_path, size) == VTR_OK && examine_qemu(out_path)) {
			return VTR_OK;
		}
	}
	fprintf(stderr,
	        "vitrine demo: no QEMU %d.%d or newer: 'make guest' fetches one into the build folder, "
	        "and --qemu FILE names one\n",
	        QEMU_MAJOR, QEMU_MINOR);
	return VTR_ERR_GONE;
}

static bool have_file(const char *folder, const char *name, char *out_path)
{
	int n = snprintf(out_path, PATH_MAX, "%s/%s", folder, name);

	return n > 0 && n < PATH_MAX && access(out_path, R_OK) == 0;
}

static bool have_guest(const char *folder, struct vtr_demo_guest *guest)
{
	if (!have_file(folder, "disk.img", guest->disk)) {
		guest->disk[0] = '\0';
	}
	return have_file(folder, "vmlinuz", guest->kernel) &&
	       have_file(folder, "initramfs.img", guest->initramfs);
}

enum vtr_err vtr_demo_find_guest(const char *named, struct vtr_demo_guest *out_guest)
{
	static const char *const places[] = { "guest", "../share/vitrine/guest" };
	char folder[PATH_MAX] = "";

	if (named && have_guest(named, out_guest)) {
		return VTR_OK;
	}
	for (size_t i = 0; !named && i < VTR_ARRAY_LEN(places); i++) {
		if (beside(places[i], folder, sizeof(folder)) == VTR_OK && have_guest(folder, out_guest)) {
			return VTR_OK;
		}
	}
	fprintf(stderr,
	        "vitrine demo: %s has no vmlinuz and initramfs.img: 'make guest' builds the sample guest\n",
	        named ? named : "the folder guest beside vitrine");
	return VTR_ERR_GONE;
}
