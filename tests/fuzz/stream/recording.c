/* SPDX-License-Identifier: MIT */
#include "recording.h"

#include <string.h>

bool recording_read(struct recording *rec, const uint8_t *data, size_t size)
{
	size_t at = sizeof(rec->head);

	rec->count = 0;
	if (size < sizeof(rec->head)) {
		return false;
	}
	memcpy(&rec->head, data, sizeof(rec->head));
	while (rec->count < RECORDING_MAX_STEPS && size - at >= sizeof(struct step_head)) {
		struct step *s = &rec->steps[rec->count];

		memcpy(&s->head, data + at, sizeof(s->head));
		at += sizeof(s->head);
		s->payload = data + at;
		if (step_size(s) > size - at) {
			break;
		}
		at += step_size(s);
		rec->count++;
	}
	return true;
}

bool recording_insert(struct recording *rec, uint32_t at, const struct step *step)
{
	if (rec->count == RECORDING_MAX_STEPS) {
		return false;
	}
	memmove(&rec->steps[at + 1], &rec->steps[at], (rec->count - at) * sizeof(rec->steps[0]));
	rec->steps[at] = *step;
	rec->count++;
	return true;
}

void recording_remove(struct recording *rec, uint32_t at, uint32_t count)
{
	rec->count -= count;
	memmove(&rec->steps[at], &rec->steps[at + count], (rec->count - at) * sizeof(rec->steps[0]));
}

size_t recording_write(const struct recording *rec, uint8_t *out, size_t max_size)
{
	size_t at = sizeof(rec->head);

	if (max_size < sizeof(rec->head)) {
		return 0;
	}
	memcpy(out, &rec->head, sizeof(rec->head));
	for (uint32_t i = 0; i < rec->count; i++) {
		const struct step *s = &rec->steps[i];

		if (sizeof(s->head) + step_size(s) <= max_size - at) {
			memcpy(out + at, &s->head, sizeof(s->head));
			memcpy(out + at + sizeof(s->head), s->payload, step_size(s));
			at += sizeof(s->head) + step_size(s);
		}
	}
	return at;
}
