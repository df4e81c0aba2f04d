/* SPDX-License-Identifier: MIT */
#ifndef VHOST_INTERNAL_H
#define VHOST_INTERNAL_H

#include "base/log.h"
#include "core/ram.h"
#include "platform/loop.h"
#include "vhost/channel.h"
#include "vhost/vhost_user.h"
#include "virtio/queue_setup.h"

/* Between the files of this folder. Thread: the loop's. */

/* Protocol features, by their bit. */
enum {
	VTR_VHOST_F_MQ = 0,
	VTR_VHOST_F_REPLY_ACK = 3,
	VTR_VHOST_F_BACKEND_REQ = 5,
	VTR_VHOST_F_CONFIG = 9,
	VTR_VHOST_F_BACKEND_SEND_FD = 10,
	VTR_VHOST_F_RESET_DEVICE = 13,
	VTR_VHOST_F_SHMEM = 22,
};

/* Bits of the device's features that are the transport's. */
#define VTR_VHOST_INDIRECT_DESC (UINT64_C(1) << 28)
#define VTR_VHOST_EVENT_IDX (UINT64_C(1) << 29)
#define VTR_VHOST_PROTOCOL_FEATURES (UINT64_C(1) << 30)
#define VTR_VHOST_VERSION_1 (UINT64_C(1) << 32)

struct vtr_vring {
	struct vtr_vhost_user *server;
	uint32_t index;
	struct vtr_queue *queue;
	struct vtr_queue_setup setup; /* as the VMM gave it; base: the entry to go on with */
	bool has_rings;               /* addresses were set since it was stopped last */
	bool enabled;
	bool started; /* the queue runs: it had all that it needs when the device was started */
	int kick_fd;  /* -1: none */
	struct vtr_os_loop_fd *kick_watch;
	/* When it was stopped last, to tell a pause from a reset. */
	bool had_rings;
	uint16_t returned_base;
};

struct vtr_vhost_user {
	struct vtr_log *log;
	struct vtr_os_loop *loop;
	struct vtr_virtio_device device;
	struct vtr_virtio_transport transport;
	int listen_fd;
	struct vtr_os_loop_fd *listen_watch;
	struct vtr_os_loop_timer *listen_timer; /* listens again */
	struct vtr_os_loop_timer *config_timer; /* sends what config_pending says */
	struct vtr_os_loop_timer *doubt_timer;  /* looks at the queues again, */
	bool doubt_set;			 /* soon, */
	bool doubt_again;                       /* and once more after that */

	struct vtr_vhost_channel front; /* requests of the VMM */
	struct vtr_os_loop_fd *front_watch;
	struct vtr_vhost_channel back; /* our requests; open from SET_BACKEND_REQ_FD on */
	struct vtr_os_loop_fd *back_watch;
	uint64_t features;
	uint64_t protocol_features;

	struct vtr_ram ram;
	struct vtr_vring *vrings;
	struct vtr_queue **queues; /* those of the vrings, for the device */

	bool want_start;     /* all queues are enabled; the window may have to be mapped before */
	bool running;        /* device.start() was called, device.stop() not yet */
	bool begun;          /* device.start() was called since the VMM connected */
	bool reset_owed;     /* the next device.start() is a reset */
	bool map_pending;    /* SHMEM_MAP was sent, its answer has not come */
	bool config_pending; /* the VMM is to be told that the configuration changed, */
	int64_t config_next_ns; /* not before this */
};

/* --- requests.c -------------------------------------------------------------------------------------- */

/* Does what the VMM asks for and answers. Returns: an error if the connection has to be closed, which
 * was logged then. */
VTR_MUST_CHECK enum vtr_err vtr_vhost_handle(struct vtr_vhost_user *server,
                                             struct vtr_vhost_message *message);

/* --- vhost_user.c ------------------------------------------------------------------------------------ */

/* Stops the device, if it runs or was about to. */
void vtr_vhost_stop(struct vtr_vhost_user *server);

/* Whether all that can run may run: then the device is started as soon as the window is mapped. */
void vtr_vhost_consider_start(struct vtr_vhost_user *server);

/* Forgets how a queue was set up. */
void vtr_vhost_clear_vring(struct vtr_vring *vring);

/* Hands a new kick fd to a queue. Owner: take_fd is consumed, on failure too. Returns: VTR_ERR_NOMEM,
 * VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_vhost_set_kick(struct vtr_vring *vring, int take_fd);

/* Makes sure that an fd of the VMM never blocks us. Accepts -1. */
void vtr_vhost_unblock(int fd);

/* --- back.c ------------------------------------------------------------------------------------------ */

/* Opens the back channel. Owner: take_fd is consumed, on failure too. Returns: VTR_ERR_NOMEM,
 * VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_vhost_back_open(struct vtr_vhost_user *server, int take_fd);
void vtr_vhost_back_close(struct vtr_vhost_user *server);

/* Asks the VMM to map the window. Returns: an error, which was logged. */
VTR_MUST_CHECK enum vtr_err vtr_vhost_back_map(struct vtr_vhost_user *server);

/* Takes answers that have come. Returns: an error if the connection has to be closed, which was logged
 * then. */
VTR_MUST_CHECK enum vtr_err vtr_vhost_back_receive(struct vtr_vhost_user *server);

/* Tells the VMM of a changed configuration, if that is due and possible. Returns: an error, which was
 * logged. */
VTR_MUST_CHECK enum vtr_err vtr_vhost_back_flush(struct vtr_vhost_user *server);

/* --- vhost_user.c, for back.c ------------------------------------------------------------------------ */

/* The window is mapped: starts the device if that is what was waited for. */
void vtr_vhost_mapped(struct vtr_vhost_user *server);

/* Ends the connection; everything is as before it. */
void vtr_vhost_disconnect(struct vtr_vhost_user *server);

#endif
