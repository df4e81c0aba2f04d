#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures Vulkan natively and through vtest sockets, in turns, and prints medians and ratios.

    run.py                                        native against a `vitrine serve` of its own
    run.py --socket virgl=/tmp/virgl.sock         also any other vtest server, by its socket
    run.py --native-icd FILE --guest-icd FILE     other drivers than lavapipe and the installed Venus
    run.py --guest-root FOLDER                    also the guest of another distribution (chroot: as root)

Needs Python 3, the Vulkan loader, and for vkcube also vkcube and Xvfb. The limits are those of the
project's table; which column counts is seen from the name of the native device.
"""
import argparse
import glob
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MANIFESTS = '/usr/share/vulkan/icd.d'

# name, what, how it is judged, limit with lavapipe, limit with NVIDIA (None: none)
#   ratio: vitrine / native at most; at_least: at least; plus: vitrine - native at most; value: vitrine at most
LIMITS = [
    ('draws_wall', '100,000 draws in one command buffer', 'ratio', 1.12, 2.0),
    ('draws_record', '  of which recording', None, None, None),
    ('submit_wait', 'empty submit + fence wait', 'plus', 20, 15),
    ('submit_wait_after_5ms', '  the same after 5 ms of idling', 'plus', 50, 100),
    ('submit_wait_idle', 'empty submit + vkQueueWaitIdle', None, None, None),
    ('update_descriptors_total', 'vkUpdateDescriptorSets, two writes', 'value', 200, 200),
    ('update_descriptors_call', '  of which in the call', None, None, None),
    ('allocate_map_free_4k', 'allocate + map + free, 4 KiB', 'value/ratio', 45, 1.1),
    ('allocate_map_free_64m', 'allocate + map + free, 64 MiB', 'value/ratio', 45, 1.1),
    ('allocate_touch_free_4k', '  with one byte written, 4 KiB', None, None, None),
    ('allocate_touch_free_64m', '  with one byte written, 64 MiB', None, None, None),
    ('timeline_signal_wait', 'timeline semaphore signal + wait', 'value', 20, None),
    ('timeline_two_threads', '  from one thread to another and back', None, None, None),
    ('mapped_write', 'mapped memory, write', 'at_least', 0.95, 0.95),
    ('mapped_read', 'mapped memory, read', 'at_least', 0.95, 0.95),
    ('device_copy', 'device copy in mapped memory', 'at_least', 0.95, 0.95),
    ('pipeline_compute', 'compute pipeline creation', None, None, None),
    ('pipeline_graphics', 'graphics pipeline creation', None, None, None),
    ('instance_create', 'instance creation, first look at the device', None, None, None),
    ('device_create', 'device creation', None, None, None),
    ('first_submit', '  from the instance to the first submit', None, None, None),
    ('vkcube', 'vkcube 1280x800 under Xvfb', 'at_least', 0.90, None),
    ('idle_private', 'idle context: private memory beyond native', 'plus', 2048, 2048),
    ('idle_threads', 'idle context: threads beyond the driver\'s', 'plus', 4, 4),
    ('idle_cpu', 'idle context: processor time', 'value', 0.5, 0.5),
]


def plain_env():
    drop = ('VK_', 'VN_', 'VTEST_', 'MESA_', 'LVP_', 'LP_')
    env = {k: v for k, v in os.environ.items() if not k.startswith(drop)}
    env['NODEVICE_SELECT'] = '1'  # Mesa's device selection layer would ask an X server
    # A cache on disk would compare who has compiled a shader before, not who is faster.
    env['MESA_SHADER_CACHE_DISABLE'] = 'true'
    env['__GL_SHADER_DISK_CACHE'] = '0'
    return env


def manifest(name):
    found = sorted(glob.glob(f'{MANIFESTS}/{name}_icd*.json'))
    if not found:
        sys.exit(f'run.py: {MANIFESTS} has no {name}_icd.json: name the manifest on the command line')
    return found[0]


def driver_env(path):
    env = plain_env()
    env['VK_DRIVER_FILES'] = env['VK_ICD_FILENAMES'] = path
    return env


class Backend:
    """One way to the device: its name and the environment of its clients."""

    def __init__(self, name, env, server=None, prefix=()):
        self.name, self.env, self.server, self.prefix = name, env, server, list(prefix)
        self.device = None
        self.rounds = {}  # figure: the medians of the rounds
        self.unit = {}

    def add(self, name, unit, value):
        self.rounds.setdefault(name, []).append(value)
        self.unit[name] = unit

    def median(self, name):
        return statistics.median(self.rounds[name]) if name in self.rounds else None


def run_client(backend, command):
    done = subprocess.run(backend.prefix + command, env=backend.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in done.stdout.splitlines():
        fields = line.split('\t')
        if fields[0] == 'device':
            backend.device = f'{fields[1]}, Vulkan {fields[2]}'
        else:
            backend.add(fields[0], fields[1], float(fields[2]))
    if done.returncode:
        print(f'run.py: {backend.name}: {" ".join(command)}: status {done.returncode}\n{done.stderr}', file=sys.stderr)


def children(pid):
    found = set()
    for path in glob.glob(f'/proc/{pid}/task/*/children'):
        try:
            found.update(int(word) for word in Path(path).read_text().split())
        except OSError:
            pass
    return found


def private_kib(pid):
    try:
        text = Path(f'/proc/{pid}/smaps_rollup').read_text()
    except PermissionError:
        # Only root may look into a worker. Its anonymous memory is the larger part of what is private.
        return next(int(line.split()[1]) for line in Path(f'/proc/{pid}/status').read_text().splitlines()
                    if line.startswith('RssAnon'))
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith('Private_'))


def cpu_ms(pid):
    tasks = Path(f'/proc/{pid}/task').iterdir()
    return sum(int((task / 'schedstat').read_text().split()[0]) for task in tasks) / 1e6


def measure_idle(backend, client):
    """The process that has the driver: the client itself natively, the worker with vitrine."""
    known = children(backend.server.pid) if backend.server else set()
    idle = subprocess.Popen(backend.prefix + [client, '--idle'], env=backend.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            text=True)
    line = idle.stdout.readline()
    while line and line != 'READY\n':
        line = idle.stdout.readline()
    pid = idle.pid
    if backend.server:
        pid = next(iter(children(backend.server.pid) - known), None)
    if line and pid:
        time.sleep(2)
        start = cpu_ms(pid)
        time.sleep(4)
        backend.add('idle_cpu', 'ms/s', (cpu_ms(pid) - start) / 4)
        backend.add('idle_private', 'KiB', private_kib(pid))
        # A native client's main thread is its own; in a worker every thread but the driver's is ours.
        threads = len(os.listdir(f'/proc/{pid}/task'))
        backend.add('idle_threads', '', threads if backend.server else threads - 1)
    idle.stdin.close()
    idle.wait()
    idle.stdout.close()


class Xvfb:
    def __init__(self):
        read, write = os.pipe()
        self.process = subprocess.Popen(['Xvfb', '-displayfd', str(write), '-screen', '0', '1600x1000x24', '-nolisten',
                                         'tcp'], pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(write)
        with os.fdopen(read) as pipe:
            self.display = ':' + pipe.readline().strip()

    def stop(self):
        self.process.terminate()
        self.process.wait()


def time_vkcube(backend, display, windows, frames):
    env = {**backend.env, 'DISPLAY': display, 'MESA_VK_WSI_DEBUG': windows}
    start = time.monotonic()
    done = subprocess.run(backend.prefix + ['vkcube', '--c', str(frames), '--width', '1280', '--height', '800', '--present_mode', '0'],
                          env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        print(f'run.py: {backend.name}: vkcube: status {done.returncode}\n{done.stderr}', file=sys.stderr)
        return None
    return time.monotonic() - start


def measure_vkcube(backends, rounds):
    """Frames per second from the difference of a long and a short run: the start does not count."""
    if not shutil.which('vkcube') or not shutil.which('Xvfb'):
        print('run.py: vkcube or Xvfb is not installed: not measured', file=sys.stderr)
        return
    # What 'vitrine run' sets; lavapipe does the same natively.
    windows = 'sw,linear' if 'lvp' in backends[0].env['VK_DRIVER_FILES'] else 'sw'
    x = Xvfb()
    for _ in range(rounds):
        for backend in backends:
            short, long = (time_vkcube(backend, x.display, windows, frames) for frames in (50, 450))
            if short and long and long > short:
                backend.add('vkcube', 'frames/s', 400 / (long - short))
    x.stop()


def pairs(native, guest, name, how):
    """Each round compared with its neighbour, then the median: what else the machine does cancels out."""
    a, b = native.rounds.get(name), guest.rounds.get(name)
    if not a or not b:
        return None
    if how == 'plus':
        return statistics.median(y - x for x, y in zip(a, b))
    values = [y / x for x, y in zip(a, b) if x]
    return statistics.median(values) if values else None


def judge(native, guest, row, nvidia):
    """(text of the comparison, limit's text, whether it is kept or None)."""
    name, _, how, *limits = row
    limit = limits[1 if nvidia else 0]
    if how == 'value/ratio':
        how = 'ratio' if nvidia else 'value'
    ratio, plus, value = pairs(native, guest, name, 'ratio'), pairs(native, guest, name, 'plus'), guest.median(name)
    if value is None:
        return '-', '', None
    if how == 'plus':
        text, ok = f'{plus:+.1f}' if plus is not None else '-', plus is not None and limit is not None and plus <= limit
        bound = f'<= +{limit}'
    elif how == 'value':
        text, ok, bound = f'x {ratio:.2f}' if ratio else '', limit is not None and value <= limit, f'<= {limit}'
    elif how == 'at_least':
        text, ok, bound = f'x {ratio:.3f}', limit is not None and ratio >= limit, f'>= x {limit}'
    else:
        text, bound = f'x {ratio:.2f}' if ratio else '', f'<= x {limit}'
        ok = limit is not None and ratio is not None and ratio <= limit
    return (text, bound, ok) if how and limit is not None else (text, '', None)


def number(value):
    if value is None:
        return '-'
    return f'{value:.0f}' if value >= 1000 else f'{value:.1f}' if value >= 10 else f'{value:.2f}'


def print_table(backends, nvidia):
    native, guests = backends[0], backends[1:]
    for backend in backends:
        print(f'{backend.name}: {backend.device}')
    header = f'{"":46} {"unit":9}' + ''.join(f' {b.name:>10}' for b in backends)
    print('\n' + header + ''.join(f' {"against":>9} {"limit":>10}     ' for _ in guests))
    missed = 0
    for row in LIMITS:
        name, what = row[:2]
        if not any(name in b.rounds for b in backends):
            continue
        unit = next(b.unit[name] for b in backends if name in b.unit)
        line = f'{what:46} {unit:9}' + ''.join(f' {number(b.median(name)):>10}' for b in backends)
        for i, guest in enumerate(guests):
            text, bound, ok = judge(native, guest, row, nvidia)
            mark = '' if ok is None else 'pass' if ok else 'MISS'
            missed += ok is False and i == 0  # others are here to be looked at
            line += f' {text:>9} {bound:>10} {mark:4}'
        print(line)
    return missed


def start_vitrine(path, env, folder):
    socket = str(Path(folder) / 'vitrine.sock')
    server = subprocess.Popen([path, 'serve', '--socket', socket], env=env, stdout=subprocess.PIPE, text=True)
    line = server.stdout.readline()
    if not line.startswith('READY'):
        sys.exit(f'run.py: vitrine serve did not start: {line}')
    return server, socket


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument('--build', default=str(ROOT / 'build'))
    parser.add_argument('--client', help='default: bench/bench-client in the build folder')
    parser.add_argument('--vitrine', help='default: vitrine in the build folder; "none": only --socket')
    parser.add_argument('--socket', action='append', default=[], metavar='LABEL=PATH', help='another vtest server')
    parser.add_argument('--native-icd', help='default: lavapipe')
    parser.add_argument('--guest-icd', help='default: the installed Venus driver')
    parser.add_argument('--guest-root', help='a root folder with another Mesa, to be measured as well')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--repeat', type=int, default=4, help='how often short things are done in a round')
    parser.add_argument('--draws', type=int, default=100000)
    parser.add_argument('--only', help='groups of bench-client; also "idle" and "vkcube"')
    parser.add_argument('--json', help='write all figures to this file')
    return parser.parse_args()


def root_backend(root, socket, server, client):
    """A guest inside another root folder; the server's socket lies inside it, too."""
    driver = sorted(glob.glob(f'{root}{MANIFESTS}/virtio_icd*.json'))
    if not driver:
        sys.exit(f'run.py: {root} has no Venus driver')
    # Under the same path as outside, so that one command line serves all.
    inside = Path(root + str(Path(client).parent))
    inside.mkdir(parents=True, exist_ok=True)
    shutil.copy(client, inside)
    env = {**driver_env(driver[0][len(root):]), 'VN_DEBUG': 'vtest', 'VTEST_SOCKET_NAME': socket[len(root):]}
    return Backend('in root', env, server, [shutil.which('chroot') or '/usr/sbin/chroot', root])


def make_backends(args, folder):
    native_env = driver_env(args.native_icd or manifest('lvp'))
    guest = args.guest_icd or manifest('virtio')
    sockets = [item.split('=', 1) for item in args.socket]
    backends = [Backend('native', native_env)]
    server = None
    if args.vitrine != 'none':
        server, socket = start_vitrine(args.vitrine or f'{args.build}/vitrine', native_env, folder)
        sockets.insert(0, ['vitrine', socket])
    for label, path in sockets:
        env = {**driver_env(guest), 'VN_DEBUG': 'vtest', 'VTEST_SOCKET_NAME': path}
        backends.append(Backend(label, env, server if label == 'vitrine' else None))
    if args.guest_root and server:
        backends.append(root_backend(args.guest_root, socket, server, client_path(args)))
    return backends, server


def client_path(args):
    return str(Path(args.client or f'{args.build}/bench/bench-client').resolve())


def measure(args, backends):
    client = client_path(args)
    only = args.only.split(',') if args.only else None
    groups = [g for g in only if g not in ('idle', 'vkcube')] if only else None
    if groups is None or groups:
        command = [client, '--repeat', str(args.repeat), '--draws', str(args.draws)]
        command += ['--only', ','.join(groups)] if groups else []
        for i in range(args.rounds):
            for backend in backends:
                print(f'round {i + 1} of {args.rounds}: {backend.name}', file=sys.stderr)
                run_client(backend, command)
    if not only or 'idle' in only:
        for _ in range(min(args.rounds, 3)):
            for backend in backends:
                if backend.name == 'native' or backend.server:
                    measure_idle(backend, client)
    if not only or 'vkcube' in only:
        measure_vkcube(backends, min(args.rounds, 5))


def main():
    args = parse_arguments()
    if args.guest_root:
        args.guest_root = str(Path(args.guest_root).resolve())
        tempfile.tempdir = f'{args.guest_root}/tmp'
    with tempfile.TemporaryDirectory(prefix='vitrine-bench-') as folder:
        backends, server = make_backends(args, folder)
        try:
            measure(args, backends)
        finally:
            if server:
                server.send_signal(signal.SIGTERM)
                server.wait()
                server.stdout.close()
    nvidia = 'NVIDIA' in (backends[0].device or '')
    missed = print_table(backends, nvidia)
    if args.json:
        data = {b.name: {'device': b.device, 'units': b.unit, 'rounds': b.rounds} for b in backends}
        Path(args.json).write_text(json.dumps(data, indent=1))
    print(f'\n{missed} limits missed' if missed else '\nall limits kept')


main()
