#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The screen process: what it shows is what was drawn, and it cannot hurt the front."""

import os
import shutil
import signal
import sys
import tempfile
import time
import unittest

import harness
import screen


class FrontTest(unittest.TestCase):
    def setUp(self):
        self.front = screen.Front()

    def tearDown(self):
        self.front.stop()


class Pictures(FrontTest):
    def check_picture(self, display, name, width, height, seed, torn='0'):
        status, headers, body = self.front.picture(display)
        self.assertEqual(status, 200, body)
        self.assertEqual(headers['Content-Type'], 'image/png')
        self.assertEqual(headers['X-Vitrine-Torn'], torn)
        got_width, got_height, rows, chunks = screen.read_png(body)
        self.assertEqual((got_width, got_height), (width, height))
        self.assertIn('sRGB', chunks)
        self.assertEqual(rows, screen.expected_rows(name, width, height, seed), name)
        return headers

    def test_all_formats_are_shown_as_drawn(self):
        for number, (name, value) in enumerate(screen.FORMATS.items()):
            for where in 'window', str(number + 1):
                with self.subTest(format=name, memory=where):
                    if where != 'window':
                        self.front.say(f'buffer {where} {100 * 320}')
                    self.front.say(f'scanout {number} {value} 70 50 320 {where}')
                    self.front.say(f'frame {number} {number + 3}')
                    self.check_picture(number, name, 70, 50, number + 3)
                    self.assertEqual(self.front.displays()[number]['format'], name)

    def test_the_header_says_which_frame_it_is(self):
        self.front.say('scanout 0 2 40 30 160 window')
        for number in range(1, 6):
            self.front.say(f'frame 0 {10 * number}')
            headers = self.check_picture(0, 'B8G8R8X8', 40, 30, 10 * number)
            self.assertEqual(headers['X-Vitrine-Frame'], str(number))

    def test_a_new_scanout_shows_at_the_next_flush(self):
        self.front.say('scanout 0 2 40 30 160 window')
        self.front.say('frame 0 1')
        self.front.say('buffer 9 9600')
        self.front.say('scanout 0 67 60 40 240 9')
        # The old one still shows, but its memory may be used for something else by now.
        self.check_picture(0, 'B8G8R8X8', 40, 30, 1, torn='1')
        self.assertEqual(self.front.displays()[0]['generation'], 1)
        self.front.say('frame 0 2')
        self.check_picture(0, 'R8G8B8A8', 60, 40, 2)
        self.assertEqual(self.front.displays()[0]['generation'], 2)

    def test_dark_displays_have_no_picture(self):
        self.assertEqual(self.front.picture(3)[0], 404)
        self.front.say('scanout 3 2 40 30 160 window')
        self.assertEqual(self.front.picture(3)[0], 404, 'it shows at the first flush')
        self.front.say('frame 3 1')
        self.assertEqual(self.front.picture(3)[0], 200)
        self.front.say('dark 3')
        self.assertEqual(self.front.picture(3)[0], 404)
        self.assertFalse(self.front.displays()[3]['lit'])

    def test_the_cursor_is_drawn_when_asked_for(self):
        self.front.say('scanout 0 2 100 80 400 window')
        self.front.say('solid 0 0')
        self.front.say(f'cursor 0 {0x112233} 4 6')
        for x, y in (14, 26), (-10, -20), (90, 70), (1000, 1000):
            self.front.say(f'move 0 {x} {y}')
            plain = screen.read_png(self.front.picture(0)[2])[2]
            self.assertEqual(plain, [bytes(300)] * 80)
            shown = screen.read_png(self.front.picture(0, '?cursor=1')[2])[2]
            for row in range(80):
                for column in range(100):
                    in_x, in_y = column - (x - 4), row - (y - 6)
                    wanted = b'\0\0\0'
                    if 0 <= in_y < 64 and 0 <= in_x < 20:
                        wanted = b'\x11\x22\x33'
                    elif 0 <= in_y < 64 and 20 <= in_x < 40:
                        wanted = b'\x40\x40\x40'
                    self.assertEqual(shown[row][3 * column:3 * column + 3], wanted, (x, y, column, row))
        self.front.say('hide 0')
        self.assertEqual(screen.read_png(self.front.picture(0, '?cursor=1')[2])[2], [bytes(300)] * 80)

    def test_what_did_not_change_is_not_encoded_again(self):
        self.front.say('scanout 0 2 40 30 160 window')
        self.front.say('frame 0 1')
        first = self.front.picture(0)
        again = self.front.picture(0)
        self.assertEqual(first[2], again[2])
        metrics = self.front.metrics()
        self.assertEqual(metrics['vitrine_stills_total{result="made"}'], 1)
        self.assertEqual(metrics['vitrine_stills_total{result="reused"}'], 1)
        self.assertEqual(metrics['vitrine_frame_copies_total{stage="still"}'], 1)

    def test_a_buffer_that_is_gone_has_no_picture(self):
        self.front.say('buffer 5 4800')
        self.front.say('scanout 0 2 40 30 160 5')
        self.front.say('frame 0 1')
        self.assertEqual(self.front.picture(0)[0], 200)
        self.front.say('drop 5')
        # The picture that is kept still shows the newest frame; with the cursor elsewhere it would be a new one.
        self.front.say('cursor 0 0 0 0')
        places = iter(range(1000))

        def is_gone():
            self.front.say(f'move 0 {next(places)} 0')
            return self.front.request('GET', '/api/displays/0/frame.png?cursor=1')[0] == 503
        harness.wait_for(is_gone, what='a buffer that is gone')
        self.front.say('buffer 5 4800')
        self.front.say('scanout 0 2 40 30 160 5')
        self.front.say('frame 0 7')
        self.check_picture(0, 'B8G8R8X8', 40, 30, 7)

    def test_waiting_for_the_next_frame(self):
        self.front.say('scanout 0 2 64 48 256 window')
        self.front.say('play 0 16667 1000000')
        frame, frames = 0, []
        while len(frames) < 50:  # it would take minutes if one came only when it is asked again
            status, headers, body = self.front.request('GET', f'/api/displays/0/frame.png?after={frame}')
            self.assertEqual(status, 200)
            self.assertGreater(int(headers['X-Vitrine-Frame']), frame)
            frame = int(headers['X-Vitrine-Frame'])
            frames.append(frame)
            blue, green, red, _ = screen.solid_bytes(frame)
            self.assertEqual(screen.read_png(body)[2], [bytes((red, green, blue)) * 64] * 48, frame)
        self.front.say('play 0 0 0')
        frame = self.front.displays()[0]['frame']
        self.assertEqual(self.front.request('GET', '/api/displays/0/frame.png?after=x')[0], 400)
        before = time.monotonic()
        status, headers, _ = self.front.request('GET', f'/api/displays/0/frame.png?after={frame}')
        self.assertEqual((status, headers['X-Vitrine-Frame']), (200, str(frame)), 'the newest, when no other comes')
        self.assertGreater(time.monotonic() - before, 4, 'it has not waited for another one')

    def test_no_picture_of_a_fast_producer_is_torn(self):
        self.front.say('scanout 0 2 256 192 1024 window')
        self.front.say('play 0 500 100000')
        frames, torn = [], 0
        for _ in range(300):
            status, headers, body = self.front.picture(0)
            if status == 404 and not frames:
                continue
            self.assertEqual(status, 200)
            frame = int(headers['X-Vitrine-Frame'])
            if headers['X-Vitrine-Torn'] == '1':
                torn += 1
                continue
            frames.append(frame)
            if len(frames) % 10 == 0:
                blue, green, red, _ = screen.solid_bytes(frame)
                self.assertEqual(screen.read_png(body)[2], [bytes((red, green, blue)) * 256] * 192, frame)
        print(f'{len(frames)} pictures at up to 2000 frames/s, {torn} that own up to be torn, '
              f'frames {frames[0]} to {frames[-1]}')
        self.front.say('play 0 0 0')
        self.assertEqual(frames, sorted(frames))
        self.assertGreater(len(frames), 200)


class Requests(FrontTest):
    def test_modes_reach_the_front(self):
        self.front.say('mode 2 1 800 600')
        status, _, _ = self.front.request('PUT', '/api/displays/2', '{"width": 1024, "height": 768}')
        self.assertEqual(status, 202)
        self.assertEqual(self.front.wait_for('MODE'), 'MODE 2 1 1024 768')
        status, _, _ = self.front.request('PUT', '/api/displays/2', '{"connected": false}')
        self.assertEqual(status, 202)
        self.assertEqual(self.front.wait_for('MODE'), 'MODE 2 0 800 600')
        status, _, _ = self.front.request('PUT', '/api/displays/2', '{"connected":true}')
        self.assertEqual(self.front.wait_for('MODE'), 'MODE 2 1 800 600')

    def test_a_flood_of_modes_does_not_stop_the_front(self):
        self.front.say('mode 0 1 800 600')
        sent = 0
        for number in range(200):
            status, _, _ = self.front.request('PUT', '/api/displays/0',
                                              f'{{"width": {100 + number}, "height": 100}}')
            self.assertIn(status, (202, 503))
            sent += status == 202
        for _ in range(sent):
            last = self.front.wait_for('MODE')
        self.assertTrue(last.startswith('MODE 0 1 '), last)

    def test_displays_and_metrics_count(self):
        self.front.say('mode 0 1 640 480')
        self.front.say('mode 1 1 320 200')
        self.front.say('scanout 0 2 64 48 256 window')
        self.front.say('play 0 10000 100')
        self.front.wait_for('PLAYED')
        displays = self.front.displays()
        self.assertEqual(sorted(displays), [0, 1])
        self.assertEqual(displays[0]['frame'], 100)
        self.assertEqual((displays[0]['frames_seen'], displays[0]['frames_replaced']), (0, 0))
        self.assertTrue(0 < displays[0]['frames_per_second'] <= 101, displays[0])  # no more than were played
        self.assertEqual(displays[1]['mode'], {'width': 320, 'height': 200})
        self.assertFalse(displays[1]['lit'])
        self.front.picture(0)
        self.front.say('play 0 0 10')
        self.front.wait_for('PLAYED')
        self.front.picture(0)
        self.front.picture(0)
        metrics = self.front.metrics()
        self.assertEqual(metrics['vitrine_display_frames_total{display="0"}'], 110)
        self.assertEqual(metrics['vitrine_display_frames_seen_total{display="0"}'], 2)
        self.assertEqual(metrics['vitrine_display_frames_dropped_total{display="0",reason="replaced"}'], 9)
        harness.wait_for(lambda: self.front.displays()[0]['frames_per_second'] == 0, what='a rate of 0')

    def test_the_page_is_complete(self):
        files = [('/', 'text/html'), *((f'/{name}.css', 'text/css') for name in ('keyboard', 'page', 'panels'))] + [
            (f'/{name}.js', 'text/javascript') for name in ('input', 'keys', 'page', 'stills', 'wire', 'worker')]
        for path, kind in files:
            status, headers, body = self.front.request('GET', path, headers={})  # takes no token
            self.assertEqual(status, 200)
            self.assertTrue(headers['Content-Type'].startswith(kind))
            self.assertIn("default-src 'none'", headers['Content-Security-Policy'])
            self.assertNotIn(b'://', body)


class Faults(FrontTest):
    def expect_frames(self, count):
        """The front shows so many more."""
        before = self.front.cost()[0]
        harness.wait_for(lambda: self.front.cost()[0] >= before + count, what=f'{count} frames')

    def test_killing_it_does_not_stop_the_front(self):
        self.front.say('scanout 0 2 64 48 256 window')
        self.front.say('play 0 1000 1000000')
        killed = set()

        def another():
            return next(iter(set(harness.children(self.front.pid)) - killed), None)
        for _ in range(4):
            pid = harness.wait_for(another, what='another process')
            killed.add(pid)
            screen.kill(pid)
            self.expect_frames(20)
        harness.wait_for(another, what='another process')
        shown = self.front.cost()[0]
        self.front.say('play 0 0 0')
        status, headers, _ = self.front.picture(0)
        self.assertEqual(status, 200)
        self.assertGreaterEqual(int(headers['X-Vitrine-Frame']), shown)

    def test_a_new_process_knows_everything(self):
        self.front.say('mode 0 1 640 480')
        self.front.say('buffer 7 4800')
        self.front.say('buffer 8 4800')
        self.front.say('drop 8')
        self.front.say('scanout 0 67 40 30 160 7')
        self.front.say('frame 0 9')
        self.front.say(f'cursor 0 {0x445566} 0 0')
        before = self.front.picture(0, '?cursor=1')
        listed = self.front.displays()[0]
        pid = self.front.screen()
        screen.kill(pid)
        self.assertNotEqual(harness.wait_for(lambda: self.front.screen() != pid and self.front.screen()), pid)
        after = self.front.picture(0, '?cursor=1')
        self.assertEqual(before[2], after[2])
        for key in 'mode', 'lit', 'format', 'frame', 'generation':
            self.assertEqual(self.front.displays()[0][key], listed[key])

    def test_a_stopped_one_does_not_stop_the_front(self):
        self.front.say('scanout 0 2 64 48 256 window')
        self.front.say('frame 0 1')
        self.front.picture(0)
        pid = self.front.screen()
        screen.kill(pid, signal.SIGSTOP)
        try:
            self.front.say('play 0 1000 2000')
            for number in range(3000):
                self.front.say(f'buffer {100 + number} 4096')
                self.front.say(f'cursor 0 {number} 0 0')
                self.front.say(f'drop {100 + number}')
            self.assertEqual(self.front.wait_for('PLAYED'), 'PLAYED 2000')
            self.assertEqual(self.front.cost()[0], 2000)
            self.assertLess(len(os.listdir(f'/proc/{self.front.pid}/fd')), 64)
        finally:
            screen.kill(pid, signal.SIGCONT)
        self.front.say('buffer 99 4800')
        self.front.say('scanout 0 2 40 30 160 99')
        self.front.say('frame 0 5')
        _, _, rows, _ = screen.read_png(self.front.picture(0)[2])
        self.assertEqual(rows, screen.expected_rows('B8G8R8X8', 40, 30, 5))

    def test_it_ends_with_the_front(self):
        pid = self.front.screen()
        self.front.process.kill()
        harness.wait_for(lambda: harness.is_gone(pid), what='the end of the screen process')
        self.front.process.wait()
        self.front = screen.Front()


class TakenOver(unittest.TestCase):
    """Screen processes that do what they like: scripts in the place of vitrine."""

    HEAD = f"""#!{sys.executable}
import os, socket, struct, sys, time
control = socket.socket(fileno=3)
def mode(display, connected, width, height):
    return struct.pack('<8I', 3, 16, 0, 0, display, connected, width, height)
"""

    def start(self, script):
        self.dir = tempfile.mkdtemp(prefix='vitrine-test-')
        self.addCleanup(shutil.rmtree, self.dir)
        path = os.path.join(self.dir, 'screen')
        with open(path, 'w') as file:
            file.write(self.HEAD + script)
        os.chmod(path, 0o700)
        front = screen.Front(program=path)
        self.addCleanup(front.stop)
        front.say('scanout 0 2 64 48 256 window')
        return front

    def play(self, front):
        front.say('play 0 1000 2000')
        self.assertEqual(front.wait_for('PLAYED'), 'PLAYED 2000')
        self.assertEqual(front.cost()[0], 2000)

    def test_who_breaks_the_rules_is_killed(self):
        for message in ('mode(16, 1, 640, 480)', 'mode(2**32 - 1, 0, 0, 0)', 'mode(0, 2, 640, 480)', 'mode(0, 1, 63, 480)',
                        'mode(0, 1, 640, 8193)', "b'x' * 4096", "struct.pack('<8I', 1, 16, 0, 0, 0, 0, 0, 0)",
                        "struct.pack('<4I', 3, 2**31, 0, 0)", "struct.pack('<4I', 99, 0, 0, 0)"):
            with self.subTest(message=message):
                front = self.start(f"control.sendall({message})\ntime.sleep(100)\n")
                harness.wait_for(lambda: 'broke the protocol' in front.log() and 'signal 9' in front.log(), 60,
                                 f'the end of who sent it\n{front.log()}')
                self.assertEqual([line for line in front.unasked if line.startswith('MODE')], [])

    def test_a_flood_is_taken_in_handfuls(self):
        front = self.start("while True: control.sendall(mode(0, 1, 640, 480) * 100)\n")
        # Between two handfuls the front shows a frame.
        front.say('play 0 1000 1000000')
        front.wait_for('MODE')
        before = front.cost()[0]
        front.unasked.clear()
        while len(front.unasked) < 500:
            front.unasked.append(front.read_line())
        frames = front.cost()[0] - before
        modes = sum(line.startswith('MODE') for line in front.unasked)
        front.say('play 0 0 0')
        print(f'{modes} modes and {frames} frames')
        self.assertLess(modes, 10 * frames)

    def test_who_dies_is_started_ever_later(self):
        begin = time.monotonic()
        front = self.start(f"open('{tempfile.gettempdir()}/vitrine-starts-{os.getpid()}', 'a').write('x')\n")
        path = f'{tempfile.gettempdir()}/vitrine-starts-{os.getpid()}'
        try:
            self.play(front)
            harness.wait_for(lambda: os.path.getsize(path) >= 7, what='seven starts')
            starts, seconds = os.path.getsize(path), time.monotonic() - begin
            print(f'{starts} starts in {seconds:.1f} s')
            # 50 ms until the second one, and twice as long each time.
            self.assertGreater(seconds, 0.05 * (2 ** (starts - 1) - 1))
        finally:
            os.unlink(path)

    def test_asking_to_be_woken_always_costs_little(self):
        front = self.start("""
import mmap
notes = mmap.mmap(5, os.fstat(5).st_size)
while True: notes[0:4] = b'\\1\\0\\0\\0'
""")
        self.play(front)

    def test_what_it_has(self):
        """The real one: no memory is open, and nothing of the guest's can be written to."""
        front = screen.Front()
        self.addCleanup(front.stop)
        front.say('buffer 3 4800')
        front.say('scanout 0 2 40 30 160 3')
        front.say('frame 0 1')
        front.picture(0)
        pid = front.screen()
        opened = {name: os.readlink(f'/proc/{pid}/fd/{name}') for name in os.listdir(f'/proc/{pid}/fd')}
        print(sorted(opened.values()))
        self.assertEqual([target for target in opened.values() if 'memfd' in target], [])
        with open(f'/proc/{pid}/maps') as file:
            shared = {line.split()[-2] if line.rstrip().endswith('(deleted)') else line.split()[-1]: line.split()[1]
                      for line in file if 'memfd' in line}
        self.assertEqual(shared, {'/memfd:test-hostmem': 'r--s', '/memfd:test-buffer': 'r--s',
                                  '/memfd:vitrine-scanout-page': 'r--s', '/memfd:vitrine-scanout-acks': 'rw-s',
                                  '/memfd:vitrine-links': 'rw-s'})
        with open(f'/proc/{pid}/status') as file:
            self.assertIn('Seccomp:\t2', file.read())


class Start(unittest.TestCase):
    def refuse(self, http, *words):
        with self.assertRaises(AssertionError) as caught:
            screen.Front(http=http)
        for word in words:
            self.assertIn(word, str(caught.exception))

    def test_wrong_addresses_are_refused(self):
        self.refuse('0.0.0.0:0', 'without TLS', 'ssh -L', '--insecure')
        self.refuse('[::]:0', 'without TLS')
        self.refuse('192.0.2.1:80', 'without TLS')
        for text in 'localhost', '8080', 'example.org:80', '127.0.0.1:70000', '127.0.0.1:', '[::1]', '::1:80':
            self.refuse(text, 'ADDRESS:PORT')

    def test_a_port_that_is_taken_is_said_at_once(self):
        front = screen.Front()
        try:
            self.refuse(f'127.0.0.1:{front.port}', 'Address already in use', str(front.port))
        finally:
            front.stop()

    def test_nothing_is_started_without_viewers(self):
        front = screen.Front(http=None)
        front.say('scanout 0 2 64 48 256 window')
        front.say('buffer 3 4096')
        front.say('frame 0 1')
        self.assertEqual(harness.children(front.pid), [])
        front.stop()


if __name__ == '__main__':
    screen.FRONT = os.path.abspath(sys.argv.pop(2))
    harness.main()
