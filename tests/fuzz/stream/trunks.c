/* SPDX-License-Identifier: MIT */
#include "trunks.h"

#include <string.h>

enum { TRUNKS = 64 };

static struct {
	uint8_t data[TRUNK_MAX_SIZE];
	size_t size;
	uint64_t commands;
} trunks[TRUNKS];
static uint64_t noted;

void trunks_note(const uint8_t *data, size_t size, uint64_t commands)
{
	const uint64_t slot = noted % TRUNKS;

	if (commands < TRUNK_MIN_COMMANDS || commands > TRUNK_MAX_COMMANDS || size > TRUNK_MAX_SIZE) {
		return;
	}
	noted++;
	if (commands >= trunks[slot].commands) {
		memcpy(trunks[slot].data, data, size);
		trunks[slot].size = size;
		trunks[slot].commands = commands;
	}
}

const uint8_t *trunks_pick(uint32_t number, size_t *out_size)
{
	const uint64_t count = noted < TRUNKS ? noted : TRUNKS;

	if (count == 0) {
		return NULL;
	}
	*out_size = trunks[number % count].size;
	return trunks[number % count].data;
}
