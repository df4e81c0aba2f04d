#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who has no business at the viewer's server is told so, and a viewer that runs does not notice."""

import http.client
import json
import os
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.parse

import harness
import play
import ws

MS = play.MS
SECONDS = 5
ATTEMPTS = 200
HALF_OPEN = 1000
# Guessing is answered later each time, up to 8 s.
FEW = 5
# Of its pictures a second a viewer may lose, in one of some tries: other programs are on the machine, too.
LIMIT = 0.05
TRIES = 3


class Refusals(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = harness.Server('--hostmem', '64M', '--http', '127.0.0.1:0', command=('gpu',))
        link = urllib.parse.urlparse(cls.server.links[0])
        cls.host, cls.port, cls.token = '127.0.0.1', link.port, link.fragment.split('=')[1]
        cls.guest = play.Guest(cls.server.path)
        cls.watcher = play.Watcher(cls)
        harness.wait_for(lambda: len(cls.watcher.units) > 60, 60, 'pictures')

    @classmethod
    def tearDownClass(cls):
        cls.watcher.close()
        cls.guest.close()
        cls.server.stop()

    def watch(self, act):
        """-> pictures a second of the viewer while that is done, the longest time without one in ms, seconds"""
        begin_ns = time.monotonic_ns()
        act(begin_ns)
        end_ns = time.monotonic_ns()
        units = self.watcher.units
        return (play.rate(units, begin_ns, end_ns), play.longest_gap_ms(units, begin_ns, end_ns),
                (end_ns - begin_ns) / 1000 / MS)

    def check(self, name, attempt, count=ATTEMPTS):
        """Tries it again and again; attempt() returns what it was told. What disturbs the viewer does so each time."""
        told = set()

        def act(begin_ns):
            for number in range(count):
                told.add(attempt())
                ahead = begin_ns + number * SECONDS * 1000 * MS // count - time.monotonic_ns()
                time.sleep(max(0, ahead) / 1000 / MS)
        for _ in range(TRIES):
            alone, _, _ = self.watch(lambda _: time.sleep(2))
            found, gap, seconds = self.watch(act)
            print(f'{name}: {count} times in {seconds:.1f} s; the viewer got {found:.1f} pictures/s ({alone:.1f} alone), '
                  f'longest gap {gap:.0f} ms', flush=True)
            if found >= (1 - LIMIT) * alone:
                break
        print(f'    told {", ".join(sorted(told))}', flush=True)
        self.assertGreaterEqual(found, (1 - LIMIT) * alone, name)
        self.assertEqual(len(self.watcher.comebacks), 0, 'the viewer was thrown out')
        return told

    def closing(self, *messages, token=None):
        """How a connection ends on which these are said: "CODE reason"."""
        with ws.Ws(self.host, self.port) as connection:
            if token:
                connection.send(ws.hello(token))
            try:
                for message in messages:
                    connection.send(message)
                while True:
                    connection.receive()
            except ws.Closed as closed:
                return f'{closed.code} {closed.reason}'
            except ConnectionError:
                return 'reset'

    def refusal(self, **headers):
        """What a handshake is answered with."""
        try:
            ws.Ws(self.host, self.port, headers=headers).close()
        except ws.Refused as refused:
            return f'{refused.status} {json.loads(refused.body)["error"]}'
        return '101'

    def request(self, **headers):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=harness.SECONDS)
        try:
            connection.request('GET', '/api/displays', headers=headers)
            answer = connection.getresponse()
            return f'{answer.status} {json.loads(answer.read())["error"]}'
        finally:
            connection.close()

    def expect(self, told, *codes):
        for line in told:
            code, _, text = line.partition(' ')
            self.assertIn(code, codes, line)
            self.assertGreater(len(text), 8, f'no clear error: {line}')

    def test_no_token(self):
        told = self.check('no token (WebSocket)', lambda: self.closing(ws.subscribe(0)))
        self.expect(told, '4400')
        self.assertTrue(all('token' in line for line in told), told)
        self.expect(self.check('no token (HTTP)', self.request, FEW), '401', '429')

    def test_wrong_tokens(self):
        told = self.check('wrong token (WebSocket)', lambda: self.closing(token='0' * 32), FEW)
        self.expect(told, '4401')
        told = self.check('wrong token (HTTP)', lambda: self.request(Authorization='Bearer ' + '0' * 32), 1)
        self.expect(told, '401', '429')

    def test_foreign_origin(self):
        self.expect(self.check('foreign Origin', lambda: self.refusal(Origin='http://evil.example')), '403')

    def test_foreign_host(self):
        self.expect(self.check('foreign Host', lambda: self.refusal(Host=f'evil.example:{self.port}')), '403')

    def test_oversized_messages(self):
        told = self.check('messages of 200 kB', lambda: self.closing(b'x' * 200_000, token=self.token))
        self.assertLessEqual({line.split()[0] for line in told}, {'4400', 'reset'})
        self.expect(self.check('messages of 65 bytes', lambda: self.closing(b'x' * 65, token=self.token)), '4400')

    def test_oversized_heads(self):
        def attempt():
            with socket.create_connection((self.host, self.port)) as sock:
                sock.settimeout(20)
                try:
                    sock.sendall(b'GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ' + b'x' * 100_000)
                    return sock.recv(100).decode().split('\r')[0] or 'closed'
                except ConnectionError:
                    return 'reset'
        told = self.check('heads of 100 kB', attempt)
        self.assertTrue(all(line in ('closed', 'reset') or line.startswith('HTTP/1.1 4') for line in told), told)

    def test_half_open_handshakes(self):
        sockets = []

        def attempt():
            """Nothing, half a head, or a WebSocket without a token, by turns. Some are refused: there are too many."""
            try:
                if len(sockets) % 3 == 2:
                    sockets.append(ws.Ws(self.host, self.port).sock)
                    return 'nothing yet'
                sockets.append(socket.create_connection((self.host, self.port)))
                if len(sockets) % 3 == 1:
                    sockets[-1].sendall(b'GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n')
            except (OSError, ws.Refused):
                sockets.append(socket.socket())
            return 'nothing yet'
        self.check('half-open handshakes', attempt, HALF_OPEN)
        for sock in sockets:
            sock.close()

    def test_other_addresses_without_tls(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)

        def attempt():
            done = subprocess.run([harness.PROGRAM, 'gpu', '--socket', os.path.join(folder.name, 'sock'), '--http', '0.0.0.0:0'],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=harness.SECONDS)
            self.assertNotIn('READY', done.stdout)
            return done.stderr.splitlines()[0].split(' ', 1)[1]
        told = self.check('0.0.0.0 without TLS', attempt, 5)
        self.assertTrue(all('without TLS' in line and '--tls-cert' in line for line in told), told)


if __name__ == '__main__':
    harness.main()
