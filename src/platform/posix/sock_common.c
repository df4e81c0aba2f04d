/* SPDX-License-Identifier: MIT */
#include "platform/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/os.h"

/* At least what any system passes in one message. */
#define KERNEL_MAX_FDS 512

static enum vtr_err fill_address(const char *path, struct sockaddr_un *out_address)
{
	size_t length = strlen(path);

	if (length == 0 || length >= sizeof(out_address->sun_path)) {
		errno = length == 0 ? ENOENT : ENAMETOOLONG;
		return VTR_ERR_OS;
	}
	*out_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(out_address->sun_path, path, length + 1);
	return VTR_OK;
}

/* Removes the socket at `path` if no server listens there; otherwise errno says why not. */
static enum vtr_err remove_stale(const char *path)
{
	vtr_autofd int fd = -1;
	struct stat st;

	if (lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode)) {
		errno = EADDRINUSE;
		return VTR_ERR_OS;
	}
	switch (vtr_os_sock_connect(path, &fd)) {
	case VTR_ERR_GONE:
		return unlink(path) == 0 || errno == ENOENT ? VTR_OK : VTR_ERR_OS;
	default:
		errno = EADDRINUSE;
		return VTR_ERR_OS;
	}
}

enum vtr_err vtr_os_sock_listen(const char *path, mode_t mode, int backlog, int *out_fd)
{
	vtr_autofd int fd = -1;
	struct sockaddr_un address;
	enum vtr_err err = fill_address(path, &address);

	if (err == VTR_OK) {
		err = vtr_os_sock_new(&fd);
	}
	if (err != VTR_OK) {
		return err;
	}
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
		return VTR_ERR_OS;
	}
	if (vtr_os_sock_bind(fd, &address, mode) < 0) {
		if (errno != EADDRINUSE || remove_stale(path) != VTR_OK ||
		    vtr_os_sock_bind(fd, &address, mode) < 0) {
			return VTR_ERR_OS;
		}
	}
	if (listen(fd, backlog) < 0) {
		int saved_errno = errno;

		unlink(path);
		errno = saved_errno;
		return VTR_ERR_OS;
	}
	*out_fd = vtr_take_fd(&fd);
	return VTR_OK;
}

enum vtr_err vtr_os_sock_connect(const char *path, int *out_fd)
{
	vtr_autofd int fd = -1;
	struct sockaddr_un address;
	enum vtr_err err = fill_address(path, &address);
	int result;

	if (err == VTR_OK) {
		err = vtr_os_sock_new(&fd);
	}
	if (err != VTR_OK) {
		return err;
	}
	do {
		result = connect(fd, (struct sockaddr *)&address, sizeof(address));
	} while (result < 0 && errno == EINTR);
	if (result < 0) {
		return errno == ECONNREFUSED ? VTR_ERR_GONE : VTR_ERR_OS;
	}
	*out_fd = vtr_take_fd(&fd);
	return VTR_OK;
}

/* Advances `iov` past the first `sent` bytes. */
static void skip_sent(struct msghdr *message, size_t sent)
{
	while (sent > 0) {
		size_t part = vtr_min(sent, message->msg_iov->iov_len);

		message->msg_iov->iov_base = (char *)message->msg_iov->iov_base + part;
		message->msg_iov->iov_len -= part;
		sent -= part;
		if (message->msg_iov->iov_len == 0) {
			message->msg_iov++;
			message->msg_iovlen--;
		}
	}
}

union fd_control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int) * VTR_OS_SOCK_MAX_FDS)];
};

static void attach_fds(struct msghdr *message, union fd_control *control, const int *fds, size_t fd_count)
{
	if (fd_count == 0) {
		return;
	}
	memset(control, 0, sizeof(*control));
	message->msg_control = control;
	message->msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
	struct cmsghdr *header = CMSG_FIRSTHDR(message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
	memcpy(CMSG_DATA(header), fds, sizeof(int) * fd_count);
}

static enum vtr_err send_some(int fd, const struct msghdr *message, int flags, size_t *out_sent)
{
	ssize_t sent;

	do {
		sent = sendmsg(fd, message, vtr_os_sock_send_flag | flags);
	} while (sent < 0 && errno == EINTR);
	if (sent < 0) {
		switch (errno) {
		case EAGAIN:
			return VTR_ERR_AGAIN;
		case EPIPE:
		case ECONNRESET:
			return VTR_ERR_GONE;
		default:
			return VTR_ERR_OS;
		}
	}
	*out_sent = (size_t)sent;
	return VTR_OK;
}

enum vtr_err vtr_os_sock_send(int fd, const struct iovec *iov, size_t iov_count, const int *fds,
                              size_t fd_count)
{
	struct iovec parts[VTR_OS_SOCK_MAX_IOV];
	union fd_control control;
	size_t left = 0;

	vtr_assert(iov_count <= VTR_OS_SOCK_MAX_IOV && fd_count <= VTR_OS_SOCK_MAX_FDS);
	for (size_t i = 0; i < iov_count; i++) {
		parts[i] = iov[i];
		left += iov[i].iov_len;
	}
	vtr_assert(left > 0);
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = iov_count };
	attach_fds(&message, &control, fds, fd_count);
	while (left > 0) {
		size_t sent;
		enum vtr_err err = send_some(fd, &message, 0, &sent);

		if (err != VTR_OK) {
			return err;
		}
		message.msg_control = NULL; /* the fds were sent with the first byte */
		message.msg_controllen = 0;
		left -= sent;
		skip_sent(&message, sent);
	}
	return VTR_OK;
}

enum vtr_err vtr_os_sock_send_now(int fd, const struct iovec *iov, size_t iov_count, const int *fds,
                                  size_t fd_count, size_t *out_sent)
{
	union fd_control control;
	struct msghdr message = { .msg_iov = (struct iovec *)iov, .msg_iovlen = iov_count };

	vtr_assert(iov_count <= VTR_OS_SOCK_MAX_IOV && fd_count <= VTR_OS_SOCK_MAX_FDS);
	attach_fds(&message, &control, fds, fd_count);
	return send_some(fd, &message, MSG_DONTWAIT, out_sent);
}

/* Takes all fds out of a message. Keeps what fits into `fds`; closes and counts the rest. */
static void harvest(struct msghdr *message, int *fds, size_t max_fds, size_t *out_kept, size_t *out_excess)
{
	size_t kept = 0;
	size_t excess = 0;

	for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL;
	     header = CMSG_NXTHDR(message, header)) {
		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
			continue;
		}
		size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
			if (vtr_os_sock_receive_flag == 0) {
				(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
			}
			if (kept < max_fds) {
				fds[kept++] = fd;
			} else {
				excess++;
				vtr_close(&fd);
			}
		}
	}
	*out_kept = kept;
	*out_excess = excess;
}

static enum vtr_err receive(int fd, void *buf, size_t size, size_t *out_size, int *fds, size_t max_fds,
                            size_t *out_fd_count, int flags)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * KERNEL_MAX_FDS)];
	} control;
	struct iovec part = { .iov_base = buf, .iov_len = size };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	size_t kept;
	size_t excess;
	ssize_t received;

	vtr_assert(size > 0);
	do {
		received = recvmsg(fd, &message, vtr_os_sock_receive_flag | flags);
	} while (received < 0 && errno == EINTR);
	if (received < 0) {
		switch (errno) {
		case EAGAIN:
			return VTR_ERR_AGAIN;
		case ECONNRESET:
			return VTR_ERR_GONE;
		default:
			return VTR_ERR_OS;
		}
	}
	harvest(&message, fds, max_fds, &kept, &excess);
	bool cut = (message.msg_flags & MSG_CTRUNC) != 0;
	if (received == 0 || excess > 0 || cut) {
		while (kept > 0) {
			vtr_close(&fds[--kept]);
		}
		return received == 0 ? VTR_ERR_GONE : excess > 0 ? VTR_ERR_PROTOCOL : VTR_ERR_LIMIT;
	}
	*out_size = (size_t)received;
	if (out_fd_count != NULL) {
		*out_fd_count = kept;
	}
	return VTR_OK;
}

enum vtr_err vtr_os_sock_recv(int fd, void *buf, size_t size, size_t *out_size, int *fds, size_t max_fds,
                              size_t *out_fd_count)
{
	return receive(fd, buf, size, out_size, fds, max_fds, out_fd_count, 0);
}

enum vtr_err vtr_os_sock_recv_now(int fd, void *buf, size_t size, size_t *out_size, int *fds, size_t max_fds,
                                  size_t *out_fd_count)
{
	return receive(fd, buf, size, out_size, fds, max_fds, out_fd_count, MSG_DONTWAIT);
}
