/* SPDX-License-Identifier: MIT */
/* Several workers share a limit, which the kernel keeps. The workers are processes that take private memory. */
#include "pool/memory_share.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/data_limit.h"
#include "test.h"
#include "venus/room.h"

#define MIB (UINT64_C(1) << 20)
#define WORKERS 3
#define SHARED 0x80000000u /* in an order */
#define LIMIT (96 * MIB)
#define BASE (VTR_ROOM_EXTRA + 64 * MIB) /* more than a program of the C library has */

struct worker {
	pid_t pid;
	size_t index;
	int orders, answers;
};

static struct vtr_memory_share *share;

/* Takes as many MiB as an order says, one by one, or at once if it is shared memory, which is then written. Answers
 * how many it got. */
static _Noreturn void work(int orders, int answers)
{
	uint32_t count;

	while (read(orders, &count, sizeof(count)) == sizeof(count)) {
		uint32_t got = 0;

		if ((count & SHARED) != 0) {
			count &= ~SHARED;
			void *map = mmap(NULL, count * MIB, PROT_READ | PROT_WRITE,
			                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
			CHECK(map != MAP_FAILED);
			memset(map, 1, count * MIB);
			got = count;
		}
		while (got < count && mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		                           0) != MAP_FAILED) {
			got++;
		}
		CHECK_EQ(write(answers, &got, sizeof(got)), sizeof(got));
	}
	_exit(0);
}

static void start(struct worker *worker)
{
	struct vtr_budget_part parts[VTR_MEMORY_KIND_COUNT];
	int orders[2];
	int answers[2];
	int fd = -1;
	uint64_t size;

	CHECK_OK(vtr_memory_share_take(share, &worker->index));
	CHECK_EQ(pipe(orders), 0);
	CHECK_EQ(pipe(answers), 0);
	worker->pid = fork();
	if (worker->pid == 0) {
		close(orders[1]);
		work(orders[0], answers[1]);
	}
	close(orders[0]);
	close(answers[1]);
	worker->orders = orders[1];
	worker->answers = answers[0];
	CHECK_OK(vtr_os_data_open(worker->pid, &fd));
	CHECK_OK(vtr_os_data_size(fd, &size));
	CHECK(size < BASE);
	close(fd);
	vtr_memory_share_started(share, worker->index, worker->pid);
	/* As a worker does when its program gets a device. */
	CHECK_OK(vtr_memory_share_map(vtr_memory_share_fd(share), worker->index, parts));
	atomic_store(&parts[VTR_MEMORY_MAPPED].shared->parts[worker->index].base, size);
}

static uint32_t take(const struct worker *worker, uint32_t count)
{
	uint32_t got;

	CHECK_EQ(write(worker->orders, &count, sizeof(count)), sizeof(count));
	CHECK_EQ(read(worker->answers, &got, sizeof(got)), sizeof(got));
	return got;
}

static uint32_t take_shared(const struct worker *worker, uint32_t count)
{
	return take(worker, count | SHARED);
}

static void end(struct worker *worker)
{
	uint64_t refused[VTR_MEMORY_KIND_COUNT] = { 0 };

	close(worker->orders);
	close(worker->answers);
	waitpid(worker->pid, NULL, 0);
	(void)vtr_memory_share_return(share, worker->index, refused);
}

static void together_they_get_the_limit(void)
{
	struct worker workers[WORKERS];
	uint32_t sum = 0;

	CHECK_OK(vtr_memory_share_create(WORKERS, &share));
	vtr_memory_share_limit(share, VTR_MEMORY_MAPPED, LIMIT);
	for (size_t i = 0; i < WORKERS; i++) {
		start(&workers[i]);
	}
	CHECK(vtr_memory_share_divide(share));
	for (size_t i = 0; i < WORKERS; i++) {
		const uint32_t got = take(&workers[i], 1000);

		CHECK(got >= 30 && got <= 32); /* a third */
		sum += got;
	}
	CHECK(vtr_memory_share_divide(share));
	CHECK(take(&workers[0], 1000) <= 2); /* what others did not get because of their last pages */
	CHECK(sum <= LIMIT / MIB);
	/* Who ends makes room for the others, in parts. */
	end(&workers[2]);
	CHECK(vtr_memory_share_divide(share));
	const uint32_t more = take(&workers[0], 1000);
	CHECK(more >= 14 && more <= 17);
	/* The last one gets all that is left. */
	end(&workers[1]);
	CHECK(vtr_memory_share_divide(share));
	CHECK(take(&workers[0], 1000) >= 46);
	end(&workers[0]);
	vtr_memory_share_destroy(share);
}

static void without_a_limit_nothing_is_divided(void)
{
	struct rlimit before;
	struct rlimit after;
	struct worker worker;

	CHECK_OK(vtr_memory_share_create(1, &share));
	start(&worker);
	CHECK_EQ(prlimit(worker.pid, RLIMIT_DATA, NULL, &before), 0);
	CHECK(!vtr_memory_share_divide(share));
	CHECK_EQ(prlimit(worker.pid, RLIMIT_DATA, NULL, &after), 0);
	CHECK_EQ(before.rlim_cur, after.rlim_cur);
	end(&worker);
	vtr_memory_share_destroy(share);
}

/* Shared memory that nothing counts: the kernel's figure decides. */
static void who_has_too_much_ends(void)
{
	struct worker workers[2];

	CHECK_OK(vtr_memory_share_create(2, &share));
	vtr_memory_share_limit(share, VTR_MEMORY_MAPPED, 1); /* and 128 MiB for each */
	start(&workers[0]);
	CHECK_EQ(take_shared(&workers[0], 200), 200);
	start(&workers[1]);
	CHECK(vtr_memory_share_divide(share));
	CHECK_EQ(vtr_memory_share_excess(share), 0);
	CHECK_EQ(take_shared(&workers[0], 40), 40);
	CHECK_EQ(take_shared(&workers[1], 30), 30);
	const unsigned soon = vtr_memory_share_divide(share);
	CHECK_EQ(vtr_memory_share_excess(share), workers[0].pid);
	CHECK(soon < vtr_memory_share_divide(share)); /* nothing grows any more */
	CHECK_EQ(vtr_memory_share_excess(share), 0); /* it counts as gone */
	CHECK_EQ(take_shared(&workers[1], 300), 300);
	CHECK_EQ(vtr_memory_share_divide(share), soon);
	CHECK_EQ(vtr_memory_share_excess(share), workers[1].pid); /* before the other one has ended */
	end(&workers[1]); /* first, because it has the other one's pipe, too */
	end(&workers[0]);
	vtr_memory_share_destroy(share);
}

/* The limit falls by what is taken, and shared memory that private memory has no room for is refused. */
static void room_is_for_both_kinds(void)
{
	const struct vtr_budget_part alone = { 0 };
	struct vtr_room room;
	struct rlimit limit;
	int status;

	const pid_t pid = fork();
	if (pid == 0) {
		vtr_room_open(&room, 64 * MIB, &alone);
		CHECK(vtr_room_take(&room, 8 * MIB));
		vtr_room_begin(&room, 0);
		CHECK_EQ(getrlimit(RLIMIT_DATA, &limit), 0);
		CHECK_EQ(limit.rlim_cur, room.base + 56 * MIB);
		CHECK_EQ(limit.rlim_max, room.base + 64 * MIB);
		CHECK(!vtr_room_take(&room, 57 * MIB));
		/* The driver takes 30 MiB beyond what it needs. */
		CHECK(mmap(NULL, VTR_ROOM_EXTRA + 30 * MIB, PROT_READ | PROT_WRITE,
		           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
		CHECK(!vtr_room_take(&room, 27 * MIB));
		CHECK(!vtr_room_is_short(&room));
		CHECK(vtr_room_take(&room, 25 * MIB));
		CHECK(vtr_room_is_short(&room));
		CHECK(mmap(NULL, 2 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
		      MAP_FAILED);
		vtr_room_give(&room, 33 * MIB);
		CHECK(mmap(NULL, 2 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
		      MAP_FAILED);
		vtr_room_close(&room);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

int main(void)
{
	if (VTR_ASAN || VTR_TSAN) {
		printf("skipped: a sanitizer's memory is beyond any limit\n");
		return 77;
	}
	RUN(together_they_get_the_limit);
	RUN(without_a_limit_nothing_is_divided);
	RUN(who_has_too_much_ends);
	RUN(room_is_for_both_kinds);
	return 0;
}
