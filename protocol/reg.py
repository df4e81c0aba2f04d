# SPDX-License-Identifier: MIT
"""Reads venus.reg and checks it. README.md has the grammar; every error names file and line."""
import re
import sys
from dataclasses import dataclass, field

# C types that need no declaration: size in C and on the wire, and the reader's word for them.
PRIMITIVES = {
    'uint32_t': (4, 4, 'u32'), 'int32_t': (4, 4, 'i32'), 'float': (4, 4, 'f32'), 'uint64_t': (8, 8, 'u64'),
    'int64_t': (8, 8, 'u64'), 'size_t': (8, 8, 'u64'), 'uint8_t': (1, 4, 'u32'), 'char': (1, 4, 'u32'),
    'uint16_t': (2, 4, 'u32'), 'double': (8, 8, 'f64'), 'int': (4, 4, 'i32'), 'void': (0, 0, None),
}


# The words of a command that are yes or no, and those with one of several values.
FLAGS = ('ids', 'destroys', 'may-block', 'long', 'fails', 'tight-stride', 'defers')
CHOICES = {'on': ('ring', 'context'), 'proc': ('instance', 'none')}


@dataclass
class Member:
    ctype: str
    name: str
    stars: int = 0
    optional: bool = False
    null: bool = False
    bulk: bool = False       # bytes that are nothing but data for the driver, or from it
    io: str = 'in'           # in, out, inout
    lens: list = field(default_factory=list)   # pointer arrays: lengths, the innermost first
    dims: list = field(default_factory=list)   # arrays inside the struct
    case: str = None         # union alternatives: the tag's value
    host: str = None         # C text of what never travels

    @property
    def kind(self):
        if self.null:
            return 'null'
        if self.ctype == 'str':
            return 'strings' if self.lens else 'string'
        if self.ctype == 'bytes':
            return 'bytes'
        if self.dims:
            return 'fixed'
        if self.stars == 2:
            return 'array2'
        if self.stars:
            return 'array' if self.lens else 'pointer'
        return 'value'


@dataclass
class Struct:
    name: str
    union: bool = False
    stype: int = None
    is_in: bool = False
    is_out: bool = False
    host: bool = False
    tag: str = None
    wire: list = None        # member names in wire order where that differs from C's
    named: list = field(default_factory=list)  # handles of which handlers need the objects, too
    members: list = field(default_factory=list)

    def wire_members(self):
        """The members that travel, in their order on the wire."""
        m = [x for x in self.members if x.host is None]
        if self.wire:
            m.sort(key=lambda x: self.wire.index(x.name) if x.name in self.wire else -1)
        return m


@dataclass
class Extension:
    name: str
    number: int
    version: int
    exposed: bool            # else the guest has it without our help
    needs: list = field(default_factory=list)   # extensions, on a device with Vulkan 1.3
    features: str = None     # the struct with its features


@dataclass
class Format:
    name: str
    block: list              # width, height and depth of a texel block
    planes: list = field(default_factory=list)  # bytes of a block of each plane, or of the only one
    depth: int = 0           # bytes of the depth aspect in memory
    stencil: int = 0


@dataclass
class Command:
    name: str
    number: int = None
    how: str = 'auto'        # auto, hand, refuse, never, host
    on: str = None           # ring, context
    ids: bool = False        # hand-written code needs the ids of a handle array too
    tight_stride: bool = False
    destroys: bool = False   # the object of its last handle
    proc: str = None         # whose function it is, where the first parameter does not say: instance, none
    may_block: bool = False  # waits, or compiles: must not hold up other streams
    long: bool = False       # the driver may work on it for as long as for a submit's commands or a pipeline
    defers: bool = False     # may come in the context's stream while that waits for a ring
    fails: bool = False      # hand-written code runs if it names an object whose creation failed
    aliases: list = field(default_factory=list)  # (older name, extensions of which one must be enabled)
    core: str = None         # the version of Vulkan that has it under its own name, where there are aliases
    ret: str = 'void'
    params: list = field(default_factory=list)

    @property
    def decodable(self):
        return self.how in ('auto', 'hand', 'refuse')


class Registry:
    def __init__(self, path):
        self.path = path
        self.version = None
        self.constants, self.scalars, self.opaque = {}, {}, []
        self.handles, self.enums, self.enum64 = {}, {}, set()
        self.instance_handles = set()  # commands that begin with one are the instance's
        self.extensions, self.chains, self.formats = [], {}, []
        self.structs, self.commands = {}, {}
        self.line = 0
        self.parse(self.logical_lines())
        self.check()

    def fail(self, text):
        sys.exit(f'{self.path}:{self.line}: {text}')

    def logical_lines(self):
        """Lines with their continuations: an indented line behind enum or chain belongs to it."""
        pending, first = None, 0
        for n, raw in enumerate(open(self.path), 1):
            text = raw.split('#')[0].rstrip()
            if not text:
                continue
            if text[0] == ' ' and pending and pending.split()[0] in ('enum', 'enum64', 'chain'):
                pending += ' ' + text.strip()
                continue
            if pending:
                yield first, pending
            pending, first = text, n
        if pending:
            yield first, pending

    def parse(self, lines):
        block = None
        for self.line, text in lines:
            words = text.split()
            if text[0] == ' ':
                if block is None:
                    self.fail('a member without a struct or command')
                self.member(block, text.strip())
                continue
            handler = getattr(self, 'on_' + words[0], None)
            if handler is None:
                self.fail(f'unknown word {words[0]}')
            block = handler(words[1:])

    def on_version(self, w):
        self.version = tuple(int(x) for x in w[0].split('.'))

    def on_constant(self, w):
        self.constants[w[0]] = w[1]

    def on_scalar(self, w):
        self.scalars[w[0]] = w[1]

    def on_opaque(self, w):
        self.opaque.append(w[0])

    def on_handle(self, w):
        self.handles[w[0]] = (int(w[1]), 'dispatchable' in w)
        if 'instance' in w:
            self.instance_handles.add(w[0])

    def on_enum(self, w):
        self.enums[w[0]] = dict(x.split('=') for x in w[1:])

    def on_enum64(self, w):
        self.on_enum(w)
        self.enum64.add(w[0])

    def on_extension(self, w):
        e = Extension(w[0], int(w[1]), int(w[2]), w[3] == 'yes')
        for word in w[4:]:
            key, value = word.split('=')
            if key == 'needs':
                e.needs = value.split(',')
            elif key == 'features':
                e.features = value
            else:
                self.fail(f'extension {e.name}: unknown word {word}')
        self.extensions.append(e)

    def on_format(self, w):
        f = Format(w[0], [int(n) for n in w[1].split('x')])
        for word in w[2:]:
            key, value = word.split('=')
            if key == 'bytes':
                f.planes = [int(n) for n in value.split(',')]
            elif key in ('depth', 'stencil'):
                setattr(f, key, int(value))
            else:
                self.fail(f'format {f.name}: unknown word {word}')
        self.formats.append(f)

    def on_chain(self, w):
        self.chains[w[0]] = w[1:]

    def on_struct(self, w, union=False):
        s = Struct(w[0], union)
        for word in w[1:]:
            if word.isdigit():
                s.stype = int(word)
            elif word in ('in', 'out', 'host'):
                setattr(s, 'host' if word == 'host' else 'is_' + word, True)
            elif word.startswith('tag='):
                s.tag = word[4:]
            elif word.startswith('wire='):
                s.wire = word[5:].split(',')
            elif word.startswith('named='):
                s.named = word[6:].split(',')
            else:
                self.fail(f'struct {w[0]}: unknown word {word}')
        if s.name in self.structs:
            self.fail(f'struct {s.name} twice')
        self.structs[s.name] = s
        return s

    def on_union(self, w):
        return self.on_struct(w, True)

    def on_command(self, w):
        c = Command(w[0], None if w[1] == '-' else int(w[1]), w[2])
        if c.how not in ('auto', 'hand', 'refuse', 'never', 'host'):
            self.fail(f'command {c.name}: {c.how} is no way to handle it')
        for word in w[3:]:
            key, _, value = word.partition('=')
            if key == 'alias':
                c.aliases = [(name, extensions) for name, *extensions in
                             (alias.split('+') for alias in value.split(','))]
            elif key == 'core':
                c.core = value
            elif word in FLAGS:
                setattr(c, word.replace('-', '_'), True)
            elif value in CHOICES.get(key, ()):
                setattr(c, key, value)
            else:
                self.fail(f'command {c.name}: unknown word {word}')
        if c.name in self.commands:
            self.fail(f'command {c.name} twice')
        self.commands[c.name] = c
        return c

    def member(self, block, text):
        if isinstance(block, Command) and text.startswith('returns '):
            block.ret = text.split()[1]
            return
        raw = (block.host if isinstance(block, Struct) else not block.decodable)
        members = block.members if isinstance(block, Struct) else block.params
        if raw or text.startswith('host '):
            text = re.sub(r'^host ', '', text)
            m = re.match(r'(?:const )?(\w+)\s*([*\sconst]*?)\s*(\w+)((?:\[\w+\])*)(:\d+)?$', text)
            if not m:
                self.fail(f'cannot read "{text}"')
            members.append(Member(m[1], m[3], stars=text.count('*'), host=text))
            return
        m = re.match(r'(?:case (?P<case>\w+) )?(?P<null>null )?(?P<bulk>bulk )?(?P<io>inout |out )?(?:const )?'
                     r'(?P<type>\w+)(?P<stars>\**)(?P<opt>\??) (?P<name>\w+)(?P<dims>(?:\[[^\[\]]*(?:\[i\][^\[\]]*)?\])*)$', text)
        if not m:
            self.fail(f'cannot read "{text}"')
        dims = re.findall(r'\[((?:[^\[\]]|\[i\])+)\]', m['dims'])
        pointer = bool(m['stars']) or m['type'] in ('str', 'bytes')
        if m['bulk'] and (m['type'] != 'bytes' or m['opt']):
            self.fail(f'"{text}": only bytes that are always there can be bulk')
        members.append(Member(m['type'], m['name'], len(m['stars']), bool(m['opt']), bool(m['null']),
                              bool(m['bulk']), (m['io'] or 'in').strip(), dims if pointer else [], [] if pointer else dims,
                              m['case']))

    # --- questions ------------------------------------------------------------------------------

    def primitive(self, ctype):
        """(C size, wire size, reader word) of a scalar type, or None."""
        while ctype in self.scalars:
            ctype = self.scalars[ctype]
        if ctype in self.enum64:
            return 8, 8, 'u64'
        if ctype in self.enums:
            return 4, 4, 'i32'
        return PRIMITIVES.get(ctype)

    def constant(self, text):
        return int(self.constants.get(text, text), 0)

    def flat(self, ctype, handles=False):
        """Wire size of a struct that is nothing but scalars, or None. `handles`: ids are scalars, too."""
        s = self.structs.get(ctype)
        if s is None or s.union or s.stype is not None or s.host:
            return None
        total = 0
        for m in s.wire_members():
            if m.kind != 'value':
                return None
            p = self.primitive(m.ctype)
            n = p[1] if p else 8 if handles and m.ctype in self.handles else self.flat(m.ctype, handles)
            if n is None:
                return None
            total += n
        return total

    def layout(self, ctype, handles=False):
        """(size, alignment) in C of a flat type whose wire bytes are its C bytes, or None. `handles`: an id counts as
        the handle that replaces it."""
        if handles and ctype in self.handles:
            return (8, 8)
        p = self.primitive(ctype)
        if p:
            return (p[0], p[0]) if p[0] == p[1] else None
        if self.flat(ctype, handles) is None or self.structs[ctype].wire:
            return None
        offset = align = 0
        for m in self.structs[ctype].members:
            part = self.layout(m.ctype, handles)
            if part is None or offset % part[1]:
                return None
            offset += part[0]
            align = max(align, part[1])
        return (offset, align) if align and offset % align == 0 else None

    def min_wire(self, ctype, partial=False):
        """The fewest bytes that one value of this type takes on the wire."""
        if ctype in self.handles:
            return 8
        p = self.primitive(ctype)
        if p:
            return p[1]
        s = self.structs[ctype]
        head = 12 if s.stype is not None else 0
        if partial:
            return head
        if s.union:
            return 4
        total = head
        for m in s.wire_members():
            if m.kind == 'value':
                total += self.min_wire(m.ctype)
            else:
                total += 8
        return total

    def check(self):
        for s in self.structs.values():
            for m in s.members:
                self.check_member(s.name, m)
            handles = {m.name for m in s.members if m.kind == 'value' and m.ctype in self.handles}
            if not handles.issuperset(s.named):
                self.fail(f'struct {s.name}: only handles can be named')
        numbers = {}
        for c in self.commands.values():
            for m in c.params:
                self.check_member(c.name, m)
            if c.destroys and not any(m.ctype in self.handles for m in c.params):
                self.fail(f'{c.name}: no handle that it could destroy')
            if c.number is not None and numbers.setdefault(c.number, c.name) != c.name:
                self.fail(f'{c.name} and {numbers[c.number]} have the same number')
        for parent, children in self.chains.items():
            for name in [parent, *children]:
                if name not in self.structs or self.structs[name].stype is None:
                    self.fail(f'chain {parent}: {name} cannot be chained')
        known = {e.name for e in self.extensions}
        for e in self.extensions:
            for name in e.needs:
                if name not in known:
                    self.fail(f'extension {e.name}: needs {name}, which is not in the protocol')
            if e.features and e.features not in self.chains['VkPhysicalDeviceFeatures2']:
                self.fail(f'extension {e.name}: {e.features} is no struct of features')

    def check_member(self, owner, m):
        if m.host is not None or m.null or m.ctype in ('str', 'bytes'):
            return
        if m.ctype in self.opaque:
            self.fail(f'{owner}.{m.name}: {m.ctype} is opaque and must be null')
        if m.ctype not in self.handles and m.ctype not in self.structs and self.primitive(m.ctype) is None:
            self.fail(f'{owner}.{m.name}: unknown type {m.ctype}')
