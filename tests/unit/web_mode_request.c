/* SPDX-License-Identifier: MIT */
#include "web/mode_request.h"

#include <string.h>

#include "base/mem.h"
#include "test.h"

static enum vtr_err parse(const char *json, struct vtr_mode_request *wish)
{
	return vtr_mode_request_parse(json, strlen(json), wish);
}

static void what_makes_sense(void)
{
	struct vtr_mode_request wish;

	CHECK_OK(parse("{\"width\":1280,\"height\":800}", &wish));
	CHECK(wish.has_width && wish.has_height && !wish.has_connected);
	CHECK_EQ(wish.width, 1280);
	CHECK_EQ(wish.height, 800);
	CHECK_OK(parse(" \r\n{ \"height\" : 0 ,\t\"connected\" :true}\n", &wish));
	CHECK(wish.has_connected && wish.connected && wish.has_height && !wish.has_width);
	CHECK_OK(parse("{\"connected\":false}", &wish));
	CHECK(wish.has_connected && !wish.connected);
	CHECK_OK(parse("{\"width\":999999999}", &wish));
	CHECK_EQ(wish.width, 999999999);
}

static void what_does_not(void)
{
	static const char *const wrong[] = {
		"",
		"{",
		"{}",
		"}",
		"null",
		"[]",
		"{\"width\"}",
		"{\"width\":}",
		"{\"width\":1",
		"{\"width\":1,}",
		"{,\"width\":1}",
		"{\"width\":1}}",
		"{\"width\":1} x",
		"{\"width\":-1}",
		"{\"width\":1.5}",
		"{\"width\":1e3}",
		"{\"width\":\"1\"}",
		"{\"width\":1234567890}",
		"{\"width\":true}",
		"{\"width\":1,\"width\":1}",
		"{\"connected\":1}",
		"{\"connected\":truefalse}",
		"{\"connected\":true,\"connected\":false}",
		"{\"depth\":1}",
		"{width:1}",
		"{\"width\":1 \"height\":2}",
		"{\"width\":{\"width\":1}}",
	};
	struct vtr_mode_request wish = { .width = 77 };

	for (size_t i = 0; i < VTR_ARRAY_LEN(wrong); i++) {
		CHECK_ERR(parse(wrong[i], &wish), VTR_ERR_ARG);
	}
	CHECK_ERR(vtr_mode_request_parse("{\"width\":1}\0", 12, &wish), VTR_ERR_ARG);
	CHECK_EQ(wish.width, 77);
}

/* Every cut, and every byte replaced: no more is read than there is (ASan watches). */
static void nothing_is_read_behind_the_end(void)
{
	static const char good[] = "{\"width\":1280,\"connected\":true,\"height\":800}";
	struct vtr_mode_request wish;

	for (size_t size = 0; size < sizeof(good) - 1; size++) {
		char *copy = malloc(size + !size);
		CHECK(copy != NULL);
		memcpy(copy, good, size);
		CHECK_ERR(vtr_mode_request_parse(copy, size, &wish), VTR_ERR_ARG);
		free(copy);
	}
	for (size_t i = 0; i < sizeof(good) - 1; i++) {
		for (int byte = 0; byte < 256; byte++) {
			char copy[sizeof(good)];
			memcpy(copy, good, sizeof(good));
			copy[i] = (char)byte;
			(void)!vtr_mode_request_parse(copy, sizeof(good) - 1, &wish);
		}
	}
}

int main(void)
{
	RUN(what_makes_sense);
	RUN(what_does_not);
	RUN(nothing_is_read_behind_the_end);
	return 0;
}
