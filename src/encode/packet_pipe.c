/* SPDX-License-Identifier: MIT */
#include "encode/packet_pipe.h"

#include <stdlib.h>

#include "base/mem.h"
#include "platform/sock.h"

/* The longest side of a picture. */
#define MAX_SIDE 16384
/* The latest time, in 36 years: sums of times do not overflow. */
#define MAX_TIME_NS (INT64_C(1) << 60)
/* Of both channels. */
#define SAMPLE_BYTES (2 * sizeof(int16_t))

enum vtr_err vtr_packet_pipe_send(int fd, const struct vtr_access_unit *unit)
{
	const struct vtr_packet_pipe_header header = {
		.size = (uint32_t)unit->size,
		.key = unit->key,
		.width = unit->width,
		.height = unit->height,
		.generation = unit->generation,
		.frame = unit->frame,
		.captured_ns = unit->captured_ns,
		.coded_ns = unit->coded_ns,
	};
	const struct iovec iov[] = {
		{ .iov_base = (void *)&header, .iov_len = sizeof(header) },
		{ .iov_base = (void *)unit->data, .iov_len = unit->size },
	};

	vtr_assert(unit->size > 0 && unit->size <= VTR_PACKET_PIPE_MAX_BYTES);
	return vtr_os_sock_send(fd, iov, VTR_ARRAY_LEN(iov), NULL, 0);
}

enum vtr_err vtr_packet_pipe_send_sound(int fd, const struct vtr_packet_pipe_sound *sound)
{
	const struct vtr_packet_pipe_header header = {
		.kind = VTR_PACKET_PIPE_SOUND,
		.size = (uint32_t)(sound->count * SAMPLE_BYTES),
		.captured_ns = sound->time_ns,
		.coded_ns = sound->time_ns,
	};
	const struct iovec iov[] = {
		{ .iov_base = (void *)&header, .iov_len = sizeof(header) },
		{ .iov_base = (void *)sound->samples, .iov_len = header.size },
	};

	vtr_assert(sound->count <= VTR_PACKET_PIPE_MAX_SAMPLES);
	return vtr_os_sock_send(fd, iov, header.size > 0 ? 2 : 1, NULL, 0);
}

enum vtr_err vtr_packet_pipe_key_wanted(int fd)
{
	uint8_t bytes[64];
	size_t size;

	return vtr_os_sock_recv_now(fd, bytes, sizeof(bytes), &size, NULL, 0, NULL);
}

static enum vtr_err receive_all(int fd, void *to, size_t size)
{
	uint8_t *at = to;

	while (size > 0) {
		size_t got;
		enum vtr_err err = vtr_os_sock_recv(fd, at, size, &got, NULL, 0, NULL);
		if (err != VTR_OK) {
			return err;
		}
		at += got;
		size -= got;
	}
	return VTR_OK;
}

static bool is_valid_sound(const struct vtr_packet_pipe_header *header)
{
	return header->kind == VTR_PACKET_PIPE_SOUND && header->captured_ns >= 0 &&
	       header->captured_ns <= MAX_TIME_NS && header->size % SAMPLE_BYTES == 0 &&
	       header->size <= VTR_PACKET_PIPE_MAX_SAMPLES * SAMPLE_BYTES;
}

static bool is_valid(const struct vtr_packet_pipe_header *header)
{
	return header->kind == VTR_PACKET_PIPE_PICTURE && header->size > 0 &&
	       header->size <= VTR_PACKET_PIPE_MAX_BYTES && header->key <= 1 && header->width > 0 &&
	       header->width <= MAX_SIDE && header->height > 0 && header->height <= MAX_SIDE &&
	       header->captured_ns >= 0 && header->coded_ns >= header->captured_ns &&
	       header->coded_ns <= MAX_TIME_NS;
}

static enum vtr_err receive_sound(int fd, const struct vtr_packet_pipe_header *header,
                                  struct vtr_packet_pipe_sound *out_sound)
{
	out_sound->time_ns = header->captured_ns;
	out_sound->count = header->size / SAMPLE_BYTES;
	return receive_all(fd, out_sound->samples, header->size);
}

enum vtr_err vtr_packet_pipe_receive(int fd, struct vtr_packet_pipe_sound *out_sound,
                                     struct vtr_access_unit **out_unit)
{
	struct vtr_packet_pipe_header header;
	enum vtr_err err = receive_all(fd, &header, sizeof(header));

	if (err != VTR_OK) {
		return err;
	}
	if (is_valid_sound(&header)) {
		*out_unit = NULL;
		return receive_sound(fd, &header, out_sound);
	}
	if (!is_valid(&header)) {
		return VTR_ERR_PROTOCOL;
	}
	struct vtr_access_unit *unit = malloc(sizeof(*unit) + header.size);
	if (!unit) {
		return VTR_ERR_NOMEM;
	}
	*unit = (struct vtr_access_unit){
		.generation = header.generation,
		.frame = header.frame,
		.captured_ns = header.captured_ns,
		.coded_ns = header.coded_ns,
		.width = header.width,
		.height = header.height,
		.key = header.key != 0,
		.size = header.size,
	};
	atomic_init(&unit->refs, 1);
	err = receive_all(fd, unit->data, unit->size);
	if (err != VTR_OK) {
		vtr_access_unit_unref(unit);
		return err;
	}
	*out_unit = unit;
	return VTR_OK;
}

void vtr_packet_pipe_want_key(int fd)
{
	const uint8_t byte = 1;
	const struct iovec iov = { .iov_base = (void *)&byte, .iov_len = 1 };
	size_t sent;

	/* A full socket already holds enough requests. */
	(void)!vtr_os_sock_send_now(fd, &iov, 1, NULL, 0, &sent);
}
