/* SPDX-License-Identifier: MIT */
#include "cmd/checks.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"
#include "cmd/child.h"
#include "cmd/confinement.h"
#include "cmd/guestenv.h"
#include "cmd/icd.h"
#include "cmd/qemu.h"
#include "cmd/xserver.h"
#include "platform/proc.h"
#include "platform/shm.h"
#include "present/present.h"

#define LIBRARY_MAX 256
#define API_MAX 32
/* With a lower fd limit, programs with many allocations run out of fds. */
#define FILES_ENOUGH 16384

static void set(struct vtr_check *check, enum vtr_check_state state, const char *meaning, const char *value)
{
	check->state = state;
	check->meaning = meaning;
	snprintf(check->value, sizeof(check->value), "%s", value);
}

static void check_guest_driver(struct vtr_check *check)
{
	vtr_autofree char *paths = NULL;
	char library[LIBRARY_MAX] = "?";
	char api[API_MAX] = "?";
	char version[32] = "unknown";
	char first[LIBRARY_MAX];

	if (vtr_icd_find_venus(&paths) != VTR_OK) {
		set(check, VTR_CHECK_MISSING, "programs need Mesa's Venus driver. " VTR_ICD_ADVICE, "none");
		return;
	}
	snprintf(first, sizeof(first), "%.*s", (int)strcspn(paths, ":"), paths);
	bool too_old = false;
	if (vtr_icd_read(first, library, sizeof(library), api, sizeof(api)) == VTR_OK) {
		too_old = vtr_icd_mesa_version(first, version, sizeof(version)) &&
		          vtr_icd_is_too_old(version);
	}
	check->state = too_old ? VTR_CHECK_MISSING : VTR_CHECK_OK;
	check->meaning =
		too_old ? "programs need a newer one. " VTR_ICD_ADVICE :
			  "'vitrine run' gives this driver to programs; Mesa 25.0.7 to 26 are known to work";
	snprintf(check->value, sizeof(check->value), "Mesa %s, Vulkan %s, %s", version, api, paths);
}

static const char *name_server(enum vtr_xserver server)
{
	switch (server) {
	case VTR_XSERVER_NONE:
		return "none (DISPLAY is not set)";
	case VTR_XSERVER_ABSENT:
		return "set in DISPLAY, but it does not answer";
	case VTR_XSERVER_PLAIN:
		return "without DRI3";
	case VTR_XSERVER_DRI3:
		return "with DRI3";
	}
	return "?";
}

static void check_x_server(struct vtr_check *check)
{
	enum vtr_xserver server = vtr_xserver_ask();
	const char *meaning = "programs can open windows";

	if (vtr_guestenv_has_wayland() && server != VTR_XSERVER_ABSENT) {
		meaning = "programs can open windows, also under Wayland; 'vitrine run' sets "
			  "MESA_VK_WSI_DEBUG, so pictures reach the windows by copy";
	} else if (server == VTR_XSERVER_NONE) {
		meaning = "programs cannot open windows; programs without windows work";
	} else if (server == VTR_XSERVER_ABSENT) {
		meaning = "programs cannot open windows: set DISPLAY to a server that runs, or unset it";
	} else if (server == VTR_XSERVER_PLAIN) {
		meaning =
			"programs can open windows; 'vitrine run' sets MESA_VK_WSI_DEBUG, so pictures reach "
			"the windows by copy";
	}
	set(check, server == VTR_XSERVER_PLAIN || server == VTR_XSERVER_DRI3 ? VTR_CHECK_OK : VTR_CHECK_NOTE,
	    meaning, name_server(server));
}

static void check_window(struct vtr_check *check)
{
	char what[sizeof(check->value)];

	if (vtr_present_probe(what, sizeof(what)) == VTR_OK) {
		set(check, VTR_CHECK_OK, "'vitrine gpu --window' can open windows here", what);
	} else {
		set(check, VTR_CHECK_NOTE, "'vitrine gpu --window' does not work here; use --http instead",
		    what);
	}
}

static void check_drm_nodes(struct vtr_check *check)
{
	glob_t nodes;

	if (glob("/dev/dri/renderD*", 0, NULL, &nodes) != 0) {
		set(check, VTR_CHECK_NOTE,
		    "Mesa's drivers for real GPUs need a DRM render node, NVIDIA's does not", "none");
	} else {
		bool usable = access(nodes.gl_pathv[0], R_OK | W_OK) == 0;
		set(check, usable ? VTR_CHECK_OK : VTR_CHECK_NOTE,
		    usable ? "the host's Vulkan driver can use it" :
		             "you may not open it: add your user to its group, usually 'render'",
		    nodes.gl_pathv[0]);
	}
	globfree(&nodes);
}

static void check_udmabuf(struct vtr_check *check)
{
	bool there = access("/dev/udmabuf", F_OK) == 0;

	set(check, there ? VTR_CHECK_OK : VTR_CHECK_NOTE,
	    there ? "vitrine does not need it" : "vitrine does not need it", there ? "present" : "none");
}

static void check_files(struct vtr_check *check)
{
	struct rlimit limit = { 0 };

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	bool enough = limit.rlim_max == RLIM_INFINITY || limit.rlim_max >= FILES_ENOUGH;
	set(check, enough ? VTR_CHECK_OK : VTR_CHECK_NOTE,
	    enough ? "each mapped allocation of a program takes an open file of its worker" :
	             "each mapped allocation of a program takes an open file of its worker: raise the "
	             "hard limit (ulimit -Hn) for programs with many",
	    "");
	snprintf(check->value, sizeof(check->value), "%llu at most", (unsigned long long)limit.rlim_max);
}

static void check_shared_memory(struct vtr_check *check)
{
	vtr_autofd int fd = -1;
	const bool works = vtr_os_shm_create("vitrine-doctor", 1, &fd) == VTR_OK &&
	                   vtr_os_shm_check(fd, 1) == VTR_OK;

	set(check, works ? VTR_CHECK_OK : VTR_CHECK_MISSING,
	    works ? "memory can be shared with programs" :
	            "vitrine shares memory with programs (on Linux, in sealed memfds), which this "
	            "kernel or container forbids",
	    works ? "works" : strerror(errno));
}

/* Has a process enter a worker's sandbox. Returns: whether it did; what it says about that, in lines. */
static bool show_sandbox(char *out_text, size_t size)
{
	char self[PATH_MAX];
	char worker[] = "worker";
	char show[] = "--show-sandbox";
	char *argv[] = { self, worker, show, NULL };

	return vtr_os_self_path(self, sizeof(self)) == VTR_OK &&
	       vtr_child_run(argv, NULL, -1, out_text, size) == VTR_OK;
}

static void check_sandbox(struct vtr_check *check)
{
	char text[sizeof(check->value)];

	if (!show_sandbox(text, sizeof(text))) {
		set(check, VTR_CHECK_MISSING,
		    "workers cannot enter their sandbox here, so none starts; -o sandbox=off starts them "
		    "without",
		    "fails");
		return;
	}
	text[strcspn(text, "\n")] = '\0';
	bool complete = strncmp(text, "complete", strlen("complete")) == 0;
	set(check, complete ? VTR_CHECK_OK : VTR_CHECK_NOTE,
	    complete ? "these limits hold for a worker that a program has taken over" :
	               "this kernel or container supports only these limits for a worker that a program has "
	               "taken over, and -o sandbox=require does not start; Linux 6.12 supports all",
	    text);
}

static void check_refusals(struct vtr_check *check)
{
	char text[sizeof(check->value)];
	const bool logged = show_sandbox(text, sizeof(text)) && strstr(text, "\n" VTR_CHECK_REPORTS "\n");

	set(check, logged ? VTR_CHECK_OK : VTR_CHECK_NOTE,
	    logged ? "the log names system calls that the sandbox refuses; -o sandbox=report records what a "
	             "driver needs" :
	             "system calls that the sandbox refuses fail, but the log does not name them: this needs "
	             "Linux 5.7 or "
	             "newer, and no container whose own filter reports to another process",
	    logged ? "logged" : "not logged");
}

static void check_qemu(struct vtr_check *check)
{
	char value[sizeof(check->value)];
	struct vtr_qemu qemu;

	if (vtr_qemu_find(NULL, &qemu) == VTR_OK) {
		snprintf(value, sizeof(value), "%u.%u, %.400s", qemu.major, qemu.minor, qemu.path);
		set(check, VTR_CHECK_OK, "VMs of this QEMU can use 'vitrine gpu'", value);
		return;
	}
	set(check, VTR_CHECK_NOTE,
	    "virtual machines need " VTR_QEMU_WANTED ". 'vitrine demo' fetches one if the package "
	    "vitrine-demo is installed, and so does 'make guest' in the sources; docs/qemu.md has more ways",
	    qemu.problems[0] != '\0' ? qemu.problems : "none");
}

static const struct {
	const char *name;
	const char *title;
	void (*run)(struct vtr_check *check);
} rows[] = {
	{ "guest_driver", "Guest driver", check_guest_driver },
	{ "x_server", "X server", check_x_server },
	{ "window", "Windows of VMs", check_window },
	{ "drm_nodes", "DRM nodes", check_drm_nodes },
	{ "udmabuf", "udmabuf", check_udmabuf },
	{ "memfd", "Shared memory", check_shared_memory },
	{ "files", "Open files", check_files },
	{ "sandbox", "Sandbox", check_sandbox },
	{ "refusals", "Refused calls", check_refusals },
	{ "landlock", "Landlock", vtr_check_landlock },
	{ "outer_filter", "Filter of system calls around vitrine", vtr_check_outer_filter },
	{ "security_module", "AppArmor and SELinux", vtr_check_security_module },
	{ "qemu", "QEMU", check_qemu },
};

_Static_assert(VTR_ARRAY_LEN(rows) <= VTR_CHECK_COUNT, "all checks must fit");

size_t vtr_checks_run(struct vtr_check out_checks[VTR_CHECK_COUNT])
{
	for (size_t i = 0; i < VTR_ARRAY_LEN(rows); i++) {
		out_checks[i] = (struct vtr_check){ .name = rows[i].name, .title = rows[i].title };
		rows[i].run(&out_checks[i]);
	}
	return VTR_ARRAY_LEN(rows);
}

const char *vtr_check_state_name(enum vtr_check_state state)
{
	switch (state) {
	case VTR_CHECK_OK:
		return "ok";
	case VTR_CHECK_NOTE:
		return "note";
	case VTR_CHECK_MISSING:
		return "missing";
	}
	return "?";
}
