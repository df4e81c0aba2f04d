# SPDX-License-Identifier: MIT
"""A WebSocket client and the viewer's messages (docs/web-protocol.md), for tests: it says what it is told to, right
or wrong."""

import base64
import os
import socket
import ssl
import struct
import time

import waiting

SUBPROTOCOL = 'vitrine.1'
BINARY, CLOSE, PING, PONG = 2, 8, 9, 10


class Refused(Exception):
    """The answer was no upgrade."""

    def __init__(self, status, body):
        super().__init__(f'{status}: {body!r}')
        self.status, self.body = status, body


class Closed(Exception):
    def __init__(self, code, reason=''):
        super().__init__(f'{code}: {reason}')
        self.code, self.reason = code, reason


def apply_mask(payload, mask):
    size = len(payload)
    whole = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, 'big') ^ int.from_bytes(whole, 'big')).to_bytes(size, 'big')


class Ws:
    """One connection. receive_bytes: of the socket, for those who are slow to read. source: the own address."""

    def __init__(self, host, port, path='/ws', headers=None, subprotocol=SUBPROTOCOL, receive_bytes=0, tls=None,
                 source=None):
        self.sock = socket.socket()
        if source:
            self.sock.bind((source, 0))
        if receive_bytes:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.sock.settimeout(waiting.SECONDS)
        self.sock.connect((host, port))
        if tls:
            self.sock = tls.wrap_socket(self.sock, server_hostname=host)
        self.rest, self.messages = b'', []
        lines = {'Host': f'{host}:{port}', 'Upgrade': 'websocket', 'Connection': 'Upgrade',
                 'Sec-WebSocket-Key': base64.b64encode(os.urandom(16)).decode(), 'Sec-WebSocket-Version': '13',
                 **({'Sec-WebSocket-Protocol': subprotocol} if subprotocol else {}), **(headers or {})}
        head = ''.join(f'{name}: {value}\r\n' for name, value in lines.items())
        try:
            self.sock.sendall(f'GET {path} HTTP/1.1\r\n{head}\r\n'.encode())
            self.read_answer()
        except BaseException:
            self.sock.close()
            raise

    def read_answer(self):
        while b'\r\n\r\n' not in self.rest:
            more = self.sock.recv(4096)
            if not more:
                raise Refused(int((self.rest.split() + [b'', b'0'])[1]), self.rest)
            self.rest += more
        head, self.rest = self.rest.split(b'\r\n\r\n', 1)
        status = int(head.split()[1])
        if status != 101:
            while True:
                more = self.sock.recv(4096)
                if not more:
                    raise Refused(status, self.rest)
                self.rest += more

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # --- frames ---

    def send_frame(self, kind, payload, last=True, masked=True):
        size = len(payload)
        head = bytes([kind | (0x80 if last else 0)])
        flag = 0x80 if masked else 0
        if size < 126:
            head += bytes([flag | size])
        elif size < 65536:
            head += struct.pack('>BH', flag | 126, size)
        else:
            head += struct.pack('>BQ', flag | 127, size)
        mask = os.urandom(4) if masked else b''
        self.sock.sendall(head + mask + (apply_mask(payload, mask) if masked else payload))

    def send(self, payload):
        self.send_frame(BINARY, payload)

    def take_frame(self):
        """-> the kind and the payload of the first frame that has come whole, or None"""
        sizes = {126: '>H', 127: '>Q'}
        if len(self.rest) < 2:
            return None
        kind, size, at = self.rest[0], self.rest[1] & 0x7f, 2
        if size in sizes:
            at += struct.calcsize(sizes[size])
            if len(self.rest) < at:
                return None
            size, = struct.unpack(sizes[size], self.rest[2:at])
        if len(self.rest) < at + size:
            return None
        payload, self.rest = self.rest[at:at + size], self.rest[at + size:]
        return kind, payload

    def handle_frames(self):
        """Up to a message."""
        while not self.messages and (frame := self.take_frame()):
            kind, payload = frame
            if kind & 0x0f == PING:
                self.send_frame(PONG, payload)
            elif kind & 0x0f == CLOSE:
                code = struct.unpack('>H', payload[:2])[0] if payload else 1005
                raise Closed(code, payload[2:].decode())
            elif kind & 0x0f != PONG:
                assert kind & 0x80, 'messages come whole'
                self.messages.append(payload)

    def has_more(self, seconds=0):
        """Whether a message has come by then; pings are answered meanwhile, and do not prolong it."""
        until = time.monotonic() + seconds
        while True:
            self.handle_frames()
            if self.messages:
                return True
            self.sock.settimeout(max(0, until - time.monotonic()))
            try:
                more = self.sock.recv(1 << 20)
            except (BlockingIOError, TimeoutError, ssl.SSLWantReadError):
                return False
            finally:
                self.sock.settimeout(waiting.SECONDS)
            if not more:
                raise Closed(0, 'without a word')
            self.rest += more

    def receive(self, seconds=waiting.SECONDS):
        """The next message."""
        if not self.has_more(max(0.01, seconds)):
            raise TimeoutError('no message has come')
        return self.messages.pop(0)


# --- messages ---

def hello(token, version=1):
    return struct.pack('<BBH', 0x01, 0, version) + token.encode()


def subscribe(display, on=True):
    return struct.pack('<BBB', 0x02, display, on)


def ack(display, number, waiting=0):
    return struct.pack('<BBII', 0x03, display, number, waiting)


def want_key(display):
    return struct.pack('<BB', 0x04, display)


def bitrate(display, value):
    return struct.pack('<BBI', 0x05, display, value)


def ping(value):
    return struct.pack('<BBQ', 0x06, 0, value)


def mode(display, width, height):
    return struct.pack('<BBII', 0x07, display, width, height)


def key(display, code, down):
    return struct.pack('<BBHB', 0x08, display, code, down)


def motion(display, x, y):
    return struct.pack('<BBHH', 0x09, display, x, y)


def wheel(display, x, y):
    return struct.pack('<BBii', 0x0a, display, x, y)


def touch(display, contact, down, x=0, y=0):
    return struct.pack('<BBBBHH', 0x30, display, contact, down, x, y)


def pad(number, connected, buttons=0, axes=(0,) * 6):
    return struct.pack('<BBBBI6h', 0x31, 0, number, connected, buttons, *axes)


def release():
    return struct.pack('<BB', 0x0b, 0)


def listen(on=True):
    return struct.pack('<BBB', 0x10, 0, on)


def heard(number):
    return struct.pack('<BBI', 0x11, 0, number)


def open_microphone(on=True):
    return struct.pack('<BBB', 0x12, 0, on)


SPEECH_SAMPLES = 960


def speech(samples):
    return struct.pack(f'<BB{len(samples)}h', 0x13, 0, *samples)


def name(utf8):
    return struct.pack('<BB', 0x38, 0) + (utf8.encode() if isinstance(utf8, str) else utf8)


def point(display, x, y, visible=True):
    return struct.pack('<BBHHB', 0x39, display, x, y, visible)


SHARE, TAKE, GIVE = 0, 1, 2


def control(action, person=0):
    return struct.pack('<BBBH', 0x3a, 0, action, person)


VIEW, CONTROL = 1, 2


def make_link(kind, seconds):
    return struct.pack('<BBBI', 0x3b, 0, kind, seconds)


def end_link(number):
    return struct.pack('<BBI', 0x3c, 0, number)


def take_patches(display, on=True):
    return struct.pack('<BBB', 0x3d, display, on)


def ack_patch(display, number):
    return struct.pack('<BBI', 0x3e, display, number)


def parse_people(kind, body):
    """-> name, a dictionary"""
    if kind == 0xba:
        rows = struct.iter_unpack('<IBIB32s', body)
        return 'links', {'links': {row[0]: {'kind': row[1], 'seconds': row[2], 'viewers': row[3], 'token': row[4].decode()}
                                   for row in rows}}
    if kind == 0xb9:
        rows = struct.iter_unpack('<HBBHH', body)
        return 'pointers', {'pointers': {row[0]: (row[1], row[3:5] if row[2] else None) for row in rows}}
    own, holder, count = struct.unpack_from('<HHB', body)
    people, at = {}, 5
    for _ in range(count):
        number, role, colour, size = struct.unpack_from('<HBBB', body, at)
        people[number] = {'role': role, 'colour': colour, 'name': body[at + 5:at + 5 + size].decode()}
        at += 5 + size
    assert at == len(body)
    return 'people', {'own': own, 'holder': holder, 'people': people}


# Messages of fixed shape, by type: name, layout, names of the fields, and the name of the bytes that follow, or None.
PLAIN = {
    0x84: ('unit', 'BQQqqI', 'key generation frame captured coded number', 'data'),
    0x85: ('cursor', 'BHHHH', 'visible hot_x hot_y width height', 'pixels'),
    0x86: ('pointer', 'ii', 'x y', None),
    0x87: ('lit', 'B', 'lit', None),
    0x88: ('pong', 'Qq', 'value time', None),
    0x89: ('stats', 'IIQQQ', 'viewers bitrate coded dropped skipped', None),
    0x8b: ('lights', 'B', 'lights', None),
    0x91: ('packet', 'Iq', 'number time', 'data'),
    0x93: ('microphone', 'B', 'on', None),
    0xb0: ('devices', 'BB', 'touch pads', None),
    0xbb: ('patch', 'QQIHH4H', 'generation frame number x y stale_x stale_y stale_width stale_height', 'data'),
    0xbc: ('stale', '4H', 'x y width height', None),
}


def unpack(layout, names, body):
    """-> a dictionary, the bytes that follow"""
    return dict(zip(names.split(), struct.unpack_from('<' + layout, body))), body[struct.calcsize('<' + layout):]


def parse_displays(body):
    size = struct.calcsize('<BBBIIII')
    assert len(body) == 1 + body[0] * size
    rows = [struct.unpack_from('<BBBIIII', body, 1 + i * size) for i in range(body[0])]
    return {row[0]: {'connected': bool(row[1]), 'lit': bool(row[2]), 'mode': row[3:5], 'size': row[5:7]}
            for row in rows}


def parse_body(kind, body):
    """-> name, a dictionary"""
    if kind in PLAIN:
        found, layout, names, more = PLAIN[kind]
        fields, rest = unpack(layout, names, body)
        return found, {**fields, **({more: rest} if more else {})}
    if kind == 0x81:
        fields, rest = unpack('HBq', 'version may_control time', body)
        return 'welcome', {**fields, 'view_token': rest.rstrip(b'\0').decode()}
    if kind == 0x82:
        return 'displays', {'displays': parse_displays(body)}
    if kind == 0x83:
        fields, rest = unpack('QII', 'generation width height', body)
        length = rest[0]
        return 'config', {**fields, 'codec': rest[1:1 + length].decode(), 'encoder': rest[2 + length:].decode()}
    if kind == 0x90:
        fields, rest = unpack('BBIB', 'plays records rate channels', body)
        assert rest[0] == len(rest) - 1
        return 'sound', {**fields, 'codec': rest[1:].decode()}
    if kind == 0x92:
        assert not body
        return 'silence', {}
    if kind in (0xb8, 0xb9, 0xba):
        return parse_people(kind, body)
    assert kind == 0x8a, kind
    fields, rest = unpack('H', 'code', body)
    return 'notice', {**fields, 'text': rest.decode()}


def parse(data):
    """-> name, a dictionary"""
    found, fields = parse_body(data[0], data[2:])
    return found, {'display': data[1], **fields}


class Viewer(Ws):
    """A viewer who has shown a token."""

    # Messages beyond those of parse(), for subclasses: name, layout, names of the fields. What follows them is `data`.
    LAYOUTS = {}

    def __init__(self, front, token=None, **options):
        super().__init__(front.host, front.port, **options)
        self.send(hello(token or front.token))
        self.welcome = self.wait('welcome')

    def next(self, seconds=waiting.SECONDS):
        data = self.receive(seconds)
        if data[0] not in self.LAYOUTS:
            return parse(data)
        name, layout, names = self.LAYOUTS[data[0]]
        fields, rest = unpack(layout, names, data[2:])
        return name, {**fields, 'data': rest}

    def wait(self, name, seconds=waiting.SECONDS, condition=lambda fields: True):
        """The next message of that name that fulfils the condition; others are dropped. Units are acknowledged, or the next
        would not come."""
        until = time.monotonic() + seconds
        while True:
            found, fields = self.next(max(0.01, until - time.monotonic()))
            if found == 'unit':
                self.send(ack(fields['display'], fields['number']))
            if found == name and condition(fields):
                return fields

    def take_units(self):
        """Handles one message, and acknowledges it if it is a unit; -> it in a list then, or none."""
        name, fields = self.next()
        if name != 'unit':
            return []
        fields['at'] = time.monotonic_ns()
        self.send(ack(fields['display'], fields['number']))
        return [fields]

    def watch(self, seconds):
        """Acknowledges units; -> those that came within some time."""
        units, until = [], time.monotonic() + seconds
        while self.has_more(max(0, until - time.monotonic())) and time.monotonic() < until:
            units += self.take_units()
        return units

    def watch_until(self, is_enough):
        """Acknowledges units; -> those that came until they were enough."""
        units = []
        while not is_enough(units):
            units += self.take_units()
        return units


def tls_context(cert):
    """Offers what browsers offer."""
    context = ssl.create_default_context(cafile=cert)
    context.check_hostname = False
    context.set_alpn_protocols(['h2', 'http/1.1'])
    return context
