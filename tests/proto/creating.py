# SPDX-License-Identifier: MIT
"""Encodes any command of the registry, and knows how to have a device make as much as possible by each that creates
something. Commands that the registry gets later are among them, with plain arguments until LARGE has better ones."""

import os
import struct
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../protocol'))
import reg  # noqa: E402

REGISTRY = reg.Registry(os.path.join(sys.path[-1], 'venus.reg'))


def creating():
    """-> the commands that return new handles. Devices are enumerated by one that makes none."""
    return [command for command in REGISTRY.commands.values() if command.decodable and
            not command.name.startswith('vkEnumerate') and new_handle(command)]


def new_handle(command):
    """-> the parameter that is a new handle, or several; None without one"""
    return next((m for m in command.params if m.io != 'in' and m.ctype in REGISTRY.handles), None)


class Encoder:
    """`handles`: what a handle of each type is unless it is given. Values are nested: a struct is a dict by member, with
    its chain as 'pNext': [(struct, dict)]; an array is a list or bytes. What is left out is 0, NULL where that may be,
    and a default struct elsewhere; counts follow from their arrays."""

    def __init__(self, handles):
        self.handles = handles

    def command(self, command, values=(), new=(), reply=False):
        """`new`: ids of what is created."""
        values = self.counted(command.params, dict(values))
        out = struct.pack('<iI', command.number, reply)
        for m in command.params:
            if m is new_handle(command):
                out += struct.pack(f'<Q{len(new)}Q', len(new), *new)
            elif m.io == 'in':
                out += self.member(m, values)
            else:
                out += struct.pack('<Q', 0)
        return out

    def counted(self, members, values):
        """Fills in the lengths of arrays."""
        for m in members:
            value = values.get(m.name)
            if m.lens and isinstance(value, (list, bytes)):
                values.setdefault(m.lens[0], len(value))
        return values

    def scalar(self, ctype, value):
        word = 'u64' if ctype in REGISTRY.handles else REGISTRY.primitive(ctype)[2]
        if word == 'f32':
            return struct.pack('<f', value)
        return (value & (1 << 64) - 1).to_bytes(8, 'little') if word == 'u64' else (value & 0xFFFFFFFF).to_bytes(4, 'little')

    def one(self, ctype, value):
        if ctype in REGISTRY.handles:
            return self.scalar(ctype, self.handles.get(ctype, 0) if value is None else value)
        if REGISTRY.primitive(ctype):
            return self.scalar(ctype, value or 0)
        return self.struct(ctype, value or {})

    def struct(self, name, values, chained=True):
        s = REGISTRY.structs[name]
        if s.union:  # the alternative that comes first
            first = next(m for m in s.members if m.case is not None)
            return struct.pack('<I', 0) + self.member(first, values)
        values = self.counted(s.members, dict(values))
        out = b''
        if s.stype is not None:
            out += struct.pack('<i', s.stype) + self.chain(values.pop('pNext', []))
        return out + b''.join(self.member(m, values) for m in s.wire_members())

    def chain(self, structs):
        if not structs:
            return struct.pack('<Q', 0)
        (name, values), *rest = structs
        s = REGISTRY.structs[name]
        values = self.counted(s.members, dict(values))
        return struct.pack('<Qi', 1, s.stype) + self.chain(rest) + \
            b''.join(self.member(m, values) for m in s.wire_members())

    def array(self, m, value):
        if isinstance(value, bytes):
            return struct.pack('<Q', len(value)) + value + b'\0' * (-len(value) % 4)
        return struct.pack('<Q', len(value)) + b''.join(self.one(m.ctype, item) for item in value)

    def member(self, m, values):
        value = values.get(m.name)
        if m.kind == 'null':
            return struct.pack('<Q', 0)
        if m.kind == 'value':
            return self.one(m.ctype, value)
        if m.kind == 'string':
            if value is None:
                return struct.pack('<Q', 0)
            return self.array(m, value.encode() + b'\0')
        if m.kind == 'strings':
            texts = [text.encode() + b'\0' for text in value or []]
            return struct.pack('<Q', len(texts)) + b''.join(self.array(m, text) for text in texts)
        if m.kind == 'pointer':
            if value is None and (m.optional or m.ctype in REGISTRY.handles):
                return struct.pack('<Q', 0)
            return struct.pack('<Q', 1) + self.one(m.ctype, value)
        if m.kind == 'fixed':
            count = REGISTRY.constant(m.dims[0])
            return struct.pack('<Q', count) + b''.join(self.one(m.ctype, item) for item in (value or [None] * count))
        if isinstance(value, bytes) and m.kind == 'array':  # of words
            return struct.pack('<Q', len(value) // 4) + value
        return self.array(m, value or b'')


# --- SPIR-V ------------------------------------------------------------------------------------------------


def spirv(model, *more):
    """An empty shader. `more`: words of further instructions in front of the function's end."""
    def op(number, *words):
        return [(len(words) + 1) << 16 | number, *words]
    name = struct.unpack('<2I', b'main\0\0\0\0')
    words = [0x07230203, 0x10000, 0, 8, 0]
    words += op(17, 1) + op(14, 0, 1) + op(15, model, 1, *name)
    words += op(16, 1, 17, 1, 1, 1) if model == 5 else []
    words += op(19, 2) + op(33, 3, 2) + op(54, 2, 1, 0, 3) + op(248, 4) + op(253) + op(56)
    return struct.pack(f'<{len(words)}I', *words)


VERTEX, COMPUTE = 0, 5
MIB = 1 << 20
STORAGE_BUFFER = 7


def module(code):
    return {'pCreateInfo': {'codeSize': len(code), 'pCode': code}}


# What is made first, in this order, so that others can be made of it: (handle, command, arguments).
PARTS = [
    ('VkBuffer', 'vkCreateBuffer', {'pCreateInfo': {'size': 65536, 'usage': 0x1013f}}),
    ('VkDescriptorSetLayout', 'vkCreateDescriptorSetLayout', {'pCreateInfo': {'pBindings': [
        {'descriptorType': STORAGE_BUFFER, 'descriptorCount': 4096, 'stageFlags': 0x20}]}}),
    ('VkDescriptorPool', 'vkCreateDescriptorPool', {'pCreateInfo': {'flags': 1, 'maxSets': 1 << 20, 'pPoolSizes': [
        {'type': STORAGE_BUFFER, 'descriptorCount': 1 << 31}]}}),
    ('VkPipelineLayout', 'vkCreatePipelineLayout', {'pCreateInfo': {}}),
    ('VkRenderPass', 'vkCreateRenderPass', {'pCreateInfo': {'pSubpasses': [{}]}}),
    ('VkCommandPool', 'vkCreateCommandPool', {'pCreateInfo': {'flags': 2}}),
    ('VkImage', 'vkCreateImage', {'pCreateInfo': {'imageType': 1, 'format': 37, 'extent': {'width': 64, 'height': 64,
        'depth': 1}, 'mipLevels': 1, 'arrayLayers': 1, 'samples': 1, 'usage': 4}}),
    ('VkShaderModule', 'vkCreateShaderModule', module(spirv(COMPUTE))),
]

# Arguments by which one command takes the most. Those of PARTS are defaults, and plain ones are for the rest.
LARGE = {
    'vkCreateQueryPool': {'pCreateInfo': {'queryCount': 1 << 21}},
    'vkCreateShaderModule': module(spirv(COMPUTE) + b'\0' * MIB),
    'vkCreatePipelineCache': {'pCreateInfo': {'pInitialData': b'\0' * MIB}},
    'vkAllocateMemory': {'pAllocateInfo': {'allocationSize': MIB}},
    'vkAllocateDescriptorSets': {'pAllocateInfo': {'pSetLayouts': [None]}},
    'vkAllocateCommandBuffers': {'pAllocateInfo': {'commandBufferCount': 1}},
    'vkCreateDescriptorSetLayout': {'pCreateInfo': {'pBindings': [
        {'binding': n, 'descriptorType': STORAGE_BUFFER, 'descriptorCount': 16, 'stageFlags': 0x20} for n in range(1000)]}},
    'vkCreatePipelineLayout': {'pCreateInfo': {'pSetLayouts': [None] * 8}},
    'vkCreateComputePipelines': {'pCreateInfos': [{'stage': {'stage': 0x20, 'pName': 'main'}, 'basePipelineHandle': 0}]},
    'vkCreateGraphicsPipelines': {'pCreateInfos': [{
        'pStages': [{'stage': 1, 'pName': 'main', 'module': 'vertex'}], 'pVertexInputState': {},
        'pInputAssemblyState': {'topology': 3}, 'pRasterizationState': {'rasterizerDiscardEnable': 1, 'lineWidth': 1.0},
        'basePipelineHandle': 0}]},
    'vkCreateRenderPass': {'pCreateInfo': {'pSubpasses': [{}] * 1000}},
    'vkCreateRenderPass2': {'pCreateInfo': {'pSubpasses': [{}] * 1000}},
    'vkCreateFramebuffer': {'pCreateInfo': {'width': 64, 'height': 64, 'layers': 1}},
    'vkCreateBufferView': {'pCreateInfo': {'format': 37, 'range': 65536}},
    'vkCreateImageView': {'pCreateInfo': {'viewType': 1, 'format': 37, 'subresourceRange': {
        'aspectMask': 1, 'levelCount': 1, 'layerCount': 1}}},
    'vkCreateDescriptorUpdateTemplate': {'pCreateInfo': {'pDescriptorUpdateEntries': [
        {'descriptorCount': 1, 'descriptorType': STORAGE_BUFFER, 'stride': 24}] * 1000}},
    'vkCreateAccelerationStructureKHR': {'pCreateInfo': {'size': 1024}},
    'vkCreateDevice': {'pCreateInfo': {'pQueueCreateInfos': [{'pQueuePriorities': [1.0]}]}},
}
