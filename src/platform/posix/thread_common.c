/* SPDX-License-Identifier: MIT */
#include "platform/thread.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "platform/os.h"

#define MAX_NAME 16

struct start {
	void (*fn)(void *arg);
	void *arg;
	char name[MAX_NAME];
};

static void *run_thread(void *data)
{
	struct start start = *(struct start *)data;

	free(data);
	vtr_os_name_this_thread(start.name);
	start.fn(start.arg);
	return NULL;
}

static const int own_signals[] = { SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP, SIGXFSZ };

enum vtr_err vtr_os_thread_create(struct vtr_os_thread *out_thread, const char *name, void (*fn)(void *arg),
                                  void *arg)
{
	struct vtr_os_thread thread;
	struct start *start = calloc(1, sizeof(*start));
	sigset_t all;
	sigset_t before;

	if (start == NULL) {
		return VTR_ERR_NOMEM;
	}
	start->fn = fn;
	start->arg = arg;
	snprintf(start->name, sizeof(start->name), "%s", name);
	/* Signals belong to the loop's thread. A new thread must not receive one even while it starts, except for those
	 * that it causes: blocked, they would kill the process without a word. */
	sigfillset(&all);
	for (size_t i = 0; i < VTR_ARRAY_LEN(own_signals); i++) {
		sigdelset(&all, own_signals[i]);
	}
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int result = pthread_create(&thread.handle, NULL, run_thread, start);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (result != 0) {
		free(start);
		return result == ENOMEM ? VTR_ERR_NOMEM : VTR_ERR_LIMIT;
	}
	*out_thread = thread;
	return VTR_OK;
}

void vtr_os_thread_join(struct vtr_os_thread *thread)
{
	int result = pthread_join(thread->handle, NULL);

	vtr_assert(result == 0);
}

void vtr_os_yield(void)
{
	sched_yield();
}
