/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_INET_H
#define PLATFORM_INET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* TCP addresses, and listening sockets at them. Thread: any. */

struct vtr_os_inet {
	bool v6;
	uint8_t address[16]; /* network order; the first 4 if not v6 */
	uint16_t port;
};

/* Room for the longest "[address]:port" and its end. */
#define VTR_OS_INET_TEXT 64

/**
 * Reads "127.0.0.1:8080", "[::1]:8080" or "localhost:8080" (which is 127.0.0.1). Names are not resolved. Port
 * 0 stands for any free port.
 *
 * Returns: VTR_ERR_ARG.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_inet_parse(const char *text, struct vtr_os_inet *out_inet);

/* Formats an address as vtr_os_inet_parse() reads it. Returns: buf. */
const char *vtr_os_inet_text(const struct vtr_os_inet *inet, char buf[VTR_OS_INET_TEXT]);

/* Returns: whether only programs of this machine can reach the address. */
bool vtr_os_inet_is_loopback(const struct vtr_os_inet *inet);

/**
 * Listens at *inet. Port 0 is replaced by the port that was chosen.
 *
 * Owner:   *out_fd is the caller's, close-on-exec; it does not block.
 * Returns: VTR_ERR_OS (EADDRINUSE, EACCES, EADDRNOTAVAIL ...).
 */
VTR_MUST_CHECK enum vtr_err vtr_os_inet_listen(struct vtr_os_inet *inet, int backlog, int *out_fd);

/* Sends written data at once (no Nagle delay), and lets the socket take more only while it holds less than
 * `unsent` unsent bytes. Affects only latency; errors are ignored. */
void vtr_os_inet_hurry(int fd, int unsent);

#endif
