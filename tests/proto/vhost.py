# SPDX-License-Identifier: MIT
"""A VMM with a guest's driver in it, as far as a vhost-user back end can tell: it says what QEMU 11.1
says, in its order, and shares memory, queues and the back channel the way that QEMU does.

    vm = Vm(path)
    vm.realize()            # as at QEMU's start
    vm.start()              # as when the guest's driver starts
    vm.queues[0].call(b'request', answer=64)
"""

import array
import collections
import mmap
import os
import select
import socket
import struct
import time

GET_FEATURES = 1
SET_FEATURES = 2
SET_OWNER = 3
SET_MEM_TABLE = 5
SET_VRING_NUM = 8
SET_VRING_ADDR = 9
SET_VRING_BASE = 10
GET_VRING_BASE = 11
SET_VRING_KICK = 12
SET_VRING_CALL = 13
SET_VRING_ERR = 14
GET_PROTOCOL_FEATURES = 15
SET_PROTOCOL_FEATURES = 16
GET_QUEUE_NUM = 17
SET_VRING_ENABLE = 18
SET_BACKEND_REQ_FD = 21
GET_CONFIG = 24
SET_CONFIG = 25
RESET_DEVICE = 34
GET_SHMEM_CONFIG = 44

BACK_CONFIG_CHANGE = 2
BACK_SHMEM_MAP = 9

VERSION = 1
REPLY = 4
NEED_REPLY = 8
# What QEMU waits for an answer to, though there is none but "done".
ACKNOWLEDGED = {SET_MEM_TABLE, SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR, SET_VRING_ENABLE,
                SET_BACKEND_REQ_FD, SET_CONFIG, RESET_DEVICE}

F_BACKEND_REQ = 1 << 5
F_SHMEM = 1 << 22
PROTOCOL_FEATURES = 0x402629
VIRTIO_FEATURES = 1 << 28 | 1 << 29 | 1 << 32
PROTOCOL_BIT = 1 << 30

DESC_NEXT = 1
DESC_WRITE = 2
DESC_INDIRECT = 4

RAM_SIZE = 64 << 20
HIGH_GPA = 1 << 32  # where the upper half of the memory is
USER_BASE = 0x7f0000000000
WINDOW_GPA = 0xfc00000000
CONFIG_SIZE = 24
TIMEOUT = 60


class Closed(Exception):
    """The back end has closed the connection."""


class Timeout(Exception):
    """What had to come did not."""


Region = collections.namedtuple('Region', 'gpa size user offset fd')


def pack_table(regions):
    data = struct.pack('<II', len(regions), 0)
    for region in regions:
        data += struct.pack('<QQQQ', region.gpa, region.size, region.user, region.offset)
    return data


class Channel:
    """Messages on a socket."""

    def __init__(self, sock):
        self.sock = sock
        sock.settimeout(TIMEOUT)

    def send(self, request, payload=b'', fds=(), flags=VERSION, size=None):
        header = struct.pack('<III', request, flags, len(payload) if size is None else size)
        self.send_raw(header + payload, fds)

    def send_raw(self, data, fds=()):
        try:
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))] if fds else []
            sent = self.sock.sendmsg([data], ancillary)
            if sent < len(data):
                self.sock.sendall(data[sent:])
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Closed() from error

    def receive_bytes(self, size):
        """size bytes, and the fds that came with them."""
        data = b''
        fds = []
        while len(data) < size:
            try:
                more, ancillary, _, _ = self.sock.recvmsg(size - len(data), socket.CMSG_SPACE(4 * 16))
            except ConnectionResetError as error:
                raise Closed() from error
            except socket.timeout as error:
                raise Timeout('no message') from error
            for _, _, content in ancillary:
                fds += array.array('i', content[:len(content) // 4 * 4])
            if not more:
                raise Closed()
            data += more
        return data, fds

    def receive(self):
        header, fds = self.receive_bytes(12)
        request, flags, size = struct.unpack('<III', header)
        payload = self.receive_bytes(size)[0] if size else b''
        return request, flags, payload, fds

    def is_readable(self, seconds=0):
        return bool(select.select([self.sock], [], [], seconds)[0])

    def close(self):
        self.sock.close()


class Request:
    """What was put into a queue. `written` is how many bytes came back, None while none did."""

    def __init__(self, head, blocks, answers):
        self.head = head
        self.blocks = blocks
        self.answers = answers  # [(gpa, size)]
        self.written = None
        self.answer = None


class Queue:
    """The driver's side of a split queue with indirect descriptors and event index."""

    def __init__(self, vm, index, size):
        self.vm = vm
        self.index = index
        self.size = size
        self.base = 0  # what the back end is told to go on with
        self.area = vm.allocate(16 * size + 2 * size + 6 + 8 * size + 6 + 64, 4096)
        self.desc = self.area
        self.avail = self.desc + 16 * size
        self.used = self.avail + (2 * size + 6 + 3) // 4 * 4
        self.kick = os.eventfd(0, os.EFD_NONBLOCK)
        self.err = os.eventfd(0, os.EFD_NONBLOCK)
        self.calls = [os.eventfd(0, os.EFD_NONBLOCK) for _ in range(2)]  # before and after the start
        self.clear()

    def clear(self):
        """As a driver that begins: everything is zero."""
        self.vm.write(self.area, bytes(16 * self.size + 10 * self.size + 64))
        self.base = 0
        self.avail_idx = 0
        self.used_idx = 0
        self.free = list(range(self.size))
        self.pending = {}
        self.interrupts = 0

    def close(self):
        for fd in (self.kick, self.err, *self.calls):
            os.close(fd)

    def put_descriptor(self, table, index, addr, size, flags, following):
        self.vm.write(table + 16 * index, struct.pack('<QIHH', addr, size, flags, following))

    def offer(self, head):
        """Makes a head available, whatever it is."""
        self.vm.write(self.avail + 4 + 2 * (self.avail_idx % self.size), struct.pack('<H', head))
        self.avail_idx = (self.avail_idx + 1) & 0xffff
        self.vm.write(self.avail + 2, struct.pack('<H', self.avail_idx))

    def kick_now(self):
        os.eventfd_write(self.kick, 1)

    def add(self, out, answer=64, indirect=True, kick=True):
        """Puts a request: out is bytes, or a list of parts; answer is a size, or a list of sizes."""
        parts = [out] if isinstance(out, bytes) else out
        sizes = [answer] if isinstance(answer, int) else answer
        buffers = []
        blocks = []
        for part in parts:
            if part:
                blocks.append((self.vm.allocate(len(part)), len(part)))
                self.vm.write(blocks[-1][0], part)
                buffers.append((*blocks[-1], 0))
        for size in sizes:
            if size:
                blocks.append((self.vm.allocate(size), size))
                self.vm.write(blocks[-1][0], b'\xee' * size)
                buffers.append((*blocks[-1], DESC_WRITE))
        heads = [self.free.pop() for _ in range(1 if indirect else len(buffers))]
        table = self.desc
        slots = heads
        if indirect:
            blocks.append((self.vm.allocate(16 * len(buffers), 16), 16 * len(buffers)))
            table = blocks[-1][0]
            slots = range(len(buffers))
            self.put_descriptor(self.desc, heads[0], table, 16 * len(buffers), DESC_INDIRECT, 0)
        for i, (addr, size, flags) in enumerate(buffers):
            last = i == len(buffers) - 1
            self.put_descriptor(table, slots[i], addr, size, flags | (0 if last else DESC_NEXT),
                                0 if last else slots[i + 1])
        request = Request(heads, blocks, [(addr, size) for addr, size, flags in buffers if flags])
        self.pending[heads[0]] = request
        self.offer(heads[0])
        if kick:
            self.kick_now()
        return request

    def read_used_idx(self):
        """Reads until two reads agree. Python copies single bytes, so one read may mix an old value and a new one."""
        while True:
            first, second = (self.vm.read(self.used + 2, 2) for _ in range(2))
            if first == second:
                return struct.unpack('<H', first)[0]

    def collect(self):
        """Takes what came back, and asks for an interrupt for the next one: after that, looks once more."""
        asked = None
        while True:
            used_idx = self.read_used_idx()
            if used_idx == asked:
                return
            while self.used_idx != used_idx:
                self.take_used()
            self.vm.write(self.avail + 4 + 2 * self.size, struct.pack('<H', used_idx))
            asked = used_idx

    def take_used(self):
        head, written = struct.unpack('<II', self.vm.read(self.used + 4 + 8 * (self.used_idx % self.size), 8))
        self.used_idx = (self.used_idx + 1) & 0xffff
        request = self.pending.pop(head)  # KeyError: answered twice, or never asked
        request.written = written
        request.answer = b''.join(self.vm.read(*place) for place in request.answers)[:written]
        self.free += request.head
        for block in request.blocks:
            self.vm.release(*block)

    def avail_event(self):
        return struct.unpack('<H', self.vm.read(self.used + 4 + 8 * self.size, 2))[0]

    def count_interrupts(self):
        for fd in self.calls:
            try:
                self.interrupts += os.eventfd_read(fd)
            except BlockingIOError:
                pass
        return self.interrupts

    def is_broken(self):
        """Whether the back end has said that the ring makes no sense."""
        try:
            return os.eventfd_read(self.err) > 0
        except BlockingIOError:
            return False

    def wait(self, *requests, seconds=TIMEOUT):
        """Until all of them are answered; woken by interrupts only, as a guest is."""
        def done():
            self.collect()
            return all(request.written is not None for request in requests)
        deadline = time.monotonic() + seconds
        while not done():
            self.vm.wait_event(deadline, *self.calls)
        return requests[0].answer if len(requests) == 1 else [request.answer for request in requests]

    def call(self, out, answer=64, **options):
        return self.wait(self.add(out, answer, **options))


class Vm:
    """QEMU and a guest."""

    def __init__(self, path, queues=2, size=256, protocol_features=PROTOCOL_FEATURES):
        self.protocol_mask = protocol_features
        self.fd = os.memfd_create('ram')
        os.ftruncate(self.fd, RAM_SIZE)
        self.memory = mmap.mmap(self.fd, RAM_SIZE)
        half = RAM_SIZE // 2
        self.ram = [Region(0, half, USER_BASE, 0, self.fd),
                    Region(HIGH_GPA, half, USER_BASE + HIGH_GPA, half, self.fd)]
        self.blocks = {}  # size -> free ones
        self.next_block = 4096
        self.high = False
        self.window = None      # the mapping, once there is one
        self.window_region = None
        self.window_size = 0
        self.config_changes = 0
        self.answer_map = True  # set to False to keep the back end waiting
        self.map_result = 0
        self.running = False
        self.back = None
        self.front = None
        self.queues = [Queue(self, i, size) for i in range(queues)]
        self.high = None
        self.path = path
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.connect(path)
        self.front = Channel(sock)

    def close(self):
        """As when QEMU is killed."""
        for channel in (self.front, self.back):
            if channel:
                channel.close()
        self.drop_window()
        for queue in self.queues:
            queue.close()
        self.queues = []
        if self.fd >= 0:
            self.memory.close()
            os.close(self.fd)
            self.fd = -1

    # --- the guest's memory: gpa 0... and HIGH_GPA... ---

    def place(self, gpa):
        return gpa if gpa < HIGH_GPA else gpa - HIGH_GPA + RAM_SIZE // 2

    def read(self, gpa, size):
        at = self.place(gpa)
        return self.memory[at:at + size]

    def write(self, gpa, data):
        at = self.place(gpa)
        self.memory[at:at + len(data)] = data

    def allocate(self, size, align=64):
        """In both parts of the memory by turns, if `high` does not say which."""
        size = (size + 63) // 64 * 64
        free = self.blocks.get(size)
        if free and align <= 64:
            return free.pop()
        at = (self.next_block + align - 1) // align * align
        self.next_block = at + size
        if self.next_block > RAM_SIZE // 2:
            raise MemoryError("the guest's memory is full")
        high = self.next_block // 64 % 2 if self.high is None else self.high
        return at + (HIGH_GPA if high else 0)

    def release(self, gpa, size):
        self.blocks.setdefault((size + 63) // 64 * 64, []).append(gpa)

    # --- messages ---

    def send(self, request, payload=b'', fds=()):
        """What QEMU sends without an answer of its own; waits if QEMU does. Returns the ack."""
        if request not in ACKNOWLEDGED:
            self.front.send(request, payload, fds)
            return 0
        self.front.send(request, payload, fds, flags=VERSION | NEED_REPLY)
        return self.receive_ack(request)

    def receive_ack(self, request):
        got, flags, payload, fds = self.front.receive()
        assert (got, flags, len(payload), fds) == (request, VERSION | REPLY, 8, []), \
            f'{got} flags {flags:#x} {len(payload)} bytes {len(fds)} fds in answer to {request}'
        return struct.unpack('<Q', payload)[0]

    def ask(self, request, payload=b''):
        self.front.send(request, payload)
        got, flags, answer, fds = self.front.receive()
        assert (got, flags, fds) == (request, VERSION | REPLY, []), \
            f'{got} flags {flags:#x} in answer to {request}'
        return answer

    def ask_u64(self, request):
        return struct.unpack('<Q', self.ask(request))[0]

    def is_closed(self, seconds=TIMEOUT):
        """Whether the back end closes the connection; answers that come before are skipped."""
        deadline = time.monotonic() + seconds
        while self.front.is_readable(max(0, deadline - time.monotonic())):
            try:
                self.front.receive()
            except Closed:
                return True
        return False

    # --- what QEMU does ---

    def realize(self):
        self.features = self.ask_u64(GET_FEATURES)
        assert self.features & PROTOCOL_BIT
        self.offered = self.ask_u64(GET_PROTOCOL_FEATURES)
        self.protocol = self.offered & self.protocol_mask
        self.send(SET_PROTOCOL_FEATURES, struct.pack('<Q', self.protocol))
        assert self.ask_u64(GET_QUEUE_NUM) >= len(self.queues)
        if self.protocol & F_BACKEND_REQ:
            self.open_back()
        self.send(SET_OWNER)
        self.ask_u64(GET_FEATURES)
        for queue in self.queues:
            self.send_vring_fd(SET_VRING_CALL, queue, queue.calls[0])
            self.send_vring_fd(SET_VRING_ERR, queue, queue.err)
        if self.protocol & F_SHMEM:
            answer = self.ask(GET_SHMEM_CONFIG)
            sizes = struct.unpack('<II256Q', answer)
            assert sizes[0] == sum(1 for size in sizes[2:] if size)
            self.window_size = sizes[2 + 1]

    def open_back(self):
        ours, theirs = socket.socketpair()
        assert self.send(SET_BACKEND_REQ_FD, fds=[theirs.fileno()]) == 0
        theirs.close()
        self.back = Channel(ours)

    def send_vring_fd(self, request, queue, fd):
        assert self.send(request, struct.pack('<Q', queue.index), [fd]) == 0

    def send_table(self):
        regions = self.ram + ([self.window_region] if self.window_region else [])
        return self.send(SET_MEM_TABLE, pack_table(regions), [region.fd for region in regions])

    def setup_queue(self, queue):
        user = self.user_address
        self.send(SET_VRING_NUM, struct.pack('<II', queue.index, queue.size))
        self.send(SET_VRING_BASE, struct.pack('<II', queue.index, queue.base))
        self.send(SET_VRING_ADDR, struct.pack('<IIQQQQ', queue.index, 0, user(queue.desc), user(queue.used),
                                              user(queue.avail), 0))
        self.send_vring_fd(SET_VRING_KICK, queue, queue.kick)
        self.send_vring_fd(SET_VRING_CALL, queue, queue.calls[0])

    def forget_memory(self, start=4096):
        """Nothing from `start` on is in use any more."""
        self.blocks = {}
        self.next_block = start

    def user_address(self, gpa):
        return USER_BASE + gpa

    def enable(self, value):
        for queue in self.queues:
            assert self.send(SET_VRING_ENABLE, struct.pack('<II', queue.index, value)) == 0

    def start(self, features=None, only=None):
        """The driver says DRIVER_OK, or the VM goes on. `only`: the queues that the driver uses."""
        wanted = VIRTIO_FEATURES | (self.features & 0xffff) if features is None else features
        self.send(SET_FEATURES, struct.pack('<Q', wanted | PROTOCOL_BIT))
        assert self.send_table() == 0
        self.used_queues = self.queues if only is None else [self.queues[i] for i in only]
        for queue in self.used_queues:
            self.setup_queue(queue)
        self.enable(1)
        for queue in self.used_queues:
            self.send_vring_fd(SET_VRING_CALL, queue, queue.calls[1])
        self.running = True

    def stop(self):
        """The VM is stopped, or the driver reset the device."""
        self.running = False
        self.enable(0)
        for queue in self.used_queues:
            answer = self.ask(GET_VRING_BASE, struct.pack('<II', queue.index, 0))
            index, queue.base = struct.unpack('<II', answer)
            assert index == queue.index

    def resume(self):
        self.start(only=[queue.index for queue in self.used_queues])

    def reset(self):
        """The guest resets the device and begins anew."""
        self.stop()
        self.drop_window()
        for queue in self.queues:
            queue.clear()

    def drop_window(self):
        if self.window_region:
            self.window.close()
            os.close(self.window_region.fd)
            self.window = None
            self.window_region = None

    def get_config(self, offset=0, size=CONFIG_SIZE):
        answer = self.ask(GET_CONFIG, struct.pack('<III', offset, size, 0) + bytes(size))
        assert answer[:12] == struct.pack('<III', offset, size, 0) and len(answer) == 12 + size
        return answer[12:]

    def set_config(self, data, offset=0):
        return self.send(SET_CONFIG, struct.pack('<III', offset, len(data), 0) + data)

    # --- what QEMU's main loop does while the guest runs ---

    def wait_event(self, deadline, *fds):
        """Sleeps until one of the eventfds is set; serves the back channel meanwhile."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise Timeout('no interrupt')
        sources = [*fds, self.front.sock, *([self.back.sock] if self.back else [])]
        ready = select.select(sources, [], [], left)[0]
        if self.back and self.back.sock in ready:
            self.serve_back()
        if self.front.sock in ready:
            self.front.receive()  # Closed, since nothing was asked
            raise AssertionError('an answer to nothing')
        for queue in self.queues:
            queue.count_interrupts()

    def serve_back(self):
        request, flags, payload, fds = self.back.receive()
        # QEMU 11.1 crashes on these while the device is stopped.
        assert self.running, f'message {request} on the back channel while the device is stopped'
        if request == BACK_CONFIG_CHANGE:
            assert not payload and not fds
            self.config_changes += 1
            return
        assert request == BACK_SHMEM_MAP and flags == VERSION | NEED_REPLY and len(fds) == 1
        assert not self.window_region, 'mapped twice'
        region, fd_offset, offset, size, map_flags = struct.unpack('<B7xQQQQ', payload)
        assert (region, fd_offset, offset, size, map_flags) == (1, 0, 0, self.window_size, 1)
        if self.map_result:
            os.close(fds[0])
        else:
            self.window = mmap.mmap(fds[0], size)
            self.window_region = Region(WINDOW_GPA, size, USER_BASE + WINDOW_GPA, 0, fds[0])
        if not self.answer_map:
            return
        # QEMU answers first, and then waits for the front channel: who waits for it here is stuck.
        self.back.send(BACK_SHMEM_MAP, struct.pack('<Q', self.map_result), flags=VERSION | REPLY)
        if not self.map_result:
            assert self.send_table() == 0

    def pump(self, condition, seconds=TIMEOUT):
        """Serves the back channel until the condition holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            self.wait_event(deadline)
