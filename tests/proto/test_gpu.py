# SPDX-License-Identifier: MIT
"""`vitrine gpu` with a driver that sends every command with every field out of range: all is answered, each
fence comes back, nothing leaks, and what others in the guest have goes on."""

import collections
import itertools
import os
import random
import signal
import struct

import harness
import vhost
import virtio_gpu
from vhost import Vm
from virtio_gpu import COMMANDS, FLAG_FENCE, FLAG_RING_IDX, Gpu, entries

WINDOW = 256 << 20
DISPLAYS = 3
PAGE = 4096
# Resources and contexts that the commands below are about.
PIXELS = 2       # 2D, 64 x 64, with backing
BARE = 3         # 2D without backing
GUEST = 4        # a blob in guest memory
HOST = 5         # a blob in the window
UNMAPPED = 6     # a blob that could be in the window
HIDDEN = 7       # a blob that cannot be
NEW = 100        # none yet
VENUS = 1
LEGACY = 2
HOST_OFFSET = 1 << 20

BAD_32 = (0, 1, 2, 3, 15, 16, 63, 64, 65, 255, 256, 4095, 4096, 16383, 16384, 16385, 65535, 65536, 0x7fffffff,
          0x80000000, 0xfffff000, 0xfffffffc, 0xfffffffe, 0xffffffff)
BAD_64 = BAD_32 + (0x100000000, 0x1000000000, 1 << 62, (1 << 63) - 1, 1 << 63, (1 << 64) - 4096, (1 << 64) - 1)
BAD_NAMES = (b'', b'\0' * 64, b'x' * 64, bytes(range(192, 256)), b'%s%n%d', b'\n\r\x1b[31m')


class GpuTest(harness.ServerTest):
    ARGS = ('--hostmem', str(WINDOW), '--display', '640x480', '--display', '800x600', '--outputs', str(DISPLAYS))
    COMMAND = ('gpu',)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.idle_fds = cls.server.fds()

    def connect(self):
        vm = Vm(self.server.path)
        self.addCleanup(vm.close)
        vm.realize()
        vm.start()
        return vm

    def setUp(self):
        self.vm = self.connect()
        self.gpu = Gpu(self.vm)

    def tearDown(self):
        super().tearDown()
        self.check_alive(self.gpu)
        self.vm.close()
        self.check_nothing_left()

    def check_alive(self, gpu):
        """Both queues answer."""
        answer = gpu.ok('GET_DISPLAY_INFO', fence=True)
        modes = [struct.unpack_from('<6I', answer.body, 24 * i)[2:5] for i in range(16)]
        self.assertEqual(modes, [(640, 480, 1), (800, 600, 1)] + [(0, 0, 0)] * 14)
        gpu.call('MOVE_CURSOR', x=5)

    def check_nothing_left(self):
        harness.wait_for(lambda: not self.server.workers(), 60, 'workers end')
        harness.wait_for(lambda: self.server.fds() == self.server.idle_fds, 60,
                         f'{self.server.fds()} fds, {self.server.idle_fds} before')
        with open(f'/proc/{self.server.pid}/maps') as file:
            self.assertNotIn('memfd:ram', file.read())

    def populate(self, renderer=True):
        """What the valid forms of all commands need."""
        gpu = self.gpu
        gpu.create_context(LEGACY, 0)
        if renderer:
            gpu.create_context(VENUS)
        owner = VENUS if renderer else LEGACY
        gpu.create_2d(PIXELS, 64, 64)
        gpu.ok('RESOURCE_CREATE_2D', resource_id=BARE, format=1, width=32, height=32)
        gpu.create_guest_blob(GUEST, 16 * PAGE)
        gpu.create_host_blob(HOST, owner, 16 * PAGE, HOST_OFFSET)
        gpu.create_host_blob(UNMAPPED, owner, 4 * PAGE)
        gpu.ok('RESOURCE_CREATE_BLOB', ctx=owner, resource_id=HIDDEN, blob_mem=virtio_gpu.BLOB_HOST3D, size=PAGE)
        for resource in (PIXELS, GUEST, HOST):
            gpu.ok('CTX_ATTACH_RESOURCE', ctx=LEGACY, resource_id=resource)
            gpu.ok('CTX_ATTACH_RESOURCE', ctx=owner, resource_id=resource)
        gpu.ok('SET_SCANOUT', w=64, h=64, scanout_id=0, resource_id=PIXELS)
        gpu.ok('SET_SCANOUT_BLOB', w=64, h=64, scanout_id=1, resource_id=HOST, width=64, height=64, format=1, stride0=256)

    def renew(self, renderer=True):
        """A guest that begins anew, in the same state as before."""
        self.vm.reset()
        self.vm.forget_memory(self.start_of_memory)
        self.vm.start()
        self.populate(renderer)


Form = collections.namedtuple('Form', 'name context fields tail answer')


def forms(memory):
    """Each command in forms that make sense, with their answers."""
    rect = {'w': 64, 'h': 64}
    layout = {'width': 64, 'height': 64, 'format': 1, 'stride0': 256}
    ok = virtio_gpu.OK_NODATA
    return [Form(name, context, fields, tail, answer) for name, context, fields, tail, answer in [
        ('GET_DISPLAY_INFO', 0, {}, b'', virtio_gpu.OK_DISPLAY_INFO),
        ('RESOURCE_CREATE_2D', 0, {'resource_id': NEW, 'format': 2, 'width': 64, 'height': 64}, b'', ok),
        ('RESOURCE_UNREF', 0, {'resource_id': GUEST}, b'', ok),
        ('RESOURCE_UNREF', 0, {'resource_id': PIXELS}, b'', ok),
        ('RESOURCE_UNREF', 0, {'resource_id': HOST}, b'', ok),
        ('SET_SCANOUT', 0, {**rect, 'scanout_id': 1, 'resource_id': PIXELS}, b'', ok),
        ('RESOURCE_FLUSH', 0, {**rect, 'resource_id': PIXELS}, b'', ok),
        ('RESOURCE_FLUSH', 0, {**rect, 'resource_id': HOST}, b'', ok),
        ('TRANSFER_TO_HOST_2D', 0, {**rect, 'resource_id': PIXELS}, b'', ok),
        ('TRANSFER_TO_HOST_2D', 0, {**rect, 'resource_id': GUEST}, b'', ok),
        ('RESOURCE_ATTACH_BACKING', 0, {'resource_id': BARE, 'entry_count': 2},
         entries((memory, PAGE), (memory + 8 * PAGE, PAGE)), ok),
        ('RESOURCE_DETACH_BACKING', 0, {'resource_id': PIXELS}, b'', ok),
        ('GET_CAPSET_INFO', 0, {'index': 0}, b'', virtio_gpu.OK_CAPSET_INFO),
        ('GET_CAPSET', 0, {'id': virtio_gpu.CAPSET_VENUS, 'version': 0}, b'', virtio_gpu.OK_CAPSET),
        ('GET_EDID', 0, {'scanout_id': 1}, b'', virtio_gpu.OK_EDID),
        ('RESOURCE_ASSIGN_UUID', 0, {'resource_id': PIXELS}, b'', virtio_gpu.ERR_UNSPEC),
        ('RESOURCE_CREATE_BLOB', LEGACY, {'resource_id': NEW, 'blob_mem': 1, 'blob_flags': 2, 'entry_count': 2,
                                          'size': 2 * PAGE}, entries((memory, PAGE), (memory + 4 * PAGE, PAGE)), ok),
        ('RESOURCE_CREATE_BLOB', LEGACY, {'resource_id': NEW, 'blob_mem': 2, 'blob_flags': 1, 'size': PAGE}, b'', ok),
        ('RESOURCE_CREATE_BLOB', LEGACY, {'resource_id': NEW, 'blob_mem': 2, 'blob_flags': 0, 'size': PAGE}, b'', ok),
        ('RESOURCE_CREATE_BLOB', LEGACY, {'resource_id': NEW, 'blob_mem': 3, 'blob_flags': 1, 'entry_count': 1,
                                          'size': PAGE}, entries((memory, PAGE)), ok),
        ('SET_SCANOUT_BLOB', 0, {**rect, **layout, 'scanout_id': 0, 'resource_id': HOST}, b'', ok),
        ('SET_SCANOUT_BLOB', 0, {**rect, **layout, 'scanout_id': 2, 'resource_id': GUEST}, b'', ok),
        ('CTX_CREATE', 9, {'name_length': 4, 'debug_name': b'test', 'context_init': 0}, b'', ok),
        ('CTX_DESTROY', LEGACY, {}, b'', ok),
        ('CTX_ATTACH_RESOURCE', LEGACY, {'resource_id': UNMAPPED}, b'', ok),
        ('CTX_DETACH_RESOURCE', LEGACY, {'resource_id': HOST}, b'', ok),
        ('RESOURCE_CREATE_3D', 0, {'resource_id': NEW, 'width': 1, 'height': 1}, b'', virtio_gpu.ERR_UNSPEC),
        ('TRANSFER_TO_HOST_3D', LEGACY, {'resource_id': PIXELS}, b'', virtio_gpu.ERR_UNSPEC),
        ('TRANSFER_FROM_HOST_3D', LEGACY, {'resource_id': PIXELS}, b'', virtio_gpu.ERR_UNSPEC),
        ('SUBMIT_3D', LEGACY, {'size': 0}, b'', ok),
        ('RESOURCE_MAP_BLOB', 0, {'resource_id': UNMAPPED, 'offset': 8 << 20}, b'', virtio_gpu.OK_MAP_INFO),
        ('RESOURCE_UNMAP_BLOB', 0, {'resource_id': HOST}, b'', ok),
        ('UPDATE_CURSOR', 0, {'resource_id': PIXELS, 'x': 3, 'y': 4, 'hot_x': 1, 'hot_y': 1}, b'', None),
        ('MOVE_CURSOR', 0, {'x': 3, 'y': 4}, b'', None),
    ]]


# A command, what is wrong with it, and its answer: the errors that drivers and their authors rely on.
R, C, S, P, M = (virtio_gpu.ERR_INVALID_RESOURCE_ID, virtio_gpu.ERR_INVALID_CONTEXT_ID,
                 virtio_gpu.ERR_INVALID_SCANOUT_ID, virtio_gpu.ERR_INVALID_PARAMETER, virtio_gpu.ERR_OUT_OF_MEMORY)
ERRORS = [
    ('RESOURCE_CREATE_2D', 'resource_id', (0, PIXELS, GUEST), R),
    ('RESOURCE_CREATE_2D', 'format', (0, 5, 66, 122, 0xffffffff), P),
    ('RESOURCE_CREATE_2D', 'width', (0,), P),
    ('RESOURCE_CREATE_2D', 'width', (16385, 0xffffffff), M),
    ('RESOURCE_CREATE_2D', 'height', (0,), P),
    ('RESOURCE_CREATE_2D', 'height', (16385, 0x40000000), M),
    ('RESOURCE_UNREF', 'resource_id', (0, NEW, 0xffffffff), R),
    ('SET_SCANOUT', 'scanout_id', (DISPLAYS, 16, 0xffffffff), S),
    ('SET_SCANOUT', 'resource_id', (NEW, 0xffffffff), R),
    ('SET_SCANOUT', 'w', (0, 15, 65, 0xffffffff), P),
    ('SET_SCANOUT', 'x', (1, 64, 0xffffffff), P),
    ('RESOURCE_FLUSH', 'resource_id', (0, NEW), R),
    ('TRANSFER_TO_HOST_2D', 'resource_id', (0, NEW), R),
    ('TRANSFER_TO_HOST_2D', 'w', (65, 0xffffffff), P),
    ('TRANSFER_TO_HOST_2D', 'y', (1, 0xffffffff), P),
    ('RESOURCE_ATTACH_BACKING', 'resource_id', (0, NEW), R),
    ('RESOURCE_ATTACH_BACKING', 'resource_id', (PIXELS, GUEST), P),
    ('RESOURCE_ATTACH_BACKING', 'entry_count', (3, 0xffffffff), P),
    ('RESOURCE_DETACH_BACKING', 'resource_id', (0, NEW), R),
    ('RESOURCE_DETACH_BACKING', 'resource_id', (BARE, GUEST), P),
    ('GET_CAPSET_INFO', 'index', (1, 0xffffffff), P),
    ('GET_CAPSET', 'id', (0, 1, 2, 5, 0xffffffff), P),
    ('GET_CAPSET', 'version', (1, 0xffffffff), P),
    ('GET_EDID', 'scanout_id', (DISPLAYS, 0xffffffff), S),
    ('RESOURCE_CREATE_BLOB', 'resource_id', (0, PIXELS, HOST), R),
    ('RESOURCE_CREATE_BLOB', 'blob_mem', (0, 4, 0xffffffff), P),
    ('RESOURCE_CREATE_BLOB', 'blob_flags', (8, 0x80000000), P),
    ('RESOURCE_CREATE_BLOB', 'entry_count', (3, 0xffffffff), P),
    ('RESOURCE_CREATE_BLOB', 'size', (0, 2 * PAGE + 1), P),
    ('SET_SCANOUT_BLOB', 'scanout_id', (DISPLAYS, 0xffffffff), S),
    ('SET_SCANOUT_BLOB', 'resource_id', (NEW,), R),
    ('SET_SCANOUT_BLOB', 'format', (0, 5, 0xffffffff), P),
    ('SET_SCANOUT_BLOB', 'stride0', (0, 252, 257, 0xfffffffc), P),
    ('SET_SCANOUT_BLOB', 'offset0', (0x10000, 0xfffffffc, 2), P),
    ('SET_SCANOUT_BLOB', 'w', (0, 15, 65, 0xffffffff), P),
    ('CTX_ATTACH_RESOURCE', 'resource_id', (0, NEW), R),
    ('CTX_DETACH_RESOURCE', 'resource_id', (0, NEW), R),
    ('CTX_CREATE', 'context_init', (1, 2, 3, 5, 255), P),
    ('SUBMIT_3D', 'size', (1, 4, 0xfffffffc, 0xffffffff), P),
    ('RESOURCE_MAP_BLOB', 'resource_id', (0, NEW), R),
    ('RESOURCE_MAP_BLOB', 'resource_id', (PIXELS, GUEST, HOST, HIDDEN), P),
    ('RESOURCE_MAP_BLOB', 'offset', (1, 512, HOST_OFFSET, HOST_OFFSET - PAGE, WINDOW, WINDOW - PAGE, 1 << 63,
                                     (1 << 64) - PAGE), P),
    ('RESOURCE_UNMAP_BLOB', 'resource_id', (0, NEW), R),
    ('RESOURCE_UNMAP_BLOB', 'resource_id', (UNMAPPED, PIXELS), P),
]


class Hostile(GpuTest):

    def setUp(self):
        super().setUp()
        self.memory = self.vm.allocate(64 * PAGE, PAGE)
        self.start_of_memory = self.vm.next_block
        self.populate()
        self.forms = forms(self.memory)

    def check_others(self):
        """What the others in the guest have is as before."""
        gpu = self.gpu
        gpu.ok('TRANSFER_TO_HOST_2D', w=64, h=64, resource_id=PIXELS)
        gpu.ok('RESOURCE_FLUSH', w=64, h=64, resource_id=PIXELS, fence=True)
        gpu.ok('RESOURCE_FLUSH', w=64, h=64, resource_id=HOST)
        gpu.ok('SUBMIT_3D', ctx=VENUS, fence=True, ring=0)
        gpu.ok('SUBMIT_3D', ctx=LEGACY, fence=True)
        self.check_alive(gpu)

    def test_forms(self):
        """The forms are what they are said to be, or else the rest shows nothing."""
        self.assertEqual({form.name for form in self.forms}, set(COMMANDS))
        for form in self.forms:
            self.renew(renderer=False)
            answer = self.gpu.call(form.name, ctx=form.context, tail=form.tail, **form.fields)
            self.assertEqual(answer and answer.type, form.answer, f'{form} {answer and hex(answer.type)}')

    def test_errors(self):
        form_of = {form.name: form for form in reversed(self.forms)}
        self.gpu.ok('CTX_DESTROY', ctx=VENUS)
        for name, field, values, code in ERRORS:
            form = form_of[name]
            for value in values:
                answer = self.gpu.call(name, ctx=form.context, tail=form.tail, **{**form.fields, field: value})
                self.assertEqual(hex(answer.type), hex(code), f'{name} {field}={value:#x}')
        for name in ('CTX_DESTROY', 'CTX_ATTACH_RESOURCE', 'CTX_DETACH_RESOURCE', 'SUBMIT_3D'):
            for context in (0, 77, 0xffffffff):
                answer = self.gpu.call(name, ctx=context, **form_of[name].fields)
                self.assertEqual(answer.type, C, f'{name} of context {context}')
        for context in (0, LEGACY):
            answer = self.gpu.call('CTX_CREATE', ctx=context, debug_name=b'again')
            self.assertEqual(answer.type, C, f'CTX_CREATE of context {context}')

    def send_fields(self, form, fields, header, tail):
        """One command, whatever comes of it but silence."""
        data = virtio_gpu.pack(form.name, header, fields, tail)
        queue = self.vm.queues[COMMANDS[form.name].queue]
        request = queue.add(data, virtio_gpu.MAX_ANSWER if queue.index == virtio_gpu.CONTROL else 0)
        request.command, request.header, request.queue = form.name, header, queue
        return request

    def finish_all(self, requests):
        for request in requests:
            self.gpu.finish(request)
        requests.clear()

    def headers(self, context):
        fence = next(self.gpu.fences)
        return itertools.cycle([(0, 0, context, 0), (FLAG_FENCE, fence, context, 0),
                                (FLAG_FENCE | FLAG_RING_IDX, fence, context, 1),
                                (FLAG_FENCE | FLAG_RING_IDX, fence, context, 0)])

    def test_every_field(self):
        """Each field of each command with each value of a list, one at a time; fences of all kinds."""
        count = 0
        requests = []
        for form in self.forms:
            self.renew(renderer=False)
            headers = self.headers(form.context)
            for field, kind in COMMANDS[form.name].fields:
                values = {'I': BAD_32, 'Q': BAD_64, '64s': BAD_NAMES}[kind]
                for value in values:
                    if field == 'context_init' and value & 0xff == virtio_gpu.CAPSET_VENUS:
                        continue  # a process each; other tests have those
                    requests.append(self.send_fields(form, {**form.fields, field: value}, next(headers), form.tail))
                    count += 1
                    if len(requests) == 100:
                        self.finish_all(requests)
            self.finish_all(requests)
            self.check_alive(self.gpu)
        self.assertGreater(count, 3000)

    def test_every_pair_at_random(self):
        """Several fields at once, in a guest that keeps what comes of it."""
        rng = random.Random(5)
        requests = []
        for _ in range(6000):
            form = rng.choice(self.forms)
            fields = dict(form.fields)
            for field, kind in rng.sample(COMMANDS[form.name].fields, min(2, len(COMMANDS[form.name].fields))):
                fields[field] = rng.choice({'I': BAD_32, 'Q': BAD_64, '64s': BAD_NAMES}[kind])
            if form.name == 'CTX_CREATE':
                fields['context_init'] = 0
            context = rng.choice((form.context, 0, VENUS, LEGACY, 9, rng.choice(BAD_32)))
            header = (rng.choice((0, 1, 2, 3, 1, 3)), rng.choice(BAD_64), context, rng.choice((0, 1, 63, 64, 255)))
            requests.append(self.send_fields(form, fields, header, form.tail))
            if len(requests) == 100:
                self.finish_all(requests)
        self.finish_all(requests)
        self.check_alive(self.gpu)

    def test_every_size_of_request(self):
        """Cut off at every byte, and with more than belongs to it."""
        requests = []
        for form in self.forms:
            data = virtio_gpu.pack(form.name, (0, 0, form.context, 0), form.fields, form.tail)
            for size in [*range(len(data)), len(data) + 1, len(data) + 1000]:
                queue = self.vm.queues[COMMANDS[form.name].queue]
                request = queue.add(data[:size].ljust(size, b'\xff'), virtio_gpu.MAX_ANSWER)
                request.command, request.header, request.queue = form.name, (0, 0, 0, 0), queue
                requests.append(request)
                if len(requests) == 100:
                    self.wait_for_answers(requests)
            self.wait_for_answers(requests)
        self.check_alive(self.gpu)

    def wait_for_answers(self, requests):
        for request in requests:
            request.queue.wait(request)
            if request.written:
                self.assertIn(virtio_gpu.Answer(request.answer).type, virtio_gpu.ANSWERS)
        requests.clear()

    def test_every_size_of_answer(self):
        """The driver leaves less room than the answer has: the start of it comes."""
        for form in self.forms:
            if COMMANDS[form.name].queue != virtio_gpu.CONTROL or form.name.startswith('RESOURCE_UNREF'):
                continue
            data = virtio_gpu.pack(form.name, (FLAG_FENCE, 7, form.context, 0), form.fields, form.tail)
            for room in (0, 1, 4, 23, 24, 25, 31, 32, 100, 1000, [1] * 7, [8, 8, 8]):
                request = self.vm.queues[0].add(data, room)
                self.vm.queues[0].wait(request)
                total = room if isinstance(room, int) else sum(room)
                self.assertLessEqual(request.written, total)
                if total >= 24:
                    self.assertEqual(request.answer[8:16], struct.pack('<Q', 7))
        self.check_alive(self.gpu)

    def test_unknown_commands(self):
        known = {(command.code, command.queue) for command in COMMANDS.values()}
        known_codes = {code for code, _ in known}
        others = [*range(0x400), *range(0x1000, 0x1300), 0x7fffffff, 0x80000000, 0xffffffff]
        for queue in self.vm.queues:
            requests = []
            for i, code in enumerate(others):
                if (code, queue.index) in known:
                    continue
                header = (code, FLAG_FENCE | i % 2 * FLAG_RING_IDX, i, i % 5, i % 256)
                requests.append((queue.add(virtio_gpu.HEADER.pack(*header) + bytes(100), 1024), header))
                if len(requests) == 100 or i == len(others) - 1:
                    for request, header in requests:
                        queue.wait(request)
                        answer = virtio_gpu.Answer(request.answer)
                        self.assertEqual(answer.type, virtio_gpu.ERR_UNSPEC, hex(header[0]))
                        self.assertEqual((answer.flags, answer.fence, answer.context, answer.ring), header[1:])
                    requests.clear()
        self.assertGreater(len(known_codes), 20)
        self.check_others()

    def test_flags_and_rings(self):
        """Only the two known flags come back, and only with a fence."""
        for flags in [0, 1, 2, 3, 4, 5, 8, 0x10, 0x80000000, 0xfffffffe, 0xffffffff]:
            for context in (0, VENUS, LEGACY, 77, 0xffffffff):
                for ring in (0, 1, 63, 64, 255):
                    data = virtio_gpu.HEADER.pack(0x100, flags, 3, context, ring)
                    answer = virtio_gpu.Answer(self.vm.queues[0].call(data, 1024))
                    wanted = (flags & 3, 3, context, ring) if flags & FLAG_FENCE else (0, 0, 0, 0)
                    self.assertEqual((answer.flags, answer.fence, answer.context, answer.ring), wanted)
        self.check_others()

    def test_backings(self):
        """Entries that make no sense, in all that takes entries."""
        half = vhost.RAM_SIZE // 2
        bad = [(half, PAGE), (half - PAGE, 2 * PAGE), (1 << 63, PAGE), ((1 << 64) - PAGE, PAGE), ((1 << 64) - 1, 1),
               (0, 0), (self.memory, 0), (0, 0xffffffff), (vhost.HIGH_GPA + half, PAGE), (vhost.HIGH_GPA - 1, 2),
               (vhost.WINDOW_GPA, PAGE), (vhost.WINDOW_GPA + WINDOW, PAGE), (vhost.WINDOW_GPA + WINDOW - 1, PAGE),
               (self.memory + 1, PAGE), (self.memory, PAGE - 1), (1, 1)]
        for i, extent in enumerate(bad):
            for many in (1, 3, 300):
                tail = entries(*[(self.memory, PAGE)] * (many - 1), extent)
                self.gpu.call('RESOURCE_CREATE_2D', resource_id=NEW, format=1, width=64, height=64)
                self.gpu.call('RESOURCE_ATTACH_BACKING', resource_id=NEW, entry_count=many, tail=tail, fence=True)
                self.gpu.call('TRANSFER_TO_HOST_2D', resource_id=NEW, w=64, h=64, offset=i)
                self.gpu.call('CTX_ATTACH_RESOURCE', ctx=VENUS, resource_id=NEW)
                self.gpu.call('RESOURCE_FLUSH', resource_id=NEW, w=64, h=64)
                self.gpu.call('RESOURCE_UNREF', resource_id=NEW)
                for mem in (1, 2, 3):
                    self.gpu.call('RESOURCE_CREATE_BLOB', ctx=VENUS, resource_id=NEW, blob_mem=mem, blob_flags=2,
                                  size=(many - 1) * PAGE + 1, entry_count=many, tail=tail)
                    self.gpu.call('SET_SCANOUT_BLOB', scanout_id=2, resource_id=NEW, w=16, h=16, width=16, height=16,
                                  format=1, stride0=64)
                    self.gpu.call('RESOURCE_FLUSH', resource_id=NEW, w=16, h=16, fence=True)
                    self.gpu.call('CTX_ATTACH_RESOURCE', ctx=VENUS, resource_id=NEW)
                    self.gpu.call('RESOURCE_UNREF', resource_id=NEW)
        self.check_others()

    def test_memory_goes_away(self):
        """The VMM takes away memory that resources are made of, and brings it back."""
        vm = self.vm
        gpu = self.gpu
        vm.forget_memory(vm.next_block)
        vm.high = True
        gpu.create_guest_blob(50, 16 * PAGE)
        gpu.create_2d(51, 64, 64)
        gpu.ok('CTX_ATTACH_RESOURCE', ctx=VENUS, resource_id=50)
        vm.forget_memory(vm.next_block)
        vm.high = False  # what commands are in stays
        low, high = vm.ram
        for _ in range(3):
            for table in ([low], [low, high]):
                vm.ram = table
                self.assertEqual(vm.send_table(), 0)
                gpu.call('SET_SCANOUT_BLOB', scanout_id=2, resource_id=50, w=64, h=64, width=64, height=64, format=1,
                         stride0=256)
                for resource in (50, 51):
                    gpu.call('RESOURCE_FLUSH', w=64, h=64, resource_id=resource, fence=True)
                    gpu.call('TRANSFER_TO_HOST_2D', w=64, h=64, resource_id=resource)
                    gpu.call('CTX_DETACH_RESOURCE', ctx=VENUS, resource_id=resource)
                    gpu.call('CTX_ATTACH_RESOURCE', ctx=VENUS, resource_id=resource)
                    gpu.call('UPDATE_CURSOR', resource_id=resource)
        self.check_others()

    def test_commands_for_a_renderer(self):
        """Noise in the place of Vulkan commands costs that context, and only it."""
        rng = random.Random(11)
        self.gpu.create_context(5)
        for i in range(20):
            context = 10 + i
            self.gpu.create_context(context)
            self.gpu.create_host_blob(1000 + i, context, 33 * PAGE, (16 + i) << 20)
            self.gpu.ok('CTX_ATTACH_RESOURCE', ctx=context, resource_id=1000 + i)
            size = rng.choice((4, 8, 100, 4096, 100000))
            noise = rng.randbytes(size)
            if i % 3 == 0:  # a ring, as far as its first word goes
                noise = struct.pack('<II', 188, 0) + noise
            requests = [self.gpu.send('SUBMIT_3D', ctx=context, size=len(noise), tail=noise),
                        self.gpu.send('SUBMIT_3D', ctx=context, size=len(noise), tail=noise, fence=True, ring=0),
                        self.gpu.send('SUBMIT_3D', ctx=context, fence=True, ring=1),
                        self.gpu.send('RESOURCE_UNREF', resource_id=1000 + i, fence=True)]
            self.finish_all(requests)
            if i % 2:
                self.gpu.ok('CTX_DESTROY', ctx=context)
        self.gpu.ok('SUBMIT_3D', ctx=5, fence=True, ring=0)
        self.check_others()

    def test_workers_killed(self):
        """Their fences come, their commands fail, the rest goes on."""
        for round_ in range(10):
            other, = self.server.wait_workers(1)
            self.gpu.create_context(20)
            worker, = set(self.server.wait_workers(2)) - {other}
            requests = []
            for i in range(50):
                requests.append(self.gpu.send('SUBMIT_3D', ctx=20, fence=True, ring=i % 3))
                if i == round_ * 5:
                    os.kill(worker, signal.SIGKILL)
            self.finish_all(requests)
            harness.wait_for(lambda: worker not in self.server.workers())
            # The device hears of the death a moment after the process is gone.
            harness.wait_for(lambda: self.gpu.call('SUBMIT_3D', ctx=20, size=4, tail=bytes(4),
                                                   fence=True).type >= virtio_gpu.ERR_UNSPEC)
            self.gpu.ok('CTX_DESTROY', ctx=20)
            self.check_others()


class Life(GpuTest):

    def test_window(self):
        """Blobs are where the guest put them, empty at first, and emptied behind it."""
        gpu = self.gpu
        gpu.create_context(LEGACY, 0)
        for i in range(10):
            offset = 3 * PAGE * i
            gpu.create_host_blob(10 + i, LEGACY, 3 * PAGE - 5, offset)
            self.assertEqual(self.vm.window[offset:offset + 3 * PAGE], bytes(3 * PAGE))
            self.vm.window[offset:offset + 3 * PAGE] = b'!' * (3 * PAGE)
        gpu.ok('RESOURCE_UNREF', resource_id=13)
        gpu.ok('RESOURCE_UNMAP_BLOB', resource_id=14)
        left = b'!' * (9 * PAGE) + bytes(6 * PAGE) + b'!' * (3 * PAGE)
        # Piece by piece, after the answer; memory that is reused meanwhile reads as zeros (see above).
        harness.wait_for(lambda: self.vm.window[:18 * PAGE] == left, 60, 'the place is emptied')
        self.vm.reset()
        self.vm.start()
        gpu.call('GET_DISPLAY_INFO')
        harness.wait_for(lambda: self.vm.window[:30 * PAGE] == bytes(30 * PAGE), what='all places are emptied')

    def test_many_blobs(self):
        gpu = self.gpu
        gpu.create_context(LEGACY, 0)
        requests = []
        for i in range(1900):
            requests.append(gpu.send('RESOURCE_CREATE_BLOB', ctx=LEGACY, resource_id=10 + i, blob_mem=2,
                                     blob_flags=1, size=PAGE))
            requests.append(gpu.send('RESOURCE_MAP_BLOB', resource_id=10 + i, offset=2 * PAGE * i))
            if len(requests) == 100:
                self.finish_ok(requests)
        for i in range(1900):
            self.vm.window[2 * PAGE * i] = i & 0xff
        self.vm.stop()
        self.vm.resume()
        for i in range(0, 1900, 100):
            self.assertEqual(self.vm.window[2 * PAGE * i], i & 0xff)
            gpu.ok('RESOURCE_UNREF', resource_id=10 + i, fence=True)

    def finish_ok(self, requests):
        for request in requests:
            self.assertLess(self.gpu.finish(request).type, virtio_gpu.ERR_UNSPEC)
        requests.clear()

    def test_pause(self):
        """Fences that wait for the display's tick come whenever the VM is stopped."""
        gpu = self.gpu
        gpu.create_guest_blob(10, 64 * PAGE)
        gpu.ok('SET_SCANOUT_BLOB', scanout_id=0, resource_id=10, w=64, h=64, width=64, height=64, format=2,
               stride0=256)
        for _ in range(40):
            requests = [gpu.send('RESOURCE_FLUSH', resource_id=10, w=64, h=64, fence=True) for _ in range(5)]
            self.vm.stop()
            self.vm.resume()
            self.finish_ok(requests)
        gpu.create_context(VENUS)
        for _ in range(20):
            requests = [gpu.send('SUBMIT_3D', ctx=VENUS, fence=True, ring=0) for _ in range(5)]
            self.vm.stop()
            self.vm.resume()
            self.finish_ok(requests)

    def test_fences_of_a_timeline_come_in_order(self):
        gpu = self.gpu
        gpu.create_guest_blob(10, 64 * PAGE)
        gpu.ok('SET_SCANOUT_BLOB', scanout_id=0, resource_id=10, w=64, h=64, width=64, height=64, format=2,
               stride0=256)
        queue = self.vm.queues[0]
        for _ in range(10):
            first = gpu.send('RESOURCE_FLUSH', resource_id=10, w=64, h=64, fence=True)
            second = gpu.send('GET_DISPLAY_INFO', fence=True)
            unfenced = gpu.send('GET_DISPLAY_INFO')
            queue.wait(unfenced)
            self.assertTrue(second.written is None or first.written is not None)
            queue.wait(second)
            self.assertIsNotNone(first.written)

    def test_a_context_that_hangs(self):
        """However long one takes, the others' fences and the displays' come."""
        gpu = self.gpu
        gpu.create_context(VENUS)
        gpu.ok('SUBMIT_3D', ctx=VENUS, fence=True, ring=0)
        worker, = self.server.wait_workers(1)
        os.kill(worker, signal.SIGSTOP)
        try:
            late = gpu.send('SUBMIT_3D', ctx=VENUS, fence=True, ring=0)
            gpu.ok('SUBMIT_3D', ctx=VENUS, fence=True)
            gpu.create_guest_blob(10, 64 * PAGE)
            gpu.ok('SET_SCANOUT_BLOB', scanout_id=0, resource_id=10, w=64, h=64, width=64, height=64, format=2,
                   stride0=256)
            gpu.ok('RESOURCE_FLUSH', resource_id=10, w=64, h=64, fence=True)
            self.assertIsNone(late.written)
        finally:
            os.kill(worker, signal.SIGCONT)
        gpu.finish(late)

    def test_reboots(self):
        """A guest that reboots in the middle of everything leaves nothing."""
        gpu = self.gpu
        start = self.vm.next_block
        sizes = []
        for round_ in range(60):
            gpu.create_context(VENUS if round_ % 10 == 0 else LEGACY, 4 if round_ % 10 == 0 else 0)
            owner = VENUS if round_ % 10 == 0 else LEGACY
            for i in range(50):
                gpu.send('RESOURCE_CREATE_BLOB', ctx=owner, resource_id=100 + i, blob_mem=2, blob_flags=1, size=PAGE)
                gpu.send('RESOURCE_MAP_BLOB', resource_id=100 + i, offset=PAGE * i)
                gpu.send('CTX_ATTACH_RESOURCE', ctx=owner, resource_id=100 + i)
            gpu.create_2d(10, 64, 64)
            gpu.ok('SET_SCANOUT', scanout_id=0, resource_id=10, w=64, h=64)
            for _ in range(20):
                gpu.send('SUBMIT_3D', ctx=owner, fence=True, ring=0)
                gpu.send('RESOURCE_FLUSH', resource_id=10, w=64, h=64, fence=True)
            self.vm.reset()
            self.vm.forget_memory(start)
            self.vm.start()
            self.check_alive(gpu)
            sizes.append(harness.memory_kib(self.server.pid))
        harness.wait_for(lambda: not self.server.workers(), 60, 'workers end')
        if harness.is_memory_its_own():
            # Some rounds end while memory of the one before is being emptied: compare the largest.
            self.assertLess(max(sizes[-20:]) - max(sizes[:20]), 1024, f'KiB: {sizes}')

    def test_killed_vms(self):
        """QEMU is killed in the middle of everything."""
        for round_ in range(30):
            vm = self.vm
            gpu = self.gpu
            owner = VENUS if round_ % 10 == 0 else LEGACY
            gpu.create_context(owner, 4 if round_ % 10 == 0 else 0)
            gpu.create_host_blob(10, owner, 16 * PAGE, 0)
            vm.window[:5] = b'hello'
            for _ in range(50):
                gpu.send('SUBMIT_3D', ctx=owner, fence=True, ring=0)
                gpu.send('GET_DISPLAY_INFO')
            vm.close()
            self.vm = self.connect()
            self.gpu = Gpu(self.vm)
            self.check_alive(self.gpu)
            self.assertEqual(self.vm.window[:5], bytes(5))

    def test_limits(self):
        """What a guest may have of each thing: then it is refused, and nothing else."""
        gpu = self.gpu
        gpu.create_context(LEGACY, 0)

        def until_refused(name, most, **arguments):
            requests = []
            codes = collections.Counter()
            for i in range(most + 100):
                changed = {key: value(i) for key, value in arguments.items()}
                requests.append(gpu.send(name, **changed))
                if len(requests) == 200 or i == most + 99:
                    for request in requests:
                        codes[gpu.finish(request).type] += 1
                    requests.clear()
            self.assertEqual(codes, {virtio_gpu.OK_NODATA: most, virtio_gpu.ERR_OUT_OF_MEMORY: 100}, name)
            self.check_alive(gpu)
        until_refused('CTX_CREATE', 1023, ctx=lambda i: 1000 + i)
        # Blobs stop at three quarters, with memory of ours or without. The rest is for displays.
        until_refused('RESOURCE_CREATE_BLOB', 3072, resource_id=lambda i: 100000 + i, ctx=lambda i: LEGACY,
                      blob_mem=lambda i: 2, size=lambda i: PAGE)
        until_refused('RESOURCE_CREATE_BLOB', 49152 - 3072, resource_id=lambda i: 10000 + i, ctx=lambda i: LEGACY,
                      blob_mem=lambda i: 2, blob_flags=lambda i: 1, size=lambda i: 1 << 20)
        until_refused('RESOURCE_CREATE_2D', 4096 - 3072, resource_id=lambda i: 10 + i, format=lambda i: 1,
                      width=lambda i: 1, height=lambda i: 1)


if __name__ == '__main__':
    harness.main()
