/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "front"
#include "cmd/serve_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "cmd/vtest_server.h"
#include "cmd/workers.h"
#include "display/metrics_page.h"
#include "platform/loop.h"
#include "platform/shm.h"
#include "pool/status.h"
#include "pool/supervisor.h"
#include "web/web.h"

#define PERIOD_NS INT64_C(1000000000)
#define LINK_TOKEN "/#token="

struct vtr_serve_http {
	struct vtr_vtest_server *server;
	struct vtr_metrics_page *page;
	int page_fd; /* read-only; -1: none yet */
	struct vtr_os_loop_timer *timer;
	struct vtr_display_host *host;
};

static enum vtr_err write_metrics(struct vtr_serve_http *http)
{
	vtr_autofree char *text = NULL;
	size_t size = 0;
	struct vtr_status status;
	enum vtr_err err = vtr_supervisor_describe(http->server->supervisor, &status);

	if (err != VTR_OK) {
		return err;
	}
	FILE *file = open_memstream(&text, &size);
	err = file ? VTR_OK : VTR_ERR_NOMEM;
	if (file) {
		vtr_status_print_metrics(&status, file);
		err = ferror(file) ? VTR_ERR_NOMEM : VTR_OK;
		err = fclose(file) != 0 ? VTR_ERR_NOMEM : err;
	}
	vtr_status_finish(&status);
	return err == VTR_OK ? vtr_metrics_page_write(http->page, text, size) : err;
}

static void on_timer(void *data)
{
	struct vtr_serve_http *http = data;
	enum vtr_err err = write_metrics(http);

	if (err != VTR_OK) {
		vtr_warn_limited(http->server->log, "cannot renew the metrics: %s", vtr_err_text(err));
	}
	vtr_os_loop_timer_set(http->timer, PERIOD_NS);
}

static enum vtr_err make_page(struct vtr_serve_http *http)
{
	vtr_autofd int fd = -1;
	vtr_autofd int view_fd = -1;
	void *map;
	enum vtr_err err = vtr_os_shm_create_shown("vitrine-metrics", sizeof(*http->page), &fd, &view_fd);

	if (err == VTR_OK) {
		err = vtr_os_shm_map(fd, 0, sizeof(*http->page), true, &map);
	}
	if (err != VTR_OK) {
		return err;
	}
	http->page = map;
	return vtr_os_shm_read_only(fd, view_fd, &http->page_fd);
}

/* There are no displays whose mode could change; the screen process may have been taken over, and ask for it. */
static void on_mode(void *data, uint32_t display, bool connected, uint32_t width, uint32_t height)
{
	(void)data;
	(void)display;
	(void)connected;
	(void)width;
	(void)height;
}

static const struct vtr_display_events events = { .mode = on_mode };

static enum vtr_err start(struct vtr_serve_http *http, const struct vtr_display_http *settings,
                          const char *log_filter)
{
	struct vtr_vtest_server *server = http->server;
	enum vtr_err err = make_page(http);

	if (err == VTR_OK) {
		err = write_metrics(http);
	}
	if (err == VTR_OK) {
		err = vtr_os_loop_add_timer(server->loop, on_timer, http, &http->timer);
	}
	if (err != VTR_OK) {
		vtr_error(server->log, "cannot prepare the metrics: %s", vtr_err_text(err));
		return err;
	}
	vtr_os_loop_timer_set(http->timer, PERIOD_NS);
	const struct vtr_display_host_params params = {
		.log = server->log,
		.log_filter = log_filter,
		.loop = server->loop,
		.program = server->workers->program,
		.http = *settings,
		.video = { .fps = 1 },
		.sandbox = (enum vtr_os_sandbox_mode)server->workers->config.sandbox,
		.metrics_fd = http->page_fd,
		.agent_fd = -1,
		.webdav_fd = -1,
		.events = &events,
		.data = http,
	};
	return vtr_display_host_create(&params, &http->host);
}

enum vtr_err vtr_serve_http_create(struct vtr_vtest_server *server, const struct vtr_display_http *settings,
                                   const char *log_filter, struct vtr_serve_http **out_http)
{
	if (!vtr_web_is_built()) {
		fprintf(stderr, "vitrine serve: --http needs the web server, and this vitrine was built "
		                "without it. Leave "
		                "the option out, or build vitrine with 'meson configure -Dweb=enabled'.\n");
		return VTR_ERR_UNSUPPORTED;
	}
	struct vtr_serve_http *http = calloc(1, sizeof(*http));
	if (!http) {
		return VTR_ERR_NOMEM;
	}
	http->server = server;
	http->page_fd = -1;
	enum vtr_err err = start(http, settings, log_filter);
	if (err != VTR_OK) {
		vtr_serve_http_destroy(http);
		return err;
	}
	*out_http = http;
	return VTR_OK;
}

void vtr_serve_http_destroy(struct vtr_serve_http *http)
{
	if (http) {
		vtr_display_host_destroy(http->host);
		vtr_os_loop_timer_destroy(http->timer);
		vtr_os_shm_unmap(http->page, sizeof(*http->page));
		vtr_close(&http->page_fd);
		free(http);
	}
}

void vtr_serve_http_print(const struct vtr_serve_http *http)
{
	const char *link = vtr_display_host_link(http->host, false);
	const char *token = link ? strstr(link, LINK_TOKEN) : NULL;

	if (token) {
		printf("METRICS %.*s/metrics?token=%s\n", (int)(token - link), link,
		       token + sizeof(LINK_TOKEN) - 1);
	}
}
