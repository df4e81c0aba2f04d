/* SPDX-License-Identifier: MIT */
#include "platform/pipe.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/mem.h"

enum vtr_err vtr_os_pipe(bool blocks, int out_fds[2])
{
	int fds[2];

	if (pipe(fds) < 0) {
		return VTR_ERR_OS;
	}
	for (int i = 0; i < 2; i++) {
		if (fcntl(fds[i], F_SETFD, FD_CLOEXEC) < 0 ||
		    (!blocks && fcntl(fds[i], F_SETFL, fcntl(fds[i], F_GETFL) | O_NONBLOCK) < 0)) {
			vtr_close(&fds[0]);
			vtr_close(&fds[1]);
			return VTR_ERR_OS;
		}
	}
	out_fds[0] = fds[0];
	out_fds[1] = fds[1];
	return VTR_OK;
}
