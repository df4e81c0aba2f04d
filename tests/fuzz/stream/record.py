#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Records what real programs send, as inputs of the fuzz target `stream`:

    ninja -C build all tests/fuzz/stream/all
    tests/fuzz/stream/record.py build OUTDIR [PROGRAM...]

Without programs, those of PROGRAMS that are here run on lavapipe, and unit tests of the renderer record themselves. Another program is one word: 'vkmark -b cube'.
"""
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# name: (command, environment); words that begin with @ are programs of the build folder.
UNIT_TESTS = ('commands', 'devices', 'images', 'memory', 'objects', 'queries', 'queues', 'sparse')
ZINK = {'MESA_LOADER_DRIVER_OVERRIDE': 'zink', 'LIBGL_ALWAYS_SOFTWARE': '1', 'MESA_VK_WSI_DEBUG': 'sw'}
PROGRAMS = {
    'vulkaninfo': ('vulkaninfo', {}),
    'suite': ('@tests/e2e/vk-suite', {}),
    'dump': ('@tests/e2e/vk-dump', {}),
    'offers': ('@tests/e2e/vk-offers', {}),
    'cube': ('@demo/vitrine-cube --frames 5', {}),
    'bench': ('@bench/bench-client', {}),
    'vkcube': ('vkcube --c 30', {'MESA_VK_WSI_DEBUG': 'sw'}),
    'zink': ('glmark2-es2 -s 64x64 -b shading:duration=1 -b texture:duration=1 -b build:duration=1', ZINK),
}
TIMEOUT = 300


def cut(build, name, folder, out):
    files = sorted(p for p in Path(folder).iterdir() if p.name.isdigit())
    if not files:
        print(f'{name}: nothing was recorded')
        return
    done = subprocess.run([build / 'tests/fuzz/stream/stream-cut', out, name, *files], check=True, text=True,
                          stdout=subprocess.PIPE)
    print(f'{name}: {done.stdout.strip()}')


def record(build, name, command, env, out):
    words = shlex.split(command)
    program = str(build / words[0][1:]) if words[0][0] == '@' else shutil.which(words[0])
    if not program or not os.path.exists(program):
        print(f'{name}: {words[0]} is not here')
        return
    driver = next(Path('/usr/share/vulkan/icd.d').glob('lvp_icd*.json'))
    run = ['xvfb-run', '-a', build / 'tests/fuzz/stream/vitrine-record', 'run', '-o', 'sandbox=off', '-o',
           f'driver={driver}', '--']
    if '/record-' in program:
        run = []
    with tempfile.TemporaryDirectory(prefix='vitrine-record-') as folder:
        subprocess.run([*run, program, *words[1:]], env={**os.environ, **env, 'VTR_RECORD': folder}, timeout=TIMEOUT,
                       cwd=folder, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cut(build, name, folder, out)


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    build, out = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    out.mkdir(parents=True, exist_ok=True)
    more = {Path(shlex.split(command)[0]).name: (command, {}) for command in sys.argv[3:]}
    tests = {f'test-{name}': (f'@tests/fuzz/stream/record-{name}', {}) for name in UNIT_TESTS}
    for name, (command, env) in (more or {**PROGRAMS, **tests}).items():
        record(build, name, command, env, out)


if __name__ == '__main__':
    main()
