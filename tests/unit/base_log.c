/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "venus"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <time.h>

#include "base/mem.h"
#include "test.h"

static int pipe_fds[2];
static char text[65536];

/* The log's time goes on only by pass_ms(), so what it drops does not depend on the machine. */
static int64_t now_ms = 1000000;

int __wrap_clock_gettime(clockid_t clock, struct timespec *time);

int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
	CHECK_EQ(clock, CLOCK_MONOTONIC);
	*time = (struct timespec){ .tv_sec = now_ms / 1000, .tv_nsec = now_ms % 1000 * 1000000 };
	return 0;
}

static void pass_ms(int64_t ms)
{
	now_ms += ms;
}

/* What was written to the pipe since the last call. */
static const char *written(void)
{
	ssize_t size = read(pipe_fds[0], text, sizeof(text) - 1);

	text[size > 0 ? size : 0] = '\0';
	return text;
}

/* The line without its time stamp. */
static const char *line(void)
{
	const char *space = strchr(written(), ' ');

	return space != NULL ? space + 1 : "";
}

static struct vtr_log *create(const char *filter, const char *tag)
{
	struct vtr_log *log = NULL;

	CHECK_OK(vtr_log_create(filter, pipe_fds[1], tag, &log));
	return log;
}

static void writes_lines(void)
{
	struct vtr_log *log = create(NULL, "ctx=3");

	vtr_warn(log, "%s: semaphore 0x%x is not an object", "vkQueueSubmit2", 0x41u);
	CHECK_STR(line(), "warn  ctx=3 venus vkQueueSubmit2: semaphore 0x41 is not an object\n");
	vtr_log_destroy(log);
	log = create(NULL, NULL);
	vtr_error(log, "plain");
	CHECK_STR(line(), "error venus plain\n");
	vtr_log_destroy(log);
}

static void has_priorities(void)
{
	static const struct {
		const char *line, *priority;
	} passed[] = {
		{ "0.001 error worker x\n", "<3>" },
		{ "0.001 warn  x\n", "<4>" },
		{ "0.001 debug x\n", "<7>" },
		{ "a driver's own line\n", "<6>" },
		{ "0.001 off x\n", "<6>" },
		{ "0.001 warn\n", "<6>" },
		{ "<0>everyone logs out\n", "<6>" },
		{ "<0> error everyone\n", "<3>" },
		{ "\n", "<6>" },
	};
	struct vtr_log *log = create("trace", NULL);

	vtr_log_set_priorities(log);
	vtr_error(log, "x");
	CHECK(strncmp(written(), "<3>0.", 5) == 0);
	vtr_warn(log, "x");
	CHECK(strncmp(written(), "<4>0.", 5) == 0);
	vtr_info(log, "x");
	CHECK(strncmp(written(), "<6>0.", 5) == 0);
	vtr_debug(log, "x");
	CHECK(strncmp(written(), "<7>0.", 5) == 0);
	vtr_trace(log, "x");
	CHECK(strncmp(written(), "<7>0.", 5) == 0);
	for (size_t i = 0; i < VTR_ARRAY_LEN(passed); i++) {
		vtr_log_pass(log, passed[i].line, strlen(passed[i].line));
		CHECK(strncmp(written(), passed[i].priority, 3) == 0);
		CHECK_STR(text + 3, passed[i].line);
	}
	vtr_log_destroy(log);
}

static void null_is_silence(void)
{
	vtr_error(NULL, "x");
	vtr_warn_limited(NULL, "x");
	vtr_log_write(NULL, VTR_LOG_ERROR, "venus", "x");
	vtr_log_destroy(NULL);
	CHECK_STR(written(), "");
}

static bool on(const char *filter, enum vtr_log_level level, const char *module)
{
	struct vtr_log *log = create(filter, NULL);
	bool result = vtr_log_on(log, level, module);

	vtr_log_destroy(log);
	return result;
}

static void filters(void)
{
	CHECK(on(NULL, VTR_LOG_INFO, "venus"));
	CHECK(!on(NULL, VTR_LOG_DEBUG, "venus"));
	CHECK(!on("warn", VTR_LOG_INFO, "venus"));
	CHECK(on("info,venus=debug", VTR_LOG_DEBUG, "venus"));
	CHECK(!on("info,venus=debug", VTR_LOG_TRACE, "venus"));
	CHECK(!on("info,venus=debug", VTR_LOG_DEBUG, "worker"));
	CHECK(on("venus=trace", VTR_LOG_INFO, "worker"));
	CHECK(on("trace,venus=error", VTR_LOG_TRACE, "worker"));
	CHECK(!on("trace,venus=error", VTR_LOG_WARN, "venus"));
	CHECK(!on("off", VTR_LOG_ERROR, "venus"));
	CHECK(!on("venus=trace,error", VTR_LOG_TRACE, "venus")); /* the last match wins */
}

static void bad_filters(void)
{
	static const char *const bad[] = { "",
		                           ",",
		                           "info,",
		                           "loud",
		                           "venus=",
		                           "=info",
		                           "venus=loud",
		                           "venus=info=debug",
		                           "info;venus=debug",
		                           "averyveryverylongname=info" };

	for (size_t i = 0; i < VTR_ARRAY_LEN(bad); i++) {
		struct vtr_log *log = NULL;
		CHECK_ERR(vtr_log_create(bad[i], 2, NULL, &log), VTR_ERR_ARG);
		CHECK(log == NULL);
	}
	char many[400] = "info";
	for (int i = 0; i < 60; i++) {
		strcat(many, ",info");
	}
	struct vtr_log *log = NULL;
	CHECK_ERR(vtr_log_create(many, 2, NULL, &log), VTR_ERR_ARG);
}

static void lines_cannot_be_forged(void)
{
	struct vtr_log *log = create(NULL, "a\nb");

	vtr_warn(log, "one\n0.000 error forged\x1b[2J\x7f");
	CHECK_STR(line(), "warn  a\\x0ab venus one?0.000 error forged?[2J?\n");
	vtr_log_destroy(log);
}

static void long_lines_are_cut(void)
{
	struct vtr_log *log = create(NULL, NULL);
	char *big = malloc(10000);

	CHECK(big != NULL);
	memset(big, 'x', 9999);
	big[9999] = '\0';
	vtr_warn(log, "%s", big);
	const char *got = written();
	size_t length = strlen(got);
	CHECK(length > 1000 && length <= 1024);
	CHECK_STR(got + length - 5, "x...\n");
	free(big);
	vtr_log_destroy(log);
}

static void keeps_errno(void)
{
	char wanted[128];
	struct vtr_log *log = create(NULL, NULL);

	errno = ENOTTY;
	vtr_warn(log, "%m");
	CHECK_EQ(errno, ENOTTY);
	snprintf(wanted, sizeof(wanted), "warn  venus %s\n", strerror(ENOTTY));
	CHECK_STR(line(), wanted);
	vtr_log_destroy(log);
	CHECK_OK(vtr_log_create(NULL, -1, NULL, &log)); /* nowhere to write to */
	errno = ENOTTY;
	vtr_warn(log, "lost");
	CHECK_EQ(errno, ENOTTY);
	vtr_log_destroy(log);
}

static int count(const char *haystack, char needle)
{
	int n = 0;

	for (; *haystack != '\0'; haystack++) {
		n += *haystack == needle;
	}
	return n;
}

static void guests_cannot_flood(void)
{
	struct vtr_log *log = create(NULL, NULL);

	for (int i = 0; i < 1000; i++) {
		vtr_warn_limited(log, "line %d", i);
	}
	CHECK_EQ(count(written(), '\n'), 10); /* at once */
	vtr_warn(log, "not limited");
	CHECK_STR(line(), "warn  venus not limited\n");
	vtr_log_destroy(log);
	CHECK(strstr(written(), "log 9") != NULL && strstr(text, "lines were dropped") != NULL);
}

static void says_what_was_dropped(void)
{
	struct vtr_log *log = create(NULL, NULL);

	for (int i = 0; i < 20; i++) {
		vtr_warn_limited(log, "x");
	}
	written();
	pass_ms(900);
	vtr_warn_limited(log, "not yet");
	CHECK_STR(written(), "");
	pass_ms(200);
	vtr_warn_limited(log, "y");
	CHECK_STR(line(), "warn  venus y (11 lines before it were dropped)\n");
	vtr_log_destroy(log);
	CHECK_STR(written(), "");
}

/* Lines of many clients, each with a budget of its own. */
static void clients_share(void)
{
	struct vtr_log *log = create(NULL, NULL);
	int allowed = 0;

	for (int i = 0; i < 20000; i++) {
		allowed += vtr_log_share(log, NULL);
	}
	CHECK_EQ(allowed, 4000); /* at once */
	CHECK_STR(written(), "");
	pass_ms(20);
	vtr_log_of_client(log, NULL, VTR_LOG_DEBUG, "this level is off");
	CHECK_STR(written(), "");
	vtr_log_of_client(log, NULL, VTR_LOG_INFO, "client");
	CHECK(strstr(written(), "lines about clients, or of their processes, were dropped") != NULL);
	CHECK(strstr(text, "client\n") != NULL);
	vtr_log_destroy(log);
	log = create("debug", NULL);
	for (int i = 0; i < 5000; i++) {
		CHECK(vtr_log_share(log, NULL));
	}
	vtr_log_destroy(log);
	CHECK(vtr_log_share(NULL, NULL));
}

/* One client, however much it writes, leaves most of the budget to the others. */
static void a_client_has_a_part(void)
{
	struct vtr_log *log = create(NULL, NULL);
	struct vtr_bucket greedy = { 0 };
	struct vtr_bucket other = { 0 };
	int allowed = 0;

	for (int i = 0; i < 20000; i++) {
		allowed += vtr_log_share(log, &greedy);
	}
	CHECK_EQ(allowed, 1000);
	for (int i = 0; i < 1000; i++) {
		CHECK(vtr_log_share(log, &other));
	}
	CHECK(strstr(written(), "were dropped") != NULL);
	vtr_log_destroy(log);
}

static void *write_many(void *log)
{
	for (int i = 0; i < 100; i++) {
		vtr_warn_limited(log, "limited");
		vtr_info(log, "0123456789");
	}
	return NULL;
}

static void threads_do_not_mix(void)
{
	struct vtr_log *log = create(NULL, NULL);
	pthread_t threads[4];

	for (int i = 0; i < 4; i++) {
		CHECK_EQ(pthread_create(&threads[i], NULL, write_many, log), 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
	}
	int lines = 0;
	for (char *at = (char *)written(); *at != '\0'; lines++) {
		char *end = strchr(at, '\n');
		CHECK(end != NULL);
		*end = '\0';
		CHECK(strstr(at, "info  venus 0123456789") != NULL || strstr(at, "warn  venus lim") != NULL);
		at = end + 1;
	}
	CHECK_EQ(lines, 410);
	vtr_log_destroy(log);
}

/* A pipe that is not read, and blocks. Lines do not wait for it, which would end this test by its time limit; the first
 * that gets through counts the others. */
static void a_full_pipe_stops_nothing(void)
{
	struct vtr_log *log = NULL;
	char block[8192];
	int fds[2];

	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
	CHECK_EQ(fcntl(fds[1], F_SETPIPE_SZ, sizeof(block)), sizeof(block));
	CHECK_OK(vtr_log_create(NULL, fds[1], NULL, &log));
	memset(block, 'x', sizeof(block));
	CHECK_EQ(write(fds[1], block, sizeof(block)), sizeof(block));
	for (int i = 0; i < 1000; i++) {
		vtr_warn(log, "not taken");
	}
	vtr_log_pass(log, "nor this\n", 9);
	CHECK_EQ(read(fds[0], block, sizeof(block)), sizeof(block));
	vtr_warn(log, "first");
	vtr_log_pass(log, "as it is\n", 9);
	ssize_t size = read(fds[0], block, sizeof(block) - 1);
	CHECK(size > 0);
	block[size] = '\0';
	CHECK(strstr(block, "warn  venus first (1001 lines before it were dropped)\nas it is\n") != NULL);
	vtr_warn(log, "second");
	size = read(fds[0], block, sizeof(block) - 1);
	block[size] = '\0';
	CHECK(strstr(block, "warn  venus second\n") != NULL);
	vtr_log_destroy(log);
	vtr_log_pass(NULL, "x\n", 2);
	close(fds[0]);
	close(fds[1]);
}

static void escapes_guest_text(void)
{
	char buf[16];
	char small[4];
	char one[1];

	CHECK_STR(vtr_log_str(buf, sizeof(buf), "vkcube", 100), "vkcube");
	CHECK_STR(vtr_log_str(buf, sizeof(buf), "vkcube", 2), "vk");
	CHECK_STR(vtr_log_str(buf, sizeof(buf), "a\nb\\\xff", 100), "a\\x0ab\\x5c\\xff");
	CHECK_STR(vtr_log_str(buf, sizeof(buf), "123456789012345", 100), "123456789012345");
	CHECK_STR(vtr_log_str(buf, sizeof(buf), "1234567890123456", 100), "123456789012...");
	CHECK_STR(vtr_log_str(buf, sizeof(buf), "\n\n\n\n", 100), "\\x0a\\x0a\\x0a...");
	CHECK_STR(vtr_log_str(buf, sizeof(buf), NULL, 100), "");
	CHECK_STR(vtr_log_str(buf, sizeof(buf), "", 0), "");
	CHECK_STR(vtr_log_str(small, sizeof(small), "\n", 1), "...");
	CHECK_STR(vtr_log_str(one, sizeof(one), "abc", 3), "");
	const char unterminated[3] = { 'a', 'b', 'c' };
	CHECK_STR(vtr_log_str(buf, sizeof(buf), unterminated, sizeof(unterminated)), "abc");
}

int main(void)
{
	CHECK_EQ(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK), 0);
	RUN(writes_lines);
	RUN(has_priorities);
	RUN(null_is_silence);
	RUN(filters);
	RUN(bad_filters);
	RUN(lines_cannot_be_forged);
	RUN(long_lines_are_cut);
	RUN(keeps_errno);
	RUN(guests_cannot_flood);
	RUN(says_what_was_dropped);
	RUN(clients_share);
	RUN(a_client_has_a_part);
	RUN(threads_do_not_mix);
	RUN(a_full_pipe_stops_nothing);
	RUN(escapes_guest_text);
	return 0;
}
