/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "test.h"

static struct vtr_json_reader reader_of(const char *text)
{
	return (struct vtr_json_reader){ .at = text, .end = text + strlen(text) };
}

static void write_sample(struct vtr_json *json)
{
	vtr_json_open(json, NULL, '{');
	vtr_json_text(json, "a", "x\"\\\n\x01");
	vtr_json_open(json, "b", '[');
	vtr_json_number(json, NULL, 18446744073709551615ull);
	vtr_json_text(json, NULL, NULL);
	vtr_json_close(json, ']');
	vtr_json_open(json, "c", '[');
	vtr_json_close(json, ']');
	vtr_json_bool(json, "d", true);
	vtr_json_signed(json, "e", -1);
	vtr_json_format(json, "f", "%.2f", 0.5);
	vtr_json_close(json, '}');
}

static void writes_lines(void)
{
	static const char *const wanted[] = {
		"{\"a\": \"x\\\"\\\\\\u000a\\u0001\", \"b\": [18446744073709551615, null], \"c\": [], "
		"\"d\": true, \"e\": -1, \"f\": 0.50}\n",
		"{\n  \"a\": \"x\\\"\\\\\\u000a\\u0001\",\n  \"b\": [18446744073709551615, null],\n"
		"  \"c\": [],\n  \"d\": true,\n  \"e\": -1,\n  \"f\": 0.50\n}\n",
		"{\n  \"a\": \"x\\\"\\\\\\u000a\\u0001\",\n  \"b\": [\n    18446744073709551615,\n    null\n"
		"  ],\n  \"c\": [],\n  \"d\": true,\n  \"e\": -1,\n  \"f\": 0.50\n}\n",
	};

	for (size_t lines = 0; lines < VTR_ARRAY_LEN(wanted); lines++) {
		char *text;
		size_t size;
		struct vtr_json json = { .file = open_memstream(&text, &size), .lines = (int)lines };
		write_sample(&json);
		CHECK_EQ(fclose(json.file), 0);
		CHECK_STR(text, wanted[lines]);
		free(text);
	}
}

static void takes_tokens(void)
{
	struct vtr_json_reader reader = reader_of(" {\t}\r\n");

	CHECK(!vtr_json_take(&reader, "["));
	CHECK(vtr_json_take(&reader, "{"));
	CHECK(!vtr_json_at_end(&reader));
	CHECK(vtr_json_take(&reader, "}"));
	CHECK(vtr_json_at_end(&reader));
	CHECK(!vtr_json_take(&reader, "}"));
}

static void reads_values(void)
{
	struct vtr_json_reader reader = reader_of(" true false 123456789 \"a\\\"b\" \"\"");
	const char *text;
	size_t length;
	uint32_t number;
	bool value;

	CHECK_OK(vtr_json_read_bool(&reader, &value));
	CHECK(value);
	CHECK_ERR(vtr_json_read_number(&reader, &number), VTR_ERR_ARG);
	CHECK_OK(vtr_json_read_bool(&reader, &value));
	CHECK(!value);
	CHECK_ERR(vtr_json_read_bool(&reader, &value), VTR_ERR_ARG);
	CHECK_OK(vtr_json_read_number(&reader, &number));
	CHECK_EQ(number, 123456789);
	CHECK_OK(vtr_json_read_text(&reader, &text, &length));
	CHECK_EQ(length, 4);
	CHECK(memcmp(text, "a\\\"b", 4) == 0);
	CHECK_OK(vtr_json_read_text(&reader, &text, &length));
	CHECK_EQ(length, 0);
	CHECK(vtr_json_at_end(&reader));
	CHECK_ERR(vtr_json_read_text(&reader, &text, &length), VTR_ERR_ARG);
}

static void texts_need_their_end(void)
{
	static const char *const cut_off[] = { "\"", "\"abc", "\"abc\\", "\"abc\\\"", "abc\"" };
	const char *text;
	size_t length;

	for (size_t i = 0; i < VTR_ARRAY_LEN(cut_off); i++) {
		struct vtr_json_reader reader = reader_of(cut_off[i]);
		CHECK_ERR(vtr_json_read_text(&reader, &text, &length), VTR_ERR_ARG);
	}
}

static void finds_keys(void)
{
	const char *text = "{\"x\": {\"longer\": 1, \"long\" :2}, \"value\": \"none\"}";
	struct vtr_json_reader reader = reader_of(text);
	uint32_t number;

	CHECK(vtr_json_find(&reader, "long"));
	CHECK_OK(vtr_json_read_number(&reader, &number));
	CHECK_EQ(number, 2);
	CHECK(!vtr_json_find(&reader, "longer"));
	CHECK(!vtr_json_find(&reader, "none"));
}

int main(void)
{
	RUN(writes_lines);
	RUN(takes_tokens);
	RUN(reads_values);
	RUN(texts_need_their_end);
	RUN(finds_keys);
	return 0;
}
