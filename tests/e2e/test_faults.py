#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A virtual machine to which bad things happen while it draws: it, and `vitrine gpu`, go on."""
import os
import random
import re
import signal
import time

import e2e
import harness
import qemu
from harness import expect

KILLS = 100
REBOOTS = 20
REBINDS = 10
PAUSES = 60
DEVICE = '/sys/bus/virtio/drivers/virtio_gpu'


def seed():
    value = int(time.time())
    random.seed(value)
    print(f'seed {value}')


def usage(machine):
    """File descriptors and private memory (KiB) of vitrine gpu."""
    return harness.count_fds(machine.gpu.pid), harness.memory_kib(machine.gpu.pid)


def expect_no_leak(machine, before, what):
    after = usage(machine)
    print(f'fds and private KiB of vitrine gpu before and after {what}: {before}, {after}')
    expect(after[0] <= before[0] + 2 and after[1] <= before[1] + 2048, f'fds or memory are left after {what}')


def expect_frames(machine, count=5):
    """A program that is started now shows good frames."""
    pid = machine.start('cube --rate 30', 'after')
    machine.wait_log('after', 'first frame')
    frames = qemu.frame_numbers(machine, count)
    expect(all(difference <= 1 for _, difference, _ in frames), f'{frames}')
    machine.run(f'kill {pid}; wait {pid}', check=False)
    harness.wait_until(lambda: not machine.workers())


def test_worker_kills():
    """Workers are killed at any moment; others draw on, new programs work, nothing is left."""
    seed()
    with qemu.Machine(memory='2G') as machine:
        machine.run('( while true; do cube --rate 0 --seconds 20 >/dev/null 2>&1; done ) & loop=$!')
        machine.run('( while true; do cube --hidden 320x200 --seconds 9 >/dev/null 2>&1; done ) & other=$!')
        expect(harness.wait_until(lambda: len(machine.workers()) >= 2), 'no workers')
        before = usage(machine)
        done = 0
        end = time.monotonic() + 1500
        while done < KILLS:
            expect(time.monotonic() < end, f'{done} workers were killed in 1500 s')
            time.sleep(random.random() * 0.8)  # at any moment of what they do
            workers = machine.workers()
            if not workers:
                continue
            try:
                os.kill(random.choice(workers), signal.SIGKILL)
                done += 1
            except ProcessLookupError:
                pass
            machine.expect_alive()
            if done % 10 == 0:
                machine.run('true', 60)
        # A shell that was killed may just have started another cube, which is no `cube` yet.
        machine.run('kill $loop $other; wait $loop $other; sleep 1; while killall cube; do sleep 1; done', check=False)
        expect(harness.wait_until(lambda: not machine.workers()), f'workers are left: {machine.workers()}')
        expect_no_leak(machine, before, f'{KILLS} kills')
        expect_frames(machine)
        text = machine.run('cube --check', seconds=600, check=False)
        expect('FAIL' not in text, text)


def test_reboots():
    """The guest reboots while it draws."""
    with qemu.Machine(reboots=True) as machine:
        before = None
        for number in range(REBOOTS):
            pid = machine.start('cube', 'cube')
            machine.wait_log('cube', 'first frame')
            if number == 1:
                before = usage(machine)
            machine.send('reboot -f')
            machine.wait_boot()
            machine.expect_alive()
            expect(pid, 'no program')
        expect(harness.wait_until(lambda: not machine.workers()), f'workers are left: {machine.workers()}')
        expect_no_leak(machine, before, f'{REBOOTS - 1} reboots')
        expect_frames(machine)


def test_rebinds():
    """The driver lets go of the device and takes it again, with programs that still have it open, too."""
    with qemu.Machine() as machine:
        name = machine.run(f'basename {DEVICE}/virtio*').split()[-1]
        for number in range(REBINDS):
            if number % 2:
                machine.start('cube --rate 10', 'cube')
                machine.wait_log('cube', 'first frame')
            machine.run(f'echo {name} >{DEVICE}/unbind')
            machine.run('killall -9 cube', check=False)
            machine.run(f'echo {name} >{DEVICE}/bind')
            expect(harness.wait_until(lambda: 'card' in machine.run('ls /dev/dri', check=False), qemu.GUEST_S), 'no card')
            machine.expect_alive()
        expect_frames(machine)


def test_pauses():
    """The monitor stops and continues the machine at any moment."""
    seed()
    with qemu.Machine() as machine:
        machine.start('cube', 'cube')
        machine.wait_log('cube', 'first frame')
        last = 0
        for _ in range(PAUSES):
            time.sleep(random.random() * 0.3)  # at any moment
            machine.qmp.do('stop')
            time.sleep(random.random() * random.choice((0.1, 0.1, 0.1, 1)))
            machine.qmp.do('cont')
        frames = qemu.frame_numbers(machine, 20)
        numbers = [number for number, _, _ in frames]
        expect(all(a < b for a, b in zip([last, *numbers], numbers)), f'not in order: {numbers}')
        expect(all(difference <= 1 for _, difference, _ in frames), f'{frames}')
        print(machine.log_of('cube').splitlines()[-1])
        machine.expect_alive()


def test_machine_dies():
    """QEMU is killed while the guest draws; `vitrine gpu` serves the next machine."""
    with qemu.Machine() as machine:
        for _ in range(3):
            machine.start('cube', 'cube')
            machine.wait_log('cube', 'first frame')
            machine.qemu.kill()
            machine.qemu.wait()
            expect(harness.wait_until(lambda: not machine.workers()), f'workers are left: {machine.workers()}')
            expect(machine.gpu.poll() is None, 'vitrine gpu ended, too')
            machine.path('qmp').unlink()
            machine.start_qemu(qemu.find_qemu(), *qemu.find_guest())
            machine.wait_boot()
        expect_frames(machine)


def test_many_programs():
    """Programs come and go, several at once."""
    with qemu.Machine(memory='2G') as machine:
        machine.run('cube --hidden 640x400 --frames 3')
        before = usage(machine)
        for _ in range(10):
            text = machine.run('for i in 1 2 3 4; do cube --hidden 320x200 --frames 5 & done; wait', 300)
            expect(len(re.findall('cube: 5 frames', text)) == 4, text)
        expect(harness.wait_until(lambda: not machine.workers()), f'workers are left: {machine.workers()}')
        expect_no_leak(machine, before, '40 programs')


if __name__ == '__main__':
    e2e.main()
