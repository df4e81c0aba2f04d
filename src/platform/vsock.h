/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_VSOCK_H
#define PLATFORM_VSOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Sockets between a host and its guests (AF_VSOCK), without any network: an address is a machine's number (the
 * host is 2) and a port. Thread: any.
 */

/* What such an address begins with, in text. */
#define VTR_OS_VSOCK_PREFIX "vsock:"

/* Reads "vsock:15937". Port 0 stands for one that is free. Returns: VTR_ERR_ARG. */
VTR_MUST_CHECK enum vtr_err vtr_os_vsock_parse(const char *text, uint32_t *out_port);

/**
 * Listens for all guests of this host; where the kernel can do it, for the host itself; and where this machine
 * is a guest, for its own host. A port of 0 becomes the one that was found.
 *
 * Owner:   *out_fd is the caller's, close-on-exec; it does not block.
 * Returns: VTR_ERR_UNSUPPORTED  the kernel knows no such sockets
 *          VTR_ERR_OS           EADDRINUSE; EACCES (ports below 1024) ...
 */
VTR_MUST_CHECK enum vtr_err vtr_os_vsock_listen(uint32_t *port, int backlog, int *out_fd);

/* Whether guests can reach this host: vhost_vsock is there for QEMU to open. */
bool vtr_os_vsock_serves_guests(void);

#endif
