/* SPDX-License-Identifier: MIT */
#include "display/links.h"

#include "test.h"

#define SECOND INT64_C(1000000000)

static struct vtr_links_page page;

static enum vtr_token_kind check(const struct vtr_links *links, const char *token, int64_t now_ns)
{
	uint32_t id;

	return vtr_links_check(links, token, VTR_TOKEN_LENGTH, now_ns, &id);
}

static void test_life(void)
{
	struct vtr_links links;
	uint32_t id = 0;

	memset(&page, 0, sizeof(page));
	vtr_links_init(&links, &page);
	CHECK_OK(vtr_links_make(&links, VTR_TOKEN_CONTROL, 10, 5 * SECOND));
	const char *token = page.links[0].token;
	CHECK_EQ(vtr_links_check(&links, token, VTR_TOKEN_LENGTH, 5 * SECOND, &id), VTR_TOKEN_CONTROL);
	CHECK(id != 0 && vtr_links_has(&links, id, 5 * SECOND));
	CHECK_EQ(vtr_links_check(&links, token, VTR_TOKEN_LENGTH - 1, 5 * SECOND, &id), VTR_TOKEN_WRONG);
	CHECK_EQ(check(&links, token, 15 * SECOND - 1), VTR_TOKEN_CONTROL);
	/* It has no effect from its end on, even before somebody looks. */
	CHECK_EQ(check(&links, token, 15 * SECOND), VTR_TOKEN_WRONG);
	CHECK(!vtr_links_has(&links, id, 15 * SECOND));
	uint32_t change = links.change;
	vtr_links_expire(&links, 15 * SECOND - 1);
	CHECK_EQ(links.change, change);
	vtr_links_expire(&links, 15 * SECOND);
	CHECK_EQ(links.change, change + 1);
	CHECK_EQ(check(&links, token, 0), VTR_TOKEN_WRONG);
	/* Zeros are no token of free entries. */
	static const char zeros[VTR_TOKEN_LENGTH];
	CHECK_EQ(check(&links, zeros, 0), VTR_TOKEN_WRONG);
}

static void test_room(void)
{
	struct vtr_links links;

	memset(&page, 0, sizeof(page));
	vtr_links_init(&links, &page);
	for (uint32_t i = 0; i < VTR_LINKS_MAX; i++) {
		CHECK_OK(vtr_links_make(&links, VTR_TOKEN_VIEW, VTR_LINK_MAX_S, 0));
	}
	CHECK_ERR(vtr_links_make(&links, VTR_TOKEN_VIEW, 1, 0), VTR_ERR_LIMIT);
	uint32_t id = page.links[7].id;
	vtr_links_end(&links, id);
	vtr_links_end(&links, 12345);
	CHECK_OK(vtr_links_make(&links, VTR_TOKEN_VIEW, 1, 0));
	CHECK(page.links[7].id != id);
}

/* What another process has left. */
static void test_leftovers(void)
{
	struct vtr_links links;
	uint32_t id;

	memset(&page, 0, sizeof(page));
	vtr_links_init(&links, &page);
	for (int i = 0; i < 6; i++) {
		CHECK_OK(vtr_links_make(&links, VTR_TOKEN_CONTROL, 100, 0));
	}
	atomic_store(&page.links[0].kind, 7);
	page.links[1].id = 0;
	page.links[2].token[31] = 'G';
	atomic_store(&page.links[3].kind, VTR_TOKEN_WRONG);
	page.links[4].id = UINT32_MAX;
	vtr_links_init(&links, &page);
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(atomic_load(&page.links[i].kind), VTR_TOKEN_WRONG);
	}
	CHECK_EQ(vtr_links_check(&links, page.links[5].token, VTR_TOKEN_LENGTH, 1, &id), VTR_TOKEN_CONTROL);
	CHECK_EQ(id, page.links[5].id);
	CHECK_OK(vtr_links_make(&links, VTR_TOKEN_VIEW, 100, 0));
	CHECK(page.links[0].id != 0 && page.links[0].id != page.links[5].id);
	vtr_links_init(&links, NULL);
	CHECK_ERR(vtr_links_make(&links, VTR_TOKEN_VIEW, 100, 0), VTR_ERR_LIMIT);
	CHECK_EQ(check(&links, page.links[5].token, 1), VTR_TOKEN_WRONG);
}

int main(void)
{
	RUN(test_life);
	RUN(test_room);
	RUN(test_leftovers);
	return 0;
}
