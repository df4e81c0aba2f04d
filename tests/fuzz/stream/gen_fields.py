# SPDX-License-Identifier: MIT
"""The wire format as tables: a list of items for each command and each struct, which fields.c follows. Lengths are not
in the tables, as every array has its count on the wire. For commands that are made from the tables (make.c), references
say more: of a number, 1 if it is the length of an array, more if it is a multiple of it; of an array, its fixed length,
else 0; of a pointer, 1 if it may be absent.
"""
import re

from gen_wire import HEAD
from gen_wire import Emitter as Wire

# Members of 32 bits that are numbers of virtio-gpu's or vtest's resources.
RESOURCES = ('resourceId',)


class Emitter:
    def __init__(self, registry):
        self.reg = registry
        self.wire = Wire(registry)
        self.structs = [s for s in registry.structs.values() if not s.host]
        self.numbers = {s.name: i for i, s in enumerate(self.structs)}
        self.types = sorted({number for number, _ in registry.handles.values()})
        self.items = []
        self.factors = {}
        for m in [m for s in self.structs for m in s.members] + [m for c in registry.commands.values() for m in c.params]:
            for length in m.lens:
                parts = re.search(r'(\w+)(?:/(\d+))?$', length)
                self.factors[parts[1]] = int(parts[2] or 1)

    # --- items: (kind, reference) ---------------------------------------------------------------

    def one(self, ctype, name='', partial=False):
        """One value of a type."""
        if ctype in self.reg.handles:
            return [('HANDLE', self.types.index(self.reg.handles[ctype][0]))]
        p = self.reg.primitive(ctype)
        if p:
            enum = ctype in self.reg.enums or 'Flag' in ctype
            kind = 'RESOURCE' if name in RESOURCES else 'U64' if p[1] == 8 else 'ENUM' if enum else 'U32'
            return [(kind, self.factors.get(name, 0))]
        return [('PARTIAL' if partial else 'STRUCT', self.numbers[ctype])]

    def fixed(self, m):
        """The length of an array that has always the same, or (a mask of samples) nearly always; else 0."""
        if m.dims:
            return int(self.reg.constants.get(m.dims[0], m.dims[0]))
        if m.lens and m.lens[0].startswith('('):
            return 1
        parts = re.match(r'(\d+)\*(\w+)$', m.lens[0]) if m.lens else None
        return int(parts[1]) * int(self.reg.constants[parts[2]]) if parts else 0

    def given(self, m):
        """A member whose contents travel."""
        if m.kind == 'null':
            return [('ABSENT', 0)]
        if m.kind == 'value':
            return self.one(m.ctype, m.name)
        if m.kind in ('string', 'bytes'):
            return [('BYTES', self.fixed(m))]
        if m.kind == 'strings':
            return [('ARRAY', 0), ('BYTES', 0)]
        if m.kind == 'pointer':
            return [('POINTER', int(m.optional)), *self.one(m.ctype)]
        if self.wire.packed(m.ctype):
            return [('BYTES', self.fixed(m))]
        prefix = [('ARRAY', 0)] * 2 if m.kind == 'array2' else [('ARRAY', self.fixed(m))]
        return prefix + self.one(m.ctype)

    def filled(self, m):
        """An array that the host fills."""
        if m.ctype in self.reg.structs:
            return [('ARRAY', 0), *self.one(m.ctype, partial=True)]
        return [('COUNT', 0)]

    def partial(self, m):
        """A member of a struct that the host fills."""
        if m.kind == 'value':
            return self.one(m.ctype, m.name, partial=True)
        if m.kind == 'fixed':
            return [('ARRAY', self.fixed(m)), *(self.one(m.ctype, partial=True) if m.ctype in self.reg.structs else [('U64', 0)])]
        return self.filled(m)

    def param(self, m):
        if m.io == 'in':
            return self.given(m)
        if m.ctype in self.reg.handles:
            kind = 'NEW', self.types.index(self.reg.handles[m.ctype][0])
            return [('ARRAY', 0), kind] if m.lens else [('POINTER', 0), kind]
        if m.kind == 'pointer' and m.io == 'inout':
            return [('POINTER', 0), *self.one(m.ctype)]
        if m.kind == 'pointer':
            return [('POINTER', 0), *self.one(m.ctype, partial=True)] if m.ctype in self.reg.structs else [('COUNT', 0)]
        return self.filled(m)

    def put(self, items):
        """Returns: where the list is."""
        at = len(self.items)
        self.items += [*items, ('END', 0)]
        return at

    def union(self, s):
        items = []
        for m in s.members:
            if m.case is not None:
                items += [('CASE', int(str(self.reg.constants.get(self.wire.case_value(s, m), self.wire.case_value(s, m))), 0)),
                          *self.given(m), ('END', 0)]
        return items

    def destroyers(self):
        """For each type of handles, the command that destroys one, or 0."""
        out = {}
        for c in self.reg.commands.values():
            if c.destroys:
                out[[m for m in c.params if m.ctype in self.reg.handles][-1].ctype] = c.number
        numbers = {self.reg.handles[ctype][0]: number for ctype, number in out.items()}
        return [numbers.get(t, 0) for t in self.types]

    # --- C --------------------------------------------------------------------------------------

    def struct_row(self, s, chains):
        items = self.union(s) if s.union else [i for m in s.wire_members() for i in self.given(m)] if s.is_in else []
        given = self.put(items)
        filled = self.put([i for m in self.wire.partial_members(s) for i in self.partial(m)] if s.is_out else [])
        children = len(chains)
        chains += [*(self.numbers[c] for c in self.reg.chains.get(s.name, [])), 0xffff]
        stype = s.stype if s.stype is not None else -1
        return f'\t{{ {stype}, {given}, {filled}, {children}, {"true" if s.union else "false"} }}, /* {s.name} */'

    def emit(self):
        chains = []
        structs = [self.struct_row(s, chains) for s in self.structs]
        rows = [f'\t[{c.number}] = {1 + self.put([i for m in c.params for i in self.param(m)])}, /* {c.name} */'
                for c in self.reg.commands.values() if c.decodable]
        return '\n'.join([
            HEAD, '#include "fields.h"', '', 'const struct field_struct field_structs[] = {', *structs, '};', '',
            'const uint16_t field_chains[] = {', *(f'\t{c},' for c in chains), '};', '',
            'const struct field_item field_items[] = {', *(f'\t{{ FIELD_{kind}, {ref} }},' for kind, ref in self.items), '};', '',
            'const uint32_t field_commands[VTW_COMMAND_COUNT] = {', *rows, '};', '',
            'const uint32_t field_types[] = {', *(f'\t{t},' for t in self.types), '};', '',
            f'const size_t field_type_count = {len(self.types)};', '',
            'const uint32_t field_destroyers[] = {', *(f'\t{n},' for n in self.destroyers()), '};', ''])
