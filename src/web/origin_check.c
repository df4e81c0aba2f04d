/* SPDX-License-Identifier: MIT */
#include "web/origin_check.h"

#include <string.h>
#include <strings.h>

/* Returns: whether `text` ends a host: it is empty, or ":" and a port. */
static bool is_port_or_end(const char *text)
{
	size_t digits;

	if (text[0] == '\0') {
		return true;
	}
	digits = strspn(text + 1, "0123456789");
	return text[0] == ':' && digits >= 1 && digits <= 5 && text[1 + digits] == '\0';
}

/* Skips "127." and three more numbers. Returns: the rest, or NULL. */
static const char *skip_loopback(const char *text)
{
	if (strncmp(text, "127.", 4) != 0) {
		return NULL;
	}
	text += 4;
	for (int i = 0; i < 3; i++) {
		size_t digits = strspn(text, "0123456789");
		if (digits < 1 || digits > 3) {
			return NULL;
		}
		text += digits;
		if (i < 2 && *text++ != '.') {
			return NULL;
		}
	}
	return text;
}

/* Returns: whether the host is an address: dotted numbers, or brackets with colons. */
static bool is_address(const char *host)
{
	size_t length;

	if (host[0] == '[') {
		length = strspn(host + 1, "0123456789abcdefABCDEF:.");
		return length >= 2 && host[1 + length] == ']' && is_port_or_end(host + 2 + length);
	}
	length = strspn(host, "0123456789.");
	return length >= 7 && is_port_or_end(host + length);
}

/* Returns: whether the host is one of `names`. */
static bool is_listed(const char *names, const char *host)
{
	size_t length = strcspn(host, ":");

	for (const char *at = names; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (length > 0 && strcspn(at, ",") == length && strncasecmp(at, host, length) == 0) {
			return is_port_or_end(host + length);
		}
	}
	return false;
}

bool vtr_origin_check_host(const struct vtr_origin_check *guard, const char *host)
{
	static const char *const names[] = { "localhost", "[::1]" };
	const char *rest = skip_loopback(host);

	if (rest) {
		return is_port_or_end(rest);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t length = strlen(names[i]);
		if (strncasecmp(host, names[i], length) == 0) {
			return is_port_or_end(host + length);
		}
	}
	return guard->remote && (is_address(host) || is_listed(guard->names, host));
}

bool vtr_origin_check_origin(const struct vtr_origin_check *guard, const char *origin, const char *host)
{
	const char *scheme = guard->tls ? "https://" : "http://";
	size_t length = strlen(scheme);

	return strncasecmp(origin, scheme, length) == 0 && strcasecmp(origin + length, host) == 0;
}

bool vtr_origin_check_site(const char *site)
{
	return strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0;
}
