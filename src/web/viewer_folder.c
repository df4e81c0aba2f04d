/* SPDX-License-Identifier: MIT */
#include "web/viewer_folder.h"

#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "platform/thread.h"
#include "web/folder_link.h"

static struct vtr_dav_folder *folder_of(const struct vtr_viewer_folder *viewer)
{
	return vtr_folder_link_folder(viewer->link);
}

static void wake(struct vtr_viewer_folder *viewer)
{
	lws_callback_on_writable(viewer->wsi);
}

enum vtr_err vtr_viewer_folder_create(struct vtr_folder_link *link, struct lws *wsi,
                                      struct vtr_viewer_folder **out_viewer)
{
	struct vtr_viewer_folder *viewer = calloc(1, sizeof(*viewer));

	if (!viewer) {
		return VTR_ERR_NOMEM;
	}
	viewer->link = link;
	viewer->wsi = wsi;
	viewer->state_due = true;
	vtr_list_init(&viewer->node);
	vtr_folder_link_add(link, &viewer->node);
	*out_viewer = viewer;
	return VTR_OK;
}

static void forget_transfer(struct vtr_viewer_transfer *transfer)
{
	vtr_dav_contents_unref(transfer->contents);
	free(transfer->name);
	*transfer = (struct vtr_viewer_transfer){ .used = false };
}

void vtr_viewer_folder_destroy(struct vtr_viewer_folder *viewer)
{
	if (!viewer) {
		return;
	}
	vtr_list_remove(&viewer->node);
	for (size_t i = 0; i < VTR_VIEWER_TRANSFERS; i++) {
		forget_transfer(&viewer->transfers[i]);
	}
	vtr_dav_text_finish(&viewer->entries);
	free(viewer);
}

void vtr_viewer_folder_tell_state(struct vtr_viewer_folder *viewer)
{
	viewer->state_due = true;
	wake(viewer);
}

/* --- transfers --------------------------------------------------------------------------------------- */

/* Returns: the transfer of this number that has not ended; NULL: none. */
static struct vtr_viewer_transfer *find(struct vtr_viewer_folder *viewer, uint32_t id)
{
	for (size_t i = 0; i < VTR_VIEWER_TRANSFERS; i++) {
		struct vtr_viewer_transfer *transfer = &viewer->transfers[i];
		if (transfer->used && transfer->contents && transfer->id == id) {
			return transfer;
		}
	}
	return NULL;
}

/* Returns: a new transfer; NULL: there are too many, or the number is in use, which pages know to avoid. */
static struct vtr_viewer_transfer *add(struct vtr_viewer_folder *viewer, uint32_t id)
{
	if (find(viewer, id)) {
		return NULL;
	}
	for (size_t i = 0; i < VTR_VIEWER_TRANSFERS; i++) {
		struct vtr_viewer_transfer *transfer = &viewer->transfers[i];
		if (!transfer->used) {
			*transfer = (struct vtr_viewer_transfer){ .used = true, .id = id };
			return transfer;
		}
	}
	return NULL;
}

static void set_state(struct vtr_viewer_folder *viewer, struct vtr_viewer_transfer *transfer,
                      enum vtr_folder_transfer state, uint64_t value)
{
	transfer->due = true;
	transfer->state = state;
	transfer->value = value;
	if (state != VTR_FOLDER_GOING) {
		vtr_dav_contents_unref(transfer->contents);
		transfer->contents = NULL;
	}
	wake(viewer);
}

static enum vtr_err get_file(struct vtr_viewer_folder *viewer, const struct vtr_folder_message *message)
{
	struct vtr_viewer_transfer *transfer = add(viewer, message->transfer);
	const struct vtr_dav_node *node = vtr_dav_folder_find(folder_of(viewer), message->node);

	if (!transfer) {
		return VTR_ERR_PROTOCOL;
	}
	if (!node || vtr_dav_node_is_folder(node)) {
		set_state(viewer, transfer, VTR_FOLDER_GONE, 0);
		return VTR_OK;
	}
	transfer->contents = vtr_dav_contents_ref(node->contents);
	set_state(viewer, transfer, VTR_FOLDER_GOING, node->contents->size);
	return VTR_OK;
}

static uint64_t free_bytes(const struct vtr_viewer_folder *viewer)
{
	const struct vtr_dav_folder *folder = folder_of(viewer);

	return vtr_budget_left(&folder->budget, folder->budget.limit);
}

/* Adds the file, which is complete, to the folder. */
static void finish_put(struct vtr_viewer_folder *viewer, struct vtr_viewer_transfer *transfer)
{
	struct vtr_dav_folder *folder = folder_of(viewer);
	struct vtr_dav_node *parent = vtr_dav_folder_find(folder, transfer->folder);
	struct vtr_dav_node *node;

	if (!parent || !vtr_dav_node_is_folder(parent)) {
		set_state(viewer, transfer, VTR_FOLDER_GONE, 0);
		return;
	}
	if (vtr_dav_node_child(parent, transfer->name, strlen(transfer->name))) {
		set_state(viewer, transfer, VTR_FOLDER_TAKEN, 0);
		return;
	}
	vtr_dav_contents_complete(transfer->contents);
	const enum vtr_err err = vtr_dav_folder_add(folder, parent, transfer->name, strlen(transfer->name),
	                                            transfer->contents, &node);
	if (err == VTR_OK) {
		transfer->contents = NULL;
	}
	set_state(viewer, transfer, err == VTR_OK ? VTR_FOLDER_DONE : VTR_FOLDER_FAILED, 0);
}

/* Returns: VTR_FOLDER_GOING, or why it cannot begin. */
static enum vtr_folder_transfer begin_put(struct vtr_viewer_folder *viewer,
                                          struct vtr_viewer_transfer *transfer,
                                          const struct vtr_folder_message *message)
{
	struct vtr_dav_folder *folder = folder_of(viewer);
	const struct vtr_dav_node *parent = vtr_dav_folder_find(folder, message->node);
	const char *name = (const char *)message->bytes;

	if (!parent || !vtr_dav_node_is_folder(parent)) {
		return VTR_FOLDER_GONE;
	}
	if (!vtr_dav_name_is_valid(name, message->bytes_size)) {
		return VTR_FOLDER_INVALID;
	}
	if (vtr_dav_node_child(parent, name, message->bytes_size)) {
		return VTR_FOLDER_TAKEN;
	}
	if (message->size > free_bytes(viewer)) {
		return VTR_FOLDER_NO_SPACE;
	}
	transfer->comes = true;
	transfer->folder = message->node;
	transfer->size = message->size;
	transfer->name = strndup(name, message->bytes_size);
	if (!transfer->name || vtr_dav_contents_create(&folder->budget, &transfer->contents) != VTR_OK) {
		return VTR_FOLDER_FAILED;
	}
	return VTR_FOLDER_GOING;
}

static enum vtr_err put_file(struct vtr_viewer_folder *viewer, const struct vtr_folder_message *message,
                             bool controls)
{
	struct vtr_viewer_transfer *transfer = add(viewer, message->transfer);

	if (!transfer) {
		return VTR_ERR_PROTOCOL;
	}
	const enum vtr_folder_transfer state = controls ? begin_put(viewer, transfer, message) :
	                                                  VTR_FOLDER_NO_CONTROL;
	if (state != VTR_FOLDER_GOING) {
		set_state(viewer, transfer, state, state == VTR_FOLDER_NO_SPACE ? free_bytes(viewer) : 0);
	} else if (transfer->size == 0) {
		finish_put(viewer, transfer);
	}
	return VTR_OK;
}

/* Data of a file that has ended was on its way, and is dropped. */
static enum vtr_err add_data(struct vtr_viewer_folder *viewer, const struct vtr_folder_message *message)
{
	struct vtr_viewer_transfer *transfer = find(viewer, message->transfer);

	if (!transfer) {
		return VTR_OK;
	}
	if (!transfer->comes || message->bytes_size > transfer->size - transfer->contents->size) {
		return VTR_ERR_PROTOCOL;
	}
	const enum vtr_err err =
		vtr_dav_contents_add(transfer->contents, message->bytes, message->bytes_size);
	if (err == VTR_ERR_LIMIT) {
		set_state(viewer, transfer, VTR_FOLDER_NO_SPACE, free_bytes(viewer));
	} else if (err != VTR_OK) {
		set_state(viewer, transfer, VTR_FOLDER_FAILED, 0);
	} else if (transfer->contents->size == transfer->size) {
		finish_put(viewer, transfer);
	}
	return VTR_OK;
}

/* --- messages of the page ---------------------------------------------------------------------------- */

/* A list is made at once, so that it is consistent, and sent in pieces. */
static enum vtr_err make_list(struct vtr_viewer_folder *viewer, uint32_t id)
{
	const struct vtr_dav_node *folder = vtr_dav_folder_find(folder_of(viewer), id);
	const struct vtr_dav_node *child;

	if (viewer->lists) {
		return VTR_ERR_PROTOCOL; /* one at a time */
	}
	viewer->lists = true;
	viewer->listed = id;
	viewer->listed_is_gone = !folder || !vtr_dav_node_is_folder(folder);
	viewer->entries_sent = 0;
	if (!viewer->listed_is_gone) {
		vtr_list_for_each (child, &folder->children, siblings) {
			vtr_folder_message_add_entry(&viewer->entries, child);
		}
	}
	wake(viewer);
	return viewer->entries.failed ? VTR_ERR_NOMEM : VTR_OK;
}

/* Files that were begun before the control was lost go on. */
static enum vtr_err take(struct vtr_viewer_folder *viewer, const struct vtr_folder_message *message,
                         bool controls)
{
	struct vtr_viewer_transfer *transfer;
	struct vtr_dav_node *node;

	switch ((int)message->type) {
	case VTR_FOLDER_MESSAGE_LIST:
		return make_list(viewer, message->node);
	case VTR_FOLDER_MESSAGE_GET:
		return get_file(viewer, message);
	case VTR_FOLDER_MESSAGE_REMOVE:
		if (!controls) {
			return VTR_ERR_UNSUPPORTED;
		}
		node = vtr_dav_folder_find(folder_of(viewer), message->node);
		if (node && node->parent) {
			vtr_dav_folder_remove(folder_of(viewer), node);
		}
		return VTR_OK;
	case VTR_FOLDER_MESSAGE_PUT:
		return put_file(viewer, message, controls);
	case VTR_FOLDER_MESSAGE_DATA:
		return add_data(viewer, message);
	default:
		transfer = find(viewer, message->transfer);
		if (transfer) {
			forget_transfer(transfer);
		}
		return VTR_OK;
	}
}

enum vtr_err vtr_viewer_folder_receive(struct vtr_viewer_folder *viewer, const uint8_t *bytes, size_t size,
                                       bool controls)
{
	struct vtr_folder_message message;
	const enum vtr_err err = vtr_folder_message_parse(bytes, size, &message);

	return err == VTR_OK ? take(viewer, &message, controls) : err;
}

/* --- messages to the page ---------------------------------------------------------------------------- */

/* If it is too early, the server looks again within 250 ms, as it does at all viewers. */
static bool is_state_due(const struct vtr_viewer_folder *viewer)
{
	const int64_t ahead_ns = viewer->paid_until_ns - vtr_os_now_ns();

	return viewer->state_due && ahead_ns <= (VTR_VIEWER_FOLDER_AT_ONCE - 1) * VTR_VIEWER_FOLDER_NS;
}

static size_t write_small(struct vtr_viewer_folder *viewer, uint8_t *out)
{
	if (is_state_due(viewer)) {
		const struct vtr_dav_folder *folder = folder_of(viewer);
		viewer->state_due = false;
		viewer->paid_until_ns = vtr_max(viewer->paid_until_ns, vtr_os_now_ns()) +
		                        VTR_VIEWER_FOLDER_NS;
		return vtr_folder_message_state(
			out, vtr_folder_link_state(viewer->link), vtr_folder_link_changes(viewer->link),
			folder->budget.limit - free_bytes(viewer), folder->budget.limit);
	}
	for (size_t i = 0; i < VTR_VIEWER_TRANSFERS; i++) {
		struct vtr_viewer_transfer *transfer = &viewer->transfers[i];
		if (!transfer->used || !transfer->due) {
			continue;
		}
		const size_t size =
			vtr_folder_message_transfer(out, transfer->id, transfer->state, transfer->value);
		transfer->due = false;
		if (!transfer->contents) {
			forget_transfer(transfer);
		} else if (!transfer->comes && transfer->contents->size == 0) {
			set_state(viewer, transfer, VTR_FOLDER_DONE, 0);
		}
		return size;
	}
	return 0;
}

/* The next entries of a list, whole ones. */
static size_t write_entries(struct vtr_viewer_folder *viewer, uint8_t *out)
{
	const struct vtr_dav_text *entries = &viewer->entries;
	const char *from = entries->bytes + viewer->entries_sent;
	const size_t left = entries->size - viewer->entries_sent;
	size_t size = 0;

	while (size < left) {
		const size_t entry = VTR_FOLDER_ENTRY_MAX - 255 +
		                     (uint8_t)from[size + VTR_FOLDER_ENTRY_MAX - 256];
		if (size + entry > VTR_FOLDER_MESSAGE_PIECE_OUT) {
			break;
		}
		size += entry;
	}
	viewer->entries_sent += size;
	const size_t head = vtr_folder_message_entries(
		out, viewer->listed,
		(viewer->entries_sent == entries->size ? VTR_FOLDER_ENTRIES_LAST : 0) |
			(viewer->listed_is_gone ? VTR_FOLDER_ENTRIES_GONE : 0));
	if (size > 0) {
		memcpy(out + head, from, size);
	}
	if (viewer->entries_sent == entries->size) {
		viewer->lists = false;
		vtr_dav_text_finish(&viewer->entries);
	}
	return head + size;
}

static bool is_sending(const struct vtr_viewer_transfer *transfer)
{
	return transfer->used && transfer->contents && !transfer->comes && !transfer->due;
}

/* Transfers take turns. */
static size_t write_part(struct vtr_viewer_folder *viewer, uint8_t *out)
{
	for (size_t i = 0; i < VTR_VIEWER_TRANSFERS; i++) {
		viewer->turn = (viewer->turn + 1) % VTR_VIEWER_TRANSFERS;
		struct vtr_viewer_transfer *transfer = &viewer->transfers[viewer->turn];
		if (!is_sending(transfer)) {
			continue;
		}
		const uint64_t left = transfer->contents->size - transfer->at;
		const size_t part = left < VTR_FOLDER_MESSAGE_PIECE_OUT ? (size_t)left :
		                                                          VTR_FOLDER_MESSAGE_PIECE_OUT;
		const size_t head = vtr_folder_message_part(out, transfer->id);
		vtr_dav_contents_read(transfer->contents, transfer->at, out + head, part);
		transfer->at += part;
		if (transfer->at == transfer->contents->size) {
			set_state(viewer, transfer, VTR_FOLDER_DONE, 0);
		}
		return head + part;
	}
	return 0;
}

static bool is_long_due(const struct vtr_viewer_folder *viewer)
{
	bool due = viewer->lists;

	for (size_t i = 0; i < VTR_VIEWER_TRANSFERS; i++) {
		due = due || is_sending(&viewer->transfers[i]);
	}
	return due;
}

bool vtr_viewer_folder_is_due(const struct vtr_viewer_folder *viewer)
{
	bool due = viewer && (is_state_due(viewer) || is_long_due(viewer));

	for (size_t i = 0; viewer && i < VTR_VIEWER_TRANSFERS; i++) {
		due = due || (viewer->transfers[i].used && viewer->transfers[i].due);
	}
	return due;
}

size_t vtr_viewer_folder_write(struct vtr_viewer_folder *viewer, uint8_t *out, bool yields)
{
	size_t size = viewer ? write_small(viewer, out) : 0;

	if (!viewer || size > 0 || !is_long_due(viewer)) {
		return size;
	}
	if (yields) {
		viewer->yielded = !viewer->yielded;
		if (viewer->yielded) {
			return 0;
		}
	}
	return viewer->lists ? write_entries(viewer, out) : write_part(viewer, out);
}
