/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "platform/shm.h"
#include "vhost/internal.h"

#define VTR_LOG_MODULE "vhost"

/* The VMM's requests: a table with the form of each message, and one handler for each. */

enum {
	GET_FEATURES = 1,
	SET_FEATURES = 2,
	SET_OWNER = 3,
	SET_MEM_TABLE = 5,
	SET_VRING_NUM = 8,
	SET_VRING_ADDR = 9,
	SET_VRING_BASE = 10,
	GET_VRING_BASE = 11,
	SET_VRING_KICK = 12,
	SET_VRING_CALL = 13,
	SET_VRING_ERR = 14,
	GET_PROTOCOL_FEATURES = 15,
	SET_PROTOCOL_FEATURES = 16,
	GET_QUEUE_NUM = 17,
	SET_VRING_ENABLE = 18,
	SET_BACKEND_REQ_FD = 21,
	GET_CONFIG = 24,
	SET_CONFIG = 25,
	RESET_DEVICE = 34,
	GET_SHMEM_CONFIG = 44,
	REQUEST_COUNT,
};

struct vring_state {
	uint32_t index;
	uint32_t num;
};

struct vring_addr {
	uint32_t index;
	uint32_t flags; /* dirty logging, which is not offered */
	uint64_t desc;
	uint64_t used;
	uint64_t avail;
	uint64_t log;
};

/* SET_VRING_KICK, _CALL, _ERR */
#define VRING_FD_INDEX 0xffu
#define VRING_FD_NONE 0x100u

struct mem_region {
	uint64_t gpa;
	uint64_t size;
	uint64_t user_addr;
	uint64_t fd_offset;
};

struct mem_table {
	uint32_t count;
	uint32_t padding;
	struct mem_region regions[VTR_RAM_MAX_REGIONS];
};

#define MEM_TABLE_HEADER offsetof(struct mem_table, regions)

#define MAX_CONFIG 256u

struct config {
	uint32_t offset;
	uint32_t size;
	uint32_t flags;
	uint8_t data[MAX_CONFIG];
};

#define CONFIG_HEADER offsetof(struct config, data)

struct shmem_config {
	uint32_t count;
	uint32_t padding;
	uint64_t sizes[256];
};

/* The only region: a virtio-gpu's host-visible memory (virtio 1.3, 5.7.7). */
#define SHMEM_HOSTMEM 1

_Static_assert(sizeof(struct mem_table) <= VTR_VHOST_MAX_PAYLOAD, "must fit");
_Static_assert(sizeof(struct config) <= VTR_VHOST_MAX_PAYLOAD, "must fit");
_Static_assert(sizeof(struct vring_addr) == 40 && sizeof(struct shmem_config) == 2056, "as sent");

struct reply {
	size_t size; /* 0: no data of its own */
	union {
		uint64_t number;
		struct vring_state vring;
		struct config config;
		struct shmem_config shmem;
	} u;
};

struct rule {
	const char *name;
	uint32_t min_size, max_size;
	uint32_t min_fds, max_fds;
	int feature; /* must be negotiated; -1: none */
	/* Returns: VTR_ERR_PROTOCOL (logged) if the connection must be closed; other errors, logged too, fail
	 *          only the request. */
	enum vtr_err (*handle)(struct vtr_vhost_user *server, struct vtr_vhost_message *message,
	                       struct reply *reply);
};

static const struct rule rules[REQUEST_COUNT];

/* Logs what is wrong with a message. Returns: VTR_ERR_PROTOCOL. */
VTR_PRINTF(3, 4)
static enum vtr_err refuse(struct vtr_vhost_user *server, const struct vtr_vhost_message *message,
                           const char *fmt, ...)
{
	char why[160];
	va_list args;
	uint32_t request = message->header.request;
	const char *name = request < REQUEST_COUNT ? rules[request].name : NULL;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	vtr_warn_limited(server->log,
	                 "%s: the VMM broke the vhost-user protocol with message %u%s%s: %s; "
	                 "the connection is closed",
	                 server->device.name, request, name ? " " : "", name ? name : "", why);
	return VTR_ERR_PROTOCOL;
}

static bool negotiated(const struct vtr_vhost_user *server, int feature)
{
	return (server->protocol_features >> feature & 1) != 0;
}

static enum vtr_err reply_number(struct reply *reply, uint64_t number)
{
	reply->u.number = number;
	reply->size = sizeof(reply->u.number);
	return VTR_OK;
}

/* --- features ---------------------------------------------------------------------------------------- */

static uint64_t offered_features(const struct vtr_vhost_user *server)
{
	return server->device.features | VTR_VHOST_INDIRECT_DESC | VTR_VHOST_EVENT_IDX |
	       VTR_VHOST_PROTOCOL_FEATURES | VTR_VHOST_VERSION_1;
}

/*
 * Without CONFIGURE_MEM_SLOTS: with it, QEMU 11.1 crashes when a guest is reset while something is mapped,
 * and each mapping is slower than the one before.
 */
static uint64_t offered_protocol_features(const struct vtr_vhost_user *server)
{
	uint64_t offered = UINT64_C(1) << VTR_VHOST_F_MQ | UINT64_C(1) << VTR_VHOST_F_REPLY_ACK |
	                   UINT64_C(1) << VTR_VHOST_F_BACKEND_REQ | UINT64_C(1) << VTR_VHOST_F_CONFIG |
	                   UINT64_C(1) << VTR_VHOST_F_BACKEND_SEND_FD |
	                   UINT64_C(1) << VTR_VHOST_F_RESET_DEVICE;

	if (server->device.hostmem != NULL) {
		offered |= UINT64_C(1) << VTR_VHOST_F_SHMEM;
	}
	return offered;
}

/* Checks that the VMM can map hostmem into the guest. */
static enum vtr_err check_shmem(struct vtr_vhost_user *server)
{
	if (server->device.hostmem == NULL ||
	    (negotiated(server, VTR_VHOST_F_SHMEM) && negotiated(server, VTR_VHOST_F_BACKEND_REQ) &&
	     negotiated(server, VTR_VHOST_F_REPLY_ACK))) {
		return VTR_OK;
	}
	vtr_error(server->log,
	          "this QEMU cannot map GPU memory into a guest (vhost-user SHMEM), so the connection "
	          "is closed. Use QEMU 11.1 or newer with -device vhost-user-test-device-pci; "
	          "`tools/fetch-qemu` gets one");
	return VTR_ERR_PROTOCOL;
}

/* Reads the VMM's choice of features. Returns: VTR_ERR_PROTOCOL (logged). */
static enum vtr_err read_features(struct vtr_vhost_user *server, const struct vtr_vhost_message *message,
                                  uint64_t offered, uint64_t *out_features)
{
	uint64_t features;

	memcpy(&features, message->payload, sizeof(features));
	if ((features & ~offered) != 0) {
		return refuse(server, message, "features 0x%" PRIx64 " were not offered",
		              features & ~offered);
	}
	*out_features = features;
	return VTR_OK;
}

static enum vtr_err get_features(struct vtr_vhost_user *server, struct vtr_vhost_message *message,
                                 struct reply *reply)
{
	(void)message;
	return reply_number(reply, offered_features(server));
}

static enum vtr_err set_features(struct vtr_vhost_user *server, struct vtr_vhost_message *message,
                                 struct reply *reply)
{
	uint64_t features = 0;
	enum vtr_err err = read_features(server, message, offered_features(server), &features);

	(void)reply;
	if (err != VTR_OK) {
		return err;
	}
	if (server->running) {
		return refuse(server, message, "the device runs");
	}
	server->features = features;
	return check_shmem(server);
}

static enum vtr_err get_protocol_features(struct vtr_vhost_user *server, struct vtr_vhost_message *message,
                                          struct reply *reply)
{
	(void)message;
	return reply_number(reply, offered_protocol_features(server));
}

static enum vtr_err set_protocol_features(struct vtr_vhost_user *server, struct vtr_vhost_message *message,
                                          struct reply *reply)
{
	enum vtr_err err =
		read_features(server, message, offered_protocol_features(server), &server->protocol_features);

	(void)reply;
	if (err != VTR_OK) {
		return err;
	}
	if (!negotiated(server, VTR_VHOST_F_CONFIG)) {
		vtr_warn(server->log, "the guest will see no configuration of the device: give QEMU's "
		                      "-device option config_size=24");
	}
	return check_shmem(server);
}

static enum vtr_err set_owner(struct vtr_vhost_user *server, struct vtr_vhost_message *message,
                              struct reply *reply)
{
	(void)server;
	(void)message;
	(void)reply;
	return VTR_OK;
}

static enum vtr_err get_queue_num(struct vtr_vhost_user *server, struct vtr_vhost_message *message,
                                  struct reply *reply)
{
	(void)message;
	return reply_number(reply, server->device.queue_count);
}

static enum vtr_err get_shmem_config(struct vtr_vhost_user *server, struct vtr_vhost_message *message,
                                     struct reply *reply)
{
	(void)message;
	memset(&reply->u.shmem, 0, sizeof(reply->u.shmem));
	reply->u.shmem.count = 1;
	reply->u.shmem.sizes[SHMEM_HOSTMEM] = server->device.hostmem->size;
	reply->size = sizeof(reply->u.shmem);
	return VTR_OK;
}

/* --- memory ------------------------------------------------------------------------------------------ */

static enum vtr_err set_mem_table(struct vtr_vhost_user *server, struct vtr_vhost_message *message,
                                  struct reply *reply)
{
	struct mem_table table;
	struct vtr_ram_region regions[VTR_RAM_MAX_REGIONS];

	(void)reply;
	memcpy(&table, message->payload, message->header.size);
	if (table.count != message->fd_count ||
	    message->header.size != MEM_TABLE_HEADER + table.count * sizeof(table.regions[0])) {
		return refuse(server, message, "%u regions in %u bytes with %zu fds", table.count,
		              message->header.size, message->fd_count);
	}
	for (uint32_t i = 0; i < table.count; i++) {
		regions[i] = (struct vtr_ram_region){
			.gpa = table.regions[i].gpa,
			.size = table.regions[i].size,
			.user_addr = table.regions[i].user_addr,
			.fd_offset = table.regions[i].fd_offset,
			.fd = vtr_take_fd(&message->fds[i]),
		};
	}
	enum vtr_err err = vtr_ram_set(&server->ram, regions, table.count);
	if (err == VTR_ERR_INVALID) {
		return refuse(server, message, "regions overlap or are not in their files");
	}
	if (err != VTR_OK) {
		vtr_error(server->log,
		          "cannot map the guest's memory: %s. Give QEMU -object %s,...,share=on and -machine "
		          "memory-backend=...",
		          vtr_err_text(err), vtr_os_shm_qemu_object);
		return err;
	}
	for (uint32_t i = 0; i < server->device.queue_count; i++) {
		vtr_queue_remap(server->vrings[i].queue);
	}
	if (server->begun) {
		server->device.ram_changed(server->device.data);
	}
	return VTR_OK;
}

/* --- queues ------------------------------------------------------------------------------------------ */

/* Returns: the queue that a message names, or NULL. */
static struct vtr_vring *find_vring(struct vtr_vhost_user *server, uint32_t index)
{
	return index < server->device.queue_count ? &server->vrings[index] : NULL;
}

static enum vtr_err refuse_index(struct vtr_vhost_user *server, const struct vtr_vhost_message *message,
                                 uint32_t index)
{
	return refuse(server, message, "there is no queue %u", index);
}

/* For requests that are only allowed while the queue is stopped. */
static enum vtr_err find_stopped(struct vtr_vhost_user *server, const struct vtr_vhost_message *message,
                                 struct vtr_vring **out_vring)
{
	uint32_t index;

	memcpy(&index, message->payload, sizeof(index));
	struct vtr_vring *vring = find_vring(server, index);
	if (vring == NULL) {
		return refuse_index(server, message, index);
	}
	if (server->running) {
		return refuse(server, message, "queue %u runs", index);
	}
	*out_vring = vring;
	return VTR_OK;
}

static enum vtr_err set_vring_num(struct vtr_vhost_user *server, struct vtr_vhost_message *message,
                                  struct reply *reply)
{
	struct vring_state state;
	struct vtr_vring *vring = NULL;
	enum vtr_err err = find_stopped(server, message, &vring);

	(void)reply;
	if (err == VTR_OK) {
		memcpy(&state, message->payload, sizeof(state));
		vring->setup.size = state.num; /* the guest's choice, which the queue checks */
	}
	return err;
}

static enum vtr_err set_vring_base(struct vtr_vhost_user *server, struct vtr_vhost_message *message,
                                   struct reply *reply)
{
	struct vring_state state;
	struct vtr_vring *vring = NULL;
	enum vtr_err err = find_stopped(server, message, &vring);

	(void)reply;
	if (err == VTR_OK) {
		memcpy(&state, message->payload, sizeof(state));
		if (state.num > UINT16_MAX) {
			return refuse(server, message, "base %u", state.num);
		}
		vring->setup.base = (uint16_t)state.num;
	}
	return err;
}

static enum vtr_err set_vring_addr(struct vtr_vhost_user *server, struct vtr_vhost_message *message,
                                   struct reply *reply)
{
	struct vring_addr addr;
	struct vtr_vring *vring = NULL;
	enum vtr_err err = find_stopped(server, message, &vring);

	(void)reply;
	if (err == VTR_OK) {
		memcpy(&addr, message->payload, sizeof(addr));
		vring->setup.desc_addr = addr.desc;
		vring->setup.avail_addr = addr.avail;
		vring->setup.used_addr = addr.used;
		vring->has_rings = true;
	}
	return err;
}

/* Stops the device. Handles answers on the back channel that came before, which are about the state before
 * the stop. */
static enum vtr_err stop(struct vtr_vhost_user *server)
{
	vtr_vhost_stop(server);
	return vtr_vhost_back_receive(server) == VTR_OK ? VTR_OK : VTR_ERR_PROTOCOL;
}

static enum vtr_err get_vring_base(struct vtr_vhost_user *server, struct vtr_vhost_message *message,
                                   struct reply *reply)
{
	struct vring_state state;

	memcpy(&state, message->payload, sizeof(state));
	struct vtr_vring *vring = find_vring(server, state.index);
	if (vring == NULL) {
		return refuse_index(server, message, state.index);
	}
	enum vtr_err err = stop(server);
	vring->had_rings = vring->has_rings;
	vring->returned_base = vring->setup.base;
	reply->u.vring = (struct vring_state){ state.index, vring->setup.base };
	reply->size = sizeof(reply->u.vring);
	vtr_vhost_clear_vring(vring);
	return err;
}

/* Finds the queue and the fd (-1: none) of SET_VRING_KICK, _CALL and _ERR. Owner: *out_fd is the caller's. */
static enum vtr_err take_vring_fd(struct vtr_vhost_user *server, struct vtr_vhost_message *message,
                                  struct vtr_vring **out_vring, int *out_fd)
{
	uint64_t value;

	memcpy(&value, message->payload, sizeof(value));
	struct vtr_vring *vring = find_vring(server, value & VRING_FD_INDEX);
	bool has_fd = (value & VRING_FD_NONE) == 0;
	if (vring == NULL) {
		return refuse_index(server, message, value & VRING_FD_INDEX);
	}
	if (message->fd_count != (has_fd ? 1 : 0)) {
		return refuse(server, message, "%zu fds", message->fd_count);
	}
	*out_vring = vring;
	*out_fd = has_fd ? vtr_take_fd(&message->fds[0]) : -1;
	return VTR_OK;
}

static enum vtr_err set_vring_kick(struct vtr_vhost_user *server, struct vtr_vhost_message *message,
                                   struct reply *reply)
{
	struct vtr_vring *vring = NULL;
	int fd = -1;
	enum vtr_err err = take_vring_fd(server, message, &vring, &fd);

	(void)reply;
	if (err != VTR_OK) {
		return err;
	}
	if (fd < 0) {
		return refuse(server, message, "a queue without kicks would have to be polled");
	}
	err = vtr_vhost_set_kick(vring, fd);
	if (err != VTR_OK) {
		vtr_error(server->log, "queue %u: cannot watch its kicks: %s", vring->index,
		          vtr_err_text(err));
	}
	return err;
}

/* SET_VRING_CALL and _ERR: an fd that we signal. */
static enum vtr_err set_vring_bell(struct vtr_vhost_user *server, struct vtr_vhost_message *message,
                                   struct reply *reply)
{
	struct vtr_vring *vring = NULL;
	int fd = -1;
	enum vtr_err err = take_vring_fd(server, message, &vring, &fd);

	(void)reply;
	if (err != VTR_OK) {
		return err;
	}
	vtr_vhost_unblock(fd);
	if (message->header.request == SET_VRING_CALL) {
		vtr_queue_set_call(vring->queue, fd);
	} else {
		vtr_queue_set_err(vring->queue, fd);
	}
	return VTR_OK;
}

static enum vtr_err set_vring_enable(struct vtr_vhost_user *server, struct vtr_vhost_message *message,
                                     struct reply *reply)
{
	struct vring_state state;

	(void)reply;
	memcpy(&state, message->payload, sizeof(state));
	struct vtr_vring *vring = find_vring(server, state.index);
	if (vring == NULL) {
		return refuse_index(server, message, state.index);
	}
	if (state.num > 1) {
		return refuse(server, message, "enable is %u", state.num);
	}
	vring->enabled = state.num == 1;
	if (!vring->enabled) {
		return stop(server);
	}
	vtr_vhost_consider_start(server);
	return VTR_OK;
}

static enum vtr_err reset_device(struct vtr_vhost_user *server, struct vtr_vhost_message *message,
                                 struct reply *reply)
{
	(void)message;
	(void)reply;
	enum vtr_err err = stop(server);
	for (uint32_t i = 0; i < server->device.queue_count; i++) {
		vtr_vhost_clear_vring(&server->vrings[i]);
		server->vrings[i].enabled = false;
	}
	server->reset_owed = true;
	return err;
}

/* --- the rest ---------------------------------------------------------------------------------------- */

static enum vtr_err set_backend_req_fd(struct vtr_vhost_user *server, struct vtr_vhost_message *message,
                                       struct reply *reply)
{
	(void)reply;
	if (server->back.fd >= 0) {
		return refuse(server, message, "there is a back channel already");
	}
	enum vtr_err err = vtr_vhost_back_open(server, vtr_take_fd(&message->fds[0]));
	if (err != VTR_OK) {
		vtr_error(server->log, "cannot use the back-end channel: %s", vtr_err_text(err));
	}
	return err;
}

static enum vtr_err read_config(struct vtr_vhost_user *server, struct vtr_vhost_message *message,
                                struct config *out_config)
{
	memcpy(out_config, message->payload, message->header.size);
	if (out_config->size > MAX_CONFIG || out_config->offset > MAX_CONFIG - out_config->size ||
	    message->header.size != CONFIG_HEADER + out_config->size || out_config->size == 0) {
		return refuse(server, message, "%u bytes at %u in %u bytes", out_config->size,
		              out_config->offset, message->header.size);
	}
	return VTR_OK;
}

static enum vtr_err get_config(struct vtr_vhost_user *server, struct vtr_vhost_message *message,
                               struct reply *reply)
{
	struct config *config = &reply->u.config;
	enum vtr_err err = read_config(server, message, config);

	if (err == VTR_OK) {
		memset(config->data, 0, config->size);
		server->device.read_config(server->device.data, config->offset, config->data, config->size);
		reply->size = CONFIG_HEADER + config->size;
	}
	return err;
}

static enum vtr_err set_config(struct vtr_vhost_user *server, struct vtr_vhost_message *message,
                               struct reply *reply)
{
	struct config config;
	enum vtr_err err = read_config(server, message, &config);

	(void)reply;
	if (err == VTR_OK) {
		server->device.write_config(server->device.data, config.offset, config.data, config.size);
	}
	return err;
}

static const struct rule rules[REQUEST_COUNT] = {
	[GET_FEATURES] = { "GET_FEATURES", 0, 0, 0, 0, -1, get_features },
	[SET_FEATURES] = { "SET_FEATURES", 8, 8, 0, 0, -1, set_features },
	[SET_OWNER] = { "SET_OWNER", 0, 0, 0, 0, -1, set_owner },
	[SET_MEM_TABLE] = { "SET_MEM_TABLE", MEM_TABLE_HEADER, sizeof(struct mem_table), 0,
	                    VTR_RAM_MAX_REGIONS, -1, set_mem_table },
	[SET_VRING_NUM] = { "SET_VRING_NUM", 8, 8, 0, 0, -1, set_vring_num },
	[SET_VRING_ADDR] = { "SET_VRING_ADDR", 40, 40, 0, 0, -1, set_vring_addr },
	[SET_VRING_BASE] = { "SET_VRING_BASE", 8, 8, 0, 0, -1, set_vring_base },
	[GET_VRING_BASE] = { "GET_VRING_BASE", 8, 8, 0, 0, -1, get_vring_base },
	[SET_VRING_KICK] = { "SET_VRING_KICK", 8, 8, 0, 1, -1, set_vring_kick },
	[SET_VRING_CALL] = { "SET_VRING_CALL", 8, 8, 0, 1, -1, set_vring_bell },
	[SET_VRING_ERR] = { "SET_VRING_ERR", 8, 8, 0, 1, -1, set_vring_bell },
	[GET_PROTOCOL_FEATURES] = { "GET_PROTOCOL_FEATURES", 0, 0, 0, 0, -1, get_protocol_features },
	[SET_PROTOCOL_FEATURES] = { "SET_PROTOCOL_FEATURES", 8, 8, 0, 0, -1, set_protocol_features },
	[GET_QUEUE_NUM] = { "GET_QUEUE_NUM", 0, 0, 0, 0, VTR_VHOST_F_MQ, get_queue_num },
	[SET_VRING_ENABLE] = { "SET_VRING_ENABLE", 8, 8, 0, 0, -1, set_vring_enable },
	[SET_BACKEND_REQ_FD] = { "SET_BACKEND_REQ_FD", 0, 0, 1, 1, VTR_VHOST_F_BACKEND_REQ,
	                         set_backend_req_fd },
	[GET_CONFIG] = { "GET_CONFIG", CONFIG_HEADER, sizeof(struct config), 0, 0, VTR_VHOST_F_CONFIG,
	                 get_config },
	[SET_CONFIG] = { "SET_CONFIG", CONFIG_HEADER, sizeof(struct config), 0, 0, VTR_VHOST_F_CONFIG,
	                 set_config },
	[RESET_DEVICE] = { "RESET_DEVICE", 0, 0, 0, 0, VTR_VHOST_F_RESET_DEVICE, reset_device },
	[GET_SHMEM_CONFIG] = { "GET_SHMEM_CONFIG", 0, 0, 0, 0, VTR_VHOST_F_SHMEM, get_shmem_config },
};

/* Checks that a message has the form that the table demands. */
static enum vtr_err check_form(struct vtr_vhost_user *server, const struct vtr_vhost_message *message)
{
	const struct vtr_vhost_header *header = &message->header;

	if (header->request >= REQUEST_COUNT || rules[header->request].name == NULL) {
		return refuse(server, message, "nothing that needs it was negotiated");
	}
	const struct rule *rule = &rules[header->request];
	if ((header->flags & ~VTR_VHOST_NEED_REPLY) != VTR_VHOST_VERSION) {
		return refuse(server, message, "flags 0x%x", header->flags);
	}
	if (header->size < rule->min_size || header->size > rule->max_size) {
		return refuse(server, message, "%u bytes", header->size);
	}
	if (message->fd_count < rule->min_fds || message->fd_count > rule->max_fds) {
		return refuse(server, message, "%zu fds", message->fd_count);
	}
	if (rule->feature >= 0 && !negotiated(server, rule->feature)) {
		return refuse(server, message, "its protocol feature was not negotiated");
	}
	return VTR_OK;
}

enum vtr_err vtr_vhost_handle(struct vtr_vhost_user *server, struct vtr_vhost_message *message)
{
	struct reply reply = { .size = 0 };
	enum vtr_err err = check_form(server, message);

	if (err != VTR_OK) {
		return err;
	}
	vtr_trace(server->log, "message %u %s", message->header.request, rules[message->header.request].name);
	err = rules[message->header.request].handle(server, message, &reply);
	if (err == VTR_ERR_PROTOCOL) {
		return err;
	}
	if (reply.size == 0) {
		if ((message->header.flags & VTR_VHOST_NEED_REPLY) == 0 ||
		    !negotiated(server, VTR_VHOST_F_REPLY_ACK)) {
			return err; /* a failure that cannot be reported ends the connection */
		}
		reply.u.number = err != VTR_OK;
		reply.size = sizeof(reply.u.number);
	}
	err = vtr_vhost_channel_send(&server->front, message->header.request, VTR_VHOST_REPLY, &reply.u,
	                             reply.size, -1);
	if (err != VTR_OK && err != VTR_ERR_GONE) {
		vtr_warn_limited(server->log,
		                 "the VMM does not take answers (%s); the connection is "
		                 "closed",
		                 strerror(errno));
	}
	return err;
}
