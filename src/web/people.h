/* SPDX-License-Identifier: MIT */
#ifndef WEB_PEOPLE_H
#define WEB_PEOPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Who looks at the machine through pages: names, pointers, and who may control. Everybody with a token that controls
 * does, until one of them takes the control for themselves. They keep it until they give it away or leave, or until
 * another one takes it; a guest cannot take it from an owner.
 *
 * Changes are counted, not queued: what a page has not been told yet is the difference between two counts.
 *
 * Thread: the web server's.
 */

/* The most viewers that have shown a token: as many as there are connections. */
#define VTR_PEOPLE_MAX 64
/* Bytes of UTF-8. */
#define VTR_PERSON_NAME_MAX 48

enum vtr_person_role {
	VTR_PERSON_WATCHES = 1,
	VTR_PERSON_GUEST = 2, /* controls, by a link that an owner has made */
	VTR_PERSON_OWNER = 3, /* has the token that vitrine printed */
};

/* Where someone points at. */
struct vtr_person_pointer {
	uint32_t display;
	uint32_t x, y; /* 0 to 65535 across the picture */
	bool visible;
	uint32_t change; /* vtr_people.pointer_change when it was set */
};

struct vtr_person {
	uint16_t id; /* 0: this slot is free */
	enum vtr_person_role role;
	char name[VTR_PERSON_NAME_MAX]; /* UTF-8; empty: none chosen */
	size_t name_size;
	struct vtr_person_pointer pointer;
};

struct vtr_people {
	struct vtr_person slots[VTR_PEOPLE_MAX]; /* their index is the colour */
	uint16_t last_id;
	uint16_t holder; /* id of the one who controls; 0: all who may */
	uint32_t change; /* counts changes of who is there, names and control */
	uint32_t pointer_change;
};

/* What someone wants to do with the control. */
enum vtr_people_action {
	VTR_PEOPLE_SHARE = 0, /* let everybody control */
	VTR_PEOPLE_TAKE = 1,
	VTR_PEOPLE_GIVE = 2, /* to another one */
	VTR_PEOPLE_ACTION_COUNT,
};

/* Owner: the result belongs to `people`, until vtr_people_leave(). Returns: NULL if VTR_PEOPLE_MAX are there. */
struct vtr_person *vtr_people_join(struct vtr_people *people, enum vtr_person_role role);

/* If that person had the control, everybody has it again. */
void vtr_people_leave(struct vtr_people *people, struct vtr_person *person);

/* Sets a name, without what could disturb the pages of others: control and formatting characters, and spaces at the
 * ends or in a row. Returns: false, and nothing changes, if it is not UTF-8. */
bool vtr_people_name(struct vtr_people *people, struct vtr_person *person, const uint8_t *utf8, size_t size);

void vtr_people_point(struct vtr_people *people, struct vtr_person *person, uint32_t display, uint32_t x,
                      uint32_t y, bool visible);

bool vtr_people_may_control(const struct vtr_people *people, const struct vtr_person *person);

/* `id`: to whom the control is given. Returns: NULL, or why it is refused, in words for the user. */
const char *vtr_people_control(struct vtr_people *people, const struct vtr_person *person,
                               enum vtr_people_action action, uint16_t id);

#endif
