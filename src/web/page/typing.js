// SPDX-License-Identifier: MIT
// Text as strokes of keys of the guest's keyboard layout.

import {CODES, LAYOUTS, SEQUENCES} from './layouts.js';

const SHIFT = 42;
const ALTGR = 100;
const CAPS_LOCK = 58;
const LEVELS = [[], [SHIFT], [ALTGR], [SHIFT, ALTGR]];
// Keys that not every keyboard has. Others are preferred, unless they need AltGr.
const RARE = [86, 89, 124];
const RARE_COST = 1.5;
const EVERYWHERE = {'\n': 28, '\t': 15, ' ': 57};

export const DEFAULT_LAYOUT = 'us';

export function layoutNames() {
  return Object.entries(LAYOUTS).map(([id, layout]) => [id, layout.name]);
}

// Returns {character: {code, held, caps, cost}}. `caps`: the modifiers while Caps Lock is on; null: it must be off.
function findKeys(layout) {
  const keys = new Map();
  layout.levels.forEach((level, number) => {
    CODES.forEach((code, at) => {
      const cost = number + (RARE.includes(code) ? RARE_COST : 0);
      const char = level[at];
      if (char === ' ' || (keys.has(char) && keys.get(char).cost <= cost)) {
        return;
      }
      const effect = layout.caps[at];
      const swaps = effect === 'c' || (effect === 's' && number < 2);
      keys.set(char, {code, held: LEVELS[number], caps: effect === 'x' ? null : LEVELS[swaps ? number ^ 1 : number], cost});
    });
  });
  for (const [char, code] of Object.entries(EVERYWHERE)) {
    keys.set(char, {code, held: [], caps: [], cost: 0});
  }
  return keys;
}

export class Layout {
  constructor(id) {
    this.id = id in LAYOUTS ? id : DEFAULT_LAYOUT;
    this.keys = findKeys(LAYOUTS[this.id]);
    this.dead = new Map();
    this.addSequences();
  }

  get name() {
    return LAYOUTS[this.id].name;
  }

  // The characters that need dead keys: {character: [key, ...]}.
  addSequences() {
    const found = new Map();
    for (const [dead, pairs] of Object.entries(SEQUENCES)) {
      const before = [...dead].map(char => this.keys.get(char));
      const chars = [...pairs];
      for (let i = 0; i < chars.length && before.every(Boolean); i += 2) {
        const keys = this.keys.has(chars[i]) && [...before, this.keys.get(chars[i])];
        const known = found.get(chars[i + 1]);
        if (keys && (!known || known.length > keys.length)) {
          found.set(chars[i + 1], keys);
        }
      }
    }
    this.dead = found;
  }

  // Returns the strokes that type a character: [{code, held}, ...]; null: the layout lacks it.
  strokes(char, capsLock = false) {
    const isDead = /\p{M}/u.test(char);
    const keys = !isDead && this.keys.has(char) ? [this.keys.get(char)] : this.dead.get(char);
    if (!keys) {
      return null;
    }
    if (capsLock && keys.some(key => !key.caps)) {
      const tap = {code: CAPS_LOCK, held: []};
      return [tap, ...this.strokes(char), tap];
    }
    return keys.map(key => ({code: key.code, held: capsLock ? key.caps : key.held}));
  }

  // The stroke for a shortcut, for instance Ctrl and the key that types c. Layouts without Latin letters have them
  // where an American keyboard has them.
  shortcut(char) {
    const [stroke, ...more] = this.strokes(char) || [];
    return stroke && more.length === 0 ? stroke : (american.strokes(char) || [null])[0];
  }
}

const american = new Layout(DEFAULT_LAYOUT);

// Splits text into characters as layouts have them: composed, with one kind of line end.
export function split(text) {
  return [...text.normalize('NFC').replace(/\r\n?/g, '\n')];
}
