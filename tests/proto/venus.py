# SPDX-License-Identifier: MIT
"""A few Vulkan commands as Mesa's driver encodes them (layouts: protocol/venus.reg): as much as it
takes to have a device write to memory."""

import struct

import vtest
from vtest import Ring, command

NULL = struct.pack('<Q', 0)
ONE = struct.pack('<Q', 1)
INSTANCE, PHYSICAL, DEVICE, QUEUE, POOL, COMMANDS = range(1, 7)


def chain(*structs):
    """Nested, not a list: (sType, members) of each."""
    if not structs:
        return NULL
    (stype, members), *rest = structs
    return ONE + struct.pack('<i', stype) + chain(*rest) + members


def info(stype, members, *chained):
    """A pointer to a struct."""
    return ONE + struct.pack('<i', stype) + chain(*chained) + members


def new(handle):
    return struct.pack('<QQ', 1, handle)


def enumerate_physical_devices(instance, device):
    return command(2, struct.pack('<QQIQQ', instance, 1, 1, 1, device), reply=True)


# VkPhysicalDeviceFeatures: how many, and where those of sparse binding are.
FEATURES = 55
SPARSE_FEATURES = range(44, 53)


def features(physical):
    """Reply: FEATURES words from 12 on."""
    return command(3, struct.pack('<Q', physical) + ONE, True)


def queue_families(physical, count):
    """Reply: count at 12, the first one's flags at 24, of the next one 24 bytes later."""
    return command(7, struct.pack('<QQIQ', physical, 1, count, count), True)


def image_format_properties(physical, flags):
    """Of sampled images, 2D, R8G8B8A8, OPTIMAL. Reply: VkResult at 4."""
    return command(5, struct.pack('<QiiiII', physical, 37, 1, 0, 4, flags) + ONE, True)


def create_device(physical, device, enabled=(), family=0):
    """With these of VkPhysicalDeviceFeatures, by their index."""
    queue = struct.pack('<iQIIIQf', 2, 0, 0, family, 1, 1, 1.0)
    members = struct.pack('<IIQ', 0, 1, 1) + queue + struct.pack('<IQIQ', 0, 0, 0, 0)
    if enabled:
        members += ONE + struct.pack(f'<{FEATURES}I', *(i in enabled for i in range(FEATURES)))
    else:
        members += NULL
    return command(11, struct.pack('<Q', physical) + info(3, members) + NULL + new(device), True)


def get_queue(device, queue, timeline, family=0):
    timeline_info = (1000384005, struct.pack('<I', timeline))
    return command(155, struct.pack('<Q', device) +
                   info(1000145003, struct.pack('<III', 0, family, 0), timeline_info) + new(queue))


def allocate_memory(device, memory, size, res_id=None, memory_type=0):
    chained = [] if res_id is None else [(1000384002, struct.pack('<I', res_id))]
    return command(21, struct.pack('<Q', device) +
                   info(5, struct.pack('<QI', size, memory_type), *chained) + NULL + new(memory),
                   True)


def free_memory(device, memory):
    return command(22, struct.pack('<QQQ', device, memory, 0))


def memory_resource_properties(device, res_id):
    """Reply: (VkResult at 4, size at 40, memory type bits at 48)."""
    return command(192, struct.pack('<QI', device, res_id) +
                   info(1000384001, b'', (1000384003, b'')), True)


def create_image(device, image, width, height, handle_types=None, layers=1, usage=2):
    """LINEAR, B8G8R8A8, a target of transfers."""
    chained = [] if handle_types is None else [(1000072001, struct.pack('<I', handle_types))]
    members = struct.pack('<II i III II i iI iIQ i', 0, 1, 44, width, height, 1, 1, layers, 1, 1, usage, 0, 0,
                          0, 0)
    return command(54, struct.pack('<Q', device) + info(14, members, *chained) + NULL + new(image))


def image_memory_requirements(device, image):
    """Reply: (size at 24, alignment at 32, memory type bits at 40)."""
    return command(144, struct.pack('<Q', device) + info(1000146001, struct.pack('<Q', image)) +
                   info(1000146003, b''), True)


def bind_image(device, image, memory, offset=0):
    return command(29, struct.pack('<QQQQ', device, image, memory, offset))


def transition_image(device, image, layers, new_layout):
    range_ = struct.pack('<IIIII', 1, 0, 1, 0, layers)
    return command(296, struct.pack('<QIQ', device, 1, 1) +
                   struct.pack('<iQQii', 1000270006, 0, image, 0, new_layout) + range_)


def copy_region(width, height, layers):
    """Rows and slices without padding, the colour of all texels from the first one on."""
    return struct.pack('<II4I3i3I', 0, 0, 1, 0, 0, layers, 0, 0, 0, width, height, 1)


def copy_memory_to_image(device, image, layout, regions):
    """`regions`: (bytes, copy_region()) of each."""
    body = b''.join(struct.pack('<iQQQ', 1000384009, 0, len(data), len(data)) + data + region
                    for data, region in regions)
    return command(298, struct.pack('<Q', device) +
                   info(1000384010, struct.pack('<IQiIQ', 0, image, layout, len(regions), len(regions)) + body))


def copy_image_to_memory(device, image, layout, region, size):
    """Reply: the bytes, at 16."""
    return command(297, struct.pack('<Q', device) +
                   info(1000384008, struct.pack('<IQi', 0, image, layout) + region) +
                   struct.pack('<QQ', size, size), True)


def create_buffer(device, buffer, size, usage=3, flags=0):
    return command(50, struct.pack('<Q', device) +
                   info(12, struct.pack('<IQIIIQ', flags, size, usage, 0, 0, 0)) + NULL + new(buffer))


def bind_buffer(device, buffer, memory, offset=0):
    return command(28, struct.pack('<QQQQ', device, buffer, memory, offset))


def create_command_pool(device, pool):
    return command(85, struct.pack('<Q', device) + info(39, struct.pack('<II', 2, 0)) + NULL +
                   new(pool))


def allocate_command_buffer(device, pool, command_buffer):
    return command(88, struct.pack('<Q', device) + info(40, struct.pack('<QII', pool, 0, 1)) +
                   new(command_buffer))


def bind_sparse(queue, buffer, size, memory):
    """All of a buffer to the beginning of the memory; without a buffer, nothing is bound."""
    bind = struct.pack('<QIQ', buffer, 1, 1) + struct.pack('<QQQQI', 0, size, memory, 0, 0)
    one = struct.pack('<iQIQ', 7, 0, 0, 0)
    one += struct.pack('<IQ', 1, 1) + bind if buffer else struct.pack('<IQ', 0, 0)
    one += struct.pack('<IQIQIQ', 0, 0, 0, 0, 0, 0)
    return command(34, struct.pack('<QIQ', queue, 1, 1) + one + NULL, True)


def fill(command_buffer, buffer, value, size):
    """A whole recording."""
    return (command(90, struct.pack('<Q', command_buffer) + info(42, struct.pack('<IQ', 0, 0))) +
            command(118, struct.pack('<QQQQI', command_buffer, buffer, 0, size, value)) +
            command(91, struct.pack('<Q', command_buffer)))


def submit(queue, command_buffer):
    one = struct.pack('<iQIQQIQQIQ', 4, 0, 0, 0, 0, 1, 1, command_buffer, 0, 0)
    return command(18, struct.pack('<QIQ', queue, 1, 1) + one + NULL)


def submit_nothing(queue):
    return command(18, struct.pack('<QIQQ', queue, 0, 0, 0))


def submit_wait(queue, timeline, value):
    """Work that is done when the timeline gets to the value."""
    values = chain((1000207003, struct.pack('<IQQIQ', 1, 1, value, 0, 0)))
    one = struct.pack('<i', 4) + values + struct.pack('<IQQQIIQIQ', 1, 1, timeline, 1, 0x10000, 0, 0, 0, 0)
    return command(18, struct.pack('<QIQ', queue, 1, 1) + one + NULL)


def queue_wait_idle(queue):
    return command(19, struct.pack('<Q', queue), True)


def device_wait_idle(device):
    return command(20, struct.pack('<Q', device), True)


def destroy_device(device):
    return command(12, struct.pack('<QQ', device, 0))


def create_timeline(device, timeline, reply=False):
    timeline_info = (1000207002, struct.pack('<iQ', 1, 0))
    return command(40, struct.pack('<Q', device) + info(9, struct.pack('<I', 0), timeline_info) + NULL +
                   new(timeline), reply)


def destroy_semaphore(device, semaphore):
    return command(41, struct.pack('<QQQ', device, semaphore, 0))


def signal_timeline(device, timeline, value):
    return command(174, struct.pack('<Q', device) + info(1000207005, struct.pack('<QQ', timeline, value)))


def trim_command_pool(device, pool):
    """Without effect; tests of the driver in tests/driver use it as a mark."""
    return command(154, struct.pack('<QQI', device, pool, 0))


def create_fence(device, fence):
    return command(35, struct.pack('<Q', device) + info(8, struct.pack('<I', 0)) + NULL + new(fence))


def fence_status(device, fence):
    return command(38, struct.pack('<QQ', device, fence), True)


def wait_fence(device, fence):
    """Without end."""
    return command(39, struct.pack('<QIQQIQ', device, 1, 1, fence, 1, (1 << 64) - 1), True)


def wait_timeline(device, timeline, value):
    """Without end."""
    members = struct.pack('<IIQQQQ', 0, 1, 1, timeline, 1, value)
    return command(173, struct.pack('<Q', device) + info(1000207004, members) + struct.pack('<Q', (1 << 64) - 1), True)


def submit_fence(queue, fence):
    return command(18, struct.pack('<QIQQ', queue, 0, 0, fence))


def submit_signal(queue, timeline, value):
    """Work that sets the timeline to the value."""
    values = chain((1000207003, struct.pack('<IQIQQ', 0, 0, 1, 1, value)))
    one = struct.pack('<i', 4) + values + struct.pack('<IQQIQIQQ', 0, 0, 0, 0, 0, 1, 1, timeline)
    return command(18, struct.pack('<QIQ', queue, 1, 1) + one + NULL)


def create_event(device, event):
    return command(42, struct.pack('<Q', device) + info(10, struct.pack('<I', 0)) + NULL + new(event))


def set_event(device, event):
    return command(45, struct.pack('<QQ', device, event))


def wait_event(command_buffer, event):
    """A whole recording, which waits for the host."""
    return (command(90, struct.pack('<Q', command_buffer) + info(42, struct.pack('<IQ', 0, 0))) +
            command(125, struct.pack('<QIQQIIIQIQIQ', command_buffer, 1, 1, event, 0x4000, 0x10000, 0, 0, 0, 0, 0, 0)) +
            command(91, struct.pack('<Q', command_buffer)))


class Gpu:
    """A device in a context, with one queue on timeline 1."""

    def __init__(self, context, family=0):
        self.front = context
        self.ring = Ring(context)
        self.next_id = 100
        self.call(vtest.create_instance(INSTANCE))
        self.call(enumerate_physical_devices(INSTANCE, PHYSICAL), allowed=(0, 5))
        self.call(create_device(PHYSICAL, DEVICE, family=family))
        self.ring.write(get_queue(DEVICE, QUEUE, 1, family) +
                        create_command_pool(DEVICE, POOL) +
                        allocate_command_buffer(DEVICE, POOL, COMMANDS))
        self.fence_id = 0
        self.roundtrips = 0

    def stream(self, data):
        """Executes what is too long for the ring, from memory of its own, and waits for it."""
        res_id, memory = self.front.create_shm(len(data))
        memory[:len(data)] = data
        self.roundtrip()
        self.ring.write(vtest.execute_streams([(res_id, 0, len(data))]))
        if not self.ring.wait():
            raise vtest.Dropped('ring is fatal')
        self.front.unref(res_id)

    def roundtrip(self):
        """As Mesa does: the ring goes on once what was said before has been heard."""
        self.roundtrips += 1
        self.front.submit(vtest.submit_virtqueue_seqno(self.ring.ring_id, self.roundtrips))
        self.ring.write(vtest.wait_virtqueue_seqno(self.roundtrips))

    def call(self, data, allowed=(0,), size=8):
        reply = self.ring.call(data, size)
        result, = struct.unpack_from('<i', reply, 4)
        if result not in allowed:
            raise AssertionError(f'VkResult {result}\n{self.front.log()}')
        return reply

    def importable(self, res_id):
        """(size, types) of a resource."""
        reply = self.call(memory_resource_properties(DEVICE, res_id), size=52)
        return struct.unpack_from('<Q', reply, 40) + struct.unpack_from('<I', reply, 48)

    def import_memory(self, res_id, size, allowed=(0,)):
        memory = self.next_id
        self.next_id += 1
        types = self.importable(res_id)[1]
        lowest = (types & -types).bit_length() - 1
        self.call(allocate_memory(DEVICE, memory, size, res_id, lowest), allowed)
        return memory

    def buffer(self, memory, size):
        buffer = self.next_id
        self.next_id += 1
        self.ring.write(create_buffer(DEVICE, buffer, size) +
                        bind_buffer(DEVICE, buffer, memory))
        return buffer

    def fill(self, buffer, value, size):
        """Has the device write, and waits for that as a guest's kernel does."""
        self.ring.write(fill(COMMANDS, buffer, value, size) + submit(QUEUE, COMMANDS))
        self.front.submit(vtest.wait_ring_seqno(self.ring.ring_id, self.ring.tail))
        self.fence_id += 1
        self.front.fence(self.fence_id, timeline=1)
        assert self.front.wait_fences(1) == [(1, self.fence_id)]
