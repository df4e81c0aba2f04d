# SPDX-License-Identifier: MIT
"""Copies between images and memory that the processor makes: their bytes are in the commands and in the replies, which
can be large, and stay where they are in the client's memory."""

import os
import random
import struct
import threading
import unittest

import harness
import venus
import vtest
from front import Front, Gone
from venus import DEVICE, Gpu
from vtest import Client, Dropped

TOP = (1 << 64) - 1
GENERAL = 1
ALL_LAYERS = (1 << 32) - 1
IMAGE, MEMORY = 90, 91
SIDE = 4096
LARGE = SIDE * SIDE * 4
# The image, and what one command or reply has: not once more.
BUDGET = 2 * LARGE + LARGE // 2


def make_image(client, width, height, layers=1):
    """A device, and an image for copies by the processor."""
    gpu = Gpu(client)
    gpu.ring.write(venus.create_image(DEVICE, IMAGE, width, height, layers=layers, usage=1 << 22))
    size, = struct.unpack_from('<Q', gpu.call(venus.image_memory_requirements(DEVICE, IMAGE),
                                              allowed=(1000146003, 0, 1), size=48), 24)
    gpu.call(venus.allocate_memory(DEVICE, MEMORY, size))
    gpu.ring.write(venus.bind_image(DEVICE, IMAGE, MEMORY) + venus.transition_image(DEVICE, IMAGE, layers, GENERAL))
    return gpu


def write_image(regions):
    return venus.copy_memory_to_image(DEVICE, IMAGE, GENERAL, regions)


def read_image(gpu, region, size):
    """Through a reply stream of its own."""
    res_id, memory = gpu.front.create_shm(size + 16)
    gpu.roundtrip()
    gpu.ring.write(vtest.set_reply(res_id, 0, size + 16) +
                   venus.copy_image_to_memory(DEVICE, IMAGE, GENERAL, region, size))
    if not gpu.ring.wait(30):
        raise Dropped('ring is fatal')
    number, result, count = struct.unpack_from('<iiQ', memory)
    assert (number, result, count) == (297, 0, size), (number, result, count)
    data = memory[16:]
    return data


def rows(at, count):
    """Whole rows of the large image."""
    return struct.pack('<II4I3i3I', 0, 0, 1, 0, 0, 1, 0, at, 0, SIDE, count, 1)


class Copies(harness.ServerTest):
    def test_host_image_copies(self):
        """50 MB in one command: the limit is the budget, and the texels are as large as the format says."""
        each = 256 * 256 * 4
        with Client(self.server.path) as client:
            gpu = make_image(client, 256, 256)
            region = venus.copy_region(256, 256, 1)
            last = random.Random(1).randbytes(each)
            gpu.stream(write_image([(bytes(each), region)] * 199 + [(last, region)]))
            reply = gpu.call(venus.copy_image_to_memory(DEVICE, IMAGE, GENERAL, venus.copy_region(128, 1, 1), 512),
                             size=16 + 512)
            self.assertEqual(reply[16:], last[:512])

    def test_host_image_copies_of_all_layers(self):
        with Client(self.server.path) as client:
            gpu = make_image(client, 256, 256, layers=3)
            texels = random.Random(2).randbytes(3 * 4 * 4 * 4)
            gpu.ring.write(write_image([(texels, venus.copy_region(4, 4, ALL_LAYERS))]))
            reply = gpu.call(venus.copy_image_to_memory(DEVICE, IMAGE, GENERAL,
                                                        venus.copy_region(4, 4, ALL_LAYERS), len(texels)),
                             size=16 + len(texels))
            self.assertEqual(reply[16:], texels)

    def test_host_image_copy_without_its_bytes(self):
        """What the command did not bring is zero, never what lies behind it."""
        with Client(self.server.path) as client:
            gpu = make_image(client, 256, 256)
            gpu.ring.write(write_image([(b'\xff' * 64, venus.copy_region(256, 256, 1))]))
            reply = gpu.call(venus.copy_image_to_memory(DEVICE, IMAGE, GENERAL, venus.copy_region(32, 1, 1), 128),
                             size=16 + 128)
            self.assertEqual(reply[16:], b'\xff' * 64 + bytes(64))

    def test_bytes_that_do_not_come(self):
        """Counts beyond the end of the stream; the last one lacks its padding alone."""
        region = venus.copy_region(4, 4, 1)
        whole = write_image([(bytes(64), region)])
        data_size = whole.index(struct.pack('<QQ', 64, 64))
        before = whole[:data_size]
        for size in (65536 * 4, 1 << 32, 1 << 62, TOP >> 1, TOP - 3, TOP - 2, TOP):
            for behind in (64, 300000):
                with self.subTest(size=size, behind=behind), Client(self.server.path) as client:
                    gpu = make_image(client, 256, 256)
                    size = max(size, behind + 1)
                    with self.assertRaises(Dropped):
                        gpu.stream(before + struct.pack('<QQ', size, size) + bytes(behind))
        with Client(self.server.path) as client:
            gpu = make_image(client, 256, 256)
            with self.assertRaises(Dropped):
                gpu.stream(before + struct.pack('<QQ', 100001, 100001) + bytes(100000))

    def test_reply_without_room(self):
        """The driver must not write where the reply stream ends."""
        for size, room in ((256 * 256 * 4, 256 * 256 * 4 + 12), (1 << 40, 65536), (TOP, 65536), (TOP - 15, 65536)):
            with self.subTest(size=size), Client(self.server.path) as client:
                gpu = make_image(client, 256, 256)
                res_id, memory = client.create_shm(room + 4096)
                memory[room:] = b'\x5a' * 4096
                gpu.roundtrip()
                gpu.ring.put(vtest.set_reply(res_id, 0, room) +
                             venus.copy_image_to_memory(DEVICE, IMAGE, GENERAL, venus.copy_region(256, 256, 1), size))
                try:
                    client.submit(vtest.notify_ring(gpu.ring.ring_id, gpu.ring.tail))
                except Dropped:
                    pass
                self.assertTrue(gpu.ring.wait_fatal(), self.server.tail())
                self.assertEqual(memory[room:], b'\x5a' * 4096)


class Large(harness.ServerTest):
    """Commands and replies for which the budget has no room twice."""

    ARGS = ('-o', f'max-memory={BUDGET >> 20}M')

    def test_there_and_back(self):
        texels = os.urandom(LARGE)
        with Client(self.server.path) as client:
            gpu = make_image(client, SIDE, SIDE)
            gpu.stream(write_image([(texels, rows(0, SIDE))]))
            self.assertTrue(read_image(gpu, rows(0, SIDE), LARGE) == texels)

    def test_what_comes_behind(self):
        """Regions in another order than their rows, and a command behind them whose reply is right."""
        texels = os.urandom(LARGE)
        parts = [(at, count) for at, count in ((4000, 96), (0, 1), (1, 3), (4, 2000), (2004, 7), (2011, 1989))]
        with Client(self.server.path) as client:
            gpu = make_image(client, SIDE, SIDE)
            gpu.stream(write_image([(texels[at * SIDE * 4:(at + count) * SIDE * 4], rows(at, count))
                                    for at, count in parts]) +
                       vtest.set_reply(gpu.ring.reply_id, 0, 4096) + vtest.enumerate_instance_version())
            self.assertEqual(struct.unpack_from('<iiQ', gpu.ring.replies), (137, 0, 1))
            for at in (0, 1, 2, 3, 4, 2003, 2010, 2011, 4095):
                self.assertTrue(read_image(gpu, rows(at, 1), SIDE * 4) == texels[at * SIDE * 4:(at + 1) * SIDE * 4], at)

    def test_bytes_that_change(self):
        """A texel is what it was, or what it became; what says how many there are is read once."""
        for change_sizes in (False, True):
            with self.subTest(change_sizes=change_sizes), Client(self.server.path) as client:
                gpu = make_image(client, SIDE, SIDE)
                half = LARGE // 2
                command = write_image([(bytes(half), rows(0, SIDE // 2))] * 2)
                second = command.index(struct.pack('<QQ', half, half), 200)
                res_id, memory = client.create_shm(len(command))
                memory[:] = command
                gpu.roundtrip()
                over = threading.Event()

                def change():
                    while not over.is_set():
                        for at in range(200, second, 1 << 20):
                            memory[at + 1024:at + 1024 + 65536] = b'\xff' * 65536
                        if change_sizes:
                            memory[second:second + 16] = struct.pack('<QQ', TOP, TOP)
                            memory[second:second + 16] = command[second:second + 16]
                thread = threading.Thread(target=change)
                thread.start()
                try:
                    gpu.ring.write(vtest.execute_streams([(res_id, 0, len(command))]))
                    self.assertTrue(gpu.ring.wait(30) or change_sizes, self.server.tail())
                except Dropped:
                    self.assertTrue(change_sizes, self.server.tail())
                finally:
                    over.set()
                    thread.join()
                if not change_sizes:
                    client.unref(res_id)
                    self.assertEqual(set(read_image(gpu, rows(0, SIDE // 2), half)) - {0, 255}, set())

    def test_memory_taken_away(self):
        """The client drops the stream's resource while its bytes are read: they stay until they are."""
        command = write_image([(b'\x5a' * LARGE, rows(0, SIDE))])
        with Client(self.server.path) as client:
            gpu = make_image(client, SIDE, SIDE)
            res_id, memory = client.create_shm(len(command))
            memory[:] = command
            gpu.roundtrip()
            gpu.ring.write(vtest.execute_streams([(res_id, 0, len(command))]))
            client.unref(res_id)
            memory.close()
            if gpu.ring.wait(30): # else it was gone before the ring came to it
                self.assertTrue(read_image(gpu, rows(0, SIDE), LARGE) == b'\x5a' * LARGE)


def drop(context, res_id):
    """Detaches a resource that commands in a ring name. -> False: the ring was late, found no such resource, and that ended
    the context."""
    context.detach(res_id)
    try:
        context.sync()
    except Gone:
        return False
    return True


class Window(unittest.TestCase):
    """In a VM, memory that the guest drops gets into other hands: who reads it sees zeros from then on."""

    def test_memory_taken_away(self):
        size = SIDE * 2048 * 4
        command = write_image([(b'\x5a' * size, rows(0, 2048))])
        with Front(window_size=256 << 20) as context:
            gpu = make_image(context, SIDE, 2048)
            res_id, memory = context.create_shm(len(command))
            memory[:] = command
            gpu.roundtrip()
            gpu.ring.write(vtest.execute_streams([(res_id, 0, len(command))]))
            lives = drop(context, res_id)
            memory[:] = b'\xee' * len(command) # it is another's now
            if lives and gpu.ring.wait(30):
                self.assertEqual(set(read_image(gpu, rows(0, 2048), size)) - {0, 0x5a}, set())

    def test_reply_taken_away(self):
        size = SIDE * 2048 * 4
        with Front(window_size=256 << 20) as context:
            gpu = make_image(context, SIDE, 2048)
            gpu.stream(write_image([(b'\x5a' * size, rows(0, 2048))]))
            res_id, memory = context.create_shm(size + 16)
            gpu.roundtrip()
            gpu.ring.write(vtest.set_reply(res_id, 0, size + 16) +
                           venus.copy_image_to_memory(DEVICE, IMAGE, GENERAL, rows(0, 2048), size))
            lives = drop(context, res_id)
            memory[:] = b'\xee' * len(memory)
            if lives:
                gpu.ring.wait(30)
            self.assertTrue(memory == b'\xee' * len(memory), 'it was written after the guest had dropped it')


if __name__ == '__main__':
    harness.main()
