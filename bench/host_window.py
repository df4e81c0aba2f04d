#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `vitrine gpu --window` costs: processor time of the window process and of the X server for each frame.

    host_window.py [--build BUILD] [--rounds N]

Plays whole frames in two halves of the memory in turn, slowly enough to be shown one by one, under an Xvfb of its own, by
each renderer in turns. Prints medians.
"""
import argparse
import os
import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / 'tests' / 'proto'))

import harness  # noqa: E402
import screen  # noqa: E402
import xvfb  # noqa: E402

RENDERERS = 'gpu', 'software'
SIZES = (1280, 800, 30), (3840, 2160, 10)  # and frames a second
SECONDS = 5


def play(front, rate, frames):
    front.say(f'play 0 {1000000 // rate} {frames}')
    front.wait_for('PLAYED')


def measure(renderer, width, height, rate):
    """Milliseconds for each frame of the window process and of the X server, and MiB that the first one has written."""
    server = xvfb.Xvfb(width=width + 100, height=height + 100)
    front = screen.Front(f'window={renderer}', http=None, env=dict(server.env))
    try:
        front.say(f'mode 0 1 {width} {height}')
        server.wait_for_window('test, display 1')
        front.say(f'scanout 0 1 {width} {height} {width * 4} window')
        play(front, rate, rate)
        pids = [*harness.children(front.pid), server.process.pid]
        before = [harness.cpu_seconds(pid) for pid in pids]
        play(front, rate, rate * SECONDS)
        spent = [harness.cpu_seconds(pid) - earlier for pid, earlier in zip(pids, before)]
        return [*(1000 * seconds / (rate * SECONDS) for seconds in spent), harness.memory_kib(pids[0]) / 1024]
    finally:
        front.stop()
        server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build', default=str(ROOT / 'build'))
    parser.add_argument('--rounds', type=int, default=3)
    options = parser.parse_args()
    harness.PROGRAM = os.path.join(options.build, 'vitrine')
    screen.FRONT = os.path.join(options.build, 'tests', 'proto', 'screen-front')
    for width, height, rate in SIZES:
        found = {renderer: [] for renderer in RENDERERS}
        for _ in range(options.rounds):
            for renderer in RENDERERS:
                found[renderer].append(measure(renderer, width, height, rate))
        for renderer, rows in found.items():
            window, server, memory = (statistics.median(column) for column in zip(*rows))
            print(f'{width}x{height}, {renderer}: {window:.1f} ms a frame, the X server {server:.1f} ms; {memory:.0f} MiB')


if __name__ == '__main__':
    main()
