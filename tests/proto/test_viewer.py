#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The viewer's WebSocket: who may come in, what they are sent, and what those do not notice who behave."""

import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import harness
import screen
import ws
from viewer_case import FrontCase

HELLO_SECONDS = 5
MAX_SESSIONS = 64
KEY_A, KEY_B, BTN_LEFT = 30, 48, 0x110
MS = 1_000_000


class ViewerTest(FrontCase):
    HTTP = ('127.0.0.1:0',)

    @classmethod
    def setUpClass(cls):
        cls.start(*cls.HTTP[1:], http=cls.HTTP[0])

    def watcher(self, display=0, **options):
        viewer = self.viewer(**options)
        viewer.send(ws.subscribe(display))
        return viewer

    def connect(self, **options):
        connection = ws.Ws(self.front.host, self.front.port, **options)
        self.addCleanup(connection.close)
        return connection


class WhoMayComeIn(ViewerTest):
    def test_both_tokens_are_welcome(self):
        begin = time.monotonic_ns()
        welcome = self.viewer().welcome
        self.assertEqual((welcome['version'], welcome['may_control']), (1, 1))
        self.assertEqual(welcome['view_token'], self.front.view_token)
        self.assertTrue(begin <= welcome['time'] <= time.monotonic_ns())
        welcome = self.viewer(self.front.view_token).welcome
        self.assertEqual((welcome['may_control'], welcome['view_token']), (0, ''))

    def test_tokens_are_long_and_new(self):
        other = screen.Front()
        tokens = {self.front.token, self.front.view_token, other.token, other.view_token}
        other.stop()
        self.assertEqual(len(tokens), 4)
        for token in tokens:
            self.assertEqual(len(bytes.fromhex(token)), 16)

    def test_no_token_and_wrong_tokens(self):
        for token in '', 'x' * 32, '0' * 32, self.front.token[:-1], self.front.token.upper(), self.front.token + '0':
            connection = self.connect()
            connection.send(ws.hello(token))
            code = 4401 if len(token) == 32 and token != self.front.token else 4400
            self.expect_close(connection, code)

    def test_http_takes_a_token_too(self):
        for path in '/api/displays', '/api/displays/0/frame.png', '/metrics', '/nothing':
            self.assertEqual(self.front.request('GET', path, headers={})[0], 401, path)
        good, view = self.front.token, self.front.view_token
        for headers, status in (({'Authorization': f'Bearer {good}'}, 200), ({'Authorization': f'bearer {view}'}, 200),
                                ({'Authorization': good}, None), ({'Authorization': 'Bearer ' + 'x' * 200}, None)):
            found = self.front.request('GET', '/api/displays', headers=headers)[0]
            self.assertIn(found, (status,) if status else (401, 429), headers)
        self.assertEqual(self.front.request('GET', f'/api/displays?token={view}', headers={})[0], 200)
        body = '{"width": 640, "height": 480}'
        for token, status in (good, 202), (view, 403):
            self.assertEqual(self.front.request('PUT', f'/api/displays/0?token={token}', body, headers={})[0], status)

    def test_the_page_itself_takes_none_and_holds_none(self):
        for path in '/', '/page.js', '/worker.js':
            status, _, body = self.front.request('GET', path, headers={})
            self.assertEqual(status, 200)
            self.assertNotIn(self.front.token.encode(), body)
            self.assertNotIn(self.front.view_token.encode(), body)

    def test_foreign_pages_are_refused(self):
        port = self.front.port
        for headers in ({'Host': 'evil.example'}, {'Host': f'evil.example:{port}'}, {'Host': '10.0.2.2'},
                        {'Origin': 'http://evil.example'}, {'Origin': 'null'}, {'Origin': f'http://localhost:{port}'},
                        {'Origin': f'https://127.0.0.1:{port}'}, {'Sec-Fetch-Site': 'cross-site'}):
            with self.assertRaises(ws.Refused) as caught:
                self.connect(headers=headers)
            self.assertEqual(caught.exception.status, 403, headers)
            self.assertIn(b'"error"', caught.exception.body)
        self.connect(headers={'Origin': f'http://127.0.0.1:{port}', 'Sec-Fetch-Site': 'same-origin'})

    def test_other_upgrades_are_refused(self):
        for options, status in (({'path': '/'}, 404), ({'path': '/wsx'}, 404), ({'subprotocol': 'listen'}, 400),
                                ({'subprotocol': 'http'}, 400), ({'subprotocol': None}, 400),
                                ({'headers': {'Upgrade': 'h2c'}}, 400)):
            with self.assertRaises(ws.Refused) as caught:
                self.connect(**options)
            self.assertEqual(caught.exception.status, status, options)

    def test_who_only_watches_cannot_do_more(self):
        for message in (ws.key(0, KEY_A, 1), ws.motion(0, 1, 1), ws.wheel(0, 120, 0), ws.mode(0, 800, 600),
                        ws.bitrate(0, 1000000)):
            viewer = self.viewer(self.front.view_token)
            viewer.send(message)
            self.expect_close(viewer, 4403)
        self.assertEqual([line for line in self.front.unasked if not line.startswith('PLAYED')], [])

    def test_nothing_is_logged(self):
        viewer = self.viewer()
        viewer.send(ws.key(0, KEY_A, 1))
        self.front.wait_for('INPUT')
        viewer.close()
        self.front.wait_for('INPUT')
        log = self.front.log()
        self.assertNotIn(self.front.token, log)
        self.assertNotIn(self.front.view_token, log)
        self.assertNotIn('INPUT', log)


class Guessing(ViewerTest):
    def test_wrong_tokens_wait_and_right_ones_do_not(self):
        running = self.watcher()
        running.wait('unit')
        waits = []
        for _ in range(7):
            begin = time.monotonic()
            connection = self.connect()
            connection.send(ws.hello('0' * 32))
            self.expect_close(connection, 4401)
            waits.append(time.monotonic() - begin)
        print('answers to wrong tokens took ' + ' '.join(f'{wait:.2f}' for wait in waits) + ' s')
        # No sooner than src/web/backoff.h says; the first four do not wait, which a busy machine does not show.
        self.assertGreater(waits[5], 0.5)
        self.assertGreater(waits[6], 1.0)
        begin = time.monotonic()
        status, _, _ = self.front.request('GET', '/metrics', headers={'Authorization': 'Bearer ' + '0' * 32})
        self.assertEqual(status, 429)
        self.assertGreater(time.monotonic() - begin, 1.5)
        # Those who are right are answered while those who are wrong wait for 4 and 8 seconds.
        wrong = [self.connect() for _ in range(2)]
        for connection in wrong:
            connection.send(ws.hello('0' * 32))
        self.viewer()
        self.assertEqual(self.front.request('GET', '/metrics')[0], 200)
        self.assertFalse(wrong[1].has_more(), 'the wrong one was answered before')
        self.assertEqual(running.wait('stats')['display'], 0)


class Messages(ViewerTest):
    def test_nonsense_ends_the_connection(self):
        bad = [b'', b'\x06', b'\xff\0', ws.ping(1) + b'x', ws.ping(1)[:-1], ws.subscribe(16), ws.subscribe(255),
               struct.pack('<BBB', 2, 0, 2), ws.key(0, 0x300, 1), ws.key(0, 0xffff, 1), ws.key(0, 0, 1),
               struct.pack('<BBHB', 8, 0, KEY_A, 7), ws.wheel(0, 2**31 - 1, 0), ws.wheel(0, 0, -2**31),
               ws.hello(self.front.token), b'x' * 65, b'x' * 5000, b'x' * 200000]
        for message in bad:
            viewer = self.viewer()
            try:
                viewer.send(message)
            except (BrokenPipeError, ConnectionResetError):
                pass
            try:
                self.expect_close(viewer, 4400)
            except ConnectionResetError:
                self.assertGreater(len(message), 4096)

    def test_what_must_come_first(self):
        for message in ws.subscribe(0), ws.ping(1), ws.key(0, KEY_A, 1), ws.hello(self.front.token, version=2):
            connection = self.connect()
            connection.send(message)
            self.expect_close(connection, 4400)
        self.assertEqual([line for line in self.front.unasked if line.startswith('INPUT')], [])

    def test_text_and_unmasked_frames(self):
        viewer = self.viewer()
        viewer.send_frame(1, b'hello')
        self.expect_close(viewer, 4400)
        viewer = self.viewer()
        viewer.send_frame(ws.BINARY, ws.ping(1), masked=False)
        with self.assertRaises((ws.Closed, OSError)):
            while viewer.next()[0] != 'pong':
                pass
            raise ws.Closed(0, 'answered, which is harmless')

    def test_fragments_make_one_message(self):
        viewer = self.viewer()
        message = ws.ping(77)
        viewer.send_frame(ws.BINARY, message[:3], last=False)
        viewer.send_frame(ws.PING, b'between')
        viewer.send_frame(0, message[3:])
        self.assertEqual(viewer.wait('pong')['value'], 77)

    def test_ping(self):
        viewer = self.viewer()
        begin = time.monotonic_ns()
        viewer.send(ws.ping(2**64 - 1))
        pong = viewer.wait('pong')
        self.assertEqual(pong['value'], 2**64 - 1)
        self.assertTrue(begin <= pong['time'] <= time.monotonic_ns())

    def test_displays_are_told_as_they_change(self):
        viewer = self.viewer()
        self.assertEqual(viewer.wait('displays')['displays'][0],
                         {'connected': True, 'lit': True, 'mode': (640, 480), 'size': (640, 480)})
        self.front.say('mode 3 1 800 600')
        self.assertEqual(viewer.wait('displays')['displays'][3],
                         {'connected': True, 'lit': False, 'mode': (800, 600), 'size': (0, 0)})
        self.front.say('mode 3 0 800 600')
        self.assertFalse(viewer.wait('displays')['displays'][3]['connected'])

    def test_modes_reach_the_front(self):
        viewer = self.viewer()
        viewer.send(ws.mode(0, 1024, 768))
        self.assertEqual(self.front.wait_for('MODE'), 'MODE 0 1 1024 768')
        for width, height in (31, 480), (640, 16385), (0, 0), (2**32 - 1, 1):
            viewer.send(ws.mode(0, width, height))
            self.assertEqual(viewer.wait('notice')['code'], 2)

    def test_the_cursor(self):
        self.front.say(f'cursor 0 {0x112233} 3 4')
        self.front.say('move 0 100 200')
        viewer = self.watcher()
        cursor, pointer = None, None
        while cursor is None or pointer is None:
            name, fields = viewer.next()
            cursor = fields if name == 'cursor' else cursor
            pointer = fields if name == 'pointer' else pointer
        self.assertEqual((cursor['visible'], cursor['hot_x'], cursor['hot_y']), (1, 3, 4))
        self.assertEqual((cursor['width'], cursor['height'], len(cursor['pixels'])), (64, 64, 64 * 64 * 4))
        self.assertEqual(cursor['pixels'][:4], bytes((0x11, 0x22, 0x33, 0xff)))
        grey = cursor['pixels'][30 * 4:31 * 4]
        self.assertEqual(grey, bytes((0x80, 0x80, 0x80, 0x80)), 'not multiplied by alpha')
        self.assertEqual((pointer['x'], pointer['y']), (100, 200))
        self.front.say('move 0 -5 7')
        pointer = viewer.wait('pointer')
        self.assertEqual((pointer['x'], pointer['y']), (-5, 7))
        self.front.say('hide 0')
        cursor = viewer.wait('cursor')
        self.assertEqual((cursor['visible'], cursor['width'], cursor['pixels']), (0, 0, b''))


class Typing(ViewerTest):
    def test_input_reaches_the_front_in_order(self):
        viewer = self.viewer()
        viewer.send(ws.motion(0, 65535, 32768))
        viewer.send(ws.key(0, BTN_LEFT, 1))
        viewer.send(ws.key(0, BTN_LEFT, 0))
        viewer.send(ws.wheel(0, -15, 120))
        viewer.send(ws.key(0, KEY_A, 1))
        viewer.send(ws.key(0, KEY_A, 0))
        got = [self.front.wait_for('INPUT').split()[1:] for _ in range(6)]
        self.assertEqual(got, [['motion', '0', '0', '0', '65535', '32768', '0', '0'],
                               ['key', '0', str(BTN_LEFT), '1', '0', '0', '0', '0'],
                               ['key', '0', str(BTN_LEFT), '0', '0', '0', '0', '0'],
                               ['wheel', '0', '0', '0', '0', '0', '-15', '120'],
                               ['key', '0', str(KEY_A), '1', '0', '0', '0', '0'],
                               ['key', '0', str(KEY_A), '0', '0', '0', '0', '0']])

    def held_after(self, leave):
        """Two people hold keys, and one of them leaves -> what is let go of."""
        other, viewer = self.viewer(), self.viewer()
        other.send(ws.key(0, KEY_B, 1))
        self.front.wait_for('INPUT')
        for code in KEY_A, BTN_LEFT:
            viewer.send(ws.key(0, code, 1))
            self.front.wait_for('INPUT')
        leave(viewer)
        lines = [self.front.wait_for('INPUT').split() for _ in range(2)]
        other.send(ws.key(0, KEY_B, 0))
        self.assertEqual(self.front.wait_for('INPUT').split()[1:5], ['key', '0', str(KEY_B), '0'])
        return sorted((int(line[3]), int(line[4])) for line in lines)

    def test_who_leaves_lets_go_of_their_keys_only(self):
        wanted = [(KEY_A, 0), (BTN_LEFT, 0)]
        self.assertEqual(self.held_after(lambda viewer: viewer.send(ws.release())), wanted)
        self.assertEqual(self.held_after(lambda viewer: viewer.close()), wanted)
        self.assertEqual(self.held_after(lambda viewer: viewer.send(b'nonsense')), wanted)


class Watching(ViewerTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.front.say('scanout 0 2 1280 800 5120 window')
        cls.front.say('bars 0')

    def play(self, count=1_000_000):
        self.front.say(f'code 0 16667 {count}')

    def stop(self):
        self.front.say('play 0 0 0')

    def frame(self):
        return self.front.displays()[0]['frame']

    def coded(self):
        return self.front.metrics()['vitrine_video_pictures_total{display="0"}']

    @staticmethod
    def rest(viewer):
        """Until the picture has been refined: no unit comes for 2 s."""
        while viewer.watch(2):
            pass

    def test_a_second_viewer_sees_a_static_screen(self):
        self.rest(self.watcher())
        for _ in range(5):
            viewer = self.watcher()
            self.assertTrue(viewer.wait('unit')['key'])
            viewer.close()

    def test_decoders_need_not_delay_pictures(self):
        """What the first unit's parameters say, by FFmpeg's reading of them."""
        unit = self.watcher().wait('unit')
        with tempfile.NamedTemporaryFile(suffix='.h264') as file:
            file.write(unit['data'])
            file.flush()
            done = subprocess.run(['ffmpeg', '-hide_banner', '-i', file.name, '-c', 'copy', '-bsf:v', 'trace_headers',
                                   '-f', 'null', '-'], capture_output=True, text=True, timeout=60)
        found = {line.split()[4]: int(line.split()[-1]) for line in done.stderr.splitlines()
                 if line.startswith('[trace_headers') and ' = ' in line}
        self.assertEqual((found['bitstream_restriction_flag'], found['max_num_reorder_frames']), (1, 0), done.stderr)
        self.assertEqual(found['max_dec_frame_buffering'], found['max_num_ref_frames'])
        # 1280 x 800 pixels are 4000 macroblocks; level 4.0 has 245760 of them in a second.
        self.assertEqual(found['level_idc'], 40)

    def test_units_are_whole_in_order_and_fresh(self):
        viewer = self.watcher()
        config = viewer.wait('config')
        self.assertEqual((config['width'], config['height']), (1280, 800))
        self.assertRegex(config['codec'], r'^avc1\.[0-9a-f]{6}$')
        last = self.frame() + 180
        self.play(180)
        units = viewer.watch_until(lambda units: units and units[-1]['frame'] >= last)
        frames = [unit['frame'] for unit in units]
        self.assertEqual(frames, sorted(frames))
        numbers = [unit['number'] for unit in units]
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))
        for unit in units:
            self.assertEqual(unit['data'][:4], b'\0\0\0\1')
            self.assertLessEqual(unit['captured'], unit['coded'])
            self.assertLessEqual(unit['coded'], unit['at'])
        print(f'{len(units)} units of 180 frames')
        self.assertGreater(len(units), 10)

    def test_nothing_is_sent_while_nothing_changes(self):
        viewer = self.watcher()
        self.rest(viewer)
        before = self.coded()
        self.assertEqual(viewer.watch(3), [])  # only time can show that nothing comes
        self.assertEqual(self.coded(), before)

    def test_another_size_is_another_config(self):
        viewer = self.watcher()
        first = viewer.wait('config')
        viewer.wait('unit')
        self.front.say('scanout 0 2 640 480 2560 window')
        self.front.say('bars 0')
        second = viewer.wait('config')
        unit = viewer.wait('unit')
        self.assertEqual((second['width'], second['height']), (640, 480))
        self.assertGreater(second['generation'], first['generation'])
        self.assertEqual((unit['key'], unit['generation']), (1, second['generation']))
        self.front.say('dark 0')
        self.assertEqual(viewer.wait('lit')['lit'], 0)
        self.front.say('scanout 0 2 1280 800 5120 window')
        self.front.say('bars 0')
        self.assertEqual(viewer.wait('config')['width'], 1280)

    def test_unsubscribing_ends_the_units(self):
        viewer = self.watcher()
        viewer.wait('unit')
        viewer.send(ws.subscribe(0, False))
        self.play(30)
        self.front.wait_for('PLAYED')
        viewer.send(ws.ping(5))
        while viewer.next()[0] != 'pong':
            pass
        self.assertEqual(viewer.watch(0.3), [])  # only time can show that nothing comes
        viewer.send(ws.subscribe(0))
        self.assertTrue(viewer.wait('unit')['key'])

    def test_a_viewer_that_does_not_read_costs_nothing(self):
        good = self.watcher()
        good.wait('unit')
        self.play()
        good.watch_until(lambda units: len(units) >= 60)
        memory = harness.memory_kib(self.pid)
        stuck = [self.watcher(receive_bytes=4096) for _ in range(4)]
        before = self.coded()
        together = good.watch_until(lambda units: len(units) >= 120)
        coded = self.coded() - before
        grown = harness.memory_kib(self.pid) - memory
        print(f'{len(together)} of {coded:.0f} units beside four who do not read; the process grew by {grown} KiB')
        self.assertGreater(len(together), coded / 2)
        self.assertLess(grown, 24 * 1024)
        self.assertEqual(self.front.metrics()['vitrine_viewers'], 5)
        # Who reads again gets what was on its way, and then a key frame of what the display shows by now.
        now = self.frame()
        units = stuck[0].watch_until(lambda units: units and units[-1]['frame'] >= now)
        print(f'{len(units)} units until one that reads again has a fresh one')
        self.assertTrue(units[-1]['key'])
        self.assertLess(len(units), 64)
        self.stop()

    def test_who_does_not_acknowledge_gets_no_more(self):
        viewer, good = self.watcher(), self.watcher()
        viewer.wait('unit')
        self.play()
        good.watch_until(lambda units: len(units) >= 100)
        self.stop()
        viewer.send(ws.ping(1))
        units = 0
        while (found := viewer.next()[0]) != 'pong':
            units += found == 'unit'
        print(f'{units} units without an acknowledgment, 100 with')
        self.assertLess(units, 64)

    def test_half_open_handshakes_do_not_disturb_others(self):
        viewer = self.watcher()
        viewer.wait('unit')
        self.play()
        half_open = []
        for number in range(1000):
            if number % 3 == 2:
                half_open.append(ws.Ws(self.front.host, self.front.port).sock)  # never says who it is
                continue
            half_open.append(socket.create_connection((self.front.host, self.front.port)))
            if number % 3 == 1:
                half_open[-1].sendall(b'GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n')
            if number % 30 == 0:
                now = self.frame()
                viewer.watch_until(lambda units: units and units[-1]['frame'] >= now)
                self.assertTrue(harness.is_open(half_open[-1]), 'a picture came only after its end')
        for sock in half_open:
            sock.close()
        self.stop()

    def test_viewers_have_a_limit(self):
        viewers = [self.viewer(self.front.view_token) for _ in range(32)]
        connection = self.connect()
        connection.send(ws.hello(self.front.view_token))
        self.expect_close(connection, 4429)
        viewers[0].send(ws.ping(1))
        viewers[0].wait('pong')
        self.assertEqual(self.front.request('GET', '/metrics')[0], 200)


class WhoIsSilent(ViewerTest):
    @staticmethod
    def is_ended(connection):
        """Whether the server ends it; nothing is answered."""
        try:
            while connection.sock.recv(65536):
                pass
        except TimeoutError:
            return False
        except ConnectionError:
            pass
        return True

    def test_who_says_nothing_is_ended(self):
        begin = time.monotonic()
        self.assertTrue(self.is_ended(self.connect()))
        self.assertGreater(time.monotonic() - begin, HELLO_SECONDS - 1)

    def test_who_is_gone_is_noticed(self):
        """Answers no ping of the server's."""
        viewer = self.viewer()
        begin = time.monotonic()
        self.assertTrue(self.is_ended(viewer))
        self.assertGreater(time.monotonic() - begin, 15)

    def test_who_only_answers_pings_stays(self):
        viewer = self.viewer()
        until = time.monotonic() + 25
        while time.monotonic() < until:
            try:
                viewer.receive(1)
            except TimeoutError:
                pass
        viewer.send(ws.ping(1))
        viewer.wait('pong')


class Restart(ViewerTest):
    def test_links_outlive_the_screen_process(self):
        viewer = self.viewer()
        screen.kill(self.pid)
        with self.assertRaises((ws.Closed, OSError)):
            while True:
                viewer.receive()

        def again():
            try:
                return ws.Viewer(self.front)
            except (ws.Refused, ws.Closed, OSError):
                return None
        viewer = harness.wait_for(again, what='a viewer after the restart')
        viewer.send(ws.subscribe(0))
        viewer.wait('unit')
        viewer.close()
        type(self).pid = self.front.screen()


class TokenFile(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, 'tokens')

    def start(self):
        front = screen.Front(f'token-file={self.path}')
        self.addCleanup(front.stop)
        return front

    def test_tokens_are_kept(self):
        first = self.start()
        with open(self.path) as file:
            self.assertEqual(file.read(), f'control {first.token}\nview {first.view_token}\n')
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o600)
        second = self.start()
        self.assertEqual((second.token, second.view_token), (first.token, first.view_token))

    def test_files_that_will_not_do(self):
        good = f'control {"1" * 32}\nview {"2" * 32}\n'
        for text in '', good[:-1], good + 'x', good.replace('view', 'wiev'), good.replace('1', 'g'), good.replace('2', '1'):
            with open(self.path, 'w', opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                file.write(text)
            with self.assertRaisesRegex(AssertionError, 'it needs two lines'):
                self.start()
        with open(self.path, 'w') as file:
            file.write(good)
        os.chmod(self.path, 0o644)
        with self.assertRaisesRegex(AssertionError, 'others can read it'):
            self.start()

    def write_good(self, path):
        with open(path, 'w', opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(f'control {"1" * 32}\nview {"2" * 32}\n')

    def test_a_file_of_another_user_is_refused(self):
        if os.geteuid() != 0:
            self.skipTest('only root can give a file to another user')
        self.write_good(self.path)
        os.chown(self.path, 65534, -1)
        with self.assertRaisesRegex(AssertionError, f'{self.path}: it belongs to user 65534.*remove this one'):
            self.start()

    def test_what_is_no_regular_file_is_refused(self):
        target = self.path + '-elsewhere'
        self.write_good(target)
        os.symlink(target, self.path)
        with self.assertRaisesRegex(AssertionError, f'{self.path}: it is a symbolic link.*remove the link'):
            self.start()
        os.unlink(target)  # nor is a file made where a link points to
        with self.assertRaisesRegex(AssertionError, 'it is a symbolic link'):
            self.start()
        self.assertFalse(os.path.exists(target))
        os.unlink(self.path)
        os.mkfifo(self.path, 0o600)
        with self.assertRaisesRegex(AssertionError, f'{self.path}: it is not a regular file'):
            self.start()


class Elsewhere(unittest.TestCase):
    """Addresses that other machines can reach."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.cert, cls.key = (os.path.join(cls.folder.name, name) for name in ('cert.pem', 'key.pem'))
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=vm.example',
                        '-keyout', cls.key, '-out', cls.cert], check=True, capture_output=True)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def start(self, *options, address='0.0.0.0:0'):
        front = screen.Front(*options, http=address)
        self.addCleanup(front.stop)
        front.host = '127.0.0.1'
        return front

    def test_without_tls_they_are_refused(self):
        for address in '0.0.0.0:0', '[::]:0':
            with self.assertRaisesRegex(AssertionError, 'without TLS.*--tls-cert.*ssh -L.*--insecure'):
                self.start(address=address)
        with self.assertRaisesRegex(AssertionError, 'TLS needs a certificate and its key'):
            self.start(f'tls-cert={self.cert}')
        with self.assertRaisesRegex(AssertionError, 'TLS needs a certificate and its key'):
            self.start(f'tls-key={self.key}')

    def test_tls(self):
        front = self.start(f'tls-cert={self.cert}', f'tls-key={self.key}', 'names=vm.example,b.example')
        self.assertTrue(front.links[0].startswith('https://'))
        context = ws.tls_context(self.cert)
        pid = front.screen()
        for host, status in (('vm.example', 101), ('B.EXAMPLE:1', 101), ('192.0.2.1:443', 101), ('evil.example', 403),
                             ('xvm.example', 403), ('vm.example.evil', 403), ('[2001:db8::1]:1', 101)):
            try:
                with ws.Viewer(front, tls=context, headers={'Host': host, 'Origin': f'https://{host}'}):
                    found = 101
            except ws.Refused as refused:
                found = refused.status
            self.assertEqual(found, status, host)
        with self.assertRaises(ws.Refused):
            ws.Viewer(front, tls=context, headers={'Host': 'vm.example', 'Origin': 'http://vm.example'})
        with self.assertRaises((ws.Refused, OSError)):
            ws.Viewer(front)  # without TLS
        front.say('mode 0 1 640 480')
        front.say('scanout 0 2 640 480 2560 window')
        front.say('bars 0')
        with ws.Viewer(front, tls=context) as viewer:
            viewer.send(ws.subscribe(0))
            self.assertTrue(viewer.wait('unit')['key'])
            half_open = [socket.create_connection((front.host, front.port)) for _ in range(200)]
            viewer.send(ws.ping(1))
            viewer.wait('pong')
            for sock in half_open:
                sock.close()
        self.assertEqual(front.screen(), pid)

    def test_insecure_is_as_it_says(self):
        front = self.start('insecure')
        with ws.Viewer(front, headers={'Host': '192.0.2.1'}):
            pass
        with self.assertRaises(ws.Refused):
            ws.Viewer(front, headers={'Host': 'evil.example'})

    def test_a_certificate_that_will_not_do_is_said(self):
        bad = os.path.join(self.folder.name, 'bad.pem')
        with open(bad, 'w') as file:
            file.write('no certificate\n')
        front = self.start(f'tls-cert={bad}', f'tls-key={self.key}')
        harness.wait_for(lambda: 'cannot use the certificate' in front.log(), what='a word about the certificate')


if __name__ == '__main__':
    screen.FRONT = os.path.abspath(sys.argv.pop(2))
    harness.main()
