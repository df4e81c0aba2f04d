/* SPDX-License-Identifier: MIT */
#include "cmd/confinement.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/proc.h"

#define TEXT_MAX 4096
/* With this version of Landlock the sandbox is complete; Linux 6.12. */
#define LANDLOCK_COMPLETE 6

static void set(struct vtr_check *check, enum vtr_check_state state, const char *meaning)
{
	check->state = state;
	check->meaning = meaning;
}

/* Reads the beginning of a file of the kernel's. Returns: whether it has contents. */
static bool read_text(const char *path, char out_text[TEXT_MAX])
{
	vtr_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
	const ssize_t n = fd >= 0 ? read(fd, out_text, TEXT_MAX - 1) : -1;

	out_text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* Returns: the number after a name in /proc/self/status; -1 if this kernel does not tell. */
static int read_status(const char *name)
{
	char text[TEXT_MAX];
	char line[64];

	snprintf(line, sizeof(line), "\n%s:", name);
	const char *at = read_text("/proc/self/status", text) ? strstr(text, line) : NULL;
	return at ? (int)strtol(at + strlen(line), NULL, 10) : -1;
}

void vtr_check_landlock(struct vtr_check *check)
{
	const int version = vtr_os_sandbox_files_version();
	const int error = errno;
	char modules[TEXT_MAX];

	if (version >= LANDLOCK_COMPLETE) {
		set(check, VTR_CHECK_OK, "the kernel limits which files a sandboxed process opens");
	} else if (version > 0) {
		set(check, VTR_CHECK_NOTE,
		    "the kernel limits which files a sandboxed process opens; Linux 6.12 or newer also "
		    "limits device commands, signals and sockets");
	} else if (error == EOPNOTSUPP) {
		set(check, VTR_CHECK_NOTE,
		    "a process that was taken over could open all files of your user: Landlock is built into "
		    "this kernel and switched off. Add it to the boot parameter lsm= (see "
		    "/sys/kernel/security/lsm)");
	} else if (read_text("/sys/kernel/security/lsm", modules) && strstr(modules, "landlock")) {
		set(check, VTR_CHECK_NOTE,
		    "a process that was taken over could open all files of your user: this kernel has "
		    "Landlock, but the container's filter of system calls refuses it. Allow "
		    "landlock_create_ruleset, landlock_add_rule and landlock_restrict_self in its profile");
	} else {
		set(check, VTR_CHECK_NOTE,
		    "a process that was taken over could open all files of your user: this kernel lacks "
		    "Landlock, or the container forbids it. Use Linux 5.13 or newer, built with "
		    "CONFIG_SECURITY_LANDLOCK, and in a container a profile that allows the landlock_* "
		    "calls");
	}
	if (version > 0) {
		snprintf(check->value, sizeof(check->value), "version %d", version);
	} else {
		snprintf(check->value, sizeof(check->value), "none (%s)", strerror(error));
	}
}

void vtr_check_outer_filter(struct vtr_check *check)
{
	const int mode = read_status("Seccomp");
	const int count = read_status("Seccomp_filters");
	const bool fixed = read_status("NoNewPrivs") == 1;

	if (mode < 0) {
		set(check, VTR_CHECK_NOTE,
		    "this kernel or container does not tell whether it filters system calls; gVisor and "
		    "kernels without CONFIG_SECCOMP_FILTER do not");
		snprintf(check->value, sizeof(check->value), "unknown");
	} else if (mode == 0) {
		set(check, VTR_CHECK_OK, "nothing around vitrine refuses system calls");
		snprintf(check->value, sizeof(check->value), "none");
	} else {
		set(check, VTR_CHECK_NOTE,
		    "a container or service manager refuses some system calls of vitrine, its drivers and "
		    "its processes. These refusals are not in vitrine's log. If a driver fails here only, "
		    "compare with a run outside, or without the profile (docker: --security-opt "
		    "seccomp=unconfined; systemd: SystemCallFilter=)");
		snprintf(check->value, sizeof(check->value), "active");
		if (count > 0) {
			snprintf(check->value, sizeof(check->value), "active, %d filters", count);
		}
	}
	if (fixed) {
		const size_t length = strlen(check->value);
		snprintf(check->value + length, sizeof(check->value) - length,
		         "; no_new_privs is set (set-user-ID programs have no effect, vitrine needs none)");
	}
}

/* Cuts the text at its first newline. */
static void cut_line(char *text)
{
	text[strcspn(text, "\n")] = '\0';
}

void vtr_check_security_module(struct vtr_check *check)
{
	char text[TEXT_MAX];
	const bool selinux = access("/sys/fs/selinux/enforce", F_OK) == 0;

	if (!read_text("/proc/self/attr/apparmor/current", text) &&
	    !read_text("/proc/self/attr/current", text)) {
		set(check, VTR_CHECK_OK, "neither AppArmor nor SELinux limits vitrine");
		snprintf(check->value, sizeof(check->value), "none");
		return;
	}
	cut_line(text);
	snprintf(check->value, sizeof(check->value), "%s: %.300s", selinux ? "SELinux" : "AppArmor", text);
	if (strncmp(text, "unconfined", strlen("unconfined")) == 0 || strstr(text, ":unconfined_t:")) {
		set(check, VTR_CHECK_OK, "it does not limit vitrine");
	} else if (selinux) {
		set(check, VTR_CHECK_NOTE,
		    "it limits vitrine and its processes by this type. Files, GPU nodes and sockets that it "
		    "refuses fail with 'Permission denied'; 'ausearch -m avc -ts recent' names them");
	} else {
		set(check, VTR_CHECK_NOTE,
		    "it limits vitrine and its processes by this profile. Files, GPU nodes and calls that it "
		    "refuses fail with 'Permission denied'; the kernel's log names them: journalctl -k | "
		    "grep apparmor");
	}
}
