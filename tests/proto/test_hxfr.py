#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""HXFR: a client that was written for another host gets its frames, and none can hurt the server."""

import contextlib
import os
import select
import socket
import struct
import sys
import time
import unittest

import harness
import screen
import ws

FRAME_RESPONSE, KEYFRAME_REQ, CONFIG_REQ = 0x02, 0x03, 0x04
PING, PONG = 0x10, 0x11
ENABLE_SCANOUT, DISABLE_SCANOUT, SCANOUT_RESP = 0x20, 0x21, 0x22
SUBSCRIBE, SUBSCRIBE_RESP = 0x30, 0x31
AUTH, AUTH_RESP, ERROR = 0x7e, 0x7f, 0xff
SPS, IDR, SLICE = 7, 5, 1


class Closed(Exception):
    pass


def pack(kind, payload=b'', session=0, size=None):
    return b'HXFR' + struct.pack('<BBHI', kind, 0, session, len(payload) if size is None else size) + payload


def nal_types(data):
    """Of an access unit of Annex B with start codes of four bytes, as clients split it."""
    assert data.startswith(b'\0\0\0\1'), data[:8]
    return [part[0] & 31 for part in data.split(b'\0\0\0\1')[1:]] + \
           [part[0] & 31 for part in data.split(b'\0\0\1')[1:]]


class Client:
    def __init__(self, link, receive_bytes=0, source=None):
        host, port = link.removeprefix('hxfr://').split('/')[0].rsplit(':', 1)
        self.sock = socket.socket(socket.AF_INET)
        if receive_bytes:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        if source:
            self.sock.bind((source, 0))
        self.sock.settimeout(20)
        self.sock.connect((host, int(port)))

    def close(self):
        self.sock.close()

    def send(self, *args, **more):
        self.sock.sendall(pack(*args, **more))

    def take(self, size):
        data = b''
        while len(data) < size:
            try:
                more = self.sock.recv(min(size - len(data), 1 << 20))
            except ConnectionResetError:
                more = b''
            if not more:
                raise Closed()
            data += more
        return data

    def receive(self):
        """-> type, session, payload"""
        magic, kind, flags, session, size = struct.unpack('<4sBBHI', self.take(12))
        assert (magic, flags) == (b'HXFR', 0), (magic, flags)
        return kind, session, self.take(size)

    def answer(self, wanted):
        """The next message of a type; frames are skipped."""
        while True:
            kind, session, payload = self.receive()
            if kind == wanted:
                return session, payload
            assert kind == FRAME_RESPONSE, kind

    def is_served(self):
        """Whether the server answers, and has not ended the connection."""
        try:
            self.send(PING)
            self.answer(PONG)
            return True
        except (Closed, ConnectionError):
            return False

    def subscribe(self, display):
        self.send(SUBSCRIBE, struct.pack('<I', display))
        session, payload = self.answer(SUBSCRIBE_RESP)
        got, success = struct.unpack('<II', payload)
        assert (got, session) == (display, display & 0xffff)
        return bool(success)

    def frame(self):
        """-> display, pts, key, NAL types"""
        while True:
            kind, session, payload = self.receive()
            if kind != FRAME_RESPONSE:
                continue
            pts, dts, key, count = struct.unpack_from('<qqB3xI', payload)
            size, = struct.unpack_from('<I', payload, 24)
            assert (count, size, dts) == (1, len(payload) - 28, pts)
            return session, pts, bool(key), nal_types(payload[28:])

    def has_more(self, seconds):
        return bool(select.select([self.sock], [], [], seconds)[0])

    def error(self):
        """The error with which the server ends the connection."""
        kind, _, payload = self.receive()
        assert (kind, len(payload)) == (ERROR, 260), kind
        code, = struct.unpack_from('<i', payload)
        try:
            self.receive()
        except Closed:
            return code
        raise AssertionError('the connection goes on')


class HxfrTest(unittest.TestCase):
    OPEN = True

    @classmethod
    def setUpClass(cls):
        cls.front = screen.Front('hxfr-open=127.0.0.1:0' if cls.OPEN else 'hxfr=127.0.0.1:0')
        cls.link = cls.front.links[2]
        for display in 0, 1:
            cls.front.say(f'mode {display} 1 320 240')
            cls.front.say(f'scanout {display} 2 320 240 1280 window')
            cls.front.say(f'frame {display} {display}')

    @classmethod
    def tearDownClass(cls):
        cls.front.stop()

    def tearDown(self):
        self.front.check_sound()

    def connect(self, **options):
        client = Client(self.link, **options)
        self.addCleanup(client.close)
        return client


class Clients(HxfrTest):
    def test_a_static_display_is_seen_at_once(self):
        for display in 0, 1, 0:
            client = self.connect()
            begin = time.monotonic()
            self.assertTrue(client.subscribe(display))
            session, pts, key, types = client.frame()
            self.assertLess(time.monotonic() - begin, 2)
            self.assertEqual((session, key), (display, True))
            self.assertIn(SPS, types)
            self.assertIn(IDR, types)
            client.close()

    def test_frames_follow_in_order_with_real_times(self):
        client = self.connect()
        self.assertTrue(client.subscribe(0))
        client.frame()
        self.front.say('play 0 33000 60')
        times = []
        while len(times) < 30:
            display, pts, key, types = client.frame()
            self.assertEqual(display, 0)
            self.assertIn(IDR if key else SLICE, types)
            times.append(pts)
        self.front.wait_for('PLAYED')
        self.assertEqual(times, sorted(times))
        now = time.monotonic_ns()
        self.assertLess(now - times[-1], 5e9)
        # 30 fps, as far as two processors that others use, too, let it be so.
        self.assertLess((times[-1] - times[0]) / 29, 120e6)
        self.assertGreater((times[-1] - times[0]) / 29, 20e6)

    def test_a_key_frame_on_demand(self):
        client = self.connect()
        client.subscribe(1)
        self.assertTrue(client.frame()[2])
        while client.has_more(1.5):
            client.frame()  # the refinement
        client.send(KEYFRAME_REQ)
        self.assertTrue(client.frame()[2])

    def test_another_display_on_the_same_connection(self):
        client = self.connect()
        self.assertTrue(client.subscribe(0))
        self.assertEqual(client.frame()[0], 0)
        self.assertTrue(client.subscribe(1))
        while True:
            display, _, key, _ = client.frame()
            if display == 1:
                break
        self.assertTrue(key)

    def test_displays_that_are_not_there(self):
        client = self.connect()
        for display in 2, 15, 16, 255, 0xffffffff:
            self.assertFalse(client.subscribe(display), display)
        self.assertTrue(client.subscribe(1))
        self.assertEqual(client.frame()[0], 1)

    def test_pings_come_back(self):
        client = self.connect()
        for session in 0, 7, 65535:
            client.send(PING, session=session)
            self.assertEqual(client.answer(PONG), (session, b''))

    def test_scanouts_are_plugged_in_and_out(self):
        client = self.connect()
        client.send(ENABLE_SCANOUT, struct.pack('<4I', 3, 800, 600, 60))
        session, payload = client.answer(SCANOUT_RESP)
        self.assertEqual((session, payload), (3, struct.pack('<II64s', 3, 1, b'Virtual-4')))
        self.assertEqual(self.front.wait_for('MODE'), 'MODE 3 1 800 600')
        client.send(DISABLE_SCANOUT, struct.pack('<I', 3))
        self.assertTrue(self.front.wait_for('MODE').startswith('MODE 3 0 '))
        for display, width, height in (16, 800, 600), (3, 31, 600), (3, 800, 16385), (2**32 - 1, 800, 600):
            client.send(ENABLE_SCANOUT, struct.pack('<4I', display, width, height, 60))
            self.assertEqual(struct.unpack_from('<II', client.answer(SCANOUT_RESP)[1]), (display, 0))

    def test_the_bitrate_is_a_wish_that_counts(self):
        client = self.connect()
        client.subscribe(0)
        client.frame()

        def bytes_at(bitrate):
            client.send(CONFIG_REQ, struct.pack('<5I2BB5x', 320, 240, bitrate, 60, 1, 66, 40, 1))
            total = 0
            for seed in range(40):
                self.front.say(f'frame 0 {seed * 17}')
                while True:
                    kind, _, payload = client.receive()
                    if kind == FRAME_RESPONSE:
                        break
                total += len(payload) if seed >= 10 else 0
            return total
        much, little = bytes_at(50000000), bytes_at(200000)
        self.assertLess(2 * little, much)

    def wait_bitrate(self, wanted):
        """Until the display is coded with that limit; each frame is coded with the newest one."""
        def is_set():
            self.front.say(f'frame 1 {time.monotonic_ns() & 0xffff}')
            return self.front.metrics()['vitrine_video_bitrate{display="1"}'] == wanted
        harness.wait_for(is_set, 60, f'a bitrate of {wanted}')

    def ask_bitrate(self, client, bitrate):
        client.send(CONFIG_REQ, struct.pack('<5I2BB5x', 320, 240, bitrate, 60, 1, 66, 40, 1))
        client.send(PING)
        client.answer(PONG)

    def test_the_bitrate_has_limits_and_ends_with_its_client(self):
        default = 2000000 + 320 * 240 * 6
        watcher = self.connect()
        watcher.subscribe(1)
        watcher.frame()
        self.wait_bitrate(default)
        first, last = self.connect(), self.connect()
        for client in first, last:
            self.assertTrue(client.subscribe(1))
        self.ask_bitrate(first, 3000000)
        self.wait_bitrate(3000000)
        for asked, given in (2**32 - 1, 400000000), (400000001, 400000000), (1, 100000), (99999, 100000):
            self.ask_bitrate(last, asked)
            self.wait_bitrate(given)
        self.ask_bitrate(last, 0)
        self.wait_bitrate(100000)
        last.close()
        self.wait_bitrate(3000000)
        self.assertTrue(first.subscribe(0))
        self.wait_bitrate(default)
        self.ask_bitrate(watcher, 5000000)
        self.wait_bitrate(5000000)
        with ws.Viewer(self.front) as viewer:
            viewer.send(ws.subscribe(1))
            for asked, given in (2**32 - 1, 400000000), (1, 100000), (0, default):
                viewer.send(ws.bitrate(1, asked))
                self.wait_bitrate(given)
            viewer.send(ws.bitrate(1, 7000000))
            self.wait_bitrate(7000000)
            viewer.send(ws.subscribe(1, False))
            self.wait_bitrate(5000000)
            viewer.send(ws.subscribe(1))
            self.wait_bitrate(7000000)
        self.wait_bitrate(5000000)

    def test_what_is_not_known_is_skipped(self):
        client = self.connect()
        for size in 0, 1, 100, 1 << 20:
            client.send(0x55, bytes(size))
            client.send(PING, b'more than a ping has')
            client.answer(PONG)
        client.send(SUBSCRIBE, struct.pack('<I', 1) + bytes(1000))
        self.assertEqual(client.answer(SUBSCRIBE_RESP)[1], struct.pack('<II', 1, 1))

    def test_messages_in_pieces(self):
        client = self.connect()
        for byte in pack(SUBSCRIBE, struct.pack('<I', 1)) + pack(PING, session=3):
            client.sock.send(bytes([byte]))
        client.answer(SUBSCRIBE_RESP)
        self.assertEqual(client.answer(PONG)[0], 3)

    def test_nonsense_ends_the_connection(self):
        for data in (b'GET / HTTP/1.1\r\n\r\n', bytes(12), pack(0x55, size=(64 << 20) + 1),
                     pack(SUBSCRIBE, b'abc'), pack(CONFIG_REQ, bytes(27)), pack(1, bytes(44))):
            with self.subTest(data=data[:16]):
                client = self.connect()
                client.sock.sendall(data)
                self.assertEqual(client.error(), -1)

    def test_a_client_that_does_not_read_does_not_delay_others(self):
        """And goes on with a key frame, once it reads again."""
        self.front.say('mode 4 1 1280 800')
        self.front.say('scanout 4 2 1280 800 5120 window')
        self.front.say('frame 4 1')
        slow = self.connect(receive_bytes=4096)
        slow.subscribe(4)
        quick = self.connect()
        quick.subscribe(4)
        quick.frame()
        quick.send(CONFIG_REQ, struct.pack('<5I2BB5x', 1280, 800, 50000000, 60, 1, 66, 40, 1))
        quick_times = []
        for seed in range(60):  # patterns, which are a lot of bytes
            self.front.say(f'frame 4 {seed * 17}')
            quick_times.append(quick.frame()[1])
        self.front.say('code 4 33000 60')
        frames = []
        while not frames or frames[-1][0] <= quick_times[-1]:
            _, pts, key, _ = slow.frame()
            frames.append((pts, key))
        quick.close()
        self.front.wait_for('PLAYED')
        self.assertLess(self.front.cost()[3], 200000, 'microseconds that a frame was late')
        # Where something is missing, and only there, a key frame follows.
        gaps = [after for before, after in zip(frames, frames[1:])
                if any(before[0] < quick_time < after[0] for quick_time in quick_times)]
        self.assertTrue(gaps, 'nothing was dropped')
        self.assertTrue(all(key for _, key in gaps), gaps)

    def test_who_pings_and_does_not_read_is_not_listened_to(self):
        client = self.connect(receive_bytes=4096)
        client.sock.settimeout(2)
        sent = 0
        try:
            for _ in range(100000):
                client.sock.sendall(pack(ENABLE_SCANOUT, struct.pack('<4I', 99, 1, 1, 1)) * 100)
                sent += 100
        except TimeoutError:
            pass
        self.assertLess(sent, 10000000)
        other = self.connect()
        other.send(PING)
        other.answer(PONG)

    def test_there_is_room_for_sixteen(self):
        clients = [self.connect() for _ in range(16)]
        for client in clients:
            client.send(PING)
            client.answer(PONG)
        one_more = self.connect()
        with self.assertRaises(Closed):
            one_more.receive()
        clients.pop().close()
        harness.wait_for(lambda: self.connect().is_served(), 5, 'a place')
        for client in clients:
            client.close()

    def test_no_address_has_all_places(self):
        many = [self.connect(source='127.0.0.2') for _ in range(16)]
        self.assertTrue(all(map(Client.is_served, many)))
        others = [self.connect(source='127.0.0.3') for _ in range(9)]
        self.assertEqual(list(map(Client.is_served, others)), [True] * 8 + [False])
        self.assertEqual(list(map(Client.is_served, many)), [False] * 8 + [True] * 8)
        for client in *many, *others:
            client.close()

    def test_connections_come_and_go(self):
        pid = self.front.screen()
        before = None
        for number in range(60):
            client = self.connect()
            client.subscribe(number % 2)
            if number % 3:
                client.frame()
            client.close()
            if number == 10:
                before = len(os.listdir(f'/proc/{pid}/fd'))
        harness.wait_for(lambda: len(os.listdir(f'/proc/{pid}/fd')) <= before, 60, 'fds are closed')


class Tokens(HxfrTest):
    OPEN = False

    def token(self, view=False):
        return (self.front.view_token if view else self.front.token).encode()

    def test_the_link_has_the_token(self):
        self.assertEqual(self.link.split('#token=')[1], self.front.token)

    def test_without_a_token_there_is_nothing(self):
        for message in (pack(SUBSCRIBE, struct.pack('<I', 0)), pack(PING), pack(0x55),
                        pack(ENABLE_SCANOUT, struct.pack('<4I', 0, 640, 480, 60))):
            client = self.connect()
            client.sock.sendall(message)
            self.assertEqual(client.error(), -7)

    def test_a_wrong_token(self):
        good = self.token()
        for token in bytes(32), good[:-1] + b'x', b'x' + good[1:], good.upper() + b'', good[::-1]:
            if token == good:
                continue
            client = self.connect()
            client.send(AUTH, token)
            self.assertEqual(client.error(), -7)
        client = self.connect()
        client.send(AUTH, good[:-1])
        self.assertEqual(client.error(), -1)

    def test_a_token_for_watching(self):
        client = self.connect()
        client.send(AUTH, self.token(view=True))
        self.assertEqual(client.answer(AUTH_RESP)[1], struct.pack('<I', 1))
        self.assertTrue(client.subscribe(0))
        self.assertTrue(client.frame()[2])
        client.close()
        for kind, payload in ((ENABLE_SCANOUT, struct.pack('<4I', 0, 640, 480, 60)),
                              (DISABLE_SCANOUT, struct.pack('<I', 0)), (CONFIG_REQ, bytes(28))):
            client = self.connect()
            client.send(AUTH, self.token(view=True))
            client.answer(AUTH_RESP)
            client.send(kind, payload)
            self.assertEqual(client.error(), -7)
        self.assertFalse([line for line in self.front.unasked if line.startswith('MODE')])

    def test_a_token_for_everything(self):
        client = self.connect()
        client.send(AUTH, self.token())
        self.assertEqual(client.answer(AUTH_RESP)[1], struct.pack('<I', 2))
        client.send(ENABLE_SCANOUT, struct.pack('<4I', 5, 640, 480, 60))
        client.answer(SCANOUT_RESP)
        self.assertEqual(self.front.wait_for('MODE'), 'MODE 5 1 640 480')

    def test_silent_clients_do_not_block_others(self):
        silent = [self.connect() for _ in range(40)]
        client = self.connect()
        client.send(AUTH, self.token())
        client.answer(AUTH_RESP)
        self.assertTrue(client.subscribe(1))
        self.assertTrue(client.frame()[2])
        with self.assertRaises(Closed):
            silent[0].receive()
        begin = time.monotonic()
        with self.assertRaises(Closed):
            silent[-1].receive()
        self.assertLess(time.monotonic() - begin, 8)
        client.send(PING)
        client.answer(PONG)

    def test_who_only_watches_locks_nobody_out(self):
        """From one address and from many, also while some own the machine already."""
        for addresses in ['127.0.0.1'], [f'127.0.4.{number}' for number in range(1, 25)]:
            clients = [self.connect(source=addresses[i % len(addresses)]) for i in range(24)]
            for client in clients:
                with contextlib.suppress(OSError):
                    client.send(AUTH, self.token(view=True))
            owners = []
            for _ in range(8):
                owners.append(self.connect())
                owners[-1].send(AUTH, self.token())
                self.assertEqual(owners[-1].answer(AUTH_RESP)[1], struct.pack('<I', 2))
            self.assertTrue(all(map(Client.is_served, owners)))
            for client in *clients, *owners:
                client.close()

    def test_silent_clients_of_an_address_replace_each_other(self):
        late = [self.connect(source='127.0.0.3') for _ in range(3)]
        silent = [self.connect(source='127.0.0.2') for _ in range(24)]
        for client in late:
            client.send(AUTH, self.token())
            client.answer(AUTH_RESP)
        for client in silent[:-8]:
            with self.assertRaises(Closed):
                client.receive()
        for client in silent[-8:]:
            self.assertFalse(client.has_more(0))
        for client in *silent, *late:
            client.close()


if __name__ == '__main__':
    screen.FRONT = os.path.abspath(sys.argv.pop(2))
    harness.main()
