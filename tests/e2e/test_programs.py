#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Other people's programs run through vitrine: vulkaninfo, vkcube, glmark2 by zink, under X11 and Wayland; and
`vitrine run`.
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import e2e
import harness
from harness import expect


class Xvfb:
    """An X server without a screen."""

    def __enter__(self):
        server = e2e.tool('Xvfb')
        read, write = os.pipe()
        self.process = subprocess.Popen([server, '-displayfd', str(write), '-screen', '0', '1600x1000x24',
                                         '-nolisten', 'tcp'], pass_fds=[write], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        os.close(write)
        with os.fdopen(read) as pipe:
            number = pipe.readline().strip()
        if not number:
            self.process.wait()
            raise unittest.SkipTest('Xvfb does not start')
        self.display = f':{number}'
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


class Weston:
    """A Wayland compositor without a screen, which draws all the same."""

    BACKGROUND = (0x20, 0x40, 0x60)

    def __enter__(self):
        weston = e2e.tool('weston')
        self.folder = tempfile.TemporaryDirectory(prefix='vitrine-weston-')
        self.env = {**e2e.plain_env(), 'XDG_RUNTIME_DIR': self.folder.name, 'WAYLAND_DISPLAY': 'weston'}
        self.env.pop('DISPLAY', None)
        settings = Path(self.folder.name) / 'weston.ini'
        settings.write_text('[core]\nidle-time=0\n[shell]\npanel-position=none\nanimation=none\n'
                            'startup-animation=none\nclose-animation=none\nbackground-color=0xff%02x%02x%02x\n' % self.BACKGROUND)
        # Its name in weston 10; only the newer one in weston 16.
        known = e2e.run([weston, '--help'], self.env).stdout
        renderer = '--renderer=pixman' if '--renderer' in known else '--use-pixman'
        env = {name: value for name, value in self.env.items() if name != 'WAYLAND_DISPLAY'}
        self.process = subprocess.Popen([weston, '--backend=headless-backend.so', renderer, '--socket=weston',
                                         '--width=640', '--height=480', '--debug', f'--config={settings}'], env=env,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        socket = Path(self.folder.name) / 'weston'
        if not harness.wait_until(lambda: socket.exists() or self.process.poll() is not None) or not socket.exists():
            self.__exit__()
            raise unittest.SkipTest('weston does not start')
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()

    def drawn(self):
        """How many pixels a program has drawn; -1 as long as the desktop is not there."""
        shots = Path(self.folder.name) / 'shots'
        shutil.rmtree(shots, ignore_errors=True)
        shots.mkdir()
        e2e.run([e2e.tool('weston-screenshooter')], self.env, cwd=shots)
        done = subprocess.run([e2e.tool('ffmpeg'), '-loglevel', 'error', '-i', next(shots.iterdir()), '-f', 'rawvideo',
                               '-pix_fmt', 'rgb24', '-'], stdout=subprocess.PIPE, check=True)
        pixels = [done.stdout[i:i + 3] for i in range(0, len(done.stdout), 3)]
        background = pixels.count(bytes(self.BACKGROUND))
        return len(pixels) - background if background else -1


def run_command():
    return [e2e.program('vitrine'), 'run', '-o', f'driver={e2e.manifest("lvp")}', '--']


def test_vulkaninfo_summary():
    info = e2e.tool('vulkaninfo')
    done = e2e.run([e2e.program('vitrine'), 'run', '--', info, '--summary'], e2e.plain_env())
    names = [line.split('=')[1].strip() for line in done.stdout.splitlines() if 'deviceName' in line]
    print(f'devices: {names}')
    expect(any(name.startswith('Virtio-GPU Venus (') for name in names), f'{done.stdout[-2000:]}{done.stderr}')


def test_vulkaninfo_full():
    info = e2e.tool('vulkaninfo')
    with e2e.Server() as server:
        done = server.run([info, '--show-formats'])
    for part in ('VkPhysicalDeviceProperties', 'VkQueueFamilyProperties', 'VkPhysicalDeviceMemoryProperties',
                 'VkPhysicalDeviceFeatures', 'FORMAT_R8G8B8A8_UNORM'):
        expect(part in done.stdout, f'vulkaninfo printed no {part}')


def test_vkcube():
    cube = e2e.tool('vkcube')
    with Xvfb() as x, e2e.Server() as server:
        done = server.run([cube, '--c', '300', '--width', '1280', '--height', '800'],
                          more_env={'DISPLAY': x.display, 'MESA_VK_WSI_DEBUG': 'sw'})
        expect('Virtio-GPU Venus' in done.stdout + done.stderr, done.stdout + done.stderr)


def test_vkcube_by_run():
    """`run` finds out by itself what the X server needs."""
    cube = e2e.tool('vkcube')
    run = run_command()
    with Xvfb() as x:
        env = {**e2e.plain_env(), 'DISPLAY': x.display}
        e2e.run([*run, cube, '--c', '30'], env)
        done = e2e.run([*run, sys.executable, '-c', 'import os; print(os.environ["MESA_VK_WSI_DEBUG"])'], env)
        expect(done.stdout == 'sw,linear\n', done.stdout)


def test_vkcube_wayland():
    """The compositor has the window's pictures, and the program ends well."""
    cube = [shutil.which('vkcube-wayland')] if shutil.which('vkcube-wayland') else [e2e.tool('vkcube'), '--wsi', 'wayland']
    with Weston() as weston:
        done = e2e.run([*run_command(), *cube, '--c', '30'], weston.env)
        expect('Virtio-GPU Venus' in done.stdout + done.stderr, done.stdout + done.stderr)
        expect(harness.wait_until(lambda: weston.drawn() == 0), 'something is on the desktop')
        process = subprocess.Popen([*run_command(), *cube], env=weston.env, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        try:
            expect(harness.wait_until(lambda: weston.drawn() > 100000), 'no cube in 500 x 500 pixels on the desktop')
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


SCENES = ('build', 'texture', 'shading:shading=phong', 'bump', 'desktop:effect=shadow', 'buffer')


def run_glmark2(program, env):
    """OpenGL ES by zink: glmark2 checks pixels of its pictures."""
    mark = e2e.tool(program)
    # zink takes devices that are CPUs only if told so.
    env = {**env, 'MESA_LOADER_DRIVER_OVERRIDE': 'zink', 'LIBGL_ALWAYS_SOFTWARE': '1'}
    done = e2e.run([*run_command(), mark, '--validate', *(word for scene in SCENES for word in ('-b', scene))], env)
    renderer = [line.strip() for line in done.stdout.splitlines() if 'GL_RENDERER' in line]
    print('\n'.join(renderer))
    expect(len(renderer) == 1 and 'zink' in renderer[0] and 'Virtio-GPU Venus' in renderer[0], done.stdout + done.stderr)
    expect(done.stdout.count('Validation: Success') == len(SCENES), done.stdout)


def test_zink_x11():
    with Xvfb() as x:
        run_glmark2('glmark2-es2', {**e2e.plain_env(), 'DISPLAY': x.display})


def test_zink_wayland():
    with Weston() as weston:
        run_glmark2('glmark2-es2-wayland', weston.env)


def test_layers_stay_with_the_program():
    """Layers that load by themselves are for the program: the worker has none. Mesa's always loads."""
    layer = 'libVkLayer_MESA_device_select'
    env = e2e.native_env()
    del env['NODEVICE_SELECT']
    with e2e.Server(env=env) as server:
        cube = server.start([e2e.program('vitrine-cube'), '--frames', '100000'], stdout=subprocess.DEVNULL)
        try:
            def maps():
                return ''.join(Path(f'/proc/{pid}/maps').read_text() for pid in server.workers())
            expect(harness.wait_until(lambda: 'libvulkan_lvp' in maps()), 'the worker loads no driver')
            # Layers load after the driver.
            expect(not harness.wait_until(lambda: layer in maps(), 2), 'the layer is in the worker')
        finally:
            cube.kill()
            cube.wait()


def test_run_status():
    vitrine = e2e.program('vitrine')
    done = e2e.run([vitrine, 'run', '--', sys.executable, '-c', 'import sys; sys.exit(42)'], e2e.plain_env(),
                   check=False)
    expect(done.returncode == 42, f'status {done.returncode}: {done.stderr}')
    done = e2e.run([vitrine, 'run', '--', '/no/such/program'], e2e.plain_env(), check=False)
    expect(done.returncode == 127, f'status {done.returncode}: {done.stderr}')


def test_run_keeps_variables():
    """What the user has set reaches the program as it is."""
    mine = {'VN_DEBUG': 'vtest,init', 'MESA_VK_WSI_DEBUG': 'buffer', 'VN_PERF': 'no_multi_ring'}
    code = 'import os; print({k: os.environ[k] for k in %r})' % sorted(mine)
    done = e2e.run([e2e.program('vitrine'), 'run', '--', sys.executable, '-c', code], {**e2e.plain_env(), **mine})
    expect(done.stdout.strip() == str({k: mine[k] for k in sorted(mine)}), done.stdout)


if __name__ == '__main__':
    e2e.main()
