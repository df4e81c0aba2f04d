/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "folder"
#include "web/folder_link.h"

#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "platform/thread.h"
#include "web/guest_port.h"
#include "web/viewer_folder.h"
#include "webdav/server.h"

struct vtr_folder_link {
	struct vtr_guest_port port;
	struct vtr_log *log;
	struct vtr_dav_folder folder;
	struct vtr_dav *dav;
	bool heard; /* something came over the connection */
	uint32_t changes;
	struct vtr_list viewers; /* struct vtr_viewer_folder */
};

static void tell_viewers(struct vtr_folder_link *link)
{
	struct vtr_viewer_folder *viewer;

	vtr_list_for_each (viewer, &link->viewers, node) {
		vtr_viewer_folder_tell_state(viewer);
	}
}

static void on_changed(void *data)
{
	struct vtr_folder_link *link = data;

	link->changes++;
	tell_viewers(link);
}

/* --- the connection ---------------------------------------------------------------------------------- */

static void on_connected(void *data)
{
	tell_viewers(data);
}

static void on_disconnected(void *data)
{
	struct vtr_folder_link *link = data;

	link->heard = false;
	vtr_dav_reset(link->dav);
	tell_viewers(link);
}

static enum vtr_err on_bytes(void *data, const uint8_t **bytes, size_t *size, int64_t now_ns)
{
	struct vtr_folder_link *link = data;
	const enum vtr_err err = vtr_dav_receive(link->dav, bytes, size, now_ns);

	if (err == VTR_ERR_PROTOCOL) {
		vtr_warn_limited(link->log, "what comes from the guest's folder daemon makes no sense: it is "
		                            "disconnected and begins anew");
	} else if (err == VTR_OK && !link->heard) {
		link->heard = true;
		tell_viewers(link);
	}
	return err;
}

static size_t write_bytes(void *data, uint8_t *out, size_t size, int64_t now_ns)
{
	struct vtr_folder_link *link = data;

	return vtr_dav_write(link->dav, out, size, now_ns);
}

static const struct vtr_guest_port_user port_user = {
	.module = VTR_LOG_MODULE,
	.name = "folder daemon",
	.connected = on_connected,
	.disconnected = on_disconnected,
	.receive = on_bytes,
	.write = write_bytes,
};

void vtr_folder_link_tick(struct vtr_folder_link *link)
{
	if (link) {
		vtr_dav_tick(link->dav, vtr_os_now_ns());
	}
}

/* --- life -------------------------------------------------------------------------------------------- */

enum vtr_err vtr_folder_link_create(struct vtr_log *log, int *take_listen_fd, uint64_t bytes,
                                    struct vtr_folder_link **out_link)
{
	struct vtr_folder_link *link = calloc(1, sizeof(*link));

	if (!link) {
		vtr_close(take_listen_fd);
		return VTR_ERR_NOMEM;
	}
	vtr_guest_port_init(&link->port, log, take_listen_fd, &port_user, link);
	link->log = log;
	vtr_list_init(&link->viewers);
	vtr_dav_folder_init(&link->folder, bytes);
	link->folder.changed = on_changed;
	link->folder.changed_data = link;
	/* Differs at each start. */
	const uint64_t seed = (uint64_t)vtr_os_now_ns() * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)time(NULL);
	enum vtr_err err = vtr_dav_create(&link->folder, seed, &link->dav);
	if (err != VTR_OK) {
		vtr_folder_link_destroy(link);
		return err;
	}
	*out_link = link;
	return VTR_OK;
}

enum vtr_err vtr_folder_link_listen(struct vtr_folder_link *link, struct vtr_web *web)
{
	return vtr_guest_port_listen(&link->port, web);
}

void vtr_folder_link_stop(struct vtr_folder_link *link)
{
	if (link) {
		vtr_guest_port_stop(&link->port);
	}
}

void vtr_folder_link_destroy(struct vtr_folder_link *link)
{
	if (!link) {
		return;
	}
	vtr_dav_destroy(link->dav);
	vtr_dav_folder_finish(&link->folder);
	vtr_guest_port_finish(&link->port);
	free(link);
}

/* --- viewers ----------------------------------------------------------------------------------------- */

struct vtr_dav_folder *vtr_folder_link_folder(struct vtr_folder_link *link)
{
	return &link->folder;
}

enum vtr_folder_state vtr_folder_link_state(const struct vtr_folder_link *link)
{
	if (!vtr_guest_port_is_connected(&link->port)) {
		return VTR_FOLDER_ABSENT;
	}
	return link->heard ? VTR_FOLDER_READY : VTR_FOLDER_SILENT;
}

uint32_t vtr_folder_link_changes(const struct vtr_folder_link *link)
{
	return link->changes;
}

void vtr_folder_link_add(struct vtr_folder_link *link, struct vtr_list *viewer_node)
{
	vtr_list_append(&link->viewers, viewer_node);
}
