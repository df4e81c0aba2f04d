/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "sandbox"
#include "ipc/child_refusals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "platform/loop.h"
#include "platform/sock.h"
#include "platform/thread.h"
#include "platform/watch.h"

#define SUMMARY_MAX 900

void vtr_child_refusals_init(struct vtr_child_refusals *refusals, struct vtr_log *log,
                             struct vtr_bucket *log_share, struct vtr_os_loop *loop, const char *name)
{
	*refusals = (struct vtr_child_refusals){
		.log = log, .log_share = log_share, .loop = loop, .name = name, .report_fd = -1
	};
}

void vtr_child_refusals_set_driver(struct vtr_child_refusals *refusals, const char *text, size_t max)
{
	vtr_log_str(refusals->driver, sizeof(refusals->driver), text, max);
}

/* --- what is logged ------------------------------------------------------------------------------ */

/* Returns: whether this text is new, and there is room for it. */
static bool remember(struct vtr_child_refusals *refusals, const char *text)
{
	const size_t room = refusals->params.permits ? VTR_CHILD_REFUSALS_RECORDED :
	                                               VTR_CHILD_REFUSALS_LOGGED;

	for (size_t i = 0; i < refusals->seen_count; i++) {
		if (strcmp(refusals->seen[i], text) == 0) {
			return false;
		}
	}
	char *copy = refusals->seen_count < room ? strdup(text) : NULL;
	if (copy) {
		refusals->seen[refusals->seen_count++] = copy;
	}
	return copy != NULL;
}

/* "thread 'llvmpipe-0', driver llvmpipe", as far as it is known. */
static void describe_place(const struct vtr_child_refusals *refusals, const struct vtr_os_watched *watched,
                           char *out, size_t size)
{
	char thread[2 * VTR_OS_WATCH_THREAD];

	vtr_log_str(thread, sizeof(thread), watched->thread, sizeof(watched->thread));
	snprintf(out, size, "thread '%s', driver: %s", thread,
	         refusals->driver[0] ? refusals->driver : "no device is open yet");
}

static void log_call(struct vtr_child_refusals *refusals, const struct vtr_os_watched *watched)
{
	const struct vtr_child_watch *params = &refusals->params;
	const bool usual = params->is_usual && params->is_usual(params->data, watched->name);
	char place[4 * VTR_CHILD_DRIVER_MAX];

	if (!remember(refusals, watched->call)) {
		return;
	}
	if (params->role == VTR_OS_ROLE_DRIVER) {
		describe_place(refusals, watched, place, sizeof(place));
	} else {
		vtr_log_str(place, sizeof(place), watched->thread, sizeof(watched->thread));
	}
	vtr_log_of_client(refusals->log, refusals->log_share, usual ? VTR_LOG_INFO : VTR_LOG_WARN,
	                  "%s %d: the sandbox %s the system call %s (%s)", refusals->name, (int)refusals->pid,
	                  refusals->params.permits ? "would refuse" : "refuses", watched->call, place);
	if (!refusals->params.permits && refusals->seen_count == VTR_CHILD_REFUSALS_LOGGED) {
		vtr_log_of_client(
			refusals->log, refusals->log_share, VTR_LOG_WARN,
			"%s %d: makes many kinds of refused system calls; further ones are not named",
			refusals->name, (int)refusals->pid);
	}
}

/* Only a process that is permitted everything is asked for its files. */
static void log_file(struct vtr_child_refusals *refusals, const struct vtr_os_watched *watched)
{
	const struct vtr_child_watch *params = &refusals->params;
	char text[512];
	char line[600];

	if ((!watched->creates && access(watched->path, F_OK) < 0) ||
	    vtr_os_sandbox_opens(params->role, refusals->pid, watched->path, watched->writes) ||
	    (params->may_open && params->may_open(params->data, watched->path, watched->writes))) {
		return;
	}
	vtr_log_str(text, sizeof(text), watched->path, sizeof(watched->path));
	snprintf(line, sizeof(line), "%s%s", text, watched->writes ? " (writing)" : "");
	if (remember(refusals, line)) {
		vtr_log_of_client(refusals->log, refusals->log_share, VTR_LOG_WARN,
		                  "%s %d: the sandbox would refuse the file %s", refusals->name,
		                  (int)refusals->pid, line);
	}
}

static void log_summary(const struct vtr_child_refusals *refusals)
{
	char text[SUMMARY_MAX] = "";
	size_t length = 0;

	for (size_t i = 0; i < refusals->seen_count && length < sizeof(text); i++) {
		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s", i > 0 ? ", " : "",
		                           refusals->seen[i]);
	}
	vtr_log_of_client(refusals->log, refusals->log_share, VTR_LOG_WARN,
	                  "%s %d: ran without the protection of the sandbox. %s %s", refusals->name,
	                  (int)refusals->pid,
	                  refusals->seen_count > 0 ? "For what it did, the sandbox would have to allow:" :
	                                             "The sandbox would have refused nothing that it did",
	                  text);
}

/* --- reports ------------------------------------------------------------------------------------- */

static void stop_watching(struct vtr_child_refusals *refusals)
{
	vtr_os_loop_remove(&refusals->watch_watch);
	vtr_os_watch_destroy(refusals->watch);
	refusals->watch = NULL;
}

static void take_report(struct vtr_child_refusals *refusals)
{
	struct vtr_os_watched watched;

	if (!refusals->params.permits && !vtr_bucket_take(&refusals->bucket, VTR_CHILD_REFUSALS_BURST,
	                                                  VTR_CHILD_REFUSALS_INTERVAL_NS, vtr_os_now_ns())) {
		stop_watching(refusals);
		vtr_log_of_client(
			refusals->log, refusals->log_share, VTR_LOG_WARN,
			"%s %d: makes so many refused system calls that they are not answered singly any "
			"more: from now on they fail with ENOSYS",
			refusals->name, (int)refusals->pid);
		return;
	}
	if (vtr_os_watch_next(refusals->watch, &watched) != VTR_OK) {
		stop_watching(refusals);
	} else if (watched.path[0] != '\0') {
		log_file(refusals, &watched);
	} else if (watched.call[0] != '\0') {
		log_call(refusals, &watched);
	}
}

static void on_watch(void *data, unsigned events)
{
	if ((events & VTR_OS_LOOP_IN) != 0) {
		take_report(data);
	} else {
		stop_watching(data); /* the process has ended */
	}
}

static void stop_waiting(struct vtr_child_refusals *refusals)
{
	vtr_os_loop_remove(&refusals->report_watch);
	vtr_close(&refusals->report_fd);
}

/* The process has entered its sandbox, or ended. */
static void on_report(void *data, unsigned events)
{
	struct vtr_child_refusals *refusals = data;
	vtr_autofd int fd = -1;
	char byte;
	size_t size;
	size_t fd_count = 0;
	enum vtr_err err = vtr_os_sock_recv_now(refusals->report_fd, &byte, 1, &size, &fd, 1, &fd_count);

	(void)events;
	if (err == VTR_ERR_AGAIN) {
		return;
	}
	stop_waiting(refusals);
	if (err == VTR_OK && fd_count == 0) {
		vtr_log_at(refusals->log, refusals->params.permits ? VTR_LOG_ERROR : VTR_LOG_DEBUG,
		           "%s %d: system calls that the sandbox refuses cannot be recorded in this kernel "
		           "or container",
		           refusals->name, (int)refusals->pid);
	}
	if (err != VTR_OK || fd_count == 0) {
		return;
	}
	err = vtr_os_watch_create(refusals->params.role,
	                          refusals->params.permits ? VTR_OS_WATCH_PERMITS : VTR_OS_WATCH_REFUSES, &fd,
	                          &refusals->watch);
	if (err == VTR_OK) {
		err = vtr_os_loop_add_fd(refusals->loop, vtr_os_watch_fd(refusals->watch), true, false,
		                         on_watch, refusals, &refusals->watch_watch);
	}
	refusals->was_watched = err == VTR_OK;
	if (err != VTR_OK) {
		stop_watching(refusals);
		vtr_warn(refusals->log, "%s %d: system calls that the sandbox refuses are not logged: %s",
		         refusals->name, (int)refusals->pid, vtr_err_text(err));
	}
}

enum vtr_err vtr_child_refusals_start(struct vtr_child_refusals *refusals, pid_t pid,
                                      const struct vtr_child_watch *params, int *take_fd)
{
	vtr_child_refusals_end(refusals);
	refusals->pid = pid;
	refusals->params = *params;
	refusals->report_fd = vtr_take_fd(take_fd);
	enum vtr_err err = vtr_os_loop_add_fd(refusals->loop, refusals->report_fd, true, false, on_report,
	                                      refusals, &refusals->report_watch);
	if (err != VTR_OK) {
		vtr_close(&refusals->report_fd);
	}
	return err;
}

void vtr_child_refusals_end(struct vtr_child_refusals *refusals)
{
	if (refusals->was_watched && refusals->params.permits) {
		log_summary(refusals);
	}
	stop_waiting(refusals);
	stop_watching(refusals);
	while (refusals->seen_count > 0) {
		free(refusals->seen[--refusals->seen_count]);
	}
	refusals->bucket = (struct vtr_bucket){ 0 };
	refusals->driver[0] = '\0';
	refusals->was_watched = false;
}

void vtr_child_refusals_fill_fds(const struct vtr_child_refusals *refusals,
                                 struct pollfd fds[VTR_CHILD_REFUSALS_FDS])
{
	fds[0] = (struct pollfd){ .fd = refusals->report_fd, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = refusals->watch ? vtr_os_watch_fd(refusals->watch) : -1,
		                  .events = POLLIN };
}

void vtr_child_refusals_serve(struct vtr_child_refusals *refusals,
                              const struct pollfd fds[VTR_CHILD_REFUSALS_FDS])
{
	if (fds[1].revents != 0) {
		on_watch(refusals, (fds[1].revents & POLLIN) != 0 ? VTR_OS_LOOP_IN : VTR_OS_LOOP_HUP);
	}
	if (fds[0].revents != 0) {
		on_report(refusals, VTR_OS_LOOP_IN);
	}
}
