# SPDX-License-Identifier: MIT
"""A few Vulkan commands as Mesa's driver encodes them (layouts: protocol/venus.reg): as much as it
takes to have a device write to memory."""

import struct

from vtest import command

NULL = struct.pack('<Q', 0)
ONE = struct.pack('<Q', 1)


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


def create_device(physical, device):
    queue = struct.pack('<iQIIIQf', 2, 0, 0, 0, 1, 1, 1.0)
    members = struct.pack('<IIQ', 0, 1, 1) + queue + struct.pack('<IQIQQ', 0, 0, 0, 0, 0)
    return command(11, struct.pack('<Q', physical) + info(3, members) + NULL + new(device), True)


def get_queue(device, queue, timeline):
    timeline_info = (1000384005, struct.pack('<I', timeline))
    return command(155, struct.pack('<Q', device) +
                   info(1000145003, struct.pack('<III', 0, 0, 0), timeline_info) + new(queue))


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


def create_image(device, image, width, height, handle_types=None):
    """LINEAR, B8G8R8A8, a target of transfers."""
    chained = [] if handle_types is None else [(1000072001, struct.pack('<I', handle_types))]
    members = struct.pack('<II i III II i iI iIQ i', 0, 1, 44, width, height, 1, 1, 1, 1, 1, 2, 0, 0,
                          0, 0)
    return command(54, struct.pack('<Q', device) + info(14, members, *chained) + NULL + new(image))


def image_memory_requirements(device, image):
    """Reply: (size at 24, alignment at 32, memory type bits at 40)."""
    return command(144, struct.pack('<Q', device) + info(1000146001, struct.pack('<Q', image)) +
                   info(1000146003, b''), True)


def create_buffer(device, buffer, size, usage=3):
    return command(50, struct.pack('<Q', device) +
                   info(12, struct.pack('<IQIIIQ', 0, size, usage, 0, 0, 0)) + NULL + new(buffer))


def bind_buffer(device, buffer, memory, offset=0):
    return command(28, struct.pack('<QQQQ', device, buffer, memory, offset))


def create_command_pool(device, pool):
    return command(85, struct.pack('<Q', device) + info(39, struct.pack('<II', 2, 0)) + NULL +
                   new(pool))


def allocate_command_buffer(device, pool, command_buffer):
    return command(88, struct.pack('<Q', device) + info(40, struct.pack('<QII', pool, 0, 1)) +
                   new(command_buffer))


def fill(command_buffer, buffer, value, size):
    """A whole recording."""
    return (command(90, struct.pack('<Q', command_buffer) + info(42, struct.pack('<IQ', 0, 0))) +
            command(118, struct.pack('<QQQQI', command_buffer, buffer, 0, size, value)) +
            command(91, struct.pack('<Q', command_buffer)))


def submit(queue, command_buffer):
    one = struct.pack('<iQIQQIQQIQ', 4, 0, 0, 0, 0, 1, 1, command_buffer, 0, 0)
    return command(18, struct.pack('<QIQ', queue, 1, 1) + one + NULL)
