/* SPDX-License-Identifier: MIT */
#ifndef CMD_CHECKS_H
#define CMD_CHECKS_H

#include <stddef.h>

/*
 * What `vitrine doctor` checks besides the Vulkan devices. Each check is a line with a value, its meaning
 * and, if something is missing, what to do.
 */

enum vtr_check_state {
	VTR_CHECK_OK,
	VTR_CHECK_NOTE,    /* something is absent, and not needed */
	VTR_CHECK_MISSING, /* programs do not run without it */
};

struct vtr_check {
	const char *name; /* for JSON: letters and underscores */
	const char *title;
	enum vtr_check_state state;
	char value[512];
	const char *meaning; /* the meaning of the value; a literal */
};

#define VTR_CHECK_COUNT 13

/* The second line of `vitrine worker --show-sandbox`, if refused calls can be logged. */
#define VTR_CHECK_REPORTS "reports"

/* Runs all checks. Returns: how many there are, at most VTR_CHECK_COUNT. */
size_t vtr_checks_run(struct vtr_check out_checks[VTR_CHECK_COUNT]);

const char *vtr_check_state_name(enum vtr_check_state state);

#endif
