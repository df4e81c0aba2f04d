#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Does venus.reg say what the wire schema says?

    test_registry.py SCHEMA PROTOCOL_DIR

The bytes are roundtrip.c's business; this one names what differs.
"""
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[2])

import oracle
import reg

failures = 0


def check(ok, text):
    global failures
    if not ok:
        failures += 1
        print('FAIL', text)


def names(items):
    """Of members; a union's tag word is the union's own, and null pointers have no name in the schema."""
    out = []
    for x in items:
        if x.form == 'union':
            out += [b.name for _, b in x.cases if b.name and b.name not in out]
        elif x.name:
            out.append(x.name)
    return out


def check_struct(schema, registry, s):
    mine = registry.structs.get(s.name)
    if mine is None or mine.host:
        return check(False, f'{s.name} is in the schema alone')
    check(mine.stype == s.stype, f'{s.name}: sType {mine.stype}, not {s.stype}')
    is_in, is_out = 'REQ' in s.fields, 'REQ~' in s.fields
    check((not is_in or mine.is_in) and (not is_out or mine.is_out), f'{s.name}: in or out is missing')
    items = s.fields.get('REQ') or s.fields.get('REP') or []
    if any(x.form == 'union' for x in items):
        theirs = set(names(items)) - {'tag'}
        check(theirs <= {m.name for m in mine.members}, f'{s.name}: alternatives {theirs}')
    else:
        ours = [m.name for m in mine.wire_members() if not m.null]
        check(ours == names(items), f'{s.name}: {ours}, not {names(items)}')
    wanted = set(sum(s.chains.values(), []))
    ours = set(registry.chains.get(s.name, []))
    check(ours == wanted, f'{s.name}: chain differs in {sorted(ours ^ wanted)}')


def check_command(registry, c):
    mine = registry.commands.get(c.name)
    if mine is None or mine.number != c.number:
        return check(False, f'{c.name} is not command {c.number}')
    check(mine.decodable == c.decodable, f'{c.name}: decodable here or there only')
    if c.decodable:
        ours = [m.name for m in mine.params if not m.null]
        check(ours == names(c.request), f'{c.name}: {ours}, not {names(c.request)}')
        ours = [m.name for m in mine.params if m.io != 'in']
        theirs = [n for n in names(c.reply) if n != 'ret']
        check(ours == theirs, f'{c.name}: the reply has {ours}, not {theirs}')
        check((mine.ret != 'void') == ('ret' in names(c.reply)), f'{c.name}: returns {mine.ret}')


def check_features(registry):
    """Guests are told of features as the driver has them, so the extensions that bring them must be offered, too."""
    brought = {e.features for e in registry.extensions if e.features}
    for e in registry.extensions:
        check(e.exposed or not e.features, f'{e.name} has features and is not offered')
    for name in registry.chains['VkPhysicalDeviceFeatures2']:
        check(name in brought or name.endswith('Features'), f'no extension brings {name}, and it is not of Vulkan itself')


def main():
    schema = oracle.Schema(sys.argv[1])
    registry = reg.Registry(str(Path(sys.argv[2]) / 'venus.reg'))
    decodable = [c for c in schema.commands.values() if c.decodable]
    check(len(decodable) == 325, f'{len(decodable)} commands in the schema')
    check(sum(c.decodable and c.number is not None for c in registry.commands.values()) == 325, 'commands in venus.reg')
    check(len(schema.structs) == 523, f'{len(schema.structs)} structs in the schema')
    check(sum(not s.host for s in registry.structs.values()) == 523, 'structs in venus.reg')
    check(len(schema.extensions) == 187, f'{len(schema.extensions)} extensions in the schema')
    ours = [(e.name, (e.number, e.version)) for e in registry.extensions]
    check(ours == [*schema.extensions.items()], f'extensions differ: {sorted({*ours} ^ {*schema.extensions.items()})}')
    check(len({e.number for e in registry.extensions}) == 187, 'two extensions have one number')
    check_features(registry)
    for s in schema.structs.values():
        check_struct(schema, registry, s)
    for c in schema.commands.values():
        check_command(registry, c)
    print(f'{len(schema.structs)} structs, {len(schema.commands)} commands, {len(registry.extensions)} extensions: '
          f'{failures} failures')
    return failures != 0


if __name__ == '__main__':
    sys.exit(main())
