/* SPDX-License-Identifier: MIT */
#include "vtest/sync.h"

#include <poll.h>
#include <signal.h>

#include "base/mem.h"
#include "platform/thread.h"
#include "test.h"

enum state { PENDING, READY, LOST };

/* Not 0: the time stands still, here. */
static int64_t frozen_ns;

int64_t __real_vtr_os_now_ns(void);
int64_t __wrap_vtr_os_now_ns(void);

int64_t __wrap_vtr_os_now_ns(void)
{
	return frozen_ns != 0 ? frozen_ns : __real_vtr_os_now_ns();
}

/* What Mesa would make of it. */
static enum state state_of(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	if (poll(&pollfd, 1, 0) == 0) {
		return PENDING;
	}
	return pollfd.revents & POLLIN ? READY : LOST;
}

static void close_wait(struct vtr_sync_fd *wait)
{
	if (wait->owned) {
		vtr_close(&wait->fd);
	}
}

static struct vtr_sync_fd wait_for(struct vtr_syncs *syncs, const struct vtr_sync_value *values, size_t count,
                                   bool any, uint32_t timeout_ms)
{
	struct vtr_sync_fd fd;

	CHECK_OK(vtr_syncs_wait(syncs, values, count, any, timeout_ms, &fd));
	return fd;
}

static void keeps_values(void)
{
	struct vtr_syncs *syncs;
	uint32_t id;
	uint64_t value;

	CHECK_OK(vtr_syncs_create(&syncs));
	CHECK_OK(vtr_sync_create(syncs, UINT64_MAX, &id));
	CHECK_OK(vtr_sync_read(syncs, id, &value));
	CHECK(value == UINT64_MAX);
	CHECK_OK(vtr_sync_write(syncs, id, 3));
	CHECK_OK(vtr_sync_read(syncs, id, &value));
	CHECK_EQ(value, 3);
	CHECK_ERR(vtr_sync_read(syncs, id + 1, &value), VTR_ERR_INVALID);
	CHECK_ERR(vtr_sync_write(syncs, UINT32_MAX, 1), VTR_ERR_INVALID);
	CHECK_OK(vtr_sync_destroy(syncs, id));
	CHECK_ERR(vtr_sync_destroy(syncs, id), VTR_ERR_INVALID);
	CHECK_ERR(vtr_sync_read(syncs, id, &value), VTR_ERR_INVALID);
	vtr_syncs_destroy(syncs);
}

static void limits_their_number(void)
{
	struct vtr_syncs *syncs;
	uint32_t id = 0;
	uint32_t last = 0;
	uint64_t value;

	CHECK_OK(vtr_syncs_create(&syncs));
	for (uint32_t i = 0; i < VTR_SYNC_MAX; i++) {
		CHECK_OK(vtr_sync_create(syncs, i, &id));
		CHECK_EQ(id, i + 1);
	}
	CHECK_ERR(vtr_sync_create(syncs, 0, &last), VTR_ERR_LIMIT);
	CHECK_EQ(last, 0);
	/* What the client gets then: everything works, nothing is ever reached. */
	CHECK_OK(vtr_sync_write(syncs, 0, 5));
	CHECK_OK(vtr_sync_read(syncs, 0, &value));
	CHECK_EQ(value, 0);
	struct vtr_sync_fd wait = wait_for(syncs, &(struct vtr_sync_value){ 0, 0 }, 1, false, 10);
	CHECK_EQ(state_of(wait.fd), LOST);
	CHECK_OK(vtr_sync_destroy(syncs, 0));
	CHECK_OK(vtr_sync_destroy(syncs, 17));
	CHECK_OK(vtr_sync_create(syncs, 0, &id));
	CHECK_EQ(id, 17);
	vtr_syncs_destroy(syncs);
}

static void waits(void)
{
	struct vtr_syncs *syncs;
	struct vtr_sync_value values[3];

	CHECK_OK(vtr_syncs_create(&syncs));
	for (int i = 0; i < 3; i++) {
		CHECK_OK(vtr_sync_create(syncs, 0, &values[i].id));
		values[i].value = 1;
	}
	struct vtr_sync_fd all = wait_for(syncs, values, 3, false, UINT32_MAX);
	struct vtr_sync_fd any = wait_for(syncs, values, 3, true, UINT32_MAX);
	struct vtr_sync_fd now = wait_for(syncs, values, 3, true, 0);
	CHECK_EQ(state_of(now.fd), PENDING);
	CHECK(!now.owned);
	CHECK(vtr_syncs_are_pending(syncs, values, 3, true));
	CHECK_OK(vtr_sync_write(syncs, values[1].id, 1));
	CHECK(!vtr_syncs_are_pending(syncs, values, 3, true));
	CHECK(vtr_syncs_are_pending(syncs, values, 3, false));
	CHECK_EQ(state_of(any.fd), READY);
	CHECK_EQ(state_of(all.fd), PENDING);
	/* Reached is reached, for a wait for all of them too. */
	CHECK_OK(vtr_sync_write(syncs, values[1].id, 0));
	CHECK_OK(vtr_sync_write(syncs, values[0].id, 7));
	CHECK_OK(vtr_sync_write(syncs, values[2].id, 1));
	CHECK_EQ(state_of(all.fd), READY);
	close_wait(&all);
	close_wait(&any);
	struct vtr_sync_fd none = wait_for(syncs, values, 0, true, UINT32_MAX);
	CHECK_EQ(state_of(none.fd), READY);
	CHECK(!vtr_syncs_are_pending(syncs, values, 0, true));
	values[0].id = 77; /* there is none */
	CHECK(!vtr_syncs_are_pending(syncs, values, 1, false));
	vtr_syncs_destroy(syncs);
}

/* Ending a wait takes all its links off the list that is being walked. */
static void waits_for_the_same_sync_twice(void)
{
	struct vtr_syncs *syncs;
	uint32_t id;
	struct vtr_sync_fd fds[4];

	CHECK_OK(vtr_syncs_create(&syncs));
	CHECK_OK(vtr_sync_create(syncs, 0, &id));
	const struct vtr_sync_value values[] = { { id, 2 }, { id, 1 }, { id, 2 }, { id, 9 } };
	fds[0] = wait_for(syncs, values, 4, true, UINT32_MAX);
	fds[1] = wait_for(syncs, values, 3, false, UINT32_MAX);
	fds[2] = wait_for(syncs, values, 4, true, UINT32_MAX);
	fds[3] = wait_for(syncs, values, 4, false, UINT32_MAX);
	CHECK_OK(vtr_sync_write(syncs, id, 2));
	CHECK_EQ(state_of(fds[0].fd), READY);
	CHECK_EQ(state_of(fds[1].fd), READY);
	CHECK_EQ(state_of(fds[2].fd), READY);
	CHECK_EQ(state_of(fds[3].fd), PENDING);
	CHECK_OK(vtr_sync_destroy(syncs, id));
	CHECK_EQ(state_of(fds[3].fd), LOST);
	for (int i = 0; i < 4; i++) {
		close_wait(&fds[i]);
	}
	vtr_syncs_destroy(syncs);
}

static void ends_waits_with_itself(void)
{
	struct vtr_syncs *syncs;
	struct vtr_sync_value value = { .value = 1 };

	CHECK_OK(vtr_syncs_create(&syncs));
	CHECK_OK(vtr_sync_create(syncs, 0, &value.id));
	struct vtr_sync_fd wait = wait_for(syncs, &value, 1, false, UINT32_MAX);
	CHECK_EQ(state_of(wait.fd), PENDING);
	vtr_syncs_destroy(syncs);
	CHECK_EQ(state_of(wait.fd), LOST);
	close_wait(&wait);
}

static void forgets_what_expired(void)
{
	struct vtr_syncs *syncs;
	struct vtr_sync_value value = { .value = 1 };
	struct vtr_sync_fd wait;

	CHECK_OK(vtr_syncs_create(&syncs));
	CHECK_OK(vtr_sync_create(syncs, 0, &value.id));
	frozen_ns = vtr_os_now_ns();
	int fds = test_count_fds();
	for (int i = 0; i < 100; i++) {
		wait = wait_for(syncs, &value, 1, false, 1);
		close_wait(&wait);
	}
	CHECK_EQ(test_count_fds(), fds + 100);
	frozen_ns += 150000000;
	for (int i = 0; i < 40; i++) {
		wait = wait_for(syncs, &value, 1, false, 1);
		close_wait(&wait);
	}
	CHECK(test_count_fds() <= fds + 45);
	frozen_ns = 0;
	vtr_syncs_destroy(syncs);
}

/* The time that this thread has worked, which is the same on a busy machine. */
static int64_t worked_ns(void)
{
	struct timespec time;

	CHECK_EQ(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time), 0);
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void limits_waits(void)
{
	struct vtr_syncs *syncs;
	struct vtr_sync_value value = { .value = 1 };
	struct vtr_sync_value *many = calloc(VTR_SYNC_MAX_LIST, sizeof(*many));

	CHECK(many != NULL);
	CHECK_OK(vtr_syncs_create(&syncs));
	CHECK_OK(vtr_sync_create(syncs, 0, &value.id));
	for (uint32_t i = 0; i < VTR_SYNC_MAX_LIST; i++) {
		many[i] = value;
	}
	for (size_t i = 0; i < VTR_SYNC_MAX_LINKS / VTR_SYNC_MAX_LIST; i++) {
		struct vtr_sync_fd wait = wait_for(syncs, many, VTR_SYNC_MAX_LIST, true, UINT32_MAX);
		CHECK_EQ(state_of(wait.fd), PENDING);
		close_wait(&wait);
	}
	struct vtr_sync_fd wait = wait_for(syncs, many, VTR_SYNC_MAX_LIST, true, UINT32_MAX);
	CHECK_EQ(state_of(wait.fd), LOST);
	int64_t start_ns = worked_ns();
	CHECK_OK(vtr_sync_write(syncs, value.id, 1));
	CHECK(worked_ns() - start_ns < 2000000000);
	vtr_syncs_destroy(syncs);
	free(many);
}

static void fences(void)
{
	struct vtr_syncs *syncs;
	struct vtr_sync_value values[5];
	struct vtr_sync_fence *first;
	struct vtr_sync_fence *second;
	uint64_t value;

	CHECK_OK(vtr_syncs_create(&syncs));
	for (int i = 0; i < 5; i++) {
		CHECK_OK(vtr_sync_create(syncs, 3, &values[i].id));
		values[i].value = (uint64_t)i + 1;
	}
	CHECK_OK(vtr_sync_fence_create(syncs, values, 5, &first));
	CHECK_OK(vtr_sync_fence_create(syncs, values, 1, &second));
	CHECK_ERR(vtr_sync_fence_create(syncs, &(struct vtr_sync_value){ 99, 1 }, 1, &second),
	          VTR_ERR_INVALID);
	/* The id is used again before the fence retires: that is another sync. */
	CHECK_OK(vtr_sync_destroy(syncs, values[4].id));
	uint32_t id;
	CHECK_OK(vtr_sync_create(syncs, 0, &id));
	CHECK_EQ(id, values[4].id);
	vtr_sync_fence_retire(syncs, first);
	vtr_sync_fence_cancel(syncs, second);
	const uint64_t wanted[] = { 3, 3, 3, 4, 0 }; /* values only rise */
	for (int i = 0; i < 5; i++) {
		CHECK_OK(vtr_sync_read(syncs, values[i].id, &value));
		CHECK_EQ(value, wanted[i]);
	}
	vtr_syncs_destroy(syncs);
}

static void limits_fences(void)
{
	struct vtr_syncs *syncs;
	struct vtr_sync_value value = { .value = 1 };
	struct vtr_sync_fence **all = calloc(VTR_SYNC_MAX_FENCES + 1, sizeof(*all));

	CHECK(all != NULL);
	CHECK_OK(vtr_syncs_create(&syncs));
	CHECK_OK(vtr_sync_create(syncs, 0, &value.id));
	for (uint32_t i = 0; i < VTR_SYNC_MAX_FENCES; i++) {
		CHECK_OK(vtr_sync_fence_create(syncs, &value, 1, &all[i]));
	}
	CHECK_ERR(vtr_sync_fence_create(syncs, &value, 1, &all[VTR_SYNC_MAX_FENCES]), VTR_ERR_LIMIT);
	for (uint32_t i = 0; i < VTR_SYNC_MAX_FENCES; i++) {
		vtr_sync_fence_cancel(syncs, all[i]);
	}
	vtr_syncs_destroy(syncs);
	free(all);
}

struct race {
	struct vtr_syncs *syncs;
	struct vtr_sync_value value;
};

static void retire_many(void *arg)
{
	struct race *race = arg;

	for (uint64_t i = 1; i <= 20000; i++) {
		struct vtr_sync_fence *fence;
		race->value.value = i;
		CHECK_OK(vtr_sync_fence_create(race->syncs, &race->value, 1, &fence));
		vtr_sync_fence_retire(race->syncs, fence);
	}
}

static void wakes_from_another_thread(void)
{
	struct race race = { 0 };
	struct vtr_os_thread thread;

	CHECK_OK(vtr_syncs_create(&race.syncs));
	CHECK_OK(vtr_sync_create(race.syncs, 0, &race.value.id));
	CHECK_OK(vtr_os_thread_create(&thread, "retire", retire_many, &race));
	for (uint64_t i = 1; i <= 20000; i += 7) {
		const struct vtr_sync_value value = { race.value.id, i };
		struct vtr_sync_fd wait = wait_for(race.syncs, &value, 1, false, UINT32_MAX);
		struct pollfd pollfd = { .fd = wait.fd, .events = POLLIN };
		CHECK_EQ(poll(&pollfd, 1, 10000), 1);
		CHECK((pollfd.revents & POLLIN) != 0);
		close_wait(&wait);
	}
	vtr_os_thread_join(&thread);
	vtr_syncs_destroy(race.syncs);
}

int main(void)
{
	int fds = test_count_fds();

	signal(SIGPIPE, SIG_IGN); /* as in workers */
	RUN(keeps_values);
	RUN(limits_their_number);
	RUN(waits);
	RUN(waits_for_the_same_sync_twice);
	RUN(ends_waits_with_itself);
	RUN(forgets_what_expired);
	RUN(limits_waits);
	RUN(fences);
	RUN(limits_fences);
	RUN(wakes_from_another_thread);
	CHECK_EQ(test_count_fds(), fds);
	return 0;
}
