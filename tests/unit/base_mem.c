/* SPDX-License-Identifier: MIT */
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>

#include "test.h"

static void checked_arithmetic(void)
{
	size_t out = 7;

	CHECK(vtr_mul(6, 7, &out) && out == 42);
	CHECK(vtr_mul(0, SIZE_MAX, &out) && out == 0);
	CHECK(vtr_mul(SIZE_MAX, 1, &out) && out == SIZE_MAX);
	out = 7;
	CHECK(!vtr_mul(SIZE_MAX, 2, &out) && out == 7);
	CHECK(!vtr_mul((size_t)1 << 33, (size_t)1 << 33, &out) && out == 7);
	CHECK(vtr_add(SIZE_MAX, 0, &out) && out == SIZE_MAX);
	out = 7;
	CHECK(!vtr_add(SIZE_MAX, 1, &out) && out == 7);
}

static void small_helpers(void)
{
	CHECK_EQ(vtr_align_up(0, 16), 0);
	CHECK_EQ(vtr_align_up(1, 16), 16);
	CHECK_EQ(vtr_align_up(16, 16), 16);
	CHECK_EQ(vtr_align_up(17, 4096), 4096);
	CHECK_EQ(vtr_min(3, 4), 3);
	CHECK_EQ(vtr_max(3, 4), 4);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static int open_and_lose(bool keep)
{
	vtr_autofd int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	CHECK(fd >= 0);
	return keep ? vtr_take_fd(&fd) : fd;
}

static void fds(void)
{
	int fd = open_and_lose(true);

	CHECK(is_open(fd));
	int copy = fd;
	errno = ENOTTY;
	vtr_close(&fd);
	CHECK_EQ(fd, -1);
	CHECK(!is_open(copy));
	vtr_close(&fd);
	CHECK(!is_open(open_and_lose(false)));
	fd = -1;
	errno = ENOTTY;
	vtr_close(&fd);
	CHECK_EQ(errno, ENOTTY);
	fd = 1000000; /* close() fails, which is ignored */
	vtr_close(&fd);
	CHECK_EQ(errno, ENOTTY);
}

static void arena_aligns_and_keeps_apart(void)
{
	struct vtr_arena arena;
	unsigned char *parts[200];
	struct vtr_budget budget;

	vtr_budget_init(&budget, 1 << 20);
	vtr_arena_init(&arena, 256, &budget);
	for (int i = 0; i < 200; i++) {
		parts[i] = vtr_arena_alloc(&arena, (size_t)i);
		CHECK(parts[i] != NULL);
		CHECK_EQ((uintptr_t)parts[i] % VTR_ARENA_ALIGN, 0);
		memset(parts[i], i, (size_t)i);
	}
	for (int i = 0; i < 200; i++) {
		for (int j = 0; j < i; j++) {
			CHECK_EQ(parts[i][j], i);
		}
	}
	vtr_arena_finish(&arena);
}

static void arena_stops_at_the_budget(void)
{
	struct vtr_arena arena;
	struct vtr_budget budget;
	size_t total = 0;

	vtr_budget_init(&budget, 10000);
	vtr_arena_init(&arena, 1024, &budget);
	CHECK(vtr_arena_alloc(&arena, 10001) == NULL);
	CHECK(vtr_arena_alloc(&arena, SIZE_MAX) == NULL);
	CHECK(vtr_arena_alloc(&arena, SIZE_MAX - 15) == NULL);
	CHECK(vtr_arena_alloc(&arena, SIZE_MAX / 2) == NULL);
	while (vtr_arena_alloc(&arena, 100) != NULL) {
		total += 112;
		CHECK(arena.held <= 1024 + 10000);
		CHECK_EQ(budget.used, arena.held - 1024);
	}
	CHECK(total > 8000 && total <= 1024 + 10000);
	vtr_arena_reset(&arena);
	CHECK_EQ(arena.held, 1024);
	CHECK_EQ(budget.used, 0);
	/* One allocation may have it all; what is taken elsewhere is missing here. */
	CHECK(vtr_arena_alloc(&arena, 10000) != NULL);
	CHECK(vtr_arena_alloc(&arena, 1025) == NULL);
	vtr_arena_finish(&arena);
	CHECK(vtr_budget_take(&budget, 9000));
	CHECK(vtr_arena_alloc(&arena, 2000) == NULL);
	CHECK(vtr_arena_alloc(&arena, 1000) != NULL);
	vtr_arena_finish(&arena);
	CHECK_EQ(budget.used, 9000);
}

static void arena_reset_keeps_the_first_block(void)
{
	struct vtr_arena arena;
	struct vtr_budget budget;

	vtr_budget_init(&budget, 1 << 20);
	vtr_arena_init(&arena, 4096, &budget);
	vtr_arena_reset(&arena); /* before there is anything */
	void *first = vtr_arena_alloc(&arena, 16);
	CHECK(first != NULL);
	CHECK(vtr_arena_alloc(&arena, 100000) != NULL);
	vtr_arena_reset(&arena);
	CHECK(vtr_arena_alloc(&arena, 4096) == first);
	vtr_arena_finish(&arena);
	/* A first block that is larger than others are is not kept. */
	CHECK(vtr_arena_alloc(&arena, 100000) != NULL);
	vtr_arena_reset(&arena);
	CHECK_EQ(arena.held, 0);
	vtr_arena_finish(&arena);
}

static void arena_gives_nothing_a_place(void)
{
	struct vtr_arena arena;
	struct vtr_budget none;

	vtr_budget_init(&none, 0);
	vtr_arena_init(&arena, 64, &none);
	for (int i = 0; i < 4; i++) {
		CHECK(vtr_arena_alloc(&arena, 0) != NULL);
	}
	CHECK(vtr_arena_alloc(&arena, 0) == NULL);
	vtr_arena_finish(&arena);
}

static void budget_refuses_what_is_too_much(void)
{
	struct vtr_budget budget;

	vtr_budget_init(&budget, 100);
	CHECK(!vtr_budget_take(&budget, 101));
	CHECK(!vtr_budget_take(&budget, UINT64_MAX));
	CHECK(vtr_budget_take(&budget, 60));
	CHECK(!vtr_budget_take(&budget, 41));
	CHECK(!vtr_budget_take(&budget, UINT64_MAX - 30));
	CHECK(vtr_budget_take(&budget, 40));
	CHECK(vtr_budget_take(&budget, 0));
	CHECK(!vtr_budget_take(&budget, 1));
	vtr_budget_give(&budget, 100);
	CHECK_EQ(budget.used, 0);
}

static void *take_and_give(void *data)
{
	struct vtr_budget *budget = data;

	for (int i = 0; i < 20000; i++) {
		if (vtr_budget_take(budget, 3)) {
			vtr_budget_give(budget, 3);
		}
	}
	return NULL;
}

static void processes_share_a_budget(void)
{
	vtr_autofree struct vtr_shared_budget *shared =
		calloc(1, sizeof(*shared) + 2 * sizeof(shared->parts[0]));
	struct vtr_budget one;
	struct vtr_budget two;

	CHECK(shared != NULL);
	shared->limit = 100;
	vtr_budget_init(&one, 70);
	vtr_budget_init(&two, 70);
	one.part = (struct vtr_budget_part){ .shared = shared, .index = 0 };
	two.part = (struct vtr_budget_part){ .shared = shared, .index = 1 };
	CHECK(vtr_budget_take(&one, 60));
	CHECK(!vtr_budget_take(&two, 41));
	CHECK_EQ(two.used, 0);
	CHECK(vtr_budget_take(&two, 40));
	vtr_budget_give(&two, 10);
	CHECK(vtr_budget_take(&one, 10));
	CHECK(!vtr_budget_take(&one, 1));
	/* The first process is killed. */
	CHECK_EQ(vtr_budget_part_return(&one.part), 1);
	CHECK_EQ(shared->used, 30);
	CHECK(vtr_budget_take(&two, 40));
	/* One writes nonsense: nothing is allowed rather than all. */
	shared->used = UINT64_MAX;
	CHECK(!vtr_budget_take(&two, 0));
	shared->used = 5;
	CHECK_EQ(vtr_budget_part_return(&two.part), 2);
	CHECK_EQ(vtr_budget_part_return(&two.part), 0);
	CHECK_EQ(shared->used, 0);
}

static void a_limit_of_the_moment(void)
{
	vtr_autofree struct vtr_shared_budget *shared = calloc(1, sizeof(*shared) + sizeof(shared->parts[0]));
	struct vtr_budget budget;

	CHECK(shared != NULL);
	vtr_budget_init(&budget, 100);
	CHECK_EQ(vtr_budget_left(&budget, 50), 50);
	CHECK(!vtr_budget_take_within(&budget, 51, 50));
	CHECK(vtr_budget_take_within(&budget, 50, 50));
	CHECK(!vtr_budget_take_within(&budget, 1, 20));
	CHECK_EQ(vtr_budget_left(&budget, 20), 0);
	CHECK_EQ(vtr_budget_left(&budget, UINT64_MAX), 50);
	vtr_budget_give(&budget, 50);
	/* In a shared budget it counts what all have taken. */
	shared->limit = 80;
	shared->used = 30;
	budget.part = (struct vtr_budget_part){ .shared = shared, .index = 0 };
	CHECK_EQ(vtr_budget_left(&budget, 50), 20);
	CHECK_EQ(vtr_budget_left(&budget, 200), 50);
	CHECK(!vtr_budget_take_within(&budget, 21, 50));
	CHECK(vtr_budget_take_within(&budget, 20, 50));
	CHECK_EQ(shared->parts[0].used, 20);
	CHECK(!vtr_budget_take_within(&budget, 31, 200));
	CHECK(vtr_budget_take_within(&budget, 30, 200));
}

static void budget_is_for_all_threads(void)
{
	struct vtr_budget budget;
	pthread_t threads[4];

	vtr_budget_init(&budget, 7); /* room for two of the four */
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(pthread_create(&threads[i], NULL, take_and_give, &budget), 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
	}
	CHECK_EQ(budget.used, 0);
}

int main(void)
{
	RUN(checked_arithmetic);
	RUN(small_helpers);
	RUN(fds);
	RUN(arena_aligns_and_keeps_apart);
	RUN(arena_stops_at_the_budget);
	RUN(arena_reset_keeps_the_first_block);
	RUN(arena_gives_nothing_a_place);
	RUN(budget_refuses_what_is_too_much);
	RUN(processes_share_a_budget);
	RUN(a_limit_of_the_moment);
	RUN(budget_is_for_all_threads);
	return 0;
}
