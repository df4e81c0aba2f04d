/* SPDX-License-Identifier: MIT */
#include "pool/worker_pool.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "core/hostmem.h"
#include "ipc/worker_protocol.h"
#include "platform/loop.h"
#include "test.h"
#include "vk/renderer_config.h"

/*
 * A worker that was taken over says what it must not. Its program is this one: the variable LIE says what it says when
 * it is asked for a fence.
 */

#define CONTROL_FD 3
#define CTX_ID 7

/* --- the worker ---------------------------------------------------------------------------------- */

static void tell(enum vtr_worker_op op, const void *payload)
{
	const struct vtr_ipc_parts parts = { .payload = payload };

	(void)(vtr_ipc_send(CONTROL_FD, vtr_worker_rules, op, &parts) == VTR_OK);
}

static void tell_lie(const char *lie, const struct vtr_context_fence *fence)
{
	const struct vtr_worker_fence_done done = { .timeline = fence->timeline,
		                                    .fence_id = fence->fence_id };
	const struct vtr_worker_fence_done other = { .timeline = fence->timeline,
		                                     .fence_id = fence->fence_id + 1 };
	const struct vtr_worker_detached detached = { .res_id = 1 };
	const struct vtr_worker_ring ring = { .status_offset = 1 };
	const struct vtr_worker_fds_taken taken = { .count = 99 };

	if (strcmp(lie, "fence") == 0) {
		tell(VTR_WORKER_FENCE_DONE, &other);
	} else if (strcmp(lie, "twice") == 0) {
		tell(VTR_WORKER_FENCE_DONE, &done);
		tell(VTR_WORKER_FENCE_DONE, &done);
	} else if (strcmp(lie, "detached") == 0) {
		tell(VTR_WORKER_DETACHED, &detached);
	} else if (strcmp(lie, "ring") == 0) {
		tell(VTR_WORKER_HOSTMEM_RING, &ring);
	} else if (strcmp(lie, "taken") == 0) {
		tell(VTR_WORKER_FDS_TAKEN, &taken);
	} else if (strcmp(lie, "keeps") != 0) {
		tell(VTR_WORKER_FENCE_DONE, &done);
	}
}

/* Whatever comes of it, it stays until it is killed. */
VTR_NORETURN static void lie(void)
{
	struct vtr_ipc ipc;
	struct vtr_ipc_message message;

	alarm(60);
	vtr_ipc_init(&ipc, CONTROL_FD, vtr_context_rules, VTR_CONTEXT_OP_COUNT);
	for (;;) {
		if (vtr_ipc_receive(&ipc, &message) == VTR_OK && message.op == VTR_CONTEXT_FENCE) {
			tell_lie(getenv("LIE"), message.payload);
		}
		usleep(1000);
	}
}

/* --- the front ----------------------------------------------------------------------------------- */

static struct vtr_os_loop *loop;
static struct vtr_hostmem hostmem;
static uint64_t asked; /* the fence; 0: none */
static int done_count;
static int gone_count;
static int ended_count;

static enum vtr_err on_fence(void *data, uint32_t ctx_id, uint32_t timeline, uint64_t fence_id)
{
	CHECK(data == &loop && ctx_id == CTX_ID && timeline == 1);
	if (fence_id != asked) {
		return VTR_ERR_PROTOCOL;
	}
	asked = 0;
	done_count++;
	return VTR_OK;
}

static void on_gone(void *data, uint32_t ctx_id)
{
	CHECK(data == &loop && ctx_id == CTX_ID);
	gone_count++;
	vtr_os_loop_quit(loop);
}

static void on_ended(void *data, const struct vtr_renderer *renderer)
{
	CHECK(data == &loop && renderer != NULL);
	ended_count++;
	vtr_os_loop_quit(loop);
}

static const struct vtr_renderer_events events = { .fence = on_fence, .gone = on_gone, .ended = on_ended };

/* It was killed: its alarm would be another line. */
static void check_log(int fd)
{
	char text[4096];
	ssize_t size = read(fd, text, sizeof(text) - 1);

	text[size > 0 ? size : 0] = '\0';
	if (!strstr(text, ", killing it\n") || strstr(text, "died of signal")) {
		test_fail(__FILE__, __LINE__, text);
	}
}

/* Asks the worker for a fence, and to release memory. It is killed for its answer, or because it does not release the
 * memory. */
static void check_lie(const char *name, int wanted_done)
{
	static const struct vtr_renderer_config config;
	struct vtr_log *log;
	int pipe_fds[2];
	char variable[32];
	const char *const env[] = { variable, NULL };
	CHECK_EQ(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK), 0);
	CHECK_OK(vtr_log_create(NULL, pipe_fds[1], NULL, &log));
	const struct vtr_worker_pool_params params = {
		.log = log,
		.loop = loop,
		.hostmem = &hostmem,
		.spawner = { .program = "/proc/self/exe", .env = env, .config = &config },
		.max_contexts = 1,
		.detach_timeout_ms = strcmp(name, "keeps") == 0 ? 100 : VTR_WORKER_POOL_DETACH_MS,
	};
	const struct vtr_renderer_memory memory = { .size = 4096, .in_hostmem = true };
	struct vtr_worker_pool *pool;
	struct vtr_renderer *renderer;

	printf("  %s\n", name);
	snprintf(variable, sizeof(variable), "LIE=%s", name);
	done_count = gone_count = ended_count = 0;
	asked = 12;
	CHECK_OK(vtr_worker_pool_create(&params, &pool));
	CHECK_OK(vtr_worker_pool_ops.create(pool, CTX_ID, "liar", &events, &loop, &renderer));
	CHECK_OK(vtr_worker_pool_ops.attach(renderer, 2, &memory));
	CHECK_OK(vtr_worker_pool_ops.fence(renderer, 1, asked));
	vtr_worker_pool_ops.detach(renderer, 2);
	while (gone_count == 0) {
		CHECK_OK(vtr_os_loop_run(loop));
	}
	CHECK_EQ(done_count, wanted_done);
	CHECK_ERR(vtr_worker_pool_ops.fence(renderer, 1, 13), VTR_ERR_GONE);
	while (ended_count == 0) {
		CHECK_OK(vtr_os_loop_run(loop));
	}
	CHECK_EQ(vtr_worker_pool_process_count(pool), 0);
	CHECK_EQ(gone_count, 1);
	vtr_worker_pool_ops.destroy(renderer);
	vtr_worker_pool_destroy(pool);
	vtr_log_destroy(log);
	check_log(pipe_fds[0]);
	vtr_close(&pipe_fds[0]);
	vtr_close(&pipe_fds[1]);
}

static void liars_are_killed(void)
{
	check_lie("fence", 0);
	check_lie("twice", 1);
	check_lie("detached", 0);
	check_lie("ring", 0);
	check_lie("taken", 0);
	check_lie("keeps", 0);
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "worker") == 0) {
		lie();
	}
	CHECK_OK(vtr_os_loop_create(&loop));
	CHECK_OK(vtr_hostmem_init("hostmem", 1 << 20, &hostmem));
	RUN(liars_are_killed);
	vtr_hostmem_finish(&hostmem);
	vtr_os_loop_destroy(loop);
	return 0;
}
