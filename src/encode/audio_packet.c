/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "encode/audio_encoder.h"

struct vtr_audio_packet *vtr_audio_packet_ref(struct vtr_audio_packet *packet)
{
	atomic_fetch_add_explicit(&packet->refs, 1, memory_order_relaxed);
	return packet;
}

void vtr_audio_packet_unref(struct vtr_audio_packet *packet)
{
	if (packet && atomic_fetch_sub_explicit(&packet->refs, 1, memory_order_acq_rel) == 1) {
		free(packet);
	}
}
