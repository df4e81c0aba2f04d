/* SPDX-License-Identifier: MIT */
/*
 * In place of png.c in a build without libpng (meson option "png"): pictures are not compressed. The picture is a zlib
 * stream (RFC 1950) of stored blocks (RFC 1951, 3.2.4) in the chunk IDAT (PNG, 3rd edition, 11).
 */
#include "screen/png.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define STORED_MAX 65535u /* bytes of a stored block */
#define STORED_HEAD 5
#define ZLIB_HEAD 2
#define ADLER_BYTES 4
#define ADLER_BASE 65521u
/* Bytes that can be added before the sums overflow 32 bits (RFC 1950, 9). */
#define ADLER_RUN 5552
#define CHUNK_EXTRA 12 /* length, type and checksum */
#define IHDR_BYTES 13
#define SRGB_BYTES 1

struct writer {
	uint8_t *at;
	uint8_t *chunk; /* the type of the chunk that is being written */
	uint32_t crcs[256];
};

static const uint8_t signature[8] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };

static size_t stored_size(size_t rows)
{
	return ZLIB_HEAD + rows + (rows + STORED_MAX - 1) / STORED_MAX * STORED_HEAD + ADLER_BYTES;
}

static void init_crcs(struct writer *writer)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t crc = i;

		for (int bit = 0; bit < 8; bit++) {
			crc = (crc & 1) != 0 ? 0xedb88320u ^ (crc >> 1) : crc >> 1;
		}
		writer->crcs[i] = crc;
	}
}

static void put(struct writer *writer, const void *bytes, size_t size)
{
	memcpy(writer->at, bytes, size);
	writer->at += size;
}

static void put_u32(struct writer *writer, uint32_t value)
{
	const uint8_t bytes[4] = { (uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
		                   (uint8_t)value };

	put(writer, bytes, sizeof(bytes));
}

static void begin_chunk(struct writer *writer, const char *type, size_t size)
{
	put_u32(writer, (uint32_t)size);
	writer->chunk = writer->at;
	put(writer, type, 4);
}

static void end_chunk(struct writer *writer)
{
	uint32_t crc = UINT32_MAX;

	for (const uint8_t *at = writer->chunk; at < writer->at; at++) {
		crc = writer->crcs[(crc ^ *at) & 0xff] ^ (crc >> 8);
	}
	put_u32(writer, ~crc);
}

static uint32_t add_adler(uint32_t adler, const uint8_t *bytes, size_t size)
{
	uint32_t low = adler & 0xffff;
	uint32_t high = adler >> 16;

	while (size > 0) {
		const size_t run = vtr_min(size, (size_t)ADLER_RUN);

		for (size_t i = 0; i < run; i++) {
			low += bytes[i];
			high += low;
		}
		low %= ADLER_BASE;
		high %= ADLER_BASE;
		bytes += run;
		size -= run;
	}
	return high << 16 | low;
}

/* One row: the number of its filter, which is 0 for none, and its pixels. */
struct rows {
	const uint8_t *rgb;
	size_t row_bytes; /* with the filter's number */
	size_t at;
};

static void copy_rows(struct rows *rows, uint8_t *out, size_t size)
{
	while (size > 0) {
		const size_t row = rows->at / rows->row_bytes;
		const size_t in_row = rows->at % rows->row_bytes;
		size_t part = 1;

		if (in_row == 0) {
			*out = 0;
		} else {
			part = vtr_min(size, rows->row_bytes - in_row);
			memcpy(out, rows->rgb + row * (rows->row_bytes - 1) + in_row - 1, part);
		}
		rows->at += part;
		out += part;
		size -= part;
	}
}

static void put_picture(struct writer *writer, struct rows *rows, size_t total)
{
	/* Deflate with a window of 32 KiB, no dictionary; the check of the head's 16 bits. */
	static const uint8_t head[ZLIB_HEAD] = { 0x78, 0x01 };
	uint32_t adler = 1;

	put(writer, head, sizeof(head));
	for (size_t left = total; left > 0;) {
		const uint16_t size = (uint16_t)vtr_min(left, (size_t)STORED_MAX);
		const uint16_t inverse = (uint16_t)~size;
		const uint8_t block[STORED_HEAD] = { left == size, (uint8_t)size, (uint8_t)(size >> 8),
			                             (uint8_t)inverse, (uint8_t)(inverse >> 8) };

		put(writer, block, sizeof(block));
		copy_rows(rows, writer->at, size);
		adler = add_adler(adler, writer->at, size);
		writer->at += size;
		left -= size;
	}
	put_u32(writer, adler);
}

size_t vtr_png_max_size(uint32_t width, uint32_t height)
{
	const size_t rows = ((size_t)width * 3 + 1) * height;

	return sizeof(signature) + 4 * CHUNK_EXTRA + IHDR_BYTES + SRGB_BYTES + stored_size(rows);
}

enum vtr_err vtr_png_encode(const uint8_t *rgb, uint32_t width, uint32_t height, size_t max_size,
                            uint8_t **out_png, size_t *out_size)
{
	/* 8 bits, RGB; deflate, the five filters, not interlaced. */
	static const uint8_t format[5] = { 8, 2, 0, 0, 0 };
	static const uint8_t perceptual[SRGB_BYTES] = { 0 };
	const size_t size = vtr_png_max_size(width, height);
	struct rows rows = { .rgb = rgb, .row_bytes = (size_t)width * 3 + 1 };
	struct writer writer = { 0 };
	uint8_t *png = size <= max_size ? malloc(size) : NULL;

	if (!png) {
		return VTR_ERR_NOMEM;
	}
	writer.at = png;
	init_crcs(&writer);
	put(&writer, signature, sizeof(signature));
	begin_chunk(&writer, "IHDR", IHDR_BYTES);
	put_u32(&writer, width);
	put_u32(&writer, height);
	put(&writer, format, sizeof(format));
	end_chunk(&writer);
	begin_chunk(&writer, "sRGB", SRGB_BYTES);
	put(&writer, perceptual, sizeof(perceptual));
	end_chunk(&writer);
	begin_chunk(&writer, "IDAT", stored_size(rows.row_bytes * height));
	put_picture(&writer, &rows, rows.row_bytes * height);
	end_chunk(&writer);
	begin_chunk(&writer, "IEND", 0);
	end_chunk(&writer);
	vtr_assert(writer.at == png + size);
	*out_png = png;
	*out_size = size;
	return VTR_OK;
}

enum vtr_err vtr_png_encode_rgba(const uint8_t *rgba, size_t stride, uint32_t width, uint32_t height,
                                 uint8_t **out_png, size_t *out_size)
{
	(void)rgba;
	(void)stride;
	(void)width;
	(void)height;
	(void)out_png;
	(void)out_size;
	return VTR_ERR_UNSUPPORTED;
}
