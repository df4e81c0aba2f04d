/* SPDX-License-Identifier: MIT */
#include "display/sound_page.h"

#include "base/mem.h"
#include "display/words.h"

_Static_assert(sizeof(struct vtr_sound_piece) % sizeof(uint64_t) == 0, "pieces are whole words");

size_t vtr_sound_sample_size(uint32_t format)
{
	switch ((enum vtr_sound_format)format) {
	case VTR_SOUND_S8:
	case VTR_SOUND_U8:
		return 1;
	case VTR_SOUND_S16:
	case VTR_SOUND_U16:
		return 2;
	case VTR_SOUND_S24_3:
		return 3;
	case VTR_SOUND_S24:
	case VTR_SOUND_S32:
	case VTR_SOUND_FLOAT:
		return 4;
	case VTR_SOUND_FLOAT64:
		return 8;
	}
	return 0;
}

void vtr_sound_page_put(struct vtr_sound_page *page, const struct vtr_sound_piece *piece)
{
	const uint64_t number = atomic_load_explicit(&page->head, memory_order_relaxed);
	struct vtr_sound_slot *slot = &page->slots[number % VTR_SOUND_PAGE_PIECES];
	struct vtr_sound_piece numbered = *piece;
	const size_t size = offsetof(struct vtr_sound_piece, data) +
	                    (size_t)piece->frames * piece->channels * vtr_sound_sample_size(piece->format);

	vtr_assert(size <= sizeof(*piece));
	numbered.number = number;
	vtr_words_write(&slot->count, slot->words, &numbered,
	                (size + sizeof(uint64_t) - 1) / sizeof(uint64_t));
	atomic_store_explicit(&page->head, number + 1, memory_order_release);
}

void vtr_sound_page_set_horizon(struct vtr_sound_page *page, int64_t horizon_ns)
{
	atomic_store_explicit(&page->horizon_ns, horizon_ns, memory_order_release);
}

void vtr_sound_page_set_streams(struct vtr_sound_page *page, uint32_t playing, uint32_t capturing)
{
	atomic_store_explicit(&page->playing, playing, memory_order_release);
	atomic_store_explicit(&page->capturing, capturing, memory_order_release);
}

void vtr_sound_page_set_counters(struct vtr_sound_page *page, const struct vtr_sound_counters *counters)
{
	atomic_store_explicit(&page->underruns, counters->underruns, memory_order_relaxed);
	atomic_store_explicit(&page->overruns, counters->overruns, memory_order_relaxed);
	atomic_store_explicit(&page->refused, counters->refused, memory_order_relaxed);
}

uint64_t vtr_sound_page_head(const struct vtr_sound_page *page)
{
	return atomic_load_explicit(&page->head, memory_order_acquire);
}

int64_t vtr_sound_page_horizon(const struct vtr_sound_page *page)
{
	return atomic_load_explicit(&page->horizon_ns, memory_order_acquire);
}

uint32_t vtr_sound_page_playing(const struct vtr_sound_page *page)
{
	return atomic_load_explicit(&page->playing, memory_order_acquire);
}

uint32_t vtr_sound_page_capturing(const struct vtr_sound_page *page)
{
	return atomic_load_explicit(&page->capturing, memory_order_acquire);
}

void vtr_sound_page_read_counters(const struct vtr_sound_page *page, struct vtr_sound_counters *out_counters)
{
	*out_counters = (struct vtr_sound_counters){
		.underruns = atomic_load_explicit(&page->underruns, memory_order_relaxed),
		.overruns = atomic_load_explicit(&page->overruns, memory_order_relaxed),
		.refused = atomic_load_explicit(&page->refused, memory_order_relaxed),
	};
}

/* Years, so that sums of times do not overflow. */
#define MAX_START_NS (INT64_C(1) << 60)
#define MAX_POSITION (UINT64_C(1) << 45)

static bool is_valid(const struct vtr_sound_piece *piece)
{
	const size_t frame_size = vtr_sound_sample_size(piece->format) * piece->channels;

	return piece->start_ns >= 0 && piece->start_ns <= MAX_START_NS && piece->position <= MAX_POSITION &&
	       piece->stream < VTR_SOUND_PAGE_STREAMS && piece->channels <= VTR_SOUND_MAX_CHANNELS &&
	       frame_size > 0 && piece->rate >= VTR_SOUND_MIN_RATE && piece->rate <= VTR_SOUND_MAX_RATE &&
	       piece->frames <= sizeof(piece->data) / frame_size;
}

enum vtr_err vtr_sound_page_get(const struct vtr_sound_page *page, uint64_t number,
                                struct vtr_sound_piece *out_piece)
{
	const struct vtr_sound_slot *slot = &page->slots[number % VTR_SOUND_PAGE_PIECES];
	uint32_t ticket;
	enum vtr_err err =
		vtr_words_read(&slot->count, slot->words, out_piece, VTR_SOUND_PIECE_WORDS, &ticket);

	if (err != VTR_OK) {
		return err;
	}
	if (out_piece->number != number) {
		return VTR_ERR_AGAIN;
	}
	return is_valid(out_piece) ? VTR_OK : VTR_ERR_INVALID;
}
