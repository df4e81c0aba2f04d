/* SPDX-License-Identifier: MIT */
#ifndef CMD_SERVICE_H
#define CMD_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

/*
 * A service manager, which may have started this process: systemd's protocol for services, without its library. The
 * manager passes listening sockets (sd_listen_fds(3)), is told when the service is ready and when it ends
 * (sd_notify(3)), and names the log (JOURNAL_STREAM). The variables belong to this protocol; they configure nothing.
 *
 * Thread: the main thread, while there is no other one.
 */

#define VTR_SERVICE_MAX_SOCKETS 8
/* Of a socket, with NUL; more than any system has. */
#define VTR_SERVICE_PATH 128

/* Where a command listens. */
struct vtr_listener {
	int fd; /* -1: nowhere */
	bool is_ours; /* vitrine has made the socket's file, and removes it */
	char path[VTR_SERVICE_PATH]; /* begins with @ if it is abstract */
};

struct vtr_service {
	struct vtr_listener sockets[VTR_SERVICE_MAX_SOCKETS]; /* fd is -1 once it is taken */
	size_t socket_count;
	char notify[VTR_SERVICE_PATH]; /* "": the manager wants no messages */
};

/**
 * Reads what the service manager has passed, and removes its variables, so that children do not take them for theirs.
 * Prints what is wrong. End *out_service with vtr_service_finish(), also on failure.
 *
 * Returns: VTR_ERR_ARG: a socket that was passed is not a listening local stream socket.
 */
VTR_MUST_CHECK enum vtr_err vtr_service_init(const char *command, struct vtr_service *out_service);

/* Closes the sockets that were not taken. */
void vtr_service_finish(struct vtr_service *service);

/* Returns: whether the service manager has passed a socket for this path that is not taken yet. */
bool vtr_service_has(const struct vtr_service *service, const char *path);

/* Returns: the path of the socket that was passed, if it is the only one; else NULL. */
const char *vtr_service_socket(const struct vtr_service *service);

/**
 * Listens at `path`: with the socket that the service manager has passed for it, or a new one. Prints errors.
 *
 * `mode`   of a new socket's file.
 * Owner:   end *out_listener with vtr_listener_close().
 * Returns: VTR_ERR_OS, VTR_ERR_ARG (the path is too long).
 */
VTR_MUST_CHECK enum vtr_err vtr_service_listen(struct vtr_service *service, const char *command,
                                               const char *path, mode_t mode, int backlog,
                                               struct vtr_listener *out_listener);

/* Removes the socket's file if it is ours. Does nothing for a listener that was closed. */
void vtr_listener_close(struct vtr_listener *listener);

/**
 * Prints which sockets were passed that no option names: whoever connects there would wait without end.
 * Returns: VTR_ERR_ARG if there is such a socket.
 */
VTR_MUST_CHECK enum vtr_err vtr_service_check_taken(const struct vtr_service *service, const char *command);

/* Tells the manager that clients can connect, and what is served where; or that the service ends. */
void vtr_service_ready(const struct vtr_service *service, const char *path);
void vtr_service_stopping(const struct vtr_service *service);

/* Returns: whether what is written to `fd` goes to the journal, which reads priorities at the beginning of lines. */
bool vtr_service_is_journal(int fd);

#endif
