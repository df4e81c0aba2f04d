/* SPDX-License-Identifier: MIT */
#ifndef WEB_VIEWER_PEOPLE_H
#define WEB_VIEWER_PEOPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "web/message.h"
#include "web/people.h"

/*
 * One viewer among the people: what its page has been told of them. Many people who come and go, or point, cost each
 * of the others a few messages in a second.
 *
 * Thread: the web server's.
 */
struct vtr_web;

/* The least intervals between two messages about people, and about their pointers, to the same viewer. */
#define VTR_VIEWER_PEOPLE_NS INT64_C(200000000)
#define VTR_VIEWER_POINTERS_NS INT64_C(40000000)

struct vtr_viewer_people {
	struct vtr_person *person; /* NULL: has not joined */
	uint32_t told, pointers_told; /* the counts of vtr_people when the page was told */
	int64_t told_ns, pointers_told_ns;
};

/* Returns: whether there was room. */
bool vtr_viewer_people_join(struct vtr_viewer_people *self, struct vtr_web *web, enum vtr_person_role role);
/* Has no effect if it has not joined. */
void vtr_viewer_people_leave(struct vtr_viewer_people *self, struct vtr_web *web);

/* NAME and POINT. Returns: NULL, or why the message makes no sense. */
const char *vtr_viewer_people_on_message(struct vtr_viewer_people *self, struct vtr_web *web,
                                         const struct vtr_message *message);

/* Returns: whether another viewer has the control, so that this one's message has no effect. */
bool vtr_viewer_people_is_in_vain(const struct vtr_viewer_people *self, const struct vtr_web *web,
                                  enum vtr_message_type type);

/* Returns: whether there is something to write. If it is too early for it, asks for another look soon. */
bool vtr_viewer_people_is_due(const struct vtr_viewer_people *self, struct vtr_web *web, int64_t now_ns);

/* Writes what is due. Returns: its size; 0: nothing is. */
size_t vtr_viewer_people_write(struct vtr_viewer_people *self, const struct vtr_web *web, uint8_t *out,
                               int64_t now_ns);

#endif
