/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "ipc"
#include "ipc/child_log.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "platform/thread.h"

#define SECOND_NS INT64_C(1000000000)
#define LINE_NS (SECOND_NS / VTR_CHILD_LOG_RATE)
#define READ_SIZE 4096

void vtr_child_log_init(struct vtr_child_log *child_log, struct vtr_log *log, const char *name,
                        struct vtr_bucket *own)
{
	child_log->log = log;
	child_log->name = name;
	child_log->own = own;
	child_log->length = 0;
	child_log->cut = false;
	child_log->bucket = (struct vtr_bucket){ 0 };
	child_log->over = false;
	child_log->dropped = 0;
}

/* Gives back the tokens of the time that has passed. */
static void refill(struct vtr_child_log *child_log, int64_t now_ns)
{
	vtr_bucket_refill(&child_log->bucket, LINE_NS, now_ns);
	child_log->over &= child_log->bucket.used > VTR_CHILD_LOG_BURST - VTR_CHILD_LOG_RATE;
}

/* Returns: whether one more line may be passed on. */
static bool take_token(struct vtr_child_log *child_log)
{
	const int64_t now_ns = vtr_os_now_ns();

	if (child_log->log->loudest >= VTR_LOG_DEBUG) {
		return true;
	}
	refill(child_log, now_ns);
	if (!child_log->over) {
		child_log->over = !vtr_bucket_take(&child_log->bucket, VTR_CHILD_LOG_BURST, LINE_NS, now_ns);
	}
	return !child_log->over;
}

/* Returns: the length of the UTF-8 character at `text` if a terminal just shows it, else 0. */
static size_t printable(const unsigned char *text, size_t size)
{
	static const uint32_t smallest[] = { 0, 0x20, 0xa0, 0x800, 0x10000 };
	size_t length = text[0] < 0x80 ? 1 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
	uint32_t code = length == 1 ? text[0] : text[0] & (0x7fu >> length);

	if (length > size || (text[0] & 0xc0) == 0x80 || text[0] >= 0xf8) {
		return 0;
	}
	for (size_t i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80) {
			return 0;
		}
		code = code << 6 | (text[i] & 0x3f);
	}
	return code >= smallest[length] && code != 0x7f && code <= 0x10ffff ? length : 0;
}

static void sanitize(char *text, size_t size)
{
	for (size_t at = 0; at < size;) {
		size_t length = printable((const unsigned char *)text + at, size - at);
		if (length == 0) {
			text[at] = text[at] == '\t' ? ' ' : '?';
		}
		at += vtr_max(length, 1);
	}
}

static void report_dropped(struct vtr_child_log *child_log)
{
	if (child_log->dropped > 0) {
		vtr_warn(child_log->log, "%s: %u lines of its log were dropped", child_log->name,
		         child_log->dropped);
		child_log->dropped = 0;
	}
}

static void finish_line(struct vtr_child_log *child_log)
{
	static const char more[] = "...";
	size_t length = child_log->length;

	if (child_log->log && !take_token(child_log)) {
		child_log->dropped++;
	} else if (child_log->log && vtr_log_share(child_log->log, child_log->own)) {
		report_dropped(child_log);
		if (child_log->cut) {
			memcpy(child_log->line + length - sizeof(more) + 1, more, sizeof(more) - 1);
		}
		sanitize(child_log->line, length);
		child_log->line[length] = '\n';
		vtr_log_pass(child_log->log, child_log->line, length + 1);
	}
	child_log->length = 0;
	child_log->cut = false;
}

static void take_bytes(struct vtr_child_log *child_log, const char *bytes, size_t size)
{
	while (size > 0) {
		const char *end = memchr(bytes, '\n', size);
		size_t length = end ? (size_t)(end - bytes) : size;
		size_t fits = vtr_min(length, sizeof(child_log->line) - 1 - child_log->length);

		memcpy(child_log->line + child_log->length, bytes, fits);
		child_log->length += fits;
		child_log->cut |= fits < length;
		if (end) {
			finish_line(child_log);
			length++;
		}
		bytes += length;
		size -= length;
	}
}

enum vtr_err vtr_child_log_read(struct vtr_child_log *child_log, int pipe_fd, size_t max)
{
	char bytes[READ_SIZE];
	enum vtr_err err = VTR_OK;

	for (size_t taken = 0; taken < max && err == VTR_OK;) {
		ssize_t size = read(pipe_fd, bytes, sizeof(bytes));
		if (size > 0) {
			take_bytes(child_log, bytes, (size_t)size);
			taken += (size_t)size;
		} else if (size == 0 || errno != EINTR) {
			err = size < 0 && errno == EAGAIN ? VTR_ERR_AGAIN : VTR_ERR_GONE;
		}
	}
	if (child_log->over && err != VTR_ERR_GONE) {
		refill(child_log, vtr_os_now_ns());
		err = child_log->over ? VTR_ERR_LIMIT : err;
	}
	if (err == VTR_ERR_AGAIN) {
		report_dropped(child_log);
	}
	return err;
}

void vtr_child_log_end(struct vtr_child_log *child_log)
{
	if (child_log->length > 0) {
		finish_line(child_log);
	}
	report_dropped(child_log);
}
