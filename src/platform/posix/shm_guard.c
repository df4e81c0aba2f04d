/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "platform/os.h"
#include "platform/shm.h"

static const char message[] =
	"shared memory was cut by another process, or there is no more of it: this process goes on "
	"with zeros of its own\n";
static uintptr_t page_size;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Maps zeros at the place of a file's page that is not there any more; then the access succeeds. What else raises this
 * signal ends the process. */
static void on_bus_error(int signo, siginfo_t *info, void *context)
{
	void *page = (void *)((uintptr_t)info->si_addr & ~(page_size - 1));

	(void)context;
	if (info->si_code == BUS_ADRERR &&
	    mmap(page, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
	            MAP_FAILED) {
		(void)!write(STDERR_FILENO, message, sizeof(message) - 1);
		return;
	}
	signal(signo, SIG_DFL);
	raise(signo);
}

static void install(void)
{
	struct sigaction action = { .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO };

	page_size = vtr_os_page_size();
	sigemptyset(&action.sa_mask);
	sigaction(SIGBUS, &action, NULL);
}

void vtr_os_shm_guard(void)
{
	pthread_once(&once, install);
}
