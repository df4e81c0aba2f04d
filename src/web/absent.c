/* SPDX-License-Identifier: MIT */
/* In place of the rest of this folder in a build without the web server (meson option "web"). The commands refuse the
 * options that need it, so nothing here is reached by a user. */
#include "web/hxfr.h"
#include "web/web.h"

bool vtr_web_is_built(void)
{
	return false;
}

enum vtr_err vtr_web_create(const struct vtr_web_params *params, struct vtr_web **out_web)
{
	(void)params;
	(void)out_web;
	return VTR_ERR_UNSUPPORTED;
}

enum vtr_err vtr_web_start(struct vtr_web *web)
{
	(void)web;
	return VTR_ERR_UNSUPPORTED;
}

void vtr_web_destroy(struct vtr_web *web)
{
	(void)web;
}

enum vtr_err vtr_hxfr_create(const struct vtr_hxfr_params *params, struct vtr_hxfr **out_hxfr)
{
	(void)params;
	(void)out_hxfr;
	return VTR_ERR_UNSUPPORTED;
}

void vtr_hxfr_destroy(struct vtr_hxfr *hxfr)
{
	(void)hxfr;
}
