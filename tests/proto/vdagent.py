# SPDX-License-Identifier: MIT
"""A guest's agent at QEMU's end of the socket (SPICE's vdagent protocol), for tests: it says what it is told to, right or
wrong. Also the WebSocket's messages about it (docs/web-protocol.md)."""

import struct

import ws
from chardev import Chardev

CLIPBOARD, CAPABILITIES, GRAB, REQUEST, RELEASE, FILE_START, FILE_STATUS, FILE_DATA, MAX_CLIPBOARD = 4, 6, 7, 8, 9, 10, 11, 12, 14
NONE, TEXT, PNG = 0, 1, 2
CAN_SEND_DATA, CANCELLED, ERROR, SUCCESS, NO_SPACE, LOCKED, NO_SESSION, DISABLED = range(8)
CAP_BY_DEMAND, CAP_SELECTION, CAP_CRLF, CAP_MAX_CLIPBOARD, CAP_FILES_DISABLED = 1 << 5, 1 << 6, 1 << 9, 1 << 10, 1 << 13
CAPS = CAP_BY_DEMAND | CAP_SELECTION | CAP_MAX_CLIPBOARD

# States on the page.
ABSENT, SILENT, READY, STUCK = range(4)
CAN_CLIPBOARD, CAN_PRIMARY, CAN_FILES, HAS_CRLF = 1, 2, 4, 8
ANSWERED, EMPTY, TOO_LARGE, LATE, BUSY = range(5)
OFFERED, REPLACED, REFUSED, CONTROLLED = range(4)
(FILE_GOING, FILE_DONE, FILE_CANCELLED, FILE_FAILED, FILE_NO_SPACE, FILE_LOCKED, FILE_NO_SESSION, FILE_DISABLED, FILE_LOST,
 FILE_MANY, FILE_INVALID, FILE_CONTROLLED) = range(12)


class Agent(Chardev):
    """The chardev's connection, and who speaks through it."""

    # --- to the host ---

    def send_chunk(self, data, port=1):
        self.sock.sendall(struct.pack('<II', port, len(data)) + data)

    def message(self, kind, body=b'', protocol=1, size=None):
        return struct.pack('<IIQI', protocol, kind, 0, len(body) if size is None else size) + body

    def chunks(self, kind, body=b'', chunk=None):
        """A message as it is sent. chunk: the bytes of each; None: one chunk, as spice-vdagentd sends it."""
        data = self.message(kind, body)
        step = chunk or len(data)
        return b''.join(struct.pack('<II', 1, len(data[i:i + step])) + data[i:i + step] for i in range(0, len(data), step))

    def send(self, kind, body=b'', **options):
        self.sock.sendall(self.chunks(kind, body, **options))

    def announce(self, caps=CAPS, asks=True):
        self.send(CAPABILITIES, struct.pack('<II', asks, caps))

    def select(self, selection, body):
        return struct.pack('<BBBB', selection, 0, 0, 0) + body

    def grab(self, *formats, selection=0):
        self.send(GRAB, self.select(selection, struct.pack(f'<{len(formats)}I', *formats)))

    def contents(self, kind, data, selection=0, **options):
        """What give() sends: for large contents, which must not be late once they are asked for."""
        return self.chunks(CLIPBOARD, self.select(selection, struct.pack('<I', kind) + data), **options)

    def give(self, *args, **options):
        self.sock.sendall(self.contents(*args, **options))

    def request(self, kind, selection=0):
        self.send(REQUEST, self.select(selection, struct.pack('<I', kind)))

    def status(self, file, result, more=b''):
        self.send(FILE_STATUS, struct.pack('<II', file, result) + more)

    # --- from the host ---

    def take(self, size):
        parts, have = [self.rest], len(self.rest)
        while have < size:
            more = self.sock.recv(1 << 20)
            if not more:
                raise EOFError
            parts.append(more)
            have += len(more)
        data = b''.join(parts)
        self.rest = data[size:]
        return data[:size]

    def receive(self):
        """The next message -> type, body"""
        data = b''
        size = 20
        while len(data) < size:
            port, length = struct.unpack('<II', self.take(8))
            assert port == 1 and 0 < length <= 2048, (port, length)
            data += self.take(length)
            if len(data) >= 20:
                protocol, _, unused, body = struct.unpack_from('<IIQI', data)
                assert (protocol, unused) == (1, 0), (protocol, unused)
                size = 20 + body
        assert len(data) == size, 'a chunk holds one message'
        return struct.unpack_from('<I', data, 4)[0], data[20:]

    def wait(self, kind):
        """The next message of that type; others are dropped."""
        while True:
            found, body = self.receive()
            if found == kind:
                return body

    def wait_for(self, *kinds):
        while True:
            found, body = self.receive()
            if found in kinds:
                return found, body

    def begin(self, caps=CAPS):
        """Both have announced what they can; the host's limit for clipboards has come."""
        self.announce(caps)
        self.wait(CAPABILITIES)
        if caps & CAP_MAX_CLIPBOARD:
            self.limit = struct.unpack('<i', self.wait(MAX_CLIPBOARD))[0]
        return self


# --- the WebSocket ---

PIECE = 65536


def offer(size, kind=1, selection=0, confirms=0):
    return struct.pack('<BBBBBI', 0x20, 0, selection, kind, confirms, size)


def offered(data):
    return b'\x21\0' + data


def request(kind=1, selection=0):
    return struct.pack('<BBBB', 0x22, 0, selection, kind)


def file_start(file, size, name):
    return struct.pack('<BBIQ', 0x24, 0, file, size) + name


def file_data(file, data):
    return struct.pack('<BBI', 0x25, 0, file) + data


def file_cancel(file):
    return struct.pack('<BBI', 0x26, 0, file)


class Viewer(ws.Viewer):
    """A viewer who also understands what is said about the agent."""

    LAYOUTS = {
        0xa0: ('agent', 'BB', 'state abilities'),
        0xa1: ('owner', 'BB', 'selection formats'),
        0xa2: ('answer', 'BBBI', 'selection format answer size'),
        0xa3: ('contents', 'B', 'selection'),
        0xa4: ('result', 'BB', 'selection result'),
        0xa5: ('file', 'IBQ', 'id state value'),
    }

    def wait_state(self, state, seconds=60):
        return self.wait('agent', seconds, lambda fields: fields['state'] == state)

    def put(self, data, kind=1, selection=0, confirms=0, piece=PIECE):
        """Offers contents to the guest."""
        self.send(offer(len(data), kind, selection, confirms))
        for i in range(0, len(data), piece):
            self.send(offered(data[i:i + piece]))

    def push(self, file, data, stop_at=None, seconds=60):
        """Sends as much of a file as is allowed, until it has ended or at least `stop_at` bytes were sent -> the last
        message about it. The file was announced with file_start(). seconds: for each message."""
        given = 0
        while True:
            found = self.wait('file', seconds)
            if found['id'] != file:
                continue
            if found['state'] != FILE_GOING:
                return found
            while given < found['value']:
                part = data[given:min(given + PIECE, found['value'])]
                self.send(file_data(file, part))
                given += len(part)
            if stop_at is not None and given >= stop_at:
                return found

    def contents(self, kind=1, selection=0):
        """What the guest has -> answer, bytes. The agent must give it meanwhile, or already have."""
        answer = self.wait('answer')
        assert (answer['selection'], answer['format']) == (selection, kind), answer
        parts, have = [], 0
        while answer['answer'] == ANSWERED and have < answer['size']:
            parts.append(self.wait('contents')['data'])
            have += len(parts[-1])
        return answer['answer'], b''.join(parts)
