/* SPDX-License-Identifier: MIT */
#include "ipc/ipc.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "base/mem.h"
#include "platform/sock.h"

/* Messages begin at multiples of this in the stream, which keeps them aligned in a buffer. */
#define STEP 16
/* Holds any message without a long tail. The buffer grows as a long tail arrives. */
#define BUFFER_SIZE 8192

struct header {
	uint32_t op;
	uint32_t size;
	uint32_t fd_count;
	uint32_t zero; /* keeps the payload aligned */
};

_Static_assert(sizeof(struct header) == STEP, "payloads start at a multiple of 16");

static size_t padded(size_t payload_size)
{
	return vtr_align_up(sizeof(struct header) + payload_size, STEP);
}

void vtr_ipc_init(struct vtr_ipc *ipc, int fd, const struct vtr_ipc_rule *rules, size_t rule_count)
{
	memset(ipc, 0, sizeof(*ipc));
	ipc->fd = fd;
	ipc->rules = rules;
	ipc->rule_count = rule_count;
	for (size_t i = 0; i < rule_count; i++) {
		vtr_assert((uint64_t)rules[i].size + rules[i].max_tail <= VTR_IPC_MAX_PAYLOAD);
		vtr_assert(rules[i].max_tail == 0 || rules[i].size % 8 == 0);
		vtr_assert(rules[i].min_fds <= rules[i].max_fds);
		vtr_assert(rules[i].max_fds <= VTR_IPC_MAX_FDS);
	}
}

void vtr_ipc_finish(struct vtr_ipc *ipc)
{
	for (size_t i = 0; i < ipc->fd_have; i++) {
		vtr_close(&ipc->fds[i]);
	}
	ipc->fd_have = 0;
	free(ipc->buf);
	ipc->buf = NULL;
	ipc->room = ipc->begin = ipc->end = ipc->consumed = 0;
}

/* Forgets the message that was handed out last. */
static void consume(struct vtr_ipc *ipc)
{
	for (size_t i = 0; i < ipc->fd_consumed; i++) {
		vtr_close(&ipc->fds[i]);
	}
	ipc->fd_have -= ipc->fd_consumed;
	memmove(ipc->fds, ipc->fds + ipc->fd_consumed, ipc->fd_have * sizeof(ipc->fds[0]));
	ipc->fd_consumed = 0;
	ipc->begin += ipc->consumed;
	ipc->consumed = 0;
	if (ipc->begin == ipc->end) {
		ipc->begin = ipc->end = 0;
	}
}

static enum vtr_err check_header(const struct vtr_ipc *ipc, const struct header *header,
                                 const struct vtr_ipc_rule **out_rule)
{
	if (header->op >= ipc->rule_count || !ipc->rules[header->op].name || header->zero != 0) {
		return VTR_ERR_PROTOCOL;
	}
	const struct vtr_ipc_rule *rule = &ipc->rules[header->op];
	if (header->size < rule->size || header->size - rule->size > rule->max_tail ||
	    (rule->tail_step > 1 && (header->size - rule->size) % rule->tail_step != 0)) {
		return VTR_ERR_PROTOCOL;
	}
	if (header->fd_count < rule->min_fds || header->fd_count > rule->max_fds) {
		return VTR_ERR_PROTOCOL;
	}
	/* The fds come with the header's first byte. */
	if (ipc->fd_have < header->fd_count) {
		return VTR_ERR_PROTOCOL;
	}
	*out_rule = rule;
	return VTR_OK;
}

/* Looks for a complete message. *out_need is its total size if it is incomplete. */
static enum vtr_err take_message(struct vtr_ipc *ipc, struct vtr_ipc_message *out_message, size_t *out_need)
{
	size_t have = ipc->end - ipc->begin;
	const struct vtr_ipc_rule *rule;
	struct header header;

	*out_need = sizeof(header);
	if (have == 0 && ipc->fd_have > 0) {
		return VTR_ERR_PROTOCOL; /* fds that belong to no message */
	}
	if (have < sizeof(header)) {
		return VTR_ERR_AGAIN;
	}
	memcpy(&header, ipc->buf + ipc->begin, sizeof(header));
	enum vtr_err err = check_header(ipc, &header, &rule);
	if (err != VTR_OK) {
		return err;
	}
	*out_need = padded(header.size);
	if (have < *out_need) {
		return VTR_ERR_AGAIN;
	}
	ipc->consumed = *out_need;
	ipc->fd_consumed = header.fd_count;
	const uint8_t *payload = ipc->buf + ipc->begin + sizeof(header);
	*out_message = (struct vtr_ipc_message){
		.op = header.op,
		.rule = rule,
		.payload = payload,
		.tail = payload + rule->size,
		.tail_size = header.size - rule->size,
		.fds = ipc->fds,
		.fd_count = header.fd_count,
	};
	return VTR_OK;
}

/* Makes room behind the received bytes for at least a part of a message of `need` bytes. */
static enum vtr_err make_room(struct vtr_ipc *ipc, size_t need)
{
	size_t have = ipc->end - ipc->begin;
	size_t room = ipc->room;

	if (ipc->begin > 0 && need > ipc->room - ipc->begin) {
		memmove(ipc->buf, ipc->buf + ipc->begin, have);
		ipc->begin = 0;
		ipc->end = have;
	}
	if (have == 0) {
		room = BUFFER_SIZE;
	} else if (ipc->end == ipc->room) {
		room = vtr_min(ipc->room * 2, vtr_max(need, BUFFER_SIZE));
	}
	if (room != ipc->room) {
		uint8_t *buf = realloc(ipc->buf, room);
		if (!buf) {
			return VTR_ERR_NOMEM;
		}
		ipc->buf = buf;
		ipc->room = room;
	}
	return VTR_OK;
}

enum vtr_err vtr_ipc_receive(struct vtr_ipc *ipc, struct vtr_ipc_message *out_message)
{
	consume(ipc);
	for (;;) {
		size_t need;
		size_t fd_count = 0;
		size_t size = 0;
		enum vtr_err err = take_message(ipc, out_message, &need);
		if (err == VTR_ERR_AGAIN) {
			err = make_room(ipc, need);
		} else {
			return err;
		}
		if (err == VTR_OK) {
			/* One call receives the fds of one message only. */
			err = vtr_os_sock_recv_now(
				ipc->fd, ipc->buf + ipc->end, ipc->room - ipc->end, &size,
				ipc->fds + ipc->fd_have,
				vtr_min(VTR_IPC_MAX_FDS, VTR_ARRAY_LEN(ipc->fds) - ipc->fd_have), &fd_count);
		}
		if (err != VTR_OK) {
			return err;
		}
		ipc->end += size;
		ipc->fd_have += fd_count;
	}
}

/* --- sending ------------------------------------------------------------------------------------- */

#define IOV_COUNT 4

/* Returns: the message's size. */
static size_t describe(const struct vtr_ipc_rule *rules, uint32_t op, const struct vtr_ipc_parts *parts,
                       struct header *header, struct iovec iov[IOV_COUNT])
{
	static const uint8_t zeros[STEP];
	const struct vtr_ipc_rule *rule = &rules[op];
	size_t payload_size = rule->size + parts->tail_size;

	vtr_assert(parts->tail_size <= rule->max_tail);
	vtr_assert(rule->tail_step <= 1 || parts->tail_size % rule->tail_step == 0);
	vtr_assert(parts->fd_count >= rule->min_fds && parts->fd_count <= rule->max_fds);
	*header = (struct header){
		.op = op,
		.size = (uint32_t)payload_size,
		.fd_count = (uint32_t)parts->fd_count,
	};
	iov[0] = (struct iovec){ .iov_base = header, .iov_len = sizeof(*header) };
	iov[1] = (struct iovec){ .iov_base = (void *)parts->payload, .iov_len = rule->size };
	iov[2] = (struct iovec){ .iov_base = (void *)parts->tail, .iov_len = parts->tail_size };
	iov[3] = (struct iovec){
		.iov_base = (void *)zeros,
		.iov_len = padded(payload_size) - sizeof(*header) - payload_size,
	};
	return padded(payload_size);
}

enum vtr_err vtr_ipc_send(int fd, const struct vtr_ipc_rule *rules, uint32_t op,
                          const struct vtr_ipc_parts *parts)
{
	struct header header;
	struct iovec iov[IOV_COUNT];

	(void)describe(rules, op, parts, &header, iov);
	return vtr_os_sock_send(fd, iov, IOV_COUNT, parts->fds, parts->fd_count);
}

/* The part of a message that has not been sent. */
struct queued {
	struct vtr_list link;
	size_t size;
	size_t sent;
	int fds[VTR_IPC_MAX_FDS]; /* sent with the first byte of `bytes` */
	size_t fd_count;
	uint8_t bytes[];
};

void vtr_ipc_sender_init(struct vtr_ipc_sender *sender, int fd, const struct vtr_ipc_rule *rules,
                         size_t max_bytes, size_t max_fds)
{
	*sender = (struct vtr_ipc_sender){
		.fd = fd,
		.rules = rules,
		.max_bytes = max_bytes,
		.max_fds = max_fds,
	};
	vtr_list_init(&sender->queue);
}

static void close_fds(struct vtr_ipc_sender *sender, struct queued *queued)
{
	for (size_t i = 0; i < queued->fd_count; i++) {
		vtr_close(&queued->fds[i]);
	}
	sender->fd_count -= queued->fd_count;
	queued->fd_count = 0;
}

static void drop(struct vtr_ipc_sender *sender, struct queued *queued)
{
	close_fds(sender, queued);
	sender->bytes -= sizeof(*queued) + queued->size;
	vtr_list_remove(&queued->link);
	free(queued);
}

void vtr_ipc_sender_finish(struct vtr_ipc_sender *sender)
{
	struct queued *queued;
	struct queued *next;

	if (!sender->queue.next) {
		return;
	}
	vtr_list_for_each_safe (queued, next, &sender->queue, link) {
		drop(sender, queued);
	}
}

void vtr_ipc_sender_limit_unread(struct vtr_ipc_sender *sender, size_t max_unread_fds)
{
	sender->max_unread_fds = max_unread_fds;
}

/* Returns: whether a message with `fd_count` fds must wait. */
static bool is_held_back(const struct vtr_ipc_sender *sender, size_t fd_count)
{
	return sender->max_unread_fds != 0 && fd_count > 0 && sender->unread_fds > 0 &&
	       sender->unread_fds + fd_count > sender->max_unread_fds;
}

static void count_sent(struct vtr_ipc_sender *sender, size_t fd_count)
{
	if (sender->max_unread_fds != 0) {
		sender->unread_fds += fd_count;
	}
}

/* Returns: the oldest part in the queue, or NULL. */
static struct queued *first_queued(const struct vtr_ipc_sender *sender)
{
	if (!sender->queue.next || vtr_list_empty(&sender->queue)) {
		return NULL;
	}
	return vtr_container_of(sender->queue.next, struct queued, link);
}

bool vtr_ipc_sender_waits(const struct vtr_ipc_sender *sender)
{
	const struct queued *first = first_queued(sender);

	return first && !is_held_back(sender, first->fd_count);
}

enum vtr_err vtr_ipc_sender_flush(struct vtr_ipc_sender *sender)
{
	while (vtr_ipc_sender_waits(sender)) {
		struct queued *first = first_queued(sender);
		struct iovec iov = {
			.iov_base = first->bytes + first->sent,
			.iov_len = first->size - first->sent,
		};
		size_t sent;
		enum vtr_err err =
			vtr_os_sock_send_now(sender->fd, &iov, 1, first->fds, first->fd_count, &sent);
		if (err != VTR_OK) {
			return err == VTR_ERR_AGAIN ? VTR_OK : err;
		}
		count_sent(sender, first->fd_count);
		close_fds(sender, first);
		first->sent += sent;
		if (first->sent == first->size) {
			drop(sender, first);
		}
	}
	return VTR_OK;
}

enum vtr_err vtr_ipc_sender_taken(struct vtr_ipc_sender *sender, size_t fd_count)
{
	if (fd_count > sender->unread_fds) {
		return VTR_ERR_PROTOCOL;
	}
	sender->unread_fds -= fd_count;
	return vtr_ipc_sender_flush(sender);
}

static enum vtr_err keep_fds(struct vtr_ipc_sender *sender, struct queued *queued, const int *fds,
                             size_t fd_count)
{
	for (size_t i = 0; i < fd_count; i++) {
		int copy = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
		if (copy < 0) {
			return VTR_ERR_OS;
		}
		queued->fds[queued->fd_count++] = copy;
		sender->fd_count++;
	}
	return VTR_OK;
}

/* Queues the message without its first `sent` bytes. */
static enum vtr_err queue(struct vtr_ipc_sender *sender, const struct iovec iov[IOV_COUNT], size_t size,
                          size_t sent, const int *fds, size_t fd_count)
{
	size_t left = size - sent;

	if (sent > 0) {
		fd_count = 0;
	}
	if (sender->bytes + sizeof(struct queued) + left > sender->max_bytes ||
	    sender->fd_count + fd_count > sender->max_fds) {
		return VTR_ERR_LIMIT;
	}
	struct queued *queued = malloc(sizeof(*queued) + left);
	if (!queued) {
		return VTR_ERR_NOMEM;
	}
	queued->size = left;
	queued->sent = 0;
	queued->fd_count = 0;
	size_t at = 0;
	for (size_t i = 0; i < IOV_COUNT; i++) {
		size_t skip = vtr_min(sent, iov[i].iov_len);
		size_t length = iov[i].iov_len - skip;
		if (length > 0) {
			memcpy(queued->bytes + at, (const char *)iov[i].iov_base + skip, length);
		}
		sent -= skip;
		at += length;
	}
	vtr_list_append(&sender->queue, &queued->link);
	sender->bytes += sizeof(*queued) + left;
	enum vtr_err err = keep_fds(sender, queued, fds, fd_count);
	if (err != VTR_OK) {
		drop(sender, queued);
	}
	return err;
}

enum vtr_err vtr_ipc_sender_send(struct vtr_ipc_sender *sender, uint32_t op,
                                 const struct vtr_ipc_parts *parts)
{
	struct header header;
	struct iovec iov[IOV_COUNT];
	size_t sent = 0;
	size_t size = describe(sender->rules, op, parts, &header, iov);

	if (!first_queued(sender) && !is_held_back(sender, parts->fd_count)) {
		enum vtr_err err =
			vtr_os_sock_send_now(sender->fd, iov, IOV_COUNT, parts->fds, parts->fd_count, &sent);
		if (err != VTR_OK && err != VTR_ERR_AGAIN) {
			return err;
		}
		count_sent(sender, sent > 0 ? parts->fd_count : 0);
	}
	return sent == size ? VTR_OK : queue(sender, iov, size, sent, parts->fds, parts->fd_count);
}
