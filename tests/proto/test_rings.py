# SPDX-License-Identifier: MIT
"""Command streams and rings of a hostile client: the context ends, the server does not."""

import random
import struct

import harness
import venus
import vtest
from venus import DEVICE, Gpu
from vtest import Client, Dropped, Ring

TOP = (1 << 64) - 1


class VenusTest(harness.ServerTest):
    def write_fatal(self, ring, data):
        """The ring must break down; it may do so before the client rings the bell."""
        try:
            ring.write(data)
        except Dropped:
            pass
        self.assertTrue(ring.wait_fatal(), self.server.tail())


class Streams(VenusTest):
    """Venus commands in the context stream."""

    def assert_refused(self, commands, prepare=None):
        with Client(self.server.path) as client:
            made = prepare(client) if prepare else None
            try:
                client.submit(commands(made) if callable(commands) else commands)
            except Dropped:
                return
            self.assertTrue(client.wait_dropped(), self.server.tail())

    def test_unknown_commands(self):
        for number in (-1, -0x80000000, 195, 346, 1000, 0x7fffffff):
            self.assert_refused(vtest.command(number))

    def test_cut_off_commands(self):
        whole = vtest.create_instance(1)
        for length in range(4, len(whole), 8):
            self.assert_refused(whole[:length])
        for one in (vtest.set_reply(1, 0, 4), vtest.notify_ring(1, 0), vtest.create_ring(1, 1)):
            self.assert_refused(one[:-4])

    def test_random_streams(self):
        rng = random.Random(3)
        for _ in range(60):
            words = [rng.choice((0, 1, 2, rng.randrange(346), rng.randrange(1 << 32)))
                     for _ in range(rng.randrange(1, 300))]
            words[0] = rng.randrange(346)
            with Client(self.server.path) as client:
                client.submit(struct.pack(f'<{len(words)}I', *words))
                try:
                    client.get_param(1)
                except Dropped:
                    pass

    def test_corrupted_instance(self):
        whole = vtest.create_instance(1)
        for at in range(0, len(whole), 4):
            for value in (0xffffffff, 0x80000000, 0x10000):
                broken = whole[:at] + struct.pack('<I', value) + whole[at + 4:]
                with Client(self.server.path) as client:
                    res_id, _ = client.create_shm(4096)
                    client.submit(vtest.set_reply(res_id, 0, 4096) + broken)
                    try:
                        client.get_param(1)
                    except Dropped:
                        pass

    def test_missing_objects(self):
        for handle in (0, 1, 12345, TOP):
            self.assert_refused(vtest.destroy_instance(handle) if handle else
                                vtest.command(vtest.VK_ENUMERATE_PHYSICAL_DEVICES,
                                              struct.pack('<QQQ', 0, 0, 0)))

    def test_rings_that_do_not_exist(self):
        for one in (vtest.notify_ring(5, 0), vtest.destroy_ring(5), vtest.wait_ring_seqno(5, 0),
                    vtest.submit_virtqueue_seqno(5, 1), vtest.write_ring_extra(5, 0, 0)):
            self.assert_refused(one)

    def test_ring_commands_in_the_wrong_place(self):
        self.assert_refused(vtest.wait_virtqueue_seqno(1))

    def test_reply_streams_out_of_range(self):
        for offset, size in ((4096, 4), (4092, 8), (TOP, 8), (TOP - 3, 8), (0, 4097), (0, TOP),
                             (8, TOP - 4), (1 << 63, 1 << 63)):
            self.assert_refused(lambda blob: vtest.set_reply(blob[0], offset, size) +
                                vtest.enumerate_instance_version(),
                                lambda client: client.create_shm(4096))
        for res_id in (0, 2, 77777, 0xffffffff):
            self.assert_refused(vtest.set_reply(res_id, 0, 16) +
                                vtest.enumerate_instance_version())

    def test_replies_that_do_not_fit(self):
        self.assert_refused(lambda blob: vtest.set_reply(blob[0], 0, 12) +
                            vtest.enumerate_instance_version(),
                            lambda client: client.create_shm(4096))
        self.assert_refused(vtest.enumerate_instance_version())
        for position in (4096, 4090, TOP, 1 << 63):
            self.assert_refused(lambda blob: vtest.set_reply(blob[0], 0, 4096) +
                                vtest.seek_reply(position) + vtest.enumerate_instance_version(),
                                lambda client: client.create_shm(4096))

    def test_indirect_streams(self):
        def shm(client):
            res_id, memory = client.create_shm(4096)
            memory[:8] = vtest.command(195)
            return res_id
        for streams in ([], [(0, 0, 8)], [(99, 0, 8)]):
            self.assert_refused(vtest.execute_streams(streams))
        for offset, size in ((4096, 4), (TOP, 8), (TOP - 3, 4), (0, 4100), (4, TOP), (0, 8)):
            self.assert_refused(lambda res_id: vtest.execute_streams([(res_id, offset, size)]),
                                shm)

        def nested(client):
            res_id, memory = client.create_shm(4096)
            inner = vtest.execute_streams([(res_id, 0, 64)])
            memory[:len(inner)] = inner
            return res_id, len(inner)
        self.assert_refused(lambda made: vtest.execute_streams([(made[0], 0, made[1])]), nested)

    def test_reply_from_an_indirect_stream(self):
        """Mesa sends large commands so; their reply stream has room for their reply alone."""
        with Client(self.server.path) as client:
            ring = Ring(client)
            res_id, memory = client.create_shm(4096)
            inner = vtest.enumerate_instance_version()
            memory[:len(inner)] = inner
            ring.write(vtest.set_reply(ring.reply_id, 0, 20) +
                       vtest.execute_streams([(res_id, 0, len(inner))]))
            self.assertTrue(ring.wait(), self.server.tail())
            number, result, present, _ = struct.unpack('<iiQI', ring.replies[0:20])
            self.assertEqual((number, result, present), (137, 0, 1))

    def test_instances(self):
        with Client(self.server.path) as client:
            ring = Ring(client)
            reply = ring.call(vtest.create_instance(1, layers=['VK_LAYER_KHRONOS_validation']), 8)
            self.assertEqual(struct.unpack('<ii', reply), (0, -6))
            reply = ring.call(vtest.create_instance(2), 8)
            self.assertEqual(struct.unpack('<ii', reply), (0, 0))
            self.write_fatal(ring, vtest.create_instance(3))


class Rings(VenusTest):
    """Layouts, counters and contents of rings."""

    def assert_layout_refused(self, **layout):
        with Client(self.server.path) as client:
            res_id, _ = client.create_shm(65536)
            client.submit(vtest.create_ring(1, res_id, **layout))
            self.assertTrue(client.wait_dropped(), f'{layout}\n{self.server.tail()}')

    def test_layouts(self):
        size = 65536
        for layout in (
                {'offset': size, 'size': 4096}, {'offset': TOP - 4095, 'size': 8192},
                {'size': size + 1}, {'size': TOP}, {'size': 0}, {'offset': 3},
                {'head': size}, {'head': TOP}, {'head': TOP - 3}, {'head': 2}, {'head': 64},
                {'tail': size - 2}, {'tail': TOP}, {'tail': 65}, {'tail': 0},
                {'status': TOP}, {'status': size}, {'status': 0}, {'status': 130},
                {'buffer': TOP - 16383, 'extra': 20000, 'size': size},
                {'buffer': size - 16384 + 4, 'extra': 1024, 'size': size}, {'buffer': 128},
                {'buffer': 194, 'extra': 20000, 'size': size},
                {'buffer_size': 0, 'extra': 20000, 'size': size},
                {'buffer_size': 16383, 'extra': 20000, 'size': size},
                {'buffer_size': 3 << 12, 'extra': 20000, 'size': size},
                {'buffer_size': 1 << 63, 'extra': 20000, 'size': size},
                {'buffer_size': TOP, 'extra': 20000, 'size': size},
                {'buffer_size': 1 << 25, 'extra': 20000, 'size': size},
                {'extra': TOP, 'size': size}, {'extra': size - 2, 'size': size},
                {'extra': 192, 'size': size}, {'extra_size': TOP, 'size': size},
                {'extra_size': size, 'size': size}):
            self.assert_layout_refused(**layout)

    def test_memory_that_is_no_ring(self):
        for res_id in (0, 1, 3, 0xffffffff):
            with Client(self.server.path) as client:
                client.submit(vtest.create_ring(1, res_id))
                self.assertTrue(client.wait_dropped())

    def test_used_memory(self):
        for word in (0, 128):
            with Client(self.server.path) as client:
                res_id, memory = client.create_shm(65536)
                memory[word] = 1
                client.submit(vtest.create_ring(1, res_id))
                self.assertTrue(client.wait_dropped())

    def test_ring_id_twice(self):
        with Client(self.server.path) as client:
            ring = Ring(client)
            other_id, _ = client.create_shm(65536)
            client.submit(vtest.create_ring(ring.ring_id, other_id))
            self.assertTrue(client.wait_dropped())

    def test_tail_beyond_the_buffer(self):
        for tail in (16385, 0x7fffffff, 0x80000000, 0xffffffff, 3):
            with Client(self.server.path) as client:
                ring = Ring(client)
                ring.set_word(64, tail)
                try:
                    client.submit(vtest.notify_ring(ring.ring_id, tail))
                except Dropped:
                    pass
                self.assertTrue(ring.wait_fatal(), f'{tail:x}')
                self.assertTrue(client.wait_dropped())

    def test_random_contents(self):
        rng = random.Random(4)
        for _ in range(60):
            with Client(self.server.path) as client:
                ring = Ring(client)
                worker, = self.server.wait_workers(1)
                words = [rng.choice((0, 1, rng.randrange(346), rng.randrange(1 << 32)))
                         for _ in range(rng.randrange(1, 400))]
                words[0] = rng.randrange(346)
                try:
                    ring.write(struct.pack(f'<{len(words)}I', *words))
                    # What it asks for may be to wait without end: then the worker sleeps.
                    harness.wait_until(lambda: ring.status & vtest.FATAL or ring.head == ring.tail or
                                       harness.idle_ones([worker]))
                except (Dropped, FileNotFoundError):
                    pass

    def test_memory_that_changes(self):
        """Everything a client can write to changes all the time."""
        rng = random.Random(5)
        for _ in range(10):
            with Client(self.server.path) as client:
                ring = Ring(client)
                try:
                    ring.write(vtest.set_reply(ring.reply_id, 0, 4096) +
                               vtest.enumerate_instance_version() * 200)
                    for _ in range(2000):
                        at = rng.randrange(48, len(ring.memory) // 4) * 4
                        ring.set_word(at, rng.randrange(1 << 32))
                        ring.set_word(64, rng.randrange(1 << 14) * 4)
                        client.submit(vtest.notify_ring(ring.ring_id, 0))
                except Dropped:
                    pass

    def test_seqnos_out_of_reach(self):
        with Client(self.server.path) as client:
            ring = Ring(client)
            client.submit(vtest.wait_ring_seqno(ring.ring_id, 0x7fffffff))
            self.assertTrue(client.wait_dropped())

    def test_extra_out_of_range(self):
        for offset in (4, 1, TOP, TOP - 3, 1 << 32):
            with Client(self.server.path) as client:
                ring = Ring(client)
                client.submit(vtest.write_ring_extra(ring.ring_id, offset, 7))
                self.assertTrue(client.wait_dropped())

    def test_ring_may_not_make_rings(self):
        with Client(self.server.path) as client:
            ring = Ring(client)
            self.write_fatal(ring, vtest.create_ring(9, ring.res_id))

    def test_memory_taken_away(self):
        """A resource that a ring lives in, or replies go to, is released under its feet."""
        with Client(self.server.path) as client:
            ring = Ring(client)
            ring.call(vtest.enumerate_instance_version(), 16)
            client.unref(ring.reply_id)
            try:
                ring.call(vtest.enumerate_instance_version(), 16)
                client.unref(ring.res_id)
                ring.call(vtest.enumerate_instance_version(), 16)
            except (Dropped, TimeoutError):
                pass

    def test_many_rings(self):
        """Mesa makes a ring for each thread that creates pipelines; more than the supervisor keeps an eye on."""
        with Client(self.server.path) as client:
            rings = [Ring(client, ring_id=i + 1, buffer_size=4096, reply_size=4096) for i in range(300)]
            for ring in rings:
                ring.write(vtest.set_reply(ring.reply_id, 0, 4096) + vtest.enumerate_instance_version())
            for ring in rings:
                self.assertTrue(ring.wait(), self.server.tail())
                self.assertEqual(struct.unpack_from('<ii', ring.replies), (137, 0))
            worker, = self.server.workers()
            print(f'{len(rings)} rings: {harness.count_threads(worker)} threads, {harness.memory_kib(worker)} KiB', flush=True)
            for ring in rings[::2]:
                client.submit(vtest.destroy_ring(ring.ring_id))
            for ring in rings[1::2]:
                ring.call(vtest.enumerate_instance_version(), 16)
            self.assertLess(harness.count_threads(worker), 200)
        self.server.wait_workers(0)

    def test_calls(self):
        """What works: calls, wrapping around, sleeping and being woken, being destroyed."""
        with Client(self.server.path) as client:
            ring = Ring(client, buffer_size=4096)
            for i in range(300):
                reply = ring.call(vtest.enumerate_instance_version(), 20)
                number, result, present, version = struct.unpack('<iiQI', reply)
                self.assertEqual((number, result, present), (137, 0, 1))
                self.assertGreaterEqual(version, (1 << 22) | (1 << 12))
                if i % 100 == 0:
                    harness.wait_for(lambda: ring.status & vtest.IDLE, what='idle')
            client.submit(vtest.wait_ring_seqno(ring.ring_id, ring.tail))
            client.submit(vtest.submit_virtqueue_seqno(ring.ring_id, 1))
            ring.write(vtest.wait_virtqueue_seqno(1))
            self.assertTrue(ring.wait())
            client.submit(vtest.write_ring_extra(ring.ring_id, 0, 0x12345))
            client.get_param(1)
            self.assertEqual(ring.word(192 + 4096), 0x12345)
            client.submit(vtest.destroy_ring(ring.ring_id))
            client.unref(ring.res_id)
            self.assertTrue(client.is_alive())

    def test_many_semaphores(self):
        with Client(self.server.path) as client:
            gpu = Gpu(client)
            for first in range(1000, 71000, 5000):
                gpu.stream(b''.join(venus.create_timeline(DEVICE, first + i) for i in range(5000)))
            gpu.call(venus.create_timeline(DEVICE, 71000, True))

    def test_alive(self):
        with Client(self.server.path) as client:
            ring = Ring(client, monitor_us=100000)
            ring.set_word(128, ring.status & ~vtest.ALIVE)
            harness.wait_for(lambda: ring.status & vtest.ALIVE, what='ALIVE')

    def loses_idle(self, client):
        """-> whether the ring sets IDLE again. It does so for the last time 21 ms after it went to sleep, which this
        process may be too late for."""
        ring = Ring(client)
        ring.call(vtest.enumerate_instance_version(), 20)
        while not ring.status & vtest.IDLE:
            pass
        ring.set_word(128, 0)
        if not harness.wait_until(lambda: ring.status & vtest.IDLE, 1, 0.001):
            return False
        ring.put(vtest.enumerate_instance_version())
        self.assertTrue(ring.wait())
        return True

    def test_lost_idle(self):
        """A guest that clears ALIVE, but not atomically, may take IDLE with it; and then it does not notify."""
        def survives():
            with Client(self.server.path) as client:
                return self.loses_idle(client)
        harness.wait_for(survives, what='a ring that sets IDLE again')

    def test_not_notified(self):
        """What the guest put there without a notice, long after the ring went to sleep, is found in the end."""
        with Client(self.server.path) as client:
            ring = Ring(client, monitor_us=300000)
            ring.call(vtest.enumerate_instance_version(), 20)
            harness.wait_idle(self.server.wait_workers(1)[0], 'a ring that has looked for the last time', 0.03)
            ring.put(vtest.enumerate_instance_version())
            self.assertTrue(ring.wait())

    def test_import_of_what_cannot_be_mapped(self):
        """An import takes whole pages of the resource; memory that is larger than these is refused."""
        with Client(self.server.path) as client:
            gpu = Gpu(client)
            res_id, _ = client.create_shm(5000)
            gpu.roundtrip()
            gpu.import_memory(res_id, 4096)
            gpu.import_memory(res_id, 5000, allowed=(-1000072003,))

    def test_physical_devices(self):
        with Client(self.server.path) as client:
            ring = Ring(client)
            reply = ring.call(vtest.create_instance(1), 24)
            self.assertEqual(struct.unpack('<iiQQ', reply), (0, 0, 1, 1))
            reply = ring.call(vtest.command(
                vtest.VK_ENUMERATE_PHYSICAL_DEVICES, struct.pack('<QQIQ', 1, 1, 0, 0),
                reply=True), 20)
            number, result, present, count = struct.unpack('<iiQI', reply)
            self.assertEqual((number, result, present), (2, 0, 1))
            self.assertGreaterEqual(count, 1)


class Budget(VenusTest):
    """What counts as memory, as there is no other limit that programs get to."""

    ARGS = ('-o', 'max-memory=32M')

    def test_rings(self):
        """256 KiB each. There is no other way to refuse one than to end the context."""
        with Client(self.server.path) as client:
            rings = []
            with self.assertRaises((Dropped, TimeoutError)):
                for i in range(128):
                    rings.append(Ring(client, ring_id=i + 1, buffer_size=4096, reply_size=4096))
                    client.get_param(1)
            self.assertGreater(len(rings), 100)
            self.assertTrue(rings[0].wait_fatal())
            self.server.wait_log('vkCreateRingMESA: no memory for a ring')

    def test_semaphores(self):
        """4 KiB each, until they are destroyed."""
        ids = range(1000, 10000)
        with Client(self.server.path) as client:
            gpu = Gpu(client)
            for start in range(0, len(ids), 50):
                gpu.ring.write(b''.join(venus.create_timeline(DEVICE, i) for i in ids[start:start + 50]))
                self.assertTrue(gpu.ring.wait())
            reply = gpu.ring.call(venus.create_timeline(DEVICE, 20000, True), 8)
            self.assertEqual(struct.unpack('<ii', reply), (40, -1))
            for start in range(0, len(ids), 50):
                gpu.ring.write(b''.join(venus.destroy_semaphore(DEVICE, i) for i in ids[start:start + 50]))
                self.assertTrue(gpu.ring.wait())
            gpu.call(venus.create_timeline(DEVICE, 20000, True))


if __name__ == '__main__':
    harness.main()
