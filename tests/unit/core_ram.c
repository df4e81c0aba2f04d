/* SPDX-License-Identifier: MIT */
#include "core/ram.h"

#include "base/mem.h"
#include "platform/shm.h"
#include "test.h"

#define PAGE ((uint64_t)4096)

static struct vtr_ram ram;

static int new_file(uint64_t size)
{
	int fd;

	CHECK_OK(vtr_os_shm_create("ram", size, &fd));
	return fd;
}

static struct vtr_ram_region region(uint64_t gpa, uint64_t size, uint64_t fd_offset, int fd)
{
	return (struct vtr_ram_region){
		.gpa = gpa,
		.size = size,
		.user_addr = gpa + 0x7f0000000000,
		.fd_offset = fd_offset,
		.fd = fd,
	};
}

static void begin(void)
{
	struct vtr_ram_region regions[2] = {
		region(0, 4 * PAGE, 0, new_file(4 * PAGE)),
		region(0x100000000, 2 * PAGE, PAGE, new_file(3 * PAGE)),
	};

	vtr_ram_init(&ram);
	CHECK_OK(vtr_ram_set(&ram, regions, 2));
}

static void finds_memory(void)
{
	struct vtr_ram_piece piece;
	uint64_t size = 3 * PAGE;

	begin();
	uint8_t *first = vtr_ram_at(&ram, 0, 4 * PAGE);
	uint8_t *second = vtr_ram_at(&ram, 0x100000000, 2 * PAGE);
	CHECK(first != NULL && second != NULL);
	second[PAGE] = 42;
	CHECK(vtr_ram_at(&ram, 0x100000000 + PAGE, PAGE) == second + PAGE);
	CHECK(vtr_ram_at_user(&ram, 0x7f0000000000 + 17, 1) == first + 17);
	CHECK(vtr_ram_at_user(&ram, 0x7f0100000000, 2 * PAGE) == second);
	CHECK(vtr_ram_span(&ram, 0x100000000 + PAGE, &size) == second + PAGE);
	CHECK_EQ(size, PAGE);
	CHECK(vtr_ram_locate(&ram, 0x100000000 + PAGE, PAGE, &piece));
	CHECK_EQ(piece.offset, 2 * PAGE);
	CHECK_EQ(piece.size, PAGE);
	uint8_t byte;
	CHECK_EQ(pread(piece.fd, &byte, 1, (off_t)piece.offset), 1);
	CHECK_EQ(byte, 42);
	vtr_ram_finish(&ram);
}

static void finds_nothing_outside(void)
{
	static const uint64_t bad[][2] = {
		{ 4 * PAGE, 1 },           { 4 * PAGE - 1, 2 }, { 0, 4 * PAGE + 1 },
		{ 0, UINT64_MAX },         { UINT64_MAX, 1 },   { UINT64_MAX, UINT64_MAX },
		{ PAGE, UINT64_MAX },      { 0xffffffff, 2 },   { 0x100000000 + 2 * PAGE, 1 },
		{ 0x100000000, 3 * PAGE },
	};
	struct vtr_ram_piece piece;

	begin();
	for (size_t i = 0; i < VTR_ARRAY_LEN(bad); i++) {
		CHECK(vtr_ram_at(&ram, bad[i][0], bad[i][1]) == NULL);
		CHECK(vtr_ram_at_user(&ram, bad[i][0] + 0x7f0000000000, bad[i][1]) == NULL);
		CHECK(!vtr_ram_locate(&ram, bad[i][0], bad[i][1], &piece));
	}
	uint64_t size = 1;
	CHECK(vtr_ram_span(&ram, 4 * PAGE, &size) == NULL);
	size = 0;
	CHECK(vtr_ram_span(&ram, 0, &size) == NULL);
	vtr_ram_finish(&ram);
	CHECK(vtr_ram_at(&ram, 0, 1) == NULL);
}

static void keeps_what_stays(void)
{
	begin();
	uint8_t *first = vtr_ram_at(&ram, 0, 1);
	int first_fd = ram.regions[0].fd;
	int hostmem = new_file(PAGE);
	CHECK(!vtr_ram_has_file(&ram, hostmem));
	/* In another place of the table, by another fd, at another address of the VMM; the second is gone,
	 * a third came. */
	struct vtr_ram_region regions[2] = {
		region(0x200000000, PAGE, 0, dup(hostmem)),
		region(0, 4 * PAGE, 0, dup(first_fd)),
	};
	regions[1].user_addr = 0x10000;
	CHECK_OK(vtr_ram_set(&ram, regions, 2));
	CHECK(vtr_ram_at(&ram, 0, 1) == first);
	CHECK(vtr_ram_at_user(&ram, 0x10000, 1) == first);
	CHECK_EQ(ram.regions[1].fd, first_fd);
	CHECK(vtr_ram_at(&ram, 0x100000000, 1) == NULL);
	CHECK(vtr_ram_has_file(&ram, hostmem));
	vtr_ram_finish(&ram);
	CHECK(!vtr_ram_has_file(&ram, hostmem));
	vtr_close(&hostmem);
}

/* The same address, but another file, or another part of it. */
static void replaces_what_changed(void)
{
	struct vtr_ram_region regions[1] = { region(0, PAGE, 0, new_file(2 * PAGE)) };

	vtr_ram_init(&ram);
	CHECK_OK(vtr_ram_set(&ram, regions, 1));
	*(uint8_t *)vtr_ram_at(&ram, 0, 1) = 1;
	regions[0] = region(0, PAGE, PAGE, dup(ram.regions[0].fd));
	CHECK_OK(vtr_ram_set(&ram, regions, 1));
	CHECK_EQ(*(uint8_t *)vtr_ram_at(&ram, 0, 1), 0);
	*(uint8_t *)vtr_ram_at(&ram, 0, 1) = 2;
	regions[0] = region(0, PAGE, PAGE, new_file(2 * PAGE));
	CHECK_OK(vtr_ram_set(&ram, regions, 1));
	CHECK_EQ(*(uint8_t *)vtr_ram_at(&ram, 0, 1), 0);
	vtr_ram_finish(&ram);
}

static void refuse(const struct vtr_ram_region *bad, size_t count, enum vtr_err wanted)
{
	struct vtr_ram_region regions[VTR_RAM_MAX_REGIONS + 1];
	int before = test_count_fds();
	uint8_t *first = vtr_ram_at(&ram, 0, 1);

	for (size_t i = 0; i < count; i++) {
		regions[i] = bad[i];
		regions[i].fd = dup(bad[i].fd);
	}
	CHECK_ERR(vtr_ram_set(&ram, regions, count), wanted);
	CHECK_EQ(test_count_fds(), before);
	CHECK(vtr_ram_at(&ram, 0, 1) == first);
	CHECK_EQ(ram.count, 2);
}

static void refuses(void)
{
	int file = new_file(2 * PAGE);
	int pipe_fds[2];

	CHECK_EQ(pipe(pipe_fds), 0);
	begin();
	const struct vtr_ram_region bad[][2] = {
		{ region(0, PAGE, 0, file), region(PAGE, 0, 0, file) },
		{ region(0, PAGE, 0, file), region(0, PAGE, 0, file) },
		{ region(PAGE, 2 * PAGE, 0, file), region(0, PAGE + 1, 0, file) },
		{ region(0, PAGE, 0, file), region(PAGE, 3 * PAGE, 0, file) },
		{ region(0, PAGE, 0, file), region(PAGE, PAGE, 2 * PAGE, file) },
		{ region(0, PAGE, 0, file), region(PAGE, PAGE, UINT64_MAX - PAGE + 1, file) },
		{ region(0, PAGE, 0, file), region(PAGE, UINT64_MAX, 0, file) },
		{ region(0, PAGE, 0, file), region(UINT64_MAX - PAGE + 1, PAGE, 0, file) },
		{ region(0, PAGE, 0, file), region(PAGE, PAGE, 0, pipe_fds[0]) },
	};
	for (size_t i = 0; i < VTR_ARRAY_LEN(bad); i++) {
		refuse(bad[i], 2, VTR_ERR_INVALID);
	}
	struct vtr_ram_region same_user[2] = { bad[0][0], region(PAGE, PAGE, 0, file) };
	same_user[1].user_addr = same_user[0].user_addr;
	refuse(same_user, 2, VTR_ERR_INVALID);
	struct vtr_ram_region many[VTR_RAM_MAX_REGIONS + 1];
	for (size_t i = 0; i < VTR_ARRAY_LEN(many); i++) {
		many[i] = region(i * PAGE, PAGE, 0, file);
	}
	refuse(many, VTR_ARRAY_LEN(many), VTR_ERR_LIMIT);
	vtr_ram_finish(&ram);
	vtr_close(&file);
	vtr_close(&pipe_fds[0]);
	vtr_close(&pipe_fds[1]);
}

int main(void)
{
	int fds = test_count_fds();

	RUN(finds_memory);
	RUN(finds_nothing_outside);
	RUN(keeps_what_stays);
	RUN(replaces_what_changed);
	RUN(refuses);
	CHECK_EQ(test_count_fds(), fds);
	return 0;
}
