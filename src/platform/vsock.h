/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_VSOCK_H
#define PLATFORM_VSOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Sockets between a host and its guests (AF_VSOCK), which need no network. An address consists of a machine's
 * number (the host is 2) and a port. Thread: any.
 */

/* The prefix of such an address in text. */
#define VTR_OS_VSOCK_PREFIX "vsock:"

/* Reads "vsock:15937". Port 0 stands for any free port. Returns: VTR_ERR_ARG. */
VTR_MUST_CHECK enum vtr_err vtr_os_vsock_parse(const char *text, uint32_t *out_port);

/**
 * Listens for all guests of this host, for the host itself where the kernel supports it, and for this
 * machine's own host if it is a guest. Port 0 is replaced by the port that was chosen.
 *
 * Owner:   *out_fd is the caller's, close-on-exec; it does not block.
 * Returns: VTR_ERR_UNSUPPORTED  the kernel does not support such sockets
 *          VTR_ERR_OS           EADDRINUSE; EACCES (ports below 1024) ...
 */
VTR_MUST_CHECK enum vtr_err vtr_os_vsock_listen(uint32_t *port, int backlog, int *out_fd);

/* Returns: whether the socket's peer is at vsock; then *out_machine is the peer's number. */
bool vtr_os_vsock_peer(int fd, uint32_t *out_machine);

/* Returns: whether guests can reach this host, that is, QEMU can open vhost_vsock. */
bool vtr_os_vsock_serves_guests(void);

#endif
