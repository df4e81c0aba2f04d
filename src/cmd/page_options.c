/* SPDX-License-Identifier: MIT */
#include "cmd/page_options.h"

#include <stddef.h>
#include <stdio.h>

#define MIN_FOLDER (UINT64_C(1) << 20)
#define MAX_FOLDER (UINT64_C(64) << 30)

bool vtr_page_options_check(bool has_page, const char *agent, const char *webdav, uint64_t webdav_size)
{
	if (agent && !has_page) {
		fprintf(stderr,
		        "vitrine gpu: --agent works only with --http: the clipboard and files are used on "
		        "the page. Add for instance --http 127.0.0.1:8080\n");
		return false;
	}
	if (webdav && !has_page) {
		fprintf(stderr,
		        "vitrine gpu: --webdav works only with --http: the folder is used on the page. "
		        "Add for instance --http 127.0.0.1:8080\n");
		return false;
	}
	if (webdav_size < MIN_FOLDER || webdav_size > MAX_FOLDER) {
		fprintf(stderr, "vitrine gpu: --webdav-size has a wrong value. Give 1M to 64G, for instance "
		                "--webdav-size 2G\n");
		return false;
	}
	return true;
}
