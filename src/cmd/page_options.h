/* SPDX-License-Identifier: MIT */
#ifndef CMD_PAGE_OPTIONS_H
#define CMD_PAGE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/* The options of `vitrine gpu` for what users do on the page only. */

/* The most bytes in the folder that is shared with the guest, by default. */
#define VTR_DEFAULT_FOLDER (UINT64_C(1) << 30)

/* `agent`, `webdav`: sockets; NULL: not wanted. Returns: whether the options go together; prints a message if not.
 * Thread: main. */
bool vtr_page_options_check(bool has_page, const char *agent, const char *webdav, uint64_t webdav_size);

#endif
