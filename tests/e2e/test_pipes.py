#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The demo's guest with pipes for kicks and calls, in place of Linux's eventfds, and in a build with -Dplatform=posix
with memory-backend-shm: what a VM on macOS has."""
import re
import tempfile
import unittest
from pathlib import Path

import e2e
from harness import expect

SOURCE = Path(__file__).resolve().parent.parent.parent


def find(name):
    """A file of the sample guest or of QEMU, which `make guest` puts into the folder of the plain build."""
    for build in (e2e.build, SOURCE / 'build'):
        if (build / name).exists():
            return build / name
    raise unittest.SkipTest(f'no {name}: make guest')


def test_cube():
    qemu = find('qemu/qemu-system-x86_64')
    guest = find('guest/initramfs.img').parent
    library = e2e.build / 'tests' / 'e2e' / 'libfifo_eventfd.so'
    with tempfile.TemporaryDirectory() as folder:
        wrapper = Path(folder) / 'qemu'
        log = Path(folder) / 'arguments'
        # Only for QEMU: vitrine's own processes may make eventfds.
        wrapper.write_text(f'#!/bin/sh\necho "$*" >>{log}\nLD_PRELOAD={library} exec {qemu} "$@"\n')
        wrapper.chmod(0o755)
        done = e2e.run([e2e.program('vitrine'), 'demo', '--exit-after', '40', '--http', '127.0.0.1:0', '--guest', guest,
                        '--qemu', wrapper], e2e.native_env(), timeout=120, check=False)
        arguments = log.read_text()
    print(done.stdout)
    expect(done.returncode == 0, f'status {done.returncode}\n{done.stdout}{done.stderr}')
    expect(re.search(r'The guest shows \d+\.\d frames/s', done.stdout), f'no frame rate\n{done.stdout}{done.stderr}')
    expect('no longer kick' not in done.stderr, done.stderr)
    memory = re.search(r'memory-backend-\w+', arguments)[0]
    print(f'{memory}, with pipes')
    expect(memory in ('memory-backend-memfd', 'memory-backend-shm'), memory)


if __name__ == '__main__':
    e2e.main()
