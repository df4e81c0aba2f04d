/* SPDX-License-Identifier: MIT */
#include "platform/linux/syscall_filter.h"

#include <errno.h>
#include <stddef.h>

#include "base/mem.h"

/* The kernel's little-endian and big-endian architectures keep the low half of an argument elsewhere. */
#define LOW_HALF (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0)

struct writer {
	struct sock_filter *program;
	uint16_t length;
	bool watched;
};

void vtr_os_filter_init(struct vtr_os_filter *filter)
{
	filter->test_count = 0;
	for (size_t i = 0; i < VTR_OS_FILTER_NUMBERS; i++) {
		filter->actions[i] = VTR_OS_REFUSE(ENOSYS);
	}
}

void vtr_os_filter_set(struct vtr_os_filter *filter, int number, uint32_t action)
{
	if (number >= 0) {
		vtr_assert(number < VTR_OS_FILTER_NUMBERS);
		filter->actions[number] = action;
	}
}

void vtr_os_filter_test(struct vtr_os_filter *filter, int number, const struct vtr_os_filter_test *test)
{
	if (number >= 0) {
		vtr_assert(number < VTR_OS_FILTER_NUMBERS && filter->test_count < VTR_OS_FILTER_TESTS);
		filter->numbers[filter->test_count] = (uint16_t)number;
		filter->tests[filter->test_count++] = *test;
	}
}

uint32_t vtr_os_filter_decide(const struct vtr_os_filter *filter, const struct seccomp_data *call)
{
	if (call->nr < 0 || call->nr >= VTR_OS_FILTER_NUMBERS) {
		return VTR_OS_REFUSE(ENOSYS);
	}
	for (size_t i = 0; i < filter->test_count; i++) {
		const struct vtr_os_filter_test *test = &filter->tests[i];
		const bool same = ((uint32_t)call->args[test->arg] & test->mask) == test->value;

		if (filter->numbers[i] == call->nr && same != test->unless) {
			return test->action & ~VTR_OS_QUIET;
		}
	}
	return filter->actions[call->nr] & ~VTR_OS_QUIET;
}

static void write_one(struct writer *writer, uint16_t code, uint32_t value, uint8_t if_true, uint8_t if_false)
{
	vtr_assert(writer->length < VTR_OS_FILTER_PROGRAM);
	writer->program[writer->length++] =
		(struct sock_filter){ .code = code, .jt = if_true, .jf = if_false, .k = value };
}

static void write_load(struct writer *writer, size_t offset)
{
	write_one(writer, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void write_return(struct writer *writer, uint32_t action)
{
	const bool told = (action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO &&
	                  (action & SECCOMP_RET_DATA) != 0 && (action & VTR_OS_QUIET) == 0;

	write_one(writer, BPF_RET | BPF_K,
	          writer->watched && told ? SECCOMP_RET_USER_NOTIF : action & ~VTR_OS_QUIET, 0, 0);
}

static void write_test(struct writer *writer, const struct vtr_os_filter_test *test)
{
	write_load(writer, offsetof(struct seccomp_data, args) + test->arg * sizeof(uint64_t) + LOW_HALF);
	if (test->mask != UINT32_MAX) {
		write_one(writer, BPF_ALU | BPF_AND | BPF_K, test->mask, 0, 0);
	}
	write_one(writer, BPF_JMP | BPF_JEQ | BPF_K, test->value, test->unless ? 1 : 0, test->unless ? 0 : 1);
	write_return(writer, test->action);
}

static bool is_tested(const struct vtr_os_filter *filter, int number)
{
	for (size_t i = 0; i < filter->test_count; i++) {
		if (filter->numbers[i] == number) {
			return true;
		}
	}
	return false;
}

/* The calls that arguments decide, a block each; those that drivers make most often (ioctl) are among them. */
static void write_tested(struct writer *writer, const struct vtr_os_filter *filter)
{
	for (int number = 0; number < VTR_OS_FILTER_NUMBERS; number++) {
		if (!is_tested(filter, number)) {
			continue;
		}
		const uint16_t start = writer->length;
		write_one(writer, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 0);
		for (size_t i = 0; i < filter->test_count; i++) {
			if (filter->numbers[i] == number) {
				write_test(writer, &filter->tests[i]);
			}
		}
		write_return(writer, filter->actions[number]);
		/* A jump reaches 255 steps, which is enough for 60 tests. */
		vtr_assert(writer->length - start - 1 <= UINT8_MAX);
		writer->program[start].jf = (uint8_t)(writer->length - start - 1);
	}
}

/* All others, as runs of numbers with the same action. Numbers that have a block do not come this far, so
 * they interrupt no run. */
static void write_runs(struct writer *writer, const struct vtr_os_filter *filter)
{
	int first = 0;

	while (first < VTR_OS_FILTER_NUMBERS) {
		const uint32_t action = filter->actions[first];
		int last = first;

		if (is_tested(filter, first) || action == VTR_OS_REFUSE(ENOSYS)) {
			first++;
			continue;
		}
		for (int next = first + 1; next < VTR_OS_FILTER_NUMBERS; next++) {
			if (is_tested(filter, next)) {
				continue;
			}
			if (filter->actions[next] != action) {
				break;
			}
			last = next;
		}
		write_one(writer, BPF_JMP | BPF_JGE | BPF_K, (uint32_t)first, 0, 2);
		write_one(writer, BPF_JMP | BPF_JGT | BPF_K, (uint32_t)last, 1, 0);
		write_return(writer, action);
		first = last + 1;
	}
}

uint16_t vtr_os_filter_compile(const struct vtr_os_filter *filter, uint32_t arch, bool watched,
                               struct sock_filter program[VTR_OS_FILTER_PROGRAM])
{
	struct writer writer = { .program = program, .watched = watched };

	write_load(&writer, offsetof(struct seccomp_data, arch));
	write_one(&writer, BPF_JMP | BPF_JEQ | BPF_K, arch, 1, 0);
	write_one(&writer, BPF_RET | BPF_K, VTR_OS_REFUSE(ENOSYS), 0, 0);
	write_load(&writer, offsetof(struct seccomp_data, nr));
	write_tested(&writer, filter);
	write_runs(&writer, filter);
	write_return(&writer, VTR_OS_REFUSE(ENOSYS));
	return writer.length;
}
