/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_STRICT_COMMANDS_H
#define TESTS_UNIT_STRICT_COMMANDS_H

#include <stdatomic.h>
#include <stdint.h>

/*
 * Replaces the test driver's commands about command buffers by ones that stop the test if their caller breaks Vulkan's
 * rules: one thread at a time in a pool, nothing freed that is used, and only whole recordings in a submit. They know
 * vkCmdDraw and vkCmdExecuteCommands, and keep a sum of what was recorded. Thread: any.
 */
void strict_replace(void);
/* Commands without a state, for guests that break the rules in a way that no renderer can hide from the driver. */
void strict_replace_by_nothing(void);

extern atomic_bool strict_hold; /* recordings wait in their first draw (firstVertex is 0) while this is set */
extern atomic_uint strict_held; /* those that wait */
extern atomic_uint strict_calls; /* of vkCreateBuffer and vkWaitForFences */
extern atomic_uint strict_block; /* the first of them that does not return until this changes; 0: none */
extern atomic_uint strict_destroyed; /* calls of vkDestroyBuffer */
extern atomic_uint strict_submits; /* calls of vkQueueSubmit */
extern atomic_uint strict_submits_at_destroy; /* the same at the last vkDestroyBuffer */
/* The next calls that fail. */
extern atomic_int strict_begin_fails, strict_end_fails;

/* A recording's sum with one more command: a draw's number of vertices, or an executed buffer's sum. It begins at 0. */
uint64_t strict_add(uint64_t sum, uint64_t value);
void strict_forget_submits(void);
/* The number of command buffers that were submitted since, and the sum of one of them. */
uint32_t strict_submitted(void);
uint64_t strict_sum(uint32_t at);

#endif
