/* SPDX-License-Identifier: MIT */
/* Other processes of the user: the victim, and the process of vitrine that started this one. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attack.h"

#define IO_PRIORITY_OF_PROCESS 1
#define IO_PRIORITY_BEST_EFFORT (2 << 13)

static int fork_process(const struct world *world)
{
	pid_t pid = fork();

	(void)world;
	if (pid == 0) {
		_exit(0);
	}
	if (pid > 0) {
		waitpid(pid, NULL, 0);
	}
	return outcome(pid);
}

static int clone3_process(const struct world *world)
{
	(void)world;
	return outcome_or(syscall(SYS_clone3, NULL, 0), EINVAL);
}

static int execute(const struct world *world)
{
	char *argv[] = { NULL };

	(void)world;
	return outcome_or(execve("/nonexistent", argv, argv), ENOENT);
}

static int execute_held(const struct world *world)
{
	char *argv[] = { NULL };

	return outcome_or(syscall(SYS_execveat, world->held_fd, "x", argv, argv, 0), ENOTDIR);
}

static int kill_victim(const struct world *world)
{
	return outcome(kill(world->victim, 0));
}

static int kill_parent(const struct world *world)
{
	return outcome(kill(world->parent, 0));
}

static int kill_all(const struct world *world)
{
	(void)world;
	return outcome(kill(-1, 0));
}

static int tgkill_victim(const struct world *world)
{
	return outcome(syscall(SYS_tgkill, world->victim, world->victim, 0));
}

static int tkill_victim(const struct world *world)
{
	return outcome(syscall(SYS_tkill, world->victim, 0));
}

static int queue_signal(const struct world *world)
{
	siginfo_t info = { .si_code = SI_QUEUE };

	return outcome(syscall(SYS_rt_sigqueueinfo, world->victim, 0, &info));
}

static int own_signals(const struct world *world)
{
	int ends[2];
	int result;

	if (pipe2(ends, O_CLOEXEC) < 0) {
		return CANNOT;
	}
	result = outcome(fcntl(ends[0], F_SETOWN, world->victim));
	close(ends[0]);
	close(ends[1]);
	return result;
}

static int open_pidfd(const struct world *world)
{
	int fd = (int)syscall(SYS_pidfd_open, world->victim, 0);
	int result = outcome(fd);

	if (fd >= 0) {
		close(fd);
	}
	return result;
}

/* A filter refuses it whatever the fd is. */
static int signal_by_pidfd(const struct world *world)
{
	return outcome_or(syscall(SYS_pidfd_send_signal, world->held_fd, 0, NULL, 0), EBADF);
}

static int take_fd(const struct world *world)
{
	return outcome_or(syscall(SYS_pidfd_getfd, world->held_fd, 0, 0), EBADF);
}

static int trace(const struct world *world)
{
	long result = ptrace(PTRACE_SEIZE, world->victim, NULL, NULL);

	if (result < 0) {
		return errno;
	}
	ptrace(PTRACE_INTERRUPT, world->victim, NULL, NULL);
	waitpid(world->victim, NULL, __WALL);
	ptrace(PTRACE_DETACH, world->victim, NULL, NULL);
	return 0;
}

/* EFAULT: access is granted, but there is nothing at that address. */
static int read_memory(const struct world *world)
{
	char byte;
	const struct iovec here = { &byte, 1 };
	const struct iovec there = { NULL, 1 };

	return outcome_or(process_vm_readv(world->victim, &here, 1, &there, 1, 0), EFAULT);
}

static int write_memory(const struct world *world)
{
	char byte = 0;
	const struct iovec here = { &byte, 1 };
	const struct iovec there = { NULL, 1 };

	return outcome_or(process_vm_writev(world->victim, &here, 1, &there, 1, 0), EFAULT);
}

static int advise_memory(const struct world *world)
{
	return outcome_or(syscall(SYS_process_madvise, world->held_fd, NULL, 0, 0, 0), EBADF);
}

static int move_memory(const struct world *world)
{
	return outcome(syscall(SYS_move_pages, world->victim, 0, NULL, NULL, NULL, 0));
}

static int compare(const struct world *world)
{
	return outcome(syscall(SYS_kcmp, world->victim, world->victim, 1, 0, 0));
}

static int robust_list(const struct world *world)
{
	void *head;
	size_t size;

	return outcome(syscall(SYS_get_robust_list, world->victim, &head, &size));
}

/* With RLIMIT_CPU this ended processes. Here the limit stays as it is. */
static int limit_process(pid_t pid)
{
	struct rlimit limit;

	if (prlimit(pid, RLIMIT_CORE, NULL, &limit) < 0) {
		return errno;
	}
	return outcome(prlimit(pid, RLIMIT_CORE, &limit, NULL));
}

static int limit_victim(const struct world *world)
{
	return limit_process(world->victim);
}

static int limit_parent(const struct world *world)
{
	return limit_process(world->parent);
}

/* The next ones may report success and do nothing, so only the effect counts. The values grow, since an ordinary user
 * cannot take one back. */
static int effect(bool is_there)
{
	return is_there ? 0 : EPERM;
}

static int be_nice(const struct world *world)
{
	const int value = world->locked ? 7 : 3;

	(void)setpriority(PRIO_PROCESS, (id_t)world->victim, value);
	return effect(getpriority(PRIO_PROCESS, (id_t)world->victim) == value);
}

static int be_nice_to_group(const struct world *world)
{
	const int value = world->locked ? 9 : 5;

	(void)setpriority(PRIO_PGRP, (id_t)world->victim, value); /* it leads a group of its own */
	return effect(getpriority(PRIO_PROCESS, (id_t)world->victim) == value);
}

static int set_processors(const struct world *world)
{
	cpu_set_t before;
	cpu_set_t one;
	cpu_set_t now;
	int cpu = 0;

	if (sched_getaffinity(world->victim, sizeof(before), &before) < 0 || CPU_COUNT(&before) < 2) {
		return CANNOT;
	}
	while (!CPU_ISSET(cpu, &before)) {
		cpu++;
	}
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	(void)sched_setaffinity(world->victim, sizeof(one), &one);
	(void)sched_getaffinity(world->victim, sizeof(now), &now);
	(void)sched_setaffinity(world->victim, sizeof(before), &before);
	return effect(CPU_EQUAL(&now, &one));
}

static int set_scheduler(const struct world *world)
{
	const struct sched_param param = { 0 };

	(void)sched_setscheduler(world->victim, SCHED_BATCH, &param);
	int now = sched_getscheduler(world->victim);
	(void)sched_setscheduler(world->victim, SCHED_OTHER, &param);
	return effect(now == SCHED_BATCH);
}

static int set_scheduler_attr(const struct world *world)
{
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} attr = { .size = sizeof(attr),
		   .policy = SCHED_BATCH,
		   .nice = getpriority(PRIO_PROCESS, (id_t)world->victim) };

	(void)syscall(SYS_sched_setattr, world->victim, &attr, 0);
	int now = sched_getscheduler(world->victim);
	attr.policy = SCHED_OTHER;
	(void)syscall(SYS_sched_setattr, world->victim, &attr, 0);
	return effect(now == SCHED_BATCH);
}

static int set_io_priority(const struct world *world)
{
	const int value = IO_PRIORITY_BEST_EFFORT | (world->locked ? 6 : 7);

	(void)syscall(SYS_ioprio_set, IO_PRIORITY_OF_PROCESS, world->victim, value);
	return effect(syscall(SYS_ioprio_get, IO_PRIORITY_OF_PROCESS, world->victim) == value);
}

static int show_memory(const struct world *world)
{
	(void)world;
	return outcome(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

/* Other processes of the user can then trace it and read its memory. */
static int stay_dumpable(const struct world *world)
{
	(void)world;
	return effect(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1);
}

/* Others of the user then get none: the kernel counts timers for the user. */
static int take_timers(const struct world *world)
{
	enum { MANY = 1000 };
	timer_t timers[MANY];
	int count = 0;
	int result = 0;

	(void)world;
	while (count < MANY && result == 0) {
		struct sigevent event = { .sigev_notify = SIGEV_NONE };

		result = outcome(timer_create(CLOCK_MONOTONIC, &event, &timers[count]));
		count += result == 0;
	}
	while (count > 0) {
		timer_delete(timers[--count]);
	}
	return result;
}

/* The same for the memory of pipes. */
static int grow_pipe(const struct world *world)
{
	int ends[2];

	(void)world;
	if (pipe2(ends, O_CLOEXEC) < 0) {
		return CANNOT;
	}
	const int result = outcome(fcntl(ends[0], F_SETPIPE_SZ, 1 << 17));
	close(ends[0]);
	close(ends[1]);
	return result;
}

/* Memory that was set aside for others. */
static int take_huge_pages(const struct world *world)
{
	int fd = memfd_create("attack", MFD_CLOEXEC | MFD_HUGETLB);
	const int result = outcome(fd);

	(void)world;
	if (fd >= 0) {
		close(fd);
	}
	return result;
}

static int map_huge_pages(const struct world *world)
{
	void *map = mmap(NULL, 2 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE,
	                 -1, 0);

	(void)world;
	if (map == MAP_FAILED) {
		return errno;
	}
	munmap(map, 2 << 20);
	return 0;
}

/* The next two need root's capabilities. */
static int run_in_real_time(const struct world *world)
{
	const struct sched_param real = { .sched_priority = 1 };
	const struct sched_param normal = { 0 };
	const int result = outcome(sched_setscheduler(0, SCHED_FIFO, &real));

	(void)world;
	(void)sched_setscheduler(0, SCHED_OTHER, &normal);
	return result;
}

static int raise_limit(const struct world *world)
{
	struct rlimit limit;

	(void)world;
	if (getrlimit(RLIMIT_SIGPENDING, &limit) < 0) {
		return CANNOT;
	}
	limit.rlim_max++;
	return outcome(setrlimit(RLIMIT_SIGPENDING, &limit));
}

static const struct attack attacks[] = {
	{ "fork", fork_process, true },
	{ "clone3", clone3_process, false },
	{ "execve", execute, true },
	{ "execveat", execute_held, true },
	{ "kill-stranger", kill_victim, true },
	{ "kill-parent", kill_parent, true },
	{ "kill-all", kill_all, true },
	{ "tgkill", tgkill_victim, true },
	{ "tkill", tkill_victim, true },
	{ "rt_sigqueueinfo", queue_signal, true },
	{ "signals-of-fd", own_signals, true },
	{ "pidfd_open", open_pidfd, false },
	{ "pidfd_send_signal", signal_by_pidfd, false },
	{ "pidfd_getfd", take_fd, false },
	{ "ptrace", trace, false },
	{ "process_vm_readv", read_memory, false },
	{ "process_vm_writev", write_memory, false },
	{ "process_madvise", advise_memory, false },
	{ "move_pages", move_memory, false },
	{ "kcmp", compare, false },
	{ "get_robust_list", robust_list, false },
	{ "finding-1-prlimit-stranger", limit_victim, true },
	{ "finding-1-prlimit-parent", limit_parent, true },
	{ "finding-1-setpriority", be_nice, true },
	{ "finding-1-setpriority-group", be_nice_to_group, true },
	{ "finding-1-sched_setaffinity", set_processors, false },
	{ "finding-1-sched_setscheduler", set_scheduler, true },
	{ "finding-1-sched_setattr", set_scheduler_attr, true },
	{ "finding-1-ioprio_set", set_io_priority, true },
	{ "finding-6-timers", take_timers, true },
	{ "finding-6-size-of-pipe", grow_pipe, true },
	{ "huge-pages", take_huge_pages, false },
	{ "map-huge-pages", map_huge_pages, false },
	{ "real-time", run_in_real_time, false },
	{ "raise-limit", raise_limit, false },
	{ "become-dumpable", show_memory, true },
	{ "stay-dumpable", stay_dumpable, true },
};

const struct attack_list process_attacks = { attacks, sizeof(attacks) / sizeof(attacks[0]) };
