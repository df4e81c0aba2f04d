#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A GPU that hangs or is lost: test_hang.py VITRINE MANIFEST

MANIFEST: of the driver in tests/driver. What hangs is one program's or one context's; the others draw on, and the
server says whose it is. What only waits never meets the limit.
"""
import json
import mmap
import os
import re
import subprocess
import sys
import time
import unittest

import harness
import venus
import vhost
import virtio_gpu
import vtest
from venus import COMMANDS, DEVICE, POOL, QUEUE
from vtest import FATAL, Client, Dropped

MANIFEST = None
LIMIT_S = 1
MARK = 'from=vkTrimCommandPool'
FENCE, TIMELINE, OTHER_TIMELINE, EVENT = range(50, 54)
COMPUTE_FAMILY = 2
LOST = -4
# What the limit and the grace after it take on a busy machine.
END_S = 20
# The longest time without a frame. On an idle machine it is a few ms; others may share the processors.
MAX_GAP_S = 2
HOSTMEM = 64 << 20


def driver_env(words):
    return {**os.environ, 'VTR_TEST_DRIVER': words,
            'LD_LIBRARY_PATH': os.path.dirname(os.path.abspath(MANIFEST))}


def options(*more, limit=LIMIT_S):
    limits = [] if limit is None else ['-o', f'hang-timeout={limit}']
    return ['-o', f'driver={MANIFEST}', *limits, *more]


def status(server):
    done = subprocess.run([harness.PROGRAM, 'status', '--json', '--socket', server.path], stdout=subprocess.PIPE,
                          text=True, check=True, timeout=60)
    return json.loads(done.stdout)


def result(reply):
    return int.from_bytes(reply[4:8], 'little', signed=True)


class Program:
    """A program with a device, at a server."""

    def __init__(self, server, family=0, name='vtest.py'):
        self.client = Client(server.path, name=name)
        self.gpu = venus.Gpu(self.client, family)
        self.ring = self.gpu.ring
        self.sync = self.client.sync_create()
        self.value = 0

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.client.close()

    def draw(self):
        """A frame: a submit, and a fence behind it."""
        self.ring.write(venus.submit_nothing(QUEUE))
        assert self.ring.wait()
        self.value += 1
        self.client.submit(syncs=[(self.sync, self.value)], ring_idx=1)
        assert self.client.sync_wait([(self.sync, self.value)]) == 'ok'

    def begin_fence(self):
        """-> an fd that tells when everything submitted so far is done"""
        self.value += 1
        self.client.submit(syncs=[(self.sync, self.value)], ring_idx=1)
        return self.client.sync_wait_fd([(self.sync, self.value)])

    def write(self, *commands):
        self.ring.write(b''.join(commands))

    def ask(self, command):
        """Its reply does not matter until it is there: poll() tells."""
        self.ring.replies[0:8] = b'\xff' * 8
        self.write(vtest.set_reply(self.ring.reply_id, 0, self.ring.reply_size), command)

    def poll(self):
        """-> the VkResult, or None as long as there is none"""
        return result(bytes(self.ring.replies[0:8])) if self.ring.head == self.ring.tail else None

    def is_dead(self):
        return bool(self.ring.status & FATAL)


class Context:
    """What venus.Gpu needs of a context of a VM, on a virtio-gpu."""

    def __init__(self, gpu, number, name):
        self.virtio = gpu
        self.number = number
        self.next = number * 100
        gpu.vm.pump(lambda: gpu.vm.window_region)
        self.window = mmap.mmap(gpu.vm.window_region.fd, HOSTMEM)
        self.offset = (number - 1) * (HOSTMEM // 4)
        gpu.create_context(number, name=name)

    def create_shm(self, size):
        size += -size % 4096
        self.next += 1
        self.virtio.create_host_blob(self.next, self.number, size, self.offset)
        self.virtio.ok('CTX_ATTACH_RESOURCE', ctx=self.number, resource_id=self.next)
        memory = memoryview(self.window)[self.offset:self.offset + size]
        self.offset += size
        return self.next, memory

    def submit(self, commands):
        if self.virtio.call('SUBMIT_3D', ctx=self.number, size=len(commands), tail=commands).type >= 0x1200:
            raise Dropped('refused')

    def log(self):
        return ''

    def send_fence(self):
        """A request whose answer comes when everything submitted so far is done."""
        return self.virtio.send('SUBMIT_3D', ctx=self.number, fence=True, ring=1)


class Frames:
    """What a neighbour draws, and how long it had to wait for a frame."""

    def __init__(self, draw):
        self.draw = draw
        self.count = 0
        self.gap = 0

    def until(self, condition, seconds, what):
        """Draws until something is so. -> the condition's value"""
        last = start = time.monotonic()
        while True:
            self.draw()
            now = time.monotonic()
            self.count += 1
            self.gap = max(self.gap, now - last)
            last = now
            value = condition()
            if value:
                return value
            harness.expect(now - start < seconds, f'{what}: not after {seconds} s')

    def check(self, what):
        print(f'{what}: the neighbour drew {self.count} frames, the longest wait was {1000 * self.gap:.0f} ms')
        harness.expect(self.count > 10 and self.gap < MAX_GAP_S, f'{what}: {self.count} frames, {self.gap:.2f} s')


def never_signals(program):
    program.write(venus.create_fence(DEVICE, FENCE), venus.trim_command_pool(DEVICE, POOL),
                  venus.submit_fence(QUEUE, FENCE))


def waits_for_fence(program):
    never_signals(program)
    program.ask(venus.wait_fence(DEVICE, FENCE))


def waits_for_timeline(program):
    program.write(venus.create_timeline(DEVICE, TIMELINE), venus.trim_command_pool(DEVICE, POOL),
                  venus.submit_signal(QUEUE, TIMELINE, 1))
    program.ask(venus.wait_timeline(DEVICE, TIMELINE, 1))


def waits_for_queue(program):
    never_signals(program)
    program.ask(venus.queue_wait_idle(QUEUE))


def calls(command):
    def call(program):
        program.write(venus.create_fence(DEVICE, FENCE), venus.trim_command_pool(DEVICE, POOL), command)
    return call


DESTROY = calls(venus.destroy_device(DEVICE))
# What the driver does, what the program calls, what the log says about it
HANGS = {
    'a fence that never signals': ('never-signal', waits_for_fence, 'work that was submitted'),
    'a timeline that never signals': ('never-signal', waits_for_timeline, 'work that was submitted'),
    'a queue that never gets idle': ('never-signal', waits_for_queue, 'work that was submitted'),
    'a submit that never returns': ('hang=vkQueueSubmit', calls(venus.submit_nothing(QUEUE)), 'work that was submitted'),
    'a call that never returns': ('hang=vkCreateEvent', calls(venus.create_event(DEVICE, EVENT)), 'vkCreateEvent'),
    'a look at a semaphore never returns': ('hang=vkGetSemaphoreCounterValue', never_signals, 'a call of the driver'),
    'vkDestroyDevice never returns': ('hang=vkDestroyDevice', DESTROY, 'vkDestroyDevice'),
}


class Served(unittest.TestCase):
    def server(self, words, *more, **limit):
        server = harness.Server(*options(*more, **limit), env=driver_env(words))
        self.addCleanup(server.discard)
        return server


class Programs(Served):
    """Programs of `vitrine serve`."""

    def check_hang(self, what, words, begin, text):
        server = self.server(f'{words}:{MARK}')
        with Program(server, name='neighbour') as neighbour, Program(server, name='victim') as victim:
            frames = Frames(neighbour.draw)
            number, worker = server.workers()
            begin(victim)
            found = frames.until(lambda: [p['stalled'] for i in status(server)['identities'] for p in i['programs']
                                          if 'stalled' in p], END_S, what)
            self.assertEqual((found[0]['what'], found[0]['program']), (text, 'victim'))
            frames.until(victim.is_dead, END_S, f'{what}: the rings are dead')
            frames.until(lambda: len(server.workers()) == 1, END_S, f'{what}: the worker is gone')
            self.assertTrue(victim.client.wait_dropped(), 'the client is not dropped as Mesa must see it')
            line = re.search(r'client 2 \(victim, process \d+\): (.*) has not completed for (\d+) s, which is the limit',
                             server.log())
            self.assertTrue(line, server.tail())
            self.assertEqual(line[1], text)
            frames.check(what)
        server.wait_workers(0)
        self.assertNotIn('died of signal', server.log())
        server.stop()

    def test_hangs(self):
        for what, (words, begin, text) in HANGS.items():
            with self.subTest(what):
                self.check_hang(what, words, begin, text)

    def test_the_device_is_lost_first(self):
        """A program that asks sees VK_ERROR_DEVICE_LOST before its connection ends."""
        for begin in (waits_for_fence, waits_for_queue, waits_for_timeline):
            server = self.server(f'never-signal:{MARK}')
            with Program(server) as victim:
                begin(victim)
                self.assertEqual(harness.wait_for(victim.poll, END_S), LOST)
            server.wait_workers(0)
            server.stop()
        server = self.server(f'never-signal:{MARK}')
        with Program(server) as victim:
            never_signals(victim)
            self.assertEqual(harness.wait_for(
                lambda: result(victim.ring.call(venus.fence_status(DEVICE, FENCE), 8)) != 1 and 'lost', END_S), 'lost')
            self.assertEqual(result(victim.ring.call(venus.fence_status(DEVICE, FENCE), 8)), LOST)
            fd = victim.begin_fence()
            self.assertEqual(vtest.poll_wait(fd, END_S * 1000), 'lost')  # as Mesa sees that its device is lost
            os.close(fd)
        server.stop()

    def test_the_driver_loses_the_device_in_a_wait(self):
        """There is nothing to limit: the driver says so, and so do we."""
        server = self.server(f'never-signal:{MARK},lost-in-wait:{MARK}', limit=None)
        with Program(server) as neighbour, Program(server) as victim:
            frames = Frames(neighbour.draw)
            waits_for_fence(victim)
            self.assertEqual(frames.until(victim.poll, END_S, 'the wait ends'), LOST)
            fd = victim.begin_fence()
            self.assertEqual(vtest.poll_wait(fd, 5000), 'ok')  # fences of a lost device are done
            os.close(fd)
            frames.check('a device that is lost in a wait')
        server.stop()


class Waits(Served):
    """Waiting does not count as a hang. Each wait is watched for several limits."""

    LASTS_S = 5 * LIMIT_S

    def check_lives(self, program, server, what):
        end = time.monotonic() + self.LASTS_S
        harness.wait_until(lambda: time.monotonic() > end or program.is_dead(), self.LASTS_S + 1)
        self.assertFalse(program.is_dead(), f'{what}:\n{server.tail()}')
        self.assertTrue(program.client.is_alive(), what)
        self.assertNotIn('not completed', server.log())

    def test_a_semaphore_that_nothing_signals_yet(self):
        server = self.server('null')
        with Program(server) as program:
            program.write(venus.create_timeline(DEVICE, TIMELINE), venus.submit_wait(QUEUE, TIMELINE, 1),
                          venus.create_fence(DEVICE, FENCE), venus.submit_fence(QUEUE, FENCE))
            program.ask(venus.wait_fence(DEVICE, FENCE))
            self.check_lives(program, server, 'an open wait')
            other = vtest.Ring(program.client, 0x2000)
            other.write(venus.signal_timeline(DEVICE, TIMELINE, 1))
            self.assertEqual(harness.wait_for(lambda: program.poll() == 0 and 'done'), 'done')
            program.draw()
        server.stop()

    def test_a_wait_of_the_host(self):
        server = self.server('null')
        with Program(server) as program:
            program.write(venus.create_timeline(DEVICE, TIMELINE))
            program.ask(venus.wait_timeline(DEVICE, TIMELINE, 1))
            self.check_lives(program, server, 'a wait for a value that nothing submits')
        server.stop()

    def test_work_behind_an_open_wait(self):
        """What waits for what waits is no hang either; it becomes one when its dependencies are there."""
        server = self.server(f'never-signal:{MARK}')
        with Program(server) as program:
            program.write(venus.create_timeline(DEVICE, TIMELINE), venus.create_timeline(DEVICE, OTHER_TIMELINE),
                          venus.submit_wait(QUEUE, TIMELINE, 1), venus.submit_signal(QUEUE, OTHER_TIMELINE, 1),
                          venus.submit_wait(QUEUE, OTHER_TIMELINE, 1), venus.trim_command_pool(DEVICE, POOL),
                          venus.submit_nothing(QUEUE))
            self.check_lives(program, server, 'work behind an open wait')
            program.write(venus.signal_timeline(DEVICE, TIMELINE, 1))
            harness.wait_for(program.is_dead, END_S)
        server.wait_workers(0)
        server.stop()

    def test_an_event_that_the_host_sets_late(self):
        """This driver does not wait for events; work that never ends stands for a wait."""
        server = self.server(f'never-signal:{MARK}')
        with Program(server) as program:
            program.write(venus.create_event(DEVICE, EVENT), venus.wait_event(COMMANDS, EVENT),
                          venus.trim_command_pool(DEVICE, POOL), venus.submit(QUEUE, COMMANDS))
            self.check_lives(program, server, 'an event')
        server.wait_workers(0)
        server.stop()

    def test_compute_queues_have_no_limit(self):
        server = self.server(f'never-signal:{MARK}')
        with Program(server, COMPUTE_FAMILY) as program:
            never_signals(program)
            self.check_lives(program, server, 'a compute queue')
        server.wait_workers(0)
        server.stop()
        server = self.server(f'never-signal:{MARK}', '-o', 'hang-compute')
        with Program(server, COMPUTE_FAMILY) as program:
            never_signals(program)
            harness.wait_for(program.is_dead, END_S)
        server.wait_workers(0)
        server.stop()

    def test_the_default_is_long(self):
        server = self.server(f'never-signal:{MARK}', limit=None)
        with Program(server) as program:
            never_signals(program)
            self.check_lives(program, server, 'the default')
        server.wait_workers(0)
        server.stop()

    def test_a_worker_that_was_stopped(self):
        """Time in which the checks did not run is not the driver's: a debugger, a frozen control group."""
        server = self.server('null')
        with Program(server) as program:
            program.write(venus.create_timeline(DEVICE, TIMELINE), venus.submit_wait(QUEUE, TIMELINE, 1))
            worker, = server.workers()
            os.kill(worker, 19)
            time.sleep(3 * LIMIT_S)
            os.kill(worker, 18)
            program.write(venus.signal_timeline(DEVICE, TIMELINE, 1))
            for _ in range(20):
                program.draw()
            self.assertNotIn('not completed', server.log())
        server.stop()


class Machines(unittest.TestCase):
    """Contexts of VMs."""

    def start(self, words):
        server = harness.Server(*options('--hostmem', str(HOSTMEM)), command=('gpu',), env=driver_env(words))
        self.addCleanup(server.discard)
        vm = vhost.Vm(server.path)
        self.addCleanup(vm.close)
        vm.realize()
        vm.start()
        return server, virtio_gpu.Gpu(vm)

    def check_hang(self, what, words, begin, text):
        server, virtio = self.start(f'{words}:{MARK}')
        other_server, other_virtio = self.start('null')
        gpus = {name: venus.Gpu(Context(device, number, name)) for device, number, name in (
            (virtio, 1, b'victim'), (virtio, 2, b'neighbour'), (other_virtio, 1, b'other VM'))}

        def draw():
            for name in (b'neighbour', b'other VM'):
                gpus[name].ring.write(venus.submit_nothing(QUEUE))
                assert gpus[name].ring.wait()
                context = gpus[name].front
                answer = context.virtio.finish(context.send_fence())
                assert answer.type == virtio_gpu.OK_NODATA, hex(answer.type)

        victim = gpus[b'victim']
        victim.write = lambda *commands: victim.ring.write(b''.join(commands))
        victim.ask = lambda command: victim.ring.write(
            vtest.set_reply(victim.ring.reply_id, 0, victim.ring.reply_size) + command)
        frames = Frames(draw)
        begin(victim)
        harness.wait_until(lambda: victim.ring.head == victim.ring.tail, 0.3)  # unless it hangs in there
        fence = victim.front.send_fence()
        frames.until(lambda: victim.ring.status & FATAL, END_S, what)
        virtio.finish(fence)  # echoed
        frames.until(lambda: len(server.workers()) == 1, END_S, f'{what}: the worker is gone')
        line = re.search(r'context 1 \(victim\): (.*) has not completed for \d+ s, which is the limit', server.log())
        self.assertTrue(line, server.tail())
        self.assertEqual(line[1], text)
        frames.check(f'{what}, in a VM')
        self.assertNotIn('not completed', other_server.log())

    def test_hangs(self):
        for what, (words, begin, text) in HANGS.items():
            with self.subTest(what):
                self.check_hang(what, words, begin, text)
                self.doCleanups()


if __name__ == '__main__':
    MANIFEST = os.path.abspath(sys.argv.pop(2))
    harness.main()
