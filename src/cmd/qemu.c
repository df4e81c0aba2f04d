/* SPDX-License-Identifier: MIT */
#include "cmd/qemu.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cmd/child.h"
#include "cmd/program.h"
#include "cmd/user_cache.h"

#define QEMU "qemu-system-x86_64"
#define QEMU_MAJOR 11
#define QEMU_MINOR 1
#define DEVICE "vhost-user-test-device-pci"
#define OUTPUT_MAX 4096

static bool reject(struct vtr_qemu *qemu, const char *why)
{
	size_t used = strlen(qemu->problems);

	snprintf(qemu->problems + used, sizeof(qemu->problems) - used, "%s%s %s", used > 0 ? "; " : "",
	         qemu->path, why);
	return false;
}

/* Runs it twice: for its version, and to see whether it has the device. */
static bool examine(struct vtr_qemu *qemu)
{
	char output[OUTPUT_MAX];
	char why[64];
	char version_opt[] = "--version";
	char device_opt[] = "-device";
	char device[] = DEVICE ",help";
	char *ask_version[] = { qemu->path, version_opt, NULL };
	char *ask_device[] = { qemu->path, device_opt, device, NULL };

	if (vtr_child_run(ask_version, NULL, -1, output, sizeof(output)) != VTR_OK) {
		return reject(qemu, "does not run");
	}
	const char *version = strstr(output, "version ");
	if (!version || sscanf(version, "version %u.%u", &qemu->major, &qemu->minor) != 2) {
		return reject(qemu, "prints no version");
	}
	if (qemu->major < QEMU_MAJOR || (qemu->major == QEMU_MAJOR && qemu->minor < QEMU_MINOR)) {
		snprintf(why, sizeof(why), "is QEMU %u.%u, older than %d.%d", qemu->major, qemu->minor,
		         QEMU_MAJOR, QEMU_MINOR);
		return reject(qemu, why);
	}
	if (vtr_child_run(ask_device, NULL, -1, output, sizeof(output)) != VTR_OK) {
		return reject(qemu, "was built without " DEVICE);
	}
	return true;
}

enum vtr_err vtr_qemu_find(const char *named, struct vtr_qemu *out_qemu)
{
	char in_build[PATH_MAX];
	char fetched[PATH_MAX];
	const char *places[3] = { named ? named : QEMU };
	size_t count = 1;

	if (!named && vtr_program_beside("qemu/" QEMU, in_build, sizeof(in_build)) == VTR_OK) {
		places[count++] = in_build;
	}
	if (!named && vtr_user_cache("demo/qemu/" QEMU, fetched, sizeof(fetched))) {
		places[count++] = fetched;
	}
	*out_qemu = (struct vtr_qemu){ .major = 0 };
	for (size_t i = 0; i < count; i++) {
		if (vtr_program_find(places[i], out_qemu->path, sizeof(out_qemu->path)) == VTR_OK &&
		    examine(out_qemu)) {
			return VTR_OK;
		}
	}
	return VTR_ERR_GONE;
}
