#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The web server of the screen process: who may ask, and what happens to those who ask for too much."""

import concurrent.futures
import contextlib
import os
import socket
import sys
import time
import unittest
import unittest.mock

import harness
import screen
import ws
from viewer_case import FrontCase

# What the server takes (src/web/session.h).
MAX_SESSIONS = 64
MAX_STRANGERS = 32
REQUEST_SECONDS = 10
# Attempts to look at what the server keeps for so long only.
TRIES = 4


class WebTest(FrontCase):
    @classmethod
    def setUpClass(cls):
        cls.start()
        cls.front.picture(0)

    def tearDown(self):
        super().tearDown()
        self.assertEqual(self.front.picture(0)[0], 200)

    def bearer(self):
        return f'Authorization: Bearer {self.front.token}'

    def connect(self):
        return socket.create_connection((self.front.host, self.front.port), harness.SECONDS)

    def talk(self, data):
        """Sends bytes; returns what comes until the other side closes."""
        with self.connect() as sock:
            sock.sendall(data)
            answer = b''
            try:
                while True:
                    more = sock.recv(65536)
                    if not more:
                        return answer
                    answer += more
            except ConnectionResetError:
                return answer

    def status(self, data):
        """The status of the answer; 0: there was none."""
        answer = self.talk(data)
        return int(answer.split()[1]) if answer else 0


class WhoMayAsk(WebTest):
    def ask(self, headers, method='GET', path='/api/displays'):
        lines = ''.join(f'{line}\r\n' for line in [*headers, self.bearer()])
        return self.status(f'{method} {path} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n'.encode())

    def test_hosts(self):
        for host in f'127.0.0.1:{self.front.port}', 'localhost', f'LOCALHOST:{self.front.port}', '127.0.0.1:9', '[::1]:80':
            self.assertEqual(self.ask([f'Host: {host}']), 200, host)
        for host in 'evil.example', f'evil.example:{self.front.port}', '127.0.0.1.evil.example', '10.0.2.2', '', 'x' * 300:
            self.assertEqual(self.ask([f'Host: {host}']), 403, host)
        self.assertEqual(self.ask([]), 403)

    def test_every_path_is_guarded(self):
        for path in ('/', '/page.js', '/api/displays', '/api/displays/0/frame.png', '/metrics', '/nothing'):
            self.assertEqual(self.ask(['Host: evil.example'], path=path), 403, path)
        self.assertEqual(self.ask(['Host: evil.example', 'Content-Length: 0'], 'PUT', '/api/displays/0'), 403)

    def test_origins(self):
        host = f'127.0.0.1:{self.front.port}'
        self.assertEqual(self.ask([f'Host: {host}', f'Origin: http://{host}']), 200)
        for origin in ('http://evil.example', 'null', f'https://{host}', f'http://localhost:{self.front.port}',
                       'http://127.0.0.1:1', 'x' * 300):
            self.assertEqual(self.ask([f'Host: {host}', f'Origin: {origin}']), 403, origin)

    def test_what_the_browser_says_of_the_asking_page(self):
        host = f'Host: 127.0.0.1:{self.front.port}'
        for site, status in ('same-origin', 200), ('none', 200), ('cross-site', 403), ('same-site', 403), ('x', 403):
            self.assertEqual(self.ask([host, f'Sec-Fetch-Site: {site}']), status, site)

    def test_refusals_are_counted(self):
        name = 'vitrine_http_refused_total{reason="host"}'
        before = self.front.metrics()[name]
        self.ask(['Host: evil.example'])
        self.assertEqual(self.front.metrics()[name], before + 1)


class WhatMayBeAsked(WebTest):
    def test_methods(self):
        for method in 'POST', 'DELETE', 'PATCH', 'OPTIONS':
            self.assertEqual(self.front.request(method, '/api/displays')[0], 405, method)
        # What the library does not know, it ends.
        for method in 'CONNECT', 'TRACE', 'BREW', 'GETS':
            self.assertIn(self.status(f'{method} / HTTP/1.1\r\nHost: localhost\r\n\r\n'.encode()),
                          (0, 400, 403, 404, 405), method)

    def test_head(self):
        status, headers, body = self.front.request('HEAD', '/api/displays/0/frame.png')
        self.assertEqual((status, body), (200, b''))
        self.assertGreater(int(headers['Content-Length']), 100)

    def test_paths(self):
        for path in ('/x', '/api', '/api/', '/api/displays/', '/api/displays/0', '/api/displays/16/frame.png',
                     '/api/displays/00/frame.png', '/api/displays/-1/frame.png', '/api/displays/0x0/frame.png',
                     '/api/displays/0/frame.jpg', '/api/displays/0/frame.pngx', '/api/displays/99999999999/frame.png',
                     '/etc/passwd', '/' + 'x' * 1000):
            self.assertEqual(self.front.request('GET', path)[0], 404, path)
        for path in '/../../etc/passwd', '/%2e%2e/etc/passwd', '/..%2f..%2fetc/passwd', '/x%00', '/api/displays%2f':
            self.assertIn(self.status(f'GET {path} HTTP/1.1\r\nHost: localhost\r\n{self.bearer()}\r\n'
                                      'Connection: close\r\n\r\n'.encode()), (0, 400, 403, 404), path)

    def test_wishes(self):
        for body in ('', '{}', '{"width": 640}', '{"width": 640, "height": 31}', '{"width": 16385, "height": 640}',
                     '{"width": 640, "height": 480, "depth": 3}', 'x', '[]', '{"connected": 1}'):
            self.assertEqual(self.front.request('PUT', '/api/displays/0', body)[0], 400, body)
        self.assertEqual(self.front.request('PUT', '/api/displays/5', '{"connected": true}')[0], 400,
                         'a display that never had a mode')
        self.assertEqual(self.front.request('PUT', '/api/displays', '{"connected": true}')[0], 405)
        self.assertEqual(self.front.request('PUT', '/api/displays/0/frame.png', '{}')[0], 405)
        self.assertEqual(self.front.request('PUT', '/api/displays/16', '{}')[0], 405)

    def test_bodies_have_a_limit(self):
        head = f'PUT /api/displays/0 HTTP/1.1\r\nHost: localhost\r\n{self.bearer()}\r\n'
        for length in '1025', '99999999', '18446744073709551616', '1' * 500, '-1', 'x':
            self.assertIn(self.status(f'{head}Content-Length: {length}\r\n\r\n'.encode() + b'x' * 2000), (0, 400, 413),
                          length)
        self.assertEqual(self.status(f'{head}\r\n'.encode()), 411)
        self.assertIn(self.status(f'{head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'.encode()),
                      (0, 400, 411))
        # A body that a request should not have is not taken for the next request.
        answer = self.talk(f'GET /metrics HTTP/1.1\r\nHost: localhost\r\n{self.bearer()}\r\n'
                           'Content-Length: 60\r\n\r\n'.encode() + b'GET /api/displays HTTP/1.1\r\nHost: localhost\r\n\r\n')
        self.assertLessEqual(answer.count(b'HTTP/1.1 '), 1)

    def test_headers_have_a_limit(self):
        for headers in b'X: ' + b'y' * 100000, b'\r\n'.join(b'X-%d: y' % i for i in range(10000)), b'Cookie: ' + b'a' * 9000:
            try:
                answer = self.status(b'GET / HTTP/1.1\r\nHost: localhost\r\n' + headers + b'\r\n\r\n')
            except BrokenPipeError:
                answer = 0
            self.assertNotEqual(answer, 200)
        self.assertNotEqual(self.status(b'GET /' + b'x' * 50000 + b' HTTP/1.1\r\nHost: localhost\r\n\r\n'), 200)

    def test_there_is_nothing_to_upgrade_to(self):
        for protocol in 'websocket', 'h2c', 'x':
            answer = self.talk(f'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n'
                               'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n'
                               'HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n'.encode() if protocol != 'x' else
                               b'GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: Upgrade, close\r\nUpgrade: x\r\n\r\n')
            self.assertNotIn(b'101 Switching', answer)

    def test_noise(self):
        for data in (b'\0' * 1000, bytes(range(256)) * 16, b'\x16\x03\x01\x02\x00\x01\x00', b'\r\n' * 5000,
                     b'GET', b'GET / HTTP/9.9\r\n\r\n', b'GET / HTTP/1.1\r\nHost\r\n\r\n', b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'):
            with self.connect() as sock:
                try:
                    sock.sendall(data)
                except (BrokenPipeError, ConnectionResetError):
                    pass

    def test_connections_are_used_again(self):
        connection = self.front.connect()
        for _ in range(20):
            for path in '/api/displays', '/metrics', '/api/displays/0/frame.png':
                connection.request('GET', path, headers={'Authorization': f'Bearer {self.front.token}'})
                answer = connection.getresponse()
                self.assertEqual(answer.status, 200)
                answer.read()
        connection.close()

    def test_many_at_once(self):
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            answers = list(pool.map(lambda _: self.front.request('GET', '/api/displays/0/frame.png')[0], range(300)))
        self.assertEqual(answers, [200] * 300)


class WhoTakesTooLong(WebTest):
    def test_half_open_connections_do_not_block_others(self):
        """1000 connections, of which none ever finishes a request."""
        half_open = []
        for number in range(1000):
            sock = self.connect()
            if number % 2:
                sock.sendall(b'GET / HTTP/1.1\r\nHost: ')
            half_open.append(sock)
            if number % 50 == 0:
                self.assertEqual(self.front.request('GET', '/api/displays')[0], 200)
                self.assertTrue(harness.is_open(sock), 'the answer came only after its end')
        metrics = self.front.metrics()
        ended = metrics['vitrine_http_refused_total{reason="full"}']
        print(f'{metrics["vitrine_http_connections"]:.0f} connections are open, {ended:.0f} were ended for newer ones')
        self.assertLessEqual(metrics['vitrine_http_connections'], MAX_SESSIONS)
        self.assertLess(len(os.listdir(f'/proc/{self.pid}/fd')), MAX_SESSIONS + 32)
        for sock in half_open:
            sock.close()

    def test_who_sends_nothing_is_ended(self):
        """Half-open, and one that sends a byte now and then."""
        socks = [self.connect(), self.connect(), self.connect()]
        socks[1].sendall(b'GET / HTTP/1.1\r\n')
        socks[2].sendall(b'GET / HTTP/1.1\r\nX: ')
        begin = time.monotonic()

        def are_ended():
            with contextlib.suppress(OSError):
                socks[2].send(b'y')
            return not any(map(harness.is_open, socks))
        harness.wait_for(are_ended, what='the end of all of them', pause=0.1)
        self.assertGreater(time.monotonic() - begin, REQUEST_SECONDS - 1)
        for sock in socks:
            sock.close()

    def test_a_client_that_does_not_read_costs_nothing(self):
        """Asks for large pictures and never reads them."""
        self.front.say(f'buffer 1 {2048 * 1024 * 4}')
        self.front.say('scanout 1 2 2048 1024 8192 1')
        self.front.say('noise 1 1')
        self.front.picture(1)
        stuck = []
        for _ in range(8):
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect((self.front.host, self.front.port))
            sock.sendall(f'GET /api/displays/1/frame.png?token={self.front.token} HTTP/1.1\r\nHost: localhost\r\n\r\n'.encode())
            stuck.append(sock)
        for _ in range(20):
            self.assertEqual(self.front.request('GET', '/api/displays')[0], 200)
        self.assertTrue(any(map(harness.is_open, stuck)), 'the answers came only after their end')
        for sock in stuck:
            sock.close()


class WhoHasNoToken(WebTest):
    """Sends more than it reads."""

    PAGE = b'GET /page.js HTTP/1.1\r\nHost: localhost\r\n\r\n'
    FLOOD = PAGE * 50

    def attack(self, data, count=1, then=None):
        """-> connections on which that is sent, and of which nothing is read. FLOOD is sent until they take no more."""
        socks = []
        for _ in range(count):
            sock = socket.socket()
            self.addCleanup(sock.close)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect((self.front.host, self.front.port))
            sock.setblocking(False)
            socks.append(sock)
        for _ in range(3 if data == self.FLOOD else 1):
            for sock in socks:
                try:
                    while sock.send(data) == len(data) and data == self.FLOOD:
                        pass
                except OSError:
                    pass  # full, or ended
            harness.wait_idle(self.pid, 'what was sent is read, as far as it will be', 0.02)
        for sock in socks if then is not None else ():
            with contextlib.suppress(OSError):  # it has ended
                sock.shutdown(then)
        return socks

    @staticmethod
    def may_be_ended(_):
        """libwebsockets 4.3 ends the connection of one who sends a request while an answer is under way."""
        return True

    def check_calm(self, what, attack, is_kept=harness.is_open):
        """The server sleeps while connections of each attack are kept. One that spins does not; a busy machine may take
        longer than they are kept, so there are some tries. -> the connections"""
        for _ in range(TRIES):
            attacks = attack()
            harness.wait_idle(self.pid, what)
            if all(any(map(is_kept, socks)) for socks in attacks):
                return [sock for socks in attacks for sock in socks]
            for socks in attacks:
                for sock in socks:
                    sock.close()
        self.fail(f'{what}: it sleeps only after their end')

    @staticmethod
    def is_unanswered(sock):
        try:
            sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False

    def check_served(self, socks, is_kept=harness.is_open):
        """Who has a token is served while those are open."""
        for _ in range(5):
            self.assertEqual(self.front.request('GET', '/api/displays')[0], 200)
            with ws.Viewer(self.front):
                pass
        self.assertTrue(any(map(is_kept, socks)), 'served only after their end')

    def is_open(self, sock):
        sock.setblocking(False)
        try:
            return sock.recv(1, socket.MSG_PEEK) != b''
        except BlockingIOError:
            return True
        except OSError:
            return False

    def bind(self, address):
        return socket.create_connection((self.front.host, self.front.port), harness.SECONDS, (address, 0))

    def test_many_that_do_not_read_do_not_block_others(self):
        self.check_served(self.attack(self.FLOOD, MAX_SESSIONS), self.may_be_ended)
        self.check_served(self.check_calm('connections that send ahead and do not read', lambda: [
            self.attack(self.FLOOD, 2 * MAX_SESSIONS)], self.may_be_ended), self.may_be_ended)

    def test_from_other_addresses_too(self):
        def attack():
            attacks = []
            for number in range(2):
                with unittest.mock.patch.object(socket.socket, 'connect', self.connect_from(f'127.0.1.{number}')):
                    attacks.append(self.attack(self.FLOOD, MAX_SESSIONS // 2))
            return attacks[-1:]
        self.check_served(self.check_calm('the same from two addresses', attack, self.may_be_ended), self.may_be_ended)

    def connect_from(self, address):
        connect = socket.socket.connect

        def bind_and_connect(sock, target):
            sock.bind((address, 0))
            connect(sock, target)
        return bind_and_connect

    def test_nothing_that_waits_spins(self):
        """Requests and ends of the input that come while an answer is under way, or is held back."""
        wrong = b'GET /api/displays HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ' + b'0' * 32 + b'\r\n\r\n'
        for _ in range(10):  # from here on, answers to wrong tokens wait for 8 seconds
            with self.connect() as sock:
                sock.sendall(wrong)
                harness.wait_idle(self.pid, 'it is read', 0.01)

        def wait_with(request, more):
            """Another request that comes at once, later, or never. The first of these connections is ended at once."""
            self.attack(request + more)
            attacks = [self.attack(request), self.attack(request, then=socket.SHUT_WR)]
            for sock in attacks[0]:
                sock.send(more)
            return attacks
        self.check_calm('answers that are held back', lambda: wait_with(wrong, self.PAGE), self.is_unanswered)
        after = f'GET /api/displays/0/frame.png?after=99&token={self.front.token} HTTP/1.1\r\nHost: localhost\r\n\r\n'.encode()
        self.check_calm('answers that wait for a frame', lambda: wait_with(after, after), self.is_unanswered)
        upgrade = b'GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'
        self.check_served(self.check_calm('answers that are not read', lambda: [
            self.attack(self.FLOOD, then=socket.SHUT_WR), self.attack(b'HEAD' + self.PAGE[3:]),
            self.attack(self.FLOOD + upgrade)], self.may_be_ended), self.may_be_ended)

    def test_one_address_has_a_limit(self):
        others = [self.bind('127.0.0.2') for _ in range(4)]
        holders = []
        for _ in range(20):
            connection = self.front.connect()
            self.addCleanup(connection.close)
            connection.request('GET', '/api/displays', headers={'Authorization': f'Bearer {self.front.token}'})
            connection.getresponse().read()
            holders.append(connection)
        viewers = [ws.Viewer(self.front) for _ in range(4)]
        ours = [self.bind('127.0.0.1') for _ in range(3 * MAX_STRANGERS)]
        self.front.request('GET', '/api/displays')
        count = sum(map(self.is_open, ours))
        self.assertGreater(count, MAX_STRANGERS - 4)
        self.assertLessEqual(count, MAX_STRANGERS)
        self.assertTrue(all(map(self.is_open, others)), 'an address pays for another')
        self.assertTrue(all(self.is_open(connection.sock) for connection in holders), 'who has shown a token pays')
        for viewer in viewers:
            viewer.send(ws.ping(1))
            viewer.wait('pong')
        for sock in *ours, *others, *viewers:
            sock.close()


class WhoSendsAhead(WebTest):
    """A request may come before the last answer was read, but for pictures: what newer libwebsockets does there, see
    WhoHasNoToken.may_be_ended()."""

    def read_answers(self, sock, count, pause=0):
        data, sizes = b'', []
        while len(sizes) < count:
            more = sock.recv(4096 if pause else 65536)
            self.assertTrue(more, f'ended after {len(sizes)} answers of {count}')
            data += more
            time.sleep(pause)  # as slow as the test wants to be
            while b'\r\n\r\n' in data:
                head, rest = data.split(b'\r\n\r\n', 1)
                self.assertTrue(head.startswith(b'HTTP/1.1 200'), head)
                size = int(head.lower().split(b'content-length: ')[1].split()[0])
                if len(rest) < size:
                    break
                sizes.append(size)
                data = rest[size:]
        self.assertEqual(data, b'')
        return sizes

    def test_answers_come_in_order(self):
        paths = ['/page.js', '/api/displays', '/', '/metrics', '/page.css'] * 20
        with self.connect() as sock:
            sock.sendall(b''.join(f'GET {path} HTTP/1.1\r\nHost: localhost\r\n{self.bearer()}\r\n\r\n'.encode()
                                  for path in paths))
            sizes = self.read_answers(sock, len(paths))
        for place in 0, 2, 4:
            self.assertEqual(len(set(sizes[place::5])), 1)
        self.assertEqual(len({sizes[place] for place in (0, 2, 4)}), 3)

    def test_slow_readers_get_all(self):
        self.front.say('scanout 1 2 1024 1024 4096 window')
        self.front.say('frame 1 1')
        size = len(self.front.picture(1)[2])
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.settimeout(harness.SECONDS)
            sock.connect((self.front.host, self.front.port))
            for _ in range(4):
                sock.sendall(f'GET /api/displays/1/frame.png HTTP/1.1\r\nHost: localhost\r\n{self.bearer()}\r\n\r\n'.encode())
                self.assertEqual(self.read_answers(sock, 1, 0.002), [size])


if __name__ == '__main__':
    screen.FRONT = os.path.abspath(sys.argv.pop(2))
    harness.main()
