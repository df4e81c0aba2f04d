/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_OS_H
#define PLATFORM_OS_H

#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>
#include <time.h>

#include "base/err.h"

/*
 * What files of platform/ need of each other, and no other folder uses. See meson.build for which of them are compiled.
 * Thread: any.
 */

/* Names the calling thread; longer names are cut. */
void vtr_os_name_this_thread(const char *name);

/* Creates a local stream socket, close-on-exec. Returns: VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_os_sock_new(int *out_fd);

/* Binds such a socket. Its file has this mode from the first moment, whatever the umask is. Returns: 0; -1 with
 * errno. Thread: the only one. */
int vtr_os_sock_bind(int fd, const struct sockaddr_un *address, mode_t mode);

/* The flag of recvmsg() that makes fds close-on-exec from their first moment. 0: the system has none, and each fd is
 * made so once it is there. */
extern const int vtr_os_sock_receive_flag;

/* What each new socket of posix/sock.c needs on this system: close-on-exec, and no SIGPIPE. Returns: VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_os_sock_prepare(int fd);

/* Reports the user and group of the process that connected. Declared as the BSDs do; posix/getpeereid.c is for
 * others. Returns: 0; -1 with errno. */
int getpeereid(int fd, uid_t *out_uid, gid_t *out_gid);

/* *out_fd becomes readable when our child `pid` ends. Returns: VTR_ERR_OS, VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_os_death_fd(pid_t pid, int *out_fd);

/* Flags of posix_spawn() with which a child gets only the fds that its file actions name; 0 if there are none. */
extern const short vtr_os_spawn_flags;

/* Makes the child close all fds from `first` on. Not needed with such flags. Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_os_spawn_close_from(posix_spawn_file_actions_t *actions, int first);

/* Closes all fds of this process from `first` on. Returns: VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_os_close_from(int first);

/* Returns: the highest number that an fd of this process can have now, or a higher one. */
int vtr_os_highest_fd(void);

/* Returns: the time of the monotonic clock `timeout_ns` from now; instead of overflowing it is centuries ahead. Not in
 * macos/, whose waits take relative times. */
struct timespec vtr_os_deadline(int64_t timeout_ns);

/* vtr_os_park() and vtr_os_unpark() without the kernel: by conditions in a table, by the word's address. */
bool vtr_os_park_in_table(_Atomic uint32_t *word, uint32_t expected, int64_t timeout_ns);
void vtr_os_unpark_in_table(_Atomic uint32_t *word);

/* From now on this process survives an access to shared memory that another process has shrunk: see platform/shm.h.
 * Not in linux/, which has seals. */
void vtr_os_shm_guard(void);

/* Returns: whether the kernel, or the container around us, lets a process filter its system calls. */
bool vtr_os_sandbox_have_filters(void);

/* Keeps this process from raising its priority, and from using up what its user's other processes need, irrevocably.
 * Returns: VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_os_limit_shared(void);

#endif
