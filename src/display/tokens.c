/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "screen"
#include "display/tokens.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

/* "control " and "view ", two tokens, two line ends. */
#define FILE_BYTES (8 + 5 + 2 * VTR_TOKEN_LENGTH + 2)

enum vtr_err vtr_token_make(char out_token[VTR_TOKEN_LENGTH])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t bytes[VTR_TOKEN_LENGTH / 2];

	if (getentropy(bytes, sizeof(bytes)) < 0) {
		return VTR_ERR_OS;
	}
	for (size_t i = 0; i < sizeof(bytes); i++) {
		out_token[2 * i] = digits[bytes[i] >> 4];
		out_token[2 * i + 1] = digits[bytes[i] & 15];
	}
	return VTR_OK;
}

enum vtr_err vtr_tokens_make(struct vtr_tokens *out_tokens)
{
	struct vtr_tokens tokens;
	enum vtr_err err = vtr_token_make(tokens.control);

	if (err == VTR_OK) {
		err = vtr_token_make(tokens.view);
	}
	if (err == VTR_OK) {
		*out_tokens = tokens;
	}
	return err;
}

bool vtr_token_is_well_formed(const char token[VTR_TOKEN_LENGTH])
{
	for (size_t i = 0; i < VTR_TOKEN_LENGTH; i++) {
		if (!strchr("0123456789abcdef", token[i]) || token[i] == '\0') {
			return false;
		}
	}
	return true;
}

static bool parse(const char text[FILE_BYTES], struct vtr_tokens *out_tokens)
{
	const char *control = text + 8;
	const char *view = control + VTR_TOKEN_LENGTH + 1 + 5;

	if (memcmp(text, "control ", 8) != 0 || !vtr_token_is_well_formed(control) ||
	    memcmp(view - 6, "\nview ", 6) != 0 || !vtr_token_is_well_formed(view) ||
	    view[VTR_TOKEN_LENGTH] != '\n' || memcmp(control, view, VTR_TOKEN_LENGTH) == 0) {
		return false;
	}
	memcpy(out_tokens->control, control, VTR_TOKEN_LENGTH);
	memcpy(out_tokens->view, view, VTR_TOKEN_LENGTH);
	return true;
}

static enum vtr_err read_file(struct vtr_log *log, const char *path, int fd, struct vtr_tokens *out_tokens)
{
	char text[FILE_BYTES + 1]; /* one byte more, to detect a longer file */
	struct stat stat;

	if (fstat(fd, &stat) < 0) {
		return VTR_ERR_OS;
	}
	if (!S_ISREG(stat.st_mode)) {
		vtr_error(log,
		          "cannot use the token file %s: it is not a regular file. Name another file, or "
		          "remove this one and vitrine makes a new one",
		          path);
		return VTR_ERR_ARG;
	}
	if (stat.st_uid != geteuid()) {
		vtr_error(
			log,
			"cannot use the token file %s: it belongs to user %u and vitrine runs as user %u, so "
			"that user may know the tokens. Name another file, or remove this one and vitrine "
			"makes a new one",
			path, (unsigned)stat.st_uid, (unsigned)geteuid());
		return VTR_ERR_ARG;
	}
	if ((stat.st_mode & 077) != 0) {
		vtr_error(
			log,
			"cannot use the token file %s: others can read it. Run 'chmod 600' on it, or remove "
			"it and vitrine makes a new one",
			path);
		return VTR_ERR_ARG;
	}
	if (read(fd, text, sizeof(text)) != FILE_BYTES || !parse(text, out_tokens)) {
		vtr_error(log,
		          "cannot use the token file %s: it needs two lines, 'control' and 'view', with 32 "
		          "hexadecimal digits each. Correct it, or remove it and vitrine makes a new one",
		          path);
		return VTR_ERR_ARG;
	}
	return VTR_OK;
}

static enum vtr_err write_file(const char *path, const struct vtr_tokens *tokens)
{
	char text[FILE_BYTES + 1];
	vtr_autofd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0) {
		return VTR_ERR_OS;
	}
	snprintf(text, sizeof(text), "control %.*s\nview %.*s\n", VTR_TOKEN_LENGTH, tokens->control,
	         VTR_TOKEN_LENGTH, tokens->view);
	if (write(fd, text, FILE_BYTES) != FILE_BYTES) {
		int saved = errno;
		unlink(path);
		errno = saved;
		return VTR_ERR_OS;
	}
	return VTR_OK;
}

enum vtr_err vtr_tokens_load(struct vtr_log *log, const char *path, struct vtr_tokens *out_tokens)
{
	struct vtr_tokens tokens;
	/* Check the file that was opened: the path may name another file a moment later. */
	vtr_autofd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
	enum vtr_err err = VTR_ERR_OS;

	if (fd >= 0) {
		err = read_file(log, path, fd, &tokens);
	} else if (errno == ELOOP) {
		vtr_error(
			log,
			"cannot use the token file %s: it is a symbolic link, so the owner of the link could "
			"choose the tokens. Name the file itself, or remove the link and vitrine makes a new "
			"file",
			path);
		err = VTR_ERR_ARG;
	} else if (errno == ENOENT) {
		err = vtr_tokens_make(&tokens);
		if (err == VTR_OK) {
			err = write_file(path, &tokens);
		}
	}
	if (err == VTR_ERR_OS) {
		vtr_error(log,
		          "cannot keep tokens in %s: %s. Choose another --token-file, or leave it out to get "
		          "new tokens at each start",
		          path, strerror(errno));
	}
	if (err == VTR_OK) {
		*out_tokens = tokens;
	}
	return err;
}

bool vtr_token_is_same(const char a[VTR_TOKEN_LENGTH], const char *b)
{
	volatile uint8_t difference = 0; /* volatile: keeps the compiler from ending the loop early */

	for (size_t i = 0; i < VTR_TOKEN_LENGTH; i++) {
		difference |= (uint8_t)(a[i] ^ b[i]);
	}
	return difference == 0;
}

enum vtr_token_kind vtr_tokens_check(const struct vtr_tokens *tokens, const char *token, size_t length)
{
	if (length != VTR_TOKEN_LENGTH) {
		return VTR_TOKEN_WRONG;
	}
	bool control = vtr_token_is_same(tokens->control, token);
	bool view = vtr_token_is_same(tokens->view, token);
	return control ? VTR_TOKEN_CONTROL : view ? VTR_TOKEN_VIEW : VTR_TOKEN_WRONG;
}
