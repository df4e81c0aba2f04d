#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes src/web/page/layouts.js: which keys type which characters, for each keyboard layout that the page offers.

    make_layouts.py --facts FACTS      what this system's libxkbcommon says, as JSON
    make_layouts.py OUTPUT FACTS...    writes layouts.js, with what all of these agree on

The layouts of xkeyboard-config and the compose sequences of libX11 (en_US.UTF-8) change from release to release, and a
guest has any of them: so the facts are those of Debian 12, 13 and sid. To add a layout, run the first command in each of
these (tools/bare makes them), and then the second. tests/web/test_layouts.py shows whether the result is right on the
system that it runs on.
"""
import ctypes
import itertools
import json
import subprocess
import sys
import unicodedata
from pathlib import Path

# XKB's name: the name for users. In the order of the list on the page.
LAYOUTS = {
    'us': 'English (US)', 'us(intl)': 'English (US, dead keys)', 'us(altgr-intl)': 'English (US, AltGr dead keys)',
    'gb': 'English (UK)', 'be': 'Belgian', 'br': 'Portuguese (Brazil)', 'bg(phonetic)': 'Bulgarian (phonetic)',
    'ca': 'French (Canada)', 'hr': 'Croatian', 'cz': 'Czech', 'dk': 'Danish', 'nl': 'Dutch', 'ee': 'Estonian',
    'fi': 'Finnish', 'fr': 'French', 'fr(bepo)': 'French (BÉPO)', 'de': 'German',
    'de(nodeadkeys)': 'German (no dead keys)', 'ch': 'German (Switzerland)', 'ch(fr)': 'French (Switzerland)',
    'gr': 'Greek', 'il': 'Hebrew', 'hu': 'Hungarian', 'is': 'Icelandic', 'it': 'Italian', 'jp(106)': 'Japanese (106 keys)',
    'latam': 'Spanish (Latin America)', 'lv': 'Latvian', 'lt': 'Lithuanian', 'no': 'Norwegian', 'pl': 'Polish',
    'pt': 'Portuguese', 'ro': 'Romanian', 'ru': 'Russian', 'rs': 'Serbian', 'sk': 'Slovak', 'si': 'Slovenian',
    'es': 'Spanish', 'se': 'Swedish', 'tr': 'Turkish', 'ua': 'Ukrainian', 'us(dvorak)': 'English (Dvorak)',
    'us(colemak)': 'English (Colemak)',
}

# Codes of Linux for all keys that type: two rows of digits and letters, and so on.
CODES = [*range(2, 14), *range(16, 28), *range(30, 42), *range(43, 54), 57, 86, 89, 124]
CODE_SPACE = 57
NOTHING = ' '  # the space bar is not in the table with its first level
SHIFT, ALTGR = 42, 100
LEVELS = [(), (SHIFT,), (ALTGR,), (SHIFT, ALTGR)]
CAPS = 58

# A dead key is written as the combining character with its effect.
DEAD = {
    'grave': 0x300, 'acute': 0x301, 'circumflex': 0x302, 'tilde': 0x303, 'macron': 0x304, 'breve': 0x306,
    'abovedot': 0x307, 'diaeresis': 0x308, 'hook': 0x309, 'abovering': 0x30a, 'doubleacute': 0x30b, 'caron': 0x30c,
    'horn': 0x31b, 'belowdot': 0x323, 'belowcomma': 0x326, 'cedilla': 0x327, 'ogonek': 0x328, 'belowmacron': 0x331,
    'stroke': 0x338, 'iota': 0x345,
}


class Names(ctypes.Structure):
    _fields_ = [(name, ctypes.c_char_p) for name in ('rules', 'model', 'layout', 'variant', 'options')]


class Xkb:
    """What of libxkbcommon is needed."""

    IGNORED, COMPOSING, COMPOSED, CANCELLED = 0, 1, 2, 3
    DOWN, UP = 1, 0

    def __init__(self):
        self.lib = lib = ctypes.CDLL('libxkbcommon.so.0')
        pointers = ('xkb_context_new', 'xkb_keymap_new_from_names', 'xkb_state_new', 'xkb_compose_table_new_from_locale',
                    'xkb_compose_state_new')
        for name in pointers:
            getattr(lib, name).restype = ctypes.c_void_p
        for name in ('xkb_keysym_to_utf32', 'xkb_state_key_get_one_sym', 'xkb_compose_state_get_one_sym'):
            getattr(lib, name).restype = ctypes.c_uint32
        self.context = ctypes.c_void_p(lib.xkb_context_new(0))
        table = ctypes.c_void_p(lib.xkb_compose_table_new_from_locale(self.context, b'en_US.UTF-8', 0))
        if not table.value:
            raise OSError('there are no compose sequences of en_US.UTF-8')
        self.compose = ctypes.c_void_p(lib.xkb_compose_state_new(table, 0))

    def open(self, layout):
        """A keyboard with this layout, for instance us(intl)."""
        base, _, variant = layout.rstrip(')').partition('(')
        names = Names(b'evdev', b'pc105', base.encode(), variant.encode(), b'')
        keymap = ctypes.c_void_p(self.lib.xkb_keymap_new_from_names(self.context, ctypes.byref(names), 0))
        if not keymap.value:
            raise OSError(f'there is no layout {layout}')
        return ctypes.c_void_p(self.lib.xkb_state_new(keymap))

    def press(self, state, code, down):
        """Returns the keysym of a key that goes down."""
        key = code + 8
        symbol = self.lib.xkb_state_key_get_one_sym(state, key)
        self.lib.xkb_state_update_key(state, key, self.DOWN if down else self.UP)
        return symbol

    def stroke(self, state, code, held):
        for modifier in held:
            self.press(state, modifier, True)
        symbol = self.press(state, code, True)
        self.press(state, code, False)
        for modifier in reversed(held):
            self.press(state, modifier, False)
        return symbol

    def char(self, symbol):
        number = self.lib.xkb_keysym_to_utf32(symbol)
        return chr(number) if number else ''

    def name(self, symbol):
        text = ctypes.create_string_buffer(64)
        self.lib.xkb_keysym_get_name(symbol, text, 64)
        return text.value.decode()

    def start_compose(self):
        self.lib.xkb_compose_state_reset(self.compose)

    def feed(self, symbol):
        """Returns the state of the sequence, and its character if it is complete."""
        if self.lib.xkb_compose_state_feed(self.compose, symbol) == self.IGNORED:  # for instance Shift
            return self.IGNORED, ''
        status = self.lib.xkb_compose_state_get_status(self.compose)
        text = ctypes.create_string_buffer(64)
        if status == self.COMPOSED:
            self.lib.xkb_compose_state_get_utf8(self.compose, text, 64)
        return status, text.value.decode()


def entry(xkb, symbol):
    """How the table writes a symbol."""
    name = xkb.name(symbol)
    if name.startswith('dead_'):
        return chr(DEAD[name[5:]]) if name[5:] in DEAD else NOTHING
    char = xkb.char(symbol)
    if len(char) != 1 or not char.isprintable() or unicodedata.combining(char):
        # Spaces that are not printable are wanted, but no control characters.
        return char if char in ('\u00a0', '\u202f') else NOTHING
    return char


def read_levels(xkb, state):
    return [''.join(entry(xkb, xkb.stroke(state, code, held)) for code in CODES) for held in LEVELS]


def read_layout(xkb, layout):
    """One text for each level, with a character for each of CODES; the same while Caps Lock is on."""
    state = xkb.open(layout)
    levels = read_levels(xkb, state)
    shifted_caps = xkb.name(xkb.stroke(state, CAPS, ())) == 'Eisu_toggle'  # of Japanese keyboards
    locked = xkb.open(layout)
    xkb.stroke(locked, CAPS, (SHIFT,) if shifted_caps else ())
    return {'levels': levels, 'locked': read_levels(xkb, locked)}


def read_caps(levels, locked):
    """What Caps Lock does to each key: c, it swaps the first two levels and the last two; s, only the first two; x,
    something else. A level with nothing may become anything."""
    def is_like(at, order):
        return all(levels[number][at] == NOTHING or levels[number][at] == locked[order.index(number)][at]
                   for number in range(4))

    def effect(at):
        return '.' if is_like(at, [0, 1, 2, 3]) else 's' if is_like(at, [1, 0, 2, 3]) else \
            'c' if is_like(at, [1, 0, 3, 2]) else 'x'
    return ''.join(effect(at) for at in range(len(CODES)))


def agree(facts):
    """What all of some lists of levels have in common."""
    return [''.join(chars.pop() if len(chars := set(place)) == 1 else NOTHING for place in zip(*level))
            for level in zip(*facts)]


def merge_layout(facts):
    """The levels and the effects of Caps Lock that all systems agree on."""
    levels = agree([layout['levels'] for layout in facts])
    locked = agree([layout['locked'] for layout in facts])
    caps = read_caps(levels, locked)
    for number in range(3, 0, -1):  # only what the modifiers change: many layouts have no AltGr
        levels[number] = ''.join(NOTHING if char in (level[at] for level in levels[:number]) else char
                                 for at, char in enumerate(levels[number]))
    while levels[-1].strip(NOTHING) == '':
        levels.pop()
    return levels, caps


def merge_sequences(facts):
    """Those that all systems have, as texts of pairs."""
    merged = {}
    for keys in facts[0]:
        pairs = [{tuple(pair) for pair in sequences.get(keys, [])} for sequences in facts]
        made = ''.join(base + result for base, result in facts[0][keys] if all((base, result) in found for found in pairs))
        if made:
            merged[keys] = made
    return merged


def read_sequences(xkb, layouts):
    """What dead keys make of characters: {'\\u0301': [['a', 'á'], ...]}."""
    used = sorted({char for layout in layouts.values() for char in ''.join(layout['levels'])} - {NOTHING})
    dead = [char for char in used if unicodedata.combining(char)]
    bases = [' '] + [char for char in used if char not in dead and char != '\u00a0']
    keysym = xkb.lib.xkb_utf32_to_keysym
    keysym.restype = ctypes.c_uint32
    dead_keysym = {chr(number): xkb.lib.xkb_keysym_from_name(f'dead_{name}'.encode(), 0) for name, number in DEAD.items()}
    sequences = {}
    for keys in [*itertools.product(dead, repeat=1), *itertools.product(dead, repeat=2)]:
        made = []
        for base in [*bases, *(dead if len(keys) == 1 else [])]:
            xkb.start_compose()
            symbols = [dead_keysym[key] for key in keys] + [dead_keysym.get(base) or keysym(ord(base))]
            states = [xkb.feed(symbol) for symbol in symbols]
            result = states[-1][1]
            if all(state == xkb.COMPOSING for state, _ in states[:-1]) and len(result) == 1 and not unicodedata.combining(result):
                made.append((base, result))
        if made:
            sequences[''.join(keys)] = made
    return sequences


def quote(text):
    """A literal of JavaScript; what has no shape of its own, or joins with its neighbour, is escaped."""
    escaped = ''.join(char if char.isprintable() and not unicodedata.combining(char) and
                      unicodedata.bidirectional(char) not in ('R', 'AL') else f'\\u{ord(char):04x}' for char in
                      text.replace('\\', '\\\\').replace("'", "\\'"))
    return f"'{escaped}'"


def read_facts():
    xkb = Xkb()
    layouts = {name: read_layout(xkb, name) for name in LAYOUTS}
    version = subprocess.run(['pkg-config', '--modversion', 'xkeyboard-config'], capture_output=True, text=True, check=True)
    return {'version': version.stdout.strip(), 'layouts': layouts, 'sequences': read_sequences(xkb, layouts)}


def main():
    if sys.argv[1] == '--facts':
        Path(sys.argv[2]).write_text(json.dumps(read_facts()), encoding='utf-8')
        return
    facts = [json.loads(Path(path).read_text(encoding='utf-8')) for path in sys.argv[2:]]
    layouts = {name: merge_layout([fact['layouts'][name] for fact in facts]) for name in LAYOUTS}
    versions = ', '.join(fact['version'] for fact in facts)
    lines = ['// SPDX-License-Identifier: MIT',
             f'// Made by tools/make_layouts.py from what xkeyboard-config {versions} agree on.', '',
             '// The keys, as codes of linux/input-event-codes.h, to which the characters of a level belong.',
             f'export const CODES = {json.dumps(CODES)};', '',
             '// For each layout: the characters without a modifier, with Shift, with AltGr, and with both. A space stands',
             '// for nothing, a combining character for a dead key. Then the effect of Caps Lock on each key: c, it swaps the',
             '// first two levels and the last two; s, only the first two; x, something else.',
             'export const LAYOUTS = {']
    for name, (levels, caps) in layouts.items():
        lines.append(f'  {json.dumps(name) if not name.isalpha() else name}: {{')
        lines.append(f"    name: {quote(LAYOUTS[name])},")
        lines.append('    levels: [')
        lines += [f'      {quote(level)},' for level in levels]
        lines += ['    ],', f"    caps: {quote(caps)},", '  },']
    lines += ['};', '', '// What dead keys make of the next character: pairs of that character and the result.',
              'export const SEQUENCES = {']
    for keys, made in merge_sequences([fact['sequences'] for fact in facts]).items():
        lines.append(f'  {quote(keys)}: {quote(made)},')
    lines += ['};', '']
    Path(sys.argv[1]).write_text('\n'.join(lines), encoding='utf-8')


if __name__ == '__main__':
    main()
