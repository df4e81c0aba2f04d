# SPDX-License-Identifier: MIT
"""The vtest protocol: what must be refused first, then what must work."""

import mmap
import os
import random
import socket
import struct
import time

import harness
import vtest
from vtest import Client, Dropped


class Refusals(harness.ServerTest):
    """Whatever a client says, the server drops it in a way that ends Mesa's client, and goes on."""

    ARGS = ('-o', 'handshake-timeout=1500')

    def connect(self, **arguments):
        client = Client(self.server.path, **arguments)
        self.addCleanup(client.close)
        return client

    def assert_dropped(self, client):
        self.assertTrue(client.wait_dropped(), self.server.tail())

    def assert_refused(self, data, handshake=True):
        client = self.connect(handshake=handshake)
        try:
            client.send_raw(data)
        except Dropped:
            return
        self.assert_dropped(client)

    def test_unknown_messages(self):
        for command in (0, 1, 2, 4, 5, 6, 9, 12, 13, 14, 25, 38, 39, 0x7fffffff, 0xffffffff):
            self.assert_refused(struct.pack('<II', 0, command))

    def test_wrong_lengths(self):
        for command, words in vtest.FIXED_WORDS.items():
            for length in {0, words - 1, words + 1, 255, 0x40000000, 0x7fffffff, 0xffffffff}:
                if length != words and length >= 0:
                    self.assert_refused(struct.pack('<II', length, command))

    def test_wrong_lengths_of_lists(self):
        for length in (0, 1, 3, 4, 6, 3 + 65536 * 3, 2 + 65537 * 3, 0x40000002, 0xffffffff):
            self.assert_refused(struct.pack('<II', length, vtest.SYNC_WAIT))
        for length in (0, (64 << 20) // 4 + 1, 0x40000000, 0xffffffff):
            self.assert_refused(struct.pack('<II', length, vtest.SUBMIT_CMD2))

    def test_wrong_lengths_of_the_name(self):
        for length in (0, 4097, 0x40000000, 0xffffffff):
            self.assert_refused(struct.pack('<II', length, vtest.CREATE_RENDERER),
                                handshake=False)

    def test_messages_out_of_order(self):
        for command, words in vtest.FIXED_WORDS.items():
            self.assert_refused(struct.pack('<II', words, command) + bytes(words * 4),
                                handshake=False)

    def test_handshake_twice(self):
        self.assert_refused(struct.pack('<II', 2, vtest.CREATE_RENDERER) + b'a\0')
        self.assert_refused(struct.pack('<III', 1, vtest.PROTOCOL_VERSION, 4))
        self.assert_refused(struct.pack('<III', 1, vtest.CONTEXT_INIT, 4))

    def test_context_of_another_kind(self):
        client = self.connect(handshake=False)
        client.handshake(context=False)
        client.send(vtest.CONTEXT_INIT, struct.pack('<I', 2))
        self.assert_dropped(client)

    def test_old_version(self):
        client = self.connect(handshake=False)
        client.send(vtest.CREATE_RENDERER, b'old\0')
        client.send(vtest.PROTOCOL_VERSION, struct.pack('<I', 2))
        self.assert_dropped(client)

    def test_every_prefix_of_a_handshake(self):
        """A client that goes in mid-message, at every byte, is no news."""
        handshake = struct.pack('<II', 4, vtest.CREATE_RENDERER) + b'cut\0' + \
            struct.pack('<II', 0, vtest.PING_PROTOCOL_VERSION) + \
            struct.pack('<III', 1, vtest.PROTOCOL_VERSION, 4) + \
            struct.pack('<III', 1, vtest.CONTEXT_INIT, 4) + \
            struct.pack('<IIII', 2, vtest.SYNC_CREATE, 1, 0)
        for end in range(0, len(handshake), 3):
            client = Client(self.server.path, handshake=False)
            client.send_raw(handshake[:end])
            client.close()
        self.server.wait_workers(0)

    def test_random_bytes(self):
        rng = random.Random(1)
        for _ in range(40):
            self.assert_refused(bytes(rng.randrange(256) for _ in range(rng.randrange(8, 4000))),
                                handshake=rng.random() < 0.5)

    def test_random_payloads(self):
        """Each message, rightly framed, full of nonsense: an answer or the end, nothing else."""
        rng = random.Random(2)
        for command, words in vtest.FIXED_WORDS.items():
            for _ in range(10):
                client = self.connect()
                client.sock.settimeout(0.05)
                payload = b''.join(struct.pack('<I', rng.choice(
                    (0, 1, 2, 4, 0x7fffffff, 0x80000000, 0xffffffff, rng.randrange(1 << 32))))
                    for _ in range(words))
                try:
                    client.send(command, payload)
                    client.sock.recv(4096)
                except (Dropped, ConnectionResetError, socket.timeout):
                    pass
                client.close()

    def test_wrong_batches(self):
        good = {'flags': 1, 'cmd_offset': 9, 'cmd_size': 0, 'sync_offset': 9, 'sync_count': 0,
                'ring_idx': 0, 'in': 0, 'out': 0}
        wrong = [
            {'flags': 2}, {'flags': 4}, {'flags': 0xffffffff}, {'ring_idx': 64},
            {'ring_idx': 0xffffffff}, {'cmd_offset': 10, 'cmd_size': 1}, {'cmd_size': 1},
            {'cmd_offset': 0xffffffff, 'cmd_size': 1}, {'cmd_size': 0xffffffff},
            {'cmd_offset': 0xffffffff, 'cmd_size': 0xffffffff}, {'sync_count': 1},
            {'sync_offset': 0xffffffff}, {'sync_count': 0xffffffff}, {'sync_count': 0x55555556},
            {'in': 1}, {'out': 1},
        ]
        for change in wrong:
            batch = struct.pack('<8I', *{**good, **change}.values())
            self.assert_refused(struct.pack('<III', 9, vtest.SUBMIT_CMD2, 1) + batch)
        for count in (2, 64, 65, 0x20000000, 0xffffffff):
            batch = struct.pack('<8I', *good.values())
            self.assert_refused(struct.pack('<III', 9, vtest.SUBMIT_CMD2, count) + batch)

    def test_unknown_syncs(self):
        for sync in (1, 2, 65537, 0xffffffff):
            for message in ((vtest.SYNC_UNREF, struct.pack('<I', sync)),
                            (vtest.SYNC_READ, struct.pack('<I', sync)),
                            (vtest.SYNC_WRITE, struct.pack('<IQ', sync, 1)),
                            (vtest.SYNC_WAIT, struct.pack('<IIIQ', 0, 0, sync, 1))):
                client = self.connect()
                client.send(*message)
                self.assert_dropped(client)
            client = self.connect()
            client.submit(syncs=[(sync, 1)])
            self.assert_dropped(client)

    def test_unref_of_nothing(self):
        for res_id in (0, 1, 131073, 0xffffffff):
            client = self.connect()
            client.unref(res_id)
            self.assert_dropped(client)
        client = self.connect()
        res_id, fd = client.create_blob(4096)
        os.close(fd)
        client.unref(res_id)
        client.unref(res_id)
        self.assert_dropped(client)

    def test_silent_client(self):
        """It costs one fd and no process, and is told to go after the time limit."""
        self.server.wait_workers(0)
        fds = self.server.fds()
        started = time.monotonic()
        client = self.connect(handshake=False)
        harness.wait_for(lambda: self.server.fds() > fds, what='connection')
        self.assertLessEqual(self.server.fds(), fds + 2)
        self.assertEqual(self.server.workers(), [])
        self.assert_dropped(client)
        self.assertGreater(time.monotonic() - started, 1.3)

    def test_stalled_client(self):
        for said in (b'\0', struct.pack('<II', 4, vtest.CREATE_RENDERER) + b'ab',
                     struct.pack('<II', 2, vtest.CREATE_RENDERER) + b'a\0'):
            client = self.connect(handshake=False)
            client.send_raw(said)
            self.assert_dropped(client)
        self.server.wait_workers(0)

    def test_announcement_costs_nothing(self):
        client = self.connect()
        client.get_param(1)
        worker = self.server.wait_workers(1)[0]
        before = harness.memory_kib(worker)
        client.send_raw(struct.pack('<II', (64 << 20) // 4, vtest.SUBMIT_CMD2) + bytes(65536))
        harness.wait_idle(worker, 'it has read what there is')
        self.assertLess(harness.memory_kib(worker) - before, 1024)

    def test_slow_talker(self):
        """After the handshake a client may take its time, one byte after the other."""
        client = self.connect()
        for byte in struct.pack('<III', 1, vtest.GET_PARAM, 1):
            client.send_raw(bytes([byte]))
            time.sleep(0.15)  # in sum longer than the handshake may take
        self.assertEqual(struct.unpack('<II', client.reply(vtest.GET_PARAM, 2)), (1, 64))

    def test_fds_are_not_taken(self):
        client = self.connect()
        client.get_param(1)
        worker = self.server.wait_workers(1)[0]
        before = len(os.listdir(f'/proc/{worker}/fd'))
        for _ in range(50):
            socket.send_fds(client.sock, [struct.pack('<III', 1, vtest.GET_PARAM, 1)], [0, 1, 2])
            client.reply(vtest.GET_PARAM, 2)
        self.assertEqual(len(os.listdir(f'/proc/{worker}/fd')), before)

    def test_client_that_does_not_read(self):
        """Its worker may wait for this client only, and ends with it."""
        client = self.connect()
        client.sock.settimeout(1)
        try:
            for _ in range(100000):
                client.send(vtest.GET_CAPSET, struct.pack('<II', 4, 0))
        except socket.timeout:
            pass
        with Client(self.server.path) as other:
            self.assertTrue(other.is_alive())
        client.close()
        self.server.wait_workers(0)


class Budgets(harness.ServerTest):
    """What is too much is refused with an error that Mesa's client can take."""

    def setUp(self):
        self.client = Client(self.server.path)
        self.addCleanup(self.client.close)

    def assert_void(self, res_id, fd):
        """An id to release and an fd that fails to map and polls as a lost device."""
        self.assertGreater(res_id, 0)
        with self.assertRaises(OSError):
            mmap.mmap(fd, 4096)
        os.close(fd)
        self.assertTrue(self.client.is_alive())

    def test_absurd_blobs(self):
        for size in (1 << 40, (1 << 40) + 1, 1 << 50, 1 << 63, (1 << 64) - 1, (1 << 64) - 4095, 0):
            res_id, fd = self.client.create_blob(size)
            self.assert_void(res_id, fd)
            self.client.unref(res_id)
        self.assertTrue(self.client.is_alive())

    def test_wrong_blobs(self):
        for arguments in ({'kind': 0}, {'kind': 1}, {'kind': 3}, {'kind': 0xffffffff},
                          {'flags': 8}, {'flags': 0xffffffff}, {'flags': 0}, {'flags': 7},
                          {'blob_id': 1}, {'blob_id': (1 << 64) - 1}):
            self.assert_void(*self.client.create_blob(4096, **arguments))

    def test_void_blobs_have_ids_of_their_own(self):
        ids = set()
        for _ in range(100):
            res_id, fd = self.client.create_blob(1 << 40)
            os.close(fd)
            ids.add(res_id)
        self.assertEqual(len(ids), 100)
        for res_id in ids:
            self.client.unref(res_id)
        self.assertTrue(self.client.is_alive())

    def test_100000_syncs(self):
        # In one go, because 100,000 round trips say nothing more.
        message = struct.pack('<IIQ', 2, vtest.SYNC_CREATE, 7)
        ids = []
        for _ in range(100):
            self.client.send_raw(message * 1000)
            for _ in range(1000):
                ids.append(struct.unpack('<I', self.client.reply(vtest.SYNC_CREATE, 1))[0])
        real = [sync for sync in ids if sync]
        self.assertEqual(len(real), 65536)
        self.assertEqual(len(set(real)), 65536)
        self.assertEqual(len(ids) - len(real), 100000 - 65536)
        print(f'100,000 syncs: {len(real)} made, the others refused', flush=True)
        # A refused one behaves like one of a lost device.
        self.assertEqual(self.client.sync_wait([(0, 1)]), 'lost')
        self.assertEqual(self.client.sync_wait([(real[0], 1), (0, 1)]), 'lost')
        self.client.sync_write(0, 5)
        self.assertEqual(self.client.sync_read(0), 0)
        self.client.submit(syncs=[(0, 1)])
        self.client.sync_unref(0)
        self.client.sync_unref(real[5])
        self.assertEqual(self.client.sync_create(3), real[5])
        self.assertTrue(self.client.is_alive())

    def test_many_waits(self):
        """Waits beyond the limit, or beyond the fds there are, are lost devices."""
        sync = self.client.sync_create(0)
        states = {'timeout': 0, 'lost': 0}
        payload = struct.pack('<IIIQ', 0, vtest.FOREVER, sync, 1)
        for _ in range(17000):
            self.client.send(vtest.SYNC_WAIT, payload)
            self.client.reply(vtest.SYNC_WAIT, 0)
            fd = self.client.read_fd()
            states[vtest.poll_wait(fd, 0)] += 1
            os.close(fd)
        self.assertLessEqual(states['timeout'], 16384)
        self.assertGreater(states['lost'], 0)
        self.client.sync_write(sync, 1)
        self.assertEqual(self.client.sync_wait([(sync, 1)]), 'ok')
        print(f'17,000 waits: {states["timeout"]} pending, {states["lost"]} refused', flush=True)

    def test_expired_waits_are_forgotten(self):
        sync = self.client.sync_create(0)
        self.client.get_param(1)
        worker = self.server.wait_workers(1)[0]
        for _ in range(300):
            os.close(self.client.sync_wait_fd([(sync, 1)], timeout_ms=1))
            time.sleep(0.002)
        self.assertLess(len(os.listdir(f'/proc/{worker}/fd')), 150)


class Service(harness.ServerTest):
    """What Mesa asks for."""

    def setUp(self):
        self.client = Client(self.server.path)
        self.addCleanup(self.client.close)

    def test_versions(self):
        for asked, got in ((3, 3), (4, 4), (5, 4), (0xffffffff, 4)):
            with Client(self.server.path, version=asked) as client:
                self.assertEqual(client.version, got)
                client.submit(syncs=[(client.sync_create(), 1)])
                self.assertTrue(client.is_alive())

    def test_params_and_capset(self):
        self.assertEqual(self.client.get_param(1), (1, 64))
        self.assertEqual(self.client.get_param(2), (0, 0))
        self.assertEqual(self.client.get_param(0xffffffff), (0, 0))
        self.assertEqual(len(self.client.get_capset()), 160)
        self.assertIsNone(self.client.get_capset(4, 1))
        self.assertIsNone(self.client.get_capset(2, 0))

    def test_messages_in_one_piece(self):
        """A name of odd length must not shift what comes behind it."""
        for name in (b'\0', b'a\0', b'ab\0', b'abc\0', b'x' * 300 + b'\0', b'y' * 4096):
            with Client(self.server.path, handshake=False) as client:
                client.send_raw(struct.pack('<II', len(name), vtest.CREATE_RENDERER) + name +
                                struct.pack('<III', 1, vtest.GET_PARAM, 1) +
                                struct.pack('<III', 1, vtest.PROTOCOL_VERSION, 4) +
                                struct.pack('<III', 1, vtest.CONTEXT_INIT, 4) +
                                struct.pack('<IIQ', 2, vtest.SYNC_CREATE, 77))
                self.assertEqual(struct.unpack('<II', client.reply(vtest.GET_PARAM, 2)), (1, 64))
                client.reply(vtest.PROTOCOL_VERSION, 1)
                sync, = struct.unpack('<I', client.reply(vtest.SYNC_CREATE, 1))
                self.assertEqual(client.sync_read(sync), 77)

    def test_name_cannot_forge_log_lines(self):
        with Client(self.server.path, name='evil\n0.000 error \x1b[31mforged') as client:
            client.get_param(1)
        for line in self.server.log().splitlines():
            self.assertNotIn('\x1b', line)
            self.assertFalse(line.startswith('0.000 error'), line)

    def test_shared_memory(self):
        res_id, memory = self.client.create_shm(5000)
        memory[4999] = 7
        other_id, other = self.client.create_shm(8192)
        self.assertNotEqual(res_id, other_id)
        self.assertEqual(other[:], bytes(8192))
        memory.close()
        self.client.unref(res_id)
        again_id, again = self.client.create_shm(5000)
        self.assertEqual(again[:5000], bytes(5000), 'memory of a client must come back empty')
        self.client.unref(again_id)
        self.client.unref(other_id)
        self.assertTrue(self.client.is_alive())

    def test_shared_memory_cannot_shrink(self):
        res_id, fd = self.client.create_blob(65536)
        with self.assertRaises(OSError):
            os.ftruncate(fd, 0)
        os.close(fd)
        self.client.unref(res_id)

    def test_syncs(self):
        sync = self.client.sync_create((5 << 32) + 6)
        self.assertEqual(self.client.sync_read(sync), (5 << 32) + 6)
        self.client.sync_write(sync, (1 << 64) - 1)
        self.assertEqual(self.client.sync_read(sync), (1 << 64) - 1)
        self.client.sync_write(sync, 0)
        self.assertEqual(self.client.sync_read(sync), 0)
        self.client.sync_unref(sync)

    def test_waits(self):
        a, b = self.client.sync_create(1), self.client.sync_create(0)
        wait = self.client.sync_wait
        self.assertEqual(wait([(a, 1)]), 'ok')
        self.assertEqual(wait([(a, 2)], timeout_ms=0), 'timeout')
        self.assertEqual(wait([(a, 2)], timeout_ms=20), 'timeout')
        self.assertEqual(wait([(a, 1), (b, 1)], timeout_ms=20), 'timeout')
        self.assertEqual(wait([(a, 1), (b, 1)], any_of=True), 'ok')
        self.assertEqual(wait([]), 'ok')
        fd = self.client.sync_wait_fd([(a, 2), (b, 1), (b, 2), (b, 2)])
        self.client.sync_write(a, 2)
        self.assertEqual(vtest.poll_wait(fd, 20), 'timeout')
        self.client.sync_write(b, 1)
        self.assertEqual(vtest.poll_wait(fd, 20), 'timeout')
        self.client.sync_write(a, 0)
        self.client.sync_write(b, 3)
        self.assertEqual(vtest.poll_wait(fd, 1000), 'ok')
        os.close(fd)
        many = [(self.client.sync_create(0), 1) for _ in range(100)]
        fd = self.client.sync_wait_fd(many, any_of=True)
        self.client.sync_write(many[70][0], 1)
        self.assertEqual(vtest.poll_wait(fd, 1000), 'ok')
        os.close(fd)

    def test_waits_end_with_their_sync(self):
        a, b = self.client.sync_create(0), self.client.sync_create(0)
        both = self.client.sync_wait_fd([(a, 1), (b, 1)])
        either = self.client.sync_wait_fd([(a, 1), (b, 1)], any_of=True)
        self.client.sync_unref(a)
        self.assertEqual(vtest.poll_wait(both, 1000), 'lost')
        self.assertEqual(vtest.poll_wait(either, 20), 'timeout')
        self.client.sync_write(b, 1)
        self.assertEqual(vtest.poll_wait(either, 1000), 'ok')
        os.close(both)
        os.close(either)

    def test_cpu_timeline(self):
        sync = self.client.sync_create(0)
        self.client.submit(syncs=[(sync, 4)])
        self.assertEqual(self.client.sync_wait([(sync, 4)]), 'ok')
        self.client.submit(syncs=[(sync, 2)])
        self.assertEqual(self.client.sync_read(sync), 4)
        syncs = [self.client.sync_create(0) for _ in range(50)]
        self.client.submit(syncs=[(one, 9) for one in syncs])
        self.assertEqual(self.client.sync_wait([(one, 9) for one in syncs]), 'ok')

    def test_used_ids_come_again(self):
        ids = set()
        for _ in range(200):
            res_id, fd = self.client.create_blob(4096)
            os.close(fd)
            self.client.unref(res_id)
            ids.add(res_id)
        self.assertLess(len(ids), 10)


if __name__ == '__main__':
    harness.main()
