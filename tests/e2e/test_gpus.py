#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Two GPUs, a server for each: a program sees the GPU of its server, and only that one.

On a host with several GPUs these are tried, for instance NVIDIA's:
    test_gpus.py --build build --native-icd /usr/share/vulkan/icd.d/nvidia_icd.json
On other hosts, two devices of the test driver.
"""
import json
import re

import e2e
from harness import expect


def list_devices(driver, env):
    """-> what `vitrine doctor` says of them"""
    return json.loads(e2e.run([e2e.program('vitrine'), 'doctor', '--json', *driver], env, check=False).stdout)['devices']


def host():
    """-> the option that names the driver, its environment, and its devices, at least two"""
    env = e2e.plain_env()
    driver = ['-o', f'driver={e2e.options.native_icd or e2e.manifest("lvp")}']
    devices = list_devices(driver, env)
    if len(devices) < 2:
        env['VTR_TEST_DRIVER'] = 'devices=2'
        driver = ['-o', f'driver={e2e.build}/tests/driver/test_icd.json']
        devices = list_devices(driver, env)
    expect(len(devices) >= 2, devices)
    return driver, env, devices


def identities(text):
    """-> name and UUID of each device that vk-dump has listed"""
    dumped = json.loads(text)
    properties = [dumped[key]['properties'] for key in sorted(dumped) if re.fullmatch(r'device\d+', key)]
    return [(found['VkPhysicalDeviceProperties']['deviceName'], found['VkPhysicalDeviceIDProperties']['deviceUUID'])
            for found in properties]


def seen(server):
    return identities(server.run([e2e.program('vk-dump')]).stdout)


def see_all(driver, env, devices):
    """-> what a program sees without --gpu, in the same order"""
    with e2e.Server(*driver, env=env) as server:
        found = seen(server)
    expect(len(found) == len(devices) == len(set(found)), (found, devices))
    return found


def test_servers():
    """All of them run at the same time; a GPU is named by its index, then by its UUID."""
    driver, env, devices = host()
    everything = see_all(driver, env, devices)
    for key in ('index', 'uuid'):
        servers = []
        try:
            servers.extend(e2e.Server(*driver, '--gpu', device[key], env=env) for device in devices)
            for device, server, expected in zip(devices, servers, everything):
                found = seen(server)
                print(f'--gpu {device[key]}: {found}')
                expect(found == [expected], f'{found}, not {expected}')
            for server in servers:
                server.stop()
        finally:
            for server in servers:
                server.discard()


def test_run():
    """`vitrine run` gives programs the same."""
    driver, env, devices = host()
    for device, expected in zip(devices, see_all(driver, env, devices)):
        found = identities(e2e.run([e2e.program('vitrine'), 'run', *driver, '--gpu', device['index'], '--',
                                    e2e.program('vk-dump')], env).stdout)
        expect(found == [expected], f'{found}, not {expected}')


if __name__ == '__main__':
    e2e.main()
