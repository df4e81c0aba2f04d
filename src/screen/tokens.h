/* SPDX-License-Identifier: MIT */
#ifndef SCREEN_TOKENS_H
#define SCREEN_TOKENS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/*
 * What a person must know to watch, or to control: 128 random bits each, as text. The front makes them,
 * so that they outlive a screen process, and hands them over in memory, where no list of processes shows
 * them.
 *
 * Thread: any.
 */
struct vtr_log;

/* Hexadecimal digits. */
#define VTR_TOKEN_LENGTH 32

struct vtr_tokens {
	char control[VTR_TOKEN_LENGTH]; /* no NUL at the end */
	char view[VTR_TOKEN_LENGTH];
};

enum vtr_token_kind {
	VTR_TOKEN_WRONG,
	VTR_TOKEN_VIEW,
	VTR_TOKEN_CONTROL,
};

/* Returns: VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_tokens_make(struct vtr_tokens *out_tokens);

/**
 * Tokens that outlive the front, too: reads them from a file, or makes the file (mode 0600) with new ones
 * if there is none. Two lines: "control TOKEN" and "view TOKEN". The file must be a regular one, must belong
 * to the user who runs this process, and only that user may read it. What is wrong is logged.
 *
 * Returns: VTR_ERR_ARG (it is not such a file), VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_tokens_load(struct vtr_log *log, const char *path,
                                            struct vtr_tokens *out_tokens);

/* What a token is good for. Takes as long whatever is wrong with it, but for its length. */
enum vtr_token_kind vtr_tokens_check(const struct vtr_tokens *tokens, const char *token, size_t length);

#endif
