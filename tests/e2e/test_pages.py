#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""GPU memory at multiples of 16 KiB, as hosts with such pages need it: with Debian sid's guest, whose Linux and Mesa
place it so when the device asks them to; with the sample guest, which is older and does not; and with a kernel for arm64
whose own pages have 16 KiB.
"""
import re
import unittest

import e2e
import qemu
import test_guest
import test_scenes
from harness import expect

ALIGNMENT = 16384
BLOBS = 1900
FEATURE = 5  # VIRTIO_GPU_F_BLOB_ALIGNMENT
# Of the front about a place, or of the worker about a size; which one comes first is a matter of time.
REFUSAL = re.compile("the place is not a multiple of this host's pages; a guest with smaller pages needs a newer kernel "
                     "and Mesa|but this host's pages have 0x4000 bytes: its guest must align blobs to that")


class SidGuest(qemu.Machine):
    """Linux 7.2 and Mesa 26.2.4, or newer."""

    def find_guest(self):
        return qemu.find_guest('guest-sid', ['--release', 'sid'])


class LargeGuest(qemu.Machine):
    """A guest for arm64, whose kernel has pages of 16 KiB and does not know the feature. Its programs are those that
    tools/test-ports builds."""
    append = 'console=ttyAMA0 quiet panic=-1 -- serve'
    hardware = ('-cpu', 'max,pauth-impdef=on', '-machine', 'virt,memory-backend=mem')

    def find_qemu(self):
        return qemu.find_qemu('qemu-system-aarch64', 'qemu-aarch64')

    def find_guest(self):
        program = qemu.SOURCE / 'build-aarch64' / 'guest' / 'cube'
        if not program.exists():
            raise unittest.SkipTest('no programs for arm64: tools/test-ports aarch64')
        return qemu.find_guest('guest-aarch64', ['--processor', 'aarch64'], [program])


def heeds_alignment(machine):
    """Whether the guest's kernel has negotiated the feature. The file has a digit for each bit, from bit 0 on."""
    bits = machine.run('cat /sys/bus/virtio/drivers/virtio_gpu/virtio*/features').strip().splitlines()[-1]
    return bits[FEATURE] == '1'


def describe(machine):
    """Prints what the guest is made of."""
    kernel = machine.run('uname -r').splitlines()[-1]
    driver = re.search(r'driverInfo\s*= (.*)', machine.run('vulkaninfo --summary 2>/dev/null'))
    print(f'Linux {kernel}, {driver and driver[1]}; the feature is '
          f'{"" if heeds_alignment(machine) else "not "}negotiated')


def places(machine):
    """(start, size) of all that the guest has placed in hostmem, from its kernel; the start is its physical address."""
    text = machine.run('mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null; '
                       'cat /sys/kernel/debug/dri/0/virtio-gpu-host-visible-mm')
    found = [(int(start, 16), int(size)) for start, size in re.findall(r'(0x[0-9a-f]+)-0x[0-9a-f]+: +(\d+): used', text)]
    expect(found, f'no places in\n{text[-2000:]}')
    return found


def hold_blobs(machine):
    """-> (start, size) of what lies in hostmem while a program has so many allocations mapped."""
    pid = machine.start(f'cube --blobs {BLOBS} --hold 100000', 'blobs')
    machine.wait_log('blobs', f'cube: {BLOBS} blobs')
    found = places(machine)
    machine.run(f'kill {pid}; while [ -d /proc/{pid} ]; do usleep 50000; done')
    return found


def expect_frames(machine):
    """Frames come in order and as a native program draws them."""
    pid = machine.start('cube', 'cube')
    machine.wait_log('cube', 'first frame')
    frames = qemu.frame_numbers(machine, 20)
    numbers = [number for number, _, _ in frames]
    expect(all(a < b for a, b in zip(numbers, numbers[1:])), f'not in order: {numbers}')
    expect(max(frame[1] for frame in frames) <= 1, f'{frames}')
    machine.run(f'kill {pid}; while [ -d /proc/{pid} ]; do usleep 50000; done')


def expect_aligned(found):
    odd = [place for place in found if place[0] % ALIGNMENT or place[1] % ALIGNMENT]
    print(f'{len(found)} places in hostmem, {len(odd)} not at multiples of {ALIGNMENT}')
    expect(len(found) >= BLOBS, f'{len(found)} places for {BLOBS} blobs')
    expect(not odd, f'{odd[:10]}')


def test_cube_and_blobs():
    with SidGuest(gpu=('--blob-alignment', '16K')) as machine:
        describe(machine)
        expect(heeds_alignment(machine), 'the guest of sid does not know VIRTIO_GPU_F_BLOB_ALIGNMENT')
        expect_frames(machine)
        expect_aligned(hold_blobs(machine))
        machine.expect_alive()


def test_same_bytes():
    """Every scene of vk-suite gives the same bytes as natively."""
    native = test_scenes.results(e2e.run([e2e.program('vk-suite')], e2e.native_env()).stdout)
    with SidGuest(gpu=('--blob-alignment', '16K'), memory='2G') as machine:
        guest = test_scenes.results(machine.run('vk-suite 2>/dev/null', seconds=600))
    skipped = [name for name in native if 'skipped' in guest.get(name, {}) and 'skipped' not in native[name]]
    bad = [f'{name}: native {items}, guest {guest.get(name)}' for name, items in native.items()
           if items != guest.get(name) and not (name in skipped and name in test_scenes.MAY_SKIP)]
    print(f'{len(native)} scenes; only natively: {", ".join(skipped) or "none"}')
    expect(not bad, '\n'.join(bad))


def expect_checks(machine):
    text = machine.run('cube --check', seconds=600, check=False)
    print('\n'.join(line for line in text.splitlines() if re.match('ok |FAIL ', line)))
    expect('FAIL' not in text and len(re.findall('^ok ', text, re.M)) >= 11, f'not all checks passed:\n{text[-2000:]}')
    machine.expect_alive()


def test_small_checks():
    with SidGuest(gpu=('--blob-alignment', '16K'), memory='2G') as machine:
        expect_checks(machine)


def test_older_guest():
    """A guest that does not know the feature works where the host's pages are as small as its own."""
    with qemu.Machine(gpu=('--blob-alignment', '16K')) as machine:
        describe(machine)
        expect(not heeds_alignment(machine), 'the sample guest knows the feature: this test needs an older one')
        expect_frames(machine)
        odd = [place for place in hold_blobs(machine) if place[0] % ALIGNMENT]
        print(f'{len(odd)} places in hostmem are not at multiples of {ALIGNMENT}')
        expect(odd, 'all are: the guest heeds the alignment')
        machine.expect_alive()


# --- a host with pages of 16 KiB, emulated ---------------------------------------------------------------


def large_pages():
    """Only for vitrine: QEMU's own pages are what they are."""
    return e2e.native_env(LD_PRELOAD=str(e2e.build / 'tests' / 'e2e' / 'liblarge_pages.so'))


def test_host_with_large_pages():
    """The default asks for multiples of the host's pages."""
    with SidGuest(env=large_pages()) as machine:
        expect_frames(machine)
        expect_aligned(hold_blobs(machine))
        machine.expect_alive()
        expect(not REFUSAL.search(machine.gpu_log()), machine.gpu_log()[-2000:])


def test_guest_with_large_pages():
    """A kernel with such pages needs no feature."""
    with LargeGuest(env=large_pages(), memory='2G') as machine:
        describe(machine)
        expect(not heeds_alignment(machine), 'the guest knows the feature: this test needs an older one')
        expect_frames(machine)
        expect_aligned(hold_blobs(machine))
        expect_checks(machine)
        expect(not REFUSAL.search(machine.gpu_log()), machine.gpu_log()[-2000:])


def test_older_guest_on_large_pages():
    """Memory that such a host cannot map is refused, the log says why, and nothing else ends."""
    with qemu.Machine(env=large_pages()) as machine:
        expect('GPU memory at multiples of 16384 bytes' in machine.gpu_log(), machine.gpu_log())
        text = machine.run(f'cube --blobs {BLOBS}', seconds=300, check=False)
        print(text.splitlines()[-1] if text.splitlines() else 'the program ended without a word')
        lines = [line for line in machine.gpu_log().splitlines() if REFUSAL.search(line)]
        expect(lines, f'no refusal in the log:\n{machine.gpu_log()[-2000:]}')
        print(lines[0])
        machine.expect_alive()


if __name__ == '__main__':
    e2e.main()
