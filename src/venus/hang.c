/* SPDX-License-Identifier: MIT */
#include "venus/hang.h"

#include <stdio.h>

#include "venus/device.h"
#include "vk/renderer_config.h"
#include "wire_gen.h"

#define SECOND INT64_C(1000000000)
/* The limit is divided into so many periods, within these bounds. */
#define PERIODS 8
#define MIN_PERIOD_NS (SECOND / 20)
#define MAX_PERIOD_NS (5 * SECOND)
/* A context is reported as slow after half its limit, or after this time. */
#define MAX_SLOW_NS (60 * SECOND)
/* A program has this time to see that its device is lost. */
#define GRACE_NS (2 * SECOND)

static int64_t shorter(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t period_of(int64_t limit_ns)
{
	const int64_t period_ns = shorter(limit_ns / PERIODS, MAX_PERIOD_NS);

	return period_ns > MIN_PERIOD_NS ? period_ns : MIN_PERIOD_NS;
}

int vtr_venus_check_ms(const struct vtr_renderer_config *config)
{
	return config->hang_timeout_s != 0 ? (int)(period_of(config->hang_timeout_s * SECOND) / 1000000) : -1;
}

void vtr_hang_init(struct vtr_venus *venus)
{
	struct vtr_hang *hang = &venus->hang;

	hang->limit_ns = venus->params.config->hang_timeout_s * SECOND;
	hang->period_ns = period_of(hang->limit_ns);
}

bool vtr_hang_is_lost(const struct vtr_venus *venus)
{
	return atomic_load_explicit(&venus->hang.lost_ns, memory_order_relaxed) != 0;
}

void vtr_hang_begin_wait(struct vtr_venus *venus)
{
	atomic_fetch_add(&venus->hang.waits, 1);
}

void vtr_hang_end_wait(struct vtr_venus *venus)
{
	atomic_fetch_sub(&venus->hang.waits, 1);
}

/* Returns: the time since the last check that counts, at most two periods. */
static int64_t pass(const struct vtr_hang *hang, struct vtr_hang_clock *clock)
{
	const int64_t now = vtr_os_now_ns();
	const int64_t passed = clock->looked_ns != 0 ? now - clock->looked_ns : 0;

	clock->looked_ns = now;
	return shorter(passed, 2 * hang->period_ns);
}

static void report(struct vtr_venus *venus, enum vtr_stall_state state, int64_t ns, const char *what)
{
	const struct vtr_stall stall = { .state = state, .seconds = (uint32_t)(ns / SECOND), .what = what };

	if (venus->params.events->stalled != NULL) {
		venus->params.events->stalled(venus->params.data, &stall);
	}
}

/* Something takes this long by now; 0: nothing does. */
static void judge(struct vtr_venus *venus, struct vtr_hang_clock *clock, int64_t ns, const char *what)
{
	struct vtr_hang *hang = &venus->hang;
	const bool slow = ns >= shorter(hang->limit_ns / 2, MAX_SLOW_NS);
	int64_t none = 0;

	if (ns >= hang->limit_ns) {
		if (atomic_compare_exchange_strong(&hang->lost_ns, &none, vtr_os_now_ns())) {
			report(venus, VTR_STALL_HUNG, ns, what);
		}
	} else if (slow != clock->slow && !vtr_hang_is_lost(venus)) {
		clock->slow = slow;
		report(venus, slow ? VTR_STALL_SLOW : VTR_STALL_OVER, ns, what);
	}
}

/* --- calls -------------------------------------------------------------------------------------------- */

struct longest {
	int64_t passed_ns;
	int64_t ns;
	uint32_t command;
	bool any_long; /* a command that may take long is running; others may wait for its locks */
};

static void look_at_stream(void *data, struct vtr_retire_stream *stream)
{
	struct longest *longest = data;
	const struct vtr_dispatch *d = vtr_container_of(stream, struct vtr_dispatch, stream);
	const uint64_t epoch = atomic_load_explicit(&stream->epoch, memory_order_relaxed);
	const uint32_t command = __atomic_load_n(&d->command, __ATOMIC_RELAXED);

	if (epoch == VTR_RETIRE_IDLE || epoch != stream->seen) {
		stream->seen = epoch;
		stream->stuck_ns = 0;
		return;
	}
	longest->any_long |= command < VTW_COMMAND_COUNT && vtw_command_infos[command].is_long;
	stream->stuck_ns += longest->passed_ns;
	if (stream->stuck_ns > longest->ns) {
		longest->ns = stream->stuck_ns;
		longest->command = command;
	}
}

static void forget_time(void *data, struct vtr_retire_stream *stream)
{
	(void)data;
	stream->stuck_ns = 0;
}

/* The thread venus-hang may hang itself. */
static void look_at_looks(struct vtr_hang *hang, struct longest *longest)
{
	const uint32_t looks = atomic_load(&hang->looks);

	hang->look_ns = looks % 2 != 0 && looks == hang->seen_looks ? hang->look_ns + longest->passed_ns : 0;
	hang->seen_looks = looks;
	if (hang->look_ns > longest->ns) {
		longest->ns = hang->look_ns;
		longest->command = VTW_COMMAND_COUNT;
	}
}

static void check_calls(struct vtr_venus *venus)
{
	struct vtr_hang *hang = &venus->hang;
	struct longest longest = { .passed_ns = pass(hang, &hang->calls) };

	vtr_retire_look(&venus->retire, look_at_stream, &longest);
	look_at_looks(hang, &longest);
	if (longest.any_long || atomic_load(&hang->waits) != 0) {
		vtr_retire_look(&venus->retire, forget_time, NULL);
		hang->look_ns = 0;
		longest.ns = 0;
	}
	judge(venus, &hang->calls, longest.ns,
	      longest.command < VTW_COMMAND_COUNT ? vtw_command_infos[longest.command].name :
	                                            "a call of the driver");
}

bool vtr_venus_check(struct vtr_venus *venus)
{
	const int64_t lost_ns = atomic_load(&venus->hang.lost_ns);

	if (venus->hang.limit_ns == 0 || vtr_venus_is_dead(venus)) {
		return false;
	}
	if (lost_ns == 0) {
		check_calls(venus);
	}
	return lost_ns != 0 && vtr_os_now_ns() - lost_ns >= GRACE_NS;
}

/* --- queues ------------------------------------------------------------------------------------------- */

/* Called with instance_lock held. Returns: queue `n` of all devices, or NULL. */
static struct vtr_queue *queue_at(const struct vtr_venus *venus, uint32_t n)
{
	for (const struct vtr_device *device = venus->devices; device != NULL; device = device->next) {
		if (n < device->queue_count) {
			return device->queues[n];
		}
		n -= device->queue_count;
	}
	return NULL;
}

/* Looks at all queues that have work. Returns: false if devices are being made or destroyed just now. */
static bool look_at_queues(struct vtr_venus *venus)
{
	for (uint32_t n = 0;; n++) {
		struct vtr_queue *q;
		bool signalled;

		/* Its owner may be in the driver for long. */
		if (pthread_mutex_trylock(&venus->instance_lock) != 0) {
			return false;
		}
		q = queue_at(venus, n);
		if (q != NULL && q->device->work.watched && vtr_work_pending(q, &signalled)) {
			pthread_mutex_lock(&q->look_lock); /* keeps the queue alive */
			pthread_mutex_unlock(&venus->instance_lock);
			atomic_fetch_add(&venus->hang.looks, 1);
			vtr_queue_look(q, signalled);
			atomic_fetch_add(&venus->hang.looks, 1);
			pthread_mutex_unlock(&q->look_lock);
		} else {
			pthread_mutex_unlock(&venus->instance_lock);
		}
		if (q == NULL) {
			return true;
		}
	}
}

static void check_queues(struct vtr_venus *venus)
{
	struct vtr_hang *hang = &venus->hang;
	struct vtr_queue *q;
	const int64_t passed_ns = pass(hang, &hang->work);
	int64_t longest_ns = 0;

	if (!look_at_queues(venus) || pthread_mutex_trylock(&venus->instance_lock) != 0) {
		return;
	}
	for (uint32_t n = 0; (q = queue_at(venus, n)) != NULL; n++) {
		const int64_t ns = q->device->work.watched ? vtr_work_tick(q, passed_ns) : 0;

		if (ns > longest_ns && (!q->only_computes || venus->params.config->hang_compute)) {
			longest_ns = ns;
		}
	}
	pthread_mutex_unlock(&venus->instance_lock);
	judge(venus, &hang->work, longest_ns, "work that was submitted");
}

static void hang_thread(void *data)
{
	struct vtr_venus *venus = data;
	struct vtr_hang *hang = &venus->hang;

	while (atomic_load(&hang->stop) == 0 && !vtr_hang_is_lost(venus)) {
		check_queues(venus);
		(void)vtr_os_park(&hang->stop, 0, hang->period_ns);
	}
}

bool vtr_hang_start(struct vtr_venus *venus)
{
	struct vtr_hang *hang = &venus->hang;
	bool ok;

	pthread_mutex_lock(&venus->instance_lock);
	if (hang->limit_ns != 0 && !hang->runs) {
		hang->runs = vtr_os_thread_create(&hang->thread, "venus-hang", hang_thread, venus) == VTR_OK;
	}
	ok = hang->limit_ns == 0 || hang->runs;
	pthread_mutex_unlock(&venus->instance_lock);
	return ok;
}

void vtr_hang_stop(struct vtr_venus *venus)
{
	struct vtr_hang *hang = &venus->hang;

	if (hang->runs) {
		atomic_store(&hang->stop, 1);
		vtr_os_unpark(&hang->stop);
		vtr_os_thread_join(&hang->thread);
		hang->runs = false;
	}
}
