/* SPDX-License-Identifier: MIT */
#include "worker/leave.h"

#include <signal.h>
#include <unistd.h>

/* Less than what the supervisor grants before it kills a worker. */
#define LEAVE_SECONDS 2

static void on_late_in_order(int signo)
{
	(void)signo;
	_exit(0);
}

static void on_late(int signo)
{
	(void)signo;
	_exit(1);
}

void vtr_worker_leave(bool in_order)
{
	struct sigaction action = { .sa_handler = in_order ? on_late_in_order : on_late };

	sigemptyset(&action.sa_mask);
	if (sigaction(SIGALRM, &action, NULL) == 0) {
		alarm(LEAVE_SECONDS);
	}
}
