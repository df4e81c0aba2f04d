/* SPDX-License-Identifier: MIT */
#include "platform/proc.h"

const char *vtr_os_sandbox_name(enum vtr_os_sandbox bit)
{
	switch (bit) {
	case VTR_OS_SANDBOX_FILES:
		return "files";
	case VTR_OS_SANDBOX_TRUNCATE:
		return "truncating files";
	case VTR_OS_SANDBOX_DEVICES:
		return "device commands";
	case VTR_OS_SANDBOX_TCP:
		return "TCP by itself";
	case VTR_OS_SANDBOX_SCOPE:
		return "signals and abstract sockets by itself";
	case VTR_OS_SANDBOX_SYSCALLS:
		return "system calls";
	}
	return "?";
}

/* The two parts that refuse something. */
static enum vtr_err restrict_process(const struct vtr_os_sandbox_params *params, uint32_t *out_applied)
{
	const bool reports = params->mode == VTR_OS_SANDBOX_REPORT;
	const struct vtr_os_syscalls syscalls = {
		.role = params->role,
		.report_fd = params->report_fd,
		.files = params->watched || reports,
		.permissive = reports,
	};
	uint32_t files_applied = 0;
	uint32_t syscalls_applied = 0;
	enum vtr_err err = VTR_OK;

	if (!reports) {
		err = vtr_os_sandbox_files(params->role, params->paths, &files_applied);
	}
	if (err == VTR_OK) {
		err = vtr_os_sandbox_syscalls(&syscalls, &syscalls_applied);
	}
	if (err == VTR_OK) {
		*out_applied = reports ? 0 : files_applied | syscalls_applied;
	}
	return err;
}

enum vtr_err vtr_os_sandbox_enter(const struct vtr_os_sandbox_params *params, uint32_t *out_applied)
{
	uint32_t applied = 0;

	if (params->mode == VTR_OS_SANDBOX_OFF) {
		*out_applied = 0;
		return VTR_OK;
	}
	enum vtr_err err = vtr_os_limits(&params->limits);
	if (err == VTR_OK && !params->watched && params->mode != VTR_OS_SANDBOX_REPORT) {
		err = vtr_os_hide();
		err = err == VTR_ERR_UNSUPPORTED ? VTR_OK : err;
	}
	if (err == VTR_OK) {
		err = restrict_process(params, &applied);
	}
	if (err != VTR_OK) {
		return err;
	}
	*out_applied = applied;
	const bool lacks = params->mode == VTR_OS_SANDBOX_REQUIRE && applied != VTR_OS_SANDBOX_ALL;
	return lacks ? VTR_ERR_UNSUPPORTED : VTR_OK;
}
