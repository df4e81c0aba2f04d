/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_SOCK_H
#define PLATFORM_SOCK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/err.h"

/*
 * Local stream sockets that carry fds. All fds made here are close-on-exec. They block, except for listening
 * ones.
 * Thread: any; one reader and one writer for each socket.
 */

/* More parts than any message has. */
#define VTR_OS_SOCK_MAX_IOV 8

/* The flag of send() against SIGPIPE; 0 where that is an option of the socket, which all sockets made here have. */
extern const int vtr_os_sock_send_flag;

/* The event of poll() that the peer has sent its last byte or that this process has called shutdown(). 0 where there is
 * none, and a waiting thread has to look from time to time. */
extern const short vtr_os_sock_last_event;

/* More fds than any message has; the kernel's own limit is 253. */
#define VTR_OS_SOCK_MAX_FDS 28

/**
 * Listens at `path`, whose file has these permissions from its first moment. A stale socket of a dead server is
 * replaced. A socket at which a server answers is not replaced, nor is any other kind of file.
 *
 * Owner:   *out_fd is the caller's, who also unlinks `path` when done. It does not block.
 * Returns: VTR_ERR_OS (EADDRINUSE: a server listens there, or the file is not a socket; ENAMETOOLONG).
 * Thread:  the only one: it changes the process's umask for a moment.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_sock_listen(const char *path, mode_t mode, int backlog, int *out_fd);

/**
 * Owner:   *out_fd is the caller's.
 * Returns: VTR_ERR_AGAIN (no connection is pending), VTR_ERR_OS (EMFILE and the like: a connection is still
 *          pending, so a loop spins unless it frees an fd).
 */
VTR_MUST_CHECK enum vtr_err vtr_os_sock_accept(int listen_fd, int *out_fd);

/* Owner: *out_fd is the caller's. Returns: VTR_ERR_GONE (no server listens there), VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_os_sock_connect(const char *path, int *out_fd);

/* Owner: both fds are the caller's. Returns: VTR_ERR_OS; out_fds is untouched then. */
VTR_MUST_CHECK enum vtr_err vtr_os_sock_pair(int out_fds[2]);

/**
 * Sends all bytes, and the fds with the first byte. Blocks while the peer does not read. Never raises
 * SIGPIPE.
 *
 * `iov`    up to VTR_OS_SOCK_MAX_IOV parts, at least one byte in all.
 * `fds`    are borrowed; up to VTR_OS_SOCK_MAX_FDS.
 * Returns: VTR_ERR_GONE   the peer closed
 *          VTR_ERR_AGAIN  the socket has a send timeout or does not block, and is full. Some bytes may have
 *          been sent:
 *                         close it
 *          VTR_ERR_OS
 */
VTR_MUST_CHECK enum vtr_err vtr_os_sock_send(int fd, const struct iovec *iov, size_t iov_count,
                                             const int *fds, size_t fd_count);

/**
 * Sends what the socket takes without blocking, and the fds with the first byte; *out_sent may be less than
 * the total. Otherwise like vtr_os_sock_send().
 *
 * Returns: VTR_ERR_AGAIN (the socket is full: nothing was sent), VTR_ERR_GONE, VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_sock_send_now(int fd, const struct iovec *iov, size_t iov_count,
                                                 const int *fds, size_t fd_count, size_t *out_sent);

/**
 * Receives up to `size` bytes; blocks while there are none. All fds that came with them are taken out of the
 * socket before any check.
 *
 * `fds`    gets up to `max_fds` fds, the caller's, close-on-exec. May be NULL, as may `out_fd_count`, if
 *          max_fds is 0.
 * Returns: VTR_ERR_GONE      the peer closed or died
 *          VTR_ERR_PROTOCOL  more than `max_fds` fds came; all were closed, the bytes are lost
 *          VTR_ERR_LIMIT     this process has no room for the fds; all were closed, the bytes are lost
 *          VTR_ERR_AGAIN     the socket has a receive timeout or does not block, and there is nothing
 *          VTR_ERR_OS
 */
VTR_MUST_CHECK enum vtr_err vtr_os_sock_recv(int fd, void *buf, size_t size, size_t *out_size, int *fds,
                                             size_t max_fds, size_t *out_fd_count);

/* The same without blocking: VTR_ERR_AGAIN while there is nothing. */
VTR_MUST_CHECK enum vtr_err vtr_os_sock_recv_now(int fd, void *buf, size_t size, size_t *out_size, int *fds,
                                                 size_t max_fds, size_t *out_fd_count);

/**
 * Returns in *out_bytes how much of the sent data the peer has not read. The unit is bytes of kernel memory,
 * which is more than was sent. 0: the peer has read everything, or has closed. A peer that only called
 * shutdown() still holds unread data, with its fds.
 *
 * Returns: VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_sock_unread(int fd, size_t *out_bytes);

/* Reports the process that connected, and its user. The pid is 0 where the system only tells the user. Returns:
 * VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_os_sock_peer(int fd, pid_t *out_pid, uid_t *out_uid);

/**
 * Reads the control groups of the process that connected, as /proc/PID/cgroup has them; what does not fit is cut off.
 * `out_text` is empty if they cannot be found out: the process has ended, or lives outside of our pid namespace. Where
 * the kernel reports the process itself (SO_PEERPIDFD), another one with the same pid is never read.
 */
void vtr_os_sock_peer_cgroup(int fd, char *out_text, size_t size);

#endif
