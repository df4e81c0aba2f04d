/* SPDX-License-Identifier: MIT */
#include "child_program.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "ipc/child.h"
#include "ipc/child_refusals.h"
#include "platform/proc.h"
#include "test.h"

const struct vtr_ipc_rule child_msg_rules[CHILD_MSG_COUNT] = {
	[CHILD_MSG_NUMBER] = { .name = "number", .size = sizeof(struct child_msg_number) },
};

/* Says which fds are open, by their numbers. */
static void list_fds(void)
{
	char name[32];
	char target[256];

	for (int fd = 0; fd < 1024; fd++) {
		struct stat status;

		if (fstat(fd, &status) < 0) {
			continue;
		}
		snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
		ssize_t length = readlink(name, target, sizeof(target) - 1);
		target[length > 0 ? length : 0] = '\0';
		fprintf(stderr, "%d %s\n", fd,
		        S_ISFIFO(status.st_mode) ? "pipe" :
		        S_ISSOCK(status.st_mode) ? "socket" :
		                                   target);
	}
	fprintf(stderr, "%s\n", getsid(0) == getpid() ? "session of its own" : "our session");
	fprintf(stderr, "%s\n", getenv("CHILD_SAYS"));
}

static void write_lines(void)
{
	fprintf(stderr, "on");
	usleep(20000);
	/* An escape sequence; a control character of 8 bits, in UTF-8 and without; a letter; what is no UTF-8. */
	fprintf(stderr, "e\ntwo \x1b[31m \xc2\x9b \xc3\xbc \xe2\x82\t\x9b\n\n");
	for (int i = 0; i < 10 * 1024; i++) {
		fputc('x', stderr);
	}
	fprintf(stderr, "\n");
	printf("to standard output\n");
	fflush(stdout);
	fprintf(stderr, "no newline");
}

static void flood(void)
{
	char block[4096];
	size_t length = 0;

	for (int i = 0; i < CHILD_FLOOD_LINES; i++) {
		length += (size_t)snprintf(block + length, sizeof(block) - length, "flooded %d\n", i);
		if (length > sizeof(block) - 32) {
			CHECK_EQ(write(2, block, length), length);
			length = 0;
		}
	}
	CHECK_EQ(write(2, block, length), length);
}

static void write_endless_line(void)
{
	char block[4096];

	memset(block, 'x', sizeof(block));
	for (int i = 0; i < 256; i++) {
		CHECK_EQ(write(2, block, sizeof(block)), sizeof(block));
	}
}

static void say(uint64_t number)
{
	const struct child_msg_number message = { .number = number };
	const struct vtr_ipc_parts parts = { .payload = &message };

	(void)(vtr_ipc_send(VTR_CHILD_CONTROL_FD, child_msg_rules, CHILD_MSG_NUMBER, &parts) == VTR_OK);
}

/* Waits for the next number. Returns: 0: the other side has closed. */
static uint64_t hear(struct vtr_ipc *ipc)
{
	struct vtr_ipc_message message;
	enum vtr_err err;

	while ((err = vtr_ipc_receive(ipc, &message)) == VTR_ERR_AGAIN) {
		struct pollfd pollfd = { .fd = VTR_CHILD_CONTROL_FD, .events = POLLIN };
		poll(&pollfd, 1, -1);
	}
	return err == VTR_OK ? ((const struct child_msg_number *)message.payload)->number : 0;
}

static void echo(bool answers)
{
	struct vtr_ipc ipc;
	uint64_t number;

	vtr_ipc_init(&ipc, VTR_CHILD_CONTROL_FD, child_msg_rules, CHILD_MSG_COUNT);
	while ((number = hear(&ipc)) != 0) {
		if (answers) {
			say(number + 1);
		}
	}
	vtr_ipc_finish(&ipc);
}

/* Lives on without the log, which it holds still; no test waits for it. */
static void leave_grandchild(void)
{
	if (fork() == 0) {
		signal(SIGPIPE, SIG_DFL);
		for (int i = 0; i < 3000; i++) {
			fprintf(stderr, "from a grandchild\n"); /* and dies when that is not heard */
			usleep(10000);
		}
		_exit(0);
	}
}

/* Says how a refused call of this number failed, if that is not by EPERM. */
static void be_refused(long number)
{
	if (syscall(number, NULL, 0, 0, 0, 0) >= 0 || errno != EPERM) {
		fprintf(stderr, "call %ld: %s\n", number, strerror(errno));
	}
}

/* Makes refused calls, some of them while the parent waits for the end of this process. */
static void live_in_a_sandbox(void)
{
	const struct vtr_os_syscalls params = { .role = VTR_OS_ROLE_SERVER,
		                                .report_fd = VTR_CHILD_REFUSALS_FD };
	uint32_t applied;

	CHECK_OK(vtr_os_sandbox_syscalls(&params, &applied));
	close(VTR_CHILD_REFUSALS_FD);
	be_refused(SYS_mount);
	be_refused(SYS_mount);
	say(applied == VTR_OS_SANDBOX_SYSCALLS ? 1 : 2);
	echo(false);
	be_refused(SYS_mount);
	be_refused(SYS_ptrace);
	/* More than are logged, of the type of virtual terminals. */
	for (long i = 0; i < VTR_CHILD_REFUSALS_LOGGED + 8; i++) {
		CHECK(syscall(SYS_ioctl, STDIN_FILENO, 0x5600 + i) < 0 && errno == EPERM);
	}
}

VTR_NORETURN static void hang(void)
{
	for (;;) {
		pause();
	}
}

int child_program(const char *what)
{
	if (strcmp(what, "fds") == 0) {
		list_fds();
	} else if (strcmp(what, "lines") == 0) {
		write_lines();
	} else if (strcmp(what, "flood") == 0) {
		flood();
	} else if (strcmp(what, "endless") == 0) {
		write_endless_line();
	} else if (strcmp(what, "exit-7") == 0) {
		return 7;
	} else if (strcmp(what, "live-a-little") == 0) {
		usleep(20000);
	} else if (strcmp(what, "abort") == 0) {
		signal(SIGABRT, SIG_DFL);
		abort();
	} else if (strcmp(what, "last-words") == 0) {
		for (int i = 1; i <= CHILD_LAST_WORDS; i++) {
			say((uint64_t)i);
		}
		fprintf(stderr, "last words\n");
	} else if (strcmp(what, "chatter") == 0) {
		for (int i = 1; i <= CHILD_CHATTER; i++) {
			say((uint64_t)i);
		}
		raise(SIGSTOP); /* the parent sees that all is said */
	} else if (strcmp(what, "echo") == 0) {
		echo(true);
	} else if (strcmp(what, "read-late") == 0) {
		raise(SIGSTOP); /* until the parent wants it to read */
		echo(false);
	} else if (strcmp(what, "talks-when-it-ends") == 0) {
		echo(false);
		flood();
	} else if (strcmp(what, "close") == 0) {
		close(VTR_CHILD_CONTROL_FD);
		hang();
	} else if (strcmp(what, "bad-message") == 0) {
		CHECK_EQ(write(VTR_CHILD_CONTROL_FD, "no message at all", 16), 16);
		hang();
	} else if (strcmp(what, "stop") == 0) {
		raise(SIGSTOP);
		hang();
	} else if (strcmp(what, "sandbox") == 0) {
		live_in_a_sandbox();
	} else if (strcmp(what, "grandchild") == 0) {
		leave_grandchild();
	} else if (strcmp(what, "hang") == 0) {
		hang();
	}
	return 0;
}
