/* SPDX-License-Identifier: MIT */
#include "worker/last_words.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "base/mem.h"
#include "venus/room.h"

static const char words[] = "the worker has used up its memory, and its driver cannot go on: the program "
			    "loses its Vulkan device, "
			    "others go on. If the program needs more, raise -o max-memory\n";

static const char file_words[] = "a memory file of the driver would be larger than the limit: the program "
				 "may lose its Vulkan device, others "
				 "go on. If the program needs more, raise -o max-memory\n";

static const struct vtr_room *the_room;

static void say(const char *text, size_t size)
{
	const ssize_t written = write(STDERR_FILENO, text, size);
	(void)written; /* there is no other place to say it */
}

/* The call that makes the file larger fails. */
static void on_large_file(int signo)
{
	static volatile sig_atomic_t said;

	(void)signo;
	if (!said) {
		said = 1;
		say(file_words, sizeof(file_words) - 1);
	}
}

/* The signal's action is the default one again, and the process dies of it, also if another one has sent it. */
static void on_death(int signo)
{
	if (vtr_room_is_short(the_room)) {
		say(words, sizeof(words) - 1);
	}
	raise(signo);
}

void vtr_worker_last_words(const struct vtr_room *room)
{
	static const int signals[] = { SIGABRT, SIGSEGV, SIGILL, SIGTRAP };
	struct sigaction action = { .sa_handler = on_death, .sa_flags = (int)SA_RESETHAND };

	struct sigaction large_file = { .sa_handler = on_large_file, .sa_flags = (int)SA_RESTART };

	if (!room || room->data_fd < 0) {
		return; /* nothing is limited; a sanitizer has handlers of its own */
	}
	the_room = room;
	sigemptyset(&action.sa_mask);
	sigemptyset(&large_file.sa_mask);
	(void)sigaction(SIGXFSZ, &large_file, NULL);
	for (size_t i = 0; i < VTR_ARRAY_LEN(signals); i++) {
		(void)sigaction(signals[i], &action, NULL);
	}
}
