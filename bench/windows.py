#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How fast programs draw in their windows: natively, and by `vitrine run`, in turns, with lavapipe under Xvfb.

Prints medians of frames/s, of the processor time of a frame, and of how often in a frame a thread had to wait or was
interrupted, with the renderer's processes, their start and end (but for vkcube), and without the X server. Needs Xvfb and
some of these programs: vkcube, vkmark, testgpu_spinning_cube (of SDL3's tests: --path /usr/libexec/installed-tests/SDL3).
"""
import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / 'tests' / 'proto'))
import figures
import xvfb

LAVAPIPE = '/usr/share/vulkan/icd.d/lvp_icd*.json'
VKCUBE_SHORT = 50  # frames
VKCUBE_A_SECOND = 200  # about as many as two cores draw
VKMARK_SCENES = ('cube', 'vertex', 'desktop')
SDL_CUBE = 'testgpu_spinning_cube'
WAITS = {'_cpu': 'ms', '_waits': '', '_interrupted': ''}  # figure beside frames/s: unit


class Run:
    """One run of a program: what it wrote, how long it took, and what it cost."""

    def __init__(self, backend, display, command, stop_after=None):
        env = {**backend.env, 'DISPLAY': display}
        started = time.monotonic()
        process = subprocess.Popen(backend.prefix + command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   text=True)
        timer = threading.Timer(stop_after or 120, process.send_signal, [signal.SIGINT])
        timer.start()
        self.text = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        self.seconds = time.monotonic() - started
        self.ok = process.returncode == 0
        self.costs = {'_cpu': 1000 * (used.ru_utime + used.ru_stime), '_waits': used.ru_nvcsw,
                      '_interrupted': used.ru_nivcsw}
        if not self.ok:
            print(f'windows.py: {backend.name}: {" ".join(command)}: status {process.returncode}\n{self.text}', file=sys.stderr)


def add(backend, name, rate, frames, costs):
    backend.add(name, 'frames/s', rate)
    for part, unit in WAITS.items():
        backend.add(name + part, unit, costs[part] / frames)


def measure_vkcube(program, backend, display, seconds):
    """From the difference of a long and a short run: the start does not count."""
    counts = VKCUBE_SHORT, VKCUBE_SHORT + round(VKCUBE_A_SECOND * seconds)
    short, long = (Run(backend, display, [program, '--c', str(count), '--width', '1280', '--height', '800',
                                          '--present_mode', '0']) for count in counts)
    if short.ok and long.ok and long.seconds > short.seconds:
        frames = counts[1] - counts[0]
        costs = {part: long.costs[part] - short.costs[part] for part in WAITS}
        add(backend, 'vkcube', frames / (long.seconds - short.seconds), frames, costs)
    else:
        print(f'windows.py: {backend.name}: vkcube: no figure this time', file=sys.stderr)


def measure_vkmark(program, backend, display, seconds):
    for scene in VKMARK_SCENES:
        run = Run(backend, display, [program, '-s', '800x600', '-p', 'immediate', '-b', f'{scene}:duration={seconds}'])
        found = re.search(r'FPS: (\d+)', run.text)
        if run.ok and found:
            add(backend, f'vkmark_{scene}', float(found[1]), float(found[1]) * seconds, run.costs)
        else:
            print(f'windows.py: {backend.name}: vkmark {scene}: no figure this time', file=sys.stderr)


def measure_sdl_cube(program, backend, display, seconds):
    run = Run(backend, display, [program], stop_after=seconds)
    found = re.search(r'([\d.]+) frames per second', run.text)
    if run.ok and found:
        add(backend, 'sdl_cube', float(found[1]), float(found[1]) * run.seconds, run.costs)
    else:
        print(f'windows.py: {backend.name}: {SDL_CUBE}: no figure this time', file=sys.stderr)


PROGRAMS = {'vkcube': measure_vkcube, 'vkmark': measure_vkmark, SDL_CUBE: measure_sdl_cube}


def find_programs(names, path):
    """Program's path by name; says which are missing."""
    found = {name: shutil.which(name, path=path) for name in names}
    for name in (name for name, place in found.items() if not place):
        print(f'windows.py: {name} is not installed: not measured')
    return {name: place for name, place in found.items() if place}


def make_backends(options):
    manifests = sorted(Path('/').glob(LAVAPIPE[1:]))
    if not manifests:
        sys.exit('windows.py: lavapipe is not installed')
    env = {name: value for name, value in os.environ.items() if not name.startswith(('VK_', 'VN_', 'MESA_'))}
    env.pop('WAYLAND_DISPLAY', None)
    backends = [figures.Backend('native', {**env, 'VK_DRIVER_FILES': str(manifests[0])})]
    for item in options.vitrine or [str(ROOT / 'build' / 'vitrine')]:
        name, _, program = item.rpartition('=')
        command = [str(Path(program).resolve()), 'run', *options.options.split(), '--']
        backends.append(figures.Backend(name or 'vitrine', env, prefix=command))
    return backends


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--vitrine', action='append', metavar='[LABEL=]PATH',
                        help='default: vitrine in the build folder; several are compared')
    parser.add_argument('--options', default='', help='of vitrine run')
    parser.add_argument('--path', default='', help='folders with programs that are searched before PATH')
    parser.add_argument('--only', default=','.join(PROGRAMS), help=f'default: {",".join(PROGRAMS)}')
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument('--seconds', type=float, default=3, help='of each program in each round')
    options = parser.parse_args()
    programs = find_programs(options.only.split(','), f'{options.path}:{os.environ["PATH"]}')
    backends = make_backends(options)
    server = xvfb.Xvfb()
    try:
        for number in range(options.rounds):
            print(f'round {number + 1} of {options.rounds}', file=sys.stderr)
            for name, place in programs.items():
                for backend in backends:
                    PROGRAMS[name](place, backend, server.display, options.seconds)
    finally:
        server.stop()
    sys.exit(1 if figures.print_table(backends, 'lavapipe') else 0)


main()
