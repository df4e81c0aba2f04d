#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compiles a shader into a C header with its SPIR-V words as a static array.

    shader.py GLSLANGVALIDATOR SOURCE OUTPUT.h [TARGET]

room.frag becomes room_frag[]. TARGET is what the words are for, as --target-env has it; default: vulkan1.2.
"""
import subprocess
import struct
import sys
import tempfile
from pathlib import Path


def main():
    compiler, source, output = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    target = sys.argv[4] if len(sys.argv) > 4 else 'vulkan1.2'
    with tempfile.TemporaryDirectory() as folder:
        binary = Path(folder) / 'shader.spv'
        done = subprocess.run([compiler, '-V', '--target-env', target, f'-I{source.parent}', '-o',
                               str(binary), str(source)], stdout=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(done.stdout)
        data = binary.read_bytes()
    words = [f'0x{w:08x},' for w in struct.unpack(f'<{len(data) // 4}I', data)]
    name = source.name.replace('.', '_')
    lines = [f'/* {source.name}, compiled. */', f'#ifndef {name.upper()}_H', f'#define {name.upper()}_H', '',
             '#include <stdint.h>', '', f'static const uint32_t {name}[] = {{']
    lines += ['\t' + ' '.join(words[i:i + 8]) for i in range(0, len(words), 8)]
    output.write_text('\n'.join(lines + ['};', '', '#endif', '']))


main()
