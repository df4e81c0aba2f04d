/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/bucket.h"
#include "base/list.h"
#include "base/mem.h"

/* A line with its newline. Below PIPE_BUF, so that writers to one pipe never mix lines. */
#define MAX_LINE 1024

/* More than the program has modules. The filter comes from the command line. */
#define MAX_RULES 32
#define MAX_MODULE_NAME 16
#define MAX_TAG 32

/* For lines that a guest can cause: enough to see what happens, too few to fill a disk. */
#define LIMITED_BURST 10
/* The same for the lines that all clients share. */
#define SHARED_BURST 4000
#define SHARED_INTERVAL_NS (INT64_C(1000000000) / 200)
/* The same for one user or container. A sanitizer's report must fit. */
#define OWN_BURST 1000
#define OWN_INTERVAL_NS (INT64_C(1000000000) / 50)
#define LIMITED_INTERVAL_NS INT64_C(1000000000)

/* How long a line waits for a log that takes nothing: a terminal that is stopped, a pipe that is not read.
 * After that, lines do not wait until it takes some again. */
#define PATIENCE_MS 100

struct rule {
	char module[MAX_MODULE_NAME]; /* "" for all */
	int level;
};

struct log {
	struct vtr_log base;
	int fd;
	char tag[MAX_TAG];
	int64_t start_ns;
	bool priorities;
	struct rule rules[MAX_RULES];
	size_t rule_count;
	atomic_bool stuck; /* it took nothing when the last line was to be written */
	atomic_uint lost;  /* lines that it did not take, since the last that it took */

	pthread_mutex_t lock; /* guards what follows */
	struct vtr_bucket limited; /* for rate-limited lines */
	unsigned dropped; /* rate-limited lines dropped since the last one was written */
	struct vtr_bucket shared; /* for vtr_log_share() */
	unsigned unshared; /* lines that it refused since it last allowed one */
};

static const char *const level_names[] = { "error", "warn", "info", "debug", "trace" };
/* The same as priorities of syslog. */
static const char *const priorities[] = { "<3>", "<4>", "<6>", "<7>", "<7>" };

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static struct log *from_base(const struct vtr_log *base)
{
	return vtr_container_of(base, struct log, base);
}

static bool parse_level(const char *text, size_t length, int *out_level)
{
	if (length == 3 && memcmp(text, "off", 3) == 0) {
		*out_level = -1;
		return true;
	}
	for (size_t i = 0; i < VTR_ARRAY_LEN(level_names); i++) {
		if (strlen(level_names[i]) == length && memcmp(text, level_names[i], length) == 0) {
			*out_level = (int)i;
			return true;
		}
	}
	return false;
}

/* One part of the filter: "level" or "module=level". */
static bool parse_rule(const char *text, size_t length, struct rule *out_rule)
{
	struct rule rule = { .module = "" };
	const char *equals = memchr(text, '=', length);

	if (equals != NULL) {
		size_t name_length = (size_t)(equals - text);
		if (name_length == 0 || name_length >= sizeof(rule.module) ||
		    strspn(text, "abcdefghijklmnopqrstuvwxyz_") != name_length) {
			return false;
		}
		memcpy(rule.module, text, name_length);
		text += name_length + 1;
		length -= name_length + 1;
	}
	if (!parse_level(text, length, &rule.level)) {
		return false;
	}
	*out_rule = rule;
	return true;
}

static bool parse_filter(struct log *log, const char *filter)
{
	log->rules[log->rule_count++] = (struct rule){ .level = VTR_LOG_INFO };
	while (filter != NULL) {
		size_t length = strcspn(filter, ",");
		if (log->rule_count == MAX_RULES ||
		    !parse_rule(filter, length, &log->rules[log->rule_count])) {
			return false;
		}
		log->rule_count++;
		filter = filter[length] == ',' ? filter + length + 1 : NULL;
	}
	return true;
}

static int find_loudest(const struct log *log)
{
	int loudest = -1;

	for (size_t i = 0; i < log->rule_count; i++) {
		if (log->rules[i].module[0] == '\0') {
			loudest =
				log->rules[i]
					.level; /* a later level for all modules replaces the earlier rules */
		} else if (log->rules[i].level > loudest) {
			loudest = log->rules[i].level;
		}
	}
	return loudest;
}

enum vtr_err vtr_log_create(const char *filter, int fd, const char *tag, struct vtr_log **out_log)
{
	struct log *log = calloc(1, sizeof(*log));

	if (log == NULL) {
		return VTR_ERR_NOMEM;
	}
	if (!parse_filter(log, filter)) {
		free(log);
		return VTR_ERR_ARG;
	}
	log->base.loudest = find_loudest(log);
	log->fd = fd;
	if (tag != NULL) {
		vtr_log_str(log->tag, sizeof(log->tag), tag, strlen(tag));
	}
	log->start_ns = now_ns();
	pthread_mutex_init(&log->lock, NULL);
	*out_log = &log->base;
	return VTR_OK;
}

void vtr_log_set_priorities(struct vtr_log *base)
{
	from_base(base)->priorities = true;
}

void vtr_log_destroy(struct vtr_log *base)
{
	if (base == NULL) {
		return;
	}
	struct log *log = from_base(base);
	unsigned dropped = log->dropped + atomic_exchange(&log->lost, 0);
	if (dropped > 0) {
		vtr_log_write(base, VTR_LOG_WARN, "log", "%u lines were dropped", dropped);
	}
	pthread_mutex_destroy(&log->lock);
	free(log);
}

bool vtr_log_passes(const struct vtr_log *base, enum vtr_log_level level, const char *module)
{
	const struct log *log = from_base(base);

	for (size_t i = log->rule_count; i > 0; i--) {
		const struct rule *rule = &log->rules[i - 1];
		if (rule->module[0] == '\0' || strcmp(rule->module, module) == 0) {
			return (int)level <= rule->level;
		}
	}
	return false;
}

/* Whether it takes a line now, or soon. A pipe that does has room for PIPE_BUF bytes. */
static bool takes_line(struct log *log)
{
	struct pollfd pollfd = { .fd = log->fd, .events = POLLOUT };
	int count;

	do {
		count = poll(&pollfd, 1, atomic_load(&log->stuck) ? 0 : PATIENCE_MS);
	} while (count < 0 && errno == EINTR);
	atomic_store(&log->stuck, count == 0);
	return count != 0;
}

/* A log that cannot be written to (full disk, closed pipe, stopped terminal) must not stop the program. `dropped`:
 * how many lines before it the line owns up to. */
static void write_line(struct log *log, int level, const char *line, size_t length, unsigned dropped)
{
	const struct iovec parts[] = {
		{ .iov_base = (void *)priorities[level], .iov_len = strlen(priorities[level]) },
		{ .iov_base = (void *)line, .iov_len = length },
	};
	const int first = log->priorities ? 0 : 1;
	ssize_t written = -1;

	if (takes_line(log)) {
		do {
			written = writev(log->fd, parts + first, 2 - first);
		} while (written < 0 && errno == EINTR);
	}
	if (written < 0) {
		atomic_fetch_add(&log->lost, dropped + 1);
	}
}

/* Turns the return value of vsnprintf() into the number of bytes it wrote. */
static size_t clip(int wanted, size_t room)
{
	return wanted < 0 ? 0 : vtr_min((size_t)wanted, room - 1);
}

VTR_PRINTF(5, 0)
static void write_formatted(struct log *log, enum vtr_log_level level, const char *module, unsigned dropped,
                            const char *fmt, va_list args)
{
	static const char more[] = "...";
	char line[MAX_LINE];
	char note[48] = "";
	int saved_errno = errno;
	double seconds = (double)(now_ns() - log->start_ns) / 1e9;

	dropped += atomic_exchange(&log->lost, 0);
	if (dropped > 0) {
		snprintf(note, sizeof(note), " (%u lines before it were dropped)", dropped);
	}
	size_t note_length = strlen(note);
	/* Keeps room for the note, the mark of a cut line and the newline. */
	size_t room = sizeof(line) - note_length - sizeof(more);
	size_t at = clip(snprintf(line, room, "%.3f %-5s %s%s%s ", seconds, level_names[level], log->tag,
	                          log->tag[0] != '\0' ? " " : "", module),
	                 room);

	errno = saved_errno; /* for %m */
	int wanted = vsnprintf(line + at, room - at, fmt, args);
	bool cut = wanted >= 0 && (size_t)wanted >= room - at;
	size_t end = at + clip(wanted, room - at);
	for (size_t i = at; i < end; i++) {
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f) {
			line[i] = '?';
		}
	}
	if (cut) {
		memcpy(line + end, more, sizeof(more) - 1);
		end += sizeof(more) - 1;
	}
	memcpy(line + end, note, note_length);
	end += note_length;
	line[end++] = '\n';
	write_line(log, (int)level, line, end, dropped);
	errno = saved_errno;
}

void vtr_log_write(struct vtr_log *base, enum vtr_log_level level, const char *module, const char *fmt, ...)
{
	if (vtr_log_on(base, level, module)) {
		va_list args;

		va_start(args, fmt);
		write_formatted(from_base(base), level, module, 0, fmt, args);
		va_end(args);
	}
}

/* Takes a token. Returns: false if there is none, and counts the line as dropped. */
static bool take_token(struct log *log, unsigned *out_dropped)
{
	pthread_mutex_lock(&log->lock);
	bool taken = vtr_bucket_take(&log->limited, LIMITED_BURST, LIMITED_INTERVAL_NS, now_ns());
	if (taken) {
		*out_dropped = log->dropped;
		log->dropped = 0;
	} else {
		log->dropped++;
	}
	pthread_mutex_unlock(&log->lock);
	return taken;
}

void vtr_log_write_limited(struct vtr_log *base, enum vtr_log_level level, const char *module,
                           const char *fmt, ...)
{
	unsigned dropped;

	if (vtr_log_on(base, level, module) && take_token(from_base(base), &dropped)) {
		va_list args;

		va_start(args, fmt);
		write_formatted(from_base(base), level, module, dropped, fmt, args);
		va_end(args);
	}
}

bool vtr_log_share(struct vtr_log *base, struct vtr_bucket *own)
{
	unsigned refused = 0;

	if (base == NULL || base->loudest >= VTR_LOG_DEBUG) {
		return true;
	}
	struct log *log = from_base(base);
	const int64_t now = now_ns();
	pthread_mutex_lock(&log->lock);
	bool allowed = (!own || vtr_bucket_take(own, OWN_BURST, OWN_INTERVAL_NS, now)) &&
	               vtr_bucket_take(&log->shared, SHARED_BURST, SHARED_INTERVAL_NS, now);
	if (allowed) {
		refused = log->unshared;
		log->unshared = 0;
	} else {
		log->unshared++;
	}
	pthread_mutex_unlock(&log->lock);
	if (refused > 0) {
		vtr_log_write(
			base, VTR_LOG_WARN, "log",
			"%u lines about clients, or of their processes, were dropped: there were too many",
			refused);
	}
	return allowed;
}

/* The level of a line that another process has written: "12.345 warn  worker ...". */
static int level_of(const char *line, size_t length)
{
	const char *space = memchr(line, ' ', length);
	int level = VTR_LOG_INFO;

	if (space != NULL) {
		const char *word = space + 1;
		const size_t left = length - (size_t)(word - line);
		const char *end = memchr(word, ' ', left);

		if (end == NULL || !parse_level(word, (size_t)(end - word), &level) || level < 0) {
			level = VTR_LOG_INFO;
		}
	}
	return level;
}

void vtr_log_pass(struct vtr_log *base, const char *line, size_t length)
{
	int saved_errno = errno;

	if (base != NULL) {
		write_line(from_base(base), level_of(line, length), line, length, 0);
	}
	errno = saved_errno;
}

const char *vtr_log_str(char *buf, size_t size, const char *guest_text, size_t max)
{
	static const char hex[] = "0123456789abcdef";
	size_t length = guest_text != NULL ? strnlen(guest_text, max) : 0;
	size_t at = 0;
	size_t cut_at = 0; /* where "..." still fits */

	vtr_assert(size > 0);
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)guest_text[i];
		bool plain = c >= 0x20 && c < 0x7f && c != '\\';

		if (at + (plain ? 1 : 4) >= size) {
			at = cut_at;
			for (int dots = 0; dots < 3 && at + 1 < size; dots++) {
				buf[at++] = '.';
			}
			break;
		}
		if (plain) {
			buf[at++] = (char)c;
		} else {
			buf[at++] = '\\';
			buf[at++] = 'x';
			buf[at++] = hex[c >> 4];
			buf[at++] = hex[c & 15];
		}
		if (at + 3 < size) {
			cut_at = at;
		}
	}
	buf[at] = '\0';
	return buf;
}
