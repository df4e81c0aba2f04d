/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_CHILD_PROGRAM_H
#define TESTS_UNIT_CHILD_PROGRAM_H

#include <stdint.h>

#include "ipc/ipc.h"

/* The child of ipc_child: what it does when that starts itself again. */

#define CHILD_FLOOD_LINES 20000
#define CHILD_LAST_WORDS 10
#define CHILD_CHATTER 40

enum child_msg {
	CHILD_MSG_NUMBER = 1,
	CHILD_MSG_COUNT,
};

struct child_msg_number {
	uint64_t number;
};

extern const struct vtr_ipc_rule child_msg_rules[CHILD_MSG_COUNT];

/* Returns: the exit status. */
int child_program(const char *what);

#endif
