#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The keys that the page presses for a text give this text in a guest, for every layout: libxkbcommon says so."""
import json
import shutil
import subprocess
import sys
import tempfile
import unicodedata
import unittest
from pathlib import Path

SOURCE = Path(__file__).parents[2]
PAGE = SOURCE / 'src' / 'web' / 'page'
# What people who have these layouts write.
TEXTS = {
    'us': 'The quick brown fox; "it\'s" ~/x/*.c | grep -v \'^#\' && echo $((1 << 2)) > `pwd`/a_b-c@d.e!',
    'gb': 'It costs £5, or €6; "#!/bin/sh" ~ \\ | ¬',
    'de': 'Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich: {[\\|@€~]} <> é à',
    'fr': 'Voix ambiguë d\'un cœur qui, au zéphyr, préfère les jattes de kiwis: {[|`\\^@]} €uro Éà',
    'es': '¿El pingüino Wenceslao hizo kilómetros bajo exhaustiva lluvia y frío? ¡Añoraba a su querido cachorro!',
    'it': 'Quel vituperabile xenofobo zelante assaggia il whisky ed esclama: alleluja! è é ò ç € @ # [ ] { }',
    'pt': 'À noite, vovô Kowalsky vê o ímã cair no pé do pingüim queixoso e vovó põe açúcar no chá',
    'se': 'Flygande bäckasiner söka hwila på mjuka tuvor: {[]}\\|~@ é',
    'pl': 'Pchnąć w tę łódź jeża lub ośm skrzyń fig: {[]}\\|~@ ŻÓŁĆ',
    'ru': 'Съешь же ещё этих мягких французских булок, да выпей чаю: №5 (100%)',
    'jp(106)': 'sudo apt install vim && cat ~/a_b | grep "[x]" \\ @ ^ `',
    'tr': 'Pijamalı hasta yağız şoföre çabucak güvendi: İI ıi @ {[]} \\ | ~',
    'cz': 'Příliš žluťoučký kůň úpěl ďábelské ódy: {[]}\\|@ 12345',
    'hu': 'Árvíztűrő tükörfúrógép: {[]}\\|@ ~',
    'gr': 'Ξεσκεπάζω την ψυχοφθόρα βδελυγμία: άέήίόύώ ϊΐ',
    'us(intl)': 'naïve café, Ångström, Łódź no: tiếng Việt',
}
LACKED = {'us(intl)': {'Ł'}, 'fr': {'œ'}}


def skip(why):
    print(f'skipped: {why}')
    sys.exit(77)


class Layouts(unittest.TestCase):
    def type(self, layout, text, caps=False):
        keyboard = decode_keys.Keyboard(xkb, layout)
        if caps:
            keyboard.lock_caps()
        typed = []
        for char in text:
            keyboard.text = ''
            for stroke in strokes[layout][char][caps]:
                keys = [*stroke['held'], stroke['code']]
                for code in keys:
                    keyboard.event(code, True)
                for code in reversed(keys):
                    keyboard.event(code, False)
            typed.append(keyboard.text)
        return typed

    def check_characters(self, caps):
        for layout, chars in strokes.items():
            typed = self.type(layout, chars, caps)
            self.assertEqual([pair for pair in zip(chars, typed) if pair[0] != pair[1]], [], layout)
            self.assertGreater(len(chars), 95, layout)

    def test_each_character_of_each_layout(self):
        self.check_characters(False)
        print(f'{len(strokes)} layouts, {sum(map(len, strokes.values()))} characters')

    def test_with_caps_lock(self):
        self.check_characters(True)

    def test_texts(self):
        for layout, text in TEXTS.items():
            text = unicodedata.normalize('NFC', text)
            lacked = {char for char in text if char not in strokes[layout]}
            self.assertEqual(lacked, LACKED.get(layout, set()), layout)
            text = ''.join(char for char in text if char not in lacked)
            self.assertEqual(''.join(self.type(layout, text)), text)

    def test_ascii_can_be_typed_with_latin_letters(self):
        ascii_chars = {chr(number) for number in range(32, 127)}
        for layout in 'us', 'gb', 'de', 'fr', 'es', 'it', 'pt', 'pl', 'se', 'no', 'dk', 'fi', 'be', 'ch', 'br', 'tr':
            self.assertEqual(ascii_chars - strokes[layout].keys(), set(), layout)


if __name__ == '__main__':
    if not shutil.which('node'):
        skip('there is no Node.js: tools/setup test')
    try:
        import decode_keys
        xkb = decode_keys.Xkb()
    except OSError as error:
        skip(f'libxkbcommon cannot be used: {error}: tools/setup test')
    with tempfile.TemporaryDirectory() as folder:
        for name in 'typing.js', 'layouts.js':
            shutil.copy(PAGE / name, folder)
        (Path(folder) / 'package.json').write_text('{"type": "module"}')
        strokes = json.loads(subprocess.check_output(['node', str(Path(__file__).parent / 'strokes.mjs'), folder]))
    unittest.main()
