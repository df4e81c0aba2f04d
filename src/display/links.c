/* SPDX-License-Identifier: MIT */
#include "display/links.h"

#include <string.h>

#include "base/mem.h"

#define SECOND_NS INT64_C(1000000000)

static enum vtr_token_kind kind_of(const struct vtr_link *link)
{
	return (enum vtr_token_kind)atomic_load_explicit(&link->kind, memory_order_acquire);
}

static void drop(struct vtr_link *link)
{
	atomic_store(&link->kind, VTR_TOKEN_WRONG);
	memset(link->token, 0, sizeof(link->token));
	link->id = 0;
}

static bool is_whole(const struct vtr_link *link)
{
	enum vtr_token_kind kind = kind_of(link);

	return (kind == VTR_TOKEN_VIEW || kind == VTR_TOKEN_CONTROL) && link->id != 0 &&
	       vtr_token_is_well_formed(link->token);
}

void vtr_links_init(struct vtr_links *links, struct vtr_links_page *page)
{
	*links = (struct vtr_links){ .page = page };
	for (size_t i = 0; page && i < VTR_LINKS_MAX; i++) {
		struct vtr_link *link = &page->links[i];
		if (is_whole(link)) {
			links->last_id = vtr_max(links->last_id, link->id);
		} else {
			drop(link);
		}
	}
}

static struct vtr_link *find(const struct vtr_links *links, uint32_t id)
{
	for (size_t i = 0; links->page && i < VTR_LINKS_MAX; i++) {
		struct vtr_link *link = &links->page->links[i];
		if (kind_of(link) != VTR_TOKEN_WRONG && link->id == id) {
			return link;
		}
	}
	return NULL;
}

static uint32_t next_id(struct vtr_links *links)
{
	do {
		links->last_id++;
	} while (links->last_id == 0 || find(links, links->last_id));
	return links->last_id;
}

enum vtr_err vtr_links_make(struct vtr_links *links, enum vtr_token_kind kind, uint32_t seconds,
                            int64_t now_ns)
{
	vtr_assert(kind != VTR_TOKEN_WRONG && seconds > 0 && seconds <= VTR_LINK_MAX_S);
	for (size_t i = 0; links->page && i < VTR_LINKS_MAX; i++) {
		struct vtr_link *link = &links->page->links[i];
		if (kind_of(link) != VTR_TOKEN_WRONG) {
			continue;
		}
		enum vtr_err err = vtr_token_make(link->token);
		if (err == VTR_OK) {
			link->id = next_id(links);
			link->expires_ns = now_ns + seconds * SECOND_NS;
			atomic_store_explicit(&link->kind, kind, memory_order_release);
			links->change++;
		}
		return err;
	}
	return VTR_ERR_LIMIT;
}

void vtr_links_end(struct vtr_links *links, uint32_t id)
{
	struct vtr_link *link = find(links, id);

	if (link) {
		drop(link);
		links->change++;
	}
}

void vtr_links_expire(struct vtr_links *links, int64_t now_ns)
{
	for (size_t i = 0; links->page && i < VTR_LINKS_MAX; i++) {
		struct vtr_link *link = &links->page->links[i];
		if (kind_of(link) != VTR_TOKEN_WRONG && link->expires_ns <= now_ns) {
			drop(link);
			links->change++;
		}
	}
}

bool vtr_links_has(const struct vtr_links *links, uint32_t id, int64_t now_ns)
{
	const struct vtr_link *link = find(links, id);

	return link && link->expires_ns > now_ns;
}

enum vtr_token_kind vtr_links_check(const struct vtr_links *links, const char *token, size_t length,
                                    int64_t now_ns, uint32_t *out_id)
{
	enum vtr_token_kind found = VTR_TOKEN_WRONG;

	for (size_t i = 0; links->page && length == VTR_TOKEN_LENGTH && i < VTR_LINKS_MAX; i++) {
		const struct vtr_link *link = &links->page->links[i];
		bool same = vtr_token_is_same(link->token, token);
		enum vtr_token_kind kind = kind_of(link);
		if (same && kind != VTR_TOKEN_WRONG && link->expires_ns > now_ns) {
			found = kind;
			*out_id = link->id;
		}
	}
	return found;
}
