# SPDX-License-Identifier: MIT
"""A vtest client with a small Venus encoder, in the standard library, for tests.

It says what Mesa's Venus driver says (the facts are in docs/architecture.md and in the comments of
src/vtest), and everything that Mesa would never say.
"""

import array
import contextlib
import mmap
import os
import select
import socket
import struct
import time

# Messages
RESOURCE_UNREF = 3
RESOURCE_BUSY_WAIT = 7
CREATE_RENDERER = 8
PING_PROTOCOL_VERSION = 10
PROTOCOL_VERSION = 11
GET_PARAM = 15
GET_CAPSET = 16
CONTEXT_INIT = 17
RESOURCE_CREATE_BLOB = 18
SYNC_CREATE = 19
SYNC_UNREF = 20
SYNC_READ = 21
SYNC_WRITE = 22
SYNC_WAIT = 23
SUBMIT_CMD2 = 24

HOST3D = 2
MAPPABLE = 1
WAIT_ANY = 1
FOREVER = 0xFFFFFFFF

# Words in the payload of each message of fixed size that a ready client may send
FIXED_WORDS = {
    RESOURCE_UNREF: 1, RESOURCE_BUSY_WAIT: 2, PING_PROTOCOL_VERSION: 0, PROTOCOL_VERSION: 1,
    GET_PARAM: 1, GET_CAPSET: 2, CONTEXT_INIT: 1, RESOURCE_CREATE_BLOB: 6, SYNC_CREATE: 2,
    SYNC_UNREF: 1, SYNC_READ: 1, SYNC_WRITE: 3,
}

# Ring status bits
IDLE = 1
FATAL = 2
ALIVE = 4


class Dropped(Exception):
    """The server has ended the connection."""


class Client:
    """One connection."""

    def __init__(self, path, handshake=True, version=4, name='vtest.py', timeout=60):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(timeout)
        self.sock.connect(path)
        self.version = version
        if handshake:
            self.handshake(name)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        self.sock.close()

    # Transport

    def send_raw(self, data):
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Dropped(str(error)) from None

    def send(self, command, payload=b'', length=None):
        if length is None:
            length = len(payload) if command == CREATE_RENDERER else len(payload) // 4
        self.send_raw(struct.pack('<II', length, command) + payload)

    def read(self, size):
        data = b''
        while len(data) < size:
            try:
                part = self.sock.recv(size - len(data))
            except ConnectionResetError as error:
                raise Dropped(str(error)) from None
            if not part:
                raise Dropped('closed')
            data += part
        return data

    def reply(self, command, words):
        length, got = struct.unpack('<II', self.read(8))
        if got != command or (words is not None and length != words):
            raise Dropped(f'reply to {command} is ({length}, {got})')
        return self.read(length * 4)

    def read_fd(self):
        try:
            byte, ancillary, _, _ = self.sock.recvmsg(1, socket.CMSG_SPACE(4))
        except ConnectionResetError as error:
            raise Dropped(str(error)) from None
        if len(byte) != 1 or not ancillary:
            raise Dropped('no fd')
        fds = array.array('i')
        fds.frombytes(ancillary[0][2][:4])
        return fds[0]

    # Messages

    def handshake(self, name='vtest.py', context=True):
        self.send(CREATE_RENDERER, name.encode() + b'\0')
        self.send(PING_PROTOCOL_VERSION)
        self.send(RESOURCE_BUSY_WAIT, struct.pack('<II', 0, 0))
        self.reply(PING_PROTOCOL_VERSION, 0)
        self.reply(RESOURCE_BUSY_WAIT, 1)
        self.send(PROTOCOL_VERSION, struct.pack('<I', self.version))
        self.version, = struct.unpack('<I', self.reply(PROTOCOL_VERSION, 1))
        if context:
            self.send(CONTEXT_INIT, struct.pack('<I', 4))

    def get_param(self, param):
        self.send(GET_PARAM, struct.pack('<I', param))
        return struct.unpack('<II', self.reply(GET_PARAM, 2))

    def get_capset(self, capset=4, version=0):
        self.send(GET_CAPSET, struct.pack('<II', capset, version))
        reply = self.reply(GET_CAPSET, None)
        valid, = struct.unpack_from('<I', reply)
        return reply[4:] if valid else None

    def create_blob(self, size, blob_id=0, flags=MAPPABLE, kind=HOST3D):
        self.send(RESOURCE_CREATE_BLOB, struct.pack('<IIQQ', kind, flags, size, blob_id))
        res_id, = struct.unpack('<I', self.reply(RESOURCE_CREATE_BLOB, 1))
        return res_id, self.read_fd()

    def create_shm(self, size):
        """A mapped blob: (res_id, mmap)."""
        res_id, fd = self.create_blob(size)
        try:
            return res_id, mmap.mmap(fd, size)
        finally:
            os.close(fd)

    def unref(self, res_id):
        self.send(RESOURCE_UNREF, struct.pack('<I', res_id))

    def sync_create(self, value=0):
        self.send(SYNC_CREATE, struct.pack('<Q', value))
        return struct.unpack('<I', self.reply(SYNC_CREATE, 1))[0]

    def sync_unref(self, sync):
        self.send(SYNC_UNREF, struct.pack('<I', sync))

    def sync_read(self, sync):
        self.send(SYNC_READ, struct.pack('<I', sync))
        return struct.unpack('<Q', self.reply(SYNC_READ, 2))[0]

    def sync_write(self, sync, value):
        self.send(SYNC_WRITE, struct.pack('<IQ', sync, value))

    def sync_wait_fd(self, values, any_of=False, timeout_ms=FOREVER):
        payload = struct.pack('<II', WAIT_ANY if any_of else 0, timeout_ms)
        payload += b''.join(struct.pack('<IQ', sync, value) for sync, value in values)
        self.send(SYNC_WAIT, payload)
        self.reply(SYNC_WAIT, 0)
        return self.read_fd()

    def sync_wait(self, values, any_of=False, timeout_ms=FOREVER):
        """'ok', 'timeout' or 'lost', as Mesa would see it."""
        fd = self.sync_wait_fd(values, any_of, timeout_ms)
        try:
            return poll_wait(fd, timeout_ms)
        finally:
            os.close(fd)

    def submit(self, commands=b'', syncs=(), ring_idx=0):
        words = 8 if self.version >= 4 else 6
        cmd_offset = 1 + words
        sync_offset = cmd_offset + len(commands) // 4
        batch = struct.pack('<6I', 1, cmd_offset, len(commands) // 4, sync_offset, len(syncs),
                            ring_idx)
        if words == 8:
            batch += struct.pack('<II', 0, 0)
        self.send(SUBMIT_CMD2, struct.pack('<I', 1) + batch + commands +
                  b''.join(struct.pack('<IQ', sync, value) for sync, value in syncs))

    # What a test wants to know

    def is_alive(self):
        """Whether the server still answers."""
        try:
            self.get_param(1)
            return True
        except Dropped:
            return False

    def wait_dropped(self, seconds=30):
        """Waits until the server has ended the connection in a way that ends Mesa's client too."""
        deadline = time.monotonic() + seconds
        self.sock.settimeout(seconds)
        while time.monotonic() < deadline:
            try:
                if not self.sock.recv(65536):
                    # What Mesa does next is read (spins without end) or write (must fail).
                    self.sock.send(b'\0\0\0\0')
                    return False
            except (BrokenPipeError, ConnectionResetError):
                return True
            except socket.timeout:
                return False
        return False


def poll_wait(fd, timeout_ms=FOREVER):
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    events = poll.poll(None if timeout_ms == FOREVER else timeout_ms)
    if not events:
        return 'timeout'
    return 'ok' if events[0][1] & select.POLLIN else 'lost'


# Venus commands: protocol/venus.reg has the numbers, tests/wire/venus-wire-schema.txt the layouts.

VK_CREATE_INSTANCE = 0
VK_DESTROY_INSTANCE = 1
VK_ENUMERATE_PHYSICAL_DEVICES = 2
VK_ENUMERATE_INSTANCE_VERSION = 137
VK_SET_REPLY = 178
VK_SEEK_REPLY = 179
VK_EXECUTE_STREAMS = 180
VK_CREATE_RING = 188
VK_DESTROY_RING = 189
VK_NOTIFY_RING = 190
VK_WRITE_RING_EXTRA = 191
VK_SUBMIT_VIRTQUEUE_SEQNO = 251
VK_WAIT_VIRTQUEUE_SEQNO = 252
VK_WAIT_RING_SEQNO = 253

STYPE_RING_CREATE_INFO = 1000384000
STYPE_RING_MONITOR_INFO = 1000384006


def command(number, arguments=b'', reply=False):
    return struct.pack('<iI', number, 1 if reply else 0) + arguments


def set_reply(res_id, offset, size):
    return command(VK_SET_REPLY, struct.pack('<QIQQ', 1, res_id, offset, size))


def seek_reply(position):
    return command(VK_SEEK_REPLY, struct.pack('<Q', position))


def execute_streams(streams):
    body = struct.pack('<IQ', len(streams), len(streams))
    body += b''.join(struct.pack('<IQQ', *stream) for stream in streams)
    return command(VK_EXECUTE_STREAMS, body + struct.pack('<QIQI', 0, 0, 0, 0))


def enumerate_instance_version():
    return command(VK_ENUMERATE_INSTANCE_VERSION, struct.pack('<Q', 1), reply=True)


def string(text):
    data = text.encode() + b'\0'
    return struct.pack('<Q', len(data)) + data + b'\0' * (-len(data) % 4)


def create_instance(instance_id, api_version=(1 << 22) | (3 << 12), layers=()):
    app = struct.pack('<QiQ', 1, 0, 0) + string('vtest.py') + struct.pack('<I', 1) + \
        string('none') + struct.pack('<II', 1, api_version)
    layer_names = struct.pack('<IQ', len(layers), len(layers)) + b''.join(map(string, layers))
    info = struct.pack('<QiQI', 1, 1, 0, 0) + app + layer_names + struct.pack('<IQ', 0, 0)
    return command(VK_CREATE_INSTANCE, info + struct.pack('<QQQ', 0, 1, instance_id), reply=True)


def destroy_instance(instance_id):
    return command(VK_DESTROY_INSTANCE, struct.pack('<QQ', instance_id, 0))


def notify_ring(ring_id, seqno):
    return command(VK_NOTIFY_RING, struct.pack('<QII', ring_id, seqno & 0xFFFFFFFF, 0))


def destroy_ring(ring_id):
    return command(VK_DESTROY_RING, struct.pack('<Q', ring_id))


def wait_ring_seqno(ring_id, seqno):
    return command(VK_WAIT_RING_SEQNO, struct.pack('<QQ', ring_id, seqno))


def submit_virtqueue_seqno(ring_id, seqno):
    return command(VK_SUBMIT_VIRTQUEUE_SEQNO, struct.pack('<QQ', ring_id, seqno))


def wait_virtqueue_seqno(seqno):
    return command(VK_WAIT_VIRTQUEUE_SEQNO, struct.pack('<Q', seqno))


def write_ring_extra(ring_id, offset, value):
    return command(VK_WRITE_RING_EXTRA, struct.pack('<QQI', ring_id, offset, value))


def create_ring(ring_id, res_id, offset=0, size=None, head=0, tail=64, status=128, buffer=192,
                buffer_size=16384, extra=None, extra_size=4, idle_ns=1000000, monitor_us=3000000):
    if extra is None:
        extra = buffer + buffer_size
    if size is None:
        size = (extra + extra_size) & (1 << 64) - 1
    chain = struct.pack('<Q', 0)
    if monitor_us is not None:
        chain = struct.pack('<QiQI', 1, STYPE_RING_MONITOR_INFO, 0, monitor_us)
    info = struct.pack('<Qi', 1, STYPE_RING_CREATE_INFO) + chain
    info += struct.pack('<II10Q', 0, res_id, offset, size, idle_ns, head, tail, status, buffer,
                        buffer_size, extra, extra_size)
    return command(VK_CREATE_RING, struct.pack('<Q', ring_id) + info)


class Ring:
    """A command ring as Mesa lays it out, with a reply area of its own."""

    def __init__(self, client, ring_id=0x1000, buffer_size=16384, reply_size=65536, **layout):
        self.client = client
        self.ring_id = ring_id
        self.buffer_size = buffer_size
        self.res_id, self.memory = client.create_shm(192 + buffer_size + 4)
        self.reply_id, self.replies = client.create_shm(reply_size)
        self.reply_size = reply_size
        self.tail = 0
        client.submit(create_ring(ring_id, self.res_id, buffer_size=buffer_size, **layout))

    def word(self, offset):
        # A slice is copied in one piece; struct would read, and clear, byte by byte.
        return int.from_bytes(self.memory[offset:offset + 4], 'little')

    def set_word(self, offset, value):
        self.memory[offset:offset + 4] = (value & 0xFFFFFFFF).to_bytes(4, 'little')

    @property
    def head(self):
        return self.word(0)

    @property
    def status(self):
        return self.word(128)

    def put(self, data):
        """Puts commands into the ring."""
        for i in range(0, len(data), 4):
            at = 192 + ((self.tail + i) & (self.buffer_size - 1))
            self.memory[at:at + 4] = data[i:i + 4]
        self.tail = (self.tail + len(data)) & 0xFFFFFFFF
        self.set_word(64, self.tail)

    def write(self, data):
        """Puts commands into the ring and wakes it. The ring's status tells if it breaks down, which it may before it is
        woken."""
        self.put(data)
        with contextlib.suppress(Dropped):
            self.client.submit(notify_ring(self.ring_id, self.tail))

    def wait(self, seconds=60):
        """Waits until the ring has done everything; False if it broke down."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.status & FATAL:
                return False
            if self.head == self.tail:
                return True
            time.sleep(0.0005)
        raise TimeoutError('ring does not get on')

    def wait_fatal(self, seconds=30):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.status & FATAL:
                return True
            time.sleep(0.001)
        return False

    def call(self, data, size):
        """Executes one command and returns `size` bytes of its reply."""
        self.replies[0:size] = b'\xff' * size
        self.write(set_reply(self.reply_id, 0, self.reply_size) + data)
        if not self.wait():
            raise Dropped('ring is fatal')
        return bytes(self.replies[0:size])
