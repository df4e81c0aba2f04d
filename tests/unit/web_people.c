/* SPDX-License-Identifier: MIT */
#include "web/people.h"

#include "test.h"

static void name(struct vtr_people *people, struct vtr_person *person, const char *given, const char *kept)
{
	CHECK(vtr_people_name(people, person, (const uint8_t *)given, strlen(given)));
	CHECK_EQ(person->name_size, strlen(kept));
	CHECK(memcmp(person->name, kept, person->name_size) == 0);
}

static void test_names(void)
{
	struct vtr_people people = { 0 };
	struct vtr_person *ann = vtr_people_join(&people, VTR_PERSON_OWNER);
	uint32_t change = people.change;

	name(&people, ann, "Ann", "Ann");
	CHECK_EQ(people.change, change + 1);
	name(&people, ann, " Ann ", "Ann");
	CHECK_EQ(people.change, change + 1); /* it is the same */
	name(&people, ann,
	     "\xe2\x80\xae"
	     "a\xcd\x8f\xee\x80\x80\tb",
	     "ab");
	name(&people, ann,
	     "a\xc2\xa0\xe2\x80\x8a"
	     "b",
	     "a b");
	name(&people, ann, "\xe2\x80\x8d\xe2\x80\x8c\xef\xb8\x8f\xe2\xa0\x80\xe2\x80\x8d", "");
	name(&people, ann, "\xef\xb8\x8f\xe2\x9d\xa4\xef\xb8\x8f", "\xe2\x9d\xa4\xef\xb8\x8f");
	name(&people, ann, "", "");
	/* Cut between characters, and without a space at the end. */
	char longer[60];
	memset(longer, 'x', sizeof(longer));
	memcpy(longer + 46, " \xc3\xa9", 4);
	name(&people, ann, longer, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
}

static void test_what_is_not_utf8(void)
{
	static const char *const bad[] = { "\x80",
		                           "\xc1\xbf",
		                           "\xc3",
		                           "\xe0\x9f\xbf",
		                           "\xed\xbf\xbf",
		                           "\xf0\x8f\xbf\xbf",
		                           "\xf4\x90\x80\x80",
		                           "\xf8\x88\x80\x80\x80",
		                           "a\xe2\x28\xa1",
		                           "ok\xff" };
	struct vtr_people people = { 0 };
	struct vtr_person *ann = vtr_people_join(&people, VTR_PERSON_OWNER);

	name(&people, ann, "Ann", "Ann");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK(!vtr_people_name(&people, ann, (const uint8_t *)bad[i], strlen(bad[i])));
		CHECK_EQ(ann->name_size, 3);
	}
}

static void test_guests_and_owners(void)
{
	struct vtr_people people = { 0 };
	struct vtr_person *owner = vtr_people_join(&people, VTR_PERSON_OWNER);
	struct vtr_person *guest = vtr_people_join(&people, VTR_PERSON_GUEST);
	struct vtr_person *other = vtr_people_join(&people, VTR_PERSON_GUEST);
	struct vtr_person *watcher = vtr_people_join(&people, VTR_PERSON_WATCHES);

	CHECK(vtr_people_may_control(&people, guest) && !vtr_people_may_control(&people, watcher));
	/* Guests take it from each other, and an owner takes it from them. */
	CHECK(!vtr_people_control(&people, guest, VTR_PEOPLE_TAKE, 0));
	CHECK(!vtr_people_may_control(&people, other) && !vtr_people_may_control(&people, owner));
	CHECK(vtr_people_control(&people, other, VTR_PEOPLE_SHARE, 0));
	CHECK(vtr_people_control(&people, other, VTR_PEOPLE_GIVE, other->id));
	CHECK(!vtr_people_control(&people, other, VTR_PEOPLE_TAKE, 0));
	CHECK_EQ(people.holder, other->id);
	CHECK(!vtr_people_control(&people, owner, VTR_PEOPLE_GIVE, guest->id));
	CHECK_EQ(people.holder, guest->id);
	CHECK(!vtr_people_control(&people, owner, VTR_PEOPLE_TAKE, 0));
	/* But not from an owner. */
	CHECK(vtr_people_control(&people, guest, VTR_PEOPLE_TAKE, 0));
	CHECK(vtr_people_control(&people, guest, VTR_PEOPLE_SHARE, 0));
	CHECK(vtr_people_control(&people, watcher, VTR_PEOPLE_TAKE, 0));
	CHECK(vtr_people_control(&people, owner, VTR_PEOPLE_GIVE, watcher->id));
	CHECK_EQ(people.holder, owner->id);
	vtr_people_leave(&people, owner);
	CHECK_EQ(people.holder, 0);
	CHECK(vtr_people_may_control(&people, guest) && vtr_people_may_control(&people, other));
}

static void test_ids(void)
{
	struct vtr_people people = { .last_id = UINT16_MAX - 1 };
	struct vtr_person *first = vtr_people_join(&people, VTR_PERSON_OWNER);
	struct vtr_person *person = first;

	CHECK_EQ(first->id, UINT16_MAX);
	for (int i = 0; i < UINT16_MAX; i++) {
		person = vtr_people_join(&people, VTR_PERSON_WATCHES);
		CHECK(person->id != 0 && person->id != first->id);
		if (i + 1 < UINT16_MAX) {
			vtr_people_leave(&people, person);
		}
	}
	for (int i = 2; i < VTR_PEOPLE_MAX; i++) {
		CHECK(vtr_people_join(&people, VTR_PERSON_WATCHES) != NULL);
	}
	CHECK(vtr_people_join(&people, VTR_PERSON_WATCHES) == NULL);
}

int main(void)
{
	RUN(test_names);
	RUN(test_what_is_not_utf8);
	RUN(test_guests_and_owners);
	RUN(test_ids);
	return 0;
}
