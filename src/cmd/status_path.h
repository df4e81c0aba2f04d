/* SPDX-License-Identifier: MIT */
#ifndef CMD_STATUS_PATH_H
#define CMD_STATUS_PATH_H

#include <stdbool.h>

#include "base/err.h"
#include "cmd/service.h"

/*
 * Where `vitrine status` asks. Who may connect to a server has the folder of its socket, for instance mounted into a
 * container, so the socket for the status lies in another one: in DIR.status for a server in DIR.
 */

/* Returns: VTR_ERR_GONE (the server's folder does not exist, or the socket is abstract), VTR_ERR_LIMIT (the path is too
 * long). */
VTR_MUST_CHECK enum vtr_err vtr_status_path(const char *socket, char out_path[VTR_SERVICE_PATH]);

/* Makes the folder of that path, for this user only. One that is there has to belong to the user, and is closed to
 * others. Returns: VTR_ERR_OS (errno says why), VTR_ERR_ARG (it is another user's). */
VTR_MUST_CHECK enum vtr_err vtr_status_make_folder(const char *path);

/* Removes the folder if it is empty. */
void vtr_status_remove_folder(const char *path);

/* Returns: whether who has the folder of `socket` has that of `path`, too; true also if this cannot be found out. */
bool vtr_status_is_in_reach(const char *path, const char *socket);

#endif
