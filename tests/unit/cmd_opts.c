/* SPDX-License-Identifier: MIT */
#include "cmd/opts.h"

#include <fcntl.h>

#include "base/mem.h"
#include "cmd/tuning.h"
#include "platform/proc.h"
#include "test.h"

struct options {
	bool flag;
	const char *text;
	uint32_t number;
	uint64_t size;
	uint32_t mode;
	struct vtr_opt_list list;
};

static const struct vtr_opt opts[] = {
	{ .name = "flag",
	  .letter = 'f',
	  .kind = VTR_OPT_FLAG,
	  .offset = offsetof(struct options, flag),
	  .help = "a flag" },
	{ .name = "text",
	  .letter = 't',
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, text),
	  .arg = "TEXT",
	  .help = "a text" },
	{ .name = "number",
	  .kind = VTR_OPT_NUMBER,
	  .offset = offsetof(struct options, number),
	  .arg = "N",
	  .help = "a number" },
	{ .name = "size",
	  .kind = VTR_OPT_SIZE,
	  .offset = offsetof(struct options, size),
	  .arg = "SIZE",
	  .help = "a size" },
	{ .name = "mode",
	  .kind = VTR_OPT_MODE,
	  .offset = offsetof(struct options, mode),
	  .arg = "MODE",
	  .help = "a mode" },
	{ .name = "option",
	  .letter = 'o',
	  .kind = VTR_OPT_LIST,
	  .offset = offsetof(struct options, list),
	  .arg = "NAME=VALUE",
	  .help = "some" },
};

static struct vtr_command command = {
	.name = "test",
	.args = "",
	.summary = "Tests",
	.opts = opts,
	.opt_count = VTR_ARRAY_LEN(opts),
};

static struct options options;
static int rest;

/* argv[0] and up to 15 words, NULL at the end */
static enum vtr_err parse(const char *const *words)
{
	char *argv[17] = { (char *)"test" };
	int argc = 1;

	while (words[argc - 1]) {
		argv[argc] = (char *)words[argc - 1];
		argc++;
	}
	options = (struct options){ 0 };
	return vtr_opts_parse(&command, argc, argv, &options, &rest);
}

#define PARSE(...) parse((const char *const[]){ __VA_ARGS__, NULL })

static void takes_options(void)
{
	command.program_follows = false;
	CHECK_OK(PARSE("-f", "-t", "one", "--number", "7", "--size=3K", "--mode", "0660"));
	CHECK(options.flag);
	CHECK_STR(options.text, "one");
	CHECK_EQ(options.number, 7);
	CHECK_EQ(options.size, 3072);
	CHECK_EQ(options.mode, 0660);
	CHECK_OK(PARSE("-tvalue", "--text=", "-oa", "-o", "b=c", "--option=d"));
	CHECK_STR(options.text, "");
	CHECK_EQ(options.list.count, 3);
	CHECK_STR(options.list.items[1], "b=c");
}

static void refuses(void)
{
	command.program_follows = false;
	CHECK_ERR(PARSE("--nothing"), VTR_ERR_ARG);
	CHECK_ERR(PARSE("-x"), VTR_ERR_ARG);
	CHECK_ERR(PARSE("--fla"), VTR_ERR_ARG);
	CHECK_ERR(PARSE("--flag=1"), VTR_ERR_ARG);
	CHECK_ERR(PARSE("--text"), VTR_ERR_ARG);
	CHECK_ERR(PARSE("-t"), VTR_ERR_ARG);
	CHECK_ERR(PARSE("word"), VTR_ERR_ARG);
	CHECK_ERR(PARSE("--", "word"), VTR_ERR_ARG);
	CHECK_ERR(PARSE("-"), VTR_ERR_ARG);
	static const char *const numbers[] = { "",   "-1",         "+1",
		                               " 1", "1 ",         "x",
		                               "1x", "4294967296", "99999999999999999999" };
	for (size_t i = 0; i < VTR_ARRAY_LEN(numbers); i++) {
		CHECK_ERR(PARSE("--number", numbers[i]), VTR_ERR_ARG);
	}
	CHECK_ERR(PARSE("--mode", "0668"), VTR_ERR_ARG);
	const char *many[VTR_OPT_LIST_MAX + 2];
	for (size_t i = 0; i < VTR_OPT_LIST_MAX + 1; i++) {
		many[i] = "-oa";
	}
	/* more than parse() takes would be needed to say it in one go */
	CHECK_EQ(VTR_OPT_LIST_MAX, 16);
	many[15] = NULL;
	CHECK_OK(parse(many));
}

static void leaves_programs_alone(void)
{
	command.program_follows = true;
	CHECK_OK(PARSE("-f", "program", "--flag", "-x"));
	CHECK_EQ(rest, 2);
	CHECK_OK(PARSE("-f", "--", "--program", "-x"));
	CHECK_EQ(rest, 3);
	CHECK_OK(PARSE("--text", "--", "-f"));
	CHECK_STR(options.text, "--");
	CHECK_EQ(rest, 4);
	CHECK_ERR(PARSE("--nothing", "program"), VTR_ERR_ARG);
}

static void reads_sizes(void)
{
	static const struct {
		const char *text;
		uint64_t size;
	} good[] = { { "0", 0 },
		     { "4096", 4096 },
		     { "1K", 1024 },
		     { "2M", 2 << 20 },
		     { "3G", 3ull << 30 },
		     { "4T", 4ull << 40 },
		     { "18446744073709551615", UINT64_MAX } };
	static const char *const bad[] = {
		"", "K", "-1", "1k", "1KB", "1 K", "1.5G", "0x10", "18446744073709551616", "99999999T"
	};
	uint64_t size = 0;

	for (size_t i = 0; i < VTR_ARRAY_LEN(good); i++) {
		CHECK_OK(vtr_opts_parse_size(good[i].text, &size));
		CHECK(size == good[i].size);
	}
	for (size_t i = 0; i < VTR_ARRAY_LEN(bad); i++) {
		size = 5;
		CHECK_ERR(vtr_opts_parse_size(bad[i], &size), VTR_ERR_ARG);
		CHECK_EQ(size, 5);
	}
}

static void reads_renderer_options(void)
{
	struct vtr_tuning tuning;
	struct vtr_opt_list list = {
		.items = { "max-memory=2G", "test:import-alignment=16384", "sandbox=off", "driver=/x.json" },
		.count = 4,
	};
	static const char *const bad[] = { "",
		                           "=",
		                           "nothing",
		                           "nothing=1",
		                           "max-memory",
		                           "max-memory=",
		                           "max-memory=x",
		                           "test:no-export=1",
		                           "test:import-alignment=3",
		                           "test:import-alignment=8589934592",
		                           "driver",
		                           "driver=",
		                           "max-memory=1=2",
		                           "sandbox",
		                           "sandbox=",
		                           "sandbox=1",
		                           "sandbox=ON" };
	static const char *const modes[] = { "sandbox=on", "sandbox=off", "sandbox=report",
		                             "sandbox=require" };

	CHECK_OK(vtr_tuning_parse(&command, &list, &tuning));
	CHECK_EQ(tuning.renderer.max_memory, 2ll << 30);
	CHECK_EQ(tuning.renderer.import_alignment, 16384);
	CHECK_EQ(tuning.renderer.handshake_timeout_ms, 10000);
	CHECK_EQ(tuning.renderer.reply_timeout_ms, 10000);
	CHECK(tuning.renderer.sandbox == VTR_OS_SANDBOX_OFF && !tuning.renderer.no_host_import);
	CHECK_STR(tuning.driver, "/x.json");
	list.count = 1;
	for (size_t i = 0; i < VTR_ARRAY_LEN(modes); i++) {
		list.items[0] = modes[i];
		CHECK_OK(vtr_tuning_parse(&command, &list, &tuning));
		CHECK_EQ(tuning.renderer.sandbox, VTR_OS_SANDBOX_ON + i);
	}
	for (size_t i = 0; i < VTR_ARRAY_LEN(bad); i++) {
		list.items[0] = bad[i];
		CHECK_ERR(vtr_tuning_parse(&command, &list, &tuning), VTR_ERR_ARG);
	}
}

static void reads_the_limit_of_hangs(void)
{
	static const char *const bad[] = { "hang-timeout", "hang-timeout=0", "hang-timeout=86401",
		                           "hang-compute=1" };
	struct vtr_tuning tuning;
	struct vtr_opt_list list = { .count = 0 };

	CHECK_OK(vtr_tuning_parse(&command, &list, &tuning));
	CHECK_EQ(tuning.renderer.hang_timeout_s, 1800);
	CHECK_EQ(tuning.renderer.hang_compute, 0);
	list = (struct vtr_opt_list){ .items = { "hang-timeout=86400", "hang-compute" }, .count = 2 };
	CHECK_OK(vtr_tuning_parse(&command, &list, &tuning));
	CHECK_EQ(tuning.renderer.hang_timeout_s, 86400);
	CHECK_EQ(tuning.renderer.hang_compute, 1);
	list = (struct vtr_opt_list){ .items = { "hang-timeout=off" }, .count = 1 };
	CHECK_OK(vtr_tuning_parse(&command, &list, &tuning));
	CHECK_EQ(tuning.renderer.hang_timeout_s, 0);
	for (size_t i = 0; i < VTR_ARRAY_LEN(bad); i++) {
		list.items[0] = bad[i];
		CHECK_ERR(vtr_tuning_parse(&command, &list, &tuning), VTR_ERR_ARG);
	}
}

static void prints_help(void)
{
	char *text;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	vtr_opts_print_help(file, &command);
	fclose(file);
	for (size_t i = 0; i < VTR_ARRAY_LEN(opts); i++) {
		CHECK(strstr(text, opts[i].name) != NULL);
		CHECK(strstr(text, opts[i].help) != NULL);
	}
	CHECK(strstr(text, "-o, --option NAME=VALUE") != NULL);
	free(text);
	CHECK_ERR(PARSE("--help"), VTR_ERR_GONE);
	CHECK_ERR(PARSE("-f", "-h"), VTR_ERR_GONE);
	CHECK_EQ(vtr_opts_exit_status(VTR_ERR_GONE), 0);
	CHECK_EQ(vtr_opts_exit_status(VTR_ERR_ARG), VTR_EXIT_USAGE);
}

int main(void)
{
	/* The complaints are not what is tested. */
	int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int stderr_fd = dup(2);

	dup2(null_fd, 2);
	RUN(takes_options);
	RUN(refuses);
	RUN(leaves_programs_alone);
	RUN(reads_sizes);
	RUN(reads_renderer_options);
	RUN(reads_the_limit_of_hangs);
	RUN(prints_help);
	dup2(stderr_fd, 2);
	return 0;
}
