/* SPDX-License-Identifier: MIT */
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *vtr_err_name(enum vtr_err err)
{
	switch (err) {
	case VTR_OK:
		return "ok";
	case VTR_ERR_PROTOCOL:
		return "protocol";
	case VTR_ERR_INVALID:
		return "invalid";
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

const char *vtr_err_text(enum vtr_err err)
{
	switch (err) {
	case VTR_OK:
		return "no error";
	case VTR_ERR_LIMIT:
		return "a limit is reached";
	case VTR_ERR_NOMEM:
		return "not enough memory";
	case VTR_ERR_UNSUPPORTED:
		return "this host or this build does not support it";
	case VTR_ERR_AGAIN:
		return "not ready yet";
	case VTR_ERR_GONE:
		return "the other process has ended";
	case VTR_ERR_OS:
		return strerror(errno);
	case VTR_ERR_VK:
		return "the Vulkan driver reports an error";
	case VTR_ERR_ARG:
		return "a value is invalid";
	case VTR_ERR_PROTOCOL:
		return "a message is invalid";
	case VTR_ERR_INVALID:
		return "the request is invalid";
	}
	return "unknown error";
}

void vtr_assert_failed(const char *cond, const char *file, int line, const char *function)
{
	fprintf(stderr, "%s:%d: %s: assertion failed: %s\n", file, line, function, cond);
	abort();
}
