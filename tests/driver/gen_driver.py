#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the test driver's parts that follow from the registry.

    gen_driver.py PROTOCOL-FOLDER NAMES.txt OUTDIR SOURCES...

    driver_gen.h    prototypes of the commands that SOURCES define (as vtd_NAME), numbers of all commands
    entries_gen.c   an entry point for each name of each command, which counts and fails on request, and does
                    what the command does: a function of SOURCES, or a stub made here
    facts_gen.c     the answers to questions about properties, features and formats (facts.py)
"""
import re
import sys
from pathlib import Path

import facts

HEAD = '/* Written by tests/driver/gen_driver.py. */\n'
# This driver has no surfaces.
SKIP = re.compile(r'MESA$|Surface|Swapchain|AcquireNextImage|QueuePresent')


def read_names(path):
    """name -> the versions and extensions that give it."""
    names, giver = {}, None
    for line in Path(path).read_text().splitlines():
        if line.startswith('#'):
            continue
        words = line.split()
        if not line.startswith(' '):
            giver = words.pop(0)
        for word in words:
            names.setdefault(word.split('=')[0], []).append(giver)
    return names


class Emitter:
    def __init__(self, registry, c_param, names, sources):
        self.reg, self.c_param, self.names = registry, c_param, names
        self.commands = [c for c in registry.commands.values() if not SKIP.search(c.name)]
        text = ''.join(Path(s).read_text() for s in sources)
        self.by_hand = set(re.findall(r'^[\w *]+?\bvtd_(vk\w+)\(', text, re.M))
        offered = [(e.name, e.version) for e in registry.extensions
                   if e.exposed and e.name not in facts.NO_EXTENSIONS and e.name not in facts.HOST_EXTENSIONS]
        self.extensions = [(n, v) for n, v in offered if n not in facts.INSTANCE_EXTENSIONS]
        self.extensions += [(n, 1) for n in facts.HOST_EXTENSIONS]
        self.instance_extensions = [(n, 1) for n in facts.INSTANCE_EXTENSIONS]
        self.numbers = {n: i for i, (n, _) in enumerate(self.extensions + self.instance_extensions)}

    def params(self, c):
        return ', '.join(self.c_param(m) for m in c.params) or 'void'

    @staticmethod
    def names_of(c):
        return [c.name, *(name for name, _ in c.aliases)]

    # --- driver_gen.h ---------------------------------------------------------------------------

    def header(self):
        out = [HEAD, '#ifndef DRIVER_GEN_H', '#define DRIVER_GEN_H', '', '#include "vk_gen.h"', '', 'enum {']
        out += [f'\tVTD_{c.name},' for c in self.commands]
        out += ['\tVTD_COMMAND_COUNT,', f'\tVTD_NAME_COUNT = {sum(len(self.names_of(c)) for c in self.commands)},',
                f'\tVTD_DEVICE_EXTENSION_COUNT = {len(self.extensions)},',
                f'\tVTD_EXTENSION_COUNT = {len(self.numbers)}, /* those of the instance are behind the device\'s */',
                '};', '']
        unknown = self.by_hand - {c.name for c in self.commands}
        if unknown:
            sys.exit(f'no such commands: {sorted(unknown)}')
        out += [f'{c.ret} vtd_{c.name}({self.params(c)});' for c in self.commands if c.name in self.by_hand]
        return '\n'.join(out + ['', '#endif', ''])

    # --- entries_gen.c --------------------------------------------------------------------------

    def stub(self, c):
        """What a command does that no source defines: as little as its caller can take."""
        handles = [m for m in c.params if m.ctype in self.reg.handles and m.io == 'out' and m.host is None]
        out = [f'\t(void){m.name};' for m in c.params]
        for m in handles:
            if m.lens:
                count = m.lens[0]
                out += [f'\tfor (size_t i = 0; i < {count}; i++) {{',
                        f'\t\tif (!vtd_make(&{m.name}[i])) {{', '\t\t\treturn VK_ERROR_OUT_OF_HOST_MEMORY;', '\t\t}',
                        '\t}']
            else:
                out += [f'\treturn vtd_make({m.name}) ? VK_SUCCESS : VK_ERROR_OUT_OF_HOST_MEMORY;']
        if c.name.startswith('vkDestroy'):
            out.append(f'\tfree({c.params[-2].name});')
        for m in c.params:
            if m.host is not None or m in handles or m.io == 'in':
                continue
            struct = self.reg.structs.get(m.ctype)
            if m.io == 'inout' or (not m.lens and m.kind != 'bytes' and (struct is None or struct.stype is None)):
                out.append(f'\tmemset({m.name}, 0, sizeof(*{m.name}));')
            elif m.kind == 'bytes' and m.lens[0] in {p.name for p in c.params if p.kind == 'value'}:
                out.append(f'\tmemset({m.name}, 0, {m.lens[0]});')
        if c.ret != 'void' and not out[-1].startswith('\treturn'):
            out.append('\treturn VK_SUCCESS;' if c.ret == 'VkResult' else '\treturn 0;')
        return [f'static {c.ret} vtd_{c.name}({self.params(c)})', '{', *out, '}', '']

    def entry(self, c, name, number):
        args = ', '.join(m.name for m in c.params)
        first = c.params[0]
        handle = first.name if self.reg.handles.get(first.ctype, (0, False))[1] else 'NULL'
        out = [f'static {c.ret} entry_{name}({self.params(c)})', '{']
        if c.ret == 'VkResult':
            out += ['\tVkResult result;', '', f'\tif (vtd_watch && vtd_enter({number}, {handle}, &result)) {{']
            for m in c.params:
                if m.ctype in self.reg.handles and m.io == 'out' and m.host is None and c.name != 'vkEnumeratePhysicalDevices':
                    size = f'{m.lens[0]} * sizeof(*{m.name})' if m.lens else f'sizeof(*{m.name})'
                    out.append(f'\t\tmemset({m.name}, 0, {size});')
            out += ['\t\treturn result;', '\t}']
        else:
            out += ['\tif (vtd_watch) {', f'\t\t(void)vtd_enter({number}, {handle}, NULL);', '\t}']
        ret = '' if c.ret == 'void' else 'return '
        return out + [f'\t{ret}vtd_{c.name}({args});', '}', '']

    def name_row(self, name, c):
        core, extensions = 0, []
        for giver in self.names[name]:
            if giver[0].isdigit():
                core = int(giver[2:]) + 1
            elif giver in self.numbers:
                extensions.append(self.numbers[giver])
        if len(extensions) > 2:
            sys.exit(f'{name}: more than two extensions')
        numbers = ', '.join(str(n) for n in extensions + [-1, -1][len(extensions):])
        level = {'VkPhysicalDevice': 'PHYSICAL', 'VkInstance': 'INSTANCE'}.get(c.params[0].ctype, 'DEVICE')
        if c.params[0].ctype not in self.reg.handles or c.name == 'vkGetInstanceProcAddr':
            level = 'GLOBAL'
        if c.name == 'vkGetDeviceProcAddr':
            level = 'DEVICE'
        return (f'\t{{"{name}", (PFN_vkVoidFunction)entry_{name}, VTD_{c.name}, VTD_LEVEL_{level}, {core}, '
                f'{{{numbers}}}}},')

    def entries(self):
        out = [HEAD, '#include <stdlib.h>', '#include <string.h>', '', '#include "driver.h"', '']
        for c in self.commands:
            if c.name not in self.by_hand:
                out += self.stub(c)
        rows = []
        pairs = [(name, c) for c in self.commands for name in self.names_of(c)]
        for number, (name, c) in enumerate(sorted(pairs, key=lambda p: p[0])):
            out += self.entry(c, name, number)
            rows.append(self.name_row(name, c))
        out += ['const struct vtd_name vtd_names[VTD_NAME_COUNT] = {', *rows, '};', '',
                'const struct vtd_extension vtd_extensions[VTD_EXTENSION_COUNT] = {']
        out += [f'\t{{"{n}", {v}}},' for n, v in self.extensions + self.instance_extensions]
        out += ['};', '', 'const struct vtd_result_name vtd_result_names[] = {']
        out += [f'\t{{"{k}", {v}}},' for k, v in self.reg.enums['VkResult'].items()]
        return '\n'.join(out + ['\t{NULL, 0},', '};', ''])

    # --- facts_gen.c ----------------------------------------------------------------------------

    def assign(self, m, text):
        if text.startswith('"'):
            return f'\t\tmemcpy(s->{m.name}, {text}, sizeof({text}));'
        if m.dims:
            return f'\t\tmemcpy(s->{m.name}, (const {m.ctype}[{m.dims[0]}]){text}, sizeof(s->{m.name}));'
        if text.startswith('{'):
            return f'\t\ts->{m.name} = ({m.ctype}){text};'
        return f'\t\ts->{m.name} = {text};'

    def switch(self, function, structs, text_of):
        out = [f'void {function}(void *chain)', '{', '\tstruct vtd_chain *link = chain;', '',
               '\tswitch ((int)link->type) {']
        for name in structs:
            s = self.reg.structs[name]
            members = [m for m in s.members if m.kind in ('value', 'fixed') or m.host]
            out += [f'\tcase {s.stype}: {{', f'\t\t{name} *s = chain;', '']
            if len(members) == len(s.members):
                out.append('\t\tmemset((char *)s + sizeof(*link), 0, sizeof(*s) - sizeof(*link));')
            else:   # pointers to arrays are the caller's: their counts become 0, and they stay
                out += [f'\t\tmemset(&s->{m.name}, 0, sizeof(s->{m.name}));' for m in members]
            out += [self.assign(m, text_of(name, m)) for m in members if text_of(name, m)]
            out += ['\t\tbreak;', '\t}']
        return out + ['\tdefault:', '\t\tbreak;', '\t}', '}', '']

    def feature(self, struct, m):
        if struct.endswith('PortabilitySubsetFeaturesKHR'):
            return 'VK_FALSE' if m.name in facts.NO_PORTABILITY else 'VK_TRUE'
        if m.name in facts.NO_FEATURES or any(x in struct for x in facts.NO_FEATURE_STRUCTS):
            return None
        return 'VK_TRUE'

    def plain(self, function, struct, text_of):
        """A filler of a struct without sType."""
        out = [f'void {function}({struct} *s)', '{', '\tmemset(s, 0, sizeof(*s));']
        out += [self.assign(m, text_of(m)) for m in self.reg.structs[struct].members if text_of(m)]
        return out + ['}', '']

    def format_row(self, name):
        """(bytes of a block, its width, its height, kind); sizes of planes are added up."""
        block = re.search(r'(\d+)x(\d+)', name)
        if 'BLOCK' in name:
            small = re.search(r'BC1_|BC4_|ETC2_R8G8B8_|ETC2_R8G8B8A1|EAC_R11_|PVRTC', name)
            return 8 if small else 16, int(block[1]) if block else 4, int(block[2]) if block else 4, 'COMPRESSED'
        bits = sum(int(n) for n in re.findall(r'[RGBADSEX](\d+)', name.split('_PACK')[0]))
        kind = 'DEPTH' if re.search(r'FORMAT_(D\d|S8|X8_D24)', name) else 'PLANAR' if 'PLANE' in name else 'COLOR'
        if re.search('INT', name) and kind == 'COLOR':
            kind = 'INTEGER'
        return max(1, bits // 8), 1, 1, kind

    def formats(self):
        rows = {}
        for name, value in self.reg.enums['VkFormat'].items():
            if int(value, 0) not in rows and value != '0':
                rows[int(value, 0)] = f'\t{{{value}, %d, %d, %d, VTD_FORMAT_%s}},' % self.format_row(name)
        return ['const struct vtd_format vtd_formats[] = {', *(rows[v] for v in sorted(rows)), '};', '',
                'const size_t vtd_format_count = sizeof(vtd_formats) / sizeof(vtd_formats[0]);', '']

    def facts(self):
        host = [n for n in ('VkPhysicalDeviceExternalMemoryHostPropertiesEXT',) if n in self.reg.structs]
        out = [HEAD, '#include <string.h>', '', '#include "driver.h"', '']
        out += self.switch('vtd_fill_properties', [*self.reg.chains['VkPhysicalDeviceProperties2'], *host],
                           lambda s, m: facts.value(m.name))
        out += self.switch('vtd_fill_features', [*self.reg.chains['VkPhysicalDeviceFeatures2'],
                                                 'VkPhysicalDevicePortabilitySubsetFeaturesKHR'], self.feature)
        out += self.plain('vtd_fill_limits', 'VkPhysicalDeviceLimits', lambda m: facts.limit(m.name))
        out += self.plain('vtd_fill_core_features', 'VkPhysicalDeviceFeatures',
                          lambda m: self.feature('VkPhysicalDeviceFeatures', m))
        return '\n'.join(out + self.formats())


def main():
    protocol, names, out = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    sys.path.insert(0, str(protocol))
    import gen_vk
    import reg
    emitter = Emitter(reg.Registry(str(protocol / 'venus.reg')), gen_vk.c_param, read_names(names), sys.argv[4:])
    for name, text in {'driver_gen.h': emitter.header(), 'entries_gen.c': emitter.entries(),
                       'facts_gen.c': emitter.facts()}.items():
        (out / name).write_text(text)


if __name__ == '__main__':
    main()
