/* SPDX-License-Identifier: MIT */
#ifndef DISPLAY_SOUND_PAGE_H
#define DISPLAY_SOUND_PAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * The guest's sound on its way from the front to the screen process: a ring of pieces in shared memory, as the guest's
 * streams play them, each with its own format and rate. The front writes, and never waits: it replaces the oldest
 * piece, so a slow reader loses sound and finds out. The screen process has the page read-only.
 *
 * Thread: one writer for each page; any number of readers.
 */

/* Values of virtio 1.3, 5.14.6.6.2. Little-endian; S24 is in the lower three of four bytes. */
enum vtr_sound_format {
	VTR_SOUND_S8 = 3,
	VTR_SOUND_U8 = 4,
	VTR_SOUND_S16 = 5,
	VTR_SOUND_U16 = 6,
	VTR_SOUND_S24_3 = 11, /* in three bytes */
	VTR_SOUND_S24 = 15,
	VTR_SOUND_S32 = 17,
	VTR_SOUND_FLOAT = 19,
	VTR_SOUND_FLOAT64 = 20,
};

#define VTR_SOUND_MAX_CHANNELS 2u
#define VTR_SOUND_MIN_RATE 8000u
#define VTR_SOUND_MAX_RATE 192000u

/* Returns: the size of one sample in bytes; 0 for other formats. */
size_t vtr_sound_sample_size(uint32_t format);

/* Playback streams that a page can tell apart. */
#define VTR_SOUND_PAGE_STREAMS 8
#define VTR_SOUND_PIECE_BYTES 2048
/* Five seconds of CD sound, or half a second of the largest format. */
#define VTR_SOUND_PAGE_PIECES 512

/* Consecutive frames of one stream. A frame has a sample for each channel. */
struct vtr_sound_piece {
	uint64_t number;   /* counts the pieces of the page; set by the page */
	int64_t start_ns;  /* vtr_os_now_ns() when the guest's clock plays frame 0 of the run */
	uint64_t position; /* of the first frame in its run */
	uint32_t run;      /* changes when the stream starts again, and after a gap */
	uint32_t rate;
	uint32_t frames;
	uint8_t stream;
	uint8_t format;
	uint8_t channels;
	uint8_t unused;
	uint8_t data[VTR_SOUND_PIECE_BYTES];
};

#define VTR_SOUND_PIECE_WORDS (sizeof(struct vtr_sound_piece) / sizeof(uint64_t))

struct vtr_sound_slot {
	_Atomic uint32_t count; /* see display/words.h */
	uint32_t unused;
	_Atomic uint64_t words[VTR_SOUND_PIECE_WORDS];
};

/* Counted since the front started. */
struct vtr_sound_counters {
	uint64_t underruns; /* times that a playing stream had nothing to play, and went on later */
	uint64_t overruns;  /* times that the guest had no room for what a capture stream recorded */
	uint64_t refused;   /* messages of the guest with errors */
};

struct vtr_sound_page {
	_Atomic uint64_t head;      /* pieces written so far */
	_Atomic int64_t horizon_ns; /* all sound before this time has been written */
	_Atomic uint32_t playing;   /* streams that play */
	_Atomic uint32_t capturing; /* streams that record */
	_Atomic uint64_t underruns, overruns, refused;
	struct vtr_sound_slot slots[VTR_SOUND_PAGE_PIECES];
};

/* --- the writer ------------------------------------------------------------------------------------- */

/* Appends a copy of the piece. */
void vtr_sound_page_put(struct vtr_sound_page *page, const struct vtr_sound_piece *piece);

/* Everything before this time has been put. */
void vtr_sound_page_set_horizon(struct vtr_sound_page *page, int64_t horizon_ns);

void vtr_sound_page_set_streams(struct vtr_sound_page *page, uint32_t playing, uint32_t capturing);

void vtr_sound_page_set_counters(struct vtr_sound_page *page, const struct vtr_sound_counters *counters);

/* --- a reader --------------------------------------------------------------------------------------- */

/* Returns: the number that the next piece will get. A horizon that was read before is complete. */
uint64_t vtr_sound_page_head(const struct vtr_sound_page *page);

int64_t vtr_sound_page_horizon(const struct vtr_sound_page *page);

uint32_t vtr_sound_page_playing(const struct vtr_sound_page *page);

uint32_t vtr_sound_page_capturing(const struct vtr_sound_page *page);

void vtr_sound_page_read_counters(const struct vtr_sound_page *page, struct vtr_sound_counters *out_counters);

/* Reads a piece. Returns: VTR_ERR_AGAIN (a newer piece has replaced it), VTR_ERR_INVALID (its values are out of
 * range). */
VTR_MUST_CHECK enum vtr_err vtr_sound_page_get(const struct vtr_sound_page *page, uint64_t number,
                                               struct vtr_sound_piece *out_piece);

#endif
