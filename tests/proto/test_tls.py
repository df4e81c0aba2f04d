#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""TLS: handshakes that are never finished, come byte by byte, or are nonsense, do not keep out who has a token."""

import contextlib
import itertools
import multiprocessing
import os
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import harness
import screen
import ws

COUNT = 200
# The handshakes that an address may begin at once, and from then on (src/web/rate_limit.h).
BURST = 256
A_SECOND = 100
# What the server may need for the connections that it keeps: of COUNT from one address, 32.
MEMORY_KIB = 64 << 10
PAGES = b'GET /page.js HTTP/1.1\r\nHost: localhost\r\n\r\n' * 50


def record(kind, size, payload):
    """A record of TLS that announces `size` bytes."""
    return bytes([kind, 3, 3]) + size.to_bytes(2, 'big') + payload


def flood(host, port, source, data, answered, refused):
    """Begins connections as fast as it can, and drops the oldest of 100 without a word. It counts those that were answered
    and those that were ended instead."""
    socks = []
    while True:
        sock = socket.create_connection((host, port), harness.SECONDS, (source, 0))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        try:
            sock.send(data)
        except OSError:
            pass  # it was ended
        socks.append(sock)
        if len(socks) > 100:
            oldest = socks.pop(0)
            oldest.setblocking(False)
            try:
                (answered if oldest.recv(1) else refused).value += 1
            except BlockingIOError:
                pass
            except OSError:
                refused.value += 1
            oldest.close()


class Handshakes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cert, key = (os.path.join(cls.folder.name, name) for name in ('cert.pem', 'key.pem'))
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=vm.example',
                        '-keyout', key, '-out', cert], check=True, capture_output=True)
        cls.options = f'tls-cert={cert}', f'tls-key={key}'
        cls.front = screen.Front(*cls.options)
        cls.context = ws.tls_context(cert)
        cls.sources = (f'127.0.1.{number}' for number in itertools.count(1))
        cls.pid = cls.front.screen()

    @classmethod
    def tearDownClass(cls):
        cls.front.stop()
        cls.folder.cleanup()

    def setUp(self):
        self.join()
        self.before_kib = harness.memory_kib(self.pid)
        self.viewer = ws.Viewer(self.front, tls=self.context)
        self.addCleanup(self.viewer.close)

    def join(self):
        """A page is welcome. On a busy machine it may be ended because its handshake takes too long, and tries again."""
        def is_welcome():
            with contextlib.suppress(OSError, ws.Refused, ws.Closed), ws.Viewer(self.front, tls=self.context):
                return True
        harness.wait_for(is_welcome, what='a page that is welcome', pause=0.1)

    def hello(self):
        """The client's first flight."""
        ours, theirs = ssl.MemoryBIO(), ssl.MemoryBIO()
        with self.assertRaises(ssl.SSLWantReadError):
            self.context.wrap_bio(theirs, ours).do_handshake()
        return ours.read()

    def connect(self, data=b'', count=COUNT, source=None):
        """-> connections of another address on which that is sent, as far as the server takes it"""
        socks = []
        source = source or next(self.sources)
        for _ in range(count):
            sock = socket.create_connection((self.front.host, self.front.port), harness.SECONDS, (source, 0))
            self.addCleanup(sock.close)
            sock.setblocking(False)
            socks.append(sock)
            self.send(sock, data)
        return socks

    def send(self, sock, data):
        try:
            sock.send(data)
        except OSError:
            pass  # full, or ended

    def shake_hands(self, data=b'', count=COUNT // 4):
        """-> connections that are set up, on which that was sent"""
        socks = []
        source = next(self.sources)
        for _ in range(count):
            sock = socket.create_connection((self.front.host, self.front.port), harness.SECONDS, (source, 0))
            sock = self.context.wrap_socket(sock)
            self.addCleanup(sock.close)
            sock.setblocking(False)
            socks.append(sock)
            self.send(sock, data)
        return socks

    def send_raw(self, socks, data):
        """What is not encrypted, although it should be."""
        for sock in socks:
            with socket.socket(fileno=os.dup(sock.fileno())) as raw:
                self.send(raw, data)

    def check_served(self, what, open_socks=()):
        """Who has a token comes in, while some of those are open."""
        for _ in range(3):
            self.join()
        self.assertTrue(not open_socks or any(map(harness.is_open, open_socks)), f'{what}: joined only after their end')
        used_kib = harness.memory_kib(self.pid) - self.before_kib
        print(f'{what}: {used_kib} KiB more', flush=True)
        if not harness.is_sanitized():
            self.assertLess(used_kib, MEMORY_KIB, what)
        self.viewer.send(ws.ping(1))
        self.viewer.wait('pong')
        self.assertEqual(self.front.screen(), self.pid)

    def check_calm(self, what, socks):
        """The server sleeps while those are open."""
        harness.wait_idle(self.pid, what)
        self.assertTrue(any(map(harness.is_open, socks)), f'{what}: it sleeps only after their end')

    def test_handshakes_that_are_never_finished(self):
        hello = self.hello()
        for what, data in ('silent connections', b''), ('half a hello', hello[:-1]), ('a hello and no more', hello):
            socks = self.connect(data)
            self.check_served(what, socks)
        self.check_calm('handshakes that are not finished', socks)

    def test_they_have_the_same_address(self):
        """As behind a proxy. What shows a token does not count for the limit of the address."""
        for _ in range(BURST + 50):
            self.join()
        self.check_served('handshakes from our address', self.connect(self.hello(), source=self.front.host))

    def test_a_flood_of_handshakes(self):
        """A thousand a second would occupy the server: only the first are answered."""
        answered, refused = (multiprocessing.Value('q', 0) for _ in range(2))
        begin = time.monotonic()
        flooding = multiprocessing.get_context('fork').Process(
            target=flood, args=(self.front.host, self.front.port, next(self.sources), self.hello(), answered, refused), daemon=True)
        flooding.start()
        self.addCleanup(flooding.join)
        self.addCleanup(flooding.kill)

        def is_flooded():
            while self.viewer.has_more():  # pings, without whose answers it would be ended
                self.viewer.next()
            return refused.value > 200
        # A busy machine may be too slow for one that has to be refused; then all may be answered.
        harness.wait_until(is_flooded)
        self.check_served('a flood of handshakes')
        found, seconds = answered.value, time.monotonic() - begin
        print(f'{found} of {found + refused.value} handshakes were answered in {seconds:.1f} s', flush=True)
        self.assertLessEqual(found, BURST + A_SECOND * seconds)

    def test_a_hello_byte_by_byte(self):
        socks = self.connect()
        hello = self.hello()
        for at in range(len(hello)):
            for sock in socks[-32:]:
                self.send(sock, hello[at:at + 1])
            if at in (100, len(hello) - 1):
                self.check_served(f'byte {at} of the hello')

    def test_nonsense(self):
        hello = self.hello()
        huge = record(22, 16384, b'\1\1\xff\xff' + bytes(16380)) + record(22, 16384, bytes(16384)) * 7
        for what, data in (('noise', os.urandom(4000)), ('noise in a record', record(22, 16384, os.urandom(16384))),
                           ('a hello of 128 KiB', huge), ('HTTP', PAGES), ('two hellos', hello + hello),
                           ('noise behind a hello', hello + os.urandom(2000)),
                           ('alerts', record(21, 2, b'\1\0') * 2000), ('empty records', record(22, 0, b'') * 5000),
                           ('changes of the cipher', hello + record(20, 1, b'\1') * 5000)):
            self.connect(data, COUNT // 4)
            self.check_served(what)

    def test_after_the_handshake(self):
        for what, data in ('noise', os.urandom(3000)), ('half a record', record(23, 16384, os.urandom(10000))):
            self.send_raw(self.shake_hands(), data)
            self.check_served(f'{what} after the handshake')
        self.check_served('requests whose answers are not read', self.shake_hands(PAGES))
        harness.wait_idle(self.pid, 'what comes after the handshake')

    def test_there_is_no_tls_before_1_2(self):
        """Not even where the system's OpenSSL allows it."""
        path = os.path.join(self.folder.name, 'openssl.cnf')
        with open(path, 'w') as file:
            file.write('openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nMinProtocol = TLSv1\n'
                       'CipherString = DEFAULT@SECLEVEL=0\n')
        env = {**os.environ, 'OPENSSL_CONF': path}
        front = screen.Front(*self.options, env=env)
        self.addCleanup(front.stop)
        for version, is_served in ('-tls1', False), ('-tls1_1', False), ('-tls1_2', True), ('-tls1_3', True):
            done = subprocess.run(['openssl', 's_client', '-connect', f'{front.host}:{front.port}', version], env=env,
                                  stdin=subprocess.DEVNULL, capture_output=True, timeout=harness.SECONDS)
            self.assertEqual(b'Server certificate\n' in done.stdout, is_served, (version, done))

    def test_there_is_no_renegotiation(self):
        """TLS 1.2 has it: each costs the server a signature, on one connection."""
        command = ['openssl', 's_client', '-connect', f'{self.front.host}:{self.front.port}', '-tls1_2']
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as client:
            said = b''
            while b'Verify return code' not in said:
                more = os.read(client.stdout.fileno(), 65536)
                self.assertTrue(more, said)
                said += more
            client.stdin.write(b'R\n')
            client.stdin.flush()
            said = client.stdout.read()  # until it ends, since it is refused
        self.assertIn(b'RENEGOTIATING', said)
        self.assertIn(b'no renegotiation', said)
        self.check_served('renegotiation')


if __name__ == '__main__':
    screen.FRONT = os.path.abspath(sys.argv.pop(2))
    harness.main()
