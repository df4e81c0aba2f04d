/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "vtest"
#include "vtest/message.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/mem.h"
#include "platform/thread.h"

enum command {
	CMD_RESOURCE_UNREF = 3,
	CMD_RESOURCE_BUSY_WAIT = 7,
	CMD_CREATE_RENDERER = 8,
	CMD_PING_PROTOCOL_VERSION = 10,
	CMD_PROTOCOL_VERSION = 11,
	CMD_GET_PARAM = 15,
	CMD_GET_CAPSET = 16,
	CMD_CONTEXT_INIT = 17,
	CMD_RESOURCE_CREATE_BLOB = 18,
	CMD_SYNC_CREATE = 19,
	CMD_SYNC_UNREF = 20,
	CMD_SYNC_READ = 21,
	CMD_SYNC_WRITE = 22,
	CMD_SYNC_WAIT = 23,
	CMD_SUBMIT_CMD2 = 24,
};

#define PARAM_MAX_TIMELINE_COUNT 1
#define SYNC_WAIT_ANY 1u
#define SUBMIT_RING_IDX 1u

/* Entries that are handled on the stack; longer lists are allocated for the duration of the message. */
#define SMALL_VALUES 16

static uint32_t word_at(const uint8_t *payload, size_t index)
{
	uint32_t word;

	memcpy(&word, payload + index * 4, sizeof(word));
	return word;
}

/* Two words, the low one first; not always 8-byte aligned. */
static uint64_t long_at(const uint8_t *payload, size_t index)
{
	return word_at(payload, index) | (uint64_t)word_at(payload, index + 1) << 32;
}

/* Maps an invalid argument to a protocol error, where no reply can report it: the client is dropped. */
static enum vtr_err blame_client(enum vtr_err err)
{
	return err == VTR_ERR_INVALID ? VTR_ERR_PROTOCOL : err;
}

static enum vtr_err unknown_sync(struct vtr_vtest *vtest, const char *message)
{
	vtr_warn(vtest->log, "%s names a sync that does not exist", message);
	return VTR_ERR_PROTOCOL;
}

static enum vtr_err create_renderer(struct vtr_vtest *vtest, const uint8_t *payload, size_t size)
{
	char text[VTR_VTEST_LOG_NAME + 1];
	size_t length = strnlen((const char *)payload, vtr_min(size, VTR_VTEST_LOG_NAME));

	if (vtest->stage != VTR_VTEST_NEW) {
		vtr_warn(vtest->log, "CREATE_RENDERER came twice");
		return VTR_ERR_PROTOCOL;
	}
	memcpy(text, payload, length);
	text[length] = '\0';
	vtr_info(vtest->log, "client is %s",
	         vtr_log_str(vtest->name, sizeof(vtest->name), text, VTR_VTEST_LOG_NAME));
	vtest->stage = VTR_VTEST_NAMED;
	return VTR_OK;
}

static enum vtr_err ping(struct vtr_vtest *vtest, const uint8_t *payload, size_t size)
{
	(void)payload;
	(void)size;
	return vtr_vtest_reply(vtest, CMD_PING_PROTOCOL_VERSION, NULL, 0);
}

/* Mesa sends it only after PING, to detect servers that know PING; no resource is ever busy. */
static enum vtr_err busy_wait(struct vtr_vtest *vtest, const uint8_t *payload, size_t size)
{
	uint32_t busy = 0;

	(void)payload;
	(void)size;
	return vtr_vtest_reply(vtest, CMD_RESOURCE_BUSY_WAIT, &busy, 1);
}

static enum vtr_err protocol_version(struct vtr_vtest *vtest, const uint8_t *payload, size_t size)
{
	uint32_t version = word_at(payload, 0);

	(void)size;
	if (vtest->version != 0) {
		vtr_warn(vtest->log, "PROTOCOL_VERSION came twice");
		return VTR_ERR_PROTOCOL;
	}
	if (version < VTR_VTEST_MIN_VERSION) {
		vtr_warn(vtest->log,
		         "client uses version %u of vtest, at least %d is needed: use a newer Mesa", version,
		         VTR_VTEST_MIN_VERSION);
		return VTR_ERR_PROTOCOL;
	}
	if (version > VTR_VTEST_MAX_VERSION) {
		version = VTR_VTEST_MAX_VERSION;
	}
	vtest->version = version;
	return vtr_vtest_reply(vtest, CMD_PROTOCOL_VERSION, &version, 1);
}

static enum vtr_err get_param(struct vtr_vtest *vtest, const uint8_t *payload, size_t size)
{
	uint32_t words[2] = { 0, 0 };

	(void)size;
	if (word_at(payload, 0) == PARAM_MAX_TIMELINE_COUNT) {
		words[0] = 1;
		words[1] = VTR_TIMELINE_COUNT;
	}
	return vtr_vtest_reply(vtest, CMD_GET_PARAM, words, 2);
}

static enum vtr_err get_capset(struct vtr_vtest *vtest, const uint8_t *payload, size_t size)
{
	uint32_t words[1 + VTR_CAPSET_VENUS_SIZE / 4] = { 0 };
	uint8_t capset[VTR_CAPSET_VENUS_SIZE];

	(void)size;
	if (word_at(payload, 0) != VTR_CAPSET_VENUS || word_at(payload, 1) != 0) {
		return vtr_vtest_reply(vtest, CMD_GET_CAPSET, words, 1);
	}
	words[0] = 1;
	vtr_venus_capset(false, capset);
	memcpy(words + 1, capset, sizeof(capset));
	return vtr_vtest_reply(vtest, CMD_GET_CAPSET, words, VTR_ARRAY_LEN(words));
}

static void on_fence(void *data, uint32_t timeline, uint64_t fence_id)
{
	struct vtr_vtest *vtest = data;

	(void)timeline;
	/* The id is a pointer of ours: see submit_batch(). */
	vtr_sync_fence_retire(vtest->syncs, (struct vtr_sync_fence *)(uintptr_t)fence_id);
}

static void on_ring(void *data, uint64_t ring_id, bool created, int fd, uint64_t status_offset)
{
	struct vtr_vtest *vtest = data;

	vtest->params->events->ring(vtest->params->data, ring_id, created, fd, status_offset);
}

static void on_dead(void *data)
{
	struct vtr_vtest *vtest = data;

	atomic_store(&vtest->dead, true);
	/* Wakes the serving thread. Further messages of the client fail. */
	(void)shutdown(vtest->fd, SHUT_RD);
}

static void on_device(void *data, const char *name)
{
	const struct vtr_vtest *vtest = data;

	vtest->params->events->device(vtest->params->data, name);
}

static void on_stalled(void *data, const struct vtr_stall *stall)
{
	const struct vtr_vtest *vtest = data;

	vtest->params->events->stalled(vtest->params->data, stall, vtest->name);
}

static const struct vtr_venus_events venus_events = {
	.stalled = on_stalled,
	.device = on_device,
	.fence = on_fence,
	.ring = on_ring,
	.dead = on_dead,
};

static enum vtr_err context_init(struct vtr_vtest *vtest, const uint8_t *payload, size_t size)
{
	const struct vtr_venus_params venus_params = {
		.log = vtest->log,
		.events = &venus_events,
		.data = vtest,
		.config = vtest->params->config,
		.memory = vtest->params->memory,
		.device_memory = vtest->params->device_memory,
		.room = vtest->params->room,
	};

	(void)size;
	if (vtest->stage == VTR_VTEST_READY || vtest->version == 0 ||
	    word_at(payload, 0) != VTR_CAPSET_VENUS) {
		vtr_warn(vtest->log, "CONTEXT_INIT came twice, before PROTOCOL_VERSION or not for Venus");
		return VTR_ERR_PROTOCOL;
	}
	enum vtr_err err = vtr_syncs_create(&vtest->syncs);
	if (err != VTR_OK) {
		return err;
	}
	err = vtr_venus_create(&venus_params, &vtest->venus);
	if (err != VTR_OK) {
		return err;
	}
	vtest->params->events->context(vtest->params->data, vtest->venus);
	vtest->stage = VTR_VTEST_READY;
	return VTR_OK;
}

static enum vtr_err make_blob(struct vtr_vtest *vtest, const uint8_t *payload, uint32_t res_id,
                              struct vtr_blob *out_blob)
{
	uint32_t type = word_at(payload, 0);
	uint32_t flags = word_at(payload, 1);
	uint64_t size = long_at(payload, 2);
	uint64_t blob_id = long_at(payload, 4);

	if (type != VTR_BLOB_MEM_HOST3D || (flags & ~VTR_BLOB_ALL_FLAGS) != 0 || size == 0) {
		return VTR_ERR_INVALID;
	}
	if (size >= VTR_VTEST_MAX_BLOB || !vtr_ids_has_room(&vtest->resources)) {
		return VTR_ERR_LIMIT;
	}
	return vtr_venus_blob_create(vtest->venus, res_id, blob_id, flags, size, out_blob);
}

/*
 * The protocol has no error reply: the client takes any id and fd. So if a blob cannot be created, the client
 * gets a void id and an fd that cannot be mapped, and its vkMapMemory returns VK_ERROR_MEMORY_MAP_FAILED.
 */
static enum vtr_err create_blob(struct vtr_vtest *vtest, const uint8_t *payload, size_t size)
{
	uint32_t res_id;
	struct vtr_blob blob = { .fd = vtr_syncs_void_fd(vtest->syncs) };
	enum vtr_err err = vtr_ids_take(&vtest->resources, &res_id);

	(void)size;
	if (err != VTR_OK) {
		vtr_warn(vtest->log, "client has too many resources (%s)", vtr_err_text(err));
		return err;
	}
	err = make_blob(vtest, payload, res_id, &blob);
	if (vtr_venus_is_dead(vtest->venus)) {
		return VTR_ERR_PROTOCOL;
	}
	if (err == VTR_OK) {
		vtr_ids_set_real(&vtest->resources, res_id);
	} else {
		vtr_warn_limited(vtest->log, "no blob of %llu bytes for object %llu: %s",
		                 (unsigned long long)long_at(payload, 2),
		                 (unsigned long long)long_at(payload, 4), vtr_err_text(err));
	}
	return vtr_vtest_reply_with_fd(vtest, CMD_RESOURCE_CREATE_BLOB, &res_id, 1, blob.fd);
}

static enum vtr_err resource_unref(struct vtr_vtest *vtest, const uint8_t *payload, size_t size)
{
	uint32_t res_id = word_at(payload, 0);

	(void)size;
	switch (vtr_ids_give(&vtest->resources, res_id)) {
	case VTR_IDS_REAL:
		vtr_venus_resource_destroy(vtest->venus, res_id);
		return VTR_OK;
	case VTR_IDS_VOID:
		return VTR_OK;
	case VTR_IDS_FREE:
		break;
	}
	vtr_warn(vtest->log, "RESOURCE_UNREF names a resource that does not exist");
	return VTR_ERR_PROTOCOL;
}

static enum vtr_err sync_create(struct vtr_vtest *vtest, const uint8_t *payload, size_t size)
{
	/* 0: too many. The client continues, and a wait for it is a lost device (vtest/sync.h). */
	uint32_t id = 0;

	(void)size;
	if (vtr_sync_create(vtest->syncs, long_at(payload, 0), &id) != VTR_OK) {
		vtr_warn_limited(vtest->log, "client has too many syncs");
	}
	return vtr_vtest_reply(vtest, CMD_SYNC_CREATE, &id, 1);
}

static enum vtr_err sync_unref(struct vtr_vtest *vtest, const uint8_t *payload, size_t size)
{
	(void)size;
	enum vtr_err err = vtr_sync_destroy(vtest->syncs, word_at(payload, 0));
	return err == VTR_OK ? VTR_OK : unknown_sync(vtest, "SYNC_UNREF");
}

static enum vtr_err sync_read(struct vtr_vtest *vtest, const uint8_t *payload, size_t size)
{
	uint64_t value;

	(void)size;
	if (vtr_sync_read(vtest->syncs, word_at(payload, 0), &value) != VTR_OK) {
		return unknown_sync(vtest, "SYNC_READ");
	}
	const uint32_t words[2] = { (uint32_t)value, (uint32_t)(value >> 32) };
	return vtr_vtest_reply(vtest, CMD_SYNC_READ, words, 2);
}

static enum vtr_err sync_write(struct vtr_vtest *vtest, const uint8_t *payload, size_t size)
{
	(void)size;
	enum vtr_err err = vtr_sync_write(vtest->syncs, word_at(payload, 0), long_at(payload, 1));
	return err == VTR_OK ? VTR_OK : unknown_sync(vtest, "SYNC_WRITE");
}

/*
 * Decodes `count` times {id, value} from a message. The result is `small` or, if that is too small,
 * *out_large, which the caller frees.
 */
static const struct vtr_sync_value *decode_values(const uint8_t *words, size_t count,
                                                  struct vtr_sync_value *small,
                                                  struct vtr_sync_value **out_large)
{
	struct vtr_sync_value *values = small;

	if (count > SMALL_VALUES) {
		/* count is at most VTR_SYNC_MAX_LIST */
		values = malloc(count * sizeof(*values));
		if (!values) {
			return NULL;
		}
		*out_large = values;
	}
	for (size_t i = 0; i < count; i++) {
		values[i].id = word_at(words, i * 3);
		values[i].value = long_at(words, i * 3 + 1);
	}
	return values;
}

/*
 * The client's thread waits for the reply, and then for the fd in it. If the syncs are satisfied before the reply, the
 * thread is woken once less and there is no pipe. Both cost more than a short wait here. Other requests of the client
 * wait meanwhile.
 */
static void hold_reply(struct vtr_vtest *vtest, const struct vtr_sync_value *values, size_t count, bool any)
{
	if (!vtr_syncs_are_pending(vtest->syncs, values, count, any)) {
		return;
	}
	const int64_t hold_ns = vtr_os_hold_ns(&vtest->hold);
	const int64_t start_ns = vtr_os_now_ns();
	bool pending = hold_ns > 0;
	while (pending && vtr_os_now_ns() - start_ns < hold_ns) {
		vtr_os_yield();
		vtr_venus_poll_fences(vtest->venus, false);
		pending = vtr_syncs_are_pending(vtest->syncs, values, count, any);
	}
	if (hold_ns > 0) {
		vtr_os_hold_note(&vtest->hold, !pending);
	}
}

static enum vtr_err sync_wait(struct vtr_vtest *vtest, const uint8_t *payload, size_t size)
{
	struct vtr_sync_value small[SMALL_VALUES];
	vtr_autofree struct vtr_sync_value *large = NULL;
	uint32_t flags = word_at(payload, 0);
	uint32_t timeout_ms = word_at(payload, 1);
	size_t count = (size / 4 - 2) / 3;

	if ((flags & ~SYNC_WAIT_ANY) != 0) {
		vtr_warn(vtest->log, "SYNC_WAIT has unknown flags 0x%x", flags);
		return VTR_ERR_PROTOCOL;
	}
	const struct vtr_sync_value *values = decode_values(payload + 8, count, small, &large);
	if (!values) {
		return VTR_ERR_NOMEM;
	}
	if (timeout_ms > 0) {
		hold_reply(vtest, values, count, (flags & SYNC_WAIT_ANY) != 0);
	}
	struct vtr_sync_fd wait_fd;
	enum vtr_err err = vtr_syncs_wait(vtest->syncs, values, count, (flags & SYNC_WAIT_ANY) != 0,
	                                  timeout_ms, &wait_fd);
	if (err != VTR_OK) {
		return unknown_sync(vtest, "SYNC_WAIT");
	}
	err = vtr_vtest_reply_with_fd(vtest, CMD_SYNC_WAIT, NULL, 0, wait_fd.fd);
	if (wait_fd.owned) {
		vtr_close(&wait_fd.fd);
	}
	return err;
}

struct batch {
	uint32_t flags;
	uint32_t cmd_offset; /* offsets and sizes in words, from the payload's start */
	uint32_t cmd_size;
	uint32_t sync_offset;
	uint32_t sync_count;
	uint32_t ring_idx;
	uint32_t syncobj_count; /* of kernel sync objects, which Venus does not use over vtest */
};

static enum vtr_err submit_batch(struct vtr_vtest *vtest, const uint8_t *payload, const struct batch *batch)
{
	struct vtr_sync_value small[SMALL_VALUES];
	vtr_autofree struct vtr_sync_value *large = NULL;
	struct vtr_sync_fence *fence = NULL;
	enum vtr_err err;

	if (batch->sync_count > 0) {
		const struct vtr_sync_value *values = decode_values(payload + (size_t)batch->sync_offset * 4,
		                                                    batch->sync_count, small, &large);
		if (!values) {
			return VTR_ERR_NOMEM;
		}
		err = vtr_sync_fence_create(vtest->syncs, values, batch->sync_count, &fence);
		if (err != VTR_OK) {
			vtr_warn(vtest->log, "no fence for SUBMIT_CMD2: %s", vtr_err_text(err));
			return blame_client(err);
		}
	}
	if (batch->cmd_size > 0) {
		err = vtr_venus_submit(vtest->venus, payload + (size_t)batch->cmd_offset * 4,
		                       (size_t)batch->cmd_size * 4);
		if (err != VTR_OK) {
			if (fence) {
				vtr_sync_fence_cancel(vtest->syncs, fence);
			}
			return err;
		}
	}
	if (!fence) {
		return VTR_OK;
	}
	err = vtr_venus_fence(vtest->venus, batch->ring_idx, (uintptr_t)fence);
	if (err != VTR_OK) {
		vtr_warn(vtest->log, "no fence on timeline %u: %s", batch->ring_idx, vtr_err_text(err));
		vtr_sync_fence_cancel(vtest->syncs, fence);
	}
	return blame_client(err);
}

static bool batch_is_valid(const struct batch *batch, size_t words)
{
	return (batch->flags & ~SUBMIT_RING_IDX) == 0 && batch->syncobj_count == 0 &&
	       batch->ring_idx < VTR_TIMELINE_COUNT && batch->sync_count <= VTR_SYNC_MAX_LIST &&
	       /* sums of 32-bit numbers in 64 bits: no overflow */
	       (uint64_t)batch->cmd_offset + batch->cmd_size <= words &&
	       (uint64_t)batch->sync_offset + (uint64_t)batch->sync_count * 3 <= words;
}

static enum vtr_err submit_cmd2(struct vtr_vtest *vtest, const uint8_t *payload, size_t size)
{
	size_t words = size / 4;
	uint32_t count = word_at(payload, 0);
	/* Version 4 adds the numbers of kernel sync objects to wait for and to signal. */
	size_t stride = vtest->version >= 4 ? 8 : 6;

	if (count > VTR_VTEST_MAX_BATCHES || 1 + count * stride > words) {
		vtr_warn(vtest->log, "SUBMIT_CMD2 has %u batches in %zu words", count, words);
		return VTR_ERR_PROTOCOL;
	}
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *at = payload + (1 + i * stride) * 4;
		struct batch batch = {
			.flags = word_at(at, 0),
			.cmd_offset = word_at(at, 1),
			.cmd_size = word_at(at, 2),
			.sync_offset = word_at(at, 3),
			.sync_count = word_at(at, 4),
			.ring_idx = word_at(at, 5),
		};
		if (stride == 8) {
			batch.syncobj_count = word_at(at, 6) | word_at(at, 7);
		}
		if (!batch_is_valid(&batch, words)) {
			vtr_warn(vtest->log, "SUBMIT_CMD2: batch %u makes no sense", i);
			return VTR_ERR_PROTOCOL;
		}
		enum vtr_err err = submit_batch(vtest, payload, &batch);
		if (err != VTR_OK) {
			return err;
		}
	}
	return VTR_OK;
}

#define FIXED(command, words, least, function)        \
	[CMD_##command] = { .name = #command,         \
		            .unit = 4,                \
		            .min_bytes = (words) * 4, \
		            .max_bytes = (words) * 4, \
		            .stage = (least),         \
		            .handle = (function) }

static const struct vtr_vtest_rule rules[] = {
	FIXED(RESOURCE_UNREF, 1, VTR_VTEST_READY, resource_unref),
	FIXED(RESOURCE_BUSY_WAIT, 2, VTR_VTEST_NAMED, busy_wait),
	[CMD_CREATE_RENDERER] = { .name = "CREATE_RENDERER",
	                          .unit = 1,
	                          .min_bytes = 1,
	                          .max_bytes = VTR_VTEST_MAX_NAME,
	                          .step_bytes = 1,
	                          .stage = VTR_VTEST_NEW,
	                          .handle = create_renderer },
	FIXED(PING_PROTOCOL_VERSION, 0, VTR_VTEST_NAMED, ping),
	FIXED(PROTOCOL_VERSION, 1, VTR_VTEST_NAMED, protocol_version),
	FIXED(GET_PARAM, 1, VTR_VTEST_NAMED, get_param),
	FIXED(GET_CAPSET, 2, VTR_VTEST_NAMED, get_capset),
	FIXED(CONTEXT_INIT, 1, VTR_VTEST_NAMED, context_init),
	FIXED(RESOURCE_CREATE_BLOB, 6, VTR_VTEST_READY, create_blob),
	FIXED(SYNC_CREATE, 2, VTR_VTEST_READY, sync_create),
	FIXED(SYNC_UNREF, 1, VTR_VTEST_READY, sync_unref),
	FIXED(SYNC_READ, 1, VTR_VTEST_READY, sync_read),
	FIXED(SYNC_WRITE, 3, VTR_VTEST_READY, sync_write),
	[CMD_SYNC_WAIT] = { .name = "SYNC_WAIT",
	                    .unit = 4,
	                    .min_bytes = 8,
	                    .max_bytes = 8 + VTR_SYNC_MAX_LIST * 12,
	                    .step_bytes = 12,
	                    .stage = VTR_VTEST_READY,
	                    .handle = sync_wait },
	[CMD_SUBMIT_CMD2] = { .name = "SUBMIT_CMD2",
	                      .unit = 4,
	                      .min_bytes = 4,
	                      .max_bytes = VTR_VTEST_MAX_MESSAGE,
	                      .step_bytes = 4,
	                      .stage = VTR_VTEST_READY,
	                      .handle = submit_cmd2 },
};

const struct vtr_vtest_rule *vtr_vtest_find_rule(uint32_t command)
{
	if (command >= VTR_ARRAY_LEN(rules) || !rules[command].name) {
		return NULL;
	}
	return &rules[command];
}
