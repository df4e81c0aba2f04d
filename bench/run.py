#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures Vulkan natively and through vtest sockets, in turns, and prints medians and ratios.

    run.py                                        native against a `vitrine serve` of its own
    run.py --null                                 single commands and frames, on the driver that does nothing
    run.py --vitrine build/vitrine --vitrine old=/tmp/old/vitrine       also another version
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

import figures
import processes
from figures import Backend

ROOT = Path(__file__).resolve().parent.parent
MANIFESTS = '/usr/share/vulkan/icd.d'
GROUPS = ['draws', 'submit', 'descriptors', 'allocate', 'timeline', 'bandwidth', 'pipelines', 'startup', 'frames', 'rate']
# What run.py measures by itself.
OWN_GROUPS = ['first', 'idle', 'memory', 'vkcube']
NULL_GROUPS = ['commands', 'frames', 'submit', 'descriptors', 'allocate', 'timeline']


# A cache on disk would compare who has compiled a shader before, not who is faster.
NO_CACHE = {'MESA_SHADER_CACHE_DISABLE': 'true', '__GL_SHADER_DISK_CACHE': '0'}


def plain_env():
    drop = ('XDG_', 'VK_', 'VN_', 'VTEST_', 'MESA_', 'LVP_', 'LP_', 'VTR_')
    env = {k: v for k, v in os.environ.items() if not k.startswith(drop)}
    env['NODEVICE_SELECT'] = '1'  # Mesa's device selection layer would ask an X server
    return env


def manifest(name):
    found = sorted(glob.glob(f'{MANIFESTS}/{name}_icd*.json'))
    if not found:
        sys.exit(f'run.py: {MANIFESTS} has no {name}_icd.json: name the manifest on the command line')
    return found[0]


def driver_env(path, more=None):
    env = {**plain_env(), **(NO_CACHE if more is None else more)}
    env['VK_DRIVER_FILES'] = env['VK_ICD_FILENAMES'] = path
    return env


class Marks:
    """The processor time of the host between the marks of a client: of all its threads, and of the busiest."""

    def __init__(self, root):
        self.root = root  # a process, or None: not known
        self.start = None
        self.sections = {}  # name: [(ns of all, ns of the busiest, divisor)]
        self.unit = {}

    def take(self, fields):
        if not self.root:
            return
        times = processes.thread_times(processes.tree(self.root))
        if fields[0] == 'begin':
            self.start = times
        else:
            _, name, unit, divisor = fields
            self.sections.setdefault(name, []).append((*processes.spent(self.start, times), float(divisor)))
            self.unit[name] = unit

    def base(self, name):
        """What a round without any command takes, with its wake-ups: ns of all threads and of the busiest."""
        empty = figures.empty_round(name)
        return [min(value[i] for value in self.sections.get(empty, [(0, 0, 1)])) for i in (0, 1)]

    def store(self, backend):
        for name, values in self.sections.items():
            single, base = figures.is_command(name), self.base(name)
            for i, figure in enumerate(('host', 'thread')):
                each = [(value[i] - base[i]) / value[2] for value in values]
                backend.add(f'{name}_{figure}', self.unit[name], min(each) if single else statistics.median(each))


def run_client(backend, command):
    with tempfile.TemporaryFile('w+') as errors:
        client = subprocess.Popen(backend.prefix + command, env=backend.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=errors, text=True)
        marks = Marks(client.pid if backend.name == 'native' else backend.server)
        for line in client.stdout:
            fields = line.rstrip('\n').split('\t')
            if fields[0] in ('begin', 'end'):
                marks.take(fields)
                client.stdin.write('\n')
                client.stdin.flush()
            elif fields[0] == 'device':
                backend.device = f'{fields[1]}, Vulkan {fields[2]}'
            else:
                backend.add(fields[0], fields[1], float(fields[3 if figures.is_command(fields[0]) else 2]))
        client.stdin.close()
        client.stdout.close()
        status = client.wait()
        marks.store(backend)
        if status:
            errors.seek(0)
            print(f'run.py: {backend.name}: {" ".join(command)}: status {status}\n{errors.read()}', file=sys.stderr)


class IdleClient:
    """A client that waits, and the processes that are new on the side of the server."""

    def __init__(self, backend, client, mode='--idle'):
        known = processes.tree(backend.server) if backend.server else set()
        self.process = subprocess.Popen(backend.prefix + [client, mode], env=backend.env, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        while line and line != 'READY\n':
            line = self.process.stdout.readline()
        self.ready = bool(line)
        self.host = {self.process.pid} if backend.name == 'native' else processes.tree(backend.server) - known

    def stop(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def measure_idle(backend, client):
    """The process that has the driver: the client itself natively, the worker with vitrine."""
    idle = IdleClient(backend, client)
    if idle.ready and idle.host:
        pid = max(idle.host)
        time.sleep(2)
        start = processes.cpu_ms(pid)
        time.sleep(4)
        backend.add('idle_cpu', 'ms/s', (processes.cpu_ms(pid) - start) / 4)
        backend.add('idle_private', 'KiB', processes.private_kib(pid))
        # A native client's main thread is its own; in a worker every thread but the driver's is ours.
        threads = len(os.listdir(f'/proc/{pid}/task'))
        backend.add('idle_threads', '', threads - 1 if backend.name == 'native' else threads)
    idle.stop()


def measure_memory(backend, shown, client):
    """What the second eight of 16 idle clients add on the side that has the driver; what all share counts once."""
    clients, sizes = [], []
    for count in range(1, 17):
        clients.append(IdleClient(backend, client, '--idle-open'))
        if count % 8 == 0:
            time.sleep(3)  # until renderers have given back what they do not need
            if backend.name == 'native':
                pids = [one.process.pid for one in clients]
            else:
                pids = processes.tree(backend.server)
            sizes.append(processes.pss_kib(pids))
    if all(one.ready for one in clients) and None not in sizes:
        shown.add('idle_pss', 'MiB', (sizes[1] - sizes[0]) / 8 / 1024)
    for one in clients:
        one.stop()


def time_first_look(backend, client):
    """In ms, of a new process. None: it failed."""
    done = subprocess.run(backend.prefix + [client, '--first-look'], env=backend.env, stdout=subprocess.PIPE, text=True)
    return float(done.stdout.split('\t')[2]) if done.returncode == 0 else None


def measure_cached(args, backends, groups, servers):
    """With servers of their own: drivers may keep compiled shaders, as they do on most systems."""
    client = client_path(args)
    with tempfile.TemporaryDirectory(prefix='vitrine-cached-') as folder:
        cached = list(zip(make_backends(args, folder, servers, {'HOME': folder}), backends))
        for backend, _ in cached:
            time_first_look(backend, client)  # fills the cache
        for _ in range(2 * args.rounds if 'first' in groups else 0):
            for backend, shown in cached:
                value = time_first_look(backend, client)
                if value is not None:
                    shown.add('first_look', 'ms', value)
        for backend, shown in cached if 'memory' in groups else []:
            if backend.name == 'native' or backend.server:
                measure_memory(backend, shown, client)


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


def start_vitrine(path, env, folder, label):
    socket = str(Path(folder) / f'{label}.sock')
    server = subprocess.Popen([path, 'serve', '--socket', socket], env=env, stdout=subprocess.PIPE, text=True)
    line = server.stdout.readline()
    if not line.startswith('READY'):
        sys.exit(f'run.py: {path} serve did not start: {line}')
    return server, socket


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument('--build', default=str(ROOT / 'build'))
    parser.add_argument('--client', help='default: bench/bench-client in the build folder')
    parser.add_argument('--vitrine', action='append', default=[], metavar='[LABEL=]PATH',
                        help='default: vitrine in the build folder; several are compared; "none": only --socket')
    parser.add_argument('--socket', action='append', default=[], metavar='LABEL=PATH', help='another vtest server')
    parser.add_argument('--null', action='store_true', help='the test driver, natively and in our servers')
    parser.add_argument('--native-icd', help='default: lavapipe')
    parser.add_argument('--guest-icd', help='default: the installed Venus driver')
    parser.add_argument('--guest-root', help='a root folder with another Mesa, to be measured as well')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--repeat', type=int, default=4, help='how often short things are done in a round')
    parser.add_argument('--draws', type=int, default=100000)
    parser.add_argument('--threads', default='1,4,8', help='how many threads record frames')
    parser.add_argument('--only', help=f'groups: {" ".join(GROUPS + ["commands"] + OWN_GROUPS)}')
    parser.add_argument('--json', help='write all figures to this file')
    return parser.parse_args()


def root_backend(root, socket, server, client, label, more):
    """A guest inside another root folder; the server's socket lies inside it, too."""
    driver = sorted(glob.glob(f'{root}{MANIFESTS}/virtio_icd*.json'))
    if not driver:
        sys.exit(f'run.py: {root} has no Venus driver')
    # Under the same path as outside, so that one command line serves all.
    inside = Path(root + str(Path(client).parent))
    inside.mkdir(parents=True, exist_ok=True)
    shutil.copy(client, inside)
    env = {**driver_env(driver[0][len(root):], more), 'VN_DEBUG': 'vtest', 'VTEST_SOCKET_NAME': socket[len(root):]}
    return Backend(f'{label}@root', env, server, [shutil.which('chroot') or '/usr/sbin/chroot', root])


def make_backends(args, folder, servers, more=None):
    """`servers` gets the processes that are started; `more` is their environment and that of the clients."""
    native_env = driver_env(args.native_icd or manifest('lvp'), more)
    guest = args.guest_icd or manifest('virtio')
    backends = [Backend('native', native_env)]
    sockets = []  # label, path, process
    for item in args.vitrine or [f'{args.build}/vitrine']:
        if item != 'none':
            label, path = item.split('=', 1) if '=' in item else ('vitrine', item)
            server, socket = start_vitrine(path, native_env, folder, label)
            servers.append(server)
            sockets.append((label, socket, server.pid))
    ours = len(sockets)
    for item in args.socket:
        label, path = item.split('=', 1)
        sockets.append((label, path, processes.owner_of_socket(path)))
    for i, (label, path, pid) in enumerate(sockets):
        env = {**driver_env(guest, more), 'VN_DEBUG': 'vtest', 'VTEST_SOCKET_NAME': path}
        backends.append(Backend(label, env, pid))
        if args.guest_root and i < ours:
            backends.append(root_backend(args.guest_root, path, pid, client_path(args), label, more))
    return backends


def client_path(args):
    return str(Path(args.client or f'{args.build}/bench/bench-client').resolve())


def measure_own(args, backends, groups, servers):
    client = client_path(args)
    if 'first' in groups or 'memory' in groups:
        measure_cached(args, backends, groups, servers)
    for _ in range(min(args.rounds, 3) if 'idle' in groups else 0):
        for backend in backends:
            if backend.name == 'native' or backend.server:
                measure_idle(backend, client)
    if 'vkcube' in groups:
        measure_vkcube([b for b in backends if not b.prefix], min(args.rounds, 5))


def measure(args, backends, servers):
    groups = args.only.split(',') if args.only else NULL_GROUPS if args.null else GROUPS + OWN_GROUPS
    named = [group for group in groups if group not in OWN_GROUPS]
    command = [client_path(args), '--repeat', str(args.repeat), '--threads', args.threads, '--pause']
    for i in range(args.rounds if named else 0):
        for backend in backends:
            print(f'round {i + 1} of {args.rounds}: {backend.name}', file=sys.stderr)
            if 'commands' in named:
                # So many that wake-ups, which vary, are small beside them.
                run_client(backend, command + ['--draws', str(4 * args.draws), '--only', 'commands'])
            rest = ','.join(group for group in named if group != 'commands')
            if rest:
                run_client(backend, command + ['--draws', str(args.draws), '--only', rest])
    measure_own(args, backends, groups, servers)


def kind_of_device(backend, null):
    return 'null' if null else 'nvidia' if 'NVIDIA' in (backend.device or '') else 'lavapipe'


def main():
    args = parse_arguments()
    if args.null:
        args.native_icd = f'{args.build}/tests/driver/test_icd.json'
    if args.guest_root:
        args.guest_root = str(Path(args.guest_root).resolve())
        tempfile.tempdir = f'{args.guest_root}/tmp'
    servers = []
    with tempfile.TemporaryDirectory(prefix='vitrine-bench-') as folder:
        try:
            backends = make_backends(args, folder, servers)
            measure(args, backends, servers)
        finally:
            for server in servers:
                server.send_signal(signal.SIGTERM)
                server.wait()
                server.stdout.close()
    device = kind_of_device(backends[0], args.null)
    for backend in backends:
        print(f'{backend.name}: {backend.device}')
    missed = figures.print_commands(backends, device) + figures.print_table(backends, device)
    if args.json:
        data = {b.name: {'device': b.device, 'units': b.unit, 'rounds': b.rounds} for b in backends}
        Path(args.json).write_text(json.dumps(data, indent=1))
    print(f'\n{missed} limits missed' if missed else '\nall limits kept')


main()
