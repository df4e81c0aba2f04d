/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_STREAM_CHECKER_H
#define TESTS_FUZZ_STREAM_CHECKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vk_gen.h"

/*
 * A driver in the place of vk/loader.c that checks what the renderer passes to it: all memory that a real driver would
 * read is read, and each handle must be one that this driver has made, of its type, and alive. A violation ends the
 * program. checker_gen.c has the commands (gen_checker.py).
 *
 * Thread: any.
 */

/* Begins a run. `strict`: no handle may be used after its end, as when only one thread runs commands. */
void checker_begin(bool strict);
/* From now on, of the commands that can fail each which has this number fails; 0: none. */
void checker_fail(unsigned every);
/* Ends a run: frees what is left of the test driver's objects. */
void checker_end(void);

/* --- for checker_gen.c ------------------------------------------------------------------------------ */

struct checker_name {
	const char *name;
	PFN_vkVoidFunction command;
};
extern const struct checker_name checker_names[]; /* sorted */
extern const size_t checker_name_count;

/* Notes the command that runs, for reports. */
void check_enter(const char *command);
/* Whether the command fails, and how. */
bool check_fails(void);
VkResult check_failure(void);
/* The value of any timeline: work takes some questions until it is done. */
uint64_t check_counter(void);
/* Reads all of it. */
void check_bytes(const void *data, size_t size);
void check_string(const char *s);
/* 0 is VK_NULL_HANDLE, which is fine everywhere. */
void check_handle(uint64_t handle, uint32_t type);
/* Whether the command that runs has a handle that is 0. */
bool check_saw_null(void);
/* Stores a new handle. */
bool check_make(void *out_handle, uint32_t type, uint64_t parent);
/* Notes a handle that the test driver made. */
void check_adopt(uint64_t handle, uint32_t type, uint64_t parent);
/* Ends a handle and its children. Returns whether the test driver's object is to be destroyed, too: where rings race,
 * another one may still use it, so it stays until checker_end(). */
bool check_drop(uint64_t handle);
void check_drop_children(uint64_t parent);

#endif
