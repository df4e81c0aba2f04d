/* SPDX-License-Identifier: MIT */
/* A library that is loaded late; see late_icd.c. */
__attribute__((visibility("default"))) int late_part(void);

int late_part(void)
{
	return 1;
}
