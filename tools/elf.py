# SPDX-License-Identifier: MIT
"""Which shared libraries an ELF file needs, and the closure of that in a folder of unpacked packages."""
import struct
from pathlib import Path

PT_LOAD, PT_DYNAMIC = 1, 2
DT_NULL, DT_NEEDED, DT_STRTAB = 0, 1, 5


def needed(path):
    """The names of DT_NEEDED; none for what is no ELF file or is linked statically."""
    data = Path(path).read_bytes()
    if data[:4] != b'\x7fELF':
        return []
    wide = data[4] == 2
    offset, = struct.unpack_from('<Q' if wide else '<I', data, 0x20 if wide else 0x1c)
    size, count = struct.unpack_from('<HH', data, 0x36 if wide else 0x2a)
    loads, dynamic = [], None
    for i in range(count):
        if wide:
            kind, _, file_at, address, _, file_size = struct.unpack_from('<IIQQQQ', data, offset + i * size)
        else:
            kind, file_at, address, _, file_size = struct.unpack_from('<IIIII', data, offset + i * size)
        if kind == PT_LOAD:
            loads.append((address, file_at, file_size))
        elif kind == PT_DYNAMIC:
            dynamic = file_at, file_size
    if not dynamic:
        return []
    names, strings = [], None
    for at in range(dynamic[0], dynamic[0] + dynamic[1], 16 if wide else 8):
        tag, value = struct.unpack_from('<QQ' if wide else '<II', data, at)
        if tag == DT_NULL:
            break
        if tag == DT_NEEDED:
            names.append(value)
        elif tag == DT_STRTAB:
            strings = next(value - address + file_at for address, file_at, length in loads
                           if address <= value < address + length)
    return [data[strings + name:data.index(b'\0', strings + name)].decode() for name in names]


def closure(programs, folders):
    """name -> path of every library that the programs need; a name nobody has goes to the second result."""
    found, missing = {}, set()
    waiting = [name for program in programs for name in needed(program)]
    while waiting:
        name = waiting.pop()
        if name in found or name in missing:
            continue
        path = next((folder / name for folder in folders if (folder / name).exists()), None)
        if path is None:
            missing.add(name)
            continue
        found[name] = path
        waiting += needed(path)
    return found, missing
