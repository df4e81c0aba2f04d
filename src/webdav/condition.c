/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "webdav/client.h"

/* The most paths in the header If: more than that cannot be locked. Each is looked for among all nodes. */
#define MAX_TAGS VTR_DAV_MAX_LOCKS

void vtr_dav_etag(const struct vtr_dav *dav, const struct vtr_dav_node *node, char out[VTR_DAV_ETAG])
{
	/* With the seed, since clients keep files beyond the end of this process. */
	snprintf(out, VTR_DAV_ETAG, "\"%016llx-%x\"", (unsigned long long)dav->locks.seed, node->version);
}

/* --- If-Match and If-None-Match ---------------------------------------------------------------------- */

/* Returns: whether a list of ETags names the node's, or any. */
static bool has_etag(const struct vtr_dav *dav, const char *list, const struct vtr_dav_node *node)
{
	char etag[VTR_DAV_ETAG];

	if (!node) {
		return false;
	}
	if (strcmp(list, "*") == 0) {
		return true;
	}
	vtr_dav_etag(dav, node, etag);
	return node->contents && strstr(list, etag);
}

/* --- If ---------------------------------------------------------------------------------------------- */

/* The text between two brackets at *at, which moves behind it. Returns: its size; -1: a bracket is missing. */
static int take_between(const char **at, char open, char close, const char **out_text)
{
	const char *end = **at == open ? strchr(*at + 1, close) : NULL;

	if (!end) {
		return -1;
	}
	*out_text = *at + 1;
	*at = end + 1;
	return (int)(end - *out_text);
}

/* One condition of a list. Returns: 1: it is true, 0: it is not, -1: malformed. */
static int test_one(struct vtr_dav *dav, const char **at, const struct vtr_dav_node *node)
{
	const char *text;
	bool wanted = true;
	bool found;
	int size;

	if (strncmp(*at, "Not", 3) == 0) {
		wanted = false;
		*at += 3;
		*at += strspn(*at, " \t");
	}
	size = take_between(at, '<', '>', &text);
	if (size >= 0) {
		found = node && vtr_dav_locks_get(&dav->locks, node, text, (size_t)size, vtr_dav_now_s(dav));
	} else {
		char etag[VTR_DAV_ETAG] = "";
		size = take_between(at, '[', ']', &text);
		if (size < 0) {
			return -1;
		}
		if (node && node->contents) {
			vtr_dav_etag(dav, node, etag);
		}
		found = (size_t)size == strlen(etag) && memcmp(text, etag, (size_t)size) == 0;
	}
	*at += strspn(*at, " \t");
	return found == wanted;
}

/* A list in parentheses, whose conditions must all be true. Returns: 1: they are, 0: they are not, -1: malformed. */
static int test_list(struct vtr_dav *dav, const char **at, const struct vtr_dav_node *node)
{
	int all = 1;

	*at += 1;
	*at += strspn(*at, " \t");
	while (**at != ')') {
		const int one = test_one(dav, at, node);
		if (one < 0) {
			return -1;
		}
		all = all && one;
	}
	*at += 1;
	return all;
}

/* Returns: 0, or the status of the answer. */
static unsigned check_if(struct vtr_dav *dav, const char *at, const struct vtr_dav_node *node)
{
	struct vtr_dav_place place;
	int any = 0;
	int tags = 0;

	for (at += strspn(at, " \t"); *at; at += strspn(at, " \t")) {
		if (*at == '(') {
			const int all = test_list(dav, &at, node);
			if (all < 0) {
				return 400;
			}
			any = any || all;
			continue;
		}
		const char *url;
		char copy[VTR_DAV_MAX_PATH];
		const int size = take_between(&at, '<', '>', &url);
		if (size < 0 || (size_t)size >= sizeof(copy) || ++tags > MAX_TAGS) {
			return 400;
		}
		memcpy(copy, url, (size_t)size);
		copy[size] = '\0';
		node = vtr_dav_locate(dav, copy, &place) == 0 ? place.node : NULL;
	}
	return any ? 0 : 412;
}

unsigned vtr_dav_check(struct vtr_dav *dav, const struct vtr_dav_request *request,
                       const struct vtr_dav_node *node)
{
	const char *match = request->headers[VTR_DAV_IF_MATCH];
	const char *none = request->headers[VTR_DAV_IF_NONE_MATCH];
	const bool reads = request->method == VTR_DAV_GET || request->method == VTR_DAV_HEAD;

	if (*match && !has_etag(dav, match, node)) {
		return 412;
	}
	if (*none && has_etag(dav, none, node)) {
		return reads ? 304 : 412;
	}
	return *request->headers[VTR_DAV_IF] ? check_if(dav, request->headers[VTR_DAV_IF], node) : 0;
}
