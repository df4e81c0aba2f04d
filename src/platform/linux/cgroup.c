/* SPDX-License-Identifier: MIT */
#include "platform/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define TEXT_SIZE 512

static enum vtr_err make_path(char path[PATH_MAX], const char *folder, const char *name, const char *file)
{
	const int length =
		snprintf(path, PATH_MAX, "%s/%s%s%s", folder, name, name[0] && file[0] ? "/" : "", file);

	if (length < 0 || length >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return VTR_ERR_OS;
	}
	return VTR_OK;
}

/* Returns: VTR_ERR_OS. */
static enum vtr_err write_file(const char *path, const char *text)
{
	vtr_autofd int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? VTR_OK : VTR_ERR_OS;
}

/* Returns: whether a list of words, separated by spaces, has `word`. */
static bool has_word(const char *text, const char *word)
{
	const size_t length = strlen(word);

	for (const char *at = text; (at = strstr(at, word)) != NULL; at++) {
		if ((at == text || at[-1] == ' ') &&
		    (at[length] == '\0' || at[length] == ' ' || at[length] == '\n')) {
			return true;
		}
	}
	return false;
}

enum vtr_err vtr_os_cgroup_prepare(const char *folder)
{
	char path[PATH_MAX];
	char text[TEXT_SIZE];
	enum vtr_err err = make_path(path, folder, "", "cpu.shares");

	if (err != VTR_OK) {
		return err;
	}
	if (access(path, F_OK) == 0) { /* version 1, where groups need no permission for a controller */
		return access(folder, W_OK) == 0 ? VTR_OK : VTR_ERR_OS;
	}
	err = make_path(path, folder, "", "cgroup.controllers");
	if (err != VTR_OK) {
		return err;
	}
	vtr_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
	const ssize_t size = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	if (size < 0) {
		return fd < 0 && errno != ENOENT ? VTR_ERR_OS : VTR_ERR_ARG;
	}
	text[size] = '\0';
	if (!has_word(text, "cpu")) {
		return VTR_ERR_ARG;
	}
	err = make_path(path, folder, "", "cgroup.subtree_control");
	return err == VTR_OK ? write_file(path, has_word(text, "memory") ? "+cpu +memory" : "+cpu") : err;
}

enum vtr_err vtr_os_cgroup_join(const char *folder, const char *name, pid_t pid)
{
	char path[PATH_MAX];
	char text[24];
	enum vtr_err err = make_path(path, folder, name, "");

	if (err == VTR_OK && mkdir(path, 0755) < 0 && errno != EEXIST) {
		err = VTR_ERR_OS;
	}
	if (err == VTR_OK) {
		err = make_path(path, folder, name, "cgroup.procs");
	}
	snprintf(text, sizeof(text), "%d", (int)pid);
	return err == VTR_OK ? write_file(path, text) : err;
}

enum vtr_err vtr_os_cgroup_limit_memory(const char *folder, const char *name, uint64_t bytes)
{
	char path[PATH_MAX];
	char text[24];
	enum vtr_err err = make_path(path, folder, name, "memory.max");

	snprintf(text, sizeof(text), "%llu", (unsigned long long)bytes);
	if (err == VTR_OK && access(path, F_OK) < 0 && errno == ENOENT) {
		return VTR_ERR_UNSUPPORTED;
	}
	return err == VTR_OK ? write_file(path, text) : err;
}

enum vtr_err vtr_os_cgroup_remove(const char *folder, const char *name)
{
	char path[PATH_MAX];
	enum vtr_err err = make_path(path, folder, name, "");

	return err == VTR_OK && rmdir(path) < 0 ? VTR_ERR_OS : err;
}
