/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_LINUX_SYSCALL_FILTER_H
#define PLATFORM_LINUX_SYSCALL_FILTER_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What happens to each system call of a process, and the program for the kernel (seccomp, BPF) that says so.
 * What is not in the table fails with ENOSYS, and so do all calls by the tables of other architectures.
 *
 * An action is one of the kernel's: SECCOMP_RET_ALLOW, or SECCOMP_RET_ERRNO with an error code. Code 0 makes
 * the call do nothing and return 0.
 */
#define VTR_OS_REFUSE(code) (SECCOMP_RET_ERRNO | (uint32_t)(code))
/* The same, and the process that watches is not told. */
#define VTR_OS_REFUSE_QUIETLY(code) (VTR_OS_REFUSE(code) | VTR_OS_QUIET)
/* Higher than any error code, and not passed to the kernel. */
#define VTR_OS_QUIET 0x8000u

/* Larger than any number of a call: tables of an architecture have a hole for those that are not used. */
#define VTR_OS_FILTER_NUMBERS 1024
#define VTR_OS_FILTER_TESTS 256
/* The kernel's limit is 4096. */
#define VTR_OS_FILTER_PROGRAM 4096

/* Decides a call by an argument. The low half is compared, which is all that the kernel uses of the arguments
 * that are tested here. */
struct vtr_os_filter_test {
	uint8_t arg;
	bool unless; /* decides if the argument does not have this value */
	uint32_t mask;
	uint32_t value;
	uint32_t action;
};

/* Thread: the caller's. */
struct vtr_os_filter {
	uint32_t actions[VTR_OS_FILTER_NUMBERS]; /* if no test of the call's decides */
	struct vtr_os_filter_test tests[VTR_OS_FILTER_TESTS];
	uint16_t numbers[VTR_OS_FILTER_TESTS]; /* the call of each test */
	size_t test_count;
};

/* No call is allowed. */
void vtr_os_filter_init(struct vtr_os_filter *filter);

/* The action for a call if none of its tests decides. Negative numbers, of calls that this architecture does
 * not have, are skipped. */
void vtr_os_filter_set(struct vtr_os_filter *filter, int number, uint32_t action);

/* Adds a test. Those of a call are tried in the order in which they were added; the first that applies
 * decides. */
void vtr_os_filter_test(struct vtr_os_filter *filter, int number, const struct vtr_os_filter_test *test);

/* Returns: the action for a call of this architecture. */
uint32_t vtr_os_filter_decide(const struct vtr_os_filter *filter, const struct seccomp_data *call);

/**
 * Writes the program.
 *
 * `arch`     the audit interface's number of this architecture.
 * `watched`  hand calls that would fail with an error to the process that watches (SECCOMP_RET_USER_NOTIF),
 *            except those that are refused quietly.
 * Returns: the program's length.
 */
uint16_t vtr_os_filter_compile(const struct vtr_os_filter *filter, uint32_t arch, bool watched,
                               struct sock_filter program[VTR_OS_FILTER_PROGRAM]);

#endif
