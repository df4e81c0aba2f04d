/* SPDX-License-Identifier: MIT */
#ifndef WEBDAV_FOLDER_H
#define WEBDAV_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "base/mem.h"
#include "webdav/contents.h"

/*
 * A folder in memory that guest and viewers share: files and folders with limits. A file is there once it is
 * complete.
 *
 * Thread: one.
 */

/* Files and folders together. */
#define VTR_DAV_MAX_NODES 4096
/* Of folders in folders. */
#define VTR_DAV_MAX_DEPTH 16
#define VTR_DAV_MAX_NAME 255

struct vtr_dav_node {
	struct vtr_list siblings; /* in the parent's children */
	struct vtr_dav_node *parent; /* NULL: the root */
	uint32_t id; /* never used again; the root has 0 */
	char *name; /* valid UTF-8; "" for the root */
	struct vtr_dav_contents *contents; /* NULL: a folder */
	struct vtr_list children; /* struct vtr_dav_node, in the order of their creation */
	int64_t created_s, modified_s; /* since 1970 */
	uint32_t version; /* of the contents */
};

struct vtr_dav_folder {
	struct vtr_dav_node root;
	struct vtr_budget budget; /* of bytes in files */
	size_t count; /* nodes without the root */
	uint32_t last_id, last_version;
	/* Called after each change; may not change the folder. */
	void (*changed)(void *data);
	/* Called before a node is removed. */
	void (*removes)(void *data, const struct vtr_dav_node *node);
	void *changed_data, *removes_data;
};

/* `bytes`: the most in all files. The callbacks are set by others. */
void vtr_dav_folder_init(struct vtr_dav_folder *folder, uint64_t bytes);

/* All contents have no other owner any more. */
void vtr_dav_folder_finish(struct vtr_dav_folder *folder);

/* Returns: whether a node may have this name: UTF-8 without "/" and control characters, not "." and not "..". */
bool vtr_dav_name_is_valid(const char *name, size_t size);

/* Returns: the node of this id, or NULL. */
struct vtr_dav_node *vtr_dav_folder_find(struct vtr_dav_folder *folder, uint32_t id);

/* Returns: the child of this name, or NULL. */
struct vtr_dav_node *vtr_dav_node_child(const struct vtr_dav_node *parent, const char *name, size_t size);

static inline bool vtr_dav_node_is_folder(const struct vtr_dav_node *node)
{
	return !node->contents;
}

/* Returns: whether `node` is `inside` or lies in it. */
bool vtr_dav_node_is_in(const struct vtr_dav_node *node, const struct vtr_dav_node *inside);

/* Adds a node. The parent is a folder and has no child of this name.
 * Owner: `contents`, which are complete, are consumed if it succeeds; NULL: it becomes a folder.
 * Returns: VTR_ERR_INVALID (name), VTR_ERR_LIMIT (too many nodes, or too deep), VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_dav_folder_add(struct vtr_dav_folder *folder, struct vtr_dav_node *parent,
                                               const char *name, size_t size,
                                               struct vtr_dav_contents *contents,
                                               struct vtr_dav_node **out_node);

/* Replaces the contents of a file. Owner: they are consumed. */
void vtr_dav_folder_replace(struct vtr_dav_folder *folder, struct vtr_dav_node *file,
                            struct vtr_dav_contents *contents);

/* Removes a node with all that it contains; not the root. */
void vtr_dav_folder_remove(struct vtr_dav_folder *folder, struct vtr_dav_node *node);

/* Moves a node, not into itself. `parent` has no child of this name.
 * Returns: VTR_ERR_INVALID (name), VTR_ERR_LIMIT (too deep), VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_dav_folder_move(struct vtr_dav_folder *folder, struct vtr_dav_node *node,
                                                struct vtr_dav_node *parent, const char *name, size_t size);

/* Copies a node, not into itself; a folder with what it contains if `deep`. Copies of a file share its bytes.
 * `parent` has no child of this name. On failure nothing is left.
 * Returns: VTR_ERR_INVALID (name), VTR_ERR_LIMIT (nodes or depth), VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_dav_folder_copy(struct vtr_dav_folder *folder,
                                                const struct vtr_dav_node *node, struct vtr_dav_node *parent,
                                                const char *name, size_t size, bool deep);

#endif
