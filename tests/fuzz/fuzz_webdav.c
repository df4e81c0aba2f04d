/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "webdav/client.h"
#include "webdav/mux.h"
#include "webdav/server.h"

/*
 * What a guest sends over the port of spice-webdavd, while viewers use the folder: steps of {kind, length, bytes}. A
 * step is bytes of the port as they are, a frame, a whole request that is put together, or something that a viewer or
 * time does. What comes out must be frames, and the folder must stay a tree within its limits.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEPS_MAX 256
#define OUT_BYTES 65536
#define FOLDER_BYTES (4u << 20)
#define SECOND INT64_C(1000000000)

struct world {
	struct vtr_dav_folder folder;
	struct vtr_dav *dav;
	struct vtr_dav_mux out; /* reads what comes out */
	unsigned changes;
	int64_t now_ns;
};

static const char *const methods[] = { "OPTIONS", "GET",  "HEAD",     "PUT",       "DELETE", "MKCOL", "COPY",
	                               "MOVE",    "LOCK", "PROPFIND", "PROPPATCH", "UNLOCK", "LOCK",  "X" };
static const char *const paths[] = {
	"/",        "/a",      "/b",  "/a/",          "/a/b",         "/a/b/c",
	"/b/x%20y", "/%C3%A4", "/..", "http://h/a/c", "/b/b/b/b/b/b", "*",
};
static const char *const headers[] = {
	"",
	"Depth: 0\r\n",
	"Depth: 1\r\n",
	"Overwrite: F\r\n",
	"Range: bytes=1-3\r\n",
	"Range: bytes=-2\r\n",
	"If-None-Match: *\r\n",
	"If-Match: *\r\n",
	"Expect: 100-continue\r\n",
	"If: </a> (Not <urn:x> [\"e\"]) (<urn:y>)\r\n",
	"Timeout: Second-5\r\n",
	"Transfer-Encoding: chunked\r\n",
};

static void on_changed(void *data)
{
	struct world *world = data;

	world->changes++;
}

/* --- what must hold ---------------------------------------------------------------------------------- */

static size_t check_node(const struct vtr_dav_node *node, size_t depth)
{
	const struct vtr_dav_node *child;
	size_t count = 0;

	vtr_assert(depth <= VTR_DAV_MAX_DEPTH + 1);
	vtr_list_for_each (child, &node->children, siblings) {
		vtr_assert(child->parent == node && child->id != 0);
		vtr_assert(vtr_dav_name_is_valid(child->name, strlen(child->name)));
		vtr_assert(vtr_dav_node_child(node, child->name, strlen(child->name)) == child);
		vtr_assert(vtr_dav_node_is_folder(child) || vtr_list_empty(&child->children));
		count += 1 + check_node(child, depth + 1);
	}
	return count;
}

static void check(struct world *world)
{
	vtr_assert(check_node(&world->folder.root, 0) == world->folder.count);
	vtr_assert(world->folder.count <= VTR_DAV_MAX_NODES);
	vtr_assert(vtr_budget_left(&world->folder.budget, FOLDER_BYTES) <= FOLDER_BYTES);
	vtr_assert(world->dav->client_count <= VTR_DAV_MAX_CLIENTS);
}

/* --- steps ------------------------------------------------------------------------------------------- */

static void drain(struct world *world, size_t room)
{
	static uint8_t out[OUT_BYTES];
	const uint8_t *at = out;
	struct vtr_dav_mux_piece piece;
	size_t size = vtr_dav_write(world->dav, out, room, world->now_ns);

	vtr_assert(size <= room);
	while (vtr_dav_mux_take(&world->out, &at, &size, &piece) == VTR_OK) {
		vtr_assert(piece.begins && piece.size > 0); /* frames are whole */
	}
	vtr_assert(size == 0 && world->out.left == 0 && world->out.head_size == 0);
}

static void receive(struct world *world, const uint8_t *bytes, size_t size)
{
	/* In memory of just that size, so that ASan sees the end. */
	uint8_t *copy = malloc(size > 0 ? size : 1);

	vtr_assert(copy != NULL);
	memcpy(copy, bytes, size);
	const uint8_t *at = copy;
	while (size > 0) {
		const size_t before = size;
		if (vtr_dav_receive(world->dav, &at, &size, world->now_ns) != VTR_OK) {
			vtr_dav_reset(world->dav);
			vtr_assert(world->dav->client_count == 0);
			break;
		}
		vtr_assert(size < before); /* it goes on */
	}
	free(copy);
}

static void receive_frame(struct world *world, int64_t number, const uint8_t *bytes, size_t size)
{
	uint8_t frame[VTR_DAV_MUX_HEAD + 1024];

	vtr_assert(size <= 1024);
	vtr_dav_mux_put_head(frame, number, size);
	memcpy(frame + VTR_DAV_MUX_HEAD, bytes, size);
	receive(world, frame, VTR_DAV_MUX_HEAD + size);
}

/* The first bytes choose client, method, path, destination and headers; the rest is the body. */
static void request(struct world *world, const uint8_t *bytes, size_t size)
{
	char text[1024];
	const char *token = "urn:none";

	if (size < 6) {
		return;
	}
	for (size_t i = 0; i < VTR_DAV_MAX_LOCKS; i++) {
		const struct vtr_dav_lock *lock = &world->dav->locks.locks[i];
		token = lock->number != 0 ? lock->token : token;
	}
	const char *method = methods[bytes[1] % VTR_ARRAY_LEN(methods)];
	int at = snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nDestination: %s\r\n%s%s", method,
	                  paths[bytes[2] % VTR_ARRAY_LEN(paths)], paths[bytes[3] % VTR_ARRAY_LEN(paths)],
	                  headers[bytes[4] % VTR_ARRAY_LEN(headers)],
	                  headers[(bytes[4] >> 4) % VTR_ARRAY_LEN(headers)]);
	if ((bytes[5] & 1) != 0) {
		at += snprintf(text + at, sizeof(text) - (size_t)at, "If: (<%s>)\r\nLock-Token: <%s>\r\n",
		               token, token);
	}
	if ((bytes[5] & 2) != 0) {
		at += snprintf(text + at, sizeof(text) - (size_t)at, "Content-Length: %zu\r\n", size - 6);
	}
	at += snprintf(text + at, sizeof(text) - (size_t)at, "\r\n%.*s", (int)(size - 6),
	               (const char *)bytes + 6);
	receive_frame(world, bytes[0] % 80, (const uint8_t *)text, vtr_min((size_t)at, sizeof(text) - 1));
}

static void remove_node(struct world *world, uint8_t id)
{
	struct vtr_dav_node *node = vtr_dav_folder_find(&world->folder, id);

	if (node && node->parent) {
		vtr_dav_folder_remove(&world->folder, node);
	}
}

/* A file or folder of a viewer. */
static void put_node(struct world *world, const uint8_t *bytes, size_t size)
{
	struct vtr_dav_node *parent = vtr_dav_folder_find(&world->folder, bytes[0]);
	struct vtr_dav_contents *contents = NULL;
	struct vtr_dav_node *node;
	const char *name = (const char *)bytes + 1;

	if (size < 2 || !parent || !vtr_dav_node_is_folder(parent) ||
	    vtr_dav_node_child(parent, name, size - 1)) {
		return;
	}
	if ((bytes[1] & 1) != 0) {
		vtr_assert(vtr_dav_contents_create(&world->folder.budget, &contents) == VTR_OK);
		if (vtr_dav_contents_add(contents, bytes, size) == VTR_OK) {
			vtr_dav_contents_complete(contents);
		}
	}
	if (vtr_dav_folder_add(&world->folder, parent, name, size - 1, contents, &node) != VTR_OK) {
		vtr_dav_contents_unref(contents);
	}
}

static void step(struct world *world, uint8_t kind, const uint8_t *bytes, size_t size)
{
	switch (kind % 8) {
	case 0:
		receive(world, bytes, size);
		break;
	case 1:
		receive_frame(world, bytes[0] % 80, bytes + 1, size - 1);
		break;
	case 2:
	case 3:
		request(world, bytes, size);
		break;
	case 4:
		drain(world, (bytes[0] & 1) != 0 ? OUT_BYTES : 64);
		break;
	case 5:
		remove_node(world, bytes[0]);
		break;
	case 6:
		put_node(world, bytes, size);
		break;
	default:
		world->now_ns += bytes[0] * 10 * SECOND;
		vtr_dav_tick(world->dav, world->now_ns);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world world;

	world = (struct world){ .now_ns = SECOND };
	vtr_dav_folder_init(&world.folder, FOLDER_BYTES);
	world.folder.changed = on_changed;
	world.folder.changed_data = &world;
	vtr_assert(vtr_dav_create(&world.folder, 1, &world.dav) == VTR_OK);
	for (int i = 0; i < STEPS_MAX && size > 2; i++) {
		const size_t length = vtr_min((size_t)data[1] + 1, size - 2);
		step(&world, data[0], data + 2, length);
		check(&world);
		data += 2 + length;
		size -= 2 + length;
	}
	vtr_dav_destroy(world.dav);
	vtr_dav_folder_finish(&world.folder);
	vtr_assert(vtr_budget_left(&world.folder.budget, FOLDER_BYTES) == FOLDER_BYTES);
	return 0;
}
