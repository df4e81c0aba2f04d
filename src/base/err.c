/* SPDX-License-Identifier: MIT */
#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>

const char *vtr_err_name(enum vtr_err err)
{
	switch (err) {
	case VTR_OK:
		return "ok";
	case VTR_ERR_GUEST:
		return "guest";
	case VTR_ERR_LIMIT:
		return "limit";
	case VTR_ERR_NOMEM:
		return "nomem";
	case VTR_ERR_UNSUPPORTED:
		return "unsupported";
	case VTR_ERR_AGAIN:
		return "again";
	case VTR_ERR_GONE:
		return "gone";
	case VTR_ERR_OS:
		return "os";
	case VTR_ERR_VK:
		return "vk";
	case VTR_ERR_ARG:
		return "arg";
	}
	return "unknown";
}

void vtr_assert_failed(const char *cond, const char *file, int line, const char *function)
{
	fprintf(stderr, "%s:%d: %s: assertion failed: %s\n", file, line, function, cond);
	abort();
}
