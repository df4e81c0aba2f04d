/* SPDX-License-Identifier: MIT */
/* Parking by os_sync_wait_on_address(); tests/unit/platform_thread.c then checks the rest with the same files. */
#include "darwin/darwin.h"
#include "platform/thread.h"
#include "test.h"

#define LONG_NS INT64_C(60000000000)

static _Atomic uint32_t word;

static void wake(void *arg)
{
	(void)arg;
	while (atomic_load(&fake_darwin_parked) == 0) {
		vtr_os_yield();
	}
	atomic_store(&word, 1);
	vtr_os_unpark(&word);
}

static void parks_by_the_systems_call(void)
{
	struct vtr_os_thread thread;

	CHECK_OK(vtr_os_thread_create(&thread, "wakes", wake, NULL));
	while (atomic_load(&word) == 0) {
		CHECK(vtr_os_park(&word, 0, LONG_NS));
	}
	vtr_os_thread_join(&thread);
	CHECK(atomic_load(&fake_darwin_parked) > 0);
}

static void another_value_does_not_wait(void)
{
	atomic_store(&word, 1);
	CHECK(vtr_os_park(&word, 0, LONG_NS));
	CHECK(vtr_os_park(&word, 0, -1));
}

static void no_time_is_over_at_once(void)
{
	atomic_store(&word, 0);
	CHECK(!vtr_os_park(&word, 0, 0));
	CHECK(!vtr_os_park(&word, 0, 1));
	vtr_os_unpark(&word); /* no thread waits */
}

int main(void)
{
	RUN(parks_by_the_systems_call);
	RUN(another_value_does_not_wait);
	RUN(no_time_is_over_at_once);
	return 0;
}
