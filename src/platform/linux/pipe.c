/* SPDX-License-Identifier: MIT */
#include "platform/pipe.h"

#include <fcntl.h>
#include <unistd.h>

enum vtr_err vtr_os_pipe(bool blocks, int out_fds[2])
{
	return pipe2(out_fds, O_CLOEXEC | (blocks ? 0 : O_NONBLOCK)) == 0 ? VTR_OK : VTR_ERR_OS;
}
