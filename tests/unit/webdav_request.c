/* SPDX-License-Identifier: MIT */
#include "webdav/request.h"

#include "test.h"

static char path[VTR_DAV_MAX_PATH + 1];

static void check_path(const char *url, const char *expected)
{
	CHECK_OK(vtr_dav_decode_path(url, path));
	CHECK_STR(path, expected);
}

static void paths(void)
{
	static const char *const wrong[] = {
		"/.",   "/..",  "/a/../b", "/%2e%2E/x",  "/a%2fb",        "/%00",  "/a%0",   "/a%",
		"/%gg", "/%ff", "/%c0%af", "/%ed%a0%80", "/%f4%90%80%80", "/\x7f", "/%c2%80"
	};
	char longest[VTR_DAV_MAX_PATH + 3];

	check_path("/", "");
	check_path("", "");
	check_path("/a/b", "a/b");
	check_path("//a///b//", "a/b");
	check_path("a", "a");
	check_path("http://localhost:9843/x%20y?query", "x y");
	check_path("http://localhost", "");
	check_path("/%E4%BD%A0%F0%9F%98%80#fragment", "\xe4\xbd\xa0\xf0\x9f\x98\x80");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		CHECK_ERR(vtr_dav_decode_path(wrong[i], path), VTR_ERR_INVALID);
	}
	for (size_t i = 0; i < sizeof(longest) - 1; i++) {
		longest[i] = i % 256 == 0 ? '/' : 'x';
	}
	longest[sizeof(longest) - 1] = '\0';
	CHECK_ERR(vtr_dav_decode_path(longest, path), VTR_ERR_LIMIT);
	longest[sizeof(longest) - 3] = '\0';
	CHECK_OK(vtr_dav_decode_path(longest, path));
}

/* Reads one request that comes in pieces of `step` bytes. Returns: the error that ends it, or VTR_OK; out_body: the
 * size of the body. */
static enum vtr_err read_request(struct vtr_dav_request *request, const char *text, size_t step,
                                 size_t *out_body)
{
	const size_t total = strlen(text);
	bool has_head = false;

	*out_body = 0;
	for (size_t at = 0; at < total; at += step) {
		const uint8_t *from = (const uint8_t *)text + at;
		size_t size = total - at < step ? total - at : step;
		enum vtr_err err = VTR_OK;
		while (err == VTR_OK) {
			enum vtr_dav_part part;
			const uint8_t *body;
			size_t body_size;
			err = vtr_dav_request_take(request, &from, &size, &part, &body, &body_size);
			if (err != VTR_OK && err != VTR_ERR_AGAIN) {
				return err;
			}
			if (err == VTR_OK && part == VTR_DAV_PART_END) {
				CHECK(has_head);
				CHECK_EQ(at + step >= total, true);
				CHECK_EQ(size, 0);
				return VTR_OK;
			}
			has_head |= err == VTR_OK && part == VTR_DAV_PART_HEAD;
			*out_body += err == VTR_OK && part == VTR_DAV_PART_BODY ? body_size : 0;
		}
	}
	return VTR_ERR_AGAIN;
}

static void requests(void)
{
	static const struct {
		const char *text;
		enum vtr_err err;
		size_t body;
	} cases[] = {
		{ "GET / HTTP/1.1\r\n\r\n", VTR_OK, 0 },
		{ "GET / HTTP/1.0\nHost: x\n\n", VTR_OK, 0 },
		{ "\r\n\r\nPUT /x HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", VTR_OK, 3 },
		{ "PUT /x HTTP/1.1\r\nContent-Length: 4\r\n\r\nabc", VTR_ERR_AGAIN, 3 },
		{ "PUT /x HTTP/1.1\r\nTransfer-Encoding: "
		  "chunked\r\n\r\n3\r\nabc\r\n0a;x=y\r\n0123456789\r\n0\r\n\r\n",
		  VTR_OK, 13 },
		{ "PUT /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\nC: d\r\n\r\n", VTR_OK,
		  0 },
		{ "PUT /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab", VTR_ERR_PROTOCOL, 1 },
		{ "PUT /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", VTR_ERR_PROTOCOL, 0 },
		{ "PUT /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n8000000000000\r\n", VTR_ERR_PROTOCOL,
		  0 },
		{ "PUT /x HTTP/1.1\r\nContent-Length: 1 1\r\n\r\n", VTR_ERR_PROTOCOL, 0 },
		{ "PUT /x HTTP/1.1\r\nContent-Length: +1\r\n\r\n", VTR_ERR_PROTOCOL, 0 },
		{ "GET /\r\n\r\n", VTR_ERR_PROTOCOL, 0 },
		{ "GET / SPDY/3\r\n\r\n", VTR_ERR_PROTOCOL, 0 },
		{ "GET / HTTP/1.1\r\nA : b\r\n\r\n", VTR_ERR_PROTOCOL, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t step = 1; step <= strlen(cases[i].text); step++) {
			struct vtr_dav_request request = { .head = NULL };
			size_t body;
			CHECK_ERR(read_request(&request, cases[i].text, step, &body), cases[i].err);
			CHECK_EQ(body, cases[i].body);
			vtr_dav_request_finish(&request);
			CHECK(!vtr_dav_request_is_inside(&request));
		}
	}
}

static void headers(void)
{
	static const char text[] =
		"MOVE /a%20b HTTP/1.1\r\nDESTINATION: \t/c \r\noverwrite:F\r\nDepth: 0\r\ndepth: 1\r\n"
		"X-Unknown: y\r\n\r\n";
	struct vtr_dav_request request = { .head = NULL };
	size_t body;

	CHECK_OK(read_request(&request, text, 10, &body));
	CHECK_EQ(request.method, VTR_DAV_MOVE);
	CHECK_STR(request.target, "/a%20b");
	CHECK_STR(request.headers[VTR_DAV_DESTINATION], "/c");
	CHECK_STR(request.headers[VTR_DAV_OVERWRITE], "F");
	CHECK_STR(request.headers[VTR_DAV_DEPTH], "1");
	CHECK_STR(request.headers[VTR_DAV_RANGE], "");
	vtr_dav_request_finish(&request);
}

static void begins(void)
{
	static const struct {
		const char *text;
		bool begins;
	} cases[] = { { "GET /", true }, { "PROPFIND / H", true }, { "PU", true },    { "G", true },
		      { "", false },     { "get /", false },       { "AB /", false }, { "\x16\x03", false },
		      { "G1", false },   { " GET", false } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CHECK_EQ(vtr_dav_request_begins((const uint8_t *)cases[i].text, strlen(cases[i].text)),
		         cases[i].begins);
	}
}

static void hosts(void)
{
	static const char *const local[] = { "",
		                             "localhost",
		                             "LocalHost:9843",
		                             "127.0.0.1:9843",
		                             "[::1]:80",
		                             "10.0.2.15.",
		                             "desktop",
		                             "desktop.:9843",
		                             "Desktop.LOCAL:9843",
		                             "a.local.",
		                             "x.localhost:9843" };
	static const char *const others[] = { "evil.example", "evil.example:9843", "1.2.3.4.evil.example",
		                              "local.evil",   "evil.example.",     "a.localx",
		                              "127.0.0.1x",   "localhost.evil:1" };

	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++) {
		CHECK(vtr_dav_host_is_local(local[i]));
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		CHECK(!vtr_dav_host_is_local(others[i]));
	}
	CHECK(vtr_dav_url_is_local("/path/http://evil.example/"));
	CHECK(vtr_dav_url_is_local("http://localhost:9843/evil.example"));
	CHECK(vtr_dav_url_is_local("http://localhost?evil.example"));
	CHECK(!vtr_dav_url_is_local("http://evil.example:9843/a"));
}

int main(void)
{
	paths();
	hosts();
	requests();
	headers();
	begins();
	return 0;
}
