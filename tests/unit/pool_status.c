/* SPDX-License-Identifier: MIT */
#include "pool/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "test.h"

static struct vtr_status status;

static void add(const char *cgroups, uint32_t connections)
{
	const struct vtr_status_identity row = { .uid = 7,
		                                 .connections = connections,
		                                 .max_mapped = UINT64_MAX };

	CHECK_OK(vtr_status_add_identity(&status, &row, cgroups));
}

/* Returns: what a function prints. */
static char *print(void (*print_to)(const struct vtr_status *status, FILE *file))
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	CHECK(file != NULL);
	print_to(&status, file);
	CHECK_EQ(fclose(file), 0);
	return text;
}

static size_t count(const char *text, const char *what)
{
	size_t found = 0;

	for (const char *at = text; (at = strstr(at, what)) != NULL; at++) {
		found++;
	}
	return found;
}

static void names_of_control_groups(void)
{
	static char path[4096] = "0::/";

	memset(path + 4, 'x', 1000);
	memcpy(path + 1004, "/the-end\n", 10);
	CHECK_OK(vtr_status_init(&status, 9, 0));
	add("", 1);
	CHECK_STR(status.identities[0].cgroup, "");
	add("12:cpu:/\n1:name=systemd:/user.slice/a\n0::/short\n", 1);
	CHECK_STR(status.identities[1].cgroup, "/user.slice/a");
	add("0::/", 1);
	CHECK_STR(status.identities[2].cgroup, "/");
	add("0::/a:b\"c\\d\x1b\xff", 1);
	CHECK_STR(status.identities[3].cgroup, "/a:b\"c\\x5cd\\x1b\\xff");
	add("nonsense\n:\n::\n\n", 1);
	CHECK_STR(status.identities[4].cgroup, "");
	add(path, 1);
	CHECK(strncmp(status.identities[5].cgroup, "...", 3) == 0);
	CHECK(strstr(status.identities[5].cgroup, "x/the-end") != NULL);
	memset(path + 4, 1, 4000); /* the longest name, each byte escaped, without an end */
	path[4004] = '\0';
	add(path, 1);
	CHECK_EQ(strlen(status.identities[6].cgroup), 3 + 4 * 99);
	vtr_status_finish(&status);
}

static void has_room_for_so_many(void)
{
	const struct vtr_status_program program = { .number = 1,
		                                    .memory = { 1 << 20, 2 << 20 },
		                                    .in_ram = 3 << 20 };
	const struct vtr_status_identity row = { .uid = 1 };
	const uint64_t refused[VTR_MEMORY_KIND_COUNT] = { 3, 4 };

	CHECK_OK(vtr_status_init(&status, 1, 1));
	vtr_status_add_program(&status, &program, refused); /* whose? */
	CHECK_EQ(status.program_count, 0);
	add("0::/a", 1);
	CHECK_ERR(vtr_status_add_identity(&status, &row, "0::/b"), VTR_ERR_LIMIT);
	vtr_status_add_program(&status, &program, refused);
	vtr_status_add_program(&status, &program, refused);
	CHECK_EQ(status.program_count, 1);
	CHECK_EQ(status.identities[0].memory[VTR_MEMORY_DEVICE], 2 << 20);
	CHECK_EQ(status.identities[0].refused_memory[VTR_MEMORY_DEVICE], 4);
	vtr_autofree char *text = print(vtr_status_print);
	CHECK(strstr(text, "1.0 MiB mapped, 2.0 MiB of GPUs, 3.0 MiB in RAM; refused: 7") != NULL);
	vtr_status_finish(&status);
	CHECK_OK(vtr_status_init(&status, 0, 0));
	vtr_autofree char *metrics = print(vtr_status_print_metrics);
	CHECK_EQ(count(metrics, "# TYPE"), 4);
	vtr_status_finish(&status);
}

static void metrics_are_limited(void)
{
	char name[32];

	CHECK_OK(vtr_status_init(&status, 1000, 0));
	add("0::/idle", 0);
	add("0::/a\"b\\", 5);
	for (uint32_t i = 2; i < 1000; i++) {
		snprintf(name, sizeof(name), "0::/group-%u", i);
		add(name, i < 900 ? 1 : 2);
	}
	vtr_autofree char *text = print(vtr_status_print_metrics);
	CHECK_EQ(count(text, "vitrine_serve_connections{"), VTR_STATUS_MAX_METRICS);
	CHECK_EQ(count(text, "/idle"), 0);
	CHECK(strstr(text, "\nvitrine_serve_connections{uid=\"7\",cgroup=\"/a\\\"b\\\\x5c\"} 5\n") != NULL);
	CHECK(strstr(text, "\nvitrine_serve_connections{uid=\"7\",cgroup=\"/group-999\"} 2\n") != NULL);
	CHECK(strstr(text, "kind=\"device\"} 0\n") != NULL);
	vtr_status_finish(&status);
}

int main(void)
{
	RUN(names_of_control_groups);
	RUN(has_room_for_so_many);
	RUN(metrics_are_limited);
	return 0;
}
