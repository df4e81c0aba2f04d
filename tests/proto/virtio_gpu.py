# SPDX-License-Identifier: MIT
"""What a virtio-gpu driver says (virtio 1.3, 5.7), for a vhost.Vm: all commands as a table of fields.

    gpu = Gpu(vm)
    gpu.ok('RESOURCE_CREATE_2D', resource_id=2, format=1, width=64, height=64)
"""

import collections
import itertools
import struct

CONTROL = 0
CURSOR = 1

FLAG_FENCE = 1
FLAG_RING_IDX = 2

OK_NODATA = 0x1100
OK_DISPLAY_INFO = 0x1101
OK_CAPSET_INFO = 0x1102
OK_CAPSET = 0x1103
OK_EDID = 0x1104
OK_RESOURCE_UUID = 0x1105
OK_MAP_INFO = 0x1106
ERR_UNSPEC = 0x1200
ERR_OUT_OF_MEMORY = 0x1201
ERR_INVALID_SCANOUT_ID = 0x1202
ERR_INVALID_RESOURCE_ID = 0x1203
ERR_INVALID_CONTEXT_ID = 0x1204
ERR_INVALID_PARAMETER = 0x1205
# What an answer may be, with the size that it has then.
ANSWERS = {OK_NODATA: 24, OK_DISPLAY_INFO: 24 + 16 * 24, OK_CAPSET_INFO: 40, OK_CAPSET: 24 + 160, OK_EDID: 24 + 1032,
           OK_RESOURCE_UUID: 40, OK_MAP_INFO: 32, ERR_UNSPEC: 24, ERR_OUT_OF_MEMORY: 24, ERR_INVALID_SCANOUT_ID: 24,
           ERR_INVALID_RESOURCE_ID: 24, ERR_INVALID_CONTEXT_ID: 24, ERR_INVALID_PARAMETER: 24}
MAX_ANSWER = max(ANSWERS.values())

FORMATS = (1, 2, 3, 4, 67, 68, 121, 134)
BLOB_GUEST = 1
BLOB_HOST3D = 2
BLOB_HOST3D_GUEST = 3
BLOB_MAPPABLE = 1
CAPSET_VENUS = 4

HEADER = struct.Struct('<IIQIB3x')
ENTRY = struct.Struct('<QII')
RECT = [('x', 'I'), ('y', 'I'), ('w', 'I'), ('h', 'I')]
RESOURCE = [('resource_id', 'I'), ('padding', 'I')]

Command = collections.namedtuple('Command', 'name code queue fields struct')


def _command(name, code, fields, queue=CONTROL):
    return Command(name, code, queue, fields, struct.Struct('<' + ''.join(kind for _, kind in fields)))


COMMANDS = {command.name: command for command in [
    _command('GET_DISPLAY_INFO', 0x100, []),
    _command('RESOURCE_CREATE_2D', 0x101, [('resource_id', 'I'), ('format', 'I'), ('width', 'I'), ('height', 'I')]),
    _command('RESOURCE_UNREF', 0x102, RESOURCE),
    _command('SET_SCANOUT', 0x103, RECT + [('scanout_id', 'I'), ('resource_id', 'I')]),
    _command('RESOURCE_FLUSH', 0x104, RECT + RESOURCE),
    _command('TRANSFER_TO_HOST_2D', 0x105, RECT + [('offset', 'Q')] + RESOURCE),
    _command('RESOURCE_ATTACH_BACKING', 0x106, [('resource_id', 'I'), ('entry_count', 'I')]),
    _command('RESOURCE_DETACH_BACKING', 0x107, RESOURCE),
    _command('GET_CAPSET_INFO', 0x108, [('index', 'I'), ('padding', 'I')]),
    _command('GET_CAPSET', 0x109, [('id', 'I'), ('version', 'I')]),
    _command('GET_EDID', 0x10a, [('scanout_id', 'I'), ('padding', 'I')]),
    _command('RESOURCE_ASSIGN_UUID', 0x10b, RESOURCE),
    _command('RESOURCE_CREATE_BLOB', 0x10c, [('resource_id', 'I'), ('blob_mem', 'I'), ('blob_flags', 'I'),
                                             ('entry_count', 'I'), ('blob_id', 'Q'), ('size', 'Q')]),
    _command('SET_SCANOUT_BLOB', 0x10d, RECT + [
        ('scanout_id', 'I'), ('resource_id', 'I'), ('width', 'I'), ('height', 'I'), ('format', 'I'),
        ('padding', 'I'), *((f'stride{i}', 'I') for i in range(4)), *((f'offset{i}', 'I') for i in range(4))]),
    _command('CTX_CREATE', 0x200, [('name_length', 'I'), ('context_init', 'I'), ('debug_name', '64s')]),
    _command('CTX_DESTROY', 0x201, []),
    _command('CTX_ATTACH_RESOURCE', 0x202, RESOURCE),
    _command('CTX_DETACH_RESOURCE', 0x203, RESOURCE),
    _command('RESOURCE_CREATE_3D', 0x204, [(name, 'I') for name in (
        'resource_id', 'target', 'format', 'bind', 'width', 'height', 'depth', 'array_size', 'last_level',
        'nr_samples', 'flags', 'padding')]),
    _command('TRANSFER_TO_HOST_3D', 0x205, [*((f'box{i}', 'I') for i in range(6)), ('offset', 'Q'),
                                            ('resource_id', 'I'), ('level', 'I'), ('stride', 'I'),
                                            ('layer_stride', 'I')]),
    _command('TRANSFER_FROM_HOST_3D', 0x206, [*((f'box{i}', 'I') for i in range(6)), ('offset', 'Q'),
                                              ('resource_id', 'I'), ('level', 'I'), ('stride', 'I'),
                                              ('layer_stride', 'I')]),
    _command('SUBMIT_3D', 0x207, [('size', 'I'), ('padding', 'I')]),
    _command('RESOURCE_MAP_BLOB', 0x208, RESOURCE + [('offset', 'Q')]),
    _command('RESOURCE_UNMAP_BLOB', 0x209, RESOURCE),
    *(_command(name, code, [('scanout_id', 'I'), ('x', 'I'), ('y', 'I'), ('padding1', 'I'), ('resource_id', 'I'),
                            ('hot_x', 'I'), ('hot_y', 'I'), ('padding2', 'I')], CURSOR)
      for name, code in (('UPDATE_CURSOR', 0x300), ('MOVE_CURSOR', 0x301))),
]}


def pack(name, header, fields, tail=b''):
    """A command's bytes: `header` is (flags, fence, context, ring), fields that are missing are 0."""
    command = COMMANDS[name]
    unknown = set(fields) - {field for field, _ in command.fields}
    assert not unknown, f'{name} has no {unknown}'
    values = [fields.get(field, b'' if kind.endswith('s') else 0) for field, kind in command.fields]
    return HEADER.pack(command.code, *header) + command.struct.pack(*values) + tail


def entries(*extents):
    return b''.join(ENTRY.pack(addr, size, 0) for addr, size in extents)


class Answer:
    """An answer, or none yet."""

    def __init__(self, data):
        self.data = data
        self.type, self.flags, self.fence, self.context, self.ring = HEADER.unpack(data[:24])
        self.body = data[24:]


class Refused(Exception):
    """The device answered with an error."""

    def __init__(self, name, code):
        super().__init__(f'{name}: {code:#x}')
        self.code = code


class Gpu:
    """A driver."""

    def __init__(self, vm):
        self.vm = vm
        self.fences = itertools.count(1)

    def header(self, ctx=0, fence=False, ring=None):
        flags = (FLAG_FENCE if fence else 0) | (FLAG_RING_IDX if ring is not None else 0)
        return flags, next(self.fences) if fence else 0, ctx, ring or 0

    def send(self, name, ctx=0, fence=False, ring=None, tail=b'', **fields):
        """Puts a command into its queue. Returns: the request, see finish()."""
        header = self.header(ctx, fence, ring)
        queue = self.vm.queues[COMMANDS[name].queue]
        # Linux gives the cursor's commands no room for an answer.
        request = queue.add(pack(name, header, fields, tail), MAX_ANSWER if queue.index == CONTROL else 0)
        request.command = name
        request.header = header
        request.queue = queue
        return request

    def finish(self, request):
        """Waits for the answer and checks what is true of all."""
        request.queue.wait(request)
        if request.queue.index == CURSOR:
            assert request.written == 0, request.written
            return None
        answer = Answer(request.answer)
        assert ANSWERS.get(answer.type) == len(request.answer), \
            f'{request.command}: {answer.type:#x} of {len(request.answer)} bytes'
        echo = (answer.flags, answer.fence, answer.context, answer.ring)
        wanted = request.header if request.header[0] & FLAG_FENCE else (0, 0, 0, 0)
        assert echo == wanted, f'{request.command}: fence {wanted} is answered with {echo}'
        return answer

    def call(self, name, **arguments):
        return self.finish(self.send(name, **arguments))

    def ok(self, name, **arguments):
        answer = self.call(name, **arguments)
        if answer and answer.type >= ERR_UNSPEC:
            raise Refused(name, answer.type)
        return answer

    # --- what takes several commands, or memory ---

    def memory(self, size):
        """A buffer of whole pages: its address."""
        return self.vm.allocate(size, 4096)

    def create_2d(self, resource_id, width, height, pixel_format=2):
        """Returns: the address of its pixels in the guest's memory."""
        self.ok('RESOURCE_CREATE_2D', resource_id=resource_id, format=pixel_format, width=width, height=height)
        size = (width * height * 4 + 4095) // 4096 * 4096
        addr = self.memory(size)
        self.ok('RESOURCE_ATTACH_BACKING', resource_id=resource_id, entry_count=1, tail=entries((addr, size)))
        return addr

    def create_guest_blob(self, resource_id, size, flags=2):
        addr = self.memory(size)
        self.ok('RESOURCE_CREATE_BLOB', resource_id=resource_id, blob_mem=BLOB_GUEST, blob_flags=flags, size=size,
                entry_count=1, tail=entries((addr, size)))
        return addr

    def create_host_blob(self, resource_id, ctx, size, offset=None, blob_id=0):
        """Mapped at `offset` of the window if that is given."""
        self.ok('RESOURCE_CREATE_BLOB', ctx=ctx, resource_id=resource_id, blob_mem=BLOB_HOST3D,
                blob_flags=BLOB_MAPPABLE, size=size, blob_id=blob_id)
        if offset is not None:
            self.ok('RESOURCE_MAP_BLOB', resource_id=resource_id, offset=offset)

    def create_context(self, ctx, capset=CAPSET_VENUS, name=b'test'):
        self.ok('CTX_CREATE', ctx=ctx, context_init=capset, name_length=len(name), debug_name=name)
