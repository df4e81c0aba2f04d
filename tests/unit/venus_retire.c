/* SPDX-License-Identifier: MIT */
#include "venus/retire.h"

#include "test.h"

struct thing {
	struct vtr_retired retired;
	bool freed;
};

static void on_free(struct vtr_retired *item)
{
	vtr_container_of(item, struct thing, retired)->freed = true;
}

static struct thing thing(void)
{
	return (struct thing){ .retired = { .free = on_free } };
}

/* No stream runs a command: what is retired is free at once. */
static void no_streams(void)
{
	struct vtr_retire retire = { 0 };
	struct thing a = thing(), b = thing();

	vtr_retire_init(&retire);
	vtr_retire_add(&retire, &a.retired);
	CHECK(!a.freed);
	CHECK_EQ(vtr_retire_reclaim(&retire), 0);
	CHECK(a.freed);
	vtr_retire_add(&retire, &b.retired);
	vtr_retire_finish(&retire);
	CHECK(b.freed);
}

/* A command that began before keeps it; it goes with the step to the next one. */
static void held_until_the_command_ends(void)
{
	struct vtr_retire retire = { 0 };
	struct vtr_retire_stream streams[2], *mine = &streams[0], *other = &streams[1];
	struct thing a = thing();

	vtr_retire_init(&retire);
	vtr_retire_stream_init(&retire, mine);
	vtr_retire_stream_init(&retire, other);
	vtr_retire_begin(&retire, mine);
	vtr_retire_begin(&retire, other);
	vtr_retire_add(&retire, &a.retired);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(vtr_retire_reclaim(&retire), 1);
		vtr_retire_step(&retire, mine);
	}
	CHECK(!a.freed);
	vtr_retire_step(&retire, other);
	CHECK_EQ(vtr_retire_reclaim(&retire), 0);
	CHECK(a.freed);
	vtr_retire_end(mine);
	vtr_retire_end(other);
	vtr_retire_stream_finish(&retire, mine);
	vtr_retire_stream_finish(&retire, other);
	vtr_retire_finish(&retire);
}

/* A command that retires something itself is one that holds it. */
static void held_by_the_command_that_retires(void)
{
	struct vtr_retire retire = { 0 };
	struct vtr_retire_stream stream;
	struct thing things[100];

	vtr_retire_init(&retire);
	vtr_retire_stream_init(&retire, &stream);
	vtr_retire_begin(&retire, &stream);
	for (int i = 0; i < 100; i++) {
		things[i] = thing();
		vtr_retire_step(&retire, &stream);
		CHECK_EQ(vtr_retire_reclaim(&retire), i > 0); /* of the command before, at most */
		CHECK(i < 2 || things[i - 2].freed);
		vtr_retire_add(&retire, &things[i].retired);
		CHECK(!things[i].freed);
	}
	vtr_retire_end(&stream);
	CHECK_EQ(vtr_retire_reclaim(&retire), 0);
	vtr_retire_stream_finish(&retire, &stream);
	vtr_retire_finish(&retire);
}

/* A stream that sleeps, or waits and has forgotten all, holds nothing; what is retired after it went on, it may. */
static void not_held_by_those_who_wait(void)
{
	struct vtr_retire retire = { 0 };
	struct vtr_retire_stream stream;
	struct thing a = thing(), b = thing();

	vtr_retire_init(&retire);
	vtr_retire_stream_init(&retire, &stream);
	vtr_retire_begin(&retire, &stream);
	vtr_retire_add(&retire, &a.retired);
	vtr_retire_end(&stream);
	CHECK_EQ(vtr_retire_reclaim(&retire), 0);
	CHECK(a.freed);
	vtr_retire_begin(&retire, &stream);
	vtr_retire_add(&retire, &b.retired);
	CHECK_EQ(vtr_retire_reclaim(&retire), 1);
	CHECK(!b.freed);
	vtr_retire_stream_finish(&retire, &stream);
	CHECK_EQ(vtr_retire_reclaim(&retire), 0);
	vtr_retire_finish(&retire);
}

/* Streams come and go, in any number; each of them can be the one that holds something. */
static void many_streams(void)
{
	enum { STREAMS = 1000 };
	static struct vtr_retire_stream streams[STREAMS];
	struct vtr_retire retire = { 0 };

	vtr_retire_init(&retire);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < STREAMS; i++) {
			vtr_retire_stream_init(&retire, &streams[i]);
		}
		for (int i = round; i < STREAMS; i += 100) {
			struct thing a = thing();

			vtr_retire_begin(&retire, &streams[i]);
			vtr_retire_add(&retire, &a.retired);
			CHECK_EQ(vtr_retire_reclaim(&retire), 1);
			vtr_retire_end(&streams[i]);
			CHECK_EQ(vtr_retire_reclaim(&retire), 0);
			CHECK(a.freed);
		}
		for (int i = 0; i < STREAMS; i++) {
			vtr_retire_stream_finish(&retire, &streams[i]);
		}
	}
	vtr_retire_finish(&retire);
}

enum { READERS = 3, ROUNDS = 20000 };

/* What readers find through `current` is theirs until they step; the writer replaces it all the time. */
struct shared {
	struct vtr_retire retire;
	_Atomic(struct thing *) current;
	_Atomic bool stop;
};

static void *read_thread(void *data)
{
	struct shared *s = data;
	struct vtr_retire_stream stream;
	unsigned n = 0;

	vtr_retire_stream_init(&s->retire, &stream);
	vtr_retire_begin(&s->retire, &stream);
	while (!atomic_load(&s->stop)) {
		const struct thing *t = atomic_load_explicit(&s->current, memory_order_acquire);

		for (int i = 0; i < 20; i++) {
			CHECK(!*(const volatile bool *)&t->freed);
		}
		if (++n % 8 == 0) {
			vtr_retire_end(&stream);
			vtr_retire_begin(&s->retire, &stream);
		} else {
			vtr_retire_step(&s->retire, &stream);
		}
	}
	vtr_retire_stream_finish(&s->retire, &stream);
	return NULL;
}

static void readers_and_a_writer(void)
{
	static struct thing things[ROUNDS + 1];
	static struct shared s;
	pthread_t threads[READERS];

	vtr_retire_init(&s.retire);
	things[0] = thing();
	atomic_store(&s.current, &things[0]);
	for (int i = 0; i < READERS; i++) {
		CHECK_EQ(pthread_create(&threads[i], NULL, read_thread, &s), 0);
	}
	for (int i = 1; i <= ROUNDS; i++) {
		things[i] = thing();
		atomic_store_explicit(&s.current, &things[i], memory_order_release);
		vtr_retire_add(&s.retire, &things[i - 1].retired);
		(void)vtr_retire_reclaim(&s.retire);
	}
	atomic_store(&s.stop, true);
	for (int i = 0; i < READERS; i++) {
		pthread_join(threads[i], NULL);
	}
	CHECK_EQ(vtr_retire_reclaim(&s.retire), 0);
	CHECK(things[ROUNDS - 1].freed && !things[ROUNDS].freed);
	vtr_retire_finish(&s.retire);
}

int main(void)
{
	RUN(no_streams);
	RUN(held_until_the_command_ends);
	RUN(held_by_the_command_that_retires);
	RUN(not_held_by_those_who_wait);
	RUN(many_streams);
	RUN(readers_and_a_writer);
	return 0;
}
