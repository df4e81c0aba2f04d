/* SPDX-License-Identifier: MIT */
#include "platform/os.h"

enum vtr_err vtr_os_spawn_close_from(posix_spawn_file_actions_t *actions, int first)
{
	return posix_spawn_file_actions_addclosefrom_np(actions, first) == 0 ? VTR_OK : VTR_ERR_NOMEM;
}
