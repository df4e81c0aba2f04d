/* SPDX-License-Identifier: MIT */
/* The table of resources: how many it holds, and which freed memory it keeps for the next allocation. */
#include "venus/resource.h"

#include "platform/shm.h"
#include "test.h"

enum { PAGE = 4096, MAX_RESOURCES = 65536, POOL_COUNT = 64 };
#define MIB ((size_t)1 << 20)

static void on_released(void *data, uint32_t id)
{
	(void)id;
	(*(uint32_t *)data)++;
}

static void init(struct vtr_resource_table *table, uint64_t limit, uint32_t *released)
{
	memset(table, 0, sizeof(*table));
	CHECK_OK(vtr_resource_table_init(table, limit));
	table->released = on_released;
	table->released_data = released;
	*released = 0;
}

static void a_full_table(void)
{
	struct vtr_resource_table table;
	struct vtr_os_shm_piece piece = { .size = PAGE };
	uint32_t released;

	init(&table, MIB, &released);
	for (uint32_t i = 1; i <= MAX_RESOURCES; i++) {
		CHECK_OK(vtr_resource_add(&table, i, -1, 0, PAGE, false, false));
	}
	CHECK_OK(vtr_os_shm_create("piece", PAGE, &piece.fd));
	CHECK_ERR(vtr_resource_add(&table, MAX_RESOURCES + 1, -1, 0, PAGE, false, false), VTR_ERR_LIMIT);
	CHECK_ERR(vtr_resource_add_pieces(&table, MAX_RESOURCES + 1, &piece, 1, 0, false), VTR_ERR_LIMIT);
	CHECK(vtr_resource_remove(&table, 7));
	CHECK(!vtr_resource_remove(&table, 7));
	CHECK(vtr_resource_get(&table, 7) == NULL);
	CHECK_ERR(vtr_resource_add(&table, 8, -1, 0, PAGE, false, false), VTR_ERR_INVALID);
	CHECK_OK(vtr_resource_add_pieces(&table, 7, &piece, 1, 0, false));
	CHECK_EQ(released, 0);
	vtr_resource_table_finish(&table);
	CHECK_EQ(released, 1);
	close(piece.fd);
}

/* An fd that cannot be mapped is closed all the same. */
static void a_bad_fd(void)
{
	const int fds = test_count_fds();
	struct vtr_resource_table table;
	struct vtr_os_shm_piece piece = { .fd = -1, .size = PAGE };
	uint32_t released;
	int pipes[2];

	init(&table, MIB, &released);
	CHECK_EQ(pipe(pipes), 0);
	CHECK_ERR(vtr_resource_add(&table, 1, pipes[0], 0, PAGE, true, false), VTR_ERR_OS);
	close(pipes[1]);
	CHECK_ERR(vtr_resource_add_pieces(&table, 1, &piece, 1, 0, false), VTR_ERR_OS);
	CHECK(vtr_resource_get(&table, 1) == NULL);
	vtr_resource_table_finish(&table);
	CHECK_EQ(test_count_fds(), fds);
}

static void freed_blocks_are_kept(void)
{
	struct vtr_resource_table table;
	struct vtr_shm_block *small, *large, *again;
	uint32_t released;

	init(&table, MIB, &released);
	CHECK_OK(vtr_shm_take(&table, PAGE, PAGE, &small));
	CHECK_OK(vtr_shm_take(&table, 2 * PAGE, PAGE, &large));
	CHECK_ERR(vtr_shm_take(&table, MIB, PAGE, &again), VTR_ERR_LIMIT);
	vtr_shm_put(&table, small, false);
	vtr_shm_put(&table, large, false);
	CHECK_EQ(table.pool.count, 2);
	CHECK_EQ(table.pool.bytes, 3 * PAGE);
	CHECK_OK(vtr_shm_take(&table, PAGE, PAGE, &again)); /* behind the larger one */
	CHECK(again == small);
	CHECK_EQ(table.pool.count, 1);
	vtr_shm_put(&table, again, true); /* the guest may have given it away */
	CHECK_EQ(table.pool.count, 1);
	vtr_shm_trim(&table, 0); /* nothing is as old */
	CHECK_EQ(table.pool.count, 1);
	vtr_shm_trim(&table, UINT64_MAX);
	CHECK_EQ(table.pool.count, 0);
	CHECK_EQ(table.pool.bytes, 0);
	CHECK_EQ(atomic_load(&table.budget.used), 0);
	vtr_resource_table_finish(&table);
}

static void the_pool_has_limits(void)
{
	struct vtr_shm_block *blocks[POOL_COUNT + 1], *large;
	struct vtr_resource_table table;
	uint32_t released;

	init(&table, 1024 * MIB, &released);
	for (size_t i = 0; i <= POOL_COUNT; i++) {
		CHECK_OK(vtr_shm_take(&table, PAGE, PAGE, &blocks[i]));
	}
	for (size_t i = 0; i <= POOL_COUNT; i++) {
		vtr_shm_put(&table, blocks[i], false);
	}
	CHECK_EQ(table.pool.count, POOL_COUNT);
	vtr_shm_trim(&table, UINT64_MAX);
	CHECK_OK(vtr_shm_take(&table, 257 * MIB, PAGE, &large)); /* of which no page is touched */
	vtr_shm_put(&table, large, false);
	CHECK_EQ(table.pool.count, 0);
	vtr_resource_table_finish(&table);
}

int main(void)
{
	RUN(a_full_table);
	RUN(a_bad_fd);
	RUN(freed_blocks_are_kept);
	RUN(the_pool_has_limits);
	return 0;
}
