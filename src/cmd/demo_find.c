/* SPDX-License-Identifier: MIT */
/* What the demo's virtual machine needs: a QEMU and the sample guest. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cmd/child.h"
#include "cmd/demo.h"
#include "cmd/program.h"
#include "cmd/qemu.h"
#include "cmd/user_cache.h"

/* In the package vitrine-demo: from where vitrine is. */
#define FETCH "../libexec/vitrine/demo/guest/fetch-demo"

enum fetched {
	NOT_INSTALLED, /* what would fetch */
	FAILED,        /* it has said why */
	FETCHED,
};

/* Sees to "guest" or "qemu" in the user's cache. Says something only if there is something to do. */
static enum fetched fetch(const char *part)
{
	char tool[PATH_MAX], folder[PATH_MAX], name[16];
	char *argv[] = { tool, name, folder, NULL };

	if (vtr_program_beside(FETCH, tool, sizeof(tool)) != VTR_OK || access(tool, X_OK) < 0) {
		return NOT_INSTALLED;
	}
	if (!vtr_user_cache("demo", folder, sizeof(folder))) {
		fprintf(stderr, "vitrine demo: the variable HOME is not set, so there is no folder to fetch "
		                "into. Set "
		                "it\n");
		return FAILED;
	}
	snprintf(name, sizeof(name), "%s", part);
	return vtr_child_show(argv) == VTR_OK ? FETCHED : FAILED;
}

/* The end of a message about something that is missing. */
static const char *advise(enum fetched fetched, const char *named)
{
	if (named) {
		return "Run 'make guest' in vitrine's sources, or name another one";
	}
	return fetched == NOT_INSTALLED ?
	               "Install the package vitrine-demo, which fetches it. Run 'make guest' instead if this "
	               "is "
	               "vitrine's source tree" :
	               "Fetching it failed, for the reason above: solve that, and run 'vitrine demo' again";
}

enum vtr_err vtr_demo_find_qemu(const char *named, char *out_path, size_t size)
{
	struct vtr_qemu qemu;
	enum fetched fetched = NOT_INSTALLED;
	enum vtr_err err = vtr_qemu_find(named, &qemu);

	if (err != VTR_OK && !named) {
		fetched = fetch("qemu");
		err = fetched == FETCHED ? vtr_qemu_find(NULL, &qemu) : err;
	}
	if (err == VTR_OK) {
		snprintf(out_path, size, "%s", qemu.path);
		return VTR_OK;
	}
	if (qemu.problems[0] != '\0') {
		fprintf(stderr, "vitrine demo: %s\n", qemu.problems);
	}
	fprintf(stderr,
	        "vitrine demo: cannot find " VTR_QEMU_WANTED "%s%s, which the demo boots its guest in. %s\n",
	        named ? " at " : "", named ? named : "", advise(fetched, named));
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
	char folder[PATH_MAX] = "";

	if (named && have_guest(named, out_guest)) {
		return VTR_OK;
	}
	if (named) {
		fprintf(stderr, "vitrine demo: cannot boot a guest: %s lacks vmlinuz or initramfs.img. %s\n",
		        named, advise(NOT_INSTALLED, named));
		return VTR_ERR_GONE;
	}
	/* In the build folder. */
	if (vtr_program_beside("guest", folder, sizeof(folder)) == VTR_OK && have_guest(folder, out_guest)) {
		return VTR_OK;
	}
	/* One that was fetched before will do where there is no network now. */
	enum fetched fetched = fetch("guest");
	if (fetched != NOT_INSTALLED && vtr_user_cache("demo/guest", folder, sizeof(folder)) &&
	    have_guest(folder, out_guest)) {
		return VTR_OK;
	}
	fprintf(stderr, "vitrine demo: cannot find the sample guest, so there is nothing to boot. %s\n",
	        advise(fetched, NULL));
	return VTR_ERR_GONE;
}
