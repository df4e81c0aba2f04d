/* SPDX-License-Identifier: MIT */
/*
 * An ordinary process of the user, to be attacked. `victim DIR` makes the objects of struct world, prints the text for
 * ATTACK_WORLD, and waits for the end of its standard input.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void must(int ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(1);
	}
}

static int serve_loopback(int type)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		                       .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	must(fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0, "bind");
	must(type != SOCK_STREAM || listen(fd, 16) == 0, "listen");
	must(getsockname(fd, (struct sockaddr *)&address, &size) == 0, "getsockname");
	return ntohs(address.sin_port);
}

static void serve_local(const char *dir, const char *name, int hidden, int type)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int length = snprintf(address.sun_path + hidden, sizeof(address.sun_path) - 1, "%s/%s", dir, name);
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)length + 1);

	must(fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0, name);
	must(type == SOCK_DGRAM || listen(fd, 16) == 0, "listen");
}

int main(int argc, char **argv)
{
	const struct {
		long type;
		char text[1];
	} message = { .type = 1, .text = "x" };
	char byte;

	must(argc == 2, "a folder");
	must(setpgid(0, 0) == 0, "setpgid");
	int msg = msgget(IPC_PRIVATE, 0600);
	int sem = semget(IPC_PRIVATE, 1, 0600);
	int shm = shmget(IPC_PRIVATE, 4096, 0600);
	must(msg >= 0 && sem >= 0 && shm >= 0, "System V");
	for (int i = 0; i < 4; i++) {
		must(msgsnd(msg, &message, sizeof(message.text), 0) == 0, "msgsnd");
	}
	serve_local(argv[1], "stream", 0, SOCK_STREAM);
	serve_local(argv[1], "datagram", 0, SOCK_DGRAM);
	serve_local(argv[1], "abstract", 1, SOCK_STREAM);
	serve_local(argv[1], "seqpacket", 1, SOCK_SEQPACKET);
	printf("%d %d %d %d %d %d %s\n", getpid(), msg, sem, shm, serve_loopback(SOCK_STREAM),
	       serve_loopback(SOCK_DGRAM), argv[1]);
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0) {
	}
	msgctl(msg, IPC_RMID, NULL);
	semctl(sem, 0, IPC_RMID);
	shmctl(shm, IPC_RMID, NULL);
	return 0;
}
