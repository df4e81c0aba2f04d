/* SPDX-License-Identifier: MIT */
#include "web/people.h"

#include <string.h>

#include "base/mem.h"

static struct vtr_person *find(struct vtr_people *people, uint16_t id)
{
	for (size_t i = 0; i < VTR_PEOPLE_MAX && id != 0; i++) {
		if (people->slots[i].id == id) {
			return &people->slots[i];
		}
	}
	return NULL;
}

/* Ids are not used again soon, so that a page does not mean one person and get another. */
static uint16_t next_id(struct vtr_people *people)
{
	do {
		people->last_id++;
	} while (people->last_id == 0 || find(people, people->last_id));
	return people->last_id;
}

struct vtr_person *vtr_people_join(struct vtr_people *people, enum vtr_person_role role)
{
	for (size_t i = 0; i < VTR_PEOPLE_MAX; i++) {
		struct vtr_person *person = &people->slots[i];
		if (person->id == 0) {
			*person = (struct vtr_person){ .role = role };
			person->id = next_id(people);
			people->change++;
			return person;
		}
	}
	return NULL;
}

void vtr_people_leave(struct vtr_people *people, struct vtr_person *person)
{
	if (people->holder == person->id) {
		people->holder = 0;
	}
	*person = (struct vtr_person){ 0 };
	people->change++;
}

/* --- names ------------------------------------------------------------------------------------------- */

/* Returns: the bytes of the first character of UTF-8; 0: it is not valid. */
static size_t decode(const uint8_t *at, size_t left, uint32_t *out_point)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t size = at[0] < 0x80 ? 1 : at[0] < 0xc0 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
	uint32_t point = at[0] & (size == 1 ? 0x7fu : 0x7fu >> size);

	if (size == 0 || size > left || at[0] > 0xf4) {
		return 0;
	}
	for (size_t i = 1; i < size; i++) {
		if ((at[i] & 0xc0) != 0x80) {
			return 0;
		}
		point = point << 6 | (at[i] & 0x3fu);
	}
	if (point < least[size] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
		return 0;
	}
	*out_point = point;
	return size;
}

/* Characters that are invisible, change the direction of what follows, break the line, or have no agreed meaning.
 * Joiners (U+200C, U+200D) are kept: scripts and emoji need them. */
static bool is_dropped(uint32_t point)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{ 0, 0x1f },        { 0x7f, 0x9f },     { 0xad, 0xad },        { 0x34f, 0x34f },
		{ 0x61c, 0x61c },   { 0x115f, 0x1160 }, { 0x17b4, 0x17b5 },    { 0x180b, 0x180f },
		{ 0x200b, 0x200b }, { 0x200e, 0x200f }, { 0x2028, 0x202e },    { 0x2060, 0x206f },
		{ 0x3164, 0x3164 }, { 0xe000, 0xf8ff }, { 0xfdd0, 0xfdef },    { 0xfeff, 0xfeff },
		{ 0xffa0, 0xffa0 }, { 0xfff0, 0xffff }, { 0xe0000, 0x10ffff },
	};

	for (size_t i = 0; i < VTR_ARRAY_LEN(ranges); i++) {
		if (point >= ranges[i].first && point <= ranges[i].last) {
			return true;
		}
	}
	return false;
}

/* Joiners and variation selectors change how their neighbours look, and are invisible alone: a name of nothing else
 * would look like none. */
static bool needs_neighbour(uint32_t point)
{
	return point == 0x200c || point == 0x200d || (point >= 0xfe00 && point <= 0xfe0f);
}

/* Braille's pattern without dots is one, too. */
static bool is_space(uint32_t point)
{
	return point == ' ' || point == 0xa0 || point == 0x1680 || (point >= 0x2000 && point <= 0x200a) ||
	       point == 0x202f || point == 0x205f || point == 0x2800 || point == 0x3000;
}

bool vtr_people_name(struct vtr_people *people, struct vtr_person *person, const uint8_t *utf8, size_t size)
{
	char name[VTR_PERSON_NAME_MAX];
	size_t length = 0;
	bool spaced = false;

	for (size_t at = 0, step; at < size; at += step) {
		uint32_t point;
		step = decode(utf8 + at, size - at, &point);
		if (step == 0) {
			return false;
		}
		if (is_space(point)) {
			spaced = length > 0;
		} else if (!is_dropped(point) && !(length == 0 && needs_neighbour(point))) {
			if (length + spaced + step > sizeof(name)) {
				break;
			}
			if (spaced) {
				name[length++] = ' ';
				spaced = false;
			}
			memcpy(name + length, utf8 + at, step);
			length += step;
		}
	}
	if (length != person->name_size || memcmp(name, person->name, length) != 0) {
		memcpy(person->name, name, length);
		person->name_size = length;
		people->change++;
	}
	return true;
}

/* --- pointers and control ---------------------------------------------------------------------------- */

void vtr_people_point(struct vtr_people *people, struct vtr_person *person, uint32_t display, uint32_t x,
                      uint32_t y, bool visible)
{
	person->pointer = (struct vtr_person_pointer){ display, x, y, visible, ++people->pointer_change };
}

bool vtr_people_may_control(const struct vtr_people *people, const struct vtr_person *person)
{
	return person->role != VTR_PERSON_WATCHES && (people->holder == 0 || people->holder == person->id);
}

static const char *hold(struct vtr_people *people, uint16_t id)
{
	if (people->holder != id) {
		people->holder = id;
		people->change++;
	}
	return NULL;
}

const char *vtr_people_control(struct vtr_people *people, const struct vtr_person *person,
                               enum vtr_people_action action, uint16_t id)
{
	const struct vtr_person *holder = find(people, people->holder);
	const struct vtr_person *target = find(people, id);
	bool disposes = !holder || holder == person || person->role == VTR_PERSON_OWNER;

	if (person->role == VTR_PERSON_WATCHES) {
		return "this link only allows watching";
	}
	if (!disposes && holder->role == VTR_PERSON_OWNER) {
		return "the owner of this machine has control; only they can give it away";
	}
	if (action == VTR_PEOPLE_TAKE) {
		return hold(people, person->id);
	}
	if (!disposes) {
		return "another person has control; take it first";
	}
	if (action == VTR_PEOPLE_SHARE) {
		return hold(people, 0);
	}
	if (!target) {
		return "this person has left";
	}
	if (target->role == VTR_PERSON_WATCHES) {
		return "this person's link only allows watching";
	}
	return hold(people, target->id);
}
