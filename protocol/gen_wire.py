# SPDX-License-Identifier: MIT
"""The host's side of the codec: decoders of requests, encoders of replies."""
import re

from gen_vk import c_member

HEAD = '/* Made by protocol/gen.py from venus.reg; do not edit. */'


def length(expr, owner, members):
    """A length as C: `owner` is "v->" or "a->"; pointers on the way may be NULL in a poisoned decode."""
    names = {m.name: m for m in members}

    def one(match):
        name, rest = match[1], match[2] or ''
        if name not in names:
            return match[0]
        if rest:
            return f'({owner}{name} ? {owner}{name}{rest} : 0)'
        if names[name].stars:
            return f'({owner}{name} ? *{owner}{name} : 0)'
        return f'{owner}{name}'
    return re.sub(r'\b([A-Za-z_]\w*)\b(->\w+)?', one, expr)


class Emitter:
    def __init__(self, reg):
        self.reg = reg
        self.named = set()  # lvalues of handles of which the decoder also notes the objects

    # --- loads and stores -----------------------------------------------------------------------

    def load(self, ctype, at, lvalue):
        if ctype in self.reg.handles:
            get = 'vtr_cs_named' if lvalue in self.named else 'vtr_cs_handle'
            return f'({ctype})(uintptr_t){get}(r, vtr_cs_ld64({at}), {self.reg.handles[ctype][0]})'
        word = self.reg.primitive(ctype)[2]
        text = {'u32': f'vtr_cs_ld32({at})', 'i32': f'vtr_cs_ld32({at})', 'f32': f'vtr_cs_ldf({at})',
                'u64': f'vtr_cs_ld64({at})'}[word]
        return text if ctype in ('uint32_t', 'float', 'uint64_t') else f'({ctype}){text}'

    def store(self, ctype, value):
        """Statement that writes one scalar to the reply."""
        if ctype in self.reg.handles:
            return f'vtr_cs_put64(w, (uintptr_t){value});'
        word = self.reg.primitive(ctype)[2]
        return {'u32': f'vtr_cs_put32(w, (uint32_t){value});', 'i32': f'vtr_cs_put32(w, (uint32_t){value});',
                'f32': f'vtr_cs_putf(w, {value});', 'u64': f'vtr_cs_put64(w, (uint64_t){value});'}[word]

    def scalar_size(self, ctype):
        if ctype in self.reg.handles:
            return 8
        p = self.reg.primitive(ctype)
        return p[1] if p else None

    def packed(self, ctype):
        """Whether arrays of it are bytes without padding between them."""
        p = self.reg.primitive(ctype)
        return p is not None and p[0] == 1

    def flatten(self, m, owner):
        """[(type, lvalue)] of a member that is a scalar or nothing but scalars, else None."""
        if m.kind != 'value':
            return None
        return self.flatten_type(m.ctype, f'{owner}{m.name}')

    def flatten_type(self, ctype, lvalue):
        if self.scalar_size(ctype) is not None:
            return [(ctype, lvalue)]
        s = self.reg.structs[ctype]
        if s.union or s.stype is not None:
            return None
        out = []
        for m in s.wire_members():
            part = self.flatten_type(m.ctype, f'{lvalue}.{m.name}') if m.kind == 'value' else None
            if part is None or len(out) + len(part) > 64:
                return None
            out += part
        return out

    # --- decode ---------------------------------------------------------------------------------

    def get_members(self, members, owner, everything, pre='\t'):
        """Decode members in order; runs of scalars are checked against the end once."""
        out, run = [], []

        def flush():
            if not run:
                return
            size = sum(self.scalar_size(t) for t, _ in run)
            out.append(f'{pre}p = vtr_cs_take(r, {size});')
            at = 0
            for t, lv in run:
                out.append(f'{pre}{lv} = {self.load(t, f"p + {at}" if at else "p", lv)};')
                at += self.scalar_size(t)
            run.clear()
        for m in members:
            flat = self.flatten(m, owner)
            if flat:
                run.extend(flat)
                continue
            flush()
            out += [pre + x for x in self.get_member(m, owner, everything)]
        flush()
        if any('p = vtr_cs_take' in x for x in out):
            out.insert(0, f'{pre}const uint8_t *p;')
        return out

    def get_member(self, m, owner, everything):
        lv = f'{owner}{m.name}'
        opt = 'true' if m.optional else 'false'
        if m.kind == 'null':
            return ['vtr_cs_null(r);', f'{lv} = NULL;']
        if m.kind == 'value':
            tag = self.reg.structs[m.ctype].tag
            selector = f', (uint32_t){owner}{[x.name for x in everything if x.ctype == tag][0]}' if tag else ''
            return [f'vtw_get_{m.ctype}(r, &{lv}{selector});']
        if m.kind == 'string':
            return [f'{lv} = vtr_cs_string(r, {opt});']
        if m.kind == 'strings':
            return [f'{lv} = vtr_cs_strings(r, {length(m.lens[0], owner, everything)}, {opt});']
        if m.kind == 'bytes':
            get = 'vtr_cs_bulk' if m.bulk else 'vtr_cs_bytes'
            return [f'{lv} = {get}(r, {length(m.lens[0], owner, everything)}, {opt});']
        if m.kind == 'pointer':
            return ['{', f'\t{m.ctype} *s = vtr_cs_pointer(r, sizeof(*s), {opt});',
                    '\tif (s) {', *['\t\t' + x for x in self.get_one(m.ctype, '(*s)')], '\t}', f'\t{lv} = s;', '}']
        if m.kind == 'fixed':
            return self.get_fixed(m, lv)
        if m.kind == 'array':
            return self.get_array(m.ctype, lv, length(m.lens[0], owner, everything), opt)
        return self.get_array2(m, lv, owner, everything)

    def get_one(self, ctype, lvalue):
        """Decode one value of a type into an lvalue."""
        size = self.scalar_size(ctype)
        if size is not None:
            return [f'{lvalue} = {self.load(ctype, f"vtr_cs_take(r, {size})", lvalue)};']
        return [f'vtw_get_{ctype}(r, &{lvalue});']

    def get_fixed(self, m, lv):
        n = m.dims[0]
        if self.packed(m.ctype):
            out = [f'vtr_cs_fixed(r, {n});', f'vtr_cs_copy(r, {lv}, {n});']
            return out + ([f'{lv}[{n} - 1] = 0;'] if m.ctype == 'char' else [])
        return [f'vtr_cs_fixed(r, {n});', f'for (size_t i = 0; i < {n}; i++) {{',
                *['\t' + x for x in self.get_one(m.ctype, f'{lv}[i]')], '}']

    def get_array(self, ctype, lv, count, opt, names='nsiq'):
        """`names` are those of the local variables: the count, the array, the index, and the encoded elements."""
        check = []
        part = re.match(r'(.*?(\w+))/(\d+)$', count)
        if part:  # as of SPIR-V: drivers would read on behind the end
            check = [f'vtr_cs_check(r, {part[1]} % {part[3]} == 0, "{part[2]} is not a multiple of {part[3]}");']
        if self.packed(ctype):
            return [f'{lv} = vtr_cs_bytes(r, {count}, {opt});']
        layout = self.reg.layout(ctype)
        if layout:
            return check + [f'{lv} = vtr_cs_plain(r, {count}, {layout[0]}, {layout[1]}, {opt});']
        n, s, i, q = names
        if self.flatten_type(ctype, ''):
            return check + self.get_flat_array(ctype, lv, count, opt, names)
        return check + ['{', f'\tsize_t {n} = vtr_cs_count(r, {count}, {opt}, {self.reg.min_wire(ctype)});',
                        f'\t{ctype} *{s} = vtr_cs_alloc_raw(r, {n}, sizeof(*{s}));',
                        f'\tfor (size_t {i} = 0; {s} && {i} < {n}; {i}++) {{',
                        *['\t\t' + x for x in self.get_one(ctype, f'{s}[{i}]')], '\t}', f'\t{lv} = {s};', '}']

    def get_flat_array(self, ctype, lv, count, opt, names):
        """Elements of scalars and handles: checked against the end once, and stored in place where they fit."""
        n, s, i, q = names
        flat = self.flatten_type(ctype, f'{s}[{i}]')
        size = sum(self.scalar_size(t) for t, _ in flat)
        layout = self.reg.layout(ctype, handles=True)
        memory = f'vtr_cs_in_place({q}, {layout[1]})' if layout else f'vtr_cs_alloc_raw(r, {q} ? {n} : 0, sizeof(*{s}))'
        out = ['{', f'\tsize_t {n} = vtr_cs_count_word(r, {count}, {opt});',
               f'\tconst uint8_t *{q} = {n} ? vtr_cs_elements(r, {n}, {size}) : NULL;',
               f'\t{ctype} *{s} = {memory};', f'\tfor (size_t {i} = 0; {s} && {i} < {n}; {i}++, {q} += {size}) {{']
        at = 0
        for t, field in flat:
            out.append(f'\t\t{field} = {self.load(t, f"{q} + {at}" if at else q, field)};')
            at += self.scalar_size(t)
        return out + ['\t}', f'\t{lv} = {s};', '}']

    def get_array2(self, m, lv, owner, everything):
        """ppGeometries and the like: an array of arrays, each with its own length."""
        inner = length(m.lens[0].replace('[i].', '@'), owner, everything)
        if '@' in inner:
            array, field = m.lens[0].split('[i].')
            inner = f'({owner}{array} ? {owner}{array}[i].{field} : 0)'
        outer = length(m.lens[1], owner, everything)
        opt = 'true' if m.optional else 'false'
        body = self.get_array(m.ctype, 's[i]', inner, 'false', 'ktju')
        return ['{', f'\tsize_t n = vtr_cs_count(r, {outer}, {opt}, 8);',
                f'\tconst {m.ctype} **s = vtr_cs_alloc(r, n, sizeof(*s));',
                '\tfor (size_t i = 0; s && i < n; i++) {', *['\t\t' + x for x in body], '\t}', f'\t{lv} = s;', '}']

    def chain_table(self, s):
        children = self.reg.chains.get(s.name)
        if not children:
            return 'NULL', []
        name = f'chain_{s.name}'
        return name, [f'static const struct vtr_cs_link *const {name}[] = {{',
                      *[f'\t&vtw_link_{c},' for c in children], '\tNULL,', '};', '']

    def struct_get(self, s, chain):
        self.named = {f'v->{name}' for name in s.named}
        out = self.struct_get_body(s, chain)
        self.named = set()
        return out

    def struct_get_body(self, s, chain):
        out = []
        if s.union:
            return self.union_get(s)
        body = self.get_members(s.wire_members(), 'v->', s.members)
        if s.stype is not None:
            out += [f'static void self_{s.name}(struct vtr_cs_reader *r, void *data)', '{',
                    f'\t{s.name} *v = data;', '\t(void)r;', '\t(void)v;', *body, '}', '',
                    f'void vtw_get_{s.name}(struct vtr_cs_reader *r, {s.name} *v)', '{',
                    f'\tv->sType = (VkStructureType){s.stype};',
                    f'\tv->pNext = vtr_cs_head(r, {s.stype}, {chain}, false);',
                    f'\tself_{s.name}(r, v);', '}', '']
        else:
            out += [f'void vtw_get_{s.name}(struct vtr_cs_reader *r, {s.name} *v)', '{',
                    *(['\t(void)r;', '\t(void)v;'] if not body else body), '}', '']
        return out

    def get_decl(self, s):
        tag = ', uint32_t selector' if s.tag else ''
        return f'void vtw_get_{s.name}(struct vtr_cs_reader *r, {s.name} *v{tag})'

    def union_get(self, s):
        """Drivers go by the member beside the union, so a tag that says otherwise would make pointers of numbers."""
        out = [self.get_decl(s), '{', '\tconst uint32_t tag = vtr_cs_ld32(vtr_cs_take(r, 4));', '', '\tmemset(v, 0, sizeof(*v));']
        if s.tag:
            out.append(f'\tvtr_cs_check(r, tag == selector, "{s.name}: not the alternative that its struct names");')
        out.append('\tswitch (tag) {')
        for m in s.members:
            if m.case is None:
                continue
            out.append(f'\tcase {self.case_value(s, m)}: {{')
            out += self.get_members([m], 'v->', s.members, '\t\t')
            out += ['\t\tbreak;', '\t}']
        out += ['\tdefault:', f'\t\tvtr_cs_fail(r, "{s.name}: no such alternative");', '\t\tbreak;', '\t}', '}', '']
        return out

    def case_value(self, s, m):
        if s.tag:
            return self.reg.enums[s.tag].get(m.case) or m.case
        return m.case

    # --- partial decode: the request's form of what the host will fill ------------------------------

    def partial_members(self, s):
        """What of an output struct travels in the request: sizes, nested heads."""
        counts = {x for m in s.members for e in m.lens for x in re.findall(r'\w+', e)}
        out = []
        for m in s.wire_members():
            if m.kind == 'value' and (m.name in counts or self.needs_partial(m.ctype)):
                out.append(m)
            elif m.kind in ('array', 'bytes'):
                out.append(m)
            elif m.kind == 'fixed' and (m.ctype in self.reg.structs or m.ctype in self.reg.handles):
                out.append(m)
        return out

    def needs_partial(self, ctype):
        return ctype in self.reg.structs

    def partial_get(self, s, chain):
        body = []
        for m in self.partial_members(s):
            lv = f'v->{m.name}'
            if m.kind == 'value' and m.ctype in self.reg.structs:
                body.append(f'vtw_getp_{m.ctype}(r, &{lv});')
            elif m.kind == 'value':
                body += self.get_one(m.ctype, lv)
            elif m.kind == 'fixed':
                body.append(f'vtr_cs_fixed(r, {m.dims[0]});')
                if m.ctype in self.reg.structs:
                    body += [f'for (size_t i = 0; i < {m.dims[0]}; i++) {{',
                             f'\tvtw_getp_{m.ctype}(r, &{lv}[i]);', '}']
                else:  # ids that the guest cannot know yet
                    body.append(f'vtr_cs_skip(r, {m.dims[0]} * 8);')
            else:
                body += self.out_array_get(m, lv, length(m.lens[0], 'v->', s.members))
        body = ['\t' + x for x in body] or ['\t(void)r;', '\t(void)v;']
        if s.stype is None:
            return [f'void vtw_getp_{s.name}(struct vtr_cs_reader *r, {s.name} *v)', '{',
                    *body, '}', '']
        return [f'static void selfp_{s.name}(struct vtr_cs_reader *r, void *data)', '{',
                f'\t{s.name} *v = data;', '\t(void)v;', *body, '}', '',
                f'void vtw_getp_{s.name}(struct vtr_cs_reader *r, {s.name} *v)', '{',
                f'\tv->sType = (VkStructureType){s.stype};',
                f'\tv->pNext = vtr_cs_head(r, {s.stype}, {chain}, true);',
                f'\tselfp_{s.name}(r, v);', '}', '']

    def out_array_get(self, m, lv, count):
        """An array that the host fills: only its length travels, and the heads of structs with them."""
        opt = 'true' if m.optional else 'false'
        if m.kind == 'bytes' and m.bulk:
            return [f'{lv} = vtr_cs_out_bulk(r, {count}, {opt});']
        if m.kind == 'bytes':
            return [f'{lv} = vtr_cs_out_array(r, {count}, 1, {opt}, NULL);']
        if m.ctype in self.reg.structs:
            return ['{', '\tsize_t n;',
                    f'\t{m.ctype} *s = vtr_cs_out_array(r, {count}, sizeof(*s), {opt}, &n);',
                    '\tfor (size_t i = 0; s && i < n && (r->status & VTR_CS_POISONED) == 0; i++) {', f'\t\tvtw_getp_{m.ctype}(r, &s[i]);', '\t}',
                    f'\t{lv} = s;', '}']
        return [f'{lv} = vtr_cs_out_array(r, {count}, sizeof(*{lv}), {opt}, NULL);']

    # --- reply ----------------------------------------------------------------------------------

    def put_members(self, members, owner, everything):
        out = []
        for m in members:
            out += ['\t' + x for x in self.put_member(m, f'{owner}{m.name}', owner, everything)]
        return out

    def put_one(self, ctype, value):
        if self.scalar_size(ctype) is not None:
            return self.store(ctype, value)
        return f'vtw_put_{ctype}(w, &{value});'

    def put_member(self, m, lv, owner, everything):
        if m.kind == 'value':
            return [self.put_one(m.ctype, lv)]
        if m.kind == 'fixed':
            if self.packed(m.ctype):
                return [f'vtr_cs_put_bytes(w, {lv}, {m.dims[0]});']
            return [f'vtr_cs_put64(w, {m.dims[0]});', f'for (size_t i = 0; i < {m.dims[0]}; i++) {{',
                    '\t' + self.put_one(m.ctype, f'{lv}[i]'), '}']
        count = length(m.lens[0], owner, everything)
        if m.bulk and m.io == 'out':
            return [f'vtr_cs_put_bulk(w, {lv}, {count});']
        if m.kind == 'bytes' or self.packed(m.ctype):
            return [f'vtr_cs_put_bytes(w, {lv}, {lv} ? {count} : 0);']
        return [f'vtr_cs_put64(w, {lv} ? {count} : 0);',
                f'for (size_t i = 0; {lv} && i < {count} && !w->full; i++) {{', '\t' + self.put_one(m.ctype, f'{lv}[i]'), '}']

    def struct_put(self, s, chain):
        body = self.put_members(s.wire_members(), 'v->', s.members) or ['\t(void)w;', '\t(void)v;']
        if s.stype is None:
            return [f'void vtw_put_{s.name}(struct vtr_cs_writer *w, const {s.name} *v)', '{', *body, '}', '']
        return [f'static void selfr_{s.name}(struct vtr_cs_writer *w, const void *data)', '{',
                f'\tconst {s.name} *v = data;', '\t(void)v;', *body, '}', '',
                f'void vtw_put_{s.name}(struct vtr_cs_writer *w, const {s.name} *v)', '{',
                f'\tvtr_cs_put32(w, {s.stype});',
                f'\tvtr_cs_put_chain(w, v->pNext, {chain});', f'\tselfr_{s.name}(w, v);', '}', '']

    # --- files ----------------------------------------------------------------------------------

    def structs(self, structs):
        out = [HEAD, '#include "wire_gen.h"', '', '#include <string.h>', '']
        for s in structs:
            chain, table = self.chain_table(s)
            out += table
            link = {'get': 'NULL', 'get_partial': 'NULL', 'put': 'NULL'}
            if s.is_in:
                out += self.struct_get(s, chain)
                link['get'] = f'self_{s.name}'
            if s.is_out:
                out += self.partial_get(s, chain) + self.struct_put(s, chain)
                link['get_partial'], link['put'] = f'selfp_{s.name}', f'selfr_{s.name}'
            if s.stype is not None:
                out += [f'const struct vtr_cs_link vtw_link_{s.name} = {{', f'\t.stype = {s.stype},',
                        f'\t.size = sizeof({s.name}),', *[f'\t.{k} = {v},' for k, v in link.items()], '};', '']
        return '\n'.join(out)

    def header(self):
        out = [HEAD, '#ifndef WIRE_GEN_H', '#define WIRE_GEN_H', '', '#include "vk_gen.h"', '#include "wire/cs.h"', '']
        for s in self.reg.structs.values():
            if s.host:
                continue
            if s.is_in:
                out.append(self.get_decl(s) + ';')
            if s.is_out:
                out.append(f'void vtw_getp_{s.name}(struct vtr_cs_reader *r, {s.name} *v);')
                out.append(f'void vtw_put_{s.name}(struct vtr_cs_writer *w, const {s.name} *v);')
            if s.stype is not None:
                out.append(f'extern const struct vtr_cs_link vtw_link_{s.name};')
        for c in self.reg.commands.values():
            if c.decodable:
                out += self.args_struct(c)
        numbers = [c.number for c in self.reg.commands.values() if c.number is not None]
        out += ['', f'#define VTW_COMMAND_COUNT {max(numbers) + 1}',
                f'#define VTW_EXTENSION_COUNT {len(self.reg.extensions)}',
                f'#define VTW_FEATURES_COUNT {len(self.features())}',
                f'#define VTW_XML_VERSION VK_MAKE_API_VERSION(0, {", ".join(str(v) for v in self.reg.version)})', '',
                'enum vtw_rule {', '\tVTW_ON_ANY = 0,', '\tVTW_ON_CONTEXT,', '\tVTW_ON_RING,', '};', '',
                'struct vtw_command_info {', '\tconst char *name;', '\tenum vtw_rule rule;',
                '\t_Bool may_block; /* for longer than a submit */',
                '\t_Bool is_long; /* the driver may take as long as for a submit\'s commands or a pipeline */',
                "\t_Bool defers; /* may come in the context's stream while that waits for a ring */", '};',
                'struct vtw_extension_info {', '\tconst char *name;', '\tuint32_t number;', '\tuint32_t spec_version;',
                '\t_Bool exposed; /* else the guest implements it by itself */', '};',
                '/* A struct of features: VkBool32s behind sType and pNext. Those of a whole version, which repeat',
                ' * what others have, are left out. */',
                'struct vtw_features_info {', '\tVkStructureType type;', '\tuint32_t count; /* of features */', '};',
                'extern const struct vtw_features_info vtw_features[VTW_FEATURES_COUNT];',
                'extern const struct vtw_command_info vtw_command_infos[VTW_COMMAND_COUNT];',
                'extern const struct vtw_extension_info vtw_extensions[VTW_EXTENSION_COUNT];', '', '#endif', '']
        return '\n'.join(out)

    def features(self):
        """The structs of features that can be enabled together."""
        return [self.reg.structs[name] for name in self.reg.chains['VkPhysicalDeviceFeatures2']
                if not re.search(r'Vulkan1\dFeatures$', name)]

    def handle_param(self, m):
        return m.ctype in self.reg.handles

    def args_struct(self, c):
        out = ['', f'struct vtw_{c.name} {{']
        if c.ret != 'void':
            out.append(f'\t{c.ret} ret;')
        for m in c.params:
            if self.handle_param(m) and m.io != 'in':
                out.append(f'\tuint64_t {"*" if m.lens else ""}{m.name}; /* object id{"s" if m.lens else ""} */')
                continue
            text = c_member(m)
            out.append(f'\t{text};')
            if self.handle_param(m) and m.kind == 'value':
                out.append(f'\tstruct vtr_object *{m.name}_obj;')
            if self.handle_param(m) and m.kind == 'array' and c.ids:
                out.append(f'\tconst uint64_t *{m.name}_ids;')
        if not c.params and c.ret == 'void':
            out.append('\tchar none;')
        return out + ['};']

    def get_param(self, m, c):
        lv = f'a->{m.name}'
        opt = 'true' if m.optional else 'false'
        if m.io == 'in':
            if self.handle_param(m) and m.kind == 'array' and c.ids:
                count = length(m.lens[0], 'a->', c.params)
                return [f'{lv}_ids = vtr_cs_plain(r, {count}, 8, 8, {opt});',
                        f'{lv} = vtr_cs_handles(r, {lv}_ids, {count}, {self.reg.handles[m.ctype][0]});']
            return self.get_member(m, 'a->', c.params)
        if self.handle_param(m):
            if m.lens:
                count = length(m.lens[0], 'a->', c.params)
                return [f'{lv} = vtr_cs_plain(r, {count}, 8, 8, {opt});']
            return [f'{lv} = vtr_cs_id(r);']
        if m.kind == 'pointer' and m.io == 'inout':
            return ['{', f'\t{m.ctype} *s = vtr_cs_pointer(r, sizeof(*s), {opt});', '\tif (s) {',
                    *['\t\t' + x for x in self.get_one(m.ctype, '(*s)')], '\t}', f'\t{lv} = s;', '}']
        if m.kind == 'pointer':
            body = [f'\t\tvtw_getp_{m.ctype}(r, s);'] if m.ctype in self.reg.structs else ['\t\t*s = 0;']
            return ['{', f'\t{m.ctype} *s = vtr_cs_pointer(r, sizeof(*s), {opt});', '\tif (s) {', *body, '\t}',
                    f'\t{lv} = s;', '}']
        return self.out_array_get(m, lv, length(m.lens[0], 'a->', c.params))

    def args_get(self, c):
        out = [f'static inline void vtw_args_{c.name}(struct vtr_cs_reader *r, struct vtw_{c.name} *a)', '{']
        body, run = [], []

        def flush():
            if not run:
                return
            body.append(f'\tp = vtr_cs_take(r, {sum(n for _, n in run)});')
            at = 0
            for m, n in run:
                for t, lv in self.flatten(m, 'a->'):
                    if self.handle_param(m):
                        body.append(f'\ta->{m.name}_obj = vtr_cs_object(r, vtr_cs_ld64(p + {at}), {self.reg.handles[t][0]});')
                        body.append(f'\ta->{m.name} = ({t})vtr_cs_driver(a->{m.name}_obj);')
                    else:
                        body.append(f'\t{lv} = {self.load(t, f"p + {at}", lv)};')
                    at += self.scalar_size(t)
            run.clear()
        for m in c.params:
            flat = self.flatten(m, 'a->') if m.io == 'in' else None
            if flat:
                run.append((m, sum(self.scalar_size(t) for t, _ in flat)))
                continue
            flush()
            body += ['\t' + x for x in self.get_param(m, c)]
        flush()
        if any('p = vtr_cs_take' in x for x in body):
            out.append('\tconst uint8_t *p;')
        if c.params and self.handle_param(c.params[0]):
            first = c.params[0]
            body.append(f'\tvtr_cs_need(r, a->{first.name}_obj);')
        return out + (body or ['\t(void)r;', '\t(void)a;']) + ['}', '']

    def args_reply(self, c):
        out = [f'static inline void vtw_reply_{c.name}(struct vtr_cs_writer *w, const struct vtw_{c.name} *a)', '{',
               '\t(void)a;', f'\tvtr_cs_put32(w, {c.number});']
        if c.ret != 'void':
            out.append('\t' + self.store(c.ret, 'a->ret'))
        for m in c.params:
            if m.io == 'in':
                continue
            lv = f'a->{m.name}'
            if self.handle_param(m):
                if m.lens:
                    count = length(m.lens[0], 'a->', c.params)
                    out += [f'\tvtr_cs_put64(w, {lv} ? {count} : 0);', f'\tfor (size_t i = 0; {lv} && i < {count}; i++) {{',
                            f'\t\tvtr_cs_put64(w, {lv}[i]);', '\t}']
                else:
                    out += ['\tvtr_cs_put64(w, 1);', f'\tvtr_cs_put64(w, {lv});']
            elif m.kind == 'pointer':
                out += [f'\tvtr_cs_put64(w, {lv} != NULL);', f'\tif ({lv}) {{', '\t\t' + self.put_one(m.ctype, f'(*{lv})'), '\t}']
            else:
                out += ['\t' + x for x in self.put_member(m, lv, 'a->', c.params)]
        return out + ['}', '']

    def args(self, n, commands):
        out = [HEAD, f'#ifndef ARGS_{n}_GEN_H', f'#define ARGS_{n}_GEN_H', '', '#include "wire_gen.h"', '',
               '#include <string.h>', '']
        for c in commands:
            out += self.args_get(c)
            out += self.args_reply(c)
        return '\n'.join(out + ['#endif', ''])

    def table(self):
        out = [HEAD, '#include "wire_gen.h"', '', 'const struct vtw_command_info vtw_command_infos[VTW_COMMAND_COUNT] = {']
        rule = {None: 'VTW_ON_ANY', 'context': 'VTW_ON_CONTEXT', 'ring': 'VTW_ON_RING'}
        for c in sorted((c for c in self.reg.commands.values() if c.number is not None), key=lambda c: c.number):
            out.append(f'\t[{c.number}] = {{"{c.name}", {rule[c.on]}, {1 if c.may_block else 0}, '
                       f'{1 if c.long else 0}, {1 if c.defers else 0}}},')
        out += ['};', '', 'const struct vtw_extension_info vtw_extensions[VTW_EXTENSION_COUNT] = {']
        for e in sorted(self.reg.extensions, key=lambda e: e.number):
            out.append(f'\t{{"{e.name}", {e.number}, {e.version}, {1 if e.exposed else 0}}},')
        out += ['};', '', 'const struct vtw_features_info vtw_features[VTW_FEATURES_COUNT] = {']
        out += [f'\t{{(VkStructureType){s.stype}, {len(s.members)}}}, /* {s.name} */' for s in self.features()]
        return '\n'.join(out + ['};', ''])
