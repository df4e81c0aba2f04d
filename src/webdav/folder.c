/* SPDX-License-Identifier: MIT */
#include "webdav/folder.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static char no_name[1];

void vtr_dav_folder_init(struct vtr_dav_folder *folder, uint64_t bytes)
{
	*folder = (struct vtr_dav_folder){ .last_id = 0 };
	folder->root.name = no_name;
	folder->root.created_s = time(NULL);
	folder->root.modified_s = folder->root.created_s;
	vtr_list_init(&folder->root.siblings);
	vtr_list_init(&folder->root.children);
	vtr_budget_init(&folder->budget, bytes);
}

/* --- names ------------------------------------------------------------------------------------------- */

/* Returns: how many bytes the character at `at` has; 0: it is not valid UTF-8. */
static size_t measure_character(const uint8_t *at, size_t left)
{
	static const struct {
		uint8_t mask, lead;
		uint32_t least; /* no longer than needed */
	} forms[] = { { 0x80, 0, 0 }, { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 } };

	for (size_t i = 0; i < VTR_ARRAY_LEN(forms); i++) {
		uint32_t code = at[0] & (uint8_t)~forms[i].mask;
		if ((at[0] & forms[i].mask) != forms[i].lead) {
			continue;
		}
		if (left < i + 1) {
			return 0;
		}
		for (size_t j = 1; j <= i; j++) {
			if ((at[j] & 0xc0) != 0x80) {
				return 0;
			}
			code = code << 6 | (at[j] & 0x3f);
		}
		const bool is_control = code < 0x20 || (code >= 0x7f && code < 0xa0);
		const bool is_half = code >= 0xd800 && code < 0xe000;
		return code < forms[i].least || code > 0x10ffff || is_half || is_control ? 0 : i + 1;
	}
	return 0;
}

bool vtr_dav_name_is_valid(const char *name, size_t size)
{
	if (size == 0 || size > VTR_DAV_MAX_NAME || memchr(name, '/', size) ||
	    (size == 1 && name[0] == '.') || (size == 2 && memcmp(name, "..", 2) == 0)) {
		return false;
	}
	for (size_t i = 0; i < size;) {
		const size_t step = measure_character((const uint8_t *)name + i, size - i);
		if (step == 0) {
			return false;
		}
		i += step;
	}
	return true;
}

/* --- looking ----------------------------------------------------------------------------------------- */

/* Returns: the node that comes after `node` in a walk through all that `top` contains; NULL: none. */
static struct vtr_dav_node *next_of(const struct vtr_dav_node *node, const struct vtr_dav_node *top)
{
	if (!vtr_list_empty(&node->children)) {
		return vtr_container_of(node->children.next, struct vtr_dav_node, siblings);
	}
	while (node != top && node->siblings.next == &node->parent->children) {
		node = node->parent;
	}
	return node == top ? NULL : vtr_container_of(node->siblings.next, struct vtr_dav_node, siblings);
}

struct vtr_dav_node *vtr_dav_folder_find(struct vtr_dav_folder *folder, uint32_t id)
{
	struct vtr_dav_node *node = &folder->root;

	while (node && node->id != id) {
		node = next_of(node, &folder->root);
	}
	return node;
}

struct vtr_dav_node *vtr_dav_node_child(const struct vtr_dav_node *parent, const char *name, size_t size)
{
	struct vtr_dav_node *child;

	vtr_list_for_each (child, &parent->children, siblings) {
		if (strlen(child->name) == size && memcmp(child->name, name, size) == 0) {
			return child;
		}
	}
	return NULL;
}

bool vtr_dav_node_is_in(const struct vtr_dav_node *node, const struct vtr_dav_node *inside)
{
	while (node && node != inside) {
		node = node->parent;
	}
	return node != NULL;
}

static size_t depth_of(const struct vtr_dav_node *node)
{
	size_t depth = 0;

	for (; node->parent; node = node->parent) {
		depth++;
	}
	return depth;
}

/* Returns: how many levels of nodes `node` contains. */
static size_t height_of(const struct vtr_dav_node *top)
{
	const size_t from = depth_of(top);
	size_t most = 0;

	for (const struct vtr_dav_node *node = top; node; node = next_of(node, top)) {
		most = vtr_max(most, depth_of(node) - from);
	}
	return most;
}

/* --- changes ----------------------------------------------------------------------------------------- */

static void note_change(struct vtr_dav_folder *folder, struct vtr_dav_node *parent)
{
	if (parent) {
		parent->modified_s = time(NULL);
	}
	if (folder->changed) {
		folder->changed(folder->changed_data);
	}
}

static enum vtr_err make_node(struct vtr_dav_folder *folder, struct vtr_dav_node *parent, const char *name,
                              size_t size, struct vtr_dav_node **out_node)
{
	struct vtr_dav_node *node;

	if (!vtr_dav_name_is_valid(name, size)) {
		return VTR_ERR_INVALID;
	}
	if (folder->count >= VTR_DAV_MAX_NODES || folder->last_id == UINT32_MAX ||
	    depth_of(parent) >= VTR_DAV_MAX_DEPTH) {
		return VTR_ERR_LIMIT;
	}
	node = calloc(1, sizeof(*node));
	if (node) {
		node->name = strndup(name, size);
	}
	if (!node || !node->name) {
		free(node);
		return VTR_ERR_NOMEM;
	}
	node->id = ++folder->last_id;
	node->parent = parent;
	node->created_s = time(NULL);
	node->modified_s = node->created_s;
	vtr_list_init(&node->children);
	vtr_list_append(&parent->children, &node->siblings);
	folder->count++;
	*out_node = node;
	return VTR_OK;
}

enum vtr_err vtr_dav_folder_add(struct vtr_dav_folder *folder, struct vtr_dav_node *parent, const char *name,
                                size_t size, struct vtr_dav_contents *contents,
                                struct vtr_dav_node **out_node)
{
	enum vtr_err err = make_node(folder, parent, name, size, out_node);

	if (err == VTR_OK) {
		(*out_node)->contents = contents;
		(*out_node)->version = ++folder->last_version;
		note_change(folder, parent);
	}
	return err;
}

void vtr_dav_folder_replace(struct vtr_dav_folder *folder, struct vtr_dav_node *file,
                            struct vtr_dav_contents *contents)
{
	vtr_dav_contents_unref(file->contents);
	file->contents = contents;
	file->modified_s = time(NULL);
	file->version = ++folder->last_version;
	note_change(folder, NULL);
}

static void destroy_node(struct vtr_dav_folder *folder, struct vtr_dav_node *node)
{
	if (folder->removes) {
		folder->removes(folder->removes_data, node);
	}
	vtr_list_remove(&node->siblings);
	vtr_dav_contents_unref(node->contents);
	free(node->name);
	free(node);
	folder->count--;
}

static void destroy_children(struct vtr_dav_folder *folder, struct vtr_dav_node *top)
{
	struct vtr_dav_node *node = top;

	while (!vtr_list_empty(&top->children)) {
		while (!vtr_list_empty(&node->children)) {
			node = vtr_container_of(node->children.next, struct vtr_dav_node, siblings);
		}
		struct vtr_dav_node *parent = node->parent;
		destroy_node(folder, node);
		node = parent;
	}
}

void vtr_dav_folder_remove(struct vtr_dav_folder *folder, struct vtr_dav_node *node)
{
	struct vtr_dav_node *parent = node->parent;

	destroy_children(folder, node);
	destroy_node(folder, node);
	note_change(folder, parent);
}

void vtr_dav_folder_finish(struct vtr_dav_folder *folder)
{
	folder->changed = NULL;
	folder->removes = NULL;
	destroy_children(folder, &folder->root);
}

enum vtr_err vtr_dav_folder_move(struct vtr_dav_folder *folder, struct vtr_dav_node *node,
                                 struct vtr_dav_node *parent, const char *name, size_t size)
{
	char *copy;

	if (!vtr_dav_name_is_valid(name, size)) {
		return VTR_ERR_INVALID;
	}
	if (depth_of(parent) + 1 + height_of(node) > VTR_DAV_MAX_DEPTH) {
		return VTR_ERR_LIMIT;
	}
	copy = strndup(name, size);
	if (!copy) {
		return VTR_ERR_NOMEM;
	}
	if (folder->removes) {
		folder->removes(folder->removes_data, node); /* locks do not move */
	}
	free(node->name);
	node->name = copy;
	node->parent->modified_s = time(NULL);
	vtr_list_remove(&node->siblings);
	vtr_list_append(&parent->children, &node->siblings);
	node->parent = parent;
	note_change(folder, parent);
	return VTR_OK;
}

/* Copies one node without its children. */
static enum vtr_err copy_one(struct vtr_dav_folder *folder, const struct vtr_dav_node *from,
                             struct vtr_dav_node *parent, const char *name, size_t size,
                             struct vtr_dav_node **out_node)
{
	enum vtr_err err = make_node(folder, parent, name, size, out_node);

	if (err == VTR_OK) {
		(*out_node)->contents = from->contents ? vtr_dav_contents_ref(from->contents) : NULL;
		(*out_node)->version = ++folder->last_version;
	}
	return err;
}

enum vtr_err vtr_dav_folder_copy(struct vtr_dav_folder *folder, const struct vtr_dav_node *node,
                                 struct vtr_dav_node *parent, const char *name, size_t size, bool deep)
{
	struct vtr_dav_node *top;
	enum vtr_err err = copy_one(folder, node, parent, name, size, &top);

	if (err != VTR_OK) {
		return err;
	}
	struct vtr_dav_node *to = top; /* the copy of from's predecessor in the walk */
	const struct vtr_dav_node *before = node;
	const struct vtr_dav_node *from = deep ? next_of(node, node) : NULL;
	for (; from && err == VTR_OK; before = from, from = next_of(from, node)) {
		for (; before != from->parent; before = before->parent) {
			to = to->parent;
		}
		err = copy_one(folder, from, to, from->name, strlen(from->name), &to);
	}
	if (err != VTR_OK) {
		destroy_children(folder, top);
		destroy_node(folder, top);
	}
	note_change(folder, parent);
	return err;
}
