/* SPDX-License-Identifier: MIT */
#include "core/reclaim.h"

#include <sys/stat.h>

#include "platform/thread.h"
#include "test.h"

#define MIB ((uint64_t)1 << 20)
#define SIZE (64 * MIB)

static struct vtr_os_loop *loop;
static struct vtr_hostmem hostmem;
static struct vtr_reclaim reclaim;
static struct vtr_os_loop_timer *stop;
static struct vtr_os_loop_timer *beat;
static int64_t last_beat_ns;
static int64_t longest_ns;
static int beats;

static void quit(void *data)
{
	(void)data;
	vtr_os_loop_quit(loop);
}

static void begin(void)
{
	CHECK_OK(vtr_os_loop_create(&loop));
	CHECK_OK(vtr_os_loop_add_timer(loop, quit, NULL, &stop));
	CHECK_OK(vtr_hostmem_init("test", SIZE, &hostmem));
	CHECK_OK(vtr_reclaim_init(&reclaim, NULL, loop, &hostmem));
}

static void end(void)
{
	vtr_reclaim_finish(&reclaim);
	vtr_hostmem_finish(&hostmem);
	vtr_os_loop_destroy(loop);
}

static uint64_t bytes_in_use(void)
{
	struct stat st;

	CHECK_EQ(fstat(hostmem.fd, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

static void settle(void)
{
	while (reclaim.stale.count > 0) {
		vtr_os_loop_timer_set(stop, 1000000);
		CHECK_OK(vtr_os_loop_run(loop));
	}
}

static void check_bytes(uint64_t from, uint64_t to, uint8_t wanted)
{
	for (uint64_t i = from; i < to; i += 1000) {
		CHECK_EQ(hostmem.map[i], wanted);
	}
	CHECK_EQ(hostmem.map[to - 1], wanted);
}

static void all_of_it_is_given_back(void)
{
	begin();
	memset(hostmem.map, 1, 20 * MIB);
	vtr_reclaim_add(&reclaim, 3 * MIB, 10 * MIB);
	vtr_reclaim_add(&reclaim, 14 * MIB, 4096);
	CHECK_EQ(bytes_in_use(), 20 * MIB);
	settle();
	CHECK_EQ(bytes_in_use(), 10 * MIB - 4096);
	check_bytes(0, 3 * MIB, 1);
	check_bytes(3 * MIB, 13 * MIB, 0);
	check_bytes(13 * MIB, 14 * MIB, 1);
	end();
}

static void what_is_claimed_is_zero_at_once(void)
{
	begin();
	memset(hostmem.map, 1, 10 * MIB);
	vtr_reclaim_add(&reclaim, 2 * MIB, 2 * MIB);
	vtr_reclaim_add(&reclaim, 4 * MIB, 2 * MIB);
	vtr_reclaim_claim(&reclaim, 3 * MIB + 4096, 2 * MIB); /* a part of each */
	check_bytes(3 * MIB + 4096, 5 * MIB + 4096, 0);
	check_bytes(2 * MIB, 3 * MIB, 1);
	check_bytes(5 * MIB + 4096, 6 * MIB, 1);
	memset(hostmem.map + 3 * MIB + 4096, 2, 2 * MIB);
	vtr_reclaim_claim(&reclaim, 8 * MIB, MIB); /* not added before */
	check_bytes(8 * MIB, 9 * MIB, 1);
	settle();
	check_bytes(0, 2 * MIB, 1);
	check_bytes(2 * MIB, 3 * MIB + 4096, 0);
	check_bytes(3 * MIB + 4096, 5 * MIB + 4096, 2);
	check_bytes(5 * MIB + 4096, 6 * MIB, 0);
	check_bytes(6 * MIB, 10 * MIB, 1);
	/* And again. */
	vtr_reclaim_add(&reclaim, 3 * MIB + 4096, 2 * MIB);
	vtr_reclaim_claim(&reclaim, 0, SIZE);
	CHECK_EQ(reclaim.stale.count, 0);
	check_bytes(3 * MIB + 4096, 5 * MIB + 4096, 0);
	end();
}

static void everything_but_what_is_claimed(void)
{
	begin();
	memset(hostmem.map, 1, 4 * MIB);
	hostmem.map[SIZE - 1] = 1;
	vtr_reclaim_add(&reclaim, MIB, MIB);
	vtr_reclaim_add_all(&reclaim);
	vtr_reclaim_claim(&reclaim, 2 * MIB, MIB);
	memset(hostmem.map + 2 * MIB, 3, MIB);
	settle();
	CHECK_EQ(bytes_in_use(), MIB);
	check_bytes(2 * MIB, 3 * MIB, 3);
	CHECK_EQ(hostmem.map[SIZE - 1], 0);
	end();
}

static void on_beat(void *data)
{
	int64_t now = vtr_os_now_ns();

	(void)data;
	if (beats++ > 0 && now - last_beat_ns > longest_ns) {
		longest_ns = now - last_beat_ns;
	}
	last_beat_ns = now;
	vtr_os_loop_timer_set(beat, 0);
}

/* Others get their turn in between: that is what it is for. */
static void the_loop_goes_on(void)
{
	begin();
	CHECK_OK(vtr_os_loop_add_timer(loop, on_beat, NULL, &beat));
	memset(hostmem.map, 1, SIZE);
	vtr_reclaim_add_all(&reclaim);
	vtr_os_loop_timer_set(beat, 0);
	int64_t start = vtr_os_now_ns();
	settle();
	int64_t all = vtr_os_now_ns() - start;
	printf("64 MiB in %.1f ms, the longest wait was %.1f ms\n", (double)all / 1e6,
	       (double)longest_ns / 1e6);
	CHECK(beats >= 60);
	end();
}

int main(void)
{
	int fds = test_count_fds();

	RUN(all_of_it_is_given_back);
	RUN(what_is_claimed_is_zero_at_once);
	RUN(everything_but_what_is_claimed);
	RUN(the_loop_goes_on);
	CHECK_EQ(test_count_fds(), fds);
	return 0;
}
