/* SPDX-License-Identifier: MIT */
#ifndef VHOST_INTERNAL_H
#define VHOST_INTERNAL_H

#include "base/log.h"
#include "core/ram.h"
#include "platform/loop.h"
#include "vhost/channel.h"
#include "vhost/vhost_user.h"
#include "virtio/queue_setup.h"

/* What the files of this folder share. Thread: the loop's. */

/* Protocol features; the values are bit numbers. */
enum {
	VTR_VHOST_F_MQ = 0,
	VTR_VHOST_F_REPLY_ACK = 3,
	VTR_VHOST_F_BACKEND_REQ = 5,
	VTR_VHOST_F_CONFIG = 9,
	VTR_VHOST_F_BACKEND_SEND_FD = 10,
	VTR_VHOST_F_RESET_DEVICE = 13,
	VTR_VHOST_F_SHMEM = 22,
};

/* The feature bits that belong to the transport. */
#define VTR_VHOST_INDIRECT_DESC (UINT64_C(1) << 28)
#define VTR_VHOST_EVENT_IDX (UINT64_C(1) << 29)
#define VTR_VHOST_PROTOCOL_FEATURES (UINT64_C(1) << 30)
#define VTR_VHOST_VERSION_1 (UINT64_C(1) << 32)

struct vtr_vring {
	struct vtr_vhost_user *server;
	uint32_t index;
	struct vtr_queue *queue;
	struct vtr_queue_setup setup; /* as the VMM gave it; base: the entry to continue with */
	bool has_rings;               /* addresses were set since it was last stopped */
	bool enabled;
	bool started; /* the queue runs: it was completely set up when the device was started */
	int kick_fd;  /* -1: none */
	struct vtr_os_loop_fd *kick_watch;
	/* State at the last stop, to tell a pause from a reset. */
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
	struct vtr_os_loop_timer *listen_timer; /* resumes listening */
	struct vtr_os_loop_timer *config_timer; /* sends a pending configuration change */
	struct vtr_os_loop_timer *missed_kick_timer;  /* looks at the queues again */
	bool missed_kick_set;                         /* the timer is set */
	bool missed_kick_again;                       /* the timer must be set once more when it fires */

	struct vtr_vhost_channel front; /* requests of the VMM */
	struct vtr_os_loop_fd *front_watch;
	struct vtr_vhost_channel back; /* our requests; open from SET_BACKEND_REQ_FD on */
	struct vtr_os_loop_fd *back_watch;
	uint64_t features;
	uint64_t protocol_features;

	struct vtr_ram ram;
	struct vtr_vring *vrings;
	struct vtr_queue **queues; /* the queues of the vrings, for the device */

	bool want_start;     /* all queues are enabled; hostmem may have to be mapped first */
	bool running;        /* device.start() was called, device.stop() not yet */
	bool begun;          /* device.start() was called since the VMM connected */
	bool reset_owed;     /* the next device.start() is a reset */
	bool map_pending;    /* SHMEM_MAP was sent, its answer has not come */
	bool config_pending; /* the VMM must be notified of a configuration change */
	int64_t config_next_ns; /* earliest time of that notification */
};

/* --- requests.c -------------------------------------------------------------------------------------- */

/* Executes a request of the VMM and answers it. Returns: an error (logged) if the connection has to be
 * closed. */
VTR_MUST_CHECK enum vtr_err vtr_vhost_handle(struct vtr_vhost_user *server,
                                             struct vtr_vhost_message *message);

/* --- vhost_user.c ------------------------------------------------------------------------------------ */

/* Stops the device if it runs or is about to. */
void vtr_vhost_stop(struct vtr_vhost_user *server);

/* Checks whether all queues that can run may run; if so, the device is started as soon as hostmem is mapped. */
void vtr_vhost_consider_start(struct vtr_vhost_user *server);

/* Clears a queue's set-up. */
void vtr_vhost_clear_vring(struct vtr_vring *vring);

/* Gives a queue a new kick fd. Owner: take_fd is consumed, on failure too. Returns: VTR_ERR_NOMEM,
 * VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_vhost_set_kick(struct vtr_vring *vring, int take_fd);

/* Makes an fd of the VMM non-blocking. Accepts -1. */
void vtr_vhost_unblock(int fd);

/* --- back.c ------------------------------------------------------------------------------------------ */

/* Opens the back channel. Owner: take_fd is consumed, on failure too. Returns: VTR_ERR_NOMEM,
 * VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_vhost_back_open(struct vtr_vhost_user *server, int take_fd);
void vtr_vhost_back_close(struct vtr_vhost_user *server);

/* Asks the VMM to map hostmem. Returns: an error, which was logged. */
VTR_MUST_CHECK enum vtr_err vtr_vhost_back_map(struct vtr_vhost_user *server);

/* Handles answers that have arrived. Returns: an error (logged) if the connection has to be closed. */
VTR_MUST_CHECK enum vtr_err vtr_vhost_back_receive(struct vtr_vhost_user *server);

/* Notifies the VMM of a changed configuration, if that is due and possible. Returns: an error, which was
 * logged. */
VTR_MUST_CHECK enum vtr_err vtr_vhost_back_flush(struct vtr_vhost_user *server);

/* --- vhost_user.c, for back.c ------------------------------------------------------------------------ */

/* hostmem is mapped: starts the device if it was waiting for that. */
void vtr_vhost_mapped(struct vtr_vhost_user *server);

/* Closes the connection and resets all state. */
void vtr_vhost_disconnect(struct vtr_vhost_user *server);

#endif
