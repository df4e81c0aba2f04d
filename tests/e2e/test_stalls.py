#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A stock Linux guest draws on whatever happens to those who show and keep its pictures.

tests/proto/test_stalls.py measures the same to within 5 %; here emulation shares the processors with all the others, so
that the frame rate only shows that nothing stops."""
import re
import tempfile
import time

import e2e
import qemu
import stalls
from harness import expect

SHIM = ('tests', 'proto', 'libslow_x264.so')
# The cube reports every two seconds.
REPORTS = 3
LEAST = 0.5


def next_report(machine):
    """-> when the next report of the cube came, and the number of its frame."""
    at = machine.console.wait(r'frames/s, frame \d+', len(machine.console.lines), 20, 'the cube stands still')
    return time.monotonic(), int(re.search(r'frame (\d+)', machine.console.lines[at])[1])


def measure(machine):
    begin, first = next_report(machine)
    for _ in range(REPORTS):
        end, last = next_report(machine)
    return (last - first) / (end - begin)


def test_the_guest_draws_on():
    with tempfile.TemporaryDirectory() as folder:
        target = stalls.Target(folder, e2e.build.joinpath(*SHIM))
        try:
            with qemu.Machine(gpu=target.options, env=e2e.native_env(**target.env)) as machine:
                machine.send('cube &')
                next_report(machine)
                target.attach(machine.gpu.pid, machine.port, machine.token, machine.path('gpu.log').read_text)
                alone = measure(machine)
                print(f'undisturbed: {alone:.1f} frames/s', flush=True)
                for name, disturb in stalls.ALL.items():
                    with disturb(target):
                        found = measure(machine)
                        print(f'{name}: {found:.1f} frames/s', flush=True)
                    expect(found >= LEAST * alone, f'{name}: {found:.1f} frames/s instead of {alone:.1f}')
                    machine.expect_alive()
        finally:
            target.close()


if __name__ == '__main__':
    e2e.main()
