/* SPDX-License-Identifier: MIT */
#include "cmd/tuning.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "platform/proc.h"

const char vtr_tuning_help[] =
	"Renderer options (-o):\n"
	"  driver=FILE               the manifest of the host's Vulkan driver, such as\n"
	"                            /usr/share/vulkan/icd.d/lvp_icd.json\n"
	"  max-memory=SIZE           memory for each client; default: half of the RAM\n"
	"  handshake-timeout=MS      time for a client to say who it is; default: 10000\n"
	"  reply-timeout=MS          time for a client to read the replies before the next one;\n"
	"                            default: 10000\n"
	"  hang-timeout=SECONDS      time for work on the GPU to complete that waits for nothing, and for\n"
	"                            a call of the driver to return; then the program loses its device;\n"
	"                            off: no limit; default: 1800\n"
	"  hang-compute              the same limit for compute queues, which have none otherwise\n"
	"  sandbox=MODE              on: lock in as far as this host allows (default); require: do\n"
	"                            not start if this host lacks a part; report: refuse nothing and\n"
	"                            log what would be refused; off: do not lock in\n"
	"  zygote=MODE               fork workers from a process that has loaded the driver.\n"
	"                            auto: in serve and gpu, if the processor is the only device\n"
	"                            (default); on: always; off: never\n";

enum kind {
	KIND_FLAG,
	KIND_TEXT,
	KIND_U32,
	KIND_U64,
	KIND_SANDBOX,
	KIND_ZYGOTE,
	KIND_SECONDS,
};

/* The help leaves out the options that begin with "test:". docs/debugging.md explains them. */
static const struct {
	const char *name;
	enum kind kind;
	size_t offset;
} rows[] = {
	{ "driver", KIND_TEXT, offsetof(struct vtr_tuning, driver) },
	{ "max-memory", KIND_U64, offsetof(struct vtr_tuning, renderer.max_memory) },
	{ "handshake-timeout", KIND_U32, offsetof(struct vtr_tuning, renderer.handshake_timeout_ms) },
	{ "reply-timeout", KIND_U32, offsetof(struct vtr_tuning, renderer.reply_timeout_ms) },
	{ "hang-timeout", KIND_SECONDS, offsetof(struct vtr_tuning, renderer.hang_timeout_s) },
	{ "hang-compute", KIND_FLAG, offsetof(struct vtr_tuning, renderer.hang_compute) },
	{ "test:import-alignment", KIND_U32, offsetof(struct vtr_tuning, renderer.import_alignment) },
	{ "test:no-host-import", KIND_FLAG, offsetof(struct vtr_tuning, renderer.no_host_import) },
	{ "test:no-image-import", KIND_FLAG, offsetof(struct vtr_tuning, renderer.no_image_import) },
	{ "test:no-export", KIND_FLAG, offsetof(struct vtr_tuning, renderer.no_export) },
	{ "sandbox", KIND_SANDBOX, offsetof(struct vtr_tuning, renderer.sandbox) },
	{ "zygote", KIND_ZYGOTE, offsetof(struct vtr_tuning, zygote) },
};

static const char *const sandbox_modes[] = {
	[VTR_OS_SANDBOX_ON] = "on",
	[VTR_OS_SANDBOX_OFF] = "off",
	[VTR_OS_SANDBOX_REPORT] = "report",
	[VTR_OS_SANDBOX_REQUIRE] = "require",
};
static const char *const zygote_modes[] = {
	[VTR_ZYGOTE_AUTO] = "auto",
	[VTR_ZYGOTE_ON] = "on",
	[VTR_ZYGOTE_OFF] = "off",
};

static enum vtr_err store_mode(const char *const *names, size_t count, uint8_t *at, const char *value)
{
	for (size_t i = 0; value && i < count; i++) {
		if (strcmp(names[i], value) == 0) {
			*at = (uint8_t)i;
			return VTR_OK;
		}
	}
	return VTR_ERR_ARG;
}

/* A number of seconds from 1, or `off`, which is 0. */
static enum vtr_err store_seconds(uint32_t *at, const char *value)
{
	uint64_t number = 0;

	if (!value || (strcmp(value, "off") != 0 && (vtr_opts_parse_size(value, &number) != VTR_OK ||
	                                             number == 0 || number > UINT32_MAX))) {
		return VTR_ERR_ARG;
	}
	*at = (uint32_t)number;
	return VTR_OK;
}

static enum vtr_err store(enum kind kind, void *at, const char *value)
{
	uint64_t number;

	if (kind == KIND_FLAG) {
		if (value) {
			return VTR_ERR_ARG;
		}
		*(uint8_t *)at = 1;
		return VTR_OK;
	}
	if (kind == KIND_SANDBOX) {
		return store_mode(sandbox_modes, VTR_ARRAY_LEN(sandbox_modes), at, value);
	}
	if (kind == KIND_ZYGOTE) {
		return store_mode(zygote_modes, VTR_ARRAY_LEN(zygote_modes), at, value);
	}
	if (kind == KIND_SECONDS) {
		return store_seconds(at, value);
	}
	if (!value || value[0] == '\0') {
		return VTR_ERR_ARG;
	}
	if (kind == KIND_TEXT) {
		*(const char **)at = value;
		return VTR_OK;
	}
	enum vtr_err err = vtr_opts_parse_size(value, &number);
	if (err != VTR_OK) {
		return err;
	}
	if (kind == KIND_U64) {
		*(uint64_t *)at = number;
		return VTR_OK;
	}
	if (number > UINT32_MAX) {
		return VTR_ERR_ARG;
	}
	*(uint32_t *)at = (uint32_t)number;
	return VTR_OK;
}

static enum vtr_err parse_item(const char *item, struct vtr_tuning *tuning)
{
	const char *equals = strchr(item, '=');
	size_t length = equals ? (size_t)(equals - item) : strlen(item);

	for (size_t i = 0; i < VTR_ARRAY_LEN(rows); i++) {
		if (strlen(rows[i].name) == length && memcmp(rows[i].name, item, length) == 0) {
			return store(rows[i].kind, (char *)tuning + rows[i].offset,
			             equals ? equals + 1 : NULL);
		}
	}
	return VTR_ERR_ARG;
}

enum vtr_err vtr_tuning_parse(const struct vtr_command *command, const struct vtr_opt_list *list,
                              struct vtr_tuning *out_tuning)
{
	const char *why;

	vtr_renderer_config_init(&out_tuning->renderer);
	out_tuning->driver = NULL;
	out_tuning->zygote = VTR_ZYGOTE_AUTO;
	for (size_t i = 0; i < list->count; i++) {
		if (parse_item(list->items[i], out_tuning) != VTR_OK) {
			fprintf(stderr,
			        "vitrine %s: unknown renderer option or bad value: '-o %s'. Choose one of "
			        "these:\n%s",
			        command->name, list->items[i], vtr_tuning_help);
			return VTR_ERR_ARG;
		}
	}
	enum vtr_err err = vtr_renderer_config_check(&out_tuning->renderer, &why);
	if (err != VTR_OK) {
		fprintf(stderr, "vitrine %s: %s.\n", command->name, why);
	}
	return err;
}
