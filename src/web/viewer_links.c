/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "web"
#include "web/viewer_links.h"

#include "base/log.h"
#include "platform/thread.h"
#include "web/session.h"
#include "web/viewer_people.h"

const char *vtr_viewer_links_on_message(struct vtr_web *web, const struct vtr_message *message)
{
	if (message->type == VTR_MESSAGE_LINK_END) {
		vtr_links_end(&web->links, message->link_id);
		vtr_web_end_links(web);
		return NULL;
	}
	enum vtr_err err =
		vtr_links_make(&web->links, message->link.kind, message->link.seconds, vtr_os_now_ns());
	if (err == VTR_ERR_LIMIT) {
		return "there are as many links as there can be: end one first";
	}
	if (err != VTR_OK) {
		vtr_warn_limited(web->log, "cannot make a link: %s", vtr_err_text(err));
		return "no link could be made: the log says why";
	}
	return NULL;
}

bool vtr_viewer_links_is_due(const struct vtr_viewer_links *self, const struct vtr_web *web, int64_t now_ns)
{
	return !self->told ||
	       ((self->told_links != web->links.change || self->told_people != web->people.change) &&
	        now_ns - self->told_ns >= VTR_VIEWER_PEOPLE_NS);
}

size_t vtr_viewer_links_write(struct vtr_viewer_links *self, const struct vtr_web *web, uint8_t *out,
                              int64_t now_ns)
{
	uint32_t viewers[VTR_LINKS_MAX] = { 0 };

	for (size_t i = 0; web->links.page && i < VTR_LINKS_MAX; i++) {
		viewers[i] = vtr_web_count_viewers(web, web->links.page->links[i].id);
	}
	*self = (struct vtr_viewer_links){
		.told = true,
		.told_links = web->links.change,
		.told_people = web->people.change,
		.told_ns = now_ns,
	};
	return vtr_message_links(out, &web->links, viewers, now_ns);
}
