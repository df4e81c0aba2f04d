/* SPDX-License-Identifier: MIT */
#include "vk/mesa_cache.h"

#include <stdlib.h>

#include "base/mem.h"

const char *const vtr_mesa_cache_dirs[] = {
	"mesa_shader_cache_db",
	"mesa_shader_cache_db/part0",
	"radv_builtin_shaders",
	"radv_builtin_shaders/part0",
	NULL,
};
const char *const vtr_mesa_cache_files[] = {
	"mesa_shader_cache_db/index",
	"mesa_shader_cache_db/part0/mesa_cache.db",
	"mesa_shader_cache_db/part0/mesa_cache.idx",
	"radv_builtin_shaders/index",
	"radv_builtin_shaders/part0/mesa_cache.db",
	"radv_builtin_shaders/part0/mesa_cache.idx",
	NULL,
};

enum vtr_err vtr_mesa_cache_set(const char *dir)
{
	static const char *const used[][2] = {
		{ "MESA_DISK_CACHE_DATABASE", "true" }, /* the default since Mesa 24.1 */
		{ "MESA_DISK_CACHE_DATABASE_NUM_PARTS", "1" },
		{ "MESA_SHADER_CACHE_MAX_SIZE", "1G" }, /* VTR_MESA_CACHE_BYTES */
	};

	if (!dir) {
		return setenv("MESA_SHADER_CACHE_DISABLE", "true", 1) == 0 ? VTR_OK : VTR_ERR_NOMEM;
	}
	int result = setenv("MESA_SHADER_CACHE_DIR", dir, 1);
	for (size_t i = 0; result == 0 && i < VTR_ARRAY_LEN(used); i++) {
		result = setenv(used[i][0], used[i][1], 1);
	}
	return result == 0 ? VTR_OK : VTR_ERR_NOMEM;
}
