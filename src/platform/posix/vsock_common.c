/* SPDX-License-Identifier: MIT */
#include "platform/vsock.h"

#include <stdlib.h>
#include <string.h>

/* Stands for any port where a port is expected, so that no socket has it. */
#define PORT_ANY UINT32_MAX

/* Accepts digits only, unlike strtoul(). */
enum vtr_err vtr_os_vsock_parse(const char *text, uint32_t *out_port)
{
	const size_t prefix = strlen(VTR_OS_VSOCK_PREFIX);
	size_t length = 0;
	unsigned long long value;

	if (strncmp(text, VTR_OS_VSOCK_PREFIX, prefix) != 0) {
		return VTR_ERR_ARG;
	}
	length = strspn(text + prefix, "0123456789");
	if (length == 0 || length > 10 || text[prefix + length] != '\0') {
		return VTR_ERR_ARG;
	}
	value = strtoull(text + prefix, NULL, 10);
	if (value >= PORT_ANY) {
		return VTR_ERR_ARG;
	}
	*out_port = (uint32_t)value;
	return VTR_OK;
}
