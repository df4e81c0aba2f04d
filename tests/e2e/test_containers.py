#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Containers by podman and runc, through `vitrine cdi`: images of Debian sid, 12 and 11 from which all of Mesa and the
Vulkan loader are missing; and a hostile container beside a good one.

Needs root, podman, runc, the driver of tools/make-guest-driver, and a Debian mirror for the first time.
"""
import contextlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import e2e
from harness import expect
from test_programs import Xvfb

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'tools'))
import debs

CACHE = Path('/var/cache/vitrine-tests/containers')
SPECIFICATIONS = Path('/run/cdi')
BASE = ['base-files', 'bash', 'coreutils', 'dash', 'libc-bin', 'libc6', 'libgcc-s1', 'vulkan-tools', 'mesa-utils']
MORE = {'sid': ['mesa-utils-bin', 'glmark2-es2-x11', 'libggml0-backend-vulkan', 'llama.cpp-tests', 'libpng16-16t64'],
        'bookworm': ['glmark2-es2-x11'], 'bookworm-i386': ['glmark2-es2-x11'], 'bullseye': []}
# What the guest's driver brings: packages whose names begin so are left out of the images.
LEFT_OUT = ('libdrm', 'libegl', 'libgallium', 'libgbm', 'libgl1', 'libglapi', 'libgles', 'libglvnd', 'libglx', 'libllvm',
            'libopengl', 'libvulkan', 'libwayland', 'mesa-libgallium', 'mesa-vulkan')
# As in this project's sandboxes, whose control groups and kernel lack what podman would like to use.
FLAGS = ['--cgroup-manager=cgroupfs', '--runtime', 'runc']
RUN_FLAGS = ['--rm', '--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1000:1000', '--network=none', '--security-opt',
             'seccomp=unconfined']
BENCHMARK = '/usr/libexec/x86_64-linux-gnu/ggml/test-backend-ops'


def fetch_image(suite):
    """A folder in the cache with an image without a driver, from packages' contents. A suite may end in an architecture."""
    release, _, architecture = suite.partition('-')
    folder = CACHE / suite
    if (folder / 'complete').exists():
        return folder / 'root'
    shutil.rmtree(folder, ignore_errors=True)
    try:
        apt = debs.Apt(debs.default_cache(), [release], debs.MIRROR, architecture or 'amd64')
        apt.update()
        packages = apt.download([*BASE, *MORE[suite]])
    except debs.Error as error:
        raise unittest.SkipTest(f'packages of {suite}: {error}')
    kept = [path for path in packages if not debs.package_name(path).startswith(LEFT_OUT)]
    # The first one makes the links of a merged /usr.
    debs.unpack(sorted(kept, key=lambda path: debs.package_name(path) != 'base-files'), folder / 'root')
    (folder / 'complete').touch()
    return folder / 'root'


def make_image(folder, suite):
    """A copy of it, which may be written to."""
    subprocess.run(['cp', '-a', str(fetch_image(suite)), str(folder)], check=True)
    for pattern in ('libvulkan*', 'libEGL*', 'libGL.*', 'libGLX*', 'libGLdispatch*', 'libgallium*', 'libdrm*',
                    '*_icd*.json', 'libwayland*'):
        expect(not list(folder.rglob(pattern)), f'{suite} has {pattern}')
    (folder / 'tmp').mkdir(exist_ok=True)
    return folder


class Engine:
    """`vitrine serve`, its specification where engines look, and podman with a storage of its own."""

    def __init__(self, *arguments, name='', group=None, env=None):
        self.group = group
        self.env = env or e2e.native_env()
        self.folder = tempfile.TemporaryDirectory(prefix='vitrine-containers-')
        self.dir = Path(self.folder.name)
        self.arguments = arguments
        self.device = f'test-{os.getpid()}{name}'
        self.specification = SPECIFICATIONS / f'vitrine-{self.device}.json'

    def __enter__(self):
        if os.geteuid() != 0:
            raise unittest.SkipTest('podman with folders as images needs root')
        self.podman = e2e.tool('podman')
        e2e.tool('runc')
        driver = e2e.build / 'guest-driver'
        if not (driver / 'driver.json').exists():
            raise unittest.SkipTest(f'{driver} is missing: make guest-driver')
        socket = self.dir / 'own/vtest.sock'
        socket.parent.mkdir()
        self.log = open(self.dir / 'serve.log', 'w')
        enter = f'echo $$ >{self.group}/cgroup.procs && ' if self.group else ''
        self.server = subprocess.Popen(['sh', '-c', enter + 'exec "$0" "$@"', e2e.program('vitrine'), 'serve',
                                        '--socket', socket, *self.arguments],
                                       stdout=subprocess.PIPE, stderr=self.log, text=True, env=self.env)
        expect(self.server.stdout.readline().startswith('READY'), 'no server')
        SPECIFICATIONS.mkdir(parents=True, exist_ok=True)
        subprocess.run([e2e.program('vitrine'), 'cdi', '--device', f'{self.device}={socket}', '--guest-driver', driver,
                        '--cpu', '--output', self.specification], check=True)
        return self

    def __exit__(self, *_):
        self.specification.unlink(missing_ok=True)
        self.server.terminate()
        status = self.server.wait(60)
        self.server.stdout.close()
        self.log.close()
        text = (self.dir / 'serve.log').read_text()
        # podman leaves mounts of its storage behind.
        for line in reversed(Path('/proc/self/mounts').read_text().splitlines()):
            if line.split()[1].startswith(f'{self.dir}/'):
                subprocess.run(['umount', '--lazy', line.split()[1]], check=True)
        self.folder.cleanup()
        expect(status == 0 and 'Sanitizer' not in text, text[-3000:])

    def podman_command(self):
        return [self.podman, '--root', str(self.dir / 'podman'), '--runroot', str(self.dir / 'podman-run'), *FLAGS]

    def command(self, image, *words, flags=()):
        return [*self.podman_command(), 'run', *RUN_FLAGS, *flags, '--device',
                f'vitrine.dev/gpu={self.device}', '--rootfs', str(image), *map(str, words)]

    def run(self, image, *words, flags=(), check=True):
        done = subprocess.run(self.command(image, *words, flags=flags), stdin=subprocess.DEVNULL, timeout=900,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace')
        expect(not check or done.returncode == 0, f'{words}: {done.returncode}\n{done.stdout[-3000:]}')
        return done.stdout


def show(suite, text, word):
    line = next((line.strip() for line in text.splitlines() if word in line), None)
    expect(line, f'{word} is not in\n{text[-3000:]}')
    print(f'{suite}: {line}')
    return line


def check_image(suite):
    with Engine() as engine, Xvfb() as x, tempfile.TemporaryDirectory(prefix='vitrine-image-') as folder:
        image = make_image(Path(folder) / 'root', suite)
        window = ['-v', '/tmp/.X11-unix:/tmp/.X11-unix', '-e', f'DISPLAY={x.display}']
        expect('Virtio-GPU Venus' in show(suite, engine.run(image, 'vulkaninfo', '--summary'), 'deviceName'), suite)
        text = engine.run(image, 'vkcube', '--c', '60', flags=window)
        if suite != 'bullseye':  # its vkcube does not name the device, which is the only one
            expect('Virtio-GPU Venus' in show(suite, text, 'Selected GPU'), text)
        renderer = show(suite, engine.run(image, 'glxinfo', '-B', flags=window), 'OpenGL renderer string')
        expect('zink' in renderer and 'Virtio-GPU Venus' in renderer, renderer)
        if 'mesa-utils-bin' in MORE[suite]:
            # Without a window system. Other platforms are not there, so the status is not 0.
            renderer = show(suite, engine.run(image, 'eglinfo', '-B', '-p', 'surfaceless', check=False), 'core profile renderer')
            expect('zink' in renderer, renderer)
        if 'glmark2-es2-x11' in MORE[suite]:
            text = engine.run(image, 'glmark2-es2', '--validate', '-b', 'build', '-b', 'texture', flags=window)
            expect(text.count('Validation: Success') == 2, text)
        if 'llama.cpp-tests' in MORE[suite]:
            # ggml ignores devices that are processors unless they are named.
            text = engine.run(image, BENCHMARK, 'perf', '-b', 'Vulkan0', '-o', 'ADD', '-p', r'ne=\[4096,1,1,1\],nr=\[1,1,1,1\]',
                              flags=['-e', 'GGML_VK_VISIBLE_DEVICES=0'])
            show(suite, text, 'us/run')
        check_own_libraries(engine, image, suite)


def check_own_libraries(engine, image, suite):
    """The image's libxcb is used; ours only where it has none."""
    text = engine.run(image, '/bin/sh', '-c', '/sbin/ldconfig -p')
    first = {}
    for name, machine, path in re.findall(r'^\s(\S+) \(([^)]*)\) => (\S+)$', text, re.M):
        if ('x86-64' in machine) != suite.endswith('-i386'):
            first.setdefault(name, path)
    expect(not first['libxcb.so.1'].startswith('/usr/lib/vitrine/'), first['libxcb.so.1'])
    expect(first['libwayland-client.so.0'].startswith('/usr/lib/vitrine/'), first['libwayland-client.so.0'])


def test_sid():
    check_image('sid')


def test_debian_12():
    check_image('bookworm')


def test_debian_11():
    check_image('bullseye')


def test_32_bit():
    """As wine's programs are: the processor's other kind of code, in the program and in the driver."""
    driver = e2e.build / 'guest-driver/driver.json'
    if driver.exists() and 'i386' not in json.loads(driver.read_text())['machines']:
        raise unittest.SkipTest('the driver was made without --machine i386')
    check_image('bookworm-i386')


def test_musl():
    """The engine says why such a container does not start."""
    with Engine() as engine, tempfile.TemporaryDirectory(prefix='vitrine-image-') as folder:
        for name in ('etc', 'lib', 'bin'):
            (Path(folder) / name).mkdir()
        (Path(folder) / 'lib/ld-musl-x86_64.so.1').touch()
        text = engine.run(folder, '/bin/true', check=False)
        print(text.strip()[:400])
        expect('the image has musl' in text, text)


def test_two_gpus():
    """A server for each of two devices: a container sees the one that it was given, and only that one."""
    manifest = str(e2e.build / 'tests/driver/test_icd.json')
    env = {**e2e.plain_env(), 'VK_DRIVER_FILES': manifest, 'VK_ICD_FILENAMES': manifest, 'VTR_TEST_DRIVER': 'devices=2'}
    with Engine('--gpu', '0', name='a', env=env) as first, Engine('--gpu', '1', name='b', env=env) as second, \
            tempfile.TemporaryDirectory(prefix='vitrine-image-') as folder:
        image = make_image(Path(folder) / 'root', 'sid')
        for number, engine in enumerate((first, second), 1):
            text = engine.run(image, 'vulkaninfo', '--summary')
            found = [int(line, 16) for line in re.findall(r'deviceID\s+= (0x\w+)', text)]
            show(f'--gpu {number - 1}', text, 'deviceUUID')
            expect(found == [number], text)  # as the test driver numbers them


# --- a hostile container ---------------------------------------------------------------------------------

FRAMES = 120
ROUNDS = 3
GOAL = 0.4
# Other programs may take the processor while the good container is not alone. A share that is too small is so each time.
ATTEMPTS = 3


def frame_rate(engine, image, program):
    begin = time.monotonic()
    engine.run(image, f'/tmp/{program.name}', '--frames', FRAMES, '--size', '640x480')
    return FRAMES / (time.monotonic() - begin)


def start_hostile(engine, image, way, programs=1):
    loop = f'for i in $(seq {programs}); do /tmp/vk-hostile {way} & done; wait'
    process = subprocess.Popen(engine.command(image, '/bin/sh', '-c', loop, flags=['--name', 'hostile']),
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               errors='replace')
    started = 0
    for line in process.stdout:
        started += line.startswith(way)
        if started == programs:
            print(f'hostile container: {line.strip()}')
            return process, int(line.split()[1])
    raise AssertionError(f'{way}: the hostile container ended with {process.wait()}')


def stop_hostile(engine, process):
    """podman's own end would leave the container to run."""
    subprocess.run([*engine.podman_command(), 'rm', '--force', '--time', '0', 'hostile'], check=True,
                   stdout=subprocess.DEVNULL)
    process.stdout.close()
    process.wait(60)


def make_pair(folder):
    """Two images, the first with a cube, the second with the hostile program."""
    images = [make_image(folder / name, 'sid') for name in ('good', 'bad')]
    cube = Path(e2e.program('vitrine-cube'))
    shutil.copy(cube, images[0] / 'tmp')
    shutil.copy(e2e.program('vk-hostile'), images[1] / 'tmp')
    return images, cube


def expect_share(what, alone, beside):
    """Two functions that measure a rate, in turns."""
    for _ in range(ATTEMPTS):
        rounds = [(alone(), beside()) for _ in range(ROUNDS)]
        shares = [second / first for first, second in rounds]
        print(f'{what}: {statistics.median(first for first, _ in rounds):.0f} frames/s alone; of these beside the other: '
              f'{[f"{100 * share:.0f} %" for share in shares]}')
        if statistics.median(shares) > GOAL:
            return
    raise AssertionError(f'{what}: {rounds}')


def test_hostile_neighbour():
    """Memory, contexts, submits without end: budgets hold, and the other container draws on."""
    limits = {'memory': 2048, 'contexts': 32}  # half of all connections are for one container
    with Engine('--max-clients', '64', '-o', f'max-memory={limits["memory"]}M') as engine, tempfile.TemporaryDirectory(prefix='vitrine-image-') as folder:
        images, cube = make_pair(Path(folder))
        frame_rate(engine, images[0], cube)  # what is slow only once
        for way in ('memory', 'contexts', 'submits'):
            def beside():
                process, taken = start_hostile(engine, images[1], way)
                expect(way == 'submits' or limits[way] // 2 <= taken <= limits[way], f'{way}: {taken}')
                rate = frame_rate(engine, images[0], cube)
                stop_hostile(engine, process)
                return rate
            expect_share(way, lambda: frame_rate(engine, images[0], cube), beside)


@contextlib.contextmanager
def control_groups(count):
    """Folders of new control groups that share out the processor."""
    version_2 = Path('/sys/fs/cgroup/cgroup.controllers')
    parent = Path('/sys/fs/cgroup' if version_2.exists() else '/sys/fs/cgroup/cpu')
    groups = [parent / f'vitrine-test-{os.getpid()}-{i}' for i in range(count)]
    try:
        for group in groups:
            group.mkdir()
    except OSError as error:
        raise unittest.SkipTest(f'control groups: {error}')
    try:
        yield groups
    finally:
        for group in groups:
            group.rmdir()


def test_hostile_tenant():
    """Many contexts submit without end: a server for each tenant, in a control group of its own, shares the processor."""
    with control_groups(2) as groups, Engine(name='a', group=groups[0]) as good, Engine(name='b', group=groups[1]) as bad, \
            tempfile.TemporaryDirectory(prefix='vitrine-image-') as folder:
        images, cube = make_pair(Path(folder))
        frame_rate(good, images[0], cube)

        def beside():
            process, _ = start_hostile(bad, images[1], 'submits', programs=8)
            rate = frame_rate(good, images[0], cube)
            stop_hostile(bad, process)
            return rate
        expect_share('eight contexts', lambda: frame_rate(good, images[0], cube), beside)


if __name__ == '__main__':
    e2e.main()
