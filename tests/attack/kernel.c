/* SPDX-License-Identifier: MIT */
/* Terminals, keyrings, namespaces, and parts of the kernel that have had many faults. */
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <termios.h>
#include <unistd.h>

#include "attack.h"

#define KERNEL_LOG_SIZE 10

static int close_new(long fd)
{
	int result = outcome(fd);

	if (fd >= 0) {
		close((int)fd);
	}
	return result;
}

/* Types into the terminal. */
static int type_input(const struct world *world)
{
	return world->terminal_fd < 0 ? CANNOT : outcome(ioctl(world->terminal_fd, TIOCSTI, "x"));
}

static int set_modes(const struct world *world)
{
	struct termios modes;

	/* Reading them is allowed. */
	if (world->terminal_fd < 0 || tcgetattr(world->terminal_fd, &modes) < 0) {
		return CANNOT;
	}
	return outcome(tcsetattr(world->terminal_fd, TCSANOW, &modes));
}

static int set_discipline(const struct world *world)
{
	int discipline = 0;

	return world->terminal_fd < 0 ? CANNOT : outcome(ioctl(world->terminal_fd, TIOCSETD, &discipline));
}

static int resize_terminal(const struct world *world)
{
	const struct winsize size = { .ws_row = 24, .ws_col = 80 };

	return world->terminal_fd < 0 ? CANNOT : outcome(ioctl(world->terminal_fd, TIOCSWINSZ, &size));
}

/* On a file, the kernel complains that it is none of a console. */
static int paste_selection(const struct world *world)
{
	return outcome_or(ioctl(world->held_fd, TIOCLINUX, "\3"), ENOTTY);
}

static int take_console(const struct world *world)
{
	return outcome_or(ioctl(world->held_fd, TIOCCONS, 0), ENOTTY);
}

static int switch_console(const struct world *world)
{
	const unsigned long activate = 0x5606; /* VT_ACTIVATE */

	return outcome_or(ioctl(world->held_fd, activate, 1), ENOTTY);
}

static int read_log(const struct world *world)
{
	char byte;

	(void)world;
	if (isatty(STDERR_FILENO)) {
		return CANNOT;
	}
	return outcome(read(STDERR_FILENO, &byte, 1));
}

static int add_key(const struct world *world)
{
	(void)world;
	return outcome(syscall(SYS_add_key, "user", "vitrine-attack", "x", 1, KEY_SPEC_PROCESS_KEYRING));
}

static int request_key(const struct world *world)
{
	(void)world;
	return outcome_or(syscall(SYS_request_key, "user", "vitrine-no-such-key", NULL, 0), ENOKEY);
}

static int read_keyring(const struct world *world)
{
	(void)world;
	return outcome(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 1));
}

/* No flag: nothing happens, but it is allowed. */
static int unshare_nothing(const struct world *world)
{
	(void)world;
	return outcome(unshare(0));
}

static int enter_namespace(const struct world *world)
{
	return outcome_or(setns(world->held_fd, 0), EINVAL);
}

static int mount_nothing(const struct world *world)
{
	return outcome_or(mount("none", world->dir, "vitrine-attack", 0, NULL), ENODEV);
}

static int unmount_nothing(const struct world *world)
{
	(void)world;
	return outcome_or(umount2("/nonexistent", 0), ENOENT);
}

static int open_filesystem(const struct world *world)
{
	(void)world;
	return close_new(syscall(SYS_fsopen, "tmpfs", 1));
}

static int change_root(const struct world *world)
{
	(void)world;
	return outcome(chroot("/"));
}

static int pivot(const struct world *world)
{
	(void)world;
	return outcome_or(syscall(SYS_pivot_root, "/nonexistent", "/nonexistent"), ENOENT);
}

static int count_events(const struct world *world)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_TASK_CLOCK,
		.exclude_kernel = 1,
	};

	(void)world;
	return close_new(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0));
}

static int load_bpf(const struct world *world)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1
	};

	(void)world;
	return close_new(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)));
}

static int handle_faults(const struct world *world)
{
	const int user_mode_only = 1;

	(void)world;
	return close_new(syscall(SYS_userfaultfd, O_CLOEXEC | user_mode_only));
}

static int make_ring(const struct world *world)
{
	struct io_uring_params params = { 0 };

	(void)world;
	return close_new(syscall(SYS_io_uring_setup, 1, &params));
}

static int make_aio(const struct world *world)
{
	unsigned long context = 0;
	long result = syscall(SYS_io_setup, 1, &context);

	(void)world;
	if (result == 0) {
		syscall(SYS_io_destroy, context);
	}
	return outcome(result);
}

static int watch_all_files(const struct world *world)
{
	(void)world;
	return close_new(fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID, 0));
}

static int load_module(const struct world *world)
{
	(void)world;
	return outcome_or(syscall(SYS_init_module, NULL, 0, NULL), ENOEXEC);
}

static int load_kernel(const struct world *world)
{
	(void)world;
	return outcome_or(syscall(SYS_kexec_load, 0, 0, NULL, ~0UL), EINVAL);
}

static int restart_machine(const struct world *world)
{
	(void)world;
	return outcome_or(syscall(SYS_reboot, 0, 0, 0, NULL), EINVAL);
}

static int swap_to(const struct world *world)
{
	(void)world;
	return outcome_or(swapon("/nonexistent", 0), ENOENT);
}

static int rename_machine(const struct world *world)
{
	(void)world;
	return outcome_or(syscall(SYS_sethostname, "", -1), EINVAL);
}

static int kernel_log(const struct world *world)
{
	(void)world;
	return outcome(klogctl(KERNEL_LOG_SIZE, NULL, 0));
}

static int set_time(const struct world *world)
{
	(void)world;
	return outcome(syscall(SYS_settimeofday, NULL, NULL));
}

static int adjust_time(const struct world *world)
{
	struct timex none = { 0 };

	(void)world;
	return outcome(adjtimex(&none));
}

static int change_personality(const struct world *world)
{
	(void)world;
	return outcome(personality(0xffffffff));
}

static int become_user(const struct world *world)
{
	(void)world;
	return outcome(syscall(SYS_setresuid, -1, -1, -1));
}

#ifdef __x86_64__
static sigjmp_buf no_table;

static void on_fault(int number)
{
	(void)number;
	siglongjmp(no_table, 1);
}

static int use_other_table(const struct world *world)
{
	const int getpid_of_i386 = 20;
	const struct sigaction catch = { .sa_handler = on_fault };
	struct sigaction before;
	volatile long result = CANNOT;

	(void)world;
	sigaction(SIGSEGV, &catch, &before);
	/* A kernel without these calls ends the process. */
	if (sigsetjmp(no_table, 1) == 0) {
		long value;

		__asm__ volatile("int $0x80"
		                 : "=a"(value)
		                 : "a"(getpid_of_i386)
		                 : "memory", "r8", "r9", "r10", "r11");
		result = value > 0 ? 0 : -value;
	}
	sigaction(SIGSEGV, &before, NULL);
	return (int)result;
}

static int change_descriptors(const struct world *world)
{
	(void)world;
	return outcome(syscall(SYS_modify_ldt, 0, NULL, 0));
}

static int raise_io_level(const struct world *world)
{
	(void)world;
	return outcome(syscall(SYS_iopl, 0));
}
#endif

static const struct attack attacks[] = {
	{ "finding-5-type-into-terminal", type_input, false },
	{ "finding-5-set-terminal-modes", set_modes, false },
	{ "finding-5-set-line-discipline", set_discipline, false },
	{ "resize-terminal", resize_terminal, false },
	{ "console-selection", paste_selection, true },
	{ "console-output", take_console, true },
	{ "console-switch", switch_console, true },
	{ "finding-5-read-standard-error", read_log, false },
	{ "add_key", add_key, false },
	{ "request_key", request_key, false },
	{ "keyctl", read_keyring, false },
	{ "unshare", unshare_nothing, false },
	{ "setns", enter_namespace, false },
	{ "mount", mount_nothing, false },
	{ "umount", unmount_nothing, false },
	{ "fsopen", open_filesystem, false },
	{ "chroot", change_root, false },
	{ "pivot_root", pivot, false },
	{ "perf_event_open", count_events, false },
	{ "bpf", load_bpf, false },
	{ "userfaultfd", handle_faults, false },
	{ "io_uring", make_ring, false },
	{ "io_setup", make_aio, false },
	{ "fanotify", watch_all_files, false },
	{ "init_module", load_module, false },
	{ "kexec_load", load_kernel, false },
	{ "reboot", restart_machine, false },
	{ "swapon", swap_to, false },
	{ "sethostname", rename_machine, false },
	{ "syslog", kernel_log, false },
	{ "settimeofday", set_time, false },
	{ "adjtimex", adjust_time, false },
	{ "personality", change_personality, false },
	{ "setresuid", become_user, true },
#ifdef __x86_64__
	{ "calls-of-32-bit", use_other_table, false },
	{ "modify_ldt", change_descriptors, false },
	{ "iopl", raise_io_level, false },
#endif
};

const struct attack_list kernel_attacks = { attacks, sizeof(attacks) / sizeof(attacks[0]) };
