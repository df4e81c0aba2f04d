/* SPDX-License-Identifier: MIT */
#ifndef CMD_OPTS_H
#define CMD_OPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

/*
 * Options and commands as tables: parsing, --help and the check of the man page all use the same rows.
 * Options are --name VALUE, --name=VALUE or -x VALUE.
 */

enum vtr_opt_kind {
	VTR_OPT_FLAG,   /* bool */
	VTR_OPT_TEXT,   /* const char *, borrowed from argv */
	VTR_OPT_NUMBER, /* uint32_t */
	VTR_OPT_SIZE,   /* uint64_t; bytes, or with K, M, G, T */
	VTR_OPT_MODE,   /* uint32_t; octal */
	VTR_OPT_LIST,   /* struct vtr_opt_list: may be given more than once */
};

#define VTR_OPT_LIST_MAX 16

struct vtr_opt_list {
	const char *items[VTR_OPT_LIST_MAX];
	size_t count;
};

struct vtr_opt {
	const char *name; /* without the dashes */
	char letter;      /* 0: none */
	enum vtr_opt_kind kind;
	size_t offset;   /* in the struct that is filled in */
	const char *arg; /* the name of the value in the help; NULL for flags */
	const char *help;
};

/* The row --log for a command's table of options. At `offset_`, the command's options have a const char *. */
#define VTR_LOG_OPT(offset_, help_) \
	{ .name = "log", .kind = VTR_OPT_TEXT, .offset = (offset_), .arg = "FILTER", .help = (help_) }
/* For commands that are internal. */
#define VTR_LOG_HELP "choose what to log"

struct vtr_command {
	const char *name;
	const char *args; /* the rest of the synopsis, "" if empty */
	const char *summary; /* one line; NULL: internal, not listed */
	const char *example; /* typical use with other programs, a paragraph of the help; or NULL */
	const char *details; /* further paragraphs of the help, or NULL */
	const struct vtr_opt *opts;
	size_t opt_count;
	/* The first argument that is not an option is a program, and the rest belongs to it. */
	bool program_follows;
	/* It serves clients, or supervises such processes. A closed socket or log must not end it, so it
	 * ignores SIGPIPE from its start. */
	bool ignores_sigpipe;
	/* argv[0] is the command's name. Returns: the exit status. */
	int (*run)(const struct vtr_command *command, int argc, char **argv);
};

/* The exit status of errors in the usage of vitrine itself. */
#define VTR_EXIT_USAGE 2

/**
 * Fills in `into` from argv[1..]; prints errors and hints on stderr. Handles --help.
 *
 * *out_rest: the index of the first argument that is not an option; without `program_follows` such arguments
 * are refused.
 * Returns: VTR_OK, VTR_ERR_ARG (exit with VTR_EXIT_USAGE), VTR_ERR_GONE (help was printed: exit 0).
 */
VTR_MUST_CHECK enum vtr_err vtr_opts_parse(const struct vtr_command *command, int argc, char **argv,
                                           void *into, int *out_rest);

/* Returns: the exit status for a failure of vtr_opts_parse(). */
int vtr_opts_exit_status(enum vtr_err err);

/* Parses "4096", "64K", "2G" ... Returns: VTR_ERR_ARG. */
VTR_MUST_CHECK enum vtr_err vtr_opts_parse_size(const char *text, uint64_t *out_size);

void vtr_opts_print_help(FILE *file, const struct vtr_command *command);

#endif
