#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Several viewers of one machine: who is there, who controls, where they point; and those who abuse it."""

import os
import struct
import sys
import time

import harness
import screen
import screen_input
import ws
from viewer_case import FrontCase

KEY_A, KEY_LAST = 30, 88
WATCHES, GUEST, OWNER = 1, 2, 3


class PeopleTest(FrontCase):
    def viewer(self, token=None, name=None):
        viewer = super().viewer(token)
        if name is not None:
            viewer.send(ws.name(name))
        viewer.own = self.people(viewer, lambda fields: name is None or
                                 fields['people'][fields['own']]['name'] == name)['own']
        return viewer

    def watcher(self, name=None):
        return self.viewer(self.front.view_token, name)

    @staticmethod
    def people(viewer, condition=lambda fields: True):
        """The next message about people that fulfils the condition."""
        return viewer.wait('people', condition=condition)

    def holder(self, viewer, number):
        return self.people(viewer, lambda fields: fields['holder'] == number)

    def check_inputs(self, viewers, wanted):
        """Keys of those viewers only, by their place in the list, reach the machine."""
        self.front.unasked.clear()
        for i, viewer in enumerate(viewers):
            viewer.send(ws.key(0, KEY_A + 1 + i, 1))
            viewer.send(ws.key(0, KEY_A + 1 + i, 0))
            viewer.send(ws.ping(i))
            viewer.wait('pong')
        for i in wanted:
            self.assertEqual(self.front.wait_for(f'INPUT key 0 {KEY_A + 1 + i} 0').split()[0], 'INPUT')
        codes = {int(line.split()[3]) for line in self.unasked('INPUT key')}
        self.assertLessEqual(codes, {KEY_A + 1 + i for i in wanted})

    def unasked(self, word):
        """What the front was told beyond what was waited for. What the screen process says arrives in order, so a key that
        is sent on its socket comes last."""
        person = screen_input.Person(self.front.pid)
        for down in 1, 0:
            person.key(KEY_LAST, down)
            self.front.wait_for(f'INPUT key 0 {KEY_LAST} {down}')
        person.sock.close()
        return [line for line in self.front.unasked if line.startswith(word)]


class WhoIsThere(PeopleTest):
    def test_all_know_all(self):
        ann, bob = self.viewer(name='Ann'), self.watcher('Bob')
        fields = self.people(ann, lambda fields: any(one['name'] == 'Bob' for one in fields['people'].values()))
        self.assertEqual(fields['people'][ann.own]['role'], OWNER)
        self.assertEqual(fields['people'][bob.own], {**fields['people'][bob.own], 'role': WATCHES, 'name': 'Bob'})
        self.assertNotEqual(ann.own, bob.own)
        self.assertNotEqual(fields['people'][ann.own]['colour'], fields['people'][bob.own]['colour'])
        bob.close()
        self.people(ann, lambda fields: bob.own not in fields['people'])
        self.assertNotEqual(self.watcher('Bob').own, bob.own, 'an id is not used again soon')

    def test_names_are_harmless(self):
        ann = self.viewer()
        for given, kept in (('  Zoë \t\n of  \u3000 Ys ', 'Zoë of Ys'), ('a\u202eb\u200bc\u2028d\x1b[31m\x7f\x85', 'abcd[31m'),
                            ('<b>&amp;', '<b>&amp;'), ('\ufeff\u200e\u2066 ', ''), ('👩\u200d💻', '👩\u200d💻'),
                            ('é' * 23, 'é' * 23), ('語' * 16, '語' * 16)):
            ann.send(ws.name('?'))
            self.people(ann, lambda fields: fields['people'][ann.own]['name'] == '?')
            ann.send(ws.name(given))
            fields = self.people(ann, lambda fields: fields['people'][ann.own]['name'] != '?')
            self.assertEqual(fields['people'][ann.own]['name'], kept)

    def test_what_is_no_name_ends_the_connection(self):
        for bad in (b'\xff', b'a\xc0\x80', b'\xed\xa0\x80', b'\xe2\x82', b'\xf4\x90\x80\x80', b'a' * 49, b'\x80'):
            viewer = self.viewer()
            viewer.send(ws.name(bad))
            self.expect_close(viewer, 4400)

    def test_names_are_not_logged(self):
        self.viewer(name='Rumpelstiltskin')
        self.assertNotIn('Rumpelstiltskin', self.front.log())


class WhoControls(PeopleTest):
    def test_all_who_may_do(self):
        self.check_inputs([self.viewer(), self.viewer()], [0, 1])

    def test_one_takes_it_and_gives_it_back(self):
        ann, bob = self.viewer(name='Ann'), self.viewer(name='Bob')
        ann.send(ws.control(ws.TAKE))
        self.holder(bob, ann.own)
        self.check_inputs([ann, bob], [0])
        bob.send(ws.control(ws.TAKE))
        self.holder(ann, bob.own)
        self.check_inputs([ann, bob], [1])
        bob.send(ws.control(ws.GIVE, ann.own))
        self.holder(bob, ann.own)
        self.check_inputs([ann, bob], [0])
        ann.send(ws.control(ws.SHARE))
        self.holder(bob, 0)
        self.check_inputs([ann, bob], [0, 1])

    def test_who_leaves_gives_it_back(self):
        ann, bob = self.viewer(name='Ann'), self.viewer(name='Bob')
        ann.send(ws.control(ws.TAKE))
        self.holder(bob, ann.own)
        ann.close()
        self.holder(bob, 0)
        self.check_inputs([bob], [0])

    def test_keys_of_those_who_lose_it_are_released(self):
        ann, bob = self.viewer(name='Ann'), self.viewer(name='Bob')
        bob.send(ws.key(0, KEY_A, 1))
        self.assertEqual(self.front.wait_for('INPUT').split()[1:5], ['key', '0', str(KEY_A), '1'])
        ann.send(ws.control(ws.TAKE))
        self.assertEqual(self.front.wait_for('INPUT').split()[1:5], ['key', '0', str(KEY_A), '0'])

    def test_more_than_input_is_refused_with_a_word(self):
        ann, bob = self.viewer(name='Ann'), self.viewer(name='Bob')
        ann.send(ws.control(ws.TAKE))
        self.holder(bob, ann.own)
        bob.send(ws.mode(0, 800, 600))
        self.assertEqual(bob.wait('notice')['code'], 4)
        self.assertFalse(self.unasked('MODE'))

    def test_it_goes_to_those_only_who_may_have_it(self):
        ann, eve = self.viewer(name='Ann'), self.watcher('Eve')
        for target in eve.own, 0, 65535:
            ann.send(ws.control(ws.GIVE, target))
            self.assertEqual(ann.wait('notice')['code'], 4)
        self.check_inputs([ann], [0])

    def test_who_only_watches_takes_nothing(self):
        ann = self.viewer(name='Ann')
        for action in ws.SHARE, ws.TAKE, ws.GIVE:
            eve = self.watcher('Eve')
            eve.send(ws.control(action, eve.own))
            self.expect_close(eve, 4403)
        self.check_inputs([ann], [0])
        ann.send(ws.control(3))
        self.expect_close(ann, 4400)


class WhoPoints(PeopleTest):
    def test_others_see_it(self):
        ann, eve = self.viewer(name='Ann'), self.watcher('Eve')
        eve.send(ws.point(3, 100, 65535))
        self.assertEqual(ann.wait('pointers')['pointers'], {eve.own: (3, (100, 65535))})
        eve.send(ws.point(3, 0, 0, False))
        self.assertEqual(ann.wait('pointers')['pointers'], {eve.own: (3, None)})
        ann.send(ws.point(0, 1, 2))
        self.assertEqual(eve.wait('pointers')['pointers'], {ann.own: (0, (1, 2))})
        self.assertFalse(self.unasked('INPUT'), 'the machine is not told')

    def test_floods_cost_others_little(self):
        ann, eve = self.viewer(name='Ann'), self.watcher('Eve')
        got, begin, count = [], time.monotonic(), 0
        for _ in range(400):
            for _ in range(50):
                eve.send(ws.point(0, count % 65536, 7))
                eve.send(ws.name(f'Eve {count}'))
                count += 1
            while ann.has_more():
                got.append(ann.next()[0])
        eve.send(ws.ping(1))
        eve.wait('pong')
        passed_ms = (time.monotonic() - begin) * 1000
        print(f'{2 * count} messages in {passed_ms:.0f} ms became {got.count("pointers")} about pointers and {got.count("people")} '
              'about people')
        # One in 40 ms and one in 200 ms; a machine that takes longer for the flood may pass on more.
        self.assertLessEqual(got.count('pointers'), passed_ms / 40 + 2)
        self.assertLessEqual(got.count('people'), passed_ms / 200 + 3)
        self.assertLess(len(got), count / 10)
        # In the end they know the last state.
        self.people(ann, lambda fields: fields['people'].get(eve.own, {}).get('name') == f'Eve {count - 1}')
        eve.send(ws.point(1, 5, 6))
        while ann.wait('pointers')['pointers'][eve.own] != (1, (5, 6)):
            pass

    def test_nonsense_ends_the_connection(self):
        for bad in (struct.pack('<BBHHB', 0x39, 16, 1, 1, 1), struct.pack('<BBHHB', 0x39, 0, 1, 1, 2),
                    struct.pack('<BBHH', 0x39, 0, 1, 1), struct.pack('<BBB', 0x3a, 0, 1), b'\x3f\0', b'\xb8\0'):
            viewer = self.viewer()
            viewer.send(bad)
            self.expect_close(viewer, 4400)

    def test_they_come_and_go(self):
        """As many as there may be, again and again."""
        ann = self.viewer(name='Ann')
        for _ in range(3):
            crowd = [ws.Viewer(self.front, self.front.view_token if i < 32 else None) for i in range(47)]
            full = self.people(ann, lambda fields: len(fields['people']) == 48)
            self.assertEqual(sorted(one['colour'] for one in full['people'].values()), list(range(48)))
            for viewer in crowd:
                viewer.close()
            self.people(ann, lambda fields: len(fields['people']) == 1)


if __name__ == '__main__':
    screen.FRONT = os.path.abspath(sys.argv.pop(2))
    harness.main()
