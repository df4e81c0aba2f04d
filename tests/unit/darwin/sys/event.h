/* SPDX-License-Identifier: MIT */
/* What src/platform/macos/poller.c uses of kqueue(2), for ../../fake_darwin.c. */
#ifndef TESTS_UNIT_DARWIN_SYS_EVENT_H
#define TESTS_UNIT_DARWIN_SYS_EVENT_H

#include <stdint.h>
#include <time.h>

#define EVFILT_READ (-1)
#define EVFILT_WRITE (-2)
#define EV_ADD 0x0001
#define EV_DELETE 0x0002
#define EV_CLEAR 0x0020
#define EV_ERROR 0x4000
#define EV_EOF 0x8000

struct kevent {
	uintptr_t ident;
	int16_t filter;
	uint16_t flags;
	uint32_t fflags;
	intptr_t data;
	void *udata;
};

#define EV_SET(event, ident_, filter_, flags_, fflags_, data_, udata_) \
	(*(event) = (struct kevent){ (uintptr_t)(ident_), (filter_), (flags_), (fflags_), (data_), (udata_) })

int kqueue(void);
int kevent(int queue, const struct kevent *changes, int change_count, struct kevent *events, int event_count,
           const struct timespec *timeout);

#endif
