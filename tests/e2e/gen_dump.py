#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes C that prints every struct that can be chained to a query of a physical device.

    gen_dump.py PROTOCOL-FOLDER OUTPUT.c

The structs and their members come from venus.reg, so the dump knows what the protocol knows.
"""
import sys
from pathlib import Path

# Queried by hand in dump.c, or nothing but pointers.
SKIP = {'VkPhysicalDeviceHostImageCopyProperties', 'VkPhysicalDeviceLayeredApiPropertiesListKHR',
        'VkPhysicalDeviceLayeredApiVulkanPropertiesKHR'}

CLOSE = "\tvtr_json_close(&dump_json, '}');"


class Emitter:
    def __init__(self, registry):
        self.reg = registry
        self.done, self.order = set(), []
        self.lines = []

    def members(self, name):
        return [m for m in self.reg.structs[name].members
                if m.name not in ('sType', 'pNext') and m.kind in ('value', 'fixed') and m.host is None]

    def need(self, name):
        """Writers of nested structs come before their users."""
        if name in self.done:
            return
        self.done.add(name)
        for m in self.members(name):
            if m.ctype in self.reg.structs:
                self.need(m.ctype)
        self.order.append(name)

    def value(self, ctype, name, expr):
        if ctype in self.reg.structs:
            return f'write_{ctype}({name}, &{expr});'
        base = ctype
        while base in self.reg.scalars:
            base = self.reg.scalars[base]
        if base in ('float', 'double'):
            return f'vtr_json_format(&dump_json, {name}, "%.9g", (double){expr});'
        if base in ('int32_t', 'int64_t'):
            return f'vtr_json_signed(&dump_json, {name}, {expr});'
        return f'vtr_json_number(&dump_json, {name}, {expr});'

    def member(self, m):
        expr = f's->{m.name}'
        if not m.dims:
            return ['\t' + self.value(m.ctype, f'"{m.name}"', expr)]
        if m.ctype == 'char':
            return [f'\tvtr_json_text(&dump_json, "{m.name}", {expr});']
        if m.ctype == 'uint8_t':
            return [f'\tdump_hex("{m.name}", {expr}, sizeof({expr}));']
        if len(m.dims) != 1:
            sys.exit(f'{m.name}: an array of arrays')
        return [f'\tvtr_json_open(&dump_json, "{m.name}", ' + "'{');",
                f'\tfor (uint32_t i = 0; i < sizeof({expr}) / sizeof({expr}[0]); i++) {{',
                '\t\t' + self.value(m.ctype, 'index_name(i)', f'{expr}[i]'),
                '\t}', CLOSE]

    def writer(self, name):
        out = [f'static void write_{name}(const char *name, const {name} *s)', '{', "\tvtr_json_open(&dump_json, name, '{');"]
        for m in self.members(name):
            out += self.member(m)
        return out + [CLOSE, '}', '']

    def query(self, root, call):
        """Asks for each chained struct by itself, so that no driver is troubled by a stranger's."""
        out = [f'void dump_{root}(struct vkc *c)', '{']
        for name in sorted(self.reg.chains[root]):
            if name in SKIP or not self.members(name):
                continue
            self.need(name)
            out += ['\t{', f'\t\t{name} s = {{ .sType = (VkStructureType){self.reg.structs[name].stype} }};',
                    f'\t\t{root} root = {{', f'\t\t\t.sType = (VkStructureType){self.reg.structs[root].stype},',
                    '\t\t\t.pNext = &s,', '\t\t};', f'\t\tc->vk.{call}(c->physical, &root);',
                    f'\t\twrite_{name}("{name}", &s);', '\t}']
        return out + ['}', '']

    def formats(self):
        seen, out = set(), []
        for name, value in self.reg.enums['VkFormat'].items():
            if value not in seen and value != '0':
                seen.add(value)
                out.append(f'\t{{ {value}, "{name[10:]}" }},')
        return ['const struct dump_format dump_formats[] = {', *out, '};',
                'const uint32_t dump_format_count = sizeof(dump_formats) / sizeof(dump_formats[0]);', '']

    def emit(self):
        for name in ('VkPhysicalDeviceFeatures', 'VkPhysicalDeviceProperties', 'VkQueueFamilyProperties'):
            self.need(name)
        queries = self.query('VkPhysicalDeviceFeatures2', 'GetPhysicalDeviceFeatures2')
        queries += self.query('VkPhysicalDeviceProperties2', 'GetPhysicalDeviceProperties2')
        for name in ('VkPhysicalDeviceFeatures', 'VkPhysicalDeviceProperties', 'VkQueueFamilyProperties'):
            queries += [f'void dump_{name}(const char *name, const {name} *s)', '{',
                        f'\twrite_{name}(name, s);', '}', '']
        out = ['/* Written by gen_dump.py. */', '#include "dump.h"', '', '#include <stdio.h>', '',
               'static const char *index_name(uint32_t i)', '{', '\tstatic char text[16];',
               '\tsnprintf(text, sizeof(text), "%u", i);', '\treturn text;', '}', '']
        for name in self.order:
            out += self.writer(name)
        return '\n'.join(out + queries + self.formats())


def main():
    sys.path.insert(0, sys.argv[1])
    import reg
    registry = reg.Registry(str(Path(sys.argv[1]) / 'venus.reg'))
    Path(sys.argv[2]).write_text(Emitter(registry).emit())


main()
