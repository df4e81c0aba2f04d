# SPDX-License-Identifier: MIT
"""Runs tests/proto/screen_front.c, a front without a guest, and asks its screen process for things."""

import http.client
import json
import os
import select
import shutil
import signal
import struct
import subprocess
import zlib

import harness

FRONT = None

# format: the value of virtio and the bytes of a pixel in memory
FORMATS = {'B8G8R8A8': 1, 'B8G8R8X8': 2, 'A8R8G8B8': 3, 'X8R8G8B8': 4,
           'R8G8B8A8': 67, 'X8B8G8R8': 68, 'A8B8G8R8': 121, 'R8G8B8X8': 134}


def unfilter(kind, row, above, step):
    """Undoes one row of PNG's filters, `step` bytes a pixel."""
    if kind == 0:
        return row
    for i, byte in enumerate(row):
        left = row[i - step] if i >= step else 0
        up = above[i]
        corner = above[i - step] if i >= step else 0
        if kind == 1:
            guess = left
        elif kind == 2:
            guess = up
        elif kind == 3:
            guess = (left + up) // 2
        elif kind == 4:
            estimate = left + up - corner
            guess = min((left, up, corner), key=lambda value: abs(estimate - value))
        else:
            guess = 0
        row[i] = (byte + guess) & 0xff
    return row


def read_png(data, alpha=False):
    """-> width, height, rows of RGB bytes or RGBA bytes, names of chunks."""
    assert data[:8] == b'\x89PNG\r\n\x1a\n', data[:8]
    at, body, chunks = 8, b'', []
    while at < len(data):
        size, name = struct.unpack('>I4s', data[at:at + 8])
        content = data[at + 8:at + 8 + size]
        crc, = struct.unpack('>I', data[at + 8 + size:at + 12 + size])
        assert crc == zlib.crc32(name + content), f'{name}: wrong sum'
        chunks.append(name.decode())
        if name == b'IHDR':
            width, height, depth, colour, *_ = struct.unpack('>IIBBBBB', content)
            assert (depth, colour) == (8, 6 if alpha else 2), (depth, colour)
        elif name == b'IDAT':
            body += content
        at += size + 12
    raw = zlib.decompress(body)
    step = 4 if alpha else 3
    length = width * step
    assert len(raw) == height * (length + 1)
    rows, above = [], bytes(length)
    for y in range(height):
        start = y * (length + 1)
        above = bytes(unfilter(raw[start], bytearray(raw[start + 1:start + 1 + length]), above, step))
        rows.append(above)
    return width, height, rows, chunks


def bytes_of(x, y, seed):
    """The four bytes that the front's pattern has in memory."""
    return ((x * 3 + seed) & 0xff, (y * 5 + 2 * seed) & 0xff, (x + y + 7 * seed) & 0xff, (x ^ y) & 0xff)


def expected_rows(name, width, height, seed):
    """What a picture of the pattern must show, by the name of the format alone."""
    where = [name[::2].index(colour) for colour in 'RGB']
    return [bytes(value for x in range(width) for pixel in [bytes_of(x, y, seed)]
                  for value in (pixel[where[0]], pixel[where[1]], pixel[where[2]]))
            for y in range(height)]


def solid_bytes(seed):
    return struct.pack('<I', seed * 2654435761 & 0xffffffff)


class Front(harness.Process):
    """A front with displays in a window, and what it says."""

    def __init__(self, *args, http='127.0.0.1:0', program=None, env=None):
        super().__init__()
        self.unasked = []
        self.rest = b''
        self.spawn([FRONT, program or harness.PROGRAM, *([http] if http else []), *args], stdin=subprocess.PIPE, env=env)
        line = self.read_line()
        if not line.startswith('READY'):
            self.process.wait(harness.SECONDS)
            raise AssertionError(f'the front did not start: {line!r}\n{self.log()}')
        self.links = line.split()[1:]  # to control, to watch only
        if http:
            address, self.token = self.links[0].split('://')[1].split('/#token=')
            self.view_token = self.links[1].split('#token=')[1]
            self.host, port = address.rsplit(':', 1)
            self.port = int(port)

    def read_line(self, seconds=60):
        while b'\n' not in self.rest:
            ready, _, _ = select.select([self.process.stdout], [], [], seconds)
            assert ready, f'the front says nothing\n{self.log()}'
            more = os.read(self.process.stdout.fileno(), 65536)
            if not more:
                return ''
            self.rest += more
        line, self.rest = self.rest.split(b'\n', 1)
        return line.decode()

    def say(self, line):
        """Gives an order; returns the answer."""
        self.process.stdin.write(line.encode() + b'\n')
        self.process.stdin.flush()
        while True:
            answer = self.read_line()
            if not answer[:1].isupper() or answer.startswith(('OK', 'WRONG')):
                assert not answer.startswith('WRONG'), answer
                return answer
            self.unasked.append(answer)

    def wait_for(self, word, seconds=60):
        """The next line that comes unasked and begins with the word."""
        while True:
            for line in self.unasked:
                if line.startswith(word):
                    self.unasked.remove(line)
                    return line
            self.unasked.append(self.read_line(seconds))

    def cost(self):
        """-> flushes, mean CPU ns, longest ns, latest in us"""
        return [int(number) for number in self.say('cost').split()[1:]]

    def screen(self):
        """The screen process, when there is one."""
        return harness.wait_for(lambda: harness.children(self.pid), 60, 'a screen process')[0]

    def connect(self, seconds=60):
        return http.client.HTTPConnection(self.host.strip('[]'), self.port, timeout=seconds)

    def request(self, method, path, body=None, headers=None, seconds=60):
        """-> status, headers, body; with the token that may do all, unless headers say otherwise"""
        connection = self.connect(seconds)
        try:
            connection.request(method, path, body=body,
                               headers={'Authorization': f'Bearer {self.token}'} if headers is None else headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def picture(self, display, query=''):
        """-> status, headers, body; once the screen process knows the display's memory."""
        def ask():
            answer = self.request('GET', f'/api/displays/{display}/frame.png{query}')
            return answer if answer[0] != 503 else None
        return harness.wait_for(ask, 60, 'a picture')

    def displays(self):
        status, _, body = self.request('GET', '/api/displays')
        assert status == 200, status
        return {display['number']: display for display in json.loads(body)['displays']}

    def metrics(self):
        status, _, body = self.request('GET', '/metrics')
        assert status == 200, status
        lines = [line for line in body.decode().splitlines() if not line.startswith('#')]
        return {line.rsplit(' ', 1)[0]: float(line.rsplit(' ', 1)[1]) for line in lines}

    def stop(self):
        children = harness.children(self.pid)
        self.process.stdin.close()
        try:
            status = self.process.wait(harness.SECONDS)
            self.check_sound()
            assert status == 0, f'the front ended with {status}\n{self.log()}'
            for pid in children:
                assert harness.is_gone(pid), f'the front left {pid} behind'
        finally:
            self.process.kill()
            self.process.stdout.close()
            shutil.rmtree(self.dir, ignore_errors=True)


def kill(pid, number=signal.SIGKILL):
    os.kill(pid, number)
