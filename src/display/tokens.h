/* SPDX-License-Identifier: MIT */
#ifndef DISPLAY_TOKENS_H
#define DISPLAY_TOKENS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/*
 * What a user must know to view or to control: 128 random bits each, as text. The front creates them, so that
 * they outlive a display process. It passes them in memory, where process lists do not show them.
 *
 * Thread: any.
 */
struct vtr_log;

/* Hexadecimal digits. */
#define VTR_TOKEN_LENGTH 32

struct vtr_tokens {
	char control[VTR_TOKEN_LENGTH]; /* without a NUL */
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
 * Tokens that outlive the front: reads them from a file, or creates the file (mode 0600) with new ones if it
 * does not exist. Two lines: "control TOKEN" and "view TOKEN". The file must be a regular one that belongs to
 * the user of this process, and only that user may read it. Errors are logged.
 *
 * Returns: VTR_ERR_ARG (not such a file), VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_tokens_load(struct vtr_log *log, const char *path,
                                            struct vtr_tokens *out_tokens);

/* Writes a new token. Returns: VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_token_make(char out_token[VTR_TOKEN_LENGTH]);

/* Returns: whether it looks like a token. */
bool vtr_token_is_well_formed(const char token[VTR_TOKEN_LENGTH]);

/* The time it takes does not depend on where they differ. */
bool vtr_token_is_same(const char a[VTR_TOKEN_LENGTH], const char *b);

/* Returns: what a token permits. The time it takes depends only on the length of the token. */
enum vtr_token_kind vtr_tokens_check(const struct vtr_tokens *tokens, const char *token, size_t length);

#endif
