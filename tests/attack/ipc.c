/* SPDX-License-Identifier: MIT */
/* The network, sockets and other means to talk to processes. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "attack.h"

struct message {
	long type;
	char text[1];
};

static struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
		                     .sin_port = htons((uint16_t)port),
		                     .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) } };
}

/* "DIR/NAME", or with `hidden` the abstract address "@DIR/NAME". */
static struct sockaddr_un local(const struct world *world, const char *name, bool hidden, socklen_t *out_size)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int length =
		snprintf(address.sun_path + hidden, sizeof(address.sun_path) - 1, "%s", path_of(world, name));

	*out_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)length + 1);
	return address;
}

static int connect_to(int family, int type, const void *address, socklen_t size)
{
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		return errno;
	}
	int result = outcome(connect(fd, address, size));
	close(fd);
	return result;
}

static int connect_tcp(const struct world *world)
{
	const struct sockaddr_in address = loopback(world->tcp_port);

	return connect_to(AF_INET, SOCK_STREAM, &address, sizeof(address));
}

static int send_udp(const struct world *world)
{
	const struct sockaddr_in address = loopback(world->udp_port);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		return errno;
	}
	int result = outcome(sendto(fd, "x", 1, 0, (const struct sockaddr *)&address, sizeof(address)));
	close(fd);
	return result;
}

static int listen_tcp(const struct world *world)
{
	const struct sockaddr_in address = loopback(0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)world;
	if (fd < 0) {
		return errno;
	}
	int result = bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ?
	                     errno :
	                     outcome(listen(fd, 1));
	close(fd);
	return result;
}

static int connect_local(const struct world *world)
{
	socklen_t size;
	const struct sockaddr_un address = local(world, "stream", false, &size);

	return connect_to(AF_UNIX, SOCK_STREAM, &address, size);
}

static int connect_abstract(const struct world *world)
{
	socklen_t size;
	const struct sockaddr_un address = local(world, "abstract", true, &size);

	return connect_to(AF_UNIX, SOCK_STREAM, &address, size);
}

/* The one type of socket that a driver may make. */
static int connect_seqpacket(const struct world *world)
{
	socklen_t size;
	const struct sockaddr_un address = local(world, "seqpacket", true, &size);

	return connect_to(AF_UNIX, SOCK_SEQPACKET, &address, size);
}

/* One of a pair, so that no socket has to be made. */
static int send_from_pair(const struct world *world, int type)
{
	socklen_t size;
	const struct sockaddr_un address = local(world, "datagram", false, &size);
	int ends[2];

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) < 0) {
		return errno;
	}
	int result = outcome(sendto(ends[0], "x", 1, MSG_DONTWAIT, (const struct sockaddr *)&address, size));
	close(ends[0]);
	close(ends[1]);
	return result;
}

static int send_from_datagram_pair(const struct world *world)
{
	return send_from_pair(world, SOCK_DGRAM);
}

static int send_from_raw_pair(const struct world *world)
{
	return send_from_pair(world, SOCK_RAW);
}

static int make_socket(int family, int type, int protocol)
{
	int fd = socket(family, type | SOCK_CLOEXEC, protocol);
	int result = outcome(fd);

	if (fd >= 0) {
		close(fd);
	}
	return result;
}

static int netlink(const struct world *world)
{
	(void)world;
	return make_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
}

static int packet(const struct world *world)
{
	(void)world;
	return make_socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
}

static int vsock(const struct world *world)
{
	(void)world;
	return make_socket(AF_VSOCK, SOCK_STREAM, 0);
}

static int list_interfaces(const struct world *world)
{
	struct ifconf config = { .ifc_len = 0 };
	int ends[2];

	(void)world;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		return CANNOT;
	}
	int result = outcome(ioctl(ends[0], SIOCGIFCONF, &config));
	close(ends[0]);
	close(ends[1]);
	return result;
}

static int send_message(const struct world *world)
{
	const struct message message = { .type = 1, .text = { 'x' } };

	return outcome(msgsnd(world->msg, &message, sizeof(message.text), IPC_NOWAIT));
}

/* The victim has left a message for itself. */
static int receive_message(const struct world *world)
{
	struct message message;

	return outcome(msgrcv(world->msg, &message, sizeof(message.text), 0, IPC_NOWAIT));
}

static int get_messages(const struct world *world)
{
	struct msqid_ds status;

	return outcome(msgctl(world->msg, IPC_STAT, &status));
}

static int make_messages(const struct world *world)
{
	int id = msgget(IPC_PRIVATE, 0600);

	(void)world;
	if (id >= 0) {
		msgctl(id, IPC_RMID, NULL);
	}
	return outcome(id);
}

static int change_semaphore(const struct world *world)
{
	struct sembuf change = { .sem_op = 1 };

	return outcome(semop(world->sem, &change, 1));
}

static int change_semaphore_timed(const struct world *world)
{
	struct sembuf change = { .sem_op = 1 };
	const struct timespec none = { 0 };

	return outcome(semtimedop(world->sem, &change, 1, &none));
}

static int attach_memory(const struct world *world)
{
	void *memory = shmat(world->shm, NULL, 0);

	if (memory == (void *)-1) {
		return errno;
	}
	shmdt(memory);
	return 0;
}

static int posix_queue(const struct world *world)
{
	int fd = (int)syscall(SYS_mq_open, "vitrine-attack", O_RDWR | O_CREAT | O_CLOEXEC, 0600, NULL);
	int result = outcome(fd);

	(void)world;
	if (fd >= 0) {
		close(fd);
		syscall(SYS_mq_unlink, "vitrine-attack");
	}
	return result;
}

static const struct attack attacks[] = {
	{ "connect-tcp", connect_tcp, true },
	{ "listen-tcp", listen_tcp, true },
	{ "send-udp", send_udp, true },
	{ "connect-local", connect_local, true },
	{ "connect-abstract", connect_abstract, true },
	{ "connect-seqpacket", connect_seqpacket, true },
	{ "finding-8-datagram-of-pair", send_from_datagram_pair, true },
	{ "finding-8-raw-of-pair", send_from_raw_pair, true },
	{ "netlink", netlink, true },
	{ "packet-socket", packet, false },
	{ "vsock", vsock, false },
	{ "list-interfaces", list_interfaces, false },
	{ "finding-9-msgsnd", send_message, true },
	{ "finding-9-msgrcv", receive_message, true },
	{ "msgctl", get_messages, true },
	{ "msgget", make_messages, true },
	{ "finding-9-semop", change_semaphore, true },
	{ "finding-9-semtimedop", change_semaphore_timed, true },
	{ "shmat", attach_memory, true },
	{ "mq_open", posix_queue, false },
};

const struct attack_list ipc_attacks = { attacks, sizeof(attacks) / sizeof(attacks[0]) };
