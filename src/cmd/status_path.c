/* SPDX-License-Identifier: MIT */
#include "cmd/status_path.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

/* Copies the folder of a path; "." if it names none. Returns: NULL without memory. Owner: the caller. */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash) {
		return strdup(".");
	}
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* The same without links. Returns: NULL if it cannot be found. */
static char *real_folder_of(const char *path)
{
	vtr_autofree char *folder = folder_of(path);

	return folder ? realpath(folder, NULL) : NULL;
}

enum vtr_err vtr_status_path(const char *socket, char out_path[VTR_SERVICE_PATH])
{
	vtr_autofree char *folder = socket[0] == '@' ? NULL : real_folder_of(socket);
	const char *slash = strrchr(socket, '/');

	if (!folder) {
		return VTR_ERR_GONE;
	}
	const int length =
		snprintf(out_path, VTR_SERVICE_PATH, "%s.status/%s", folder, slash ? slash + 1 : socket);
	return length < VTR_SERVICE_PATH ? VTR_OK : VTR_ERR_LIMIT;
}

enum vtr_err vtr_status_make_folder(const char *path)
{
	vtr_autofree char *folder = folder_of(path);
	struct stat stat;

	if (!folder) {
		return VTR_ERR_NOMEM;
	}
	/* One that is there may be left over. In a folder such as /tmp it may also belong to another user. */
	(void)!mkdir(folder, 0700);
	vtr_autofd int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &stat) < 0) {
		return VTR_ERR_OS;
	}
	if (stat.st_uid != geteuid()) {
		return VTR_ERR_ARG;
	}
	return fchmod(fd, 0700) == 0 ? VTR_OK : VTR_ERR_OS;
}

void vtr_status_remove_folder(const char *path)
{
	vtr_autofree char *folder = folder_of(path);

	if (folder) {
		(void)!rmdir(folder);
	}
}

bool vtr_status_is_in_reach(const char *path, const char *socket)
{
	if (socket[0] == '@') {
		return false;
	}
	vtr_autofree char *own = real_folder_of(path);
	vtr_autofree char *clients = real_folder_of(socket);
	if (!own || !clients) {
		return true;
	}
	const size_t size = strcmp(clients, "/") == 0 ? 0 : strlen(clients);
	return strncmp(own, clients, size) == 0 && (own[size] == '/' || own[size] == '\0');
}
