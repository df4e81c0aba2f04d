/* SPDX-License-Identifier: MIT */
#include "webdav/folder.h"

#include "test.h"

#define LIMIT (UINT64_C(8) * VTR_DAV_PIECE)

static struct vtr_dav_folder folder;
static unsigned changes, removals;

static void on_changed(void *data)
{
	(void)data;
	changes++;
}

static void on_removed(void *data, const struct vtr_dav_node *node)
{
	(void)data;
	CHECK(vtr_dav_folder_find(&folder, node->id) == node);
	removals++;
}

static void begin(void)
{
	vtr_dav_folder_init(&folder, LIMIT);
	folder.changed = on_changed;
	folder.removes = on_removed;
	changes = 0;
	removals = 0;
}

static void end(void)
{
	vtr_dav_folder_finish(&folder);
	CHECK_EQ(folder.count, 0);
	CHECK_EQ(vtr_budget_left(&folder.budget, LIMIT), LIMIT);
}

static struct vtr_dav_contents *make(size_t size, uint8_t first)
{
	struct vtr_dav_contents *contents;

	CHECK_OK(vtr_dav_contents_create(&folder.budget, &contents));
	for (size_t i = 0; i < size; i++) {
		const uint8_t byte = (uint8_t)(first + i);
		CHECK_OK(vtr_dav_contents_add(contents, &byte, 1));
	}
	vtr_dav_contents_complete(contents);
	return contents;
}

static struct vtr_dav_node *add(struct vtr_dav_node *parent, const char *name,
                                struct vtr_dav_contents *contents)
{
	struct vtr_dav_node *node;

	CHECK_OK(vtr_dav_folder_add(&folder, parent, name, strlen(name), contents, &node));
	return node;
}

static struct vtr_dav_node *child(const struct vtr_dav_node *parent, const char *name)
{
	return vtr_dav_node_child(parent, name, strlen(name));
}

static void contents_and_budget(void)
{
	static uint8_t block[VTR_DAV_PIECE + 1];
	struct vtr_dav_contents *contents;
	uint8_t out[8];

	begin();
	contents = make(VTR_DAV_PIECE + 5, 0);
	CHECK_EQ(vtr_budget_left(&folder.budget, LIMIT), LIMIT - VTR_DAV_PIECE - 5);
	vtr_dav_contents_read(contents, VTR_DAV_PIECE - 4, out, 8);
	for (size_t i = 0; i < 8; i++) {
		CHECK_EQ(out[i], (uint8_t)(VTR_DAV_PIECE - 4 + i));
	}
	struct vtr_dav_node *file = add(&folder.root, "f", contents);
	vtr_dav_contents_ref(contents);
	vtr_dav_folder_replace(&folder, file, make(0, 0));
	vtr_dav_contents_read(contents, 0, out, 8); /* who reads it goes on */
	vtr_dav_contents_unref(contents);
	CHECK_EQ(vtr_budget_left(&folder.budget, LIMIT), LIMIT);

	CHECK_OK(vtr_dav_contents_create(&folder.budget, &contents));
	for (size_t i = 0; i < 7; i++) {
		CHECK_OK(vtr_dav_contents_add(contents, block, VTR_DAV_PIECE));
	}
	CHECK_ERR(vtr_dav_contents_add(contents, block, sizeof(block)), VTR_ERR_LIMIT);
	vtr_dav_contents_unref(contents);
	end();
}

static void copy_and_move(void)
{
	begin();
	struct vtr_dav_node *a = add(&folder.root, "a", NULL);
	struct vtr_dav_node *b = add(a, "b", NULL);
	struct vtr_dav_node *f = add(a, "f", make(10, 0));
	add(b, "g", make(20, 1));
	struct vtr_dav_node *c = add(b, "c", NULL);
	add(c, "h", make(1, 2));
	add(a, "last", NULL);
	CHECK(vtr_dav_node_is_in(c, a));
	CHECK(!vtr_dav_node_is_in(a, c));

	CHECK_OK(vtr_dav_folder_copy(&folder, a, &folder.root, "x", 1, true));
	const struct vtr_dav_node *x = child(&folder.root, "x");
	CHECK_EQ(folder.count, 14);
	CHECK(child(child(child(x, "b"), "c"), "h")->contents == child(c, "h")->contents);
	CHECK(child(x, "f")->contents == f->contents);
	CHECK(vtr_dav_node_is_folder(child(x, "last")));
	CHECK_EQ(vtr_budget_left(&folder.budget, LIMIT), LIMIT - 31);
	CHECK_OK(vtr_dav_folder_copy(&folder, a, &folder.root, "y", 1, false));
	CHECK(vtr_list_empty(&child(&folder.root, "y")->children));

	const uint32_t id = b->id;
	CHECK_OK(vtr_dav_folder_move(&folder, b, &folder.root, "moved", 5));
	CHECK(child(&folder.root, "moved") == b && !child(a, "b"));
	CHECK(vtr_dav_folder_find(&folder, id) == b);
	CHECK_ERR(vtr_dav_folder_move(&folder, b, &folder.root, "..", 2), VTR_ERR_INVALID);
	removals = 0;
	vtr_dav_folder_remove(&folder, b);
	CHECK_EQ(removals, 4);
	CHECK(!vtr_dav_folder_find(&folder, id));
	end();
}

static void limits(void)
{
	begin();
	struct vtr_dav_node *at = &folder.root;
	struct vtr_dav_node *node;

	for (size_t i = 0; i < VTR_DAV_MAX_DEPTH; i++) {
		at = add(at, "d", NULL);
	}
	CHECK_ERR(vtr_dav_folder_add(&folder, at, "d", 1, NULL, &node), VTR_ERR_LIMIT);
	struct vtr_dav_node *two = add(add(&folder.root, "two", NULL), "levels", NULL)->parent;
	CHECK_ERR(vtr_dav_folder_move(&folder, two, at->parent, "e", 1), VTR_ERR_LIMIT);
	CHECK_ERR(vtr_dav_folder_copy(&folder, two, at->parent, "e", 1, true), VTR_ERR_LIMIT);
	CHECK(!child(at->parent, "e"));
	CHECK_OK(vtr_dav_folder_copy(&folder, two, at->parent, "e", 1, false));
	while (folder.count < VTR_DAV_MAX_NODES) {
		char name[16];
		snprintf(name, sizeof(name), "%zu", folder.count);
		add(&folder.root, name, NULL);
	}
	CHECK_ERR(vtr_dav_folder_add(&folder, &folder.root, "x", 1, NULL, &node), VTR_ERR_LIMIT);
	const unsigned before = changes;
	vtr_dav_folder_remove(&folder, two);
	CHECK_EQ(changes, before + 1);
	add(&folder.root, "x", NULL);
	end();
}

static void names(void)
{
	char longest[VTR_DAV_MAX_NAME + 1];

	memset(longest, 'x', sizeof(longest));
	CHECK(vtr_dav_name_is_valid(longest, VTR_DAV_MAX_NAME));
	CHECK(!vtr_dav_name_is_valid(longest, VTR_DAV_MAX_NAME + 1));
	CHECK(!vtr_dav_name_is_valid("", 0));
	CHECK(vtr_dav_name_is_valid("...", 3));
	CHECK(!vtr_dav_name_is_valid("a\0b", 3));
	CHECK(!vtr_dav_name_is_valid("\xe4\xbd", 2)); /* cut off */
}

int main(void)
{
	contents_and_budget();
	copy_and_move();
	limits();
	names();
	return 0;
}
