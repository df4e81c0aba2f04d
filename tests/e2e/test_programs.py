#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs that nobody here wrote run through vitrine: vulkaninfo, vkcube under Xvfb; and `vitrine run`."""
import os
import subprocess
import sys
from pathlib import Path

import e2e
from e2e import expect


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
            raise e2e.Skip('Xvfb does not start')
        self.display = f':{number}'
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


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
    run = [e2e.program('vitrine'), 'run', '-o', f'driver={e2e.manifest("lvp")}', '--']
    with Xvfb() as x:
        env = {**e2e.plain_env(), 'DISPLAY': x.display}
        e2e.run([*run, cube, '--c', '30'], env)
        done = e2e.run([*run, sys.executable, '-c', 'import os; print(os.environ["MESA_VK_WSI_DEBUG"])'], env)
        expect(done.stdout == 'sw,linear\n', done.stdout)


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
            expect(e2e.wait_until(lambda: 'libvulkan_lvp' in maps(), 20), 'the worker loads no driver')
            # Layers load after the driver.
            expect(not e2e.wait_until(lambda: layer in maps(), 2), 'the layer is in the worker')
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
    e2e.main(globals())
