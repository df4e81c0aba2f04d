#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The window: what it shows is what was drawn, what is done in it arrives, and nothing of it hurts the front."""

import os
import random
import signal
import sys
import time
import unittest

import harness
import screen
import xvfb

CODE_BITS, CODE_SIDE = 24, 16  # screen_front.c
RENDERERS = 'gpu', 'software'
KEY_A, KEY_LEFTCTRL, KEY_LEFTSHIFT, KEY_F5, BTN_LEFT, BTN_RIGHT = 30, 29, 42, 63, 0x110, 0x111
# X's code of the same key, which is Linux's and 8. In xkeyboard-config 2.48, xdotool finds the name only with Alt held.
X_F5 = KEY_F5 + 8
# Only time can show that nothing happens. A busy machine may take longer for it, but then the test passes.
QUIET_S = 0.5


class WindowTest(unittest.TestCase):
    """A front with a window on an X server of its own."""

    width, height = 640, 400

    def setUp(self):
        self.x = xvfb.Xvfb()
        self.env = dict(self.x.env)
        # The desktop's libraries leave things behind when they end.
        self.env['ASAN_OPTIONS'] = self.env.get('ASAN_OPTIONS', '') + ':detect_leaks=0'
        self.front = None

    def tearDown(self):
        if self.front:
            self.front.stop()
        self.x.stop()

    def start(self, renderer='auto', displays=1, at=(0, 0)):
        """The first display's window, with the pointer elsewhere."""
        self.front = screen.Front(f'window={renderer}', http=None, env=self.env)
        for display in range(displays):
            self.front.say(f'mode {display} 1 {self.width} {self.height}')
        window = self.x.wait_for_window('test, display 1')
        self.x.do('windowmove', '--sync', window, *at, 'mousemove', self.x.width - 1, self.x.height - 1)
        return window

    def scanout(self, display=0, format=1, width=None, height=None, where='window'):
        width, height = width or self.width, height or self.height
        self.front.say(f'scanout {display} {format} {width} {height} {width * 4} {where}')

    def stop_front(self):
        self.front.stop()
        self.front = None

    def process(self):
        return harness.wait_for(lambda: harness.children(self.front.pid), 60, 'the window process')[0]

    def wait_for_rows(self, place, rows, what):
        """Until this part of the screen shows this."""
        def shown():
            return self.x.part(*place) == rows
        try:
            harness.wait_for(shown, what=what)
        except AssertionError:
            got = self.x.part(*place)
            wrong = [(y, x) for y, row in enumerate(got) for x in range(len(row)) if row[x] != rows[y][x]]
            self.x.save('/tmp/vitrine-window.png')
            raise AssertionError(f'{what}: {len(wrong)} bytes differ, the first in row {wrong[:1]}; '
                                 f'see /tmp/vitrine-window.png\n{self.front.log()}') from None


class Pictures(WindowTest):
    def test_all_formats_are_shown_as_drawn(self):
        for renderer in RENDERERS:
            window = self.start(renderer)
            place = self.x.place(window)
            for number, (name, value) in enumerate(screen.FORMATS.items()):
                for where in 'window', str(number + 1):
                    with self.subTest(renderer=renderer, format=name, memory=where):
                        if where != 'window':
                            self.front.say(f'buffer {where} {self.height * self.width * 4}')
                        self.scanout(format=value, where=where)
                        self.front.say(f'frame 0 {number + 3}')
                        rows = screen.expected_rows(name, self.width, self.height, number + 3)
                        self.wait_for_rows(place, rows, name)
            # By the GPU, SDL says how, for instance "opengl".
            self.assertEqual(renderer == 'software', 'drawn by software' in self.front.log(), self.front.log())
            self.stop_front()

    def test_frames_come_in_order(self):
        self.width, self.height = 1280, 800
        for renderer in RENDERERS:
            window = self.start(renderer)
            left, top, _, _ = self.x.place(window)
            self.scanout()
            self.front.say('code 0 16667 1000000')
            seen = []

            def has_seen_many():
                row = self.x.part(left, top + CODE_SIDE // 2, CODE_BITS * CODE_SIDE, 1)[0]
                number = sum(1 << bit for bit in range(CODE_BITS) if row[3 * (bit * CODE_SIDE + CODE_SIDE // 2)] > 128)
                if not seen or seen[-1] != number:
                    seen.append(number)
                return len(seen) > 100
            harness.wait_for(has_seen_many, what=f'100 frames by {renderer}', pause=0.001)
            self.assertEqual(seen, sorted(seen), 'an older frame came after a newer one')
            self.front.say('play 0 0 0')
            self.stop_front()

    def test_a_guest_that_does_not_follow_is_scaled_or_shown_by_pixel(self):
        for renderer in RENDERERS:
            with self.subTest(renderer=renderer):
                window = self.start(renderer)
                self.scanout()
                self.front.say('solid 0 3')
                colour = bytes(screen.solid_bytes(3)[i] for i in (2, 1, 0))
                self.x.do('windowsize', '--sync', window, 1000, 400)  # 180 black pixels on both sides
                left, top, _, _ = self.x.place(window)
                black = bytes(3)
                wide = [black * 180 + colour * 640 + black * 180] * 400
                self.wait_for_rows((left, top, 1000, 400), wide, 'the picture between black bars')
                self.x.do('windowsize', '--sync', window, 1280, 800)
                left, top, _, _ = self.x.place(window)
                self.wait_for_rows((left, top, 1280, 800), [colour * 1280] * 800, 'the picture, twice as large')
                self.x.do('windowfocus', '--sync', window, 'key', 'ctrl+alt+s')
                middle = [black * 320 + colour * 640 + black * 320] * 400
                self.wait_for_rows((left, top + 200, 1280, 400), middle, 'the picture, pixel by pixel')
                self.stop_front()

    def test_only_what_changed_is_copied_and_nothing_is_missed(self):
        """The pattern is drawn whole, then again and again; what is shown last is the last one."""
        window = self.start()
        self.scanout(format=2)
        for seed in range(1, 60):
            self.front.say(f'frame 0 {seed}')
        rows = screen.expected_rows('B8G8R8X8', self.width, self.height, 59)
        self.wait_for_rows(self.x.place(window), rows, 'the last frame')

    def test_the_cursor_is_the_guests(self):
        window = self.start()
        self.scanout()
        self.front.say('solid 0 5')
        left, top, _, _ = self.x.place(window)
        self.x.do('mousemove', left + 100, top + 100)
        self.front.say('cursor 0 16711680 3 5')  # opaque red, 20 pixels wide
        self.wait_for_rows((left + 97, top + 95, 20, 64), [b'\xff\0\0' * 20] * 64, 'the cursor, by its hot spot')
        under = bytes(screen.solid_bytes(5)[i] for i in (2, 1, 0))
        self.wait_for_rows((left + 137, top + 95, 10, 64), [under * 10] * 64, 'nothing where it is transparent')
        self.front.say('hide 0')
        self.wait_for_rows((left + 80, top + 80, 100, 100), [under * 100] * 100, 'no cursor')

    def test_darkness_is_black(self):
        window = self.start()
        place = self.x.place(window)
        self.scanout()
        self.front.say('solid 0 5')
        colour = bytes(screen.solid_bytes(5)[i] for i in (2, 1, 0))
        self.wait_for_rows(place, [colour * self.width] * self.height, 'a picture')
        self.front.say('dark 0')
        self.wait_for_rows(place, [bytes(3 * self.width)] * self.height, 'darkness')
        self.assertTrue(self.x.windows(r'test, display 1 \(dark\)'))


class Sizes(WindowTest):
    def test_a_storm_of_sizes(self):
        """The guest follows each size that it is asked for."""
        window = self.start('gpu')
        self.scanout()
        self.front.say('frame 0 1')
        rng, last, self.mode = random.Random(1), (0, 0), None
        for number in range(100):
            last = rng.randrange(40, 1400), rng.randrange(40, 900)
            self.x.do('windowsize', window, *last)
            self.front.say(f'frame 0 {number}')
            time.sleep(rng.choice((0, 0.01, 0.05)))  # before, while and after the window follows
            for line in [line for line in self.front.unasked if line.startswith('MODE')]:
                self.front.unasked.remove(line)
                self.follow(line, number)
        while self.mode != last:
            self.follow(self.front.wait_for('MODE'), 7)
        self.front.say('frame 0 7')
        rows = screen.expected_rows('B8G8R8A8', *last, 7)
        left, top, width, height = self.x.place(window)
        self.assertEqual((width, height), last)
        self.wait_for_rows((left, top, width, height), rows, 'the last size')
        self.assertEqual(len(harness.children(self.front.pid)), 1)
        self.assertNotIn('is started again', self.front.log())

    def follow(self, line, seed):
        """Does what a guest does that is told of a mode."""
        _, display, connected, width, height = line.split()
        self.assertEqual((display, connected), ('0', '1'))
        self.front.say(f'mode 0 1 {width} {height}')
        self.scanout(width=int(width), height=int(height))
        self.front.say(f'frame 0 {seed}')
        self.mode = int(width), int(height)

    def test_a_size_is_asked_for_when_it_stays(self):
        window = self.start()
        self.scanout()
        self.front.say('frame 0 1')
        self.x.do(*(word for width in range(600, 800, 10) for word in ('windowsize', window, width, 500)))
        # Some of the others only if a busy machine stops in their midst.
        modes = [self.front.wait_for('MODE')]
        while modes[-1] != 'MODE 0 1 790 500':
            modes.append(self.front.wait_for('MODE'))
        self.assertLess(len(modes), 10)
        self.front.say('mode 0 1 790 500')
        time.sleep(QUIET_S)
        self.front.say('frame 0 1')
        self.assertEqual([line for line in self.front.unasked if line.startswith('MODE')], [])

    def test_the_window_follows_the_guest(self):
        window = self.start()
        self.scanout()
        self.front.say('frame 0 1')
        harness.wait_for(lambda: not self.x.windows(r'test, display 1 \(dark\)'), 60, 'a picture')
        self.front.say('mode 0 1 800 600')
        self.scanout(width=800, height=600)
        self.front.say('frame 0 1')
        harness.wait_for(lambda: self.x.place(window)[2:] == (800, 600), 60, 'the size of the picture')
        time.sleep(QUIET_S)
        self.front.say('frame 0 1')
        self.assertEqual([line for line in self.front.unasked if line.startswith('MODE')], [])


class Hands(WindowTest):
    def setUp(self):
        super().setUp()
        self.window = self.start()
        self.scanout()
        self.front.say('frame 0 1')
        harness.wait_for(lambda: not self.x.windows(r'test, display 1 \(dark\)'), 60, 'a picture')
        self.left, self.top, _, _ = self.x.place(self.window)
        self.x.do('windowfocus', '--sync', self.window)

    def inputs(self, *wanted):
        """The next lines of input are these."""
        for words in wanted:
            line = self.front.wait_for('INPUT')
            kind, display, code, down, x, y, wheel_x, wheel_y = line.split()[1:]
            got = {'key': (kind, int(code), int(down)), 'motion': (kind, int(x), int(y)),
                   'wheel': (kind, int(wheel_x), int(wheel_y)), 'release': (kind,)}[kind]
            self.assertEqual(display, '0')
            self.assertEqual(got, words)

    def no_input(self, display):
        """The next line of input is of a key that is typed last, into that display's window."""
        self.x.do('key', X_F5)
        for down in 1, 0:
            self.assertEqual(self.front.wait_for('INPUT').split()[1:5], ['key', str(display), str(KEY_F5), str(down)])

    def test_keys(self):
        self.x.do('keydown', 'shift', 'key', 'a', 'keyup', 'shift')
        self.inputs(('key', KEY_LEFTSHIFT, 1), ('key', KEY_A, 1), ('key', KEY_A, 0), ('key', KEY_LEFTSHIFT, 0))
        for name, code in ('Return', 28), ('Escape', 1), ('Up', 103), (X_F5, KEY_F5), ('space', 57):
            self.x.do('key', name)
            self.inputs(('key', code, 1), ('key', code, 0))

    def test_the_pointer(self):
        self.x.do('mousemove', self.left, self.top)
        self.inputs(('motion', 0, 0))
        self.x.do('mousemove', self.left + self.width - 1, self.top + self.height - 1)
        self.inputs(('motion', 65535, 65535))
        self.x.do('mousemove', self.left + 320, self.top + 100, 'click', 1, 'click', 3)
        x, y = 320 * 65535 // 639, 100 * 65535 // 399
        self.inputs(('motion', x, y), ('key', BTN_LEFT, 1), ('key', BTN_LEFT, 0))
        line = self.front.wait_for('INPUT key')
        self.assertEqual(line.split()[3:5], [str(BTN_RIGHT), '1'])

    def test_the_wheel(self):
        self.x.do('mousemove', self.left + 320, self.top + 100)
        self.front.wait_for('INPUT motion')
        self.x.do('click', 4, 'click', 5, 'click', 5)
        turned = 0
        while turned != -120:
            turned += int(self.front.wait_for('INPUT wheel').split()[8])

    def test_what_is_held_is_let_go_of_with_the_focus(self):
        self.x.do('keydown', 'a')
        self.inputs(('key', KEY_A, 1))
        self.front.say('mode 1 1 200 200')
        second = self.x.wait_for_window('test, display 2')
        self.x.do('windowfocus', '--sync', second)
        self.inputs(('key', KEY_A, 0))
        self.x.do('keyup', 'a')
        self.no_input(1)

    def test_a_window_that_dies_lets_go(self):
        self.x.do('keydown', 'a')
        self.inputs(('key', KEY_A, 1))
        os.kill(self.process(), signal.SIGKILL)
        self.inputs(('release',))
        self.x.wait_for_window('test, display 1')

    def test_own_keys_are_not_the_guests(self):
        self.x.do('key', 'ctrl+alt+g')
        harness.wait_for(lambda: self.x.windows('test, display 1 - Ctrl.Alt.G gives'), 60, 'the title of a grab')
        lines = [self.front.wait_for('INPUT') for _ in range(3)]
        self.assertEqual([line.split()[1] for line in lines], ['key', 'key', 'release'])
        self.x.do('key', 'a')
        self.inputs(('key', KEY_A, 1), ('key', KEY_A, 0))


class Displays(WindowTest):
    width, height = 300, 200

    def test_each_has_a_window(self):
        self.start(displays=3)
        numbers = [self.x.wait_for_window(f'test, display {number}') for number in (1, 2, 3)]
        self.assertEqual(len(set(numbers)), 3)
        for display in range(3):
            self.scanout(display=display)
            self.front.say(f'solid {display} {display + 1}')
        for number, window in enumerate(numbers):
            # One on top of the other, without a window manager.
            self.x.do('windowmove', '--sync', window, 100 + 400 * number, 100)
            place = self.x.place(window)
            colour = bytes(screen.solid_bytes(number + 1)[i] for i in (2, 1, 0))
            self.wait_for_rows((place[0] + 5, place[1] + 5, 200, 100), [colour * 200] * 100, f'display {number + 1}')
        self.front.say('mode 1 0 300 200')
        harness.wait_for(lambda: not self.x.windows('test, display 2'), 60, 'no window for what is not plugged in')
        self.front.say('mode 1 1 300 200')
        self.x.wait_for_window('test, display 2')

    def test_closing_them_ends_them_and_nothing_else(self):
        first = self.start(displays=2)
        second = self.x.wait_for_window('test, display 2')
        self.x.close(second)
        harness.wait_for(lambda: not self.x.windows('test, display 2'), 60, 'the window to go')
        self.scanout()
        self.front.say('frame 0 1')
        self.assertFalse(self.x.windows('test, display 2'))
        self.x.close(first)
        harness.wait_for(lambda: not harness.children(self.front.pid), 60, 'the process to end')
        time.sleep(QUIET_S)
        self.front.say('frame 0 2')
        self.assertEqual(harness.children(self.front.pid), [], self.front.log())
        self.assertIn('the machine goes on', self.front.log())


class Faults(WindowTest):
    def test_after_a_crash_software_draws(self):
        """As a driver may crash each time; only if the renderer was left to the program."""
        for renderer in 'auto', 'gpu':
            self.start(renderer)
            os.kill(self.process(), signal.SIGABRT)
            harness.wait_for(lambda: self.front.log().count('windows are drawn by') == 2, what='the window, again')
            self.assertEqual(renderer == 'auto', 'in software after the crash' in self.front.log(), self.front.log())
            self.stop_front()

    def test_a_stopped_server_does_not_stop_the_front(self):
        self.start()
        self.scanout()
        self.x.freeze(True)
        self.front.say('code 0 16667 180')
        self.assertEqual(self.front.wait_for('PLAYED'), 'PLAYED 180')
        self.x.freeze(False)

    def test_a_server_that_goes_and_comes_back(self):
        self.start()
        # Useful for so long that the front believes in it (LIVED_LONG_MS).
        time.sleep(10.5)
        number = self.x.display
        self.x.stop()
        harness.wait_for(lambda: 'is started again' in self.front.log(), 60, 'the front to notice')
        self.front.say('mode 0 1 640 400')
        harness.wait_for(lambda: self.front.log().count('is started again') > 1, what='a start without a server')
        self.x = xvfb.Xvfb(display=number)
        self.x.wait_for_window('test, display 1')

    def test_no_server_is_said_once(self):
        self.env['DISPLAY'] = ':98'
        self.front = screen.Front('window=auto', http=None, env=self.env)
        harness.wait_for(lambda: 'cannot open a window' in self.front.log(), 60, 'the reason')
        harness.wait_for(lambda: not harness.children(self.front.pid), 60, 'the end of the process')
        time.sleep(QUIET_S)
        self.assertEqual(self.front.log().count('cannot open a window:'), 1, self.front.log())
        self.assertIn('DISPLAY', self.front.log())
        self.front.say('mode 0 1 640 400')
        self.assertEqual(harness.children(self.front.pid), [])


if __name__ == '__main__':
    screen.FRONT = os.path.abspath(sys.argv.pop(2))
    harness.main()
