# SPDX-License-Identifier: MIT
"""The host's dispatch: decode a command, call the driver or a hand-written handler, reply."""
from gen_wire import HEAD, length

PROCS = """static bool enabled(const struct alias *alias, const char *const *extensions, uint32_t count)
{
	for (size_t e = 0; alias->extensions[e] != NULL; e++) {
		for (uint32_t i = 0; i < count; i++) {
			if (strcmp(alias->extensions[e], extensions[i]) == 0) {
				return true;
			}
		}
	}
	return false;
}

void vtw_load_instance_procs(struct vtw_instance_procs *procs, PFN_vkGetInstanceProcAddr get, VkInstance instance)
{
	PFN_vkVoidFunction *slot = (PFN_vkVoidFunction *)procs;

	for (size_t i = 0; i < sizeof(*procs) / sizeof(*slot); i++) {
		slot[i] = get(instance, instance_names[i].name);
		for (const struct alias *a = instance_names[i].aliases; slot[i] == NULL && a->name != NULL; a++) {
			slot[i] = get(instance, a->name);
		}
	}
}

void vtw_load_device_procs(struct vtw_device_procs *procs, PFN_vkGetDeviceProcAddr get, VkDevice device,
                           const char *const *extensions, uint32_t extension_count)
{
	PFN_vkVoidFunction *slot = (PFN_vkVoidFunction *)procs;

	for (size_t i = 0; i < sizeof(*procs) / sizeof(*slot); i++) {
		slot[i] = NULL;
		for (const struct alias *a = device_names[i].aliases; slot[i] == NULL && a->name != NULL; a++) {
			if (enabled(a, extensions, extension_count)) {
				slot[i] = get(device, a->name);
			}
		}
		if (slot[i] == NULL) {
			slot[i] = get(device, device_names[i].name);
		}
	}
}

void vtw_older_names(const struct vtw_device_procs *procs, uint32_t version,
                     void (*use)(void *data, const char *extension), void *data)
{
	const PFN_vkVoidFunction *slot = (const PFN_vkVoidFunction *)procs;

	for (size_t i = 0; i < sizeof(*procs) / sizeof(*slot); i++) {
		if (slot[i] != NULL || device_names[i].core == 0 || device_names[i].core > version) {
			continue;
		}
		for (const struct alias *a = device_names[i].aliases; a->name != NULL; a++) {
			for (size_t e = 0; a->extensions[e] != NULL; e++) {
				use(data, a->extensions[e]);
			}
		}
	}
}
"""


class Emitter:
    def __init__(self, reg):
        self.reg = reg

    def level(self, c):
        """Whose function it is: instance, device, or None for what is looked up by hand and what drivers do not have."""
        if c.proc:
            return c.proc if c.proc != 'none' else None
        first = c.params[0].ctype
        if first in self.reg.instance_handles:
            return 'instance'
        return 'device' if first in self.reg.handles else None

    def at(self, level):
        return [c for c in self.reg.commands.values() if self.level(c) == level]

    def procs_header(self):
        out = [HEAD, '#ifndef PROCS_GEN_H', '#define PROCS_GEN_H', '', '#include "vk_gen.h"', '']
        for level in ('instance', 'device'):
            out.append(f'struct vtw_{level}_procs {{')
            out += [f'\tPFN_{c.name} {c.name};' for c in self.at(level)]
            out += ['};', '']
        return '\n'.join(out + [
            '/* Missing entry points are NULL. A command of a device is looked up by an older name if one of the extensions',
            ' * that have it is among those that the device enabled: a layer of that age knows no other. Then by its own. */',
            'void vtw_load_instance_procs(struct vtw_instance_procs *procs, PFN_vkGetInstanceProcAddr get, VkInstance instance);',
            'void vtw_load_device_procs(struct vtw_device_procs *procs, PFN_vkGetDeviceProcAddr get, VkDevice device,',
            '                           const char *const *extensions, uint32_t extension_count);', '',
            '/* Calls `use` for each extension that has an older name of a command which Vulkan `version` has, and which',
            ' * is missing: a driver that knows older names alone has it once that extension is enabled. */',
            'void vtw_older_names(const struct vtw_device_procs *procs, uint32_t version,',
            '                     void (*use)(void *data, const char *extension), void *data);',
            '', '#endif', ''])

    def names(self, level):
        """The table of a level's names, in the order of the struct's members."""
        out = [f'static const struct names {level}_names[] = {{']
        for c in self.at(level):
            core = 'VK_MAKE_API_VERSION(0, ' + c.core.replace('.', ', ') + ', 0)' if c.core else '0'
            aliases = ['{"' + name + '", {"' + '", "'.join(extensions) + '"}}' for name, extensions in c.aliases]
            out.append(f'\t{{"{c.name}", {core}, {{' + ', '.join(aliases) + '}},')
        return out + ['};', '']

    def procs(self):
        aliases = [a for c in self.reg.commands.values() for a in [c.aliases]]
        most = max(len(a) for a in aliases) + 1
        most_extensions = max(len(extensions) for a in aliases for _, extensions in a) + 1
        return '\n'.join([
            HEAD, '#include <stdbool.h>', '#include <string.h>', '', '#include "procs_gen.h"', '',
            '/* Lists end with NULL. */', 'struct alias {', '\tconst char *name;',
            f'\tconst char *extensions[{most_extensions}];', '};', '', 'struct names {', '\tconst char *name;',
            '\tuint32_t core;', f'\tstruct alias aliases[{most}];', '};', '',
            *self.names('instance'), *self.names('device'), PROCS])

    # --- one command ----------------------------------------------------------------------------

    def out_handles(self, c):
        return [m for m in c.params if m.ctype in self.reg.handles and m.io != 'in']

    def call_args(self, c):
        args = []
        for m in c.params:
            if c.tight_stride and m.name == 'stride':
                # the elements are packed here, however far apart the guest's were
                array = [x for x in c.params if x.kind == 'array'][0]
                args.append(f'sizeof(*a.{array.name})')
            elif m.ctype in self.reg.handles and m.io != 'in':
                args.append('&handle')
            else:
                args.append('NULL' if m.null else f'a.{m.name}')
        return ', '.join(args)

    def auto(self, c):
        first = c.params[0]
        level = self.level(c)
        fn = f'vtr_{level}_procs(a.{first.name}_obj)->{c.name}'
        out = [f'\t\tconst PFN_{c.name} fn = {fn};', '\t\tif (fn == NULL) {', '\t\t\tvtr_dispatch_missing(d);', '\t\t\treturn;', '\t\t}']
        ret = 'a.ret = ' if c.ret != 'void' else ''
        handles = self.out_handles(c)
        if handles:
            m = handles[0]
            number = self.reg.handles[m.ctype][0]
            return out + [f'\t\tstruct vtr_vk_object *o = vtr_object_reserve(d, a.{first.name}_obj, {number}, a.{m.name}, &a.ret);',
                          '\t\tif (o != NULL) {', f'\t\t\t{m.ctype} handle = NULL;', f'\t\t\t{ret}fn({self.call_args(c)});',
                          '\t\t\tvtr_object_publish(d, o, (uintptr_t)handle, a.ret);', '\t\t}']
        if c.destroys:
            m = [p for p in c.params if p.ctype in self.reg.handles][-1]
            return out + [f'\t\tif (a.{m.name}_obj != NULL && vtr_object_remove(d, a.{m.name}_obj)) {{',
                          f'\t\t\tfn({self.call_args(c)});', '\t\t}']
        call = [f'\t\t{ret}fn({self.call_args(c)});']
        if c.may_block:  # with handles of the driver's only: what they belong to may go meanwhile
            call = ['\t\tvtr_dispatch_pause(d);', *call, '\t\tvtr_dispatch_resume(d);']
        return out + call

    def failed(self, c):
        """What happens when the command names an object whose creation failed."""
        out = []
        if c.ret == 'VkResult':
            out.append('\t\ta.ret = VK_ERROR_INITIALIZATION_FAILED;')
        elif c.ret != 'void':
            out.append('\t\ta.ret = 0;')
        for m in self.out_handles(c):
            first = c.params[0]
            parent = f'a.{first.name}_obj' if first.ctype in self.reg.handles else 'NULL'
            number = self.reg.handles[m.ctype][0]
            if m.lens:
                count = length(m.lens[0], 'a.', c.params).replace('a.->', 'a.')
                out += [f'\t\tfor (size_t i = 0; a.{m.name} != NULL && i < {count}; i++) {{',
                        f'\t\t\tvtr_object_set_failed(d, {parent}, {number}, a.{m.name}[i]);', '\t\t}']
            else:
                out.append(f'\t\tvtr_object_set_failed(d, {parent}, {number}, a.{m.name});')
        handles = [p for p in c.params if p.ctype in self.reg.handles]
        if c.destroys:
            m = handles[-1]
            out.append(f'\t\tvtr_object_clear_failed(d, {self.reg.handles[m.ctype][0]});')
        if c.fails:
            out.append(f'\t\tvtr_failed_{c.name}(d, &a);')
        return out

    def command(self, c):
        out = [f'static void run_{c.name}(struct vtr_dispatch *d)', '{', f'\tstruct vtw_{c.name} a;', '',
               f'\tvtw_args_{c.name}(&d->r, &a);', '\tif (__builtin_expect(d->r.status == 0, 1)) {']
        out += [f'\t\tvtr_hand_{c.name}(d, &a);'] if c.how == 'hand' else self.auto(c)
        out += ['\t} else {', '\t\tif (!vtr_dispatch_names_failed(d)) {', '\t\t\treturn;', '\t\t}', *self.failed(c), '\t}',
                '\tif ((d->flags & VK_COMMAND_GENERATE_REPLY_BIT_EXT) != 0) {',
                '\t\tstruct vtr_cs_writer *w = vtr_dispatch_reply(d);', '\t\tif (w != NULL) {',
                f'\t\t\tvtw_reply_{c.name}(w, &a);', '\t\t\tvtr_dispatch_replied(d);', '\t\t}', '\t}', '}', '']
        return out

    def runnable(self, c):
        return c.how in ('auto', 'hand')

    def commands(self, n, commands):
        out = [HEAD, '#include "venus/dispatch.h"', '#include "dispatch_gen.h"', f'#include "args_{n}_gen.h"', '']
        for c in commands:
            if self.runnable(c):
                out += self.command(c)
        out += [f'const struct vtw_run vtw_runs_{n}[] = {{']
        out += [f'\t{{{c.number}, run_{c.name}}},' for c in commands if self.runnable(c)]
        return '\n'.join(out + ['\t{0, NULL},', '};', ''])

    def header(self):
        out = [HEAD, '#ifndef DISPATCH_GEN_H', '#define DISPATCH_GEN_H', '', '#include "procs_gen.h"',
               '#include "wire_gen.h"', '', 'struct vtr_dispatch;', '', 'struct vtw_run {', '\tuint32_t number;',
               '\tvoid (*run)(struct vtr_dispatch *d);', '};', '',
               '/* Fills the table that is indexed by command number. */',
               'void vtw_fill_runs(void (*table[VTW_COMMAND_COUNT])(struct vtr_dispatch *d));', '',
               '/* Handlers written by hand. `a` is what the guest said; what they change in it is the reply. */']
        out += [f'void vtr_hand_{c.name}(struct vtr_dispatch *d, struct vtw_{c.name} *a);'
                for c in self.reg.commands.values() if c.how == 'hand']
        out += ['', '/* The same for a command that names an object whose creation failed: the driver must not be called. */']
        out += [f'void vtr_failed_{c.name}(struct vtr_dispatch *d, struct vtw_{c.name} *a);'
                for c in self.reg.commands.values() if c.fails]
        return '\n'.join(out + ['', '#endif', ''])

    def table(self, shards):
        out = [HEAD, '#include "dispatch_gen.h"', '']
        out += [f'extern const struct vtw_run vtw_runs_{n}[];' for n in range(shards)]
        out += ['', 'void vtw_fill_runs(void (*table[VTW_COMMAND_COUNT])(struct vtr_dispatch *d))', '{',
                '\tconst struct vtw_run *const shards[] = {' + ', '.join(f'vtw_runs_{n}' for n in range(shards)) + '};', '',
                '\tfor (size_t i = 0; i < sizeof(shards) / sizeof(shards[0]); i++) {',
                '\t\tfor (const struct vtw_run *r = shards[i]; r->run != NULL; r++) {',
                '\t\t\ttable[r->number] = r->run;', '\t\t}', '\t}', '}', '']
        return '\n'.join(out)
