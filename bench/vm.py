#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a frame of the sample guest costs, and who pays: QEMU, `vitrine gpu`, its workers, its screen process.

Boots the guest as the tests do (make guest first), lets its cube draw, and prints milliseconds of processor time
for each frame that was presented, the frame rate, and how long the boot took to the first frame.
"""
import argparse
import json
import re
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'tests' / 'e2e'))
import e2e
import harness
import qemu

# Issue 3: what `vitrine gpu` itself may use for a frame.
FRONT_LIMIT_MS = 0.3


def account(machine):
    front = machine.gpu.pid
    sums = {'QEMU': harness.busy_ms(machine.qemu.pid), 'front': harness.busy_ms(front), 'worker': 0, 'screen': 0}
    for pid in harness.children(front):
        name = harness.command_line(pid)[1]
        sums[name] = sums.get(name, 0) + harness.busy_ms(pid)
    return sums


def frame_of(machine):
    return json.loads(machine.get('/api/displays'))['displays'][0]['frame']


def measure(machine, seconds):
    before, frame, start = account(machine), frame_of(machine), time.monotonic()
    time.sleep(seconds)
    after, frames, passed = account(machine), frame_of(machine) - frame, time.monotonic() - start
    return {'frames/s': frames / passed, **{name: (after[name] - before[name]) / frames for name in before}}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build', default='build')
    parser.add_argument('--native-icd', help="the host driver's manifest; default: lavapipe's")
    parser.add_argument('--display', default='1280x800')
    parser.add_argument('--cube', default='', help="options of the guest's cube, such as '--rate 0'")
    parser.add_argument('--gpu', default='', help="more options of `vitrine gpu`, such as '--refresh 0'")
    parser.add_argument('--seconds', type=float, default=5)
    parser.add_argument('--rounds', type=int, default=5)
    options = parser.parse_args()
    e2e.build = Path(options.build).resolve()
    e2e.options = options
    with qemu.Machine(displays=(options.display,), gpu=options.gpu.split()) as machine:
        machine.start(f'cube {options.cube}', 'cube')
        text = machine.wait_log('cube', 'first frame', 60)
        first = time.monotonic() - machine.started
        time.sleep(2)
        rounds = [measure(machine, options.seconds) for _ in range(options.rounds)]
        print(re.search('cube: (.*)', text)[1])
    print(f'first frame {first:.1f} s after QEMU was started')
    medians = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
    print(f'{medians.pop("frames/s"):.1f} frames/s; processor time in ms a frame:')
    for name, value in medians.items():
        print(f'  {name:8}{value:8.3f}')
    if medians['front'] > FRONT_LIMIT_MS:
        sys.exit(f'vitrine gpu itself took more than {FRONT_LIMIT_MS} ms a frame')


main()
