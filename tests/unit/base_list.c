/* SPDX-License-Identifier: MIT */
#include "base/list.h"

#include "test.h"

struct item {
	int value;
	struct vtr_list node;
};

/* The values in the list as digits of a number. */
static int sum(struct vtr_list *head)
{
	struct item *item;
	int result = 0;

	vtr_list_for_each (item, head, node) {
		result = result * 10 + item->value;
	}
	return result;
}

static void insert_and_append(void)
{
	struct vtr_list head;
	struct item items[3] = { { .value = 1 }, { .value = 2 }, { .value = 3 } };

	vtr_list_init(&head);
	CHECK(vtr_list_empty(&head));
	CHECK_EQ(sum(&head), 0);
	vtr_list_insert(&head, &items[0].node);
	vtr_list_append(&head, &items[1].node);
	vtr_list_insert(&head, &items[2].node);
	CHECK(!vtr_list_empty(&head));
	CHECK_EQ(sum(&head), 312);
	vtr_list_remove(&items[0].node);
	CHECK_EQ(sum(&head), 32);
	vtr_list_insert(&items[2].node, &items[0].node);
	CHECK_EQ(sum(&head), 312);
}

static void remove_twice(void)
{
	struct vtr_list head;
	struct item item = { .value = 1 };

	vtr_list_init(&head);
	vtr_list_init(&item.node);
	vtr_list_remove(&item.node);
	vtr_list_append(&head, &item.node);
	vtr_list_remove(&item.node);
	vtr_list_remove(&item.node);
	CHECK(vtr_list_empty(&head));
	CHECK(vtr_list_empty(&item.node));
}

static void free_while_walking(void)
{
	struct vtr_list head;
	struct item *item;
	struct item *next;

	vtr_list_init(&head);
	for (int i = 1; i <= 5; i++) {
		item = calloc(1, sizeof(*item));
		CHECK(item != NULL);
		item->value = i;
		vtr_list_append(&head, &item->node);
	}
	vtr_list_for_each_safe (item, next, &head, node) {
		if (item->value % 2 == 0) {
			vtr_list_remove(&item->node);
			free(item);
		}
	}
	CHECK_EQ(sum(&head), 135);
	vtr_list_for_each_safe (item, next, &head, node) {
		vtr_list_remove(&item->node);
		free(item);
	}
	CHECK(vtr_list_empty(&head));
}

int main(void)
{
	RUN(insert_and_append);
	RUN(remove_twice);
	RUN(free_while_walking);
	return 0;
}
