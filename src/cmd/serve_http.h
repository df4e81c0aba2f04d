/* SPDX-License-Identifier: MIT */
#ifndef CMD_SERVE_HTTP_H
#define CMD_SERVE_HTTP_H

#include "base/err.h"
#include "cmd/opts.h"
#include "display_host/host.h"

/*
 * /metrics of `vitrine serve`, by the same web server as that of `vitrine gpu`: the screen process, here without
 * displays. The front writes the metrics into memory that this process can only read, once a second, whether anyone
 * asks for them or not: so peers on the network cost the front nothing.
 *
 * Thread: the main thread.
 */
struct vtr_serve_http;
struct vtr_vtest_server;

/* The rows for a command's table of options. `options_`: the type of its options. `http_`: its member, a struct
 * vtr_display_http. `help_`: what --http does. */
#define VTR_HTTP_OPTS(options_, http_, help_)                                                             \
	{ .name = "http",                                                                                 \
	  .kind = VTR_OPT_TEXT,                                                                           \
	  .offset = offsetof(options_, http_.address),                                                    \
	  .arg = "ADDR:PORT",                                                                             \
	  .help = (help_) },                                                                              \
		{ .name = "http-names",                                                                   \
		  .kind = VTR_OPT_TEXT,                                                                   \
		  .offset = offsetof(options_, http_.names),                                              \
		  .arg = "NAME,...",                                                                      \
		  .help = "accept requests to these host names, beside the machine's addresses" },        \
		{ .name = "token-file",                                                                   \
		  .kind = VTR_OPT_TEXT,                                                                   \
		  .offset = offsetof(options_, http_.token_file),                                         \
		  .arg = "FILE",                                                                          \
		  .help = "keep the tokens of the links in this file; default: make new tokens at each "  \
		          "start" },                                                                      \
		{ .name = "tls-cert",                                                                     \
		  .kind = VTR_OPT_TEXT,                                                                   \
		  .offset = offsetof(options_, http_.tls_cert),                                           \
		  .arg = "FILE",                                                                          \
		  .help = "serve HTTP over TLS with this certificate (PEM)" },                            \
		{ .name = "tls-key",                                                                      \
		  .kind = VTR_OPT_TEXT,                                                                   \
		  .offset = offsetof(options_, http_.tls_key),                                            \
		  .arg = "FILE",                                                                          \
		  .help = "use this private key for the certificate (PEM)" },                             \
		{ .name = "insecure",                                                                     \
		  .kind = VTR_OPT_FLAG,                                                                   \
		  .offset = offsetof(options_, http_.insecure),                                           \
		  .help = "serve other machines without TLS: all traffic can be read and changed on its " \
		          "way" }

/* Errors are logged. `server` and what `http` points to outlive it. Owner: *out_http is the caller's. Returns: as
 * vtr_display_host_create(); VTR_ERR_UNSUPPORTED (this build lacks the web server; printed). */
VTR_MUST_CHECK enum vtr_err vtr_serve_http_create(struct vtr_vtest_server *server,
                                                  const struct vtr_display_http *http, const char *log_filter,
                                                  struct vtr_serve_http **out_http);
/* Accepts NULL. */
void vtr_serve_http_destroy(struct vtr_serve_http *http);

/* Prints the address of the metrics, with a token. */
void vtr_serve_http_print(const struct vtr_serve_http *http);

#endif
