# SPDX-License-Identifier: MIT
"""A driver that reads all that it is given: each array to its end, each string, each chain, and it knows each handle
that it has made. What the decoder got wrong ends in a sanitizer's report or in check_handle().

Instances, devices, memory, buffers, images and the answers to questions are those of the test driver (tests/driver/).
All other objects are handles without anything behind them, and all other commands do nothing.
"""
import re

import gen_driver
from gen_vk import c_param
from gen_wire import HEAD, length

PASSED = ('instance.c', 'memory.c', 'query.c')
BY_HAND = ('vkGetInstanceProcAddr', 'vkGetDeviceProcAddr')
POOLS = {'vkAllocateCommandBuffers': 'commandPool', 'vkAllocateDescriptorSets': 'descriptorPool'}
# What ends with a pool's reset.
RESETS = ('vkResetDescriptorPool',)


def for_each(count, statement, unless_null=None):
    """Lines of C: the statement, with [i] in it, for each element of an array."""
    guard = f'{unless_null} != NULL && ' if unless_null else ''
    return [f'for (size_t i = 0; {guard}i < {count}; i++) {{', f'\t{statement}', '}']


class Emitter:
    def __init__(self, registry, driver):
        self.reg = registry
        self.stubs = gen_driver.Emitter(registry, c_param, gen_driver.read_names(driver / 'names.txt'),
                                        [driver / name for name in PASSED])
        self.commands = [c for c in self.stubs.commands if c.name not in BY_HAND]
        self.readable = [s for s in registry.structs.values() if not s.union and (s.is_in or s.host)]
        self.names = {s.name for s in self.readable}

    # --- reading --------------------------------------------------------------------------------

    def read_one(self, ctype, value):
        """Statement that reads one value behind a pointer; None: the value itself is all there is."""
        if ctype in self.reg.handles:
            return f'check_handle((uint64_t){value}, {self.reg.handles[ctype][0]});'
        return f'read_{ctype}(&{value});' if ctype in self.names else None

    def read_array(self, ctype, value, count, index='i'):
        one = self.read_one(ctype, f'{value}[{index}]')
        if one:
            return [f'for (size_t {index} = 0; {index} < {count}; {index}++) {{', f'\t{one}', '}']
        size = f' * sizeof(*{value})' if ctype != 'bytes' else ''
        return [f'check_bytes({value}, (size_t)({count}){size});']

    def read_member(self, m, owner, everything):
        lv = f'{owner}{m.name}'
        if m.host is not None or m.kind in ('null', 'fixed') or m.io != 'in':
            return []
        if m.kind == 'value':
            one = self.read_one(m.ctype, lv)
            return [one] if one else []
        if m.kind == 'string':
            body = [f'check_string({lv});']
        elif m.kind == 'pointer':
            body = [self.read_one(m.ctype, f'(*{lv})') or f'check_bytes({lv}, sizeof(*{lv}));']
        elif m.kind == 'strings':
            count = length(m.lens[0], owner, everything)
            body = for_each(count, f'check_string({lv}[i]);')
        elif m.kind == 'array2':
            array, _, rest = m.lens[0].partition('[i].')
            inner = f'{owner}{array}[i].{rest}' if rest else length(m.lens[0], owner, everything)
            outer = length(m.lens[1], owner, everything)
            body = [f'for (size_t i = 0; i < {outer}; i++) {{',
                    *['\t' + x for x in self.read_array(m.ctype, f'{lv}[i]', inner, 'j')], '}']
        else:
            body = self.read_array('bytes' if m.kind == 'bytes' else m.ctype, lv, length(m.lens[0], owner, everything))
        if m.optional:
            return [f'if ({lv} != NULL) {{', *['\t' + x for x in body], '}']
        return body

    def read_struct(self, s):
        body = [x for m in s.members for x in self.read_member(m, 'v->', s.members)]
        if s.stype is not None:
            body.append('read_chain(v->pNext);')
        return [f'static void read_{s.name}(const {s.name} *v)', '{', *['\t' + x for x in body or ['(void)v;']], '}', '']

    def chain(self):
        out = ['static void read_chain(const void *next)', '{', '\tif (next == NULL) {', '\t\treturn;', '\t}',
               '\tswitch ((int)((const struct vtd_chain *)next)->type) {']
        for s in self.readable:
            if s.stype is not None:
                out += [f'\tcase {s.stype}:', f'\t\tread_{s.name}(next);', '\t\tbreak;']
        return out + ['\tdefault:', '\t\tbreak;', '\t}', '}', '']

    # --- commands -------------------------------------------------------------------------------

    def is_handle(self, m):
        return m.ctype in self.reg.handles

    def made(self, c):
        return [m for m in c.params if self.is_handle(m) and m.io == 'out' and m.host is None]

    def number(self, ctype):
        return self.reg.handles[ctype][0]

    def parent(self, c):
        if c.name in POOLS:
            return f'(uint64_t){c.params[1].name}->{POOLS[c.name]}'
        first = c.params[0]
        return f'(uint64_t){first.name}' if self.is_handle(first) else '0'

    def count(self, m, c):
        return length(m.lens[0], '', []) if '->' in m.lens[0] else self.stubs_length(m, c)

    @staticmethod
    def stubs_length(m, c):
        beside = {p.name: p for p in c.params}
        return f'*{m.lens[0]}' if beside[m.lens[0]].stars else m.lens[0]

    def adopt(self, c):
        """What the test driver has made."""
        out = []
        for m in self.made(c):
            one = f'check_adopt((uint64_t){m.name}[i], {self.number(m.ctype)}, {self.parent(c)});'
            if m.lens:
                out += for_each(self.count(m, c), one, unless_null=m.name)
            else:
                out.append(one.replace('[i]', '[0]'))
        return out

    def ends(self, c):
        """Whose life the command ends, as statements."""
        if c.name in RESETS:
            return [f'check_drop_children((uint64_t){c.params[1].name});']
        if c.destroys:
            m = [m for m in c.params if self.is_handle(m)][-1]
            if m.lens:
                return for_each(self.count(m, c), f'check_drop((uint64_t){m.name}[i]);')
            return [f'check_drop((uint64_t){m.name});']
        if re.match('vkFree(CommandBuffers|DescriptorSets)$', c.name):
            m = c.params[-1]
            return for_each(self.count(m, c), f'check_drop((uint64_t){m.name}[i]);', unless_null=m.name)
        return []

    def fail(self, c):
        if c.ret != 'VkResult' or c.params[0].ctype in ('VkInstance', 'VkPhysicalDevice') or not self.is_handle(c.params[0]):
            return []
        out = ['if (check_fails()) {']
        for m in self.made(c):
            size = f'({self.count(m, c)}) * sizeof(*{m.name})' if m.lens else f'sizeof(*{m.name})'
            out.append(f'\tmemset({m.name}, 0, {size});')
        return out + ['\treturn check_failure();', '}']

    def make(self, c):
        out = []
        for m in self.made(c):
            one = f'ok &= check_make(&{m.name}[i], {self.number(m.ctype)}, {self.parent(c)});'
            if m.lens:
                out += for_each(self.count(m, c), one)
            else:
                out.append(one.replace('[i]', '[0]'))
        return ['bool ok = true;', '', *out, 'return ok ? VK_SUCCESS : VK_ERROR_OUT_OF_HOST_MEMORY;']

    def entry(self, c):
        args = ', '.join(m.name for m in c.params)
        body = ['check_enter(%s);' % ('"' + c.name + '"')]
        body += [x for m in c.params for x in self.read_member(m, '', c.params)]
        body += self.fail(c)
        passed = c.name in self.stubs.by_hand
        if passed and self.reg.handles.get(c.params[0].ctype) == self.reg.handles['VkDevice'] and \
                not re.match('vk(Create|Allocate|Free|Destroy)', c.name):
            # The test driver uses what the handles name; a guest may leave any of them out.
            body += ['if (check_saw_null()) {', '\treturn' + (';' if c.ret == 'void' else f' ({c.ret})0;'), '}']
        if not passed and self.made(c):
            return self.function(c, body + ['{', *['\t' + x for x in self.make(c)], '}'])
        ends = self.ends(c)
        function = f'vtd_{c.name}({args})' if passed else f'stub_{c.name}({args})'
        if c.ret == 'void':
            if passed and c.destroys:
                last = ends.pop()
                return self.function(c, [*body, *ends, f'if ({last[:-1]}) {{', f'\t{function};', '}'])
            return self.function(c, [*body, *ends, f'{function};', *(self.adopt(c) if passed else [])])
        adopted = self.adopt(c) if passed else []
        if adopted:
            return self.function(c, [*body, f'const {c.ret} ret = {function};', '', 'if (ret >= 0) {',
                                     *['\t' + x for x in adopted], '}', 'return ret;'])
        return self.function(c, [*body, *ends, f'return {function};'])

    def function(self, c, body):
        unused = [f'\t(void){m.name};' for m in c.params]
        return [f'static {c.ret} check_{c.name}({self.stubs.params(c)})', '{', *unused, *['\t' + x for x in body], '}', '']

    def stub(self, c):
        if c.name == 'vkGetSemaphoreCounterValue':
            return [f'static {c.ret} stub_{c.name}({self.stubs.params(c)})', '{', '\t(void)device;', '\t(void)semaphore;',
                    '\t*pValue = check_counter();', '\treturn VK_SUCCESS;', '}', '']
        text = [x.replace(f'vtd_{c.name}(', f'stub_{c.name}(') for x in self.stubs.stub(c)]
        return [x for x in text if not x.startswith('\tfree(')]

    def emit(self):
        out = [HEAD, '#include "checker.h"', '', '#include <string.h>', '', '#include "driver.h"', '',
               'static void read_chain(const void *next);', '']
        out += [f'static void read_{s.name}(const {s.name} *v);' for s in self.readable] + ['']
        for s in self.readable:
            out += self.read_struct(s)
        out += self.chain()
        for c in self.commands:
            if c.name not in self.stubs.by_hand and not self.made(c):
                out += self.stub(c)
            out += self.entry(c)
        rows = sorted((name, c.name) for c in self.commands for name in self.stubs.names_of(c))
        out += ['const struct checker_name checker_names[] = {']
        out += [f'\t{{ "{name}", (PFN_vkVoidFunction)check_{command} }},' for name, command in rows]
        return '\n'.join(out + ['};', '', f'const size_t checker_name_count = {len(rows)};', ''])
