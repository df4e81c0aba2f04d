/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "screen"
#include "display_host/endpoints.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "display/links.h"
#include "display/tokens.h"
#include "display_host/host.h"
#include "platform/inet.h"
#include "platform/shm.h"

/* The connections that wait while the process is restarted, or is busy for some milliseconds. The kernel drops those
 * beyond it, whose clients try again only after 1 s, 3 s and so on, so that a flood would delay everyone. */
#define BACKLOG 1024

/* Logs an error and its remedy. */
static enum vtr_err check_http(const struct vtr_endpoints *places, const struct vtr_display_http *http)
{
	if (!http->tls_cert != !http->tls_key) {
		vtr_error(places->log,
		          "TLS needs a certificate and its key, and one of them is missing. Give both "
		          "--tls-cert and --tls-key");
		return VTR_ERR_ARG;
	}
	if (places->http_is_remote && !http->tls_cert && !http->insecure) {
		vtr_error(
			places->log,
			"cannot serve at %s without TLS: anyone on the network path could watch and control "
			"the machine. Give --tls-cert and --tls-key; or serve at 127.0.0.1 or [::1] and use "
			"a tunnel such as 'ssh -L'; or, on a network that you trust, give --insecure",
			places->http);
		return VTR_ERR_ARG;
	}
	return VTR_OK;
}

static enum vtr_err parse_address(struct vtr_log *log, const char *address, struct vtr_os_inet *out_inet)
{
	char escaped[2 * VTR_OS_INET_TEXT];
	enum vtr_err err = vtr_os_inet_parse(address, out_inet);

	if (err != VTR_OK) {
		vtr_error(log,
		          "cannot serve at '%s': an address has the form ADDRESS:PORT. Give for instance "
		          "127.0.0.1:8080 or [::1]:8080",
		          vtr_log_str(escaped, sizeof(escaped), address, sizeof(escaped)));
	}
	return err;
}

/* Sets `text` to the address with the actual port. */
static enum vtr_err listen_at(const struct vtr_endpoints *places, struct vtr_os_inet *inet,
                              char text[VTR_OS_INET_TEXT], int *out_fd)
{
	enum vtr_err err = vtr_os_inet_listen(inet, BACKLOG, out_fd);

	vtr_os_inet_text(inet, text);
	if (err != VTR_OK) {
		vtr_error(places->log,
		          "cannot listen at %s: %s. Another program may use the port, or the address may "
		          "belong to another machine. Choose another one; port 0 finds a free port",
		          text, strerror(errno));
	}
	return err;
}

static enum vtr_err listen_http(struct vtr_endpoints *places, const struct vtr_display_http *http)
{
	struct vtr_os_inet inet;
	enum vtr_err err = parse_address(places->log, http->address, &inet);

	if (err != VTR_OK) {
		return err;
	}
	vtr_os_inet_text(&inet, places->http);
	places->http_is_remote = !vtr_os_inet_is_loopback(&inet);
	err = check_http(places, http);
	return err == VTR_OK ? listen_at(places, &inet, places->http, &places->http_fd) : err;
}

static enum vtr_err listen_hxfr(struct vtr_endpoints *places, const struct vtr_display_host_params *params)
{
	struct vtr_os_inet inet;
	enum vtr_err err = parse_address(places->log, params->hxfr.address, &inet);

	if (err != VTR_OK) {
		return err;
	}
	if (!vtr_os_inet_is_loopback(&inet) && !params->http.insecure) {
		vtr_error(places->log,
		          "cannot serve HXFR at %s: HXFR has no TLS, so anyone on the network path could "
		          "watch. Serve at 127.0.0.1 or [::1] and use a tunnel such as 'ssh -L'; or, on a "
		          "network that you trust, give --insecure",
		          vtr_os_inet_text(&inet, places->hxfr));
		return VTR_ERR_ARG;
	}
	return listen_at(places, &inet, places->hxfr, &places->hxfr_fd);
}

/* Sets the links, which contain tokens. */
static void make_links(struct vtr_endpoints *places, const struct vtr_display_host_params *params,
                       const struct vtr_tokens *tokens)
{
	const char *scheme = params->http.tls_cert ? "https" : "http";

	if (params->http.address) {
		snprintf(places->control_link, VTR_ENDPOINT_LINK_MAX, "%s://%s/#token=%.*s", scheme,
		         places->http, VTR_TOKEN_LENGTH, tokens->control);
		snprintf(places->view_link, VTR_ENDPOINT_LINK_MAX, "%s://%s/#token=%.*s", scheme,
		         places->http, VTR_TOKEN_LENGTH, tokens->view);
	}
	if (params->hxfr.address) {
		bool open = params->hxfr.open;
		snprintf(places->hxfr_link, VTR_ENDPOINT_LINK_MAX, "hxfr://%s/%s%.*s", places->hxfr,
		         open ? "" : "#token=", open ? 0 : VTR_TOKEN_LENGTH, tokens->control);
	}
}

static enum vtr_err make_tokens(struct vtr_endpoints *places, const struct vtr_display_host_params *params)
{
	const struct vtr_display_http *http = &params->http;
	vtr_autofd int fd = -1;
	vtr_autofd int view_fd = -1;
	struct vtr_tokens tokens;
	void *map;
	enum vtr_err err = http->token_file ? vtr_tokens_load(places->log, http->token_file, &tokens) :
	                                      vtr_tokens_make(&tokens);

	if (err == VTR_OK) {
		err = vtr_os_shm_create_shown("vitrine-tokens", sizeof(tokens), &fd, &view_fd);
	}
	if (err == VTR_OK) {
		err = vtr_os_shm_map(fd, 0, sizeof(tokens), true, &map);
	}
	if (err != VTR_OK) {
		return err;
	}
	memcpy(map, &tokens, sizeof(tokens));
	vtr_os_shm_unmap(map, sizeof(tokens));
	make_links(places, params, &tokens);
	return vtr_os_shm_read_only(fd, view_fd, &places->tokens_fd);
}

enum vtr_err vtr_endpoints_open(struct vtr_log *log, const struct vtr_display_host_params *params,
                                struct vtr_endpoints *out_places)
{
	struct vtr_endpoints *places = out_places;
	enum vtr_err err = VTR_OK;

	*places = (struct vtr_endpoints){
		.log = log, .http_fd = -1, .hxfr_fd = -1, .tokens_fd = -1, .links_fd = -1
	};
	if (params->http.address) {
		err = listen_http(places, &params->http);
	}
	if (err == VTR_OK && params->hxfr.address) {
		err = listen_hxfr(places, params);
	}
	if (err == VTR_OK && (places->http_fd >= 0 || places->hxfr_fd >= 0)) {
		err = make_tokens(places, params);
	}
	if (err == VTR_OK && places->http_fd >= 0 && params->metrics_fd < 0) {
		err = vtr_os_shm_create("vitrine-links", sizeof(struct vtr_links_page), &places->links_fd);
	}
	if (err != VTR_OK) {
		vtr_endpoints_close(places);
	}
	return err;
}

void vtr_endpoints_close(struct vtr_endpoints *places)
{
	vtr_close(&places->http_fd);
	vtr_close(&places->hxfr_fd);
	vtr_close(&places->tokens_fd);
	vtr_close(&places->links_fd);
}
