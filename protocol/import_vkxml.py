# SPDX-License-Identifier: MIT
"""Makes venus.reg from vk.xml and the wire schema, for tools/import-registry. The build never runs it.

vk.xml gives the C side (types, members, values), the schema gives the wire side (which structs, commands and extensions
the protocol has, what may be absent, what is chained where). Our own additions are kept as the old registry has them:
the block under "# --- by hand" at its end, the words after a command's number, `instance` of handles, `named=` of structs
and `guest` of extensions.
"""
import re
import sys
import textwrap
from pathlib import Path

from vkxml import Xml

BY_HAND = '# --- by hand'

# Things that never travel but that the host says to its driver: memory import and export, host copies.
HOST_STRUCTS = '''VkImportMemoryHostPointerInfoEXT VkMemoryHostPointerPropertiesEXT
VkPhysicalDeviceExternalMemoryHostPropertiesEXT VkImportMemoryFdInfoKHR VkMemoryGetFdInfoKHR
VkMemoryFdPropertiesKHR VkMemoryToImageCopy VkImageToMemoryCopy VkCopyMemoryToImageInfo
VkCopyImageToMemoryInfo VkPhysicalDevicePortabilitySubsetFeaturesKHR'''.split()
# Named in prototypes and always absent.
OPAQUE = {'VkAllocationCallbacks'}
# The same, and what shows pictures in a window.
HOST_COMMANDS = '''vkGetMemoryHostPointerPropertiesEXT vkDestroySurfaceKHR
vkGetPhysicalDeviceSurfaceSupportKHR vkGetPhysicalDeviceSurfaceCapabilitiesKHR
vkGetPhysicalDeviceSurfaceFormatsKHR vkGetPhysicalDeviceSurfacePresentModesKHR vkCreateSwapchainKHR
vkDestroySwapchainKHR vkGetSwapchainImagesKHR vkAcquireNextImageKHR vkQueuePresentKHR'''.split()
HOST_EXTENSIONS = ['VK_EXT_external_memory_host', 'VK_KHR_portability_enumeration',
                   'VK_KHR_portability_subset', 'VK_KHR_external_memory_fd', 'VK_KHR_surface',
                   'VK_KHR_swapchain', 'VK_EXT_debug_utils']
# In the protocol and not in vk.xml, like everything that ends in MESA.
OTHER_EXTENSIONS = ('VK_EXT_command_serialization', 'VK_MESA_venus_protocol')


def wrap(words, first, indent='  ', width=100):
    return textwrap.fill(' '.join(words), width, initial_indent=first, subsequent_indent=indent,
                         break_long_words=False, break_on_hyphens=False)


class Wire:
    """One schema field: how it travels."""

    def __init__(self, text):
        self.text = text
        m = re.match(r'(ptr|arr|outptr|outarr)([!?]?)\((.*)\)$', text)
        self.kind, self.flag, inner = (m[1], m[2], m[3]) if m else ('', '', text)
        if text == 'null':
            self.kind, inner = 'null', ''
        self.union = inner.startswith('tag:') or inner.startswith('union{')
        self.name, _, rest = inner.partition(':')
        if self.kind in ('outptr', 'outarr'):
            self.name = re.match(r'\w+', inner)[0]
            rest = inner[len(self.name):]
        self.type = re.match(r'[\w*]*', rest)[0]
        self.partial = rest[len(self.type):].startswith('~')
        dims = re.findall(r'\[((?:[^\[\]]|\[i\])*)\]', rest)
        self.len = dims[-1].strip() if dims else None
        self.dims = [d.strip() for d in dims]


def split_fields(text):
    """Schema fields are separated by blanks, but brackets and braces hold blanks of their own."""
    fields, depth, cur = [], 0, ''
    for ch in text.strip() + ' ':
        if ch in '([{':
            depth += 1
        elif ch in ')]}':
            depth -= 1
        if ch == ' ' and depth == 0:
            if cur:
                fields.append(cur)
            cur = ''
        else:
            cur += ch
    merged = []
    for f in fields:
        if f.startswith('union{') and merged and merged[-1].startswith('tag:'):
            merged[-1] += ' ' + f
        else:
            merged.append(f)
    return merged


def read_schema(path):
    structs, commands, extensions = {}, {}, {}
    for line in Path(path).read_text().splitlines():
        if line.startswith('E '):
            _, number, name, version = line.split()
            extensions[name] = (number, version)
        if line[:2] not in ('S ', 'C '):
            continue
        head, *segments = line.split(' | ')
        # a union's alternatives hold ' | ' too: glue what is no segment onto the one before
        glued = []
        for s in segments:
            if re.match(r'(REQ~?|REP)(-pNext allowed|-pNext)?:', s) or s.startswith('not decodable'):
                glued.append(s)
            else:
                glued[-1] += ' | ' + s
        parts = {}
        for s in glued:
            key, _, value = s.partition(':')
            parts[key] = value.strip()
        words = head.split()
        if words[0] == 'S':
            structs[words[1]] = (words[2], parts)
        else:
            commands[words[2]] = (int(words[1]), parts)
    return structs, commands, extensions


LEN = {  # the schema writes C expressions without their parentheses
    'rasterizationSamples + 31 / 32': '(rasterizationSamples+31)/32',
    'samples + 31 / 32': '(samples+31)/32',
    'codeSize / 4': 'codeSize/4',
    '2*VK_UUID_SIZE': '2*VK_UUID_SIZE',
}


def clean_len(text):
    return LEN.get(text, text).replace(' ', '')


class Importer:
    def __init__(self, root, schema, old):
        """`root`: of vk.xml; `schema`: a path; `old`: the text of the registry as it was."""
        self.structs, self.commands, self.protocol_extensions = read_schema(schema)
        self.xml = Xml(root, {*self.protocol_extensions, *HOST_EXTENSIONS})
        self.kept, self.by_hand = self.read_old(old)
        self.used = {'VkStructureType', 'VkObjectType', 'VkResult', 'VkMemoryPropertyFlagBits', 'VkMemoryHeapFlagBits'}
        # vk.xml's name of a struct that the tables know by an older one
        self.older = {self.xml.real(n): n for n in self.structs if n in self.xml.aliases}
        self.mesa = {n for n in self.structs if n.endswith('MESA')}

    @staticmethod
    def read_old(text):
        kept, by_hand = {}, BY_HAND + '\n'
        if BY_HAND in text:
            text, tail = text.split(BY_HAND, 1)
            by_hand = BY_HAND + tail
        for line in text.splitlines():
            words = line.split()
            if line.startswith('command '):
                kept[words[1]] = [w for w in words[3:] if not w.startswith(('alias=', 'core='))]
            elif line.startswith(('handle ', 'struct ', 'extension ')):
                kept[words[1]] = [w for w in words[2:] if w in ('instance', 'guest') or w.startswith('named=')]
        return kept, by_hand

    def known(self, table, name):
        if name not in table:
            sys.exit(f'vk.xml {self.xml.version} does not have {name}, which the protocol has: take a newer one')
        return table[name]

    # --- members -------------------------------------------------------------------------------

    def member_line(self, ctype, name, depth, dims, wire, out):
        ctype = self.older.get(ctype, ctype)
        self.used.add(ctype)
        if wire is None or wire.kind == 'null':
            return f"{'null ' if wire else ''}{ctype}{'*' * depth} {name}{''.join(f'[{d}]' for d in dims)}"
        opt = '?' if self.optional(wire) else ''
        prefix = 'out ' if out else ''
        if dims:
            return f'{prefix}{ctype} {name}' + ''.join(f'[{d}]' for d in dims)
        if depth == 0:
            return f'{prefix}{ctype} {name}'
        if wire.type == 'str':
            return f'str{opt} {name}' + (f'[{clean_len(wire.len)}]' if wire.len else '')
        if wire.kind in ('ptr', 'outptr'):
            return f'{prefix}{ctype}*{opt} {name}'
        if wire.type == 'bytes' or ctype == 'void':
            return f'{prefix}bytes{opt} {name}[{clean_len(wire.len)}]'
        stars = '*' * depth
        lens = ''.join(f'[{clean_len(d)}]' for d in wire.dims)
        return f'{prefix}{ctype}{stars}{opt} {name}{lens}'

    @staticmethod
    def optional(wire):
        # a pointer may be absent unless "!" says that it must not; an array must not unless "?"
        return wire.flag != '!' if wire.kind in ('ptr', 'outptr') else wire.flag == '?'

    def struct_block(self, name):
        node = self.known(self.xml.types, self.xml.real(name))
        stype, parts = self.structs.get(name, (None, None))
        head = [node.get('category'), name]
        members = list(self.xml.members(node, 'member'))
        values = [m.get('values') for *_, m in members if m.find('name').text == 'sType']
        if values and values[0]:
            head.append(self.xml.enums['VkStructureType'][values[0]])
            self.used.add(values[0])
        lines = []
        if parts is None:
            head.append('host')
            for ctype, mname, depth, dims, m in members:
                if mname in ('sType', 'pNext') and values and values[0]:
                    continue
                const = 'const ' if (m.text or '').strip().startswith('const') else ''
                ctype = self.older.get(ctype, ctype)
                self.used.add(ctype)
                bits = re.search(r':(\d+)', m.find('name').tail or '')
                lines.append(f"{const}{ctype}{'*' * depth} {mname}" + ''.join(f'[{d}]' for d in dims) +
                             (f':{bits[1]}' if bits else ''))
            return self.block(head, lines)
        if 'REQ' in parts:
            head.append('in')
        if 'REP' in parts:
            head.append('out')
        body = parts.get('REQ') or ('' if parts.get('REP') == '=REQ' else parts.get('REP', ''))
        fields = [Wire(f) for f in split_fields(body)]
        partial = {Wire(f).name: Wire(f) for f in split_fields(parts.get('REQ~', ''))}
        if node.get('category') == 'union' or (fields and fields[0].union):
            return self.union_block(head, fields[0], members)
        by_name = {f.name: f for f in fields}
        order = [f.name for f in fields if f.kind != 'null']
        names = [m[1] for m in members if m[1] in by_name]
        if order != names:
            head.append('wire=' + ','.join(order))
        for ctype, mname, depth, dims, _ in members:
            if mname in ('sType', 'pNext'):
                continue
            wire = by_name.get(mname)
            if wire is None:
                null = [f for f in fields if f.kind == 'null']
                if not null:
                    sys.exit(f'{name}.{mname}: not in the schema')
                wire = null[0]
            # a pointer in a struct that is only ever output points to memory that the reply fills
            out = depth > 0 and 'REP' in parts
            if out and mname in partial and partial[mname].flag == '?':
                wire.flag = '?'
            lines.append(self.member_line(ctype, mname, depth, dims, wire, out))
        return self.block(head + self.kept.get(name, []), lines)

    def union_block(self, head, field, members):
        cases = re.search(r'union\{(.*)\}', field.text)[1].split(' | ')
        by_name = {m[1]: m for m in members}
        if field.text.startswith('tag:Vk'):
            head.append('tag=' + re.match(r'tag:(\w+)', field.text)[1])
        lines = []
        for case in cases:
            tag, _, rest = case.partition(':')
            wire = Wire(rest.strip())
            if wire.kind == 'null':
                mname = [m[1] for m in members if m[2]][0]
                ctype, mname, depth, dims, _ = by_name[mname]
                self.used.add(ctype)
                lines.append(f"case {tag.strip()} null {'const ' if 'Const' in head[1] else ''}{ctype}* {mname}")
                continue
            ctype, mname, depth, dims, _ = by_name[wire.name]
            lines.append(f'case {tag.strip()} ' + self.member_line(ctype, mname, depth, dims, wire, False))
        for ctype, mname, depth, dims, m in members:  # alternatives that never travel still give the size
            if not any(re.search(rf'\b{mname}\b', l) for l in lines):
                self.used.add(ctype)
                const = 'const ' if depth else ''
                lines.append(f"host {const}{ctype}{'*' * depth} {mname}" + ''.join(f'[{d}]' for d in dims))
        return self.block(head, lines)

    @staticmethod
    def block(head, lines):
        return '\n'.join([' '.join(head)] + ['  ' + l for l in lines])

    # --- commands ------------------------------------------------------------------------------

    def handling(self, name, number, parts):
        """How a command is handled, and more words: as it was, unless the protocol has changed that."""
        old = self.kept.get(name)
        if parts is None:
            new = ['never'] if number is not None else ['host']
            return old if old and old[0] == new[0] else new
        if old and old[0] not in ('never', 'host'):
            return old
        return ['auto', 'destroys'] if name.startswith('vkDestroy') else ['auto']

    def command_block(self, name):
        node = self.known(self.xml.commands, name)
        number, parts = self.commands.get(name, (None, None))
        ret = self.xml.real(node.findtext('proto/type'))
        self.used.add(ret)
        if parts is not None and 'REQ' not in parts:
            parts = None
        head = ['command', name, str(number if number is not None else '-'), *self.handling(name, number, parts)]
        aliases = self.xml.command_aliases.get(name)
        if aliases:
            # an extension is named once for a command, however many of its blocks require it
            head.append('alias=' + ','.join('+'.join([a] + list(dict.fromkeys(self.xml.command_extensions[a])))
                                            for a in aliases))
            if name in self.xml.command_cores:
                head.append('core=' + self.xml.command_cores[name])
        lines = [] if ret == 'void' else [f'returns {ret}']
        params = [p for p in self.xml.members(node, 'param')]
        if parts is None:
            for ctype, pname, depth, dims, m in params:
                self.used.add(ctype)
                const = 'const ' if (m.text or '').strip().startswith('const') else ''
                tail = m.find('type').tail or ''
                stars = '* const*' if '* const' in tail else '*' * depth
                lines.append(f"{const}{ctype}{stars} {pname}" + ''.join(f'[{d}]' for d in dims))
            return self.block(head, lines)
        request = [Wire(f) for f in split_fields(parts['REQ'])]
        reply = {Wire(f).name: Wire(f) for f in split_fields(parts['REP'])}
        if len(request) != len(params):
            sys.exit(f'{name}: {len(params)} parameters, {len(request)} fields')
        for wire, (ctype, pname, depth, dims, _) in zip(request, params):
            out = pname in reply
            line = self.member_line(ctype, pname, depth, dims, wire, False)
            if out:
                counter = (wire.kind == 'ptr' and not wire.partial and ctype in
                           ('uint32_t', 'size_t', 'VkDeviceSize') and wire.kind != 'outptr')
                line = ('inout ' if counter else 'out ') + line
            lines.append(line)
        return self.block(head, lines)

    # --- whole file ----------------------------------------------------------------------------

    def run(self):
        blocks_s, blocks_c = {}, {}
        for name in [*self.commands, *HOST_COMMANDS]:
            if not name.endswith('MESA'):
                blocks_c[name] = self.command_block(name)
        todo = [n for n in self.structs if n not in self.mesa] + HOST_STRUCTS
        while True:
            todo += [t for t in self.used - OPAQUE if self.category(t) in ('struct', 'union')]
            todo = [t for t in todo if t not in blocks_s and t not in self.mesa]
            if not todo:
                break
            for name in todo:
                if name not in blocks_s:
                    blocks_s[name] = self.struct_block(name)
        self.used |= set(blocks_s)
        out = [self.header(), self.constants(), self.scalars(), self.handles(), self.enums(blocks_s),
               self.extensions(), self.formats(), self.extends(blocks_s),
               '\n'.join(blocks_s[n] for n in self.ordered(blocks_s)),
               '\n'.join(blocks_c[n] for n in sorted(
                   blocks_c, key=lambda n: (self.commands.get(n, (9999,))[0], n))),
               self.by_hand.rstrip('\n')]
        return '\n\n'.join(out) + '\n'

    def category(self, name):
        node = self.xml.types.get(name)
        return node.get('category') if node is not None else None

    def ordered(self, blocks):
        """C needs a struct's members by value before the struct."""
        done, order = set(), []

        def visit(name):
            if name in done:
                return
            done.add(name)
            for ctype, _, depth, _, _ in self.xml.members(self.xml.types[self.xml.real(name)], 'member'):
                ctype = self.older.get(ctype, ctype)
                if ctype in blocks:
                    visit(ctype)
            order.append(name)
        for name in sorted(blocks):
            visit(name)
        return order

    def header(self):
        return (f'# The Venus protocol: vk.xml {self.xml.version} and the wire schema. See README.md for the '
                f'grammar.\n# Imported by tools/import-registry, which keeps what we decided ourselves.\n'
                f'version {self.xml.version}')

    def constants(self):
        return '\n'.join(f'constant {k} {v}' for k, v in sorted(self.xml.constants.items())
                         if re.match(r'^[\d(~]', v) and not re.search(r'VIDEO|_(NV|AMDX|ARM|QCOM)\b|_(ARM|QCOM|AMDX)$', k))

    def scalars(self):
        lines = []
        for name in sorted(self.used):
            node = self.xml.types.get(name)
            if node is None or node.get('category') not in ('basetype', 'bitmask', 'funcpointer'):
                continue
            if node.get('category') == 'funcpointer':
                continue  # only vkGet*ProcAddr's, which the generator knows
            else:
                lines.append(f"scalar {name} {node.findtext('type')}")
                values = node.get('requires') or node.get('bitvalues')
                if values:
                    self.used.add(values)
        base = {'VkFlags': 'uint32_t', 'VkFlags64': 'uint64_t'}
        return '\n'.join([f'opaque {n}' for n in sorted(OPAQUE)] + [f'scalar {k} {v}' for k, v in base.items()] +
                         [l for l in lines if l.split()[1] not in base])

    def handles(self):
        lines = []
        types = self.xml.enums['VkObjectType']
        seen = set()
        for name in [t for t, n in self.xml.types.items() if n.get('category') == 'handle']:
            if name not in self.used or name in seen or name in self.xml.aliases:
                continue
            node = self.xml.types[name]
            words = ['handle', name, types[node.get('objtypeenum')]]
            if node.findtext('type') == 'VK_DEFINE_HANDLE':
                words.append('dispatchable')
            words += self.kept.get(name, [])
            lines.append(' '.join(words))
        return '\n'.join(lines)

    def enums(self, structs):
        stypes = {b.split()[2] for b in structs.values() if b.split()[2:3] and b.split()[2].isdigit()}
        lines = []
        for name in sorted(self.used):
            if self.category(name) != 'enum' or name in self.xml.aliases:
                continue
            values = dict(self.xml.enums.get(name, {}))
            if name == 'VkStructureType':
                values = {k: v for k, v in values.items() if v in stypes}
            wide = '64' if any(int(v, 0) > 0xffffffff or name.endswith('FlagBits2') for v in values.values()) else ''
            lines.append(wrap([f'{k}={v}' for k, v in values.items()], f'enum{wide} {name} ') if values
                         else f'enum{wide} {name}')
        return '\n'.join(lines)

    def needed(self, tokens, known):
        """The fewest extensions that satisfy a vk.xml expression on a device with Vulkan 1.3; None: it cannot be.

        "+" and "," bind alike, from left to right. Instance extensions are not the device's business.
        """
        total, how = set(), '+'
        while how in ('+', ','):
            word = tokens.pop(0)
            if word == '(':
                value = self.needed(tokens, known)
            elif word.startswith('VK_VERSION_'):
                value = set() if word <= 'VK_VERSION_1_3' else None
            elif word in self.xml.instance_extensions:
                value = set()
            else:
                value = {word} if word in known else None
            if how == '+':
                total = None if total is None or value is None else total | value
            elif total is None or (value is not None and len(value) < len(total)):
                total = value
            how = tokens.pop(0) if tokens else ')'
        return total

    def features_of(self, ext, chained):
        """The struct with an extension's features, by the name that the tables know."""
        for t in ext.findall('require/type'):
            name = self.xml.real(t.get('name'))
            name = self.older.get(name, name)
            if name in chained:
                return name
        return None

    def extensions(self):
        chained = set(re.findall(r'(Vk\w+)\(', self.structs['VkPhysicalDeviceFeatures2'][1]['REP-pNext']))
        return '\n'.join(' '.join(self.extension_words(name, chained)) for name in self.protocol_extensions)

    def extension_words(self, name, chained):
        number, version = self.protocol_extensions[name]
        words = ['extension', name, number, version, *(self.kept.get(name) or ['yes'])]
        if name in OTHER_EXTENSIONS:
            return words
        ext = self.known(self.xml.extensions, name)
        if ext.get('number') != number:
            sys.exit(f"{name} has number {number} in the schema, {ext.get('number')} in vk.xml")
        needs = self.needed(re.findall(r'[+,()]|\w+', ext.get('depends', 'VK_VERSION_1_0')), self.protocol_extensions)
        if needs is None:
            sys.exit(f'{name} needs what the protocol does not have')
        if needs:
            words.append('needs=' + ','.join(sorted(needs)))
        features = self.features_of(ext, chained)
        return words + [f'features={features}'] if features else words

    def formats(self):
        lines = []
        sizes = {f.get('name'): f.get('blockSize') for f in self.xml.root.findall('formats/format')}
        for f in self.xml.root.findall('formats/format'):
            if f.get('name') not in self.xml.enums['VkFormat']:
                continue
            words = ['format', f.get('name'), f.get('blockExtent', '1,1,1').replace(',', 'x')]
            bits = {c.get('name'): int(c.get('bits')) for c in f.findall('component') if c.get('name') in 'DS'}
            if 'D' in bits:
                words.append(f"depth={2 if bits['D'] == 16 else 4}")  # 24 bits are copied as 32
            if 'S' in bits:
                words.append('stencil=1')
            if not bits:
                words.append('bytes=' + ','.join([sizes[p.get('compatible')] for p in f.findall('plane')] or
                                                 [f.get('blockSize')]))
            lines.append(' '.join(words))
        return '\n'.join(lines)

    def extends(self, blocks):
        lines = []
        for name, (_, parts) in sorted(self.structs.items()):
            if name in self.mesa:
                continue
            for key in ('REQ-pNext', 'REQ-pNext allowed', 'REP-pNext'):
                if key in parts:
                    lines.append(wrap(re.findall(r'(Vk\w+)\(', parts[key]), f'chain {name} '))
                    break
        return '\n'.join(lines)
