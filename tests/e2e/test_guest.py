#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The sample guest in a stock QEMU on `vitrine gpu`: its Vulkan is the host's, its display shows what it drew."""
import json
import re
import struct
import time
import unittest

import e2e
import harness
import qemu
import test_scenes
from harness import expect

FRAMES = 100
# What a VM has and the local mode has not: synchronisation by file descriptors, with it swapchains; memory of
# others can be imported; the device is on a bus.
ONLY_IN_VM = re.compile(r'VK_KHR_external_(semaphore|fence)_fd|VK_KHR_swapchain|VK_KHR_incremental_present|'
                        r'VK_KHR_present_(id|wait)2?|VK_EXT_hdr_metadata|VK_KHR_swapchain_mutable_format|'
                        r'VK_EXT_swapchain_maintenance1|VK_EXT_pci_bus_info|VK_EXT_physical_device_drm|'
                        r'/external/(buffer|fence|semaphore)_|/VkPhysicalDevicePCIBusInfoPropertiesEXT/')


SHARED = qemu.Shared(lambda: qemu.Machine(memory='2G'))


def test_boot_to_first_frame():
    with SHARED as machine:  # the first that uses it
        pid = machine.start('cube', 'cube')
        text = machine.wait_log('cube', 'first frame')
        total = time.monotonic() - machine.started
        machine.run(f'kill {pid}')
        print(re.search(r'first frame .*', text)[0], f'({total:.1f} s after QEMU was started)')


def dump_device(text):
    start = text.index('{')
    return json.loads(text[start:text.rindex('}') + 1])


def mesa_version(dump):
    info = dump['device0']['properties']['VkPhysicalDeviceVulkan12Properties']['driverInfo']
    return re.match(r'Mesa ([\d.]+)', info)[1]


def test_vulkan_of_the_host():
    """The guest's vulkaninfo names the host's device, and all that it lists is what the local mode lists."""
    with e2e.Server() as server:
        local = dump_device(server.run([e2e.program('vk-dump')]).stdout)
    native = e2e.run([e2e.tool('vulkaninfo'), '--summary'], e2e.native_env()).stdout
    name = re.search(r'deviceName\s*= (.*)', native)[1].strip()
    with SHARED as machine:
        text = machine.run('vulkaninfo --summary 2>/dev/null')
        found = re.search(r'deviceName\s*= (.*)', text)
        expect(found and name in found[1], f'the guest has {found and found[1]}, the host {name}')
        print(found[1])
        machine.run('vulkaninfo >/tmp/info 2>/dev/null')
        guest = dump_device(machine.run('vk-dump 2>/dev/null', seconds=300))
    versions = [mesa_version(local), mesa_version(guest)]
    if versions[0] != versions[1]:
        raise unittest.SkipTest(f'the guest has another Mesa than this machine: {versions[1]}, {versions[0]}')
    differences = compare('', local, guest)
    for line in differences:
        print(line)
    expect(not differences, f'{len(differences)} differences from the local mode')


def compare(where, local, guest):
    """Differences but those that are expected, as lines."""
    if isinstance(local, dict) and isinstance(guest, dict):
        return [line for key in sorted(local.keys() | guest.keys()) if not ONLY_IN_VM.search(f'{where}/{key}')
                for line in compare(f'{where}/{key}', local.get(key), guest.get(key))]
    if isinstance(local, list) and isinstance(guest, list):
        if all(isinstance(item, str) for item in [*local, *guest]):
            odd = sorted(item for item in set(local) ^ set(guest) if not ONLY_IN_VM.search(item))
            return [f'{where}: {item} is {"local" if item in local else "in the guest"} only' for item in odd]
        if len(local) == len(guest):
            return [line for i, pair in enumerate(zip(local, guest)) for line in compare(f'{where}/{i}', *pair)]
    return [] if local == guest else [f'{where}: local {str(local)[:100]}, guest {str(guest)[:100]}']


def test_scenes_in_the_guest():
    """Every scene of vk-suite gives the same bytes in the guest as natively."""
    native = test_scenes.results(e2e.run([e2e.program('vk-suite')], e2e.native_env()).stdout)
    with SHARED as machine:
        guest = test_scenes.results(machine.run('vk-suite 2>/dev/null', seconds=300))
    bad = []
    for name, items in native.items():
        if 'skipped' in guest.get(name, {}) and name in test_scenes.MAY_SKIP:
            continue
        if items != guest.get(name):
            bad.append(f'{name}: native {items}, guest {guest.get(name)}')
    print(f'{len(native)} scenes')
    expect(not bad, '\n'.join(bad))


def test_checks():
    """Small tests in the guest: submits, fences, mapped memory, sharing, two programs, 1,900 live blobs."""
    with SHARED as machine:
        text = machine.run('cube --check', seconds=600, check=False)
        print('\n'.join(line for line in text.splitlines() if re.match('ok |FAIL ', line)))
        expect('FAIL' not in text, 'checks failed')
        expect(len(re.findall('^ok ', text, re.M)) >= 11, f'not all checks ran:\n{text[-2000:]}')
        machine.expect_alive()


def test_frames():
    """Frames come in order, whole, and as a native program draws them."""
    with SHARED as machine:
        pid = machine.start('cube', 'cube')
        machine.wait_log('cube', 'first frame')
        frames = qemu.frame_numbers(machine, FRAMES)
        print(machine.log_of('cube').splitlines()[-1])
        machine.run(f'kill {pid}')
    numbers = [number for number, _, _ in frames]
    expect(all(a < b for a, b in zip(numbers, numbers[1:])), f'not in order: {numbers}')
    worst = max(frames, key=lambda frame: frame[1])
    print(f'{len(frames)} pictures of frames {numbers[0]} to {numbers[-1]}, largest difference {worst[1]}')
    expect(worst[1] <= 1, f'frame {worst[0]} differs by {worst[1]} in {worst[2]} pixels')


def last_frame(machine, options, number, display=0):
    """Draws up to one frame, which stays; the picture must be that frame."""
    pid = machine.start(f'cube --first {number - 4} --frames 5 --hold 1000 {options}', 'cube')
    machine.wait_log('cube', 'cube: 5 frames')
    path = machine.path('last.png')
    harness.wait_until(lambda: path.write_bytes(machine.picture(display)) and frame_is(path, number))
    found = qemu.compare_frames([path])[0]
    expect(found[0] == number and found[1] <= 1, f'{options}: wanted frame {number}, saw {found}')
    text = machine.log_of('cube')
    machine.run(f'kill {pid}')
    machine.run(f'while [ -d /proc/{pid} ]; do usleep 50000; done')
    return text


def frame_is(path, number):
    done = e2e.run([e2e.program('vk-frames'), path], e2e.native_env())
    return f'frame {number} ' in done.stdout


def test_kinds_of_memory():
    """Frames in exported memory, and in the kernel's dumb buffers that Vulkan imports."""
    with SHARED as machine:
        print(last_frame(machine, '', 1000).splitlines()[0])
        print(last_frame(machine, '--import', 2000).splitlines()[0])
        print(last_frame(machine, '--buffers 2 --rate 0', 3000).splitlines()[0])


def test_two_displays():
    """Two Vulkan contexts on two displays of different size at once."""
    with qemu.Machine(displays=('1280x800', '800x600')) as machine:
        last_frame(machine, '--displays 2', 500, 0)
        pid = machine.start('cube --displays 2 --rate 20', 'cube')
        machine.wait_log('cube', 'first frame')
        expect(len(machine.workers()) >= 2, f'workers: {machine.workers()}')
        for display, size in ((0, (1280, 800)), (1, (800, 600))):
            frames = qemu.frame_numbers(machine, 10, display)
            expect(max(frame[1] for frame in frames) <= 1, f'display {display}: {frames}')
        machine.run(f'kill {pid}')


def test_cursor():
    """A cursor that moves disturbs no frame."""
    with SHARED as machine:
        pid = machine.start('cube --cursor --rate 30', 'cube')
        machine.wait_log('cube', 'first frame')
        frames = qemu.frame_numbers(machine, 20)
        expect(max(frame[1] for frame in frames) <= 1 and frames[-1][0] > frames[0][0], f'{frames}')
        machine.run(f'kill {pid}')
        machine.expect_alive()


def picture_size(machine, display=0):
    """Width and height of what a display shows; None where it is dark, as between two modes."""
    try:
        return struct.unpack('>II', machine.picture(display)[16:24])
    except AssertionError:
        return None


def test_follows_its_displays():
    """A display changes its size, another one comes and goes: the guest's program draws for what there is."""
    with qemu.Machine(gpu=('--outputs', '2')) as machine:
        machine.start('cube --displays 2 --rate 30', 'cube')
        machine.wait_log('cube', 'first frame')
        for size in ((1024, 640), (1600, 900)):
            machine.put(0, width=size[0], height=size[1])
            expect(harness.wait_until(lambda: picture_size(machine) == size), f'{picture_size(machine)}, not {size}')
            expect(max(frame[1] for frame in qemu.frame_numbers(machine, 5)) <= 1, f'wrong frames at {size}')
        machine.put(1, connected=True, width=640, height=480)
        machine.wait_log('cube', '640x480')
        expect(harness.wait_until(lambda: picture_size(machine, 1) == (640, 480)), 'nothing on the second display')
        for display in (0, 1):
            expect(max(frame[1] for frame in qemu.frame_numbers(machine, 5, display)) <= 1, f'display {display}')
        machine.put(1, connected=False)
        machine.wait_log('cube', '(the displays have changed(.|\n)*){4}buffers')
        expect(harness.wait_until(lambda: picture_size(machine) == size), 'nothing on the first display')
        expect(max(frame[1] for frame in qemu.frame_numbers(machine, 5)) <= 1, 'after the second display has gone')
        machine.expect_alive()


if __name__ == '__main__':
    e2e.main()
