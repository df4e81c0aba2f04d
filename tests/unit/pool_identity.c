/* SPDX-License-Identifier: MIT */
#include "pool/identity.h"

#include "test.h"

static struct vtr_identities identities;

static struct vtr_identity *get(uid_t uid, const char *cgroups)
{
	struct vtr_identity *identity;

	CHECK_OK(vtr_identity_get(&identities, uid, cgroups, false, &identity));
	return identity;
}

static struct vtr_identity *with(uid_t uid, const char *cgroups, int connections)
{
	struct vtr_identity *identity = get(uid, cgroups);

	vtr_identity_count(&identities, identity, connections, connections);
	return identity;
}

static void finish(void)
{
	vtr_identities_finish(&identities);
	vtr_identities_init(&identities);
}

static void who_is_who(void)
{
	struct vtr_identity *one = get(1000, "0::/a\n");

	CHECK(get(1000, "0::/a\n") == one);
	CHECK(get(1000, "0::/b\n") != one && get(1000, "0::/b\n")->user == one->user);
	CHECK(get(1001, "0::/a\n")->user != one->user);
	CHECK(get(1000, "")->user == one->user);
	finish();
}

/* One who comes again finds what it has used, unless many others came. */
static void the_idle_are_remembered(void)
{
	struct vtr_identity *one = get(1000, "a");

	one->log_lines.used = 5;
	vtr_identity_unref(&identities, one);
	CHECK(get(1000, "a") == one);
	CHECK_EQ(one->log_lines.used, 5);
	vtr_identity_unref(&identities, one);
	for (uid_t uid = 1; uid < 1000; uid++) {
		vtr_identity_unref(&identities, get(uid, "a"));
	}
	CHECK(identities.idle_count < 500);
	one = get(1000, "a");
	CHECK_EQ(one->log_lines.used, 0);
	CHECK_EQ(one->user->refs, 1);
	finish();
}

static void the_greediest_gives_way(void)
{
	struct vtr_identity *few = with(1, "a", 3);
	struct vtr_identity *more = with(2, "a", 4);

	/* Not to one that would have more then. */
	CHECK(vtr_identities_greediest(&identities, few, false) == NULL);
	vtr_identity_count(&identities, more, 1, 1);
	CHECK(vtr_identities_greediest(&identities, few, false) == more);
	CHECK(vtr_identities_greediest(&identities, few, true) == NULL);
	CHECK(vtr_identities_greediest(&identities, more, false) == NULL);
	/* Many control groups do not make a user look modest. */
	for (int i = 0; i < 10; i++) {
		char name[24];

		snprintf(name, sizeof(name), "many %d", i);
		(void)with(3, name, 1);
	}
	struct vtr_identity *two = with(3, "two", 2);
	CHECK(vtr_identities_greediest(&identities, few, false) == two);
	CHECK(vtr_identities_greediest(&identities, get(3, "new"), true) == two);
	CHECK_EQ(identities.connections, 3 + 5 + 12);
	CHECK_EQ(two->user->connections, 12);
	/* Those who have ended have nothing to give. */
	vtr_identity_count(&identities, two, 0, -2);
	CHECK(vtr_identities_greediest(&identities, few, false)->user == two->user);
	CHECK(vtr_identities_greediest(&identities, get(3, "new"), true) == NULL);
	finish();
}

static void users_take_turns(void)
{
	struct vtr_identity *const owners[] = { get(1, "a"), get(1, "b"), get(2, "a") };
	struct vtr_list clients[9];
	static const int order[] = { 0, 6, 3, 7, 1, 8, 4, 2 };

	for (int i = 0; i < 9; i++) {
		vtr_identity_wait(&identities, owners[i / 3], &clients[i]);
	}
	vtr_identity_leave(owners[1], &clients[5]); /* it has closed */
	vtr_identity_leave(owners[1], &clients[5]);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		CHECK(vtr_identities_next(&identities) == &clients[order[i]]);
	}
	CHECK(vtr_identities_next(&identities) == NULL);
	finish();
}

int main(void)
{
	vtr_identities_init(&identities);
	RUN(who_is_who);
	RUN(the_idle_are_remembered);
	RUN(the_greediest_gives_way);
	RUN(users_take_turns);
	return 0;
}
