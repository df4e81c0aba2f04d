/* SPDX-License-Identifier: MIT */
#include "pool/stall.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "platform/thread.h"

#define SECOND INT64_C(1000000000)

enum vtr_err vtr_stall_note(struct vtr_pool_stall *stall, const struct vtr_worker_stall *message)
{
	if (message->state > VTR_WORKER_STALL_HUNG) {
		return VTR_ERR_PROTOCOL;
	}
	stall->state = (enum vtr_worker_stall_state)message->state;
	stall->since_ns = vtr_os_now_ns() - message->seconds * SECOND;
	vtr_log_str(stall->what, sizeof(stall->what), message->what,
	            strnlen(message->what, sizeof(message->what)));
	vtr_log_str(stall->program, sizeof(stall->program), message->program,
	            strnlen(message->program, sizeof(message->program)));
	return VTR_OK;
}

uint32_t vtr_stall_seconds(const struct vtr_pool_stall *stall)
{
	return (uint32_t)((vtr_os_now_ns() - stall->since_ns) / SECOND);
}

void vtr_stall_line(const struct vtr_pool_stall *stall, char out_text[2 * VTR_STALL_TEXT])
{
	const char *end = "";

	switch (stall->state) {
	case VTR_WORKER_STALL_OVER:
		snprintf(out_text, 2 * VTR_STALL_TEXT, "%s is no longer late", stall->what);
		return;
	case VTR_WORKER_STALL_SLOW:
		end = ". If it does not within the limit (-o hang-timeout), its program loses its Vulkan "
		      "device";
		break;
	case VTR_WORKER_STALL_HUNG:
		end = ", which is the limit (-o hang-timeout): its program loses its Vulkan device, others "
		      "go on";
		break;
	}
	snprintf(out_text, 2 * VTR_STALL_TEXT, "%s has not completed for %u s%s", stall->what,
	         vtr_stall_seconds(stall), end);
}
