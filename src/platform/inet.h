/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_INET_H
#define PLATFORM_INET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* TCP addresses, and sockets that listen there. Thread: any. */

struct vtr_os_inet {
	bool v6;
	uint8_t address[16]; /* network order; the first 4 if not v6 */
	uint16_t port;
};

/* Room for the longest "[address]:port" and its end. */
#define VTR_OS_INET_TEXT 64

/**
 * Reads "127.0.0.1:8080", "[::1]:8080" or "localhost:8080" (which is 127.0.0.1). Names are not looked
 * up. Port 0 stands for one that is free.
 *
 * Returns: VTR_ERR_ARG.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_inet_parse(const char *text, struct vtr_os_inet *out_inet);

/* As vtr_os_inet_parse() reads it. Returns: buf. */
const char *vtr_os_inet_text(const struct vtr_os_inet *inet, char buf[VTR_OS_INET_TEXT]);

/* Whether only programs of this machine can get there. */
bool vtr_os_inet_is_loopback(const struct vtr_os_inet *inet);

/**
 * Listens; a port of 0 becomes the one that was found, in *inet.
 *
 * Owner:   *out_fd is the caller's, close-on-exec; it does not block.
 * Returns: VTR_ERR_OS (EADDRINUSE, EACCES, EADDRNOTAVAIL ...).
 */
VTR_MUST_CHECK enum vtr_err vtr_os_inet_listen(struct vtr_os_inet *inet, int backlog, int *out_fd);

/* Sends what is written to the socket at once, and has it take more only while less than `unsent` bytes wait
 * in it. Only speed depends on it. */
void vtr_os_inet_hurry(int fd, int unsent);

#endif
