#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Portability drivers, such as MoltenVK, which the loader hides from those who do not ask for them.

The test driver is one by its words; lavapipe becomes one by a manifest that says so, and draws.
"""
import json
import tempfile
from pathlib import Path

import e2e
import harness
from harness import expect
from test_scenes import run_both

LACKS = 'imageView2DOn3DImage, pointPolygons, tessellationIsolines, triangleFans'  # tests/driver/facts.py


def manifest():
    return f'{e2e.build}/tests/driver/test_portability_icd.json'


def driver_env(words='portability', path=None):
    path = path or manifest()
    return {**e2e.native_env(), 'VK_DRIVER_FILES': path, 'VK_ICD_FILENAMES': path, 'VTR_TEST_DRIVER': words}


def basic():
    return [e2e.program('vk-failures'), 'basic']


def expect_hidden(env):
    """Else the tests here would show nothing."""
    done = e2e.run(basic(), env, check=False)
    expect(done.returncode != 0, f'the loader shows the driver to a program that does not ask for it: {done.stdout}')


def test_serve():
    """The prober, which tries all features in the sandbox, and workers."""
    expect_hidden(driver_env())
    with e2e.Server(env=driver_env()) as server:
        done = server.run(basic())
        expect(done.stdout.splitlines()[0] == 'bytes 7 9', done.stdout)
        expect('Virtio-GPU Venus (vitrine test driver)' in server.run([e2e.tool('vulkaninfo'), '--summary']).stdout,
               'vulkaninfo does not see the device')
        server.expect_alive()


def test_run():
    done = e2e.run([e2e.program('vitrine'), 'run', '-o', f'driver={manifest()}', '--', *basic()],
                   {**e2e.plain_env(), 'VTR_TEST_DRIVER': 'portability'})
    expect(done.stdout.splitlines()[0] == 'bytes 7 9', done.stdout)


def test_one_gpu():
    """The process that lists the devices for --gpu sees it, too."""
    with e2e.Server('--gpu', 'vitrine test driver', env=driver_env()) as server:
        expect(server.run(basic()).stdout.splitlines()[0] == 'bytes 7 9', server.log())


def test_doctor():
    done = e2e.run([e2e.program('vitrine'), 'doctor', '--json'], driver_env())
    device, = json.loads(done.stdout)['devices']
    expect(device['refused'] is None and device['sandbox']['works'], device)
    expect(device['portability_lacks'] == LACKS, device['portability_lacks'])
    text = e2e.run([e2e.program('vitrine'), 'doctor'], driver_env()).stdout
    expect(f'portability driver; it lacks these parts of Vulkan: {LACKS}' in text, text)
    done = e2e.run([e2e.program('vitrine'), 'doctor', '--json'], e2e.native_env())
    expect(json.loads(done.stdout)['devices'][0]['portability_lacks'] is None, 'lavapipe is no portability driver')


def test_scenes():
    """On a driver that the loader takes for a portability driver, real programs draw the same."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'portability_icd.json'
        data = json.loads(Path(e2e.manifest('lvp')).read_text())
        data['ICD']['is_portability_driver'] = True
        path.write_text(json.dumps(data))
        expect_hidden(driver_env('null', str(path)))
        run_both('-o', f'driver={path}')


def test_buffers_only():
    """As on KosmicKrisp: no image is bound to imported memory, whatever real programs do."""
    words = 'portability,buffers-only'
    with e2e.Server(env=driver_env(f'{words},count')) as server:
        # Its results are wrong, since the driver draws nothing.
        expect('many_objects' in server.run([e2e.program('vk-suite')], check=False).stdout, 'vk-suite gave up')
        server.run([e2e.tool('vulkaninfo')])
        for name in 'Image', 'Memory', 'LocalMemory', 'Buffer':
            server.run([e2e.program('vk-failures'), 'create', name])
        expect(harness.wait_until(lambda: not server.workers()), 'a worker is left')
        log = server.log()
    expect(': vkBindImageMemory2 ' in log or ': vkBindImageMemory ' in log, f'no image was bound:\n{log[-2000:]}')
    expect('MISUSE' not in log, '\n'.join(line for line in log.splitlines() if 'MISUSE' in line))
    device, = json.loads(e2e.run([e2e.program('vitrine'), 'doctor', '--json'], driver_env(words)).stdout)['devices']
    expect(device['hides_linear'] and not device['emulated']['drm_format_modifier'], device)


if __name__ == '__main__':
    e2e.main()
