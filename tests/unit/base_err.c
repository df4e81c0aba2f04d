/* SPDX-License-Identifier: MIT */
#include "base/err.h"

#include <signal.h>
#include <sys/wait.h>

#include "test.h"

static void names_are_distinct(void)
{
	for (int a = VTR_OK; a <= VTR_ERR_ARG; a++) {
		CHECK(strcmp(vtr_err_name((enum vtr_err)a), "unknown") != 0);
		for (int b = VTR_OK; b < a; b++) {
			CHECK(strcmp(vtr_err_name((enum vtr_err)a), vtr_err_name((enum vtr_err)b)) != 0);
		}
	}
	CHECK_STR(vtr_err_name((enum vtr_err)1000), "unknown");
}

static void assert_evaluates_once(void)
{
	int count = 0;

	vtr_assert(++count == 1);
	CHECK_EQ(count, 1);
}

static void assert_aborts(void)
{
	pid_t pid = fork();
	int status;

	CHECK(pid >= 0);
	if (pid == 0) {
		close(STDERR_FILENO);
		vtr_assert(getpid() == 0);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
	RUN(names_are_distinct);
	RUN(assert_evaluates_once);
	RUN(assert_aborts);
	return 0;
}
