# SPDX-License-Identifier: MIT
"""What clients hold of the screen process's memory if they ask for large pictures and do not read them."""

import os
import socket
import sys
import time

import harness
import screen
import ws
from test_web import WebTest


class WhoHoldsPictures(WebTest):
    """Asks for large pictures that nothing compresses, each another one, and does not read them."""

    WIDTH, HEIGHT = 3840, 2160
    PICTURE = WIDTH * HEIGHT * 3
    BUDGET = 128 << 20  # of all files together (src/screen/snapshot.h)
    # The copies from which the files are made, and what the server needs beside the pictures.
    BESIDE = WIDTH * HEIGHT * 7 + (32 << 20)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.front.say(f'buffer 1 {cls.WIDTH * cls.HEIGHT * 4}')
        cls.front.say(f'scanout 1 2 {cls.WIDTH} {cls.HEIGHT} {cls.WIDTH * 4} 1')
        cls.seed = 0

    def setUp(self):
        """The last picture is kept; the others are dropped when the server sees the end of their connections."""
        harness.wait_for(lambda: self.front.metrics()['vitrine_stills_bytes'] < 2 * self.PICTURE, 60, 'room')

    def draw(self):
        type(self).seed += 1
        self.front.say(f'noise 1 {self.seed}')

    def ask(self, view=False, source='127.0.0.1'):
        """-> a connection that has read the head of the answer and no more, and the head"""
        sock = socket.socket()
        self.addCleanup(sock.close)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(harness.SECONDS)
        sock.bind((source, 0))
        sock.connect((self.front.host, self.front.port))
        token = self.front.view_token if view else self.front.token
        sock.sendall(f'GET /api/displays/1/frame.png HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n'.encode())
        return sock, sock.recv(4096)

    def hold_share(self, source, viewer=None):
        """Requests a new picture on each connection until the server has no room. -> the connections that received one"""
        held = []
        while len(held) < 2 * self.BUDGET // self.PICTURE:
            self.draw()
            sock, head = self.ask(True, source)
            if viewer:
                self.front.say(f'frame 0 {self.seed}')
                viewer.send(ws.ack(0, viewer.wait('unit')['number']))
            if not head.startswith(b'HTTP/1.1 200'):
                self.assertTrue(head.startswith(b'HTTP/1.1 503'), head)
                self.assertIn(b'\r\nretry-after: 1\r\n', head.lower())
                break
            held.append(sock)
        return held

    def hold_all(self, viewer=None):
        """One address has half, and what begins in it; the other has the rest."""
        begin = time.monotonic()
        first = self.hold_share('127.0.0.2', viewer)
        if time.monotonic() - begin < 10:  # later the first ones make room
            self.assertEqual(len(first), -(-self.BUDGET // 2 // self.PICTURE))
        return first + self.hold_share('127.0.0.3', viewer)

    def check_memory(self, before_kib):
        used_kib = harness.memory_kib(self.pid) - before_kib
        files = self.front.metrics()['vitrine_stills_bytes']
        print(f'{used_kib >> 10} MiB, of which files: {files / 2**20:.0f}', flush=True)
        self.assertLessEqual(files, self.BUDGET)
        if not harness.is_sanitized():
            self.assertLess(used_kib, (self.BUDGET + self.BESIDE) >> 10)

    def read_another(self):
        """At once."""
        self.draw()
        self.assertEqual(self.front.request('GET', '/api/displays/1/frame.png', seconds=60)[0], 200)

    def read_picture(self):
        def ask():
            answer = self.front.request('GET', '/api/displays/1/frame.png', seconds=60)
            return answer if answer[0] != 503 else time.sleep(float(answer[1]['Retry-After']))
        status, _, body = harness.wait_for(ask, 60, 'a picture')
        self.assertEqual(status, 200)
        self.assertGreater(len(body), self.PICTURE)

    def test_all_pictures_have_one_budget(self):
        before_kib = harness.memory_kib(self.pid)
        with ws.Viewer(self.front) as viewer:
            viewer.send(ws.subscribe(0))
            for _ in range(2):
                begin = time.monotonic()
                held = self.hold_all(viewer)
                self.check_memory(before_kib)
                self.assertGreaterEqual(len(held), self.BUDGET // self.PICTURE)
                if time.monotonic() - begin < 10:  # later the first ones make room
                    self.assertEqual(len(held), self.BUDGET // self.PICTURE)
                for sock in held:
                    sock.close()
                self.read_picture()
            self.check_memory(before_kib)
            self.front.say('solid 1 1')
            self.assertLess(len(self.front.picture(1)[2]), self.PICTURE)

    def test_who_does_not_read_makes_room(self):
        """After ten seconds, and for one who waits as long as the answer says."""
        held = self.hold_all()
        self.draw()
        self.read_picture()
        for sock in held:
            sock.close()

    def test_an_address_has_a_share(self):
        held = self.hold_share('127.0.0.2')
        self.read_another()
        for sock in held:
            sock.close()

    def test_the_same_picture_is_held_once(self):
        """And is counted once for its address."""
        self.draw()
        socks = []
        for sock, head in [self.ask() for _ in range(12)]:
            self.assertTrue(head.startswith(b'HTTP/1.1 200'), head)
            socks.append(sock)
        self.assertLess(self.front.metrics()['vitrine_stills_bytes'], 1.5 * self.PICTURE)
        self.read_another()
        for sock in socks:
            sock.close()


if __name__ == '__main__':
    screen.FRONT = os.path.abspath(sys.argv.pop(2))
    harness.main()
