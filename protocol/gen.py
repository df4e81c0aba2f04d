#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Turns venus.reg into C.

    gen.py venus.reg OUTDIR

    vk_gen.h             Vulkan's types and function types            (gen_vk.py)
    wire_gen.h           codec declarations, argument structs         (gen_wire.py)
    wire_<n>_gen.c       decoders of structs, encoders of replies
    args_<n>_gen.h       decoders of a command's arguments, its reply
    table_gen.c          names and rules of the commands, the extensions, the structs of features
    formats_gen.h/.c     sizes of texel blocks                        (gen_formats.py)
    dispatch_gen.h, dispatch_<n>_gen.c   decode, call the driver, reply               (gen_dispatch.py)
    procs_gen.h/.c       the driver's entry points
    vectors_<n>_gen.c    the guest's side of the codec, for tests     (gen_vectors.py)

The output is a pure function of the input.
"""
import sys
from pathlib import Path

import gen_dispatch
import gen_formats
import gen_vectors
import gen_vk
import gen_wire
import reg

SHARDS = 6


def shard(items, n):
    """n runs of about the same length, in order."""
    items = list(items)
    size = -(-len(items) // n)
    return [items[i * size:(i + 1) * size] for i in range(n)]


def main():
    registry = reg.Registry(sys.argv[1])
    out = Path(sys.argv[2])
    files = {'vk_gen.h': gen_vk.emit(registry)}
    structs = shard([s for s in registry.structs.values() if not s.host], SHARDS)
    commands = shard([c for c in registry.commands.values() if c.decodable], SHARDS)
    wire = gen_wire.Emitter(registry)
    files['wire_gen.h'] = wire.header()
    files['table_gen.c'] = wire.table()
    files['formats_gen.h'] = gen_formats.header()
    files['formats_gen.c'] = gen_formats.source(registry)
    for n in range(SHARDS):
        files[f'wire_{n}_gen.c'] = wire.structs(structs[n])
        files[f'args_{n}_gen.h'] = wire.args(n, commands[n])
    dispatch = gen_dispatch.Emitter(registry)
    files['procs_gen.h'] = dispatch.procs_header()
    files['procs_gen.c'] = dispatch.procs()
    for n in range(SHARDS):
        files[f'dispatch_{n}_gen.c'] = dispatch.commands(n, commands[n])
    files['dispatch_gen.h'] = dispatch.header()
    files['dispatch_table_gen.c'] = dispatch.table(SHARDS)
    vectors = gen_vectors.Emitter(registry)
    files['vectors_gen.h'] = vectors.header()
    for n in range(SHARDS):
        files[f'vectors_{n}_gen.c'] = vectors.shard(n, structs[n], commands[n])
    files['vectors_table_gen.c'] = vectors.table(SHARDS)
    for name, text in files.items():
        (out / name).write_text(text)


if __name__ == '__main__':
    main()
