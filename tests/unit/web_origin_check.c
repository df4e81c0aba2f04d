/* SPDX-License-Identifier: MIT */
#include "web/origin_check.h"

#include "base/mem.h"
#include "test.h"

static const struct vtr_origin_check local = { 0 };

static void hosts(void)
{
	static const char *const good[] = {
		"localhost",         "LocalHost:8080", "127.0.0.1",  "127.0.0.1:1",
		"127.255.3.4:65535", "[::1]",          "[::1]:8080",
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
		CHECK(vtr_origin_check_host(&local, good[i]));
	}
	for (size_t i = 0; i < VTR_ARRAY_LEN(bad); i++) {
		if (vtr_origin_check_host(&local, bad[i])) {
			fprintf(stderr, "takes '%s'\n", bad[i]);
		}
		CHECK(!vtr_origin_check_host(&local, bad[i]));
	}
}

static void origins(void)
{
	CHECK(vtr_origin_check_origin(&local, "http://localhost:8080", "localhost:8080"));
	CHECK(vtr_origin_check_origin(&local, "http://[::1]:8080", "[::1]:8080"));
	CHECK(vtr_origin_check_origin(&local, "HTTP://LOCALHOST:8080", "localhost:8080"));
	CHECK(!vtr_origin_check_origin(&local, "http://localhost:8081", "localhost:8080"));
	CHECK(!vtr_origin_check_origin(&local, "http://127.0.0.1:8080", "localhost:8080"));
	CHECK(!vtr_origin_check_origin(&local, "http://localhost", "localhost:8080"));
	CHECK(!vtr_origin_check_origin(&local, "https://localhost:8080", "localhost:8080"));
	CHECK(!vtr_origin_check_origin(&local, "http://evil.example", "localhost:8080"));
	CHECK(!vtr_origin_check_origin(&local, "http://localhost:8080.evil.example", "localhost:8080"));
	CHECK(!vtr_origin_check_origin(&local, "null", "localhost:8080"));
	CHECK(!vtr_origin_check_origin(&local, "", "localhost:8080"));
}

static void sites(void)
{
	CHECK(vtr_origin_check_site("same-origin"));
	CHECK(vtr_origin_check_site("none"));
	CHECK(!vtr_origin_check_site("same-site")); /* another port of this machine */
	CHECK(!vtr_origin_check_site("cross-site"));
	CHECK(!vtr_origin_check_site(""));
}

static void other_machines(void)
{
	static const struct vtr_origin_check remote = { .tls = true,
		                                        .remote = true,
		                                        .names = "vm.example,b,,c.example" };
	static const struct vtr_origin_check nameless = { .remote = true };
	static const char *const good[] = {
		"localhost:1",
		"192.0.2.1",
		"192.0.2.1:8443",
		"[2001:db8::1]",
		"[2001:db8::1]:8443",
		"vm.example",
		"VM.example:8443",
		"b",
		"b:1",
		"c.example",
	};
	static const char *const bad[] = {
		"",
		":80",
		"evil.example",
		"vm.example.evil",
		"xvm.example",
		"vm.example,b",
		"vm",
		"c.exampl",
		"vm.example:x",
		"192.0.2.1.evil.example",
		"[2001:db8::1",
		"[]",
		"[evil.example]",
		"[::1]x",
	};

	for (size_t i = 0; i < VTR_ARRAY_LEN(good); i++) {
		CHECK(vtr_origin_check_host(&remote, good[i]));
	}
	for (size_t i = 0; i < VTR_ARRAY_LEN(bad); i++) {
		CHECK(!vtr_origin_check_host(&remote, bad[i]));
	}
	CHECK(vtr_origin_check_host(&nameless, "192.0.2.1"));
	CHECK(!vtr_origin_check_host(&nameless, "vm.example"));
	CHECK(!vtr_origin_check_host(&local, "192.0.2.1"));
	CHECK(vtr_origin_check_origin(&remote, "https://vm.example:8443", "vm.example:8443"));
	CHECK(!vtr_origin_check_origin(&remote, "http://vm.example:8443", "vm.example:8443"));
}

int main(void)
{
	RUN(other_machines);
	RUN(hosts);
	RUN(origins);
	RUN(sites);
	return 0;
}
