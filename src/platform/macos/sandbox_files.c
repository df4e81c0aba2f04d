/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "platform/macos/seatbelt.h"
#include "platform/proc.h"

/* Of libSystem, and declared here because not all headers have them. Deprecated, but what the system's own services and
 * browsers use. Flags of 0: `profile` is the text itself. Returns: 0; -1 with *error. */
int sandbox_init(const char *profile, uint64_t flags, char **error);
void sandbox_free_error(char *error);

/* One profile holds for files, devices, sockets, signals, processes and services of the system. Seatbelt knows
 * operations, not system calls; what VTR_OS_SANDBOX_SYSCALLS promises is that those operations fail, which they do. */
enum vtr_err vtr_os_sandbox_files(enum vtr_os_role role, const struct vtr_os_sandbox_paths *paths,
                                  uint32_t *out_applied)
{
	vtr_autofree char *profile = NULL;
	char *error = NULL;
	enum vtr_err err = vtr_os_seatbelt_profile(role, paths, &profile);

	if (err != VTR_OK) {
		return err;
	}
	if (sandbox_init(profile, 0, &error) != 0) {
		fprintf(stderr, "the sandbox's profile is refused: %s\n",
		        error ? error : "no reason is given");
		sandbox_free_error(error);
		errno = EPERM;
		return VTR_ERR_OS;
	}
	*out_applied = VTR_OS_SANDBOX_ALL;
	return VTR_OK;
}

/* There is no Landlock. */
int vtr_os_sandbox_files_version(void)
{
	errno = ENOSYS;
	return 0;
}

uint32_t vtr_os_sandbox_supported(void)
{
	return VTR_OS_SANDBOX_ALL;
}

bool vtr_os_sandbox_reads(const struct vtr_os_sandbox_paths *paths, const char *path)
{
	return vtr_os_seatbelt_reads(paths, path);
}

/* Asked only where calls are reported, which macOS does in its own log. */
bool vtr_os_sandbox_opens(enum vtr_os_role role, pid_t pid, const char *path, bool writes)
{
	(void)role;
	(void)pid;
	(void)path;
	(void)writes;
	return true;
}
