/* SPDX-License-Identifier: MIT */
#include "web/guard.h"

#include "base/mem.h"
#include "test.h"

static const struct vtr_guard local = { 0 };

static void hosts(void)
{
	static const char *const good[] = {
		"localhost", "LocalHost:8080", "127.0.0.1", "127.0.0.1:1", "127.255.3.4:65535", "[::1]",
		"[::1]:8080",
	};
	static const char *const bad[] = {
		"",
		"evil.example",
		"evil.example:8080",
		"localhost.evil.example",
		"localhost.",
		"127.0.0.1.evil.example",
		"127.0.0.1evil",
		"127.0.0.1:",
		"127.0.0.1:x",
		"127.0.0.1:1x",
		"127.0.0.1:123456",
		"127.0.0.1:1:2",
		"127.0.0",
		"127.0.0.",
		"127.0.0.1000",
		"127.",
		"128.0.0.1",
		"0.0.0.0",
		"10.0.2.2",
		"[::1]x",
		"[::]",
		"::1",
		"[::1",
		" localhost",
		"user@localhost",
		"localhost/",
	};
	for (size_t i = 0; i < VTR_ARRAY_LEN(good); i++) {
		CHECK(vtr_guard_host(&local, good[i]));
	}
	for (size_t i = 0; i < VTR_ARRAY_LEN(bad); i++) {
		if (vtr_guard_host(&local, bad[i])) {
			fprintf(stderr, "takes '%s'\n", bad[i]);
		}
		CHECK(!vtr_guard_host(&local, bad[i]));
	}
}

static void origins(void)
{
	CHECK(vtr_guard_origin(&local, "http://localhost:8080", "localhost:8080"));
	CHECK(vtr_guard_origin(&local, "http://[::1]:8080", "[::1]:8080"));
	CHECK(vtr_guard_origin(&local, "HTTP://LOCALHOST:8080", "localhost:8080"));
	CHECK(!vtr_guard_origin(&local, "http://localhost:8081", "localhost:8080"));
	CHECK(!vtr_guard_origin(&local, "http://127.0.0.1:8080", "localhost:8080"));
	CHECK(!vtr_guard_origin(&local, "http://localhost", "localhost:8080"));
	CHECK(!vtr_guard_origin(&local, "https://localhost:8080", "localhost:8080"));
	CHECK(!vtr_guard_origin(&local, "http://evil.example", "localhost:8080"));
	CHECK(!vtr_guard_origin(&local, "http://localhost:8080.evil.example", "localhost:8080"));
	CHECK(!vtr_guard_origin(&local, "null", "localhost:8080"));
	CHECK(!vtr_guard_origin(&local, "", "localhost:8080"));
}

static void sites(void)
{
	CHECK(vtr_guard_site("same-origin"));
	CHECK(vtr_guard_site("none"));
	CHECK(!vtr_guard_site("same-site")); /* another port of this machine */
	CHECK(!vtr_guard_site("cross-site"));
	CHECK(!vtr_guard_site(""));
}

int main(void)
{
	RUN(hosts);
	RUN(origins);
	RUN(sites);
	return 0;
}
