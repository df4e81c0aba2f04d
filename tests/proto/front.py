# SPDX-License-Identifier: MIT
"""Plays the front process of a VM for one `vitrine worker` (src/ipc/worker_protocol.h)."""

import array
import mmap
import os
import select
import socket
import struct
import subprocess
import tempfile

import harness

# What the front says
INIT, ATTACH, ATTACH_PIECES, DETACH, SUBMIT, FENCE = range(1, 7)
# What the worker says
RING, WINDOW_RING, RING_GONE, FENCE_DONE, DETACHED, FDS_TAKEN = range(1, 7)

PAGE = 4096


# struct vtr_renderer_config (src/vk/renderer_config.h): numbers, flags and UUIDs, 16 devices, the log filter, paths
CONFIG_HEAD = struct.Struct('<QQIIIIIBBBBIBBH16s16s')
CONFIG_DEVICES = 8 + 16 * 112
CONFIG_LOG = 256
CONFIG_PATHS = 16384
CONFIG_CALLS = 16 * 32


def make_config(max_memory=0, import_alignment=0, handshake_ms=10000, reply_ms=10000, no_host_import=0, no_export=0,
                sandbox=0, one_device=0, hang_s=0, hang_compute=0, device_uuid=b'', driver_uuid=b'', readable=(), readable_size=None,
                devices=b'', log=b''):
    """The bytes of a worker's configuration."""
    paths = b''.join(path.encode() + b'\0' for path in readable)
    head = CONFIG_HEAD.pack(max_memory, 0, 0, hang_s, import_alignment, handshake_ms, reply_ms, no_host_import, no_export,
                            sandbox, hang_compute, len(paths) if readable_size is None else readable_size, one_device,
                            0, 0, device_uuid, driver_uuid)
    return (head + devices.ljust(CONFIG_DEVICES, b'\0') + log.ljust(CONFIG_LOG, b'\0') +
            paths.ljust(CONFIG_PATHS, b'\0') + bytes(CONFIG_CALLS))


class Gone(Exception):
    """The worker has closed its socket."""


class Front:
    """One worker with a window. It has create_shm() and submit(), so that vtest.Ring works on it."""

    def __init__(self, window_size=64 << 20, init=True, program=None, config=None, **options):
        """`options`: of make_config(), unless the configuration is given."""
        config_fd = os.memfd_create('config')
        os.write(config_fd, make_config(**options) if config is None else config)
        self.sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.log_file = tempfile.TemporaryFile('w+')
        number = theirs.fileno()
        self.process = subprocess.Popen(
            [program or harness.PROGRAM, 'worker', '--control-fd', str(number), '--config-fd', str(config_fd),
             '--number', '7'], pass_fds=[number, config_fd], stdin=subprocess.DEVNULL, stdout=self.log_file,
            stderr=self.log_file)
        theirs.close()
        os.close(config_fd)
        self.sock.settimeout(60)
        self.window_size = window_size
        self.window_fd = os.memfd_create('window')
        os.ftruncate(self.window_fd, window_size)
        self.window = mmap.mmap(self.window_fd, window_size)
        self.used = 0
        self.next_res_id = 2
        self.data = b''
        self.messages = []
        self.fds_sent = 0
        self.fds_taken = 0
        if init:
            self.init()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        """Ends the worker as the front does; returns its exit status."""
        self.sock.close()
        try:
            status = self.process.wait(harness.SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            os.close(self.window_fd)
        text = self.log()
        self.log_file.close()
        harness.check_sound(text)
        return status

    def log(self):
        self.log_file.seek(0)
        return self.log_file.read()

    # Messages

    def send_raw(self, data, fds=()):
        """Does not tell that the worker is gone: it may go at any time before, and what reads next tells."""
        ancillary = []
        if fds:
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))]
        try:
            sent = self.sock.sendmsg([data], ancillary)
            self.fds_sent += len(fds)
            if sent < len(data):
                self.sock.sendall(data[sent:])
        except (BrokenPipeError, ConnectionResetError):
            pass

    def send(self, op, payload=b'', fds=()):
        header = struct.pack('<IIII', op, len(payload), len(fds), 0)
        self.send_raw(header + payload + b'\0' * (-len(payload) % 16), fds)

    def init(self):
        self.send(INIT, struct.pack('<Q', self.window_size), [self.window_fd])

    def attach(self, res_id, offset, size):
        self.send(ATTACH, struct.pack('<IIQQ', res_id, 0, offset, size))

    def attach_pieces(self, res_id, fds, pieces):
        """`pieces`: (index into fds, offset, size)."""
        tail = b''.join(struct.pack('<IIQQ', index, 0, offset, size)
                        for index, offset, size in pieces)
        self.send(ATTACH_PIECES, struct.pack('<II', res_id, 0) + tail, fds)

    def detach(self, res_id):
        self.send(DETACH, struct.pack('<II', res_id, 0))

    def submit(self, commands):
        self.send(SUBMIT, commands)

    def fence(self, fence_id, timeline=0):
        self.send(FENCE, struct.pack('<IIQ', timeline, 0, fence_id))

    def receive(self, timeout=60):
        """The worker's next message: (op, payload), but for FDS_TAKEN."""
        while True:
            if len(self.data) >= 16:
                op, size, fds, zero = struct.unpack_from('<IIII', self.data)
                assert fds == 0 and zero == 0, 'workers of VMs send no fds'
                length = 16 + size + -size % 16
                if len(self.data) >= length:
                    payload = self.data[16:16 + size]
                    self.data = self.data[length:]
                    if op != FDS_TAKEN:
                        return op, payload
                    self.fds_taken += struct.unpack('<II', payload)[0]
                    continue
            if not select.select([self.sock], [], [], timeout)[0]:
                raise TimeoutError(f'the worker says nothing\n{self.log()}')
            try:
                data = self.sock.recv(65536)
            except ConnectionResetError as error:
                raise Gone(str(error)) from None
            if not data:
                raise Gone('closed')
            self.data += data

    def wait_fences(self, count):
        """The next `count` fences that are done: (timeline, id)."""
        done = []
        while len(done) < count:
            op, payload = self.receive()
            if op == FENCE_DONE:
                timeline, _, fence_id = struct.unpack('<IIQ', payload)
                done.append((timeline, fence_id))
            else:
                self.messages.append((op, payload))
        return done

    def sync(self):
        """Waits until all that was said is done."""
        self.fence(1 << 40)
        assert self.wait_fences(1) == [(0, 1 << 40)]

    def wait_gone(self):
        """Waits until the worker gives the context up."""
        while True:
            try:
                self.messages.append(self.receive())
            except Gone:
                return

    # Memory

    def place(self, size, alignment=PAGE):
        """A free range of the window."""
        offset = self.used + -self.used % alignment
        self.used = offset + size + -size % PAGE
        assert self.used <= self.window_size
        return offset

    def create_shm(self, size):
        """As the guest does: a resource in the window. (res_id, memory)"""
        offset = self.place(size)
        res_id = self.next_res_id
        self.next_res_id += 1
        self.attach(res_id, offset, size + -size % PAGE)
        return res_id, memoryview(self.window)[offset:offset + size]

    def unref(self, res_id):
        """As the guest does when it has no use for a resource; see vtest.Client."""
        self.detach(res_id)
