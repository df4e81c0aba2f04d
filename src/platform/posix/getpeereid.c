/* SPDX-License-Identifier: MIT */
/* For C libraries that lack this function of the BSDs and of macOS. Only Linux's do. */
#include <sys/socket.h>
#include <unistd.h>

#include "platform/os.h"

int getpeereid(int fd, uid_t *out_uid, gid_t *out_gid)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
		return -1;
	}
	*out_uid = peer.uid;
	*out_gid = peer.gid;
	return 0;
}
