/* SPDX-License-Identifier: MIT */
#ifndef WEB_VIEWER_LINKS_H
#define WEB_VIEWER_LINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "web/message.h"

/*
 * The links that an owner makes in the page (display/links.h): what one owner's page has been told of them.
 *
 * Thread: the web server's.
 */
struct vtr_web;

struct vtr_viewer_links {
	bool told;
	uint32_t told_links, told_people; /* counts of changes when the page was told */
	int64_t told_ns;
};

/* LINK_MAKE and LINK_END of an owner. Returns: NULL, or why it is not done, in words for the user. */
const char *vtr_viewer_links_on_message(struct vtr_web *web, const struct vtr_message *message);

/* Returns: whether an owner's page is to be told of the links, and how many use them. */
bool vtr_viewer_links_is_due(const struct vtr_viewer_links *self, const struct vtr_web *web, int64_t now_ns);

/* Writes what is due. Returns: its size. */
size_t vtr_viewer_links_write(struct vtr_viewer_links *self, const struct vtr_web *web, uint8_t *out,
                              int64_t now_ns);

#endif
