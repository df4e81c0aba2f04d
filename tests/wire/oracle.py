#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A second reading of the wire format, to hold the generated codec against.

    oracle.py vectors SCHEMA REG OUT [SEED]   records for roundtrip.c
    oracle.py seeds SCHEMA REG DIR            a few small requests as a fuzzer's corpus
    oracle.py rings DIR                       transport commands as a fuzzer's corpus
    oracle.py names SCHEMA                    "number name" of each command that a host decodes

It reads venus-wire-schema.txt, which was written down from the protocol itself, and shares nothing
with protocol/*.py. Of venus.reg it takes the handles' type numbers alone.

A vector file: "VTRW", u32 handle count, u32 type of each (object i has id i + 1), then records
{u32 command, u32 kind, u32 request size, u32 reply size, request, reply}. kind 1: decoding and
encoding again must give the same bytes; kind 2: valid, but C cannot say which form it had.
"""
import random
import re
import struct
import sys
from pathlib import Path

CONSTANTS = {
    'VK_MAX_EXTENSION_NAME_SIZE': 256, 'VK_MAX_DESCRIPTION_SIZE': 256, 'VK_UUID_SIZE': 16, 'VK_LUID_SIZE': 8,
    'VK_MAX_MEMORY_TYPES': 32, 'VK_MAX_MEMORY_HEAPS': 16, 'VK_MAX_DEVICE_GROUP_SIZE': 32,
    'VK_MAX_PHYSICAL_DEVICE_NAME_SIZE': 256, 'VK_MAX_DRIVER_NAME_SIZE': 256, 'VK_MAX_DRIVER_INFO_SIZE': 256,
    'VK_MAX_GLOBAL_PRIORITY_SIZE': 16,
}
# Of unions: the tags' values (Vulkan specification).
TAGS = {
    'VK_GEOMETRY_TYPE_TRIANGLES_KHR': 0, 'VK_GEOMETRY_TYPE_AABBS_KHR': 1, 'VK_GEOMETRY_TYPE_INSTANCES_KHR': 2,
    'VK_DESCRIPTOR_MAPPING_SOURCE_HEAP_WITH_CONSTANT_OFFSET_EXT': 0, 'VK_DESCRIPTOR_MAPPING_SOURCE_HEAP_WITH_PUSH_INDEX_EXT': 1,
    'VK_DESCRIPTOR_MAPPING_SOURCE_HEAP_WITH_INDIRECT_INDEX_EXT': 2,
    'VK_DESCRIPTOR_MAPPING_SOURCE_HEAP_WITH_INDIRECT_INDEX_ARRAY_EXT': 3,
    'VK_DESCRIPTOR_MAPPING_SOURCE_RESOURCE_HEAP_DATA_EXT': 4, 'VK_DESCRIPTOR_MAPPING_SOURCE_PUSH_DATA_EXT': 5,
    'VK_DESCRIPTOR_MAPPING_SOURCE_PUSH_ADDRESS_EXT': 6, 'VK_DESCRIPTOR_MAPPING_SOURCE_INDIRECT_ADDRESS_EXT': 7,
    'VK_DESCRIPTOR_MAPPING_SOURCE_HEAP_WITH_SHADER_RECORD_INDEX_EXT': 8,
    'VK_DESCRIPTOR_MAPPING_SOURCE_SHADER_RECORD_DATA_EXT': 9, 'VK_DESCRIPTOR_MAPPING_SOURCE_SHADER_RECORD_ADDRESS_EXT': 10,
    'VK_DESCRIPTOR_TYPE_SAMPLED_IMAGE': 2, 'VK_DESCRIPTOR_TYPE_STORAGE_IMAGE': 3, 'VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER': 4,
    'VK_DESCRIPTOR_TYPE_STORAGE_TEXEL_BUFFER': 5, 'VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER': 6, 'VK_DESCRIPTOR_TYPE_STORAGE_BUFFER': 7,
    'VK_DESCRIPTOR_TYPE_INPUT_ATTACHMENT': 10, 'VK_DESCRIPTOR_TYPE_ACCELERATION_STRUCTURE_KHR': 1000150000,
    'VK_DESCRIPTOR_TYPE_SAMPLE_WEIGHT_IMAGE_QCOM': 1000440000, 'VK_DESCRIPTOR_TYPE_BLOCK_MATCH_IMAGE_QCOM': 1000440001,
    'VK_DESCRIPTOR_TYPE_TENSOR_ARM': 1000460000,
}
# Unions whose alternatives are the same bits in C: the one that the encoder writes.
CANONICAL = {'VkClearColorValue': 2, 'VkClearValue': 0, 'VkDeviceOrHostAddressKHR': 0, 'VkDeviceOrHostAddressConstKHR': 0}
WIDE = {'u64', 'size', 'VkDeviceSize', 'VkDeviceAddress', 'VkFlags64', 'VkAccessFlagBits2', 'VkPipelineStageFlagBits2',
        'VkFormatFeatureFlagBits2', 'VkPipelineCreateFlagBits2', 'VkBufferUsageFlagBits2'}
BYTES = {'u8', 'char', 'bytes'}
MAX_DEPTH = 7


def split(text, mark=' '):
    """At marks outside of brackets."""
    out, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += (c in '([{') - (c in ')]}')
        if depth == 0 and text.startswith(mark, i):
            out.append(text[start:i])
            start = i + len(mark)
    return [x.strip() for x in out + [text[start:]] if x.strip()]


class Item:
    """One item of a field list. form: value, null, ptr, arr, outptr, outarr, union."""

    def __init__(self, text):
        self.optional = self.partial = False
        self.dims, self.name, self.type = [], None, None
        m = re.match(r'(ptr|arr|outptr|outarr)(\??)(!?)\((.*)\)$', text)
        if text == 'null':
            self.form = 'null'
        elif text.startswith('union{'):
            self.form = 'union'
            self.cases = []
            for case in split(text[6:-1], '|'):
                tag, _, body = case.partition(':')
                self.cases.append((int(tag) if tag.isdigit() else TAGS[tag], Item(body.strip())))
        elif m:
            self.form = m[1]
            self.optional = m[2] == '?' or (m[1] in ('ptr', 'outptr') and not m[3])
            self.value(m[4])
        else:
            self.form = 'value'
            self.value(text)

    def value(self, text):
        name = re.match(r'\w+', text)[0]
        self.name, rest = name, text[len(name):]
        if rest.startswith(':'):
            self.type = re.match(r'\w+', rest[1:])[0]
            rest = rest[1 + len(self.type):]
        if rest.startswith('~'):
            self.partial, rest = True, rest[1:]
        depth = 0
        for c in rest:  # [a][b], and [pInfos[i].geometryCount][infoCount]
            if c == '[':
                depth += 1
                if depth == 1:
                    self.dims.append('')
                    continue
            if c == ']':
                depth -= 1
                if depth == 0:
                    continue
            self.dims[-1] += c


class Struct:
    def __init__(self, line):
        head, *sections = split_sections(line)
        _, self.name, stype = head.split()
        self.stype = None if stype == '-' else int(stype)
        self.fields, self.chains = {}, {}
        for key, body in sections:
            if key.endswith('-pNext'):
                self.chains[key[:-6]] = [re.match(r'\w+', x)[0] for x in body.split(',') if x.strip()]
            elif body == '=REQ':
                self.fields[key] = self.fields['REQ']
            else:
                self.fields[key] = [Item(x) for x in split(body)]


def split_sections(line):
    parts = re.split(r' \| (?=REQ|REP|not )', line.rstrip('\n') + ' ')
    out = [parts[0].strip()]
    for p in parts[1:]:
        key, _, body = p.partition(':')
        out.append((key.strip(), body.strip()))
    return out


class Command:
    def __init__(self, line):
        head, *sections = split_sections(line)
        words = head.split()
        self.number, self.name = int(words[1]), words[2]
        sections = dict(sections)
        self.decodable = 'REQ' in sections
        self.request = [Item(x) for x in split(sections.get('REQ', ''))]
        self.reply = [Item(x) for x in split(sections.get('REP', ''))]
        self.outputs = {x.name for x in self.reply}


class Schema:
    def __init__(self, path):
        self.structs, self.commands, self.extensions = {}, {}, {}
        for line in open(path):
            if line.startswith('S '):
                s = Struct(line)
                self.structs[s.name] = s
            elif line.startswith('C '):
                c = Command(line)
                self.commands[c.number] = c
            elif line.startswith('E '):
                _, number, name, version = line.split()
                self.extensions[name] = (int(number), int(version))
        self.lengths = set()
        lists = [f for s in self.structs.values() for f in s.fields.values()] + [c.request for c in self.commands.values()]
        for items in lists:
            for item in items:
                for d in item.dims:
                    self.lengths.update(re.findall(r'[A-Za-z_]\w*', d))
        self.lengths -= set(CONSTANTS)


class Rng(random.Random):
    def chance(self, p):
        return self.random() < p


class Writer:
    """Makes up a request and remembers what the reply repeats of it."""

    def __init__(self, schema, handles, rng, covered, canonical):
        self.schema, self.handles, self.rng = schema, handles, rng
        self.covered, self.canonical = covered, canonical
        self.out = bytearray()
        self.depth = 0
        self.first = True   # a command's first object must exist
        self.outputs = set()

    def u32(self, v):
        self.out += struct.pack('<I', v & 0xffffffff)

    def u64(self, v):
        self.out += struct.pack('<Q', v & 0xffffffffffffffff)

    def packed(self, data):
        self.u64(len(data))
        self.out += data + bytes(-len(data) % 4)

    def length(self, expr, env, index=None):
        expr = expr.strip()
        m = re.fullmatch(r'(\w+)(?:->|\[i\]\.)(\w+)', expr)
        if m:
            v = env[m[1]]
            return (v if index is None else v[index])[m[2]]
        m = re.fullmatch(r'(\w+) \+ 31 / 32', expr)
        if m:
            return (env[m[1]] + 31) // 32
        m = re.fullmatch(r'(\w+) / 4', expr)
        if m:
            return env[m[1]] // 4
        m = re.fullmatch(r'2\*(\w+)', expr)
        if m:
            return 2 * CONSTANTS[m[1]]
        if expr.isdigit():
            return int(expr)
        return CONSTANTS[expr] if expr in CONSTANTS else env[expr]

    # --- values ---------------------------------------------------------------------------------

    def scalar(self, item, env):
        t, rng = item.type, self.rng
        if t in self.handles:
            if item.name in self.outputs or item.partial:
                v = rng.randrange(1, 1 << 40)
            else:
                v = self.handles[t] if self.first or rng.chance(0.8) else 0
            self.first = False
            self.u64(v)
            return v
        if item.name in env.get('', {}):        # a union's selector
            v = env[''][item.name]
        elif item.name in ('samples', 'rasterizationSamples'):
            v = 1 << rng.randrange(7)
        elif item.name == 'codeSize':
            v = 4 * rng.randrange(6)
        elif item.name in self.schema.lengths and t in ('u32', 'size', 'VkDeviceSize'):
            v = 0 if self.depth > MAX_DEPTH else rng.choice([0, 1, 1, 2, 2, 3, 5])
            if rng.chance(0.03) and self.depth < 3:
                v = rng.randrange(6, 24)
        elif t in ('u8', 'u16'):
            v = rng.randrange(1 << (8 if t == 'u8' else 16))
        elif t in WIDE:
            v = rng.choice([0, 1, (1 << 64) - 1, rng.randrange(1 << 64)])
        else:
            v = rng.choice([0, 1, 2, 0xffffffff, rng.randrange(1 << 32)])
        self.u64(v) if t in WIDE else self.u32(v)
        return v

    def text(self):
        n = self.rng.choice([0, 1, 3, 4, 7, 12, 40])
        self.packed(bytes(self.rng.randrange(1, 256) for _ in range(n)) + b'\0')

    def one(self, item, env):
        """One value of the item's type, whatever its brackets."""
        if item.type == 'str':
            return self.text()
        if item.type in self.schema.structs:
            return self.struct(self.schema.structs[item.type], 'REQ~' if item.partial else 'REQ')
        return self.scalar(item, env)

    def elements(self, item, count, env):
        """A count, and so many of them."""
        if item.type in BYTES:
            data = bytearray(self.rng.randrange(256) for _ in range(count))
            if item.type == 'char':
                data[-1:] = b'\0'
            self.packed(data)
            return list(data)
        self.u64(count)
        if item.form == 'value' and item.type in self.handles and self.partial:
            self.out += bytes(8 * count)    # ids that the guest cannot know yet
            return [0] * count
        return [self.one(item, env) for _ in range(count)]

    def item(self, item, env):
        rng = self.rng
        if item.form == 'null':
            return self.u64(0)
        if item.form == 'value':
            return self.elements(item, self.length(item.dims[0], env), env) if item.dims else self.one(item, env)
        if item.form in ('ptr', 'outptr'):
            absent = item.optional and (self.depth > MAX_DEPTH or rng.chance(0.3))
            self.u64(not absent)
            if absent:
                return None
            return self.one(item, env) if item.form == 'ptr' else ()
        if item.type == 'str' and not item.dims:
            if item.optional and rng.chance(0.3):
                return self.u64(0)
            return self.text()
        count = self.length(item.dims[-1], env)
        if count == 0 or (item.optional and rng.chance(0.25)):
            return self.u64(0)
        if item.form == 'outarr':
            self.u64(count)
            return [None] * count
        if len(item.dims) == 1:
            return self.elements(item, count, env)
        self.u64(count)
        # an element of an array of arrays
        return [self.elements(item, self.length(item.dims[0], env, i), env) for i in range(count)]

    def items(self, items, env):
        for i, item in enumerate(items):
            self.partial = env.get('form') == 'REQ~'
            v = self.item(item, env)
            if item.name:
                env[item.name] = v
        return env

    # --- structs --------------------------------------------------------------------------------

    def chain(self, s, form):
        allowed = s.chains.get(form, [])
        if not allowed or self.depth > MAX_DEPTH or self.rng.chance(0.15 if self.depth < 4 else 0.7):
            return []
        fresh = [c for c in allowed if (s.name, form, c) not in self.covered]
        pool = fresh if fresh else allowed
        n = self.rng.randint(1, 24 if len(allowed) > 24 and self.rng.chance(0.3) else 4)
        picked = self.rng.sample(pool, min(n, len(pool)))
        if self.rng.chance(0.05):
            picked.append(picked[0])        # nothing forbids the same struct twice
        self.covered.update((s.name, form, c) for c in picked)
        return picked

    def struct(self, s, form):
        self.depth += 1
        if s.name in self.schema.structs and s.fields.get(form) is None:
            raise KeyError(f'{s.name} has no {form}')
        self.covered.add((s.name, form))
        union = [x for x in s.fields[form] if x.form == 'union']
        if union:
            value = self.union(s, union[0])
            self.depth -= 1
            return value
        if s.stype is None:
            value = self.body(s, form)
        else:
            self.u32(s.stype)
            picked = self.chain(s, form)
            for child in picked:
                self.u64(1)
                self.u32(self.schema.structs[child].stype)
            self.u64(0)
            bodies = []
            for child in reversed(picked):
                self.covered.add((child, form))
                bodies.insert(0, (child, self.body(self.schema.structs[child], form)))
            value = self.body(s, form)
            value['chain'] = bodies
        self.depth -= 1
        return value

    def body(self, s, form):
        env = {'': {}, 'form': form}
        for item in s.fields[form]:
            inner = self.schema.structs.get(item.type)
            unions = [x for x in inner.fields.get('REQ', []) if x.form == 'union'] if inner and item.form == 'value' else []
            if unions and inner.name not in CANONICAL:      # its tag is a member beside it, too
                tag_type = inner.fields['REQ'][0].type
                selector = [x.name for x in s.fields[form] if x.type == tag_type][0]
                fresh = [t for t, _ in unions[0].cases if (inner.name, t) not in self.covered]
                tag = self.rng.choice(fresh or [t for t, _ in unions[0].cases])
                self.covered.add((inner.name, tag))
                env[''][selector] = tag
                self.tag = tag
        return self.items(s.fields[form], env)

    def union(self, s, union):
        if s.name not in CANONICAL:
            tag = self.tag
        elif self.canonical:
            tag = CANONICAL[s.name]
        else:
            tag = self.rng.choice([t for t, _ in union.cases])
        self.u32(tag)
        body = dict(union.cases)[tag]
        return {body.name or 'null': self.item(body, {})}

    def command(self, c):
        self.outputs = {x.name for x in c.request if x.name in c.outputs and x.type in self.handles}
        self.u32(c.number)
        self.u32(1)
        env = self.items(c.request, {})
        return env


class Reply:
    """What a host that changes nothing says."""

    def __init__(self, schema, handles):
        self.schema, self.handles = schema, handles
        self.out = bytearray()

    def u64(self, v):
        self.out += struct.pack('<Q', v)

    def scalar(self, t, v):
        self.out += struct.pack('<Q' if t in WIDE or t in self.handles else '<I', v if isinstance(v, int) else 0)

    def one(self, item, v):
        s = self.schema.structs.get(item.type)
        if s is None:
            return self.scalar(item.type, v)
        v = v if isinstance(v, dict) else {}
        if s.stype is not None:
            self.out += struct.pack('<i', s.stype)
            chain = v.get('chain', [])
            for name, _ in chain:
                assert name in s.chains['REP'], f'{s.name}: {name} cannot be in the reply'
                self.out += struct.pack('<Qi', 1, self.schema.structs[name].stype)
            self.u64(0)
            for name, body in reversed(chain):
                self.items(self.schema.structs[name].fields['REP'], body)
        self.items(s.fields['REP'], v)

    def items(self, items, env):
        for item in items:
            v = env.get(item.name)
            if item.form == 'ptr':
                self.u64(v is not None)
                if v is not None:
                    self.one(item, v)
            elif item.form == 'arr' or item.dims:
                values = v or []
                if item.form == 'value':
                    n = item.dims[0]
                    values = (v or []) + [0] * (CONSTANTS.get(n) or int(n))
                    values = values[:CONSTANTS.get(n) or int(n)]
                self.u64(len(values))
                if item.type in BYTES:
                    self.out += bytes(len(values) + -len(values) % 4)
                else:
                    for x in values:
                        self.one(item, x)
            else:
                self.one(item, v)

    def command(self, c, env):
        self.out += struct.pack('<I', c.number)
        self.items(c.reply, env)


def read_handles(path):
    """[(name, type)] in the order of the file."""
    return [(w[1], int(w[2])) for w in (line.split() for line in open(path)) if w and w[0] == 'handle']


def record(schema, ids, c, rng, covered, canonical):
    w = Writer(schema, ids, rng, covered, canonical)
    env = w.command(c)
    r = Reply(schema, ids)
    r.command(c, env)
    # Where there is an untagged union in a reachable place, only its canonical form survives.
    return bytes(w.out), bytes(r.out)


def reachable(schema):
    """What the requests can show: structs in a form, chained structs, alternatives."""
    seen, todo = set(), []

    def visit(items, form):
        for x in items:
            for y in ([x] if x.form != 'union' else [b for _, b in x.cases]):
                if y.type in schema.structs:
                    todo.append((schema.structs[y.type], 'REQ~' if y.partial else 'REQ'))
    for c in schema.commands.values():
        visit(c.request, 'REQ')
    while todo:
        s, form = todo.pop()
        if (s.name, form) in seen:
            continue
        seen.add((s.name, form))
        visit(s.fields[form], form)
        for x in s.fields[form]:
            if x.form == 'union' and s.name not in CANONICAL:
                seen.update((s.name, tag) for tag, _ in x.cases)
        for child in s.chains.get(form, []):
            seen.add((s.name, form, child))
            visit(schema.structs[child].fields[form], form)
            seen.add((child, form))
    return seen


def vectors(schema, reg, out, seed):
    handles = read_handles(reg)
    ids = {name: i + 1 for i, (name, _) in enumerate(handles)}
    commands = [c for c in schema.commands.values() if c.decodable]
    rng, covered, wanted = Rng(seed), set(), reachable(schema)
    with open(out, 'wb') as f:
        f.write(b'VTRW' + struct.pack(f'<{1 + len(handles)}I', len(handles), *[t for _, t in handles]))
        total = 0

        def write(c, canonical):
            request, reply = record(schema, ids, c, rng, covered, canonical)
            f.write(struct.pack('<4I', c.number, 1 if canonical else 2, len(request), len(reply)) + request + reply)
        for round_ in range(60):
            missing = wanted - covered
            if round_ >= 6 and not missing:
                break
            for c in commands:
                if round_ < 6 or c.name.startswith(('vkCreate', 'vkGet', 'vkAllocate', 'vkQueue', 'vkCmdB', 'vkBegin', 'vkWrite')):
                    write(c, True)
                    total += 1
        for c in commands:
            write(c, False)
            total += 1
    missing = wanted - covered
    for m in sorted(missing, key=str):
        print(f'oracle.py: never made: {m}', file=sys.stderr)
    print(f'oracle.py: {total} requests of {len(commands)} commands, {len(covered)} shapes')
    return 1 if missing else 0


def seeds(schema, reg, directory):
    """About a hundred requests, the small ones of those that have something to get wrong."""
    ids = {name: i + 1 for i, (name, _) in enumerate(read_handles(reg))}
    rng, covered = Rng(7), set()
    best = []
    for c in schema.commands.values():
        if c.decodable:
            made = [record(schema, ids, c, rng, covered, True)[0] for _ in range(12)]
            fits = [m for m in made if len(m) <= 400]
            if fits and max(map(len, fits)) > 60:
                best.append((c, max(fits, key=len)))
    for c, data in best[::2]:
        (Path(directory) / c.name).write_bytes(data)


class Stream:
    """Transport commands, as a guest writes them."""

    def __init__(self):
        self.out = b''

    def add(self, number, fmt, *args, flags=0):
        self.out += struct.pack('<II', number, flags) + struct.pack('<' + fmt, *args)
        return self

    def reply_stream(self, res, offset, size):
        return self.add(178, 'QIQQ', 1, res, offset, size)

    def ring(self, res=2, size=16384, **kw):
        layout = dict(head=0, tail=64, status=128, buffer=192, buffer_size=4096, extra=4288, extra_size=12)
        layout.update(kw)
        return self.add(188, 'QQiQIIQQQQQQQQQQ', 1, 1, 1000384000, 0, 0, res, 0, size, 1000000, layout['head'], layout['tail'],
                        layout['status'], layout['buffer'], layout['buffer_size'], layout['extra'], layout['extra_size'])


def rings(directory):
    """Each behind the word that fuzz_ring.c wants: 0 the context's stream, 1 a ring, 2 with a guest that scribbles."""
    def write(name, stream, how=0):
        (Path(directory) / name).write_bytes(struct.pack('<I', how) + stream.out)

    def indirect(inner, offset=64, size=None):
        size = len(inner.out) if size is None else size
        return Stream().add(180, 'IQIQQQIQI', 1, 1, 3, offset, size, 0, 0, 0, 0)
    version = ('Q', 1)
    talk = Stream().reply_stream(1, 0, 4096).add(179, 'Q', 8).add(137, *version, flags=1)
    ring = Stream().ring().add(190, 'QII', 1, 0, 0).add(191, 'QQI', 1, 4, 7).add(253, 'QQ', 1, 0).add(189, 'Q', 1)
    for how in range(4):
        write(f'reply-{how}', talk, how)
    write('ring', ring)
    write('ring-scribble', ring, 2)
    write('ring-in-ring', ring, 1)
    write('reply-outside', Stream().reply_stream(1, 0xfffffffffffffff8, 64))
    write('reply-odd', Stream().reply_stream(1, 2, 64))
    write('reply-full', Stream().reply_stream(1, 65528, 8).add(137, *version, flags=1))
    write('reply-nowhere', Stream().add(137, *version, flags=1))
    write('seek-alone', Stream().add(179, 'Q', 8))
    write('seek-outside', Stream().reply_stream(1, 0, 64).add(179, 'Q', 68))
    write('ring-overlap', Stream().ring(tail=0))
    write('ring-outside', Stream().ring(buffer=16000))
    write('ring-odd-size', Stream().ring(buffer_size=4095))
    write('ring-twice', Stream().ring().ring())
    write('ring-gone', Stream().add(190, 'QII', 5, 0, 0))
    write('extra-outside', Stream().ring().add(191, 'QQI', 1, 12, 7))
    inner = Stream().reply_stream(1, 64, 4096).add(137, *version, flags=1)
    for how in range(4):
        stream = indirect(inner)
        stream.out += inner.out
        write(f'indirect-{how}', stream, how)
    nested = indirect(Stream(), 64, 64)
    nested.out += nested.out
    write('indirect-nested', nested)
    write('indirect-cut', indirect(Stream(), 64, 60), 2)
    write('indirect-outside', indirect(Stream(), 65530, 64))
    write('virtqueue', Stream().ring().add(251, 'QQ', 1, 3).add(252, 'Q', 0))
    write('virtqueue-in-ring', Stream().add(252, 'Q', 0), 1)
    write('wait-for-ever', Stream().add(252, 'Q', 9), 1)
    write('wait-wrong', Stream().ring().add(253, 'QQ', 1, 1 << 40))
    write('no-such-command', Stream().add(9, ''))
    write('destroy-nothing', Stream().add(12, 'QQ', 3, 0))
    write('head-alone', Stream().add(178, ''))


def main():
    mode, *args = sys.argv[1:]
    if mode == 'vectors':
        return vectors(Schema(args[0]), args[1], args[2], int(args[3]) if len(args) > 3 else 1)
    if mode == 'seeds':
        return seeds(Schema(args[0]), args[1], args[2])
    if mode == 'rings':
        return rings(args[0])
    if mode == 'names':
        for c in Schema(args[0]).commands.values():
            if c.decodable:
                print(c.number, c.name)
        return 0
    sys.exit(__doc__)


if __name__ == '__main__':
    sys.exit(main())
