/* SPDX-License-Identifier: MIT */
#include "cmd/opts.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* The column of the descriptions in the help. */
#define HELP_COLUMN 28

static const struct vtr_opt help_opt = {
	.name = "help",
	.letter = 'h',
	.kind = VTR_OPT_FLAG,
	.help = "show this help and exit",
};

VTR_PRINTF(2, 3)
static enum vtr_err complain(const struct vtr_command *command, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "vitrine %s: ", command->name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\nTry 'vitrine %s --help'.\n", command->name);
	return VTR_ERR_ARG;
}

static void print_opt(FILE *file, const struct vtr_opt *opt)
{
	char left[64];
	char letter[8] = "    ";

	if (opt->letter) {
		snprintf(letter, sizeof(letter), "-%c, ", opt->letter);
	}
	snprintf(left, sizeof(left), "%s--%s%s%s", letter, opt->name, opt->arg ? " " : "",
	         opt->arg ? opt->arg : "");
	if (strlen(left) < HELP_COLUMN - 2) {
		fprintf(file, "  %-*s%s\n", HELP_COLUMN - 2, left, opt->help);
	} else {
		fprintf(file, "  %s\n%*s%s\n", left, HELP_COLUMN, "", opt->help);
	}
}

void vtr_opts_print_help(FILE *file, const struct vtr_command *command)
{
	fprintf(file, "Usage: vitrine %s [options]%s%s\n\n%s.\n\nOptions:\n", command->name,
	        command->args[0] ? " " : "", command->args, command->summary ? command->summary : "Internal");
	for (size_t i = 0; i < command->opt_count; i++) {
		print_opt(file, &command->opts[i]);
	}
	print_opt(file, &help_opt);
	if (command->example) {
		fprintf(file, "\n%s", command->example);
	}
	if (command->details) {
		fprintf(file, "\n%s", command->details);
	}
}

int vtr_opts_exit_status(enum vtr_err err)
{
	return err == VTR_ERR_GONE ? 0 : VTR_EXIT_USAGE;
}

enum vtr_err vtr_opts_parse_size(const char *text, uint64_t *out_size)
{
	static const char units[] = "KMGT";
	char *end;

	errno = 0;
	/* strtoull accepts signs and blanks */
	if (text[0] < '0' || text[0] > '9') {
		return VTR_ERR_ARG;
	}
	unsigned long long value = strtoull(text, &end, 10);
	if (errno != 0) {
		return VTR_ERR_ARG;
	}
	if (end[0] != '\0') {
		const char *unit = strchr(units, end[0]);
		if (!unit || end[1] != '\0') {
			return VTR_ERR_ARG;
		}
		unsigned shift = (unsigned)(unit - units + 1) * 10;
		if (value > UINT64_MAX >> shift) {
			return VTR_ERR_ARG;
		}
		value <<= shift;
	}
	*out_size = value;
	return VTR_OK;
}

static enum vtr_err parse_u32(const char *text, int base, uint32_t *out_value)
{
	char *end;

	if (text[0] < '0' || text[0] > '9') {
		return VTR_ERR_ARG;
	}
	errno = 0;
	unsigned long value = strtoul(text, &end, base);
	if (errno != 0 || *end != '\0' || value > UINT32_MAX) {
		return VTR_ERR_ARG;
	}
	*out_value = (uint32_t)value;
	return VTR_OK;
}

static enum vtr_err store(const struct vtr_opt *opt, const char *value, void *into)
{
	void *at = (char *)into + opt->offset;

	switch (opt->kind) {
	case VTR_OPT_FLAG:
		*(bool *)at = true;
		return VTR_OK;
	case VTR_OPT_TEXT:
		*(const char **)at = value;
		return VTR_OK;
	case VTR_OPT_NUMBER:
		return parse_u32(value, 10, at);
	case VTR_OPT_MODE:
		return parse_u32(value, 8, at);
	case VTR_OPT_SIZE:
		return vtr_opts_parse_size(value, at);
	case VTR_OPT_LIST: {
		struct vtr_opt_list *list = at;
		if (list->count == VTR_OPT_LIST_MAX) {
			return VTR_ERR_LIMIT;
		}
		list->items[list->count++] = value;
		return VTR_OK;
	}
	}
	return VTR_ERR_ARG;
}

/* `name` has `length` bytes, as in --name=value. */
static const struct vtr_opt *find_long(const struct vtr_command *command, const char *name, size_t length)
{
	for (size_t i = 0; i < command->opt_count; i++) {
		const struct vtr_opt *opt = &command->opts[i];
		if (strlen(opt->name) == length && memcmp(opt->name, name, length) == 0) {
			return opt;
		}
	}
	if (length == strlen(help_opt.name) && memcmp(help_opt.name, name, length) == 0) {
		return &help_opt;
	}
	return NULL;
}

static const struct vtr_opt *find_letter(const struct vtr_command *command, char letter)
{
	for (size_t i = 0; i < command->opt_count; i++) {
		if (command->opts[i].letter == letter) {
			return &command->opts[i];
		}
	}
	return letter == help_opt.letter ? &help_opt : NULL;
}

/* Parses the option at argv[*index] and moves *index behind it. */
static enum vtr_err parse_option(const struct vtr_command *command, int argc, char **argv, void *into,
                                 int *index)
{
	const char *text = argv[*index];
	const char *value = NULL;
	const struct vtr_opt *opt;

	if (text[1] == '-') {
		const char *equals = strchr(text, '=');
		size_t length = equals ? (size_t)(equals - text) - 2 : strlen(text) - 2;
		opt = find_long(command, text + 2, length);
		value = equals ? equals + 1 : NULL;
	} else {
		opt = find_letter(command, text[1]);
		value = text[2] != '\0' ? text + 2 : NULL;
	}
	if (!opt) {
		return complain(command, "unknown option '%s'", text);
	}
	if (opt == &help_opt) {
		vtr_opts_print_help(stdout, command);
		return VTR_ERR_GONE;
	}
	++*index;
	if (opt->kind == VTR_OPT_FLAG) {
		if (value) {
			return complain(command, "option '--%s' takes no value: write it without '='",
			                opt->name);
		}
	} else if (!value) {
		if (*index == argc) {
			return complain(command, "option '--%s' needs a value: --%s %s", opt->name, opt->name,
			                opt->arg);
		}
		value = argv[(*index)++];
	}
	enum vtr_err err = store(opt, value, into);
	if (err == VTR_ERR_LIMIT) {
		return complain(command, "option '--%s' is given too often: at most %d times", opt->name,
		                VTR_OPT_LIST_MAX);
	}
	if (err != VTR_OK) {
		return complain(command, "'%s' is not a value for option '--%s %s'", value, opt->name,
		                opt->arg);
	}
	return VTR_OK;
}

enum vtr_err vtr_opts_parse(const struct vtr_command *command, int argc, char **argv, void *into,
                            int *out_rest)
{
	int index = 1;

	while (index < argc) {
		const char *text = argv[index];
		if (strcmp(text, "--") == 0) {
			index++;
			break;
		}
		if (text[0] != '-' || text[1] == '\0') {
			break;
		}
		enum vtr_err err = parse_option(command, argc, argv, into, &index);
		if (err != VTR_OK) {
			return err;
		}
	}
	if (!command->program_follows && index < argc) {
		return complain(command, "unexpected argument '%s': this command takes options only",
		                argv[index]);
	}
	*out_rest = index;
	return VTR_OK;
}
