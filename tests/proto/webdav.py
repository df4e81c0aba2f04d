# SPDX-License-Identifier: MIT
"""The folder that guest and page share, for tests: the port of spice-webdavd as it comes out of QEMU, Debian's daemon at that
port, and the messages of the WebSocket (docs/web-protocol.md)."""

import os
import select
import shutil
import socket
import struct
import subprocess
import time

import harness
import ws
from chardev import Chardev

DAEMON = shutil.which('spice-webdavd', path=os.environ['PATH'] + ':/usr/sbin')


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body


class Port(Chardev):
    """QEMU's side of the chardev, and the guest's daemon with its clients: what it sends may be wrong."""

    def __init__(self, path):
        super().__init__(path)
        self.streams = {} # number: bytes that came for it

    def send(self, data):
        self.sock.sendall(data)

    def frame(self, number, data):
        self.send(struct.pack('<qH', number, len(data)) + data)

    def stream(self, number, data, step=65535):
        for i in range(0, len(data), step):
            self.frame(number, data[i:i + step])

    def pump(self, seconds=60):
        """Takes at least one frame."""
        until = time.monotonic() + seconds
        while True:
            if len(self.rest) >= 10:
                number, size = struct.unpack_from('<qH', self.rest)
                if len(self.rest) >= 10 + size:
                    self.streams[number] = self.streams.get(number, b'') + self.rest[10:10 + size]
                    self.rest = self.rest[10 + size:]
                    return number
            assert select.select([self.sock], [], [], max(0, until - time.monotonic()))[0], 'nothing comes'
            more = self.sock.recv(1 << 20)
            if not more:
                raise ConnectionResetError('the host has disconnected')
            self.rest += more

    def take(self, number, size):
        while len(self.streams.get(number, b'')) < size:
            self.pump()
        data = self.streams[number]
        self.streams[number] = data[size:]
        return data[:size]

    def reply(self, number, method='GET'):
        while b'\r\n\r\n' not in self.streams.get(number, b''):
            self.pump()
        head, rest = self.streams[number].split(b'\r\n\r\n', 1)
        self.streams[number] = rest
        first, *lines = head.decode().split('\r\n')
        headers = dict(line.lower().split(': ', 1) for line in lines)
        status = int(first.split()[1])
        size = int(headers.get('content-length', 0)) if method != 'HEAD' and status != 304 else 0
        return Reply(status, headers, self.take(number, size))

    def request(self, method, path, body=None, number=1, **headers):
        lines = {'Host': 'localhost:9843', **{name.replace('_', '-'): value for name, value in headers.items()}}
        if body is not None:
            lines.setdefault('Content-Length', str(len(body)))
        head = ''.join(f'{name}: {value}\r\n' for name, value in lines.items() if value is not None)
        self.stream(number, f'{method} {path} HTTP/1.1\r\n{head}\r\n'.encode() + (body or b''))
        return self.reply(number, method)


class Daemon:
    """Debian's spice-webdavd, whose virtio port is vitrine's socket (tests/proto/virtio_port.c)."""

    def __init__(self, port, preload, log):
        self.tcp = harness.free_port()
        self.env = {**os.environ, 'VIRTIO_PORT': port, 'LD_PRELOAD': preload}
        self.log = open(log, 'ab')
        self.start()

    @property
    def url(self):
        return f'http://127.0.0.1:{self.tcp}/'

    def start(self):
        self.process = subprocess.Popen([DAEMON, '-p', str(self.tcp)], env=self.env, stdout=self.log, stderr=self.log)
        harness.wait_for(self.listens, 60, 'spice-webdavd')

    def listens(self):
        with socket.socket() as sock:
            return sock.connect_ex(('127.0.0.1', self.tcp)) == 0

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.log.close()


# --- the WebSocket ---

PIECE = 65536
ABSENT, SILENT, READY = range(3)
GOING, DONE, GONE, NO_SPACE, INVALID, TAKEN, FAILED, CONTROLLED = range(8)
LAST, NO_FOLDER = 1, 2


def list_folder(node=0):
    return struct.pack('<BBI', 0x27, 0, node)


def get(transfer, node):
    return struct.pack('<BBII', 0x28, 0, transfer, node)


def remove(node):
    return struct.pack('<BBI', 0x29, 0, node)


def put(transfer, size, name, node=0):
    return struct.pack('<BBIIQ', 0x2a, 0, transfer, node, size) + name


def data(transfer, piece):
    return struct.pack('<BBI', 0x2b, 0, transfer) + piece


def cancel(transfer):
    return struct.pack('<BBI', 0x2c, 0, transfer)


class Entry:
    def __init__(self, number, is_folder, size, modified, name):
        self.id, self.is_folder, self.size, self.modified, self.name = number, is_folder, size, modified, name


def parse_entries(body):
    found = []
    while body:
        *fields, size = struct.unpack_from('<IBQQB', body)
        found.append(Entry(*fields, body[22:22 + size].decode()))
        body = body[22 + size:]
    return found


class Viewer(ws.Viewer):
    """A viewer who also understands what is said about the folder."""

    LAYOUTS = {
        0xa6: ('folder', 'BIQQ', 'state changes used most'),
        0xa7: ('entries', 'IB', 'node flags'),
        0xa8: ('part', 'I', 'transfer'),
        0xa9: ('transfer', 'IBQ', 'transfer state value'),
    }

    def wait_state(self, state, seconds=60):
        return self.wait('folder', seconds, lambda fields: fields['state'] == state)

    def entries(self, node=0):
        """-> what is in a folder, by name; None: there is no such folder"""
        self.send(list_folder(node))
        body = b''
        while True:
            found = self.wait('entries')
            assert found['node'] == node
            body += found['data']
            if found['flags'] & LAST:
                return None if found['flags'] & NO_FOLDER else {entry.name: entry for entry in parse_entries(body)}

    def fetch(self, node, transfer=1):
        """-> the state at the end, bytes"""
        self.send(get(transfer, node))
        parts = []
        while True:
            name, fields = self.next()
            if name == 'part' and fields['transfer'] == transfer:
                parts.append(fields['data'])
            elif name == 'transfer' and fields['transfer'] == transfer and fields['state'] != GOING:
                return fields['state'], b''.join(parts)

    def give(self, name, contents, node=0, transfer=1):
        """Puts a file into the folder -> the state at the end"""
        self.send(put(transfer, len(contents), name, node))
        for i in range(0, len(contents), PIECE):
            self.send(data(transfer, contents[i:i + PIECE]))
        return self.wait('transfer')['state']
