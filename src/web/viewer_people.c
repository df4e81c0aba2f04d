/* SPDX-License-Identifier: MIT */
#include "web/viewer_people.h"

#include "base/log.h"
#include "web/session.h"

bool vtr_viewer_people_join(struct vtr_viewer_people *self, struct vtr_web *web, enum vtr_person_role role)
{
	self->person = vtr_people_join(&web->people, role);
	self->told = web->people.change - 1;
	self->pointers_told = web->people.pointer_change;
	return self->person != NULL;
}

void vtr_viewer_people_leave(struct vtr_viewer_people *self, struct vtr_web *web)
{
	if (self->person) {
		vtr_people_leave(&web->people, self->person);
		self->person = NULL;
	}
}

const char *vtr_viewer_people_on_message(struct vtr_viewer_people *self, struct vtr_web *web,
                                         const struct vtr_message *message)
{
	if (message->type == VTR_MESSAGE_POINT) {
		vtr_people_point(&web->people, self->person, message->display, message->point.x,
		                 message->point.y, message->point.visible);
	} else if (!vtr_people_name(&web->people, self->person, message->name.utf8, message->name.size)) {
		return "the name is not UTF-8";
	}
	vtr_web_look_soon(web);
	return NULL;
}

bool vtr_viewer_people_is_in_vain(const struct vtr_viewer_people *self, const struct vtr_web *web,
                                  enum vtr_message_type type)
{
	return type != VTR_MESSAGE_CONTROL && !vtr_people_may_control(&web->people, self->person);
}

static bool is_list_due(const struct vtr_viewer_people *self, const struct vtr_web *web, int64_t now_ns)
{
	return self->told != web->people.change &&
	       (self->told_ns == 0 || now_ns - self->told_ns >= VTR_VIEWER_PEOPLE_NS);
}

static bool are_pointers_due(const struct vtr_viewer_people *self, const struct vtr_web *web, int64_t now_ns)
{
	return self->pointers_told != web->people.pointer_change &&
	       now_ns - self->pointers_told_ns >= VTR_VIEWER_POINTERS_NS;
}

bool vtr_viewer_people_is_due(const struct vtr_viewer_people *self, struct vtr_web *web, int64_t now_ns)
{
	if (!self->person) {
		return false;
	}
	if (is_list_due(self, web, now_ns) || are_pointers_due(self, web, now_ns)) {
		return true;
	}
	if (self->told != web->people.change || self->pointers_told != web->people.pointer_change) {
		vtr_web_look_soon(web);
	}
	return false;
}

size_t vtr_viewer_people_write(struct vtr_viewer_people *self, const struct vtr_web *web, uint8_t *out,
                               int64_t now_ns)
{
	size_t size = 0;

	if (self->person && is_list_due(self, web, now_ns)) {
		self->told = web->people.change;
		self->told_ns = now_ns;
		return vtr_message_people(out, &web->people, self->person);
	}
	if (self->person && are_pointers_due(self, web, now_ns)) {
		size = vtr_message_pointers(out, &web->people, self->person, self->pointers_told);
		self->pointers_told = web->people.pointer_change;
		self->pointers_told_ns = now_ns;
	}
	return size > VTR_MESSAGE_HEAD ? size : 0; /* the viewer's own pointer is not told */
}
