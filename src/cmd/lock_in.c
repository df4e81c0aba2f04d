/* SPDX-License-Identifier: MIT */
#include "cmd/lock_in.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"

/* Writes the names of the parts of the sandbox that are not in `applied`. */
static void name_missing(uint32_t applied, char *out, size_t size)
{
	size_t length = 0;

	out[0] = '\0';
	for (uint32_t bit = 1; bit <= VTR_OS_SANDBOX_ALL && length < size; bit <<= 1) {
		if ((applied & bit) == 0) {
			length += (size_t)snprintf(out + length, size - length, "%s%s",
			                           length > 0 ? ", " : "",
			                           vtr_os_sandbox_name((enum vtr_os_sandbox)bit));
		}
	}
}

enum vtr_err vtr_lock_in(struct vtr_log *log, const char *module, struct vtr_lock_in *options,
                         const struct vtr_os_sandbox_params *params)
{
	struct vtr_os_sandbox_params full = *params;
	vtr_autofd int report_fd = options->refusals_fd != 0 ? (int)options->refusals_fd : -1;
	char missing[256];
	uint32_t applied = 0;

	options->refusals_fd = 0;
	full.report_fd = report_fd;
	if (options->sandbox > VTR_OS_SANDBOX_REQUIRE) {
		return VTR_ERR_ARG;
	}
	full.mode = (enum vtr_os_sandbox_mode)options->sandbox;
	enum vtr_err err = vtr_os_sandbox_enter(&full, &applied);
	name_missing(applied, missing, sizeof(missing));
	if (err == VTR_ERR_UNSUPPORTED) {
		vtr_log_write(log, VTR_LOG_ERROR, module,
		              "this process cannot be locked in completely, as -o sandbox=require demands. "
		              "These parts "
		              "are missing: %s. See 'vitrine doctor'",
		              missing);
	} else if (err != VTR_OK) {
		vtr_log_write(log, VTR_LOG_ERROR, module,
		              "cannot lock this process into its sandbox: %s. It does not run without; see "
		              "'vitrine "
		              "doctor'",
		              vtr_err_text(err));
	} else {
		vtr_log_write(log, VTR_LOG_DEBUG, module, "sandbox: 0x%x of 0x%x apply", applied,
		              (unsigned)VTR_OS_SANDBOX_ALL);
	}
	return err;
}

enum vtr_err vtr_lock_in_check(const struct vtr_command *command, enum vtr_os_sandbox_mode mode)
{
	const uint32_t supported = vtr_os_sandbox_supported();
	char missing[256];

	if (mode != VTR_OS_SANDBOX_REQUIRE || supported == VTR_OS_SANDBOX_ALL) {
		return VTR_OK;
	}
	name_missing(supported, missing, sizeof(missing));
	fprintf(stderr,
	        "vitrine %s: not started: -o sandbox=require demands the complete sandbox, and this kernel "
	        "or container "
	        "lacks: %s. 'vitrine doctor' says why. Without the option vitrine starts with the other "
	        "parts\n",
	        command->name, missing);
	return VTR_ERR_UNSUPPORTED;
}

void vtr_lock_in_warn(struct vtr_log *log, enum vtr_os_sandbox_mode mode)
{
	if (mode == VTR_OS_SANDBOX_REPORT) {
		vtr_log_write(log, VTR_LOG_WARN, "sandbox",
		              "-o sandbox=report: THE SANDBOX PROTECTS NOTHING. What it would refuse is done "
		              "and logged. "
		              "Serve only programs that you trust");
	} else if (mode == VTR_OS_SANDBOX_OFF) {
		vtr_log_write(
			log, VTR_LOG_WARN, "sandbox",
			"-o sandbox=off: processes are not locked in. Serve only programs that you trust");
	}
}
