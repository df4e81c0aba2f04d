/* SPDX-License-Identifier: MIT */
#ifndef PRESENT_KEYS_H
#define PRESENT_KEYS_H

#include <stdint.h>

/*
 * Translates SDL's keys and buttons to codes of linux/input-event-codes.h. The codes are positions on a
 * keyboard, not letters, since the guest applies its own layout. Thread: any.
 */

/* `scancode` is an SDL_Scancode. Returns: 0 if there is none. */
uint32_t vtr_keys_from_scancode(uint32_t scancode);

/* `button` is SDL_BUTTON_LEFT and so on. Returns: 0 if there is none. */
uint32_t vtr_keys_from_button(uint32_t button);

#endif
