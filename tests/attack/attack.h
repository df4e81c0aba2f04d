/* SPDX-License-Identifier: MIT */
#ifndef ATTACK_ATTACK_H
#define ATTACK_ATTACK_H

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The attack cannot be tried here. */
#define CANNOT (-1)

/* What there is to attack. The victim is an ordinary process of the same user (victim.c). */
struct world {
	char dir[PATH_MAX / 2]; /* with the files "secret" and "gone", which are the user's alone */
	pid_t victim;
	pid_t parent;
	int msg, sem, shm;      /* the victim's, of System V */
	int tcp_port, udp_port; /* on the loopback address */
	int held_fd;            /* "secret", opened to be read before the sandbox applied */
	int terminal_fd;
	bool locked; /* the sandbox applies */
};

struct attack {
	const char *name;
	/* Returns: 0 if it succeeded, CANNOT, or the errno of the refusal. */
	int (*run)(const struct world *world);
	bool always; /* without a sandbox it works on each kernel, for each user, and in containers */
};

struct attack_list {
	const struct attack *attacks;
	size_t count;
};

extern const struct attack_list file_attacks;
extern const struct attack_list process_attacks;
extern const struct attack_list ipc_attacks;
extern const struct attack_list kernel_attacks;

static inline int outcome(long result)
{
	return result >= 0 ? 0 : errno;
}

/* For calls with wrong arguments: the kernel's complaint about those shows that the call is not refused. */
static inline int outcome_or(long result, int complaint)
{
	return result >= 0 || errno == complaint ? 0 : errno;
}

/* "DIR/NAME". Overwritten by the next call. */
const char *path_of(const struct world *world, const char *name);

/* Opens and closes. */
int try_open(const char *path, int flags);

#endif
