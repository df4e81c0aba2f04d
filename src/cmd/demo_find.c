/* SPDX-License-Identifier: MIT */
/* What the demo's virtual machine needs: a QEMU and the sample guest. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cmd/demo.h"
#include "cmd/program.h"
#include "cmd/qemu.h"

enum vtr_err vtr_demo_find_qemu(const char *named, char *out_path, size_t size)
{
	struct vtr_qemu qemu;

	if (vtr_qemu_find(named, &qemu) == VTR_OK) {
		snprintf(out_path, size, "%s", qemu.path);
		return VTR_OK;
	}
	if (qemu.problems[0] != '\0') {
		fprintf(stderr, "vitrine demo: %s\n", qemu.problems);
	}
	fprintf(stderr,
	        "vitrine demo: cannot find " VTR_QEMU_WANTED
	        "%s%s, which the demo boots its guest in. Run 'make "
	        "guest' to fetch it into the build folder, or name one with --qemu FILE\n",
	        named ? " at " : "", named ? named : "");
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
		if (vtr_program_beside(places[i], folder, sizeof(folder)) == VTR_OK &&
		    have_guest(folder, out_guest)) {
			return VTR_OK;
		}
	}
	fprintf(stderr,
	        "vitrine demo: cannot boot a guest: %s lacks vmlinuz or initramfs.img. Run 'make "
	        "guest' to build the sample guest\n",
	        named ? named : "the folder guest beside vitrine");
	return VTR_ERR_GONE;
}
