/* SPDX-License-Identifier: MIT */
#include "platform/macos/seatbelt.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "test.h"

static char folder[] = "/tmp/seatbelt-XXXXXX";
static char odd[64]; /* a folder whose name has characters of the profile's language */
static char link_path[64]; /* a link to it */

/* Parentheses and strings must be complete, or the whole profile is refused. */
static void check_form(const char *profile)
{
	int depth = 0;
	bool quoted = false;

	for (const char *at = profile; *at; at++) {
		if (quoted && *at == '\\') {
			at++;
			CHECK(*at == '"' || *at == '\\');
		} else if (*at == '"') {
			quoted = !quoted;
		} else if (!quoted) {
			depth += (*at == '(') - (*at == ')');
			CHECK(depth >= 0);
		}
	}
	CHECK(!quoted);
	CHECK_EQ(depth, 0);
	CHECK(strncmp(profile, "(version 1)\n", 12) == 0);
}

static char *make(enum vtr_os_role role, const struct vtr_os_sandbox_paths *paths)
{
	char *profile;

	CHECK_OK(vtr_os_seatbelt_profile(role, paths, &profile));
	check_form(profile);
	return profile;
}

static void each_role_is_well_formed(void)
{
	for (int role = VTR_OS_ROLE_DRIVER; role <= VTR_OS_ROLE_WINDOW; role++) {
		char *profile = make((enum vtr_os_role)role, NULL);

		CHECK((strstr(profile, "(deny default)") != NULL) == (role != VTR_OS_ROLE_WINDOW));
		free(profile);
	}
}

static void roles_get_what_they_need(void)
{
	char *driver = make(VTR_OS_ROLE_DRIVER, NULL);
	char *server = make(VTR_OS_ROLE_SERVER, NULL);
	char *publisher = make(VTR_OS_ROLE_PUBLISHER, NULL);
	char *window = make(VTR_OS_ROLE_WINDOW, NULL);

	CHECK(strstr(driver, "com.apple.MTLCompilerService"));
	CHECK(strstr(driver, "(subpath \"/System\")"));
	CHECK(!strstr(driver, "network") && !strstr(driver, "file-write") && !strstr(driver, "process-exec"));
	CHECK(strstr(server, "network-inbound") && !strstr(server, "network-outbound"));
	CHECK(!strstr(server, "(allow file-read* (subpath"));
	CHECK(strstr(publisher, "network-outbound") && !strstr(publisher, "network-inbound"));
	CHECK(!strstr(publisher, "iokit-open"));
	CHECK(strstr(window, "(deny process-fork)") && strstr(window, "(deny file-write*)"));
	free(driver);
	free(server);
	free(publisher);
	free(window);
}

static void paths_are_real_and_quoted(void)
{
	const char *const read[] = { link_path, "/nonexistent/file", NULL };
	const char *const update[] = { folder, NULL };
	const struct vtr_os_sandbox_paths paths = { .read = read, .update = update };
	char *profile = make(VTR_OS_ROLE_SERVER, &paths);
	char wanted[128];

	snprintf(wanted, sizeof(wanted), "(allow file-read* (subpath \"%s/a\\\"b\\\\c) (\"))\n", folder);
	CHECK(strstr(profile, wanted));
	snprintf(wanted, sizeof(wanted), "(allow file-write-data (subpath \"%s\"))\n", folder);
	CHECK(strstr(profile, wanted));
	CHECK(!strstr(profile, "nonexistent"));
	CHECK(!strstr(profile, link_path));
	free(profile);
}

static void reads_what_the_profile_says(void)
{
	const char *const read[] = { link_path, NULL };
	const struct vtr_os_sandbox_paths paths = { .read = read };
	char inside[128];

	snprintf(inside, sizeof(inside), "%s/file", odd);
	CHECK(vtr_os_seatbelt_reads(NULL, "/System/Library/x"));
	CHECK(vtr_os_seatbelt_reads(NULL, "/opt/homebrew"));
	CHECK(!vtr_os_seatbelt_reads(NULL, "/Systematic"));
	CHECK(!vtr_os_seatbelt_reads(NULL, "/Users/name/file"));
	CHECK(!vtr_os_seatbelt_reads(NULL, inside));
	CHECK(vtr_os_seatbelt_reads(&paths, inside));
}

int main(void)
{
	CHECK(mkdtemp(folder));
	snprintf(odd, sizeof(odd), "%s/a\"b\\c) (", folder);
	snprintf(link_path, sizeof(link_path), "%s/link", folder);
	CHECK_EQ(mkdir(odd, 0700), 0);
	CHECK_EQ(symlink(odd, link_path), 0);
	RUN(each_role_is_well_formed);
	RUN(roles_get_what_they_need);
	RUN(paths_are_real_and_quoted);
	RUN(reads_what_the_profile_says);
	unlink(link_path);
	rmdir(odd);
	rmdir(folder);
	return 0;
}
