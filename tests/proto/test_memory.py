#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs that take as much memory as they can by each way that creates something. What the kernel counts for their
workers stays below the budget and what a driver needs.

    test_memory.py VITRINE SMALL-RAM.so
"""

import contextlib
import os
import re
import socket
import struct
import sys
import time
import unittest

import creating
import harness
import venus
import vtest

SMALL_RAM = os.path.abspath(sys.argv.pop(2))
NOBODY = 65534
MIB = 1 << 20
BUDGET = 64 * MIB
# What a worker may have beyond its budget and what it had when it got its device (src/venus/room.h), and the libraries'
# pages and the threads' stacks that it uses meanwhile.
ALLOWANCE = (64 + 16) * MIB
SECONDS = 8  # for each command; most are refused before
BATCH = 2 * MIB
MOST, FEW = 2000, 20  # commands in a batch
FIRST_PART, VERTEX_SHADER, FIRST_NEW = 200, 300, 1000
MARK = 0x0123456789ABCDEF
WORKERS = 8
# What the processors write in the tenth of a second between two looks of the supervisor.
LATE = 256 * MIB


def memory_of(pid):
    """-> bytes that the kernel counts, as it has them or as it had them before the process ended"""
    with contextlib.suppress(OSError), open(f'/proc/{pid}/status') as file:
        found = dict(re.findall(r'(RssAnon|RssShmem):\s*(\d+)', file.read()))
        if found:
            return sum(map(int, found.values())) * 1024
    return 0


def with_vertex_shader(value):
    if isinstance(value, dict):
        return {key: with_vertex_shader(item) for key, item in value.items()}
    if isinstance(value, list):
        return [with_vertex_shader(item) for item in value]
    return VERTEX_SHADER if value == 'vertex' else value


class Attacker:
    """A program with a device that makes one kind of object again and again."""

    def __init__(self, path):
        self.client = vtest.Client(path)
        self.gpu = venus.Gpu(self.client)
        self.encoder = creating.Encoder({
            'VkInstance': venus.INSTANCE, 'VkPhysicalDevice': venus.PHYSICAL, 'VkDevice': venus.DEVICE,
            'VkQueue': venus.QUEUE, 'VkCommandBuffer': venus.COMMANDS})
        for number, (kind, name, values) in enumerate(creating.PARTS, FIRST_PART):
            self.create(name, values, number)
            self.encoder.handles[kind] = number
        self.create('vkCreateShaderModule', creating.module(creating.spirv(creating.VERTEX)), VERTEX_SHADER)
        self.shared, self.memory = self.client.create_shm(2 * BATCH)
        self.next, self.batch = FIRST_NEW, MOST

    def create(self, name, values, new):
        self.gpu.call(self.encoder.command(creating.REGISTRY.commands[name], values, [new], True))

    def prepare(self, name):
        plain = next((values for _, part, values in creating.PARTS if part == name), {})
        values = with_vertex_shader(creating.LARGE.get(name, plain))
        self.one = self.encoder.command(creating.REGISTRY.commands[name], values, [MARK])
        self.at = self.one.index(struct.pack('<Q', MARK))

    def again(self):
        """Sends many. -> whether the context is still there"""
        count = max(1, min(self.batch, BATCH // len(self.one)))
        data = bytearray(self.one * count)
        for n in range(count):
            struct.pack_into('<Q', data, n * len(self.one) + self.at, self.next + n)
        self.next += count
        self.memory[:len(data)] = data
        self.gpu.ring.write(vtest.execute_streams([(self.shared, 0, len(data))]))
        return self.gpu.ring.wait(SECONDS)

    def last_fails(self):
        """-> whether one more is refused, as the driver says"""
        if len(self.one) > 8192:
            return False
        one = bytearray(self.one)
        struct.pack_into('<Q', one, self.at, self.next)
        struct.pack_into('<I', one, 4, 1)
        self.next += 1
        try:
            reply = self.gpu.ring.call(bytes(one), 8)
        except (vtest.Dropped, TimeoutError):
            return True
        return struct.unpack_from('<i', reply, 4)[0] < 0

    def take_all(self, name, watch, seconds=SECONDS):
        """Makes them until it is refused. -> why it ends. watch() is called after each batch."""
        self.prepare(name)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if not self.again():
                    return 'the context ends'
            except TimeoutError:
                return 'it is still busy'
            except (vtest.Dropped, OSError):
                return 'the context ends'
            finally:
                watch()
            if self.last_fails():
                return 'refused'
        return f'{seconds} s'

    def close(self):
        self.memory.close()
        self.client.close()


class Watch:
    """The most that a worker has had."""

    def __init__(self, pid):
        self.pid = pid
        self.begin = self.most = memory_of(pid)

    def __call__(self):
        self.most = max(self.most, memory_of(self.pid))


class OneWorker(unittest.TestCase):
    def attack(self, names, seconds=SECONDS):
        """-> the worker's memory in the beginning, the most of it in bytes, why it ended, the server's log"""
        with harness.Server('-o', f'max-memory={BUDGET}') as server:
            attacker = Attacker(server.path)
            watch = Watch(server.workers()[0])
            ends = [attacker.take_all(name, watch, seconds) for name in names]
            watch()
            attacker.close()
            server.expect_alive()
            # Its neighbours do not notice.
            with vtest.Client(server.path) as client:
                venus.Gpu(client)
            return watch.begin, watch.most, ', '.join(ends), server.log()

    def test_each_creating_command(self):
        rows = []
        for command in creating.creating():
            begin, most, end, log = self.attack([command.name])
            rows.append((most - begin, command.name, end))
            with self.subTest(command.name):
                self.assertLessEqual(most, begin + BUDGET + ALLOWANCE, end)
        rows.sort(reverse=True)
        print(f'{len(rows)} commands, budget {BUDGET // MIB} MiB; the five that took most:', flush=True)
        for grown, name, end in rows[:5]:
            print(f'  {name:32} {grown / MIB:7.1f} MiB, {end}', flush=True)

    def test_the_log_says_why(self):
        """Of a driver that fails, and of one that dies."""
        for name in 'vkCreateQueryPool', 'vkCreateComputePipelines', 'vkAllocateDescriptorSets':
            log = self.attack([name], seconds=60)[3]
            self.assertIn('raise -o max-memory', log, name)

    def test_shared_memory_of_the_driver(self):
        """Where memory is the driver's, the budget counts it."""
        with harness.Server('-o', f'max-memory={BUDGET}', '-o', 'test:no-image-import') as server:
            with vtest.Client(server.path) as client:
                gpu = venus.Gpu(client)
                results = [struct.unpack_from('<i', gpu.ring.call(venus.allocate_memory(
                    venus.DEVICE, FIRST_NEW + n, 8 * MIB), 8), 4)[0] for n in range(16)]
        self.assertIn(results.count(0), (6, 7))  # of eight, beside what its rings have
        self.assertEqual(set(results), {0, -2})

    def test_all_can_be_given_back(self):
        """Mapped memory can have the whole budget, again and again, also after the driver has had much."""
        with harness.Server('-o', f'max-memory={BUDGET}') as server, vtest.Client(server.path) as client:
            gpu = venus.Gpu(client)
            for n in range(6):
                gpu.call(venus.allocate_memory(venus.DEVICE, FIRST_NEW + n, 56 * MIB))
                gpu.ring.write(venus.free_memory(venus.DEVICE, FIRST_NEW + n))
                self.assertTrue(gpu.ring.wait())


class ManyWorkers(unittest.TestCase):
    """Another user's programs share half of the RAM, which seems to be 512 MiB here, without a control group."""

    def start(self):
        if os.geteuid() != 0:
            self.skipTest('takes root, to be another user')
        if harness.is_emulated():
            self.skipTest('takes a preloaded library')
        server = harness.Server('--mode', '0666', env={**os.environ, 'LD_PRELOAD': SMALL_RAM})
        self.addCleanup(server.stop)
        os.chmod(server.dir, 0o755)
        return server

    def check_ram(self, pid):
        """The library is loaded: no process has more than its machine."""
        with open(f'/proc/{pid}/limits') as file:
            self.assertLessEqual(int(re.search(r'Max data size +\d+ +(\d+)', file.read())[1]), 1 << 30)

    def fork(self, path, name):
        """Another user, who attacks when a byte comes. -> its pid, and the socket for the byte"""
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            try:
                ours.close()
                os.setuid(NOBODY)
                attacker = Attacker(path)
                theirs.send(b'.')
                theirs.recv(1)
                attacker.batch = FEW
                theirs.send(attacker.take_all(name, lambda: None, 60).encode())
                theirs.recv(1)
            finally:
                os._exit(0)
        theirs.close()
        self.addCleanup(os.waitpid, pid, 0)
        self.addCleanup(ours.close)
        return ours

    def attack(self, names, each):
        """`each`: what a worker may have in RAM beside the limit."""
        server = self.start()
        socks = [self.fork(server.path, name) for name in names]
        for sock in socks:
            self.assertEqual(sock.recv(1), b'.')
        watches = [Watch(pid) for pid in server.wait_workers(len(names))]
        self.check_ram(watches[0].pid)
        most = begin = sum(watch.begin for watch in watches)
        for sock in socks:
            sock.send(b'.')
        ends = []
        while len(ends) < len(names):
            most = max(most, sum(memory_of(watch.pid) for watch in watches))
            for sock in socks:
                sock.settimeout(0.005)
                with contextlib.suppress(socket.timeout):
                    ends.append(sock.recv(100).decode())
        for sock in socks:
            sock.send(b'.')
        print(f'{len(names)} workers of one user: {begin // MIB} MiB, at most {most // MIB} MiB; {sorted(ends)}', flush=True)
        self.assertLessEqual(most, 512 * MIB + len(names) * each + LATE)
        server.expect_alive()

    def test_eight(self):
        self.attack(['vkCreateQueryPool'] * WORKERS, (24 + 64 + 16) * MIB)

    def test_eight_of_shared_memory(self):
        self.attack(['vkAllocateDescriptorSets'] * WORKERS, 128 * MIB)

    def test_one_gets_what_is_left(self):
        """The division leaves a single program all of it."""
        server = self.start()
        pid = os.fork()
        if pid == 0:
            os.setuid(NOBODY)
            with contextlib.suppress(Exception), vtest.Client(server.path) as client:
                gpu = venus.Gpu(client)
                gpu.call(venus.allocate_memory(venus.DEVICE, FIRST_NEW, 400 * MIB))
                os._exit(0)
            os._exit(1)
        self.assertEqual(os.waitpid(pid, 0)[1], 0)


if __name__ == '__main__':
    harness.main()
