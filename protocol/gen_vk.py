# SPDX-License-Identifier: MIT
"""vk_gen.h: the Vulkan types, values and function types that the registry names."""
import re



def c_member(m, dims=True):
    """A member or parameter as C declares it."""
    if m.host is not None:
        return m.host
    const = 'const ' if m.io == 'in' else ''
    if m.kind == 'string':
        return f'const char *{m.name}'
    if m.kind == 'strings':
        return f'const char *const *{m.name}'
    if m.kind == 'bytes':
        return f'{const}void *{m.name}'
    if m.kind == 'array2':
        return f'const {m.ctype} *const *{m.name}'
    if m.stars or (m.kind == 'null' and not m.dims):
        return f'{const}{m.ctype} *{m.name}'
    if m.dims:
        return f'{m.ctype} {m.name}' + ''.join(f'[{d}]' for d in m.dims)
    return f'{m.ctype} {m.name}'


def c_param(m):
    text = c_member(m)
    return 'const ' + text if m.dims and m.host is None else text


def stype_name(struct):
    """VkRingCreateInfoMESA -> VK_STRUCTURE_TYPE_RING_CREATE_INFO_MESA"""
    return 'VK_STRUCTURE_TYPE' + re.sub(r'([A-Z][a-z]+|MESA)', r'_\1', struct[2:]).upper()


def emit_enums(reg, out):
    known = {int(v) for v in reg.enums['VkStructureType'].values()}
    for s in reg.structs.values():  # Venus's own
        if s.stype is not None and s.stype not in known:
            reg.enums['VkStructureType'][stype_name(s.name)] = str(s.stype)
    for name, values in reg.enums.items():
        if name in reg.enum64:
            out.append(f'typedef VkFlags64 {name};')
            out += [f'static const {name} {k} = {v}ULL;' for k, v in values.items()]
            continue
        out.append(f'typedef enum {name} {{')
        out += [f'\t{k} = {v},' for k, v in values.items()]
        out += [f'\t{name}_MAX_ENUM = 0x7fffffff,', f'}} {name};']


def emit_structs(reg, out):
    for s in reg.structs.values():
        out.append(f'typedef {"union" if s.union else "struct"} {s.name} {s.name};')
    for s in reg.structs.values():
        out.append(f'{"union" if s.union else "struct"} {s.name} {{')
        if s.stype is not None:
            out.append('\tVkStructureType sType;')
            out.append('\tvoid *pNext;' if s.is_out else '\tconst void *pNext;')
        seen = set()
        for m in s.members:
            if m.name not in seen:
                out.append(f'\t{c_member(m)};')
            seen.add(m.name)
        out.append('};')


def emit(reg):
    out = ['/* Made by protocol/gen.py from venus.reg; do not edit. */', '#ifndef VK_GEN_H', '#define VK_GEN_H', '',
           '#include <stddef.h>', '#include <stdint.h>', '',
           '/* Handles are pointers, on the 64-bit machines that we run on, for all object types. */',
           '_Static_assert(sizeof(void *) == 8, "vitrine needs a 64-bit host");', '', '#define VKAPI_PTR',
           '#define VK_MAKE_API_VERSION(variant, major, minor, patch)  \\',
           '\t(((uint32_t)(variant) << 29) | ((uint32_t)(major) << 22) | ((uint32_t)(minor) << 12) | (uint32_t)(patch))',
           '#define VK_API_VERSION_MAJOR(v) (((uint32_t)(v) >> 22) & 0x7f)',
           '#define VK_API_VERSION_MINOR(v) (((uint32_t)(v) >> 12) & 0x3ff)',
           '#define VK_API_VERSION_PATCH(v) ((uint32_t)(v) & 0xfff)',
           '#define VK_API_VERSION_1_0 VK_MAKE_API_VERSION(0, 1, 0, 0)',
           '#define VK_API_VERSION_1_1 VK_MAKE_API_VERSION(0, 1, 1, 0)',
           '#define VK_API_VERSION_1_2 VK_MAKE_API_VERSION(0, 1, 2, 0)',
           '#define VK_API_VERSION_1_3 VK_MAKE_API_VERSION(0, 1, 3, 0)',
           '#define VK_API_VERSION_1_4 VK_MAKE_API_VERSION(0, 1, 4, 0)',
           f'#define VK_HEADER_VERSION {reg.version[2]}',
           '#define VK_NULL_HANDLE NULL', '']
    out += [f'#define {k} {v}' for k, v in reg.constants.items()]
    out.append('')
    out += [f'typedef {t} {n};' for n, t in reg.scalars.items() if t not in reg.scalars]
    out += [f'typedef {t} {n};' for n, t in reg.scalars.items() if t in reg.scalars]
    out += [f'typedef struct {n} {n};' for n in reg.opaque]
    out.append('typedef void (*PFN_vkVoidFunction)(void);')
    out += [f'typedef struct {n}_T *{n};' for n in reg.handles]
    emit_enums(reg, out)
    emit_structs(reg, out)
    for c in reg.commands.values():
        params = ', '.join(c_param(m) for m in c.params) or 'void'
        out.append(f'typedef {c.ret} (*PFN_{c.name})({params});')
    return '\n'.join(out + ['', '#endif', ''])
