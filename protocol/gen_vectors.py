# SPDX-License-Identifier: MIT
"""The guest's side of the codec, for tests: encoders of requests."""
from gen_wire import HEAD, Emitter as Wire, length


class Emitter(Wire):
    def enc_members(self, members, owner, everything):
        out = []
        for m in members:
            out += ['\t' + x for x in self.enc_member(m, f'{owner}{m.name}', owner, everything)]
        return out

    def enc_one(self, ctype, value, owner='', everything=()):
        if self.scalar_size(ctype) is not None:
            return self.store(ctype, value)
        if self.reg.structs[ctype].union:
            return f'enc_{ctype}(w, &{value}, {self.union_tag(ctype, owner, everything)});'
        return f'enc_{ctype}(w, &{value});'

    def enc_member(self, m, lv, owner, everything):
        if m.kind == 'null':
            return ['vtr_cs_put64(w, 0);']
        if m.kind == 'value':
            return [self.enc_one(m.ctype, lv, owner, everything)]
        if m.kind == 'string':
            return [f'enc_string(w, {lv});']
        if m.kind == 'strings':
            count = length(m.lens[0], owner, everything)
            return [f'vtr_cs_put64(w, {lv} ? {count} : 0);', f'for (size_t i = 0; {lv} && i < {count}; i++) {{',
                    f'\tenc_string(w, {lv}[i]);', '}']
        if m.kind == 'pointer':
            return [f'vtr_cs_put64(w, {lv} != NULL);', f'if ({lv}) {{', '\t' + self.enc_one(m.ctype, f'(*{lv})'), '}']
        if m.kind == 'array2':
            outer = length(m.lens[1], owner, everything)
            array, _, rest = m.lens[0].partition('[i].')
            inner = f'{owner}{array}[i].{rest}' if rest else length(m.lens[0], owner, everything)
            return [f'vtr_cs_put64(w, {lv} ? {outer} : 0);', f'for (size_t i = 0; {lv} && i < {outer}; i++) {{',
                    f'\tvtr_cs_put64(w, {lv}[i] ? {inner} : 0);', f'\tfor (size_t j = 0; {lv}[i] && j < {inner}; j++) {{',
                    '\t\t' + self.enc_one(m.ctype, f'{lv}[i][j]'), '\t}', '}']
        if m.kind == 'array' and not self.packed(m.ctype):
            count = length(m.lens[0], owner, everything)
            return [f'vtr_cs_put64(w, {lv} ? {count} : 0);', f'for (size_t i = 0; {lv} && i < {count}; i++) {{',
                    '\t' + self.enc_one(m.ctype, f'{lv}[i]'), '}']
        if m.kind == 'fixed' and m.ctype in self.reg.structs:
            return [f'vtr_cs_put64(w, {m.dims[0]});', f'for (size_t i = 0; i < {m.dims[0]}; i++) {{',
                    '\t' + self.enc_one(m.ctype, f'{lv}[i]'), '}']
        return self.put_member(m, lv, owner, everything)

    def encp_body(self, s):
        out = []
        for m in self.partial_members(s):
            lv = f'v->{m.name}'
            if m.kind == 'value' and m.ctype in self.reg.structs:
                out.append(f'encp_{m.ctype}(w, &{lv});')
            elif m.kind == 'value':
                out.append(self.enc_one(m.ctype, lv))
            elif m.kind == 'fixed' and m.ctype in self.reg.structs:
                out += [f'vtr_cs_put64(w, {m.dims[0]});', f'for (size_t i = 0; i < {m.dims[0]}; i++) {{', f'\tencp_{m.ctype}(w, &{lv}[i]);', '}']
            elif m.kind == 'fixed':
                out += [f'vtr_cs_put64(w, {m.dims[0]});', f'for (size_t i = 0; i < {m.dims[0]}; i++) {{', '\tvtr_cs_put64(w, 0);', '}']
            else:
                out += self.out_array_enc(m, lv, length(m.lens[0], 'v->', s.members))
        return ['\t' + x for x in out]

    def out_array_enc(self, m, lv, count):
        if m.bulk:
            return [f'vtr_cs_put64(w, {count});']
        out = [f'vtr_cs_put64(w, {lv} ? {count} : 0);']
        if m.ctype in self.reg.structs:
            out += [f'for (size_t i = 0; {lv} && i < {count}; i++) {{', f'\tencp_{m.ctype}(w, &{lv}[i]);', '}']
        return out

    def union_enc(self, s):
        """Which alternative it was is known from a selector beside it, or all of them are the same bits."""
        out = [f'void enc_{s.name}(struct vtr_cs_writer *w, const {s.name} *v, uint32_t tag)', '{', '\tvtr_cs_put32(w, tag);',
               '\tswitch (tag) {']
        for m in s.members:
            if m.case is not None:
                out += [f'\tcase {self.case_value(s, m)}:', *['\t' + x for x in self.enc_members([m], 'v->', s.members)], '\t\tbreak;']
        return out + ['\tdefault:', '\t\tw->full = true;', '\t\tbreak;', '\t}', '}', '']

    # Untagged unions whose alternatives are the same bits: the one that Mesa sends.
    RAW = {'VkClearColorValue': 2, 'VkClearValue': 0, 'VkDeviceOrHostAddressKHR': 0, 'VkDeviceOrHostAddressConstKHR': 0}

    def union_tag(self, ctype, owner, everything):
        tag = self.reg.structs[ctype].tag
        if tag is None:
            return str(self.RAW[ctype])
        return '(uint32_t)' + owner + [m.name for m in everything if m.ctype == tag][0]

    def struct_enc(self, s, partial):
        name = f'enc{"p" if partial else ""}_{s.name}'
        body = self.encp_body(s) if partial else self.enc_members(s.wire_members(), 'v->', s.members)
        body = body or ['\t(void)w;', '\t(void)v;']
        if s.stype is None:
            return [f'void {name}(struct vtr_cs_writer *w, const {s.name} *v)', '{', *body, '}', '']
        table = f'{"p" if partial else ""}chain_{s.name}'
        children = [c for c in self.reg.chains.get(s.name, [])
                    if (self.reg.structs[c].is_out if partial else self.reg.structs[c].is_in)]
        out = [f'static void self{name}(struct vtr_cs_writer *w, const void *data)', '{', f'\tconst {s.name} *v = data;', '\t(void)v;', *body, '}', '',
               f'const struct vtr_cs_link link{name} = {{.stype = {s.stype}, .put = self{name}}};',
               f'static const struct vtr_cs_link *const {table}[] = {{']
        out += [f'\t&linkenc{"p" if partial else ""}_{c},' for c in children]
        return out + ['\tNULL,', '};', '', f'void {name}(struct vtr_cs_writer *w, const {s.name} *v)', '{',
                      f'\tvtr_cs_put32(w, {s.stype});', f'\tvtr_cs_put_chain(w, v->pNext, {table});', f'\tself{name}(w, v);', '}', '']

    def command_enc(self, c):
        out = [f'void enc_{c.name}(struct vtr_cs_writer *w, uint32_t flags, const struct vtw_{c.name} *a)', '{', '\t(void)a;',
               f'\tvtr_cs_put32(w, {c.number});', '\tvtr_cs_put32(w, flags);']
        for m in c.params:
            lv = f'a->{m.name}'
            if m.io == 'in':
                lines = self.enc_member(m, lv, 'a->', c.params)
            elif self.handle_param(m):
                if m.lens:
                    count = length(m.lens[0], 'a->', c.params)
                    lines = [f'vtr_cs_put64(w, {lv} ? {count} : 0);', f'for (size_t i = 0; {lv} && i < {count}; i++) {{',
                             f'\tvtr_cs_put64(w, {lv}[i]);', '}']
                else:
                    lines = ['vtr_cs_put64(w, 1);', f'vtr_cs_put64(w, {lv});']
            elif m.kind == 'pointer':
                lines = [f'vtr_cs_put64(w, {lv} != NULL);']
                if m.io == 'inout' or m.ctype in self.reg.structs:
                    one = f'encp_{m.ctype}(w, {lv});' if m.ctype in self.reg.structs else self.store(m.ctype, f'(*{lv})')
                    lines += [f'if ({lv}) {{', '\t' + one, '}']
            else:
                lines = self.out_array_enc(m, lv, length(m.lens[0], 'a->', c.params))
            out += ['\t' + x for x in lines]
        out += ['}', '', f'static bool pass_{c.name}(struct vtr_cs_reader *r, struct vtr_cs_writer *request, struct vtr_cs_writer *reply)', '{',
                f'\tstruct vtw_{c.name} a;', '\tmemset(&a, 0, sizeof(a));', f'\tvtw_args_{c.name}(r, &a);', '\tif (r->status != 0) {',
                '\t\treturn false;', '\t}', f'\tenc_{c.name}(request, VK_COMMAND_GENERATE_REPLY_BIT_EXT, &a);', f'\tvtw_reply_{c.name}(reply, &a);',
                '\treturn true;', '}', '']
        return out

    def header(self):
        out = [HEAD, '#ifndef VECTORS_GEN_H', '#define VECTORS_GEN_H', '', '#include "wire_gen.h"', '',
               '/* Decodes one command behind its head, writes it back as a guest would, and a reply of its outputs. */',
               'struct vtw_pass {', '\tuint32_t number;', '\tconst char *name;',
               '\tbool (*pass)(struct vtr_cs_reader *r, struct vtr_cs_writer *request, struct vtr_cs_writer *reply);', '};',
               'extern const struct vtw_pass *const vtw_passes[];', '', 'void enc_string(struct vtr_cs_writer *w, const char *s);']
        for s in self.reg.structs.values():
            if s.union:
                out.append(f'void enc_{s.name}(struct vtr_cs_writer *w, const {s.name} *v, uint32_t tag);')
                continue
            for on, p in ((s.is_in, ''), (s.is_out, 'p')):
                if on and not s.host:
                    out.append(f'void enc{p}_{s.name}(struct vtr_cs_writer *w, const {s.name} *v);')
                    if s.stype is not None:
                        out.append(f'extern const struct vtr_cs_link linkenc{p}_{s.name};')
        out += ['', '/* Requests with their heads. `flags`: VkCommandFlagBitsEXT. */']
        out += [f'void enc_{c.name}(struct vtr_cs_writer *w, uint32_t flags, const struct vtw_{c.name} *a);'
                for c in self.reg.commands.values() if c.decodable]
        return '\n'.join(out + ['', '#endif', ''])

    def shard(self, n, structs, commands):
        out = [HEAD, '#include "vectors_gen.h"', f'#include "args_{n}_gen.h"', '', '#include <string.h>', '']
        for s in structs:
            if s.union:
                out += self.union_enc(s)
                continue
            if s.is_in:
                out += self.struct_enc(s, False)
            if s.is_out:
                out += self.struct_enc(s, True)
        for c in commands:
            out += self.command_enc(c)
        out += [f'const struct vtw_pass vtw_passes_{n}[] = {{']
        out += [f'\t{{{c.number}, "{c.name}", pass_{c.name}}},' for c in commands]
        return '\n'.join(out + ['\t{0, NULL, NULL},', '};', ''])

    def table(self, shards):
        out = [HEAD, '#include "vectors_gen.h"', '', '#include <string.h>', '']
        out += [f'extern const struct vtw_pass vtw_passes_{n}[];' for n in range(shards)]
        out += ['', 'const struct vtw_pass *const vtw_passes[] = {' + ', '.join(f'vtw_passes_{n}' for n in range(shards)) + ', NULL};', '',
                'void enc_string(struct vtr_cs_writer *w, const char *s)', '{', '\tvtr_cs_put_bytes(w, s, s ? strlen(s) + 1 : 0);', '}', '']
        return '\n'.join(out)
