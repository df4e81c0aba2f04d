#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a guest makes of key events: the text, by libxkbcommon and the compose sequences of en_US.UTF-8.

    decode_keys.py LAYOUT     reads lines "CODE DOWN", for instance "30 1"; writes the text
"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / 'tools'))
from make_layouts import CAPS, Xkb  # noqa: E402

CODE_BACKSPACE, CODE_TAB, CODE_ENTER, CODE_SHIFT = 14, 15, 28, 42
ANSWERS = {CODE_TAB: '\t', CODE_ENTER: '\n'}


class Keyboard:
    """The keyboard of a guest, and the field in which its user types."""

    def __init__(self, xkb, layout):
        self.xkb = xkb
        self.state = xkb.open(layout)
        self.text = ''
        self.down = set()
        xkb.start_compose()

    def lock_caps(self):
        symbol = self.xkb.stroke(self.state, CAPS, ())
        if self.xkb.name(symbol) == 'Eisu_toggle':
            self.xkb.stroke(self.state, CAPS, (CODE_SHIFT,))

    def event(self, code, down):
        assert (code in self.down) != down, f'key {code} is pressed or released twice'
        (self.down.add if down else self.down.remove)(code)
        symbol = self.xkb.press(self.state, code, down)
        if down:
            self.take(code, symbol)

    def take(self, code, symbol):
        if code == CODE_BACKSPACE:
            self.text = self.text[:-1]
        elif code in ANSWERS:
            self.text += ANSWERS[code]
        else:
            status, made = self.xkb.feed(symbol)
            if status == self.xkb.COMPOSED:
                self.text += made
            elif status == self.xkb.CANCELLED:
                self.text += '\ufffd'  # no such sequence
            elif status != self.xkb.COMPOSING:
                self.text += self.xkb.char(symbol)


def main():
    keyboard = Keyboard(Xkb(), sys.argv[1])
    for line in sys.stdin:
        code, down = map(int, line.split())
        keyboard.event(code, down == 1)
    assert not keyboard.down, f'keys stay down: {keyboard.down}'
    sys.stdout.buffer.write(keyboard.text.encode())


if __name__ == '__main__':
    main()
