/* SPDX-License-Identifier: MIT */
#include "platform/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "test.h"

static void create_and_map(void)
{
	size_t page = vtr_os_page_size();
	uint64_t size = 0;
	void *writable;
	void *readable;
	int fd = -1;

	CHECK_OK(vtr_os_shm_create("test", page + 1, &fd));
	CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	CHECK_OK(vtr_os_shm_size(fd, &size));
	CHECK_EQ(size, 2 * page);
	CHECK_OK(vtr_os_shm_map(fd, 0, 2 * page, true, &writable));
	CHECK_OK(vtr_os_shm_map(fd, page, page, false, &readable));
	CHECK_EQ(((char *)readable)[5], 0);
	((char *)writable)[page + 5] = 42;
	CHECK_EQ(((char *)readable)[5], 42);
	vtr_os_shm_unmap(writable, 2 * page);
	vtr_os_shm_unmap(readable, page);
	vtr_os_shm_unmap(NULL, page);
	vtr_close(&fd);
}

static void impossible_sizes_are_refused(void)
{
	int fd = -1;

	CHECK_ERR(vtr_os_shm_create("test", SIZE_MAX, &fd), VTR_ERR_OS);
	CHECK_ERR(vtr_os_shm_create("test", SIZE_MAX / 2 - 100, &fd), VTR_ERR_OS);
	CHECK_EQ(fd, -1);
}

static void constant_memory(void)
{
	static const char text[] = "12345";
	char back[sizeof(text)];
	void *map;
	int fd = -1;

	CHECK_OK(vtr_os_shm_create_constant("test", text, sizeof(text), &fd));
	CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	CHECK(pwrite(fd, "x", 1, 0) < 0);
	CHECK(ftruncate(fd, 0) < 0);
	CHECK_ERR(vtr_os_shm_map(fd, 0, 1, true, &map), VTR_ERR_OS);
	CHECK_OK(vtr_os_shm_read(fd, back, sizeof(back)));
	CHECK_STR(back, "12345");
	CHECK_ERR(vtr_os_shm_read(fd, back, sizeof(back) - 1), VTR_ERR_ARG);
	CHECK_ERR(vtr_os_shm_read(fd, back, sizeof(back) + 1), VTR_ERR_ARG);
	CHECK_ERR(vtr_os_shm_read(-1, back, sizeof(back)), VTR_ERR_OS);
	vtr_close(&fd);
}

static void sparse(void)
{
	int fd = -1;

	CHECK_OK(vtr_os_shm_create("test", (size_t)1 << 40, &fd));
	vtr_close(&fd);
}

static int count_maps(void)
{
	FILE *file = fopen("/proc/self/maps", "r");
	int lines = 0;

	CHECK(file != NULL);
	for (int c; (c = getc(file)) != EOF;) {
		lines += c == '\n';
	}
	fclose(file);
	return lines;
}

static void aligned(void)
{
	size_t page = vtr_os_page_size();
	int fd = -1;

	CHECK_OK(vtr_os_shm_create("test", 3 * page, &fd));
	for (size_t alignment = 1; alignment <= 2 << 20; alignment *= 2) {
		char *map;
		void *out;
		CHECK_OK(vtr_os_shm_map_aligned(fd, page, page + 1, alignment, &out));
		map = out;
		CHECK_EQ((uintptr_t)map % alignment, 0);
		map[page] = 1;
		vtr_os_shm_unmap(map, page + 1);
	}
	/* Nothing of the reservations stays. Sanitizers map a little of their own. */
	int maps = count_maps();
	for (int i = 0; i < 500; i++) {
		void *map;
		CHECK_OK(vtr_os_shm_map_aligned(fd, 0, page, 1 << 20, &map));
		vtr_os_shm_unmap(map, page);
	}
	CHECK(count_maps() <= maps + 50);
	void *untouched = &fd;
	CHECK_ERR(vtr_os_shm_map_aligned(fd, 0, SIZE_MAX, 65536, &untouched), VTR_ERR_NOMEM);
	CHECK_ERR(vtr_os_shm_map_aligned(fd, 0, SIZE_MAX - 70000, 65536, &untouched), VTR_ERR_OS);
	CHECK_ERR(vtr_os_shm_map_aligned(fd, 0, 0, 65536, &untouched), VTR_ERR_NOMEM);
	CHECK_ERR(vtr_os_shm_map_aligned(-1, 0, page, 65536, &untouched), VTR_ERR_OS);
	CHECK(untouched == &fd);
	vtr_close(&fd);
}

static void discarded_memory_is_zero_again(void)
{
	size_t page = vtr_os_page_size();
	int fd = -1;
	void *map;
	struct stat st;

	CHECK_OK(vtr_os_shm_create("test", 4 * page, &fd));
	CHECK_OK(vtr_os_shm_map(fd, 0, 4 * page, true, &map));
	uint8_t *bytes = map;
	memset(bytes, 7, 4 * page);
	CHECK_OK(vtr_os_shm_discard(fd, 0, 0));
	CHECK_OK(vtr_os_shm_discard(fd, page - 1, page + 2)); /* not only whole pages */
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ((size_t)st.st_size, 4 * page);
	CHECK_EQ(bytes[page - 2], 7);
	for (size_t i = page - 1; i < 2 * page + 1; i++) {
		CHECK_EQ(bytes[i], 0);
	}
	CHECK_EQ(bytes[2 * page + 1], 7);
	CHECK_ERR(vtr_os_shm_discard(-1, 0, page), VTR_ERR_OS);
	vtr_os_shm_unmap(map, 4 * page);
	vtr_close(&fd);
}

static void memory_is_found_between_holes(void)
{
	size_t page = vtr_os_page_size();
	uint64_t size = (uint64_t)1 << 32, at = 0;
	int fd = -1;

	CHECK_OK(vtr_os_shm_create("test", size, &fd));
	CHECK_OK(vtr_os_shm_find_data(fd, 0, &at));
	CHECK(at == UINT64_MAX);
	CHECK_EQ(pwrite(fd, "x", 1, (off_t)(size / 2 + 100)), 1);
	CHECK_OK(vtr_os_shm_find_data(fd, 0, &at));
	CHECK_EQ(at, size / 2);
	CHECK_OK(vtr_os_shm_find_data(fd, size / 2 + 50, &at));
	CHECK_EQ(at, size / 2 + 50);
	CHECK_OK(vtr_os_shm_find_data(fd, size / 2 + page, &at));
	CHECK(at == UINT64_MAX);
	at = 5;
	CHECK_ERR(vtr_os_shm_find_data(-1, 0, &at), VTR_ERR_OS);
	CHECK_EQ(at, 5);
	vtr_close(&fd);
}

static void populated_pages_are_there(void)
{
	const size_t page = vtr_os_page_size();
	uint64_t at;
	void *map;
	int fd;

	CHECK_OK(vtr_os_shm_create("test", 8 * page, &fd));
	CHECK_OK(vtr_os_shm_map(fd, 0, 8 * page, true, &map));
	vtr_os_shm_populate((char *)map + 2 * page + 5, page);
	CHECK_OK(vtr_os_shm_find_data(fd, 0, &at));
	CHECK(at == 2 * page || at == UINT64_MAX); /* not all kernels can */
	CHECK_OK(vtr_os_shm_find_data(fd, 4 * page, &at));
	CHECK_EQ(at, UINT64_MAX);
	vtr_os_shm_unmap(map, 8 * page);
	vtr_close(&fd);
}

static void checks_what_others_send(void)
{
	size_t page = vtr_os_page_size();
	int fd = -1;

	CHECK_OK(vtr_os_shm_create("test", page, &fd));
	CHECK_OK(vtr_os_shm_check(fd, page));
	CHECK_OK(vtr_os_shm_check(fd, 0));
	CHECK_ERR(vtr_os_shm_check(fd, page + 1), VTR_ERR_INVALID);
	CHECK_ERR(vtr_os_shm_check(fd, UINT64_MAX), VTR_ERR_INVALID);
	vtr_close(&fd);

	int fds[2];
	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
	CHECK_ERR(vtr_os_shm_check(fds[0], 0), VTR_ERR_INVALID);
	uint64_t size = 1;
	CHECK_ERR(vtr_os_shm_size(fds[0], &size), VTR_ERR_INVALID);
	CHECK_ERR(vtr_os_shm_size(-1, &size), VTR_ERR_OS);
	CHECK_EQ(size, 1);
	vtr_close(&fds[0]);
	vtr_close(&fds[1]);
	CHECK_ERR(vtr_os_shm_check(-1, 0), VTR_ERR_INVALID);
}

/* Either the memory cannot shrink, or this process goes on with zeros. */
static void shrinking_ends_no_process(void)
{
	const size_t page = vtr_os_page_size();
	void *map;
	int fd;

	CHECK_OK(vtr_os_shm_create("test", 2 * page, &fd));
	CHECK_OK(vtr_os_shm_check(fd, 2 * page));
	CHECK_OK(vtr_os_shm_map(fd, 0, 2 * page, true, &map));
	volatile uint8_t *bytes = map;
	bytes[0] = 5;
	bytes[page] = 6;
	const bool shrinks = ftruncate(fd, (off_t)page) == 0;
	CHECK_EQ(bytes[page], shrinks ? 0 : 6);
	bytes[page + 1] = 7;
	CHECK_EQ(bytes[page + 1], 7);
	CHECK_EQ(bytes[0], 5);
	vtr_os_shm_unmap(map, 2 * page);
	vtr_close(&fd);
}

static void read_only_is_for_reading(void)
{
	size_t page = vtr_os_page_size();
	int fd;
	int view_fd;
	int copy = -1;
	void *map;
	void *view;

	CHECK_OK(vtr_os_shm_create_shown("test", page, &fd, &view_fd));
	CHECK_OK(vtr_os_shm_map(fd, 0, page, true, &map));
	CHECK_OK(vtr_os_shm_read_only(fd, view_fd, &copy));
	CHECK(vtr_os_shm_is_same(fd, copy));
	CHECK_EQ(fcntl(copy, F_GETFL) & O_ACCMODE, O_RDONLY);
	CHECK((fcntl(copy, F_GETFD) & FD_CLOEXEC) != 0);
	CHECK_OK(vtr_os_shm_check(copy, page));
	CHECK_ERR(vtr_os_shm_map(copy, 0, page, true, &view), VTR_ERR_OS);
	CHECK_EQ(pwrite(copy, "x", 1, 0), -1);
	CHECK_OK(vtr_os_shm_map(copy, 0, page, false, &view));
	memcpy(map, "seen", sizeof("seen"));
	CHECK_STR(view, "seen");
	CHECK(mprotect(view, page, PROT_READ | PROT_WRITE) < 0);
	vtr_os_shm_unmap(view, page);
	vtr_os_shm_unmap(map, page);
	vtr_close(&fd);
	fd = copy;
	CHECK_OK(vtr_os_shm_read_only(fd, -1, &copy)); /* of an fd that is for reading */
	CHECK_EQ(fcntl(copy, F_GETFL) & O_ACCMODE, O_RDONLY);
	vtr_close(&copy);
	vtr_close(&view_fd);
	vtr_close(&fd);
	CHECK_ERR(vtr_os_shm_read_only(fd, view_fd, &copy), VTR_ERR_OS);
	CHECK_EQ(copy, -1);
}

/* Scattered memory of two files in one view. */
static void pieces_in_one_view(void)
{
	size_t page = vtr_os_page_size();
	size_t alignment = 16 * page;
	int files[2];
	uint8_t *maps[2];
	void *map;

	for (int i = 0; i < 2; i++) {
		CHECK_OK(vtr_os_shm_create("test", 8 * page, &files[i]));
		CHECK_OK(vtr_os_shm_map(files[i], 0, 8 * page, true, &map));
		maps[i] = map;
	}
	const struct vtr_os_shm_piece pieces[] = {
		{ .fd = files[0], .offset = 5 * page, .size = page },
		{ .fd = files[1], .offset = 0, .size = 2 * page },
		{ .fd = files[0], .offset = 2 * page, .size = page },
	};
	CHECK_OK(vtr_os_shm_map_pieces(pieces, 3, alignment, &map));
	uint8_t *view = map;
	CHECK_EQ((uintptr_t)view % alignment, 0);
	for (size_t i = 0; i < 4 * page; i++) {
		view[i] = (uint8_t)(1 + i / page);
	}
	CHECK_EQ(maps[0][5 * page], 1);
	CHECK_EQ(maps[1][0], 2);
	CHECK_EQ(maps[1][2 * page - 1], 3);
	CHECK_EQ(maps[0][2 * page], 4);
	CHECK_EQ(maps[0][3 * page], 0);
	CHECK_EQ(maps[1][2 * page], 0);

	/* The padding is there, and private. */
	CHECK_OK(vtr_os_shm_pad(view, 4 * page, alignment));
	CHECK_OK(vtr_os_shm_pad(view, 4 * page, alignment));
	view[4 * page] = view[alignment - 1] = 9;
	CHECK_EQ(maps[0][3 * page], 0);

	/* Revoked: the same addresses, and none of that memory. */
	CHECK_OK(vtr_os_shm_revoke(view, alignment));
	CHECK_EQ(view[0], 0);
	memset(view, 7, alignment);
	CHECK_EQ(maps[0][5 * page], 1);
	CHECK_EQ(maps[1][0], 2);
	vtr_os_shm_unmap(view, alignment);
	for (int i = 0; i < 2; i++) {
		vtr_os_shm_unmap(maps[i], 8 * page);
		vtr_close(&files[i]);
	}
}

static void bad_pieces_are_refused(void)
{
	size_t page = vtr_os_page_size();
	int fd;
	void *map = NULL;

	CHECK_OK(vtr_os_shm_create("test", 8 * page, &fd));
	const struct vtr_os_shm_piece bad[][2] = {
		{ { .fd = fd, .size = UINT64_MAX - page + 1 }, { .fd = fd, .size = page } },
		{ { .fd = fd, .size = UINT64_MAX }, { .fd = fd, .size = UINT64_MAX } },
		{ { .fd = fd, .size = page }, { .fd = -1, .size = page } },
		{ { .fd = fd, .size = page }, { .fd = fd, .offset = 1, .size = page } },
		{ { .fd = fd, .size = page }, { .fd = fd, .size = 1ull << 60 } },
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		enum vtr_err err = vtr_os_shm_map_pieces(bad[i], 2, page, &map);
		CHECK(err == VTR_ERR_OS || err == VTR_ERR_NOMEM);
	}
	CHECK_ERR(vtr_os_shm_map_pieces(bad[0], 0, page, &map), VTR_ERR_NOMEM);
	CHECK(map == NULL);
	vtr_close(&fd);
}

int main(void)
{
	int fds = test_count_fds();

	RUN(create_and_map);
	RUN(impossible_sizes_are_refused);
	RUN(constant_memory);
	RUN(sparse);
	RUN(aligned);
	RUN(discarded_memory_is_zero_again);
	RUN(memory_is_found_between_holes);
	RUN(populated_pages_are_there);
	RUN(checks_what_others_send);
	RUN(shrinking_ends_no_process);
	RUN(read_only_is_for_reading);
	RUN(pieces_in_one_view);
	RUN(bad_pieces_are_refused);
	CHECK_EQ(test_count_fds(), fds);
	return 0;
}
