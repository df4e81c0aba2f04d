/* SPDX-License-Identifier: MIT */
#ifndef DISPLAY_LINKS_H
#define DISPLAY_LINKS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "display/tokens.h"

/*
 * Tokens that an owner makes in the page for others. Each has a life time, and can be ended at any time. They lie in
 * memory that the front creates and never reads: it passes it to each screen process, so that links outlive these
 * processes, but not the front. An entry is valid when its `kind` is set, which is written last.
 *
 * Thread: one.
 */
#define VTR_LINKS_MAX 32
/* The longest life time. */
#define VTR_LINK_MAX_S (30u * 24 * 3600)

/* Times are of vtr_os_now_ns(), which all processes of a machine share. */
struct vtr_link {
	_Atomic uint32_t kind; /* enum vtr_token_kind; VTR_TOKEN_WRONG: the entry is free */
	uint32_t id;           /* not 0 */
	int64_t expires_ns;
	char token[VTR_TOKEN_LENGTH]; /* without a NUL */
};

struct vtr_links_page {
	struct vtr_link links[VTR_LINKS_MAX];
};

struct vtr_links {
	struct vtr_links_page *page; /* borrowed; NULL: links cannot be made */
	uint32_t last_id;
	uint32_t change; /* counts links that were made or have ended */
};

/* Drops entries that a process left incomplete. */
void vtr_links_init(struct vtr_links *links, struct vtr_links_page *page);

/* `kind` is VIEW or CONTROL, `seconds` 1 to VTR_LINK_MAX_S. Returns: VTR_ERR_LIMIT (VTR_LINKS_MAX are there),
 * VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_links_make(struct vtr_links *links, enum vtr_token_kind kind,
                                           uint32_t seconds, int64_t now_ns);

/* Has no effect if the link does not exist. */
void vtr_links_end(struct vtr_links *links, uint32_t id);

/* Ends the links whose time is up. */
void vtr_links_expire(struct vtr_links *links, int64_t now_ns);

/* Returns: whether that link can be used. */
bool vtr_links_has(const struct vtr_links *links, uint32_t id, int64_t now_ns);

/* Returns: what a token permits; *out_id is the link's then. The time it takes does not depend on the token's
 * characters. */
enum vtr_token_kind vtr_links_check(const struct vtr_links *links, const char *token, size_t length,
                                    int64_t now_ns, uint32_t *out_id);

#endif
