/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "screen"
#include "screen/places.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "platform/inet.h"
#include "platform/shm.h"
#include "platform/vsock.h"
#include "screen/client.h"
#include "screen/tokens.h"

/* Connections that wait while the process is being started again. */
#define BACKLOG 64
/* The host's number among the machines of vsock, for its guests. */
#define HOST_CID 2

static bool is_vsock(const struct vtr_screen_hxfr *hxfr)
{
	return strncmp(hxfr->address, VTR_OS_VSOCK_PREFIX, strlen(VTR_OS_VSOCK_PREFIX)) == 0;
}

/* Says what is wrong and what to do about it. */
static enum vtr_err check_http(const struct vtr_screen_places *places, const struct vtr_screen_http *http)
{
	if (!http->tls_cert != !http->tls_key) {
		vtr_error(places->log, "a certificate and its key go together: --tls-cert and --tls-key");
		return VTR_ERR_ARG;
	}
	if (places->http_is_remote && !http->tls_cert && !http->insecure) {
		vtr_error(places->log,
		          "will not serve at %s without TLS: whoever is on the way could "
		          "watch and control the machine. Give --tls-cert and --tls-key; or serve at "
		          "127.0.0.1 or [::1] and use a tunnel such as 'ssh -L' from elsewhere; or, where "
		          "nobody else can listen, --insecure",
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
		          "'%s' is no address to serve at: it takes ADDRESS:PORT, for "
		          "instance 127.0.0.1:8080 or [::1]:8080",
		          vtr_log_str(escaped, sizeof(escaped), address, sizeof(escaped)));
	}
	return err;
}

/* `text` becomes the address with the port that was found. */
static enum vtr_err listen_at(const struct vtr_screen_places *places, struct vtr_os_inet *inet,
                              char text[VTR_OS_INET_TEXT], int *out_fd)
{
	enum vtr_err err = vtr_os_inet_listen(inet, BACKLOG, out_fd);

	vtr_os_inet_text(inet, text);
	if (err != VTR_OK) {
		vtr_error(places->log,
		          "cannot listen at %s: %s. Is the port taken? With port 0 a "
		          "free one is found",
		          text, strerror(errno));
	}
	return err;
}

static enum vtr_err listen_http(struct vtr_screen_places *places, const struct vtr_screen_http *http)
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

/* Without a network, for the guests of this host. */
static enum vtr_err listen_vsock(struct vtr_screen_places *places,
                                 const struct vtr_screen_client_params *params)
{
	char escaped[2 * VTR_OS_INET_TEXT];
	uint32_t port;

	if (vtr_os_vsock_parse(params->hxfr.address, &port) != VTR_OK) {
		vtr_error(places->log,
		          "'%s' is no port to serve at: it takes vsock:PORT, for instance vsock:15937",
		          vtr_log_str(escaped, sizeof(escaped), params->hxfr.address, sizeof(escaped)));
		return VTR_ERR_ARG;
	}
	if (params->hxfr.open && !params->http.insecure) {
		vtr_error(places->log,
		          "will not serve HXFR at vsock:%u without a token: all guests of this host "
		          "could watch and set modes, not only the one that is shown. Leave out --hxfr-open; "
		          "or, "
		          "where all of them may, --insecure",
		          port);
		return VTR_ERR_ARG;
	}
	enum vtr_err err = vtr_os_vsock_listen(&port, BACKLOG, &places->hxfr_fd);
	if (err == VTR_ERR_UNSUPPORTED) {
		vtr_error(places->log,
		          "cannot listen at vsock:%u: this kernel knows no AF_VSOCK. 'modprobe vsock' "
		          "may help; or serve at 127.0.0.1:PORT, which a guest with QEMU's user network "
		          "finds at "
		          "10.0.2.2",
		          port);
	} else if (err != VTR_OK) {
		vtr_error(places->log,
		          "cannot listen at vsock:%u: %s. Is the port taken? With port 0 a free one is "
		          "found",
		          port, strerror(errno));
	} else if (!vtr_os_vsock_serves_guests()) {
		vtr_warn(places->log,
		         "listens at vsock:%u, but no guest gets there: this host has no "
		         "/dev/vhost-vsock. 'modprobe vhost_vsock', then give the guest a vhost-vsock-pci",
		         port);
	}
	snprintf(places->hxfr, sizeof(places->hxfr), "%u:%u", HOST_CID, port);
	return err;
}

static enum vtr_err listen_hxfr(struct vtr_screen_places *places,
                                const struct vtr_screen_client_params *params)
{
	struct vtr_os_inet inet;

	if (is_vsock(&params->hxfr)) {
		return listen_vsock(places, params);
	}
	enum vtr_err err = parse_address(places->log, params->hxfr.address, &inet);

	if (err != VTR_OK) {
		return err;
	}
	if (!vtr_os_inet_is_loopback(&inet) && !params->http.insecure) {
		vtr_error(places->log,
		          "will not serve HXFR at %s: it knows no TLS, so whoever is on the way "
		          "could watch. Serve at 127.0.0.1 or [::1] and use a tunnel such as 'ssh -L' from "
		          "elsewhere; or, where nobody else can listen, --insecure",
		          vtr_os_inet_text(&inet, places->hxfr));
		return VTR_ERR_ARG;
	}
	return listen_at(places, &inet, places->hxfr, &places->hxfr_fd);
}

/* Where people and programs find what is served, and by what right. */
static void make_links(struct vtr_screen_places *places, const struct vtr_screen_client_params *params,
                       const struct vtr_tokens *tokens)
{
	const char *scheme = params->http.tls_cert ? "https" : "http";

	if (params->http.address) {
		snprintf(places->control_link, VTR_SCREEN_LINK_MAX, "%s://%s/#token=%.*s", scheme,
		         places->http, VTR_TOKEN_LENGTH, tokens->control);
		snprintf(places->view_link, VTR_SCREEN_LINK_MAX, "%s://%s/#token=%.*s", scheme, places->http,
		         VTR_TOKEN_LENGTH, tokens->view);
	}
	if (params->hxfr.address) {
		bool open = params->hxfr.open;
		snprintf(places->hxfr_link, VTR_SCREEN_LINK_MAX, "%s://%s/%s%.*s",
		         is_vsock(&params->hxfr) ? "hxfr+vsock" : "hxfr", places->hxfr,
		         open ? "" : "#token=", open ? 0 : VTR_TOKEN_LENGTH, tokens->control);
	}
}

static enum vtr_err make_tokens(struct vtr_screen_places *places,
                                const struct vtr_screen_client_params *params)
{
	const struct vtr_screen_http *http = &params->http;
	vtr_autofd int fd = -1;
	struct vtr_tokens tokens;
	void *map;
	enum vtr_err err = http->token_file ? vtr_tokens_load(places->log, http->token_file, &tokens) :
	                                      vtr_tokens_make(&tokens);

	if (err == VTR_OK) {
		err = vtr_os_shm_create("vitrine-tokens", sizeof(tokens), &fd);
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
	return vtr_os_shm_read_only(fd, &places->tokens_fd);
}

enum vtr_err vtr_screen_places_open(struct vtr_log *log, const struct vtr_screen_client_params *params,
                                    struct vtr_screen_places *out_places)
{
	struct vtr_screen_places *places = out_places;
	enum vtr_err err = VTR_OK;

	*places = (struct vtr_screen_places){ .log = log, .http_fd = -1, .hxfr_fd = -1, .tokens_fd = -1 };
	if (params->http.address) {
		err = listen_http(places, &params->http);
	}
	if (err == VTR_OK && params->hxfr.address) {
		err = listen_hxfr(places, params);
	}
	if (err == VTR_OK && (places->http_fd >= 0 || places->hxfr_fd >= 0)) {
		err = make_tokens(places, params);
	}
	if (err != VTR_OK) {
		vtr_screen_places_close(places);
	}
	return err;
}

void vtr_screen_places_close(struct vtr_screen_places *places)
{
	vtr_close(&places->http_fd);
	vtr_close(&places->hxfr_fd);
	vtr_close(&places->tokens_fd);
}
