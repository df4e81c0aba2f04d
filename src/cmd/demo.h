/* SPDX-License-Identifier: MIT */
#ifndef CMD_DEMO_H
#define CMD_DEMO_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "cmd/tuning.h"

/* The two demonstrations of `vitrine demo`: a virtual machine, and a program on this machine. Thread: one. */

struct vtr_demo {
	bool local;
	uint32_t frames;
	const char *output;
	uint32_t exit_after; /* seconds; 0: no limit */
	const char *http; /* NULL: a free port on the loopback interface */
	struct vtr_opt_list displays;
	bool window; /* on this machine's desktop */
	const char *record; /* NULL: no recording */
	const char *qemu; /* NULL: search */
	const char *guest; /* folder; NULL: search */
	const char *accel; /* NULL: kvm if it works */
	struct vtr_opt_list tuning;
};

/**
 * Draws with an ordinary program, natively and through `vitrine run`, and writes a picture. Returns: the exit
 * status; errors have been printed.
 */
int vtr_demo_local(const struct vtr_demo *demo, const struct vtr_tuning *tuning);

/**
 * Boots the sample guest in QEMU on `vitrine gpu`, until it ends, a signal comes or the time is over.
 * Returns: the exit status, 0 if the guest has shown frames; errors have been printed.
 */
int vtr_demo_vm(const struct vtr_demo *demo);

/**
 * Finds a QEMU that is new enough: the named one, or else what vtr_qemu_find() finds. If there is none, fetches
 * one where the package vitrine-demo is installed. Prints what is wrong with unsuitable ones.
 * Returns: VTR_ERR_GONE.
 */
VTR_MUST_CHECK enum vtr_err vtr_demo_find_qemu(const char *named, char *out_path, size_t size);

struct vtr_demo_guest {
	char kernel[PATH_MAX];
	char initramfs[PATH_MAX];
	char disk[PATH_MAX]; /* empty: no disk */
};

/**
 * Finds a guest's files in the named folder, or else those of the sample guest: from the build folder, or
 * fetched where the package vitrine-demo is installed. Prints what is missing. Returns: VTR_ERR_GONE.
 */
VTR_MUST_CHECK enum vtr_err vtr_demo_find_guest(const char *named, struct vtr_demo_guest *out_guest);

#endif
