/* SPDX-License-Identifier: MIT */
#include "core/hostmem.h"

#include "platform/shm.h"
#include "test.h"

static void sizes_are_powers_of_two(void)
{
	struct vtr_hostmem hostmem = { .fd = -1 };

	CHECK_ERR(vtr_hostmem_init("test", 0, &hostmem), VTR_ERR_ARG);
	CHECK_ERR(vtr_hostmem_init("test", vtr_os_page_size() / 2, &hostmem), VTR_ERR_ARG);
	CHECK_ERR(vtr_hostmem_init("test", 3 << 20, &hostmem), VTR_ERR_ARG);
	CHECK_ERR(vtr_hostmem_init("test", UINT64_C(1) << 63, &hostmem), VTR_ERR_ARG);
	CHECK_EQ(hostmem.fd, -1);
	vtr_hostmem_finish(&hostmem); /* a half-built one */

	CHECK_OK(vtr_hostmem_init("test", UINT64_C(8) << 30, &hostmem));
	CHECK_EQ(hostmem.size, UINT64_C(8) << 30);
	hostmem.map[hostmem.size - 1] = 7; /* all of it is mapped, and sparse */
	CHECK_EQ(hostmem.map[0], 0);
	vtr_hostmem_finish(&hostmem);
	CHECK(hostmem.map == NULL);
}

int main(void)
{
	int fds = test_count_fds();

	RUN(sizes_are_powers_of_two);
	CHECK_EQ(test_count_fds(), fds);
	return 0;
}
