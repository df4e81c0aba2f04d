/* SPDX-License-Identifier: MIT */
#include "cmd/program.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/proc.h"

#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"

static enum vtr_err check(const char *path)
{
	struct stat status;

	if (stat(path, &status) < 0) {
		return VTR_ERR_GONE;
	}
	if (!S_ISREG(status.st_mode) || access(path, X_OK) < 0) {
		return VTR_ERR_UNSUPPORTED;
	}
	return VTR_OK;
}

enum vtr_err vtr_program_find(const char *name, char *out_path, size_t size)
{
	char path[PATH_MAX];
	enum vtr_err result = VTR_ERR_GONE;
	const char *dirs = getenv("PATH");

	if (strchr(name, '/')) {
		result = check(name);
		if (result == VTR_OK) {
			snprintf(out_path, size, "%s", name);
		}
		return result;
	}
	if (!dirs) {
		dirs = DEFAULT_PATH;
	}
	while (name[0] != '\0') {
		size_t length = strcspn(dirs, ":");
		/* An empty entry is the current directory. */
		int written = snprintf(path, sizeof(path), "%.*s%s%s", (int)length, dirs, length ? "/" : "./",
		                       name);
		if (written > 0 && (size_t)written < sizeof(path)) {
			enum vtr_err err = check(path);
			if (err == VTR_OK) {
				snprintf(out_path, size, "%s", path);
				return VTR_OK;
			}
			if (err == VTR_ERR_UNSUPPORTED) {
				result = err;
			}
		}
		if (dirs[length] == '\0') {
			break;
		}
		dirs += length + 1;
	}
	return result;
}

enum vtr_err vtr_program_beside(const char *name, char *out_path, size_t size)
{
	char self[PATH_MAX];
	enum vtr_err err = vtr_os_self_path(self, sizeof(self));

	if (err != VTR_OK) {
		return err;
	}
	const char *slash = strrchr(self, '/');
	int length = slash ? (int)(slash - self) : 0;
	int n = snprintf(out_path, size, "%.*s/%s", length, self, name);
	return n > 0 && (size_t)n < size ? VTR_OK : VTR_ERR_OS;
}
