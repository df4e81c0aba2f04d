/* SPDX-License-Identifier: MIT */
#ifndef IPC_CHILD_H
#define IPC_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bucket.h"
#include "base/err.h"
#include "ipc/ipc.h"
#include "platform/proc.h"

/*
 * A supervised child process. It gets exactly the fds that are named, /dev/null as standard input, and a log pipe as
 * standard error. It never holds a terminal, and runs in a session of its own. With a control socket, messages go both
 * ways (ipc/ipc.h). What the socket does not take is queued within limits, so only vtr_child_finish(), vtr_child_wait()
 * and vtr_child_destroy() block.
 *
 *   the child dies                  -> the rest of its log is passed on, the rest of its messages is handed over,
 *                                      and then died() is called, once
 *   it closes the control socket    -> closed(); died() follows
 *   it breaks the protocol          -> it is killed; closed(), and died() follows
 *   this process dies               -> the child sees the socket and the log pipe close
 *
 * When the child is dead, its log pipe is closed, even if a grandchild still has the other end.
 *
 * Thread: the loop's. Any event's callback may call any function, also vtr_child_destroy().
 */
struct vtr_child;
struct vtr_log;
struct vtr_os_loop;
struct vtr_child_watch;

/* The fd number of the control socket in each child. */
#define VTR_CHILD_CONTROL_FD 3
/* That of the socket for reports of refused calls, beyond those that any child has. */
#define VTR_CHILD_REFUSALS_FD 24

/* What to start. Everything is borrowed for the duration of the call. */
struct vtr_child_spec {
	const char *program;       /* not searched for in PATH */
	const char *const *argv;   /* argv[0] included, NULL at the end */
	const char *const *env;    /* NAME=VALUE to add, NULL at the end; may be NULL */
	/* The fds besides /dev/null, the log and the control socket. One of them may be standard output, which is
	 * otherwise the log. */
	const struct vtr_os_spawn_fd *fds;
	size_t fd_count;
	/* Starts the process in another way than vtr_os_spawn(), which it is like: the process is a child of this
	 * one. NULL: vtr_os_spawn(). */
	enum vtr_err (*start)(void *data, const struct vtr_os_spawn *spawn, pid_t *out_pid,
	                      int *out_death_fd);
	void *start_data;
	/* How to watch the process for system calls that its sandbox refuses; NULL: not at all. It gets the
	 * socket for vtr_os_sandbox_syscalls() as fd VTR_CHILD_REFUSALS_FD. */
	const struct vtr_child_watch *watch;
};

/* How a process ended. */
struct vtr_child_end {
	pid_t pid;
	/* The status from waitpid(), for WIFEXITED() and so on. -1: it is unknown, and none of these macros holds. */
	int status;
	bool killed; /* this process killed it */
	int64_t lived_ms;
};

/* The events of a child. Each may be NULL, except for message() if the child may send messages. */
struct vtr_child_events {
	/**
	 * A valid message. *cost is 1; message() may change it, see turn_budget.
	 *
	 * Returns: anything but VTR_OK if the child broke the protocol. The child is killed, and closed() is called.
	 */
	enum vtr_err (*message)(void *data, const struct vtr_ipc_message *message, unsigned *cost);

	/* The queue has been sent. */
	void (*sent)(void *data);

	/* The control socket is closed on both sides. VTR_ERR_GONE: the child closed it. Otherwise the child broke
	 * the protocol, and the error was logged. */
	void (*closed)(void *data, enum vtr_err why);

	/* The process is dead. This is its last event. */
	void (*died)(void *data, const struct vtr_child_end *end);

	/**
	 * The delay of vtr_child_start_later() is over. The owner calls vtr_child_start().
	 *
	 * Returns: the result of vtr_child_start(). A failure is logged, and start() is called again later.
	 */
	enum vtr_err (*start)(void *data);
};

struct vtr_child_params {
	struct vtr_log *log; /* gets the child's log; may be NULL; outlives the child, like `loop` */
	struct vtr_bucket *log_share; /* see vtr_log_share(); outlives the child; may be NULL */
	struct vtr_os_loop *loop;
	/* Stands before the pid in log messages about the child, for instance "client 7: worker". Copied. */
	const char *name;
	const struct vtr_child_events *events;
	void *data; /* for the events */

	/* The messages that the child may send, indexed by op. NULL: there is no control socket, and the members up
	 * to pause_ms are ignored. */
	const struct vtr_ipc_rule *in_rules;
	size_t in_rule_count;
	const struct vtr_ipc_rule *out_rules; /* NULL: nothing is sent */
	size_t max_queue_bytes;
	size_t max_queue_fds;
	size_t max_unread_fds; /* see vtr_ipc_sender_limit_unread() */

	/* The cost that messages may have in one turn of the loop; not 0. When it is used up, the child is not read
	 * for pause_ms. If pause_ms is 0, the child has broken the protocol. */
	unsigned turn_budget;
	unsigned pause_ms;

	/* The first and the longest delay of vtr_child_start_later(). The delay doubles each time; it starts again
	 * at the first after a process that lived for lived_long_ms. */
	unsigned restart_min_ms;
	unsigned restart_max_ms;
	unsigned lived_long_ms;
};

/* Starts no process. Owner: *out_child is the caller's. Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_child_create(const struct vtr_child_params *params,
                                             struct vtr_child **out_child);

/* Kills and reaps the process, if there is one, without an event. Accepts NULL. */
void vtr_child_destroy(struct vtr_child *child);

/**
 * Starts the process. None may be running.
 *
 * Returns: VTR_ERR_NOMEM, VTR_ERR_OS (ENOENT: the program does not exist). After an error there is no process, and no
 *          event follows.
 */
VTR_MUST_CHECK enum vtr_err vtr_child_start(struct vtr_child *child, const struct vtr_child_spec *spec);

/* Schedules start() after a delay. Called from died(). Returns: the delay in ms. */
unsigned vtr_child_start_later(struct vtr_child *child);

/* Returns: 0 if there is no process. In closed() the process still exists; in died() it does not. */
pid_t vtr_child_pid(const struct vtr_child *child);

/* The child says which driver it runs, which the log of refused calls names. `text` needs no NUL if it has
 * `max` bytes. */
void vtr_child_set_driver(struct vtr_child *child, const char *text, size_t max);

/* Returns: whether messages can still be sent to the child. */
bool vtr_child_is_connected(const struct vtr_child *child);

/**
 * Sends a message, or queues it.
 *
 * Returns: VTR_ERR_GONE   the control socket is closed on either side. closed() or died() follows if it has not been
 *                         called
 *          VTR_ERR_LIMIT  the queue is full
 *          VTR_ERR_NOMEM, VTR_ERR_OS
 *          After each of the last three, the error is logged, the child is killed, and the control socket is closed.
 *          closed() is not called.
 */
VTR_MUST_CHECK enum vtr_err vtr_child_send(struct vtr_child *child, uint32_t op,
                                           const struct vtr_ipc_parts *parts);

/* Returns: whether a queued message waits until the socket takes it. */
bool vtr_child_is_behind(const struct vtr_child *child);

/* The child reports that it has received fds, see vtr_ipc_sender_taken(). Returns: what message() is to return. */
VTR_MUST_CHECK enum vtr_err vtr_child_fds_taken(struct vtr_child *child, size_t fd_count);

/* Closes the control socket, which makes the child end, and drops the queue. No message and no closed() follow. */
void vtr_child_hang_up(struct vtr_child *child);

/* Kills the child, with a warning, if it has not ended within the timeout. Only the first call counts. 0: no
 * limit. */
void vtr_child_leave(struct vtr_child *child, uint32_t timeout_ms);

/* Kills the process; died() follows. Does nothing without a process. */
void vtr_child_kill(struct vtr_child *child);

/**
 * Hangs up, waits for the child's end until `deadline_ns` (vtr_os_now_ns()), then kills it. No event follows. To end
 * several children, hang up on all of them first.
 *
 * Returns: false if the child had to be killed.
 */
bool vtr_child_finish(struct vtr_child *child, int64_t deadline_ns);

/* Waits until `fd` is readable, the process has ended, or the deadline has passed. Passes the log on meanwhile, but
 * calls no event. For callers that need the child's answer while the loop does not run. Returns: whether `fd` is
 * readable. */
bool vtr_child_wait(struct vtr_child *child, int fd, int64_t deadline_ns);

#endif
