#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the tables of vk-offers: structs of features with their bits, and extensions with what they need.

    gen_offers.py PROTOCOL-FOLDER OUTPUT.c

They come from venus.reg, so the program knows what the protocol knows.
"""
import re
import sys
from pathlib import Path

AGGREGATES = {f'VkPhysicalDeviceVulkan1{minor}Features': minor for minor in (1, 2, 3, 4)}


class Emitter:
    def __init__(self, registry):
        self.reg = registry
        self.minor = {m.name: minor for name, minor in AGGREGATES.items() for m in self.bits(name)}
        self.extensions = {}
        for e in registry.extensions:
            self.extensions.setdefault(e.features, []).append(e.name)
        self.needs = {e.name: e.needs for e in registry.extensions}

    def bits(self, name):
        members = [m for m in self.reg.structs[name].members if m.name not in ('sType', 'pNext')]
        for m in members:
            if m.ctype != 'VkBool32':
                sys.exit(f'{name}.{m.name}: {m.ctype} is no feature')
        return members

    def core(self, name):
        """The minor version of Vulkan that took the struct over, or 0. Its bits are in an aggregate then."""
        if name in AGGREGATES or re.search(r'Features[A-Z]+$', name):
            return 0
        return self.minor[self.bits(name)[0].name]

    def all_needs(self, name):
        found = []
        for need in self.needs[name]:
            found += [n for n in self.all_needs(need) + [need] if n not in found]
        return found

    @staticmethod
    def names(array, names):
        return [f'static const char *const {array}[] = {{', *(f'\t"{n}",' for n in names), '\tNULL,', '};']

    def struct(self, name):
        """Arrays of a struct, and its row in the table."""
        arrays = [f'static const struct offers_bit {name}_bits[] = {{',
                  *(f'\t{{ "{m.name}", offsetof({name}, {m.name}) }},' for m in self.bits(name)), '};']
        extensions = 'no_names'
        if name in self.extensions:
            extensions = f'{name}_extensions'
            arrays += self.names(extensions, self.extensions[name])
        row = (f'\t{{ "{name}", (VkStructureType){self.reg.structs[name].stype}, sizeof({name}), '
               f'{AGGREGATES.get(name, 0)}, {self.core(name)}, {extensions}, {name}_bits, {len(self.bits(name))} }},')
        return arrays, row

    def emit(self):
        structs = [self.struct(name) for name in sorted(self.reg.chains['VkPhysicalDeviceFeatures2'])]
        needy = [e.name for e in self.reg.extensions if e.needs]
        lines = ['/* Written by gen_offers.py. */', '#include "offers.h"', '', 'static const char *const no_names[] = { NULL };',
                 '']
        lines += ['const struct offers_bit offers_basic[] = {',
                  *(f'\t{{ "{m.name}", offsetof(VkPhysicalDeviceFeatures2, features.{m.name}) }},'
                    for m in self.bits('VkPhysicalDeviceFeatures')), '};',
                  'const uint32_t offers_basic_count = sizeof(offers_basic) / sizeof(offers_basic[0]);', '']
        for arrays, _ in structs:
            lines += arrays
        lines += ['', 'const struct offers_struct offers_structs[] = {', *(row for _, row in structs), '};',
                  'const uint32_t offers_struct_count = sizeof(offers_structs) / sizeof(offers_structs[0]);', '']
        for name in needy:
            lines += self.names(f'{name}_needs', self.all_needs(name))
        lines += ['', 'const struct offers_needs offers_needs[] = {',
                  *(f'\t{{ "{name}", {name}_needs }},' for name in needy), '};',
                  'const uint32_t offers_needs_count = sizeof(offers_needs) / sizeof(offers_needs[0]);', '']
        return '\n'.join(lines)


def main():
    sys.path.insert(0, sys.argv[1])
    import reg
    registry = reg.Registry(str(Path(sys.argv[1]) / 'venus.reg'))
    Path(sys.argv[2]).write_text(Emitter(registry).emit())


main()
