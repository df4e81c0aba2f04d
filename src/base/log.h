/* SPDX-License-Identifier: MIT */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bucket.h"
#include "base/err.h"

/*
 * Log lines, one write() each: "12.345 warn  ctx=3 venus vkQueueSubmit2: no such semaphore". The log is
 * reached through a handle, never a global; a NULL handle logs nothing. A failure is logged once, where the
 * cause is known; callers only pass the error on. base/, wire/ and platform/ do not log above debug.
 *
 * A log that takes nothing (a stopped terminal, a full pipe) holds up one line for a tenth of a second. Until it takes
 * lines again they are dropped; the next one says how many.
 *
 * A file that logs defines VTR_LOG_MODULE (the name of its folder) before it includes this.
 *
 * Thread: any, also several at once; a line is never torn (up to PIPE_BUF bytes on a pipe).
 */
enum vtr_log_level {
	VTR_LOG_ERROR, /* a feature is lost */
	VTR_LOG_WARN,  /* one guest or client lost something */
	VTR_LOG_INFO,  /* lifecycle, chosen back ends */
	VTR_LOG_DEBUG, /* decisions */
	VTR_LOG_TRACE, /* each command */
};

/* Opaque except for the first check, which is inline because it is on the path of each command. */
struct vtr_log {
	int loudest; /* the highest level that is on for any module, -1: none; never changes */
};

/**
 * Makes a log.
 *
 * `filter` is a list like "info,venus=debug": a level for all modules, then exceptions; the last
 *          match wins. Levels: off, error, warn, info, debug, trace. NULL is "info".
 * `fd`     is borrowed, usually 2, and must outlive the log.
 * `tag`    goes into each line ("ctx=3"); NULL for none.
 *
 * Owner:   *out_log is the caller's; end it with vtr_log_destroy().
 * Returns: VTR_ERR_ARG (the filter makes no sense), VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_log_create(const char *filter, int fd, const char *tag,
                                           struct vtr_log **out_log);

/* Begins each line with a priority as "<4>", which the journal and syslog read. Call it before others use the log. */
void vtr_log_set_priorities(struct vtr_log *log);

/* Logs how many rate-limited lines were dropped since the last note. Accepts NULL. */
void vtr_log_destroy(struct vtr_log *log);

/* The slow part of vtr_log_on(): consults the filter. */
bool vtr_log_passes(const struct vtr_log *log, enum vtr_log_level level, const char *module);

/* Returns: whether a line of this level and module would be written. */
static inline bool vtr_log_on(const struct vtr_log *log, enum vtr_log_level level, const char *module)
{
	return log != NULL && (int)level <= log->loudest && vtr_log_passes(log, level, module);
}

/**
 * Writes a line if the filter lets it pass. Control characters in the text become '?', so that a text cannot
 * forge a line. Very long lines are cut. Keeps errno.
 */
void vtr_log_write(struct vtr_log *log, enum vtr_log_level level, const char *module, const char *fmt, ...)
	VTR_PRINTF(4, 5);

/**
 * The same for lines that a guest can cause at will: ten at once, then one a second for the whole
 * log. The next line that passes says how many were dropped before it.
 */
void vtr_log_write_limited(struct vtr_log *log, enum vtr_log_level level, const char *module, const char *fmt,
                           ...) VTR_PRINTF(4, 5);

/**
 * Takes one line of the budget that all lines about clients and of their processes share, so that many short
 * connections cannot fill a disk: 4000 at once, then 200 a second. Without a limit at the levels debug and trace.
 * `own` limits one user or container to a part of it, 1000 at once and then 50 a second; NULL: no such limit. It is
 * used under the log's lock only.
 *
 * Returns: false if it is used up: do not write the line. The next line that is allowed comes after a note that says
 *          how many were dropped.
 */
bool vtr_log_share(struct vtr_log *log, struct vtr_bucket *own);

/**
 * Passes on a line of another process as it is, whatever the filter says. The line ends with a newline, has no other
 * control character (the caller has seen to that), and at most 1024 bytes. With priorities it has that of its second
 * word, where vtr_log_write() puts the level, or else that of VTR_LOG_INFO; a priority at its beginning is text.
 */
void vtr_log_pass(struct vtr_log *log, const char *line, size_t length);

/**
 * Makes text from a guest fit to print: at most `max` bytes of it, everything but printable ASCII
 * escaped, "..." at the end if `buf` is too small. `guest_text` ends at `max` or at its NUL; it may be
 * NULL.
 *
 * Returns: buf, always terminated (`size` must not be 0).
 */
const char *vtr_log_str(char *buf, size_t size, const char *guest_text, size_t max);

#define vtr_log_at(log, level, ...)                                             \
	do {                                                                    \
		if (vtr_log_on(log, level, VTR_LOG_MODULE)) {                   \
			vtr_log_write(log, level, VTR_LOG_MODULE, __VA_ARGS__); \
		}                                                               \
	} while (0)

#define vtr_error(log, ...) vtr_log_at(log, VTR_LOG_ERROR, __VA_ARGS__)
#define vtr_warn(log, ...) vtr_log_at(log, VTR_LOG_WARN, __VA_ARGS__)
#define vtr_info(log, ...) vtr_log_at(log, VTR_LOG_INFO, __VA_ARGS__)
#define vtr_debug(log, ...) vtr_log_at(log, VTR_LOG_DEBUG, __VA_ARGS__)
#define vtr_trace(log, ...) vtr_log_at(log, VTR_LOG_TRACE, __VA_ARGS__)

/* Lines about one client, for what each client causes; see vtr_log_share(). */
#define vtr_log_of_client(log, own, level, ...)                                          \
	do {                                                                             \
		if (vtr_log_on(log, level, VTR_LOG_MODULE) && vtr_log_share(log, own)) { \
			vtr_log_write(log, level, VTR_LOG_MODULE, __VA_ARGS__);          \
		}                                                                        \
	} while (0)

/* Rate-limited lines, for what a guest can cause at will. */
#define vtr_warn_limited(log, ...) vtr_log_write_limited(log, VTR_LOG_WARN, VTR_LOG_MODULE, __VA_ARGS__)
#define vtr_info_limited(log, ...) vtr_log_write_limited(log, VTR_LOG_INFO, VTR_LOG_MODULE, __VA_ARGS__)

#endif
