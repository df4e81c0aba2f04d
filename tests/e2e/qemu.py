# SPDX-License-Identifier: MIT
"""A virtual machine with the sample guest on `vitrine gpu`, for the time of a with statement.

Commands run in the guest through its serial console; QEMU is told things through QMP; pictures of the displays
come from `vitrine gpu`. Every wait has an end, and what a failure needs to be understood is printed with it.
"""
import collections
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

import e2e
import harness
from harness import expect

SOURCE = Path(__file__).resolve().parent.parent.parent
MINIMUM = (11, 1)
DEVICE = 'vhost-user-test-device-pci,chardev=gpu,virtio-id=16,num_vqs=2,vq_size=256,config_size=24'


def find_qemu(name='qemu-system-x86_64', folder='qemu'):
    """A QEMU that will do, or the reason to skip."""
    for path in (e2e.build / folder / name, shutil.which(name)):
        if path and os.access(path, os.X_OK):
            done = subprocess.run([path, '--version'], stdout=subprocess.PIPE, text=True)
            match = re.search(r'version (\d+)\.(\d+)', done.stdout)
            if match and (int(match[1]), int(match[2])) >= MINIMUM:
                return str(path)
    raise unittest.SkipTest('no QEMU 11.1 or newer: make guest')


def guest_programs():
    """Those of ours that run in a guest."""
    return [*(e2e.build / 'guest' / name for name in ('cube', 'events')),
            *(e2e.program(name) for name in ('vk-dump', 'vk-suite', 'bench-client'))]


def find_guest(folder='guest', options=(), programs=None):
    """Kernel and an initramfs with programs, by default guest_programs(); options: more of guest/build.py."""
    folder = e2e.build / folder
    if not (folder / 'vmlinuz').exists():
        raise unittest.SkipTest(f'no {folder.name}: make {folder.name}-for-tests')
    programs = programs or guest_programs()
    words = [word for path in programs for word in ('--program', str(path))]
    # Tests run at the same time: each set of programs has an image of its own.
    image = f'test-{hashlib.sha256(" ".join(words).encode()).hexdigest()[:8]}.img'
    e2e.run([sys.executable, SOURCE / 'guest' / 'build.py', '--folder', folder, '--initramfs', image, *options, *words],
            os.environ)
    return str(folder / 'vmlinuz'), str(folder / image)


# A generous end for what a guest does: it is emulated, on a machine that may be busy.
GUEST_S = 300


class Lines:
    """What a process prints, by lines, as it comes."""

    def __init__(self, stream):
        self.stream = stream
        self.lines = []
        self.ended = False
        self.changed = threading.Condition()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for raw in self.stream:
            with self.changed:
                self.lines.append(raw.decode(errors='replace').rstrip('\r\n'))
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def wait(self, pattern, start, seconds, what):
        """The index of the first line from `start` on that matches."""
        end = time.monotonic() + seconds
        at = start
        with self.changed:
            while True:
                while at < len(self.lines):
                    if re.search(pattern, self.lines[at]):
                        return at
                    at += 1
                left = end - time.monotonic()
                if self.ended or left <= 0:
                    why = 'its output ended' if self.ended else f'nothing in {seconds} s'
                    raise AssertionError(f'{what}: {why}; the last lines:\n' + '\n'.join(self.lines[-25:]))
                self.changed.wait(left)


class Qmp:
    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)

        def connects():  # QEMU makes the socket first, and listens a moment later
            try:
                self.sock.connect(str(path))
            except (FileNotFoundError, ConnectionRefusedError):
                return False
            return True
        expect(harness.wait_until(connects), 'QEMU does not answer at its QMP socket')
        self.stream = self.sock.makefile('rw')
        self.events = collections.Counter()
        json.loads(self.stream.readline())
        self.do('qmp_capabilities')

    def do(self, command, **arguments):
        self.stream.write(json.dumps({'execute': command, 'arguments': arguments}) + '\n')
        self.stream.flush()
        while True:
            line = self.stream.readline()
            expect(line, f'QEMU is gone ({command})')
            answer = json.loads(line)
            if 'event' in answer:
                self.events[answer['event']] += 1
            elif 'error' in answer:
                raise AssertionError(f'{command}: {answer["error"]["desc"]}')
            else:
                return answer['return']

    def human(self, line):
        return self.do('human-monitor-command', **{'command-line': line})


class Machine:
    # Without the check of the timer, which fails on a busy machine: then no interrupt comes.
    append = 'console=ttyS0 quiet panic=-1 no_timer_check -- serve'
    ready = '^guest: serving'
    boot_seconds = 300
    more_options = ()
    hardware = ('-cpu', 'max', '-machine', 'q35,memory-backend=mem')

    def __init__(self, displays=('1280x800',), gpu=(), memory='1G', reboots=False, processors=1, env=None,
                 sound=False):
        """displays: what --display says; gpu: more options of `vitrine gpu`; reboots: whether the guest may; sound: a
        sound card."""
        self.displays = displays
        self.gpu_options = gpu
        self.memory = memory
        self.reboots = reboots
        self.sound = sound
        self.processors = processors
        self.env = env or e2e.native_env()
        self.gpu = self.qemu = self.qmp = None

    def __enter__(self):
        qemu = self.find_qemu()
        kernel, initramfs = self.find_guest()
        self.folder = tempfile.TemporaryDirectory(prefix='vitrine-vm-')
        try:
            self.start_gpu()
            self.start_qemu(qemu, kernel, initramfs)
            self.wait_boot()
        except BaseException as error:
            self.close(error)
            raise
        return self

    def find_qemu(self):
        return find_qemu()

    def find_guest(self):
        return find_guest()

    def path(self, name):
        return Path(self.folder.name) / name

    def start_gpu(self):
        self.port = harness.free_port()
        options = [word for display in self.displays for word in ('--display', display)]
        options += ['--sound', str(self.path('sound'))] if self.sound else []
        command = [e2e.program('vitrine'), 'gpu', '--socket', str(self.path('gpu.sock')), '--input',
                   str(self.path('input')), '--http', f'127.0.0.1:{self.port}', *options, *self.gpu_options]
        with open(self.path('gpu.log'), 'wb') as log:
            self.gpu = subprocess.Popen(command, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=log)
        self.gpu_lines = Lines(self.gpu.stdout)
        at = self.gpu_lines.wait('^READY', 0, harness.SECONDS, 'vitrine gpu')
        self.token = self.gpu_lines.lines[at].split('#token=')[1].strip()

    def start_qemu(self, qemu, kernel, initramfs):
        inputs = [word for name in ('keyboard', 'tablet')
                  for word in ('-chardev', f'socket,id={name},path={self.path("input")}.{name}',
                               '-device', f'vhost-user-input-pci,chardev={name}')]
        if self.sound:
            inputs += ['-chardev', f'socket,id=sound,path={self.path("sound")}', '-device',
                       'vhost-user-snd-pci,chardev=sound']
        command = [
            qemu, '-nodefaults', '-no-user-config', *([] if self.reboots else ['-no-reboot']), '-display', 'none',
            '-accel', 'tcg', *self.hardware, '-smp', str(self.processors), '-m', self.memory,
            '-object', f'memory-backend-memfd,id=mem,size={self.memory},share=on', '-serial', 'stdio',
            '-qmp', f'unix:{self.path("qmp")},server=on,wait=off',
            '-chardev', f'socket,id=gpu,path={self.path("gpu.sock")}', '-device', DEVICE, *inputs,
            '-kernel', kernel, '-initrd', initramfs, '-append', self.append, *self.more_options,
        ]
        with open(self.path('qemu.log'), 'wb') as log:
            self.qemu = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        self.started = time.monotonic()
        self.console = Lines(self.qemu.stdout)
        self.seen = 0
        self.qmp = Qmp(self.path('qmp'))

    def wait_boot(self):
        """Waits until the guest takes commands; from the last command on, so also after a reboot."""
        at = self.console.wait(self.ready, self.seen, self.boot_seconds, 'the guest has not booted')
        self.seen = at + 1
        return time.monotonic() - self.started

    def send(self, command):
        self.qemu.stdin.write(command.encode() + b'\n')
        self.qemu.stdin.flush()

    def run(self, command, seconds=GUEST_S, check=True):
        """Runs a shell command in the guest; what it printed. With check, its status must be 0."""
        start = self.seen
        self.send(command)
        at = self.console.wait(r'guest: status \d+$', start, seconds, f'in the guest: {command}')
        self.seen = at + 1
        status = int(self.console.lines[at].rsplit(' ', 1)[1])
        head = self.console.lines[at].rpartition('guest: status')[0]
        text = '\n'.join([*self.console.lines[start:at], *([head] if head else [])])
        if check:
            expect(status == 0, f'in the guest: {command}: status {status}\n{text[-3000:]}')
        return text

    def start(self, command, log):
        """Runs a program of the guest in the background, its output in /tmp; its pid."""
        return int(self.run(f'{command} >/tmp/{log} 2>&1 & echo $!').split()[-1])

    def log_of(self, log):
        return self.run(f'cat /tmp/{log}')

    def wait_log(self, log, pattern):
        """Waits until a program in the background has printed something."""
        text = ''

        def is_there():
            nonlocal text
            text = self.log_of(log)
            return re.search(pattern, text)
        expect(harness.wait_until(is_there, GUEST_S, 0.3), f'{log}: no "{pattern}" in {GUEST_S} s:\n{text[-2000:]}')
        return text

    # --- the host's side -----------------------------------------------------------------------------

    def request(self, method, path, body=None, seconds=harness.SECONDS):
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=seconds)
        try:
            connection.request(method, path, body, {'Authorization': f'Bearer {self.token}'})
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        expect(answer.status < 300, f'{method} {path}: {answer.status} {text[:200]!r}')
        return text

    def get(self, path, seconds=harness.SECONDS):
        return self.request('GET', path, seconds=seconds)

    def put(self, display, **wish):
        """Asks for another mode of a display: width, height, connected."""
        self.request('PUT', f'/api/displays/{display}', json.dumps(wish))

    def picture(self, display=0):
        """What a display shows now, as PNG."""
        return self.get(f'/api/displays/{display}/frame.png')

    def gpu_log(self):
        return self.path('gpu.log').read_text(errors='replace')

    def workers(self):
        """The pids of the processes that draw for the guest."""
        return harness.children_with(self.gpu.pid, 'worker')

    def expect_alive(self):
        expect(self.gpu.poll() is None, f'vitrine gpu ended with status {self.gpu.poll()}')
        expect(self.qemu.poll() is None, f'QEMU ended with status {self.qemu.poll()}')

    # --- the end -------------------------------------------------------------------------------------

    def stop(self, process, name):
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(harness.SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                self.late.append(f'{name} did not end within {harness.SECONDS} s of SIGTERM')
        for stream in (process.stdin, process.stdout):
            if stream:
                try:
                    stream.close()
                except OSError:
                    pass

    def close(self, error):
        self.late = []
        gpu_died = self.gpu is not None and self.gpu.poll() is not None
        self.stop(self.qemu, 'QEMU')
        self.stop(self.gpu, 'vitrine gpu')
        logs = [self.path(name).read_text(errors='replace')[-5000:] if self.path(name).exists() else ''
                for name in ('gpu.log', 'qemu.log')]
        self.folder.cleanup()
        if error is not None and not isinstance(error, unittest.SkipTest):
            print(f'--- log of vitrine gpu\n{logs[0]}--- log of QEMU\n{logs[1]}---')
            if self.qemu:
                print('--- the end of the console\n' + '\n'.join(self.console.lines[-30:]) + '\n---')
        elif error is None:
            expect(not self.late, '; '.join(self.late))
            expect(not gpu_died and self.gpu.returncode == 0,
                   f'vitrine gpu ended with status {self.gpu.returncode}\n{logs[0]}')

    def __exit__(self, kind, error, trace):
        self.close(error)


class Shared:
    """A machine that the tests of a file use one after another, each in a with statement: a boot takes most of the time.
    After a test that failed the next one gets a new machine."""

    def __init__(self, make=Machine):
        self.make = make
        self.machine = None

    def __enter__(self):
        if self.machine is None:
            self.machine = self.make().__enter__()
            unittest.addModuleCleanup(self.close)
        return self.machine

    def __exit__(self, kind, error, trace):
        if error is not None:
            self.close(error)

    def close(self, error=None):
        machine, self.machine = self.machine, None
        if machine is not None:
            machine.close(error)


def frame_numbers(machine, count, display=0, seconds=300):
    """Takes `count` pictures, none twice, and compares them with the same frames drawn natively. Returns
    (number, largest difference, pixels that differ) of each in the order that they were taken."""
    end = time.monotonic() + seconds
    last = None
    with tempfile.TemporaryDirectory(prefix='vitrine-frames-') as folder:
        paths = []
        while len(paths) < count:
            expect(time.monotonic() < end, f'{len(paths)} pictures in {seconds} s')
            data = machine.picture(display)
            if data == last:
                continue
            last = data
            paths.append(Path(folder) / f'{len(paths):05}.png')
            paths[-1].write_bytes(data)
        return compare_frames(paths)


def compare_frames(paths):
    done = e2e.run([e2e.program('vk-frames'), *paths], e2e.native_env(), timeout=600)
    result = []
    for line in done.stdout.splitlines():
        match = re.search(r'frame (\d+) difference (\d+) pixels (\d+)$', line)
        expect(match, f'a picture shows no frame: {line}')
        result.append(tuple(int(text) for text in match.groups()))
    return result
