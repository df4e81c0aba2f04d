/* SPDX-License-Identifier: MIT */
/* The configuration, and what it does to calls: counting them, failing them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "driver.h"

#define VARIABLE "VTR_TEST_DRIVER"
#define RULES_MAX 32

/* Which calls fail: of those after the first call of `from`, all but the first `after`, `times` of them. */
struct rule {
	enum { FAIL, HANG, NEVER_SIGNAL, LOST_IN_WAIT } kind;
	uint32_t command; /* of the first two */
	VkResult result;
	uint32_t from; /* VTD_COMMAND_COUNT: from the beginning */
	uint64_t after;
	uint64_t times;
	atomic_bool armed;
	atomic_uint_fast64_t seen;
};

struct vtd_config vtd_config = { .api_version = VK_API_VERSION_1_4, .core = UINT32_MAX, .physical_count = 1 };
bool vtd_watch;

static struct rule rules[RULES_MAX];
static size_t rule_count;
static atomic_uint_fast64_t counts[VTD_NAME_COUNT];
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* --- reading ---------------------------------------------------------------------------------------- */

static bool find_command(const char *name, uint32_t *out_command)
{
	for (size_t i = 0; i < VTD_NAME_COUNT; i++) {
		if (strcmp(vtd_names[i].name, name) == 0) {
			*out_command = vtd_names[i].command;
			return true;
		}
	}
	return false;
}

static bool find_result(const char *name, VkResult *out_result)
{
	for (const struct vtd_result_name *r = vtd_result_names; r->name != NULL; r++) {
		if (strcmp(r->name, name) == 0) {
			*out_result = r->value;
			return true;
		}
	}
	return false;
}

static bool read_number(const char *text, uint64_t *out_number)
{
	char *end;

	errno = 0;
	*out_number = strtoull(text, &end, 10);
	return errno == 0 && end != text && *end == '\0';
}

static bool read_rule_word(struct rule *r, const char *word)
{
	if (strncmp(word, "after=", 6) == 0) {
		return read_number(word + 6, &r->after);
	}
	if (strncmp(word, "times=", 6) == 0) {
		return read_number(word + 6, &r->times);
	}
	if (strncmp(word, "from=", 5) == 0) {
		return find_command(word + 5, &r->from);
	}
	return false;
}

/* never-signal[:MORE], lost-in-wait[:MORE], hang=COMMAND[:MORE] or fail=COMMAND:RESULT[:MORE] */
static bool read_rule(char *text)
{
	char *state;
	char *word = strtok_r(text, ":", &state);
	struct rule *r = &rules[rule_count];

	if (rule_count == RULES_MAX) {
		return false;
	}
	*r = (struct rule){ .kind = strcmp(word, "never-signal") == 0 ? NEVER_SIGNAL : LOST_IN_WAIT,
		            .command = VTD_COMMAND_COUNT,
		            .from = VTD_COMMAND_COUNT,
		            .times = UINT64_MAX };
	if (strncmp(word, "hang=", 5) == 0) {
		r->kind = HANG;
		if (!find_command(word + 5, &r->command)) {
			return false;
		}
	}
	if (strncmp(word, "fail=", 5) == 0) {
		const char *result = strtok_r(NULL, ":", &state);

		r->kind = FAIL;
		if (!find_command(word + 5, &r->command) || result == NULL ||
		    !find_result(result, &r->result)) {
			return false;
		}
	}
	for (word = strtok_r(NULL, ":", &state); word != NULL; word = strtok_r(NULL, ":", &state)) {
		if (!read_rule_word(r, word)) {
			return false;
		}
	}
	atomic_init(&r->armed, r->from == VTD_COMMAND_COUNT);
	rule_count++;
	return true;
}

static bool is_rule(const char *word)
{
	static const char *const kinds[] = { "never-signal", "lost-in-wait" };

	for (size_t i = 0; i < VTR_ARRAY_LEN(kinds); i++) {
		const size_t size = strlen(kinds[i]);

		if (strncmp(word, kinds[i], size) == 0 && (word[size] == '\0' || word[size] == ':')) {
			return true;
		}
	}
	return strncmp(word, "fail=", 5) == 0 || strncmp(word, "hang=", 5) == 0;
}

static bool read_version(const char *text, uint32_t *out_minor)
{
	uint64_t minor;

	if (strncmp(text, "1.", 2) != 0 || !read_number(text + 2, &minor) || minor > 4) {
		return false;
	}
	*out_minor = (uint32_t)minor;
	return true;
}

static bool hide(const char *name)
{
	const int n = vtd_extension_find(name);

	if (n >= 0) {
		vtd_config.hidden[n] = true;
	}
	return n >= 0;
}

static bool read_physical_count(const char *text)
{
	uint64_t count;

	if (!read_number(text, &count) || count < 1 || count > VTD_PHYSICAL_MAX) {
		return false;
	}
	vtd_config.physical_count = (uint32_t)count;
	return true;
}

static bool read_word(char *word)
{
	uint32_t minor;

	if (strcmp(word, "null") == 0) {
		return true;
	}
	if (strcmp(word, "count") == 0) {
		return vtd_config.count = true;
	}
	if (strcmp(word, "portability") == 0) {
		return vtd_config.portability = true;
	}
	if (strcmp(word, "buffers-only") == 0) {
		return vtd_config.buffers_only = true;
	}
	if (strcmp(word, "linear-color") == 0) {
		return vtd_config.linear_color = true;
	}
	if (strcmp(word, "aliases") == 0) {
		return vtd_config.aliases = true;
	}
	if (strncmp(word, "aliases=", 8) == 0) {
		return vtd_config.aliases = read_version(word + 8, &vtd_config.core);
	}
	if (strncmp(word, "devices=", 8) == 0) {
		return read_physical_count(word + 8);
	}
	if (strncmp(word, "version=", 8) == 0) {
		const bool good = read_version(word + 8, &minor);

		vtd_config.api_version = VK_MAKE_API_VERSION(0, 1, good ? minor : 0, 0);
		return good;
	}
	if (strncmp(word, "without=", 8) == 0) {
		return hide(word + 8);
	}
	if (is_rule(word)) {
		return read_rule(word);
	}
	return false;
}

static void configure(void)
{
	const char *value = getenv(VARIABLE);
	vtr_autofree char *text = strdup(value != NULL ? value : "");
	char *state;

	vtd_config.valid = text != NULL;
	for (char *word = text != NULL ? strtok_r(text, ",", &state) : NULL; word != NULL;
	     word = strtok_r(NULL, ",", &state)) {
		vtr_autofree char *whole = strdup(word);

		if (!read_word(word)) {
			fprintf(stderr,
			        "vtr-test-driver: " VARIABLE
			        ": '%s' is not understood (tests/driver/README.md "
			        "has the words): there is no device\n",
			        whole);
			vtd_config.valid = false;
		}
	}
	if (!vtd_config.portability) {
		(void)hide("VK_KHR_portability_subset");
	}
	vtd_watch = vtd_config.count || rule_count > 0;
}

void vtd_configure(void)
{
	(void)pthread_once(&once, configure);
}

/* --- calls ------------------------------------------------------------------------------------------ */

/* Whether this call, which the rule is about, is one of those that fail. */
static bool applies(struct rule *r)
{
	if (!atomic_load(&r->armed)) {
		return false;
	}
	const uint64_t n = atomic_fetch_add(&r->seen, 1);

	return n >= r->after && n - r->after < r->times;
}

bool vtd_enter(uint32_t name, void *object, VkResult *out_result)
{
	const struct vtd_dispatchable *o = object;
	const uint32_t command = vtd_names[name].command;
	bool fails = false;

	atomic_fetch_add_explicit(&counts[name], 1, memory_order_relaxed);
	for (size_t i = 0; i < rule_count; i++) {
		struct rule *r = &rules[i];

		if (r->kind == HANG && r->command == command && applies(r)) {
			for (;;) {
				(void)pause();
			}
		}
		if (r->kind == FAIL && out_result != NULL && !fails && r->command == command && applies(r)) {
			*out_result = r->result;
			fails = r->result != VK_SUCCESS;
		}
		if (r->from == command) {
			atomic_store(&r->armed, true);
		}
	}
	if (fails && *out_result == VK_ERROR_DEVICE_LOST && o != NULL && o->device != NULL) {
		vtd_device_lose(o->device);
	}
	return fails;
}

static bool any_applies(int kind)
{
	bool any = false;

	for (size_t i = 0; i < rule_count; i++) {
		if ((int)rules[i].kind == kind) {
			any |= applies(&rules[i]);
		}
	}
	return any;
}

bool vtd_submit_is_endless(void)
{
	return any_applies(NEVER_SIGNAL);
}

bool vtd_wait_loses(void)
{
	return any_applies(LOST_IN_WAIT);
}

static const char *const misuse_names[VTD_MISUSE_COUNT] = {
	[VTD_MISUSE_IMAGE_IN_IMPORTED_MEMORY] = "MISUSE-image-in-imported-memory",
};
static atomic_uint_fast64_t misuses[VTD_MISUSE_COUNT];

void vtd_note_misuse(enum vtd_misuse misuse)
{
	atomic_fetch_add(&misuses[misuse], 1);
}

/* In one piece, since other processes write to the same log. */
void vtd_print_counts(void)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = vtd_config.count ? open_memstream(&text, &size) : NULL;

	if (file == NULL) {
		return;
	}
	for (size_t i = 0; i < VTD_NAME_COUNT; i++) {
		const uint64_t n = atomic_load(&counts[i]);

		if (n != 0) {
			fprintf(file, "vtr-test-driver[%d]: %s %llu\n", (int)getpid(), vtd_names[i].name,
			        (unsigned long long)n);
		}
	}
	for (size_t i = 0; i < VTD_MISUSE_COUNT; i++) {
		const uint64_t n = atomic_load(&misuses[i]);

		if (n != 0) {
			fprintf(file, "vtr-test-driver[%d]: %s %llu\n", (int)getpid(), misuse_names[i],
			        (unsigned long long)n);
		}
	}
	fclose(file);
	if (write(STDERR_FILENO, text, size) < 0) {
		perror("vtr-test-driver");
	}
	free(text);
}
