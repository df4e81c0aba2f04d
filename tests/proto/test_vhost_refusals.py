# SPDX-License-Identifier: MIT
"""The vhost-user back end with a VMM or a guest that breaks the rules."""

import os
import random
import struct

import harness
import vhost
from echotest import EchoTest
from vhost import Closed


class Refusals(EchoTest):
    """A VMM that breaks the rules loses its connection, and nothing else happens."""

    def assert_refused(self, vm):
        self.assertTrue(vm.is_closed(), 'the connection stays open\n' + self.server.tail())
        vm.close()

    def refuse(self, request, payload=b'', fds=(), vm=None, **options):
        vm = vm or self.realized()
        try:
            vm.front.send(request, payload, fds, **options)
        except Closed:
            pass
        self.assert_refused(vm)

    def tearDown(self):
        super().tearDown()
        self.check_still_serves()
        self.check_nothing_left()

    def test_unknown_requests(self):
        known = {value for name, value in vars(vhost).items()
                 if name.startswith(('GET_', 'SET_', 'RESET_')) and isinstance(value, int)}
        for request in [i for i in range(50) if i not in known] + [255, 1 << 31, 0xffffffff]:
            self.refuse(request)

    def test_sizes(self):
        sizes = {1: 0, 2: 8, 3: 0, 8: 8, 9: 40, 10: 8, 11: 8, 12: 8, 13: 8, 14: 8, 15: 0, 16: 8, 17: 0, 18: 8,
                 21: 0, 34: 0, 44: 0}
        for request, size in sizes.items():
            for wrong in {0, size - 1, size + 1, 268} - {size, -1}:
                fds = [0] if request == vhost.SET_BACKEND_REQ_FD else []
                self.refuse(request, bytes(wrong), fds)
        for size in (269, 4096, 1 << 20, 1 << 31, 0xffffffff):
            self.refuse(vhost.SET_FEATURES, bytes(8), size=size)

    def test_flags(self):
        for flags in (0, 2, 3, 4, 5, 0x10 | 1, 0x80000001, 0xffffffff):
            self.refuse(vhost.GET_FEATURES, flags=flags)

    def test_fds(self):
        null = os.open('/dev/null', os.O_RDWR)
        self.addCleanup(os.close, null)
        for request, payload in ((1, b''), (2, bytes(8)), (8, bytes(8)), (11, bytes(8)), (18, bytes(8)), (44, b'')):
            self.refuse(request, payload, [null])
        for request in (vhost.SET_VRING_KICK, vhost.SET_VRING_CALL, vhost.SET_VRING_ERR):
            self.refuse(request, struct.pack('<Q', 0))
            self.refuse(request, struct.pack('<Q', 0), [null, null])
            self.refuse(request, struct.pack('<Q', 0x100), [null])
            self.refuse(request, struct.pack('<Q', 2), [null])
        self.refuse(vhost.SET_VRING_KICK, struct.pack('<Q', 0x100))
        self.refuse(vhost.SET_BACKEND_REQ_FD)
        self.refuse(vhost.SET_BACKEND_REQ_FD, fds=[null])  # the second one
        self.refuse(vhost.GET_FEATURES, fds=[null] * 9)
        self.refuse(vhost.GET_FEATURES, fds=[null] * 200)

    def test_fds_with_the_payload(self):
        vm = self.realized()
        vm.front.send_raw(struct.pack('<III', vhost.SET_VRING_CALL, vhost.VERSION, 8))
        vm.front.send_raw(struct.pack('<Q', 0), [0])
        self.assert_refused(vm)

    def test_useless_fds(self):
        """Fds of the wrong kind: refused, or useless but harmless."""
        null = os.open('/dev/null', os.O_RDWR)
        plain = os.open('/proc/self/exe', os.O_RDONLY)
        reader, writer = os.pipe()
        for fd in (null, plain):
            vm = self.started()
            self.assertEqual(vm.send(vhost.SET_VRING_KICK, struct.pack('<Q', 0), [fd]), 1)
            vm.close()
        vm = self.started()
        self.assertEqual(vm.send(vhost.SET_VRING_KICK, struct.pack('<Q', 0), [reader]), 0)
        os.write(writer, bytes(100))
        os.close(writer)
        self.assertEqual(vm.queues[1].call(b'E'), b'E')
        vm.close()
        for fd in (null, plain, reader):
            vm = self.started()
            for request in (vhost.SET_VRING_CALL, vhost.SET_VRING_ERR):
                vm.send(request, struct.pack('<Q', 0), [fd])
            vm.queues[0].add(b'E')
            vm.queues[0].offer(60000)
            self.assertEqual(vm.queues[1].call(b'E'), b'E')
            vm.close()
        for fd in (null, plain, reader):
            vm = self.connect()
            vm.front.send(vhost.SET_PROTOCOL_FEATURES, struct.pack('<Q', 0x402629))
            # Refused at once, or when it is used.
            vm.send(vhost.SET_BACKEND_REQ_FD, fds=[fd])
            vm.features = vhost.VIRTIO_FEATURES
            try:
                vm.start()
                self.assertTrue(vm.is_closed())
            except Closed:
                pass
            vm.close()
        for fd in (null, plain, reader):
            os.close(fd)

    def test_back_channel_closed(self):
        vm = self.started()
        vm.back.close()
        vm.back = None
        vm.queues[0].call(b'C')
        self.check_works(vm)
        vm.close()
        vm = self.realized()
        vm.answer_map = False
        vm.start()
        vm.pump(lambda: vm.window_region)
        vm.back.close()
        self.assert_refused(vm)

    def test_back_channel_garbage(self):
        good = (vhost.BACK_SHMEM_MAP, struct.pack('<Q', 0), (), vhost.VERSION | vhost.REPLY)
        for change in ((0, 10), (0, 2), (1, bytes(7)), (1, bytes(9)), (1, b''), (2, (0,)), (3, vhost.VERSION),
                       (3, vhost.VERSION | vhost.NEED_REPLY), (3, 0)):
            message = list(good)
            message[change[0]] = change[1]
            vm = self.realized()
            vm.answer_map = False
            vm.start()
            vm.pump(lambda: vm.window_region)
            vm.back.send(*message)
            self.assert_refused(vm)
        vm = self.started()
        vm.back.send(*good)  # nothing was asked
        self.assert_refused(vm)
        vm = self.started()
        vm.back.send(9, size=1 << 30)
        self.assert_refused(vm)

    def test_features_that_were_not_offered(self):
        for bit in (5, 24, 26, 31, 33, 34, 63):
            self.refuse(vhost.SET_FEATURES, struct.pack('<Q', 1 << bit))
        for bit in (1, 12, 15, 16, 21, 23, 63):
            self.refuse(vhost.SET_PROTOCOL_FEATURES, struct.pack('<Q', 0x402629 | 1 << bit))

    def test_requests_that_were_not_negotiated(self):
        no_window_needed = ((vhost.GET_QUEUE_NUM, b'', ()), (vhost.RESET_DEVICE, b'', ()),
                            (vhost.GET_CONFIG, struct.pack('<III', 0, 4, 0) + bytes(4), ()),
                            (vhost.SET_CONFIG, struct.pack('<III', 0, 4, 0) + bytes(4), ()),
                            (vhost.SET_BACKEND_REQ_FD, b'', (0,)), (vhost.GET_SHMEM_CONFIG, b'', ()))
        for request, payload, fds in no_window_needed:
            self.refuse(request, payload, fds, vm=self.connect())

    def test_queues(self):
        for request in (vhost.SET_VRING_NUM, vhost.SET_VRING_BASE, vhost.GET_VRING_BASE, vhost.SET_VRING_ENABLE):
            for index in (2, 3, 255, 1 << 31, 0xffffffff):
                self.refuse(request, struct.pack('<II', index, 1))
        for index in (2, 0xffffffff):
            self.refuse(vhost.SET_VRING_ADDR, struct.pack('<IIQQQQ', index, 0, 0, 0, 0, 0))
        self.refuse(vhost.SET_VRING_BASE, struct.pack('<II', 0, 0x10000))
        self.refuse(vhost.SET_VRING_ENABLE, struct.pack('<II', 0, 2))
        for request, payload in ((vhost.SET_VRING_NUM, struct.pack('<II', 0, 8)),
                                 (vhost.SET_VRING_BASE, struct.pack('<II', 0, 8)),
                                 (vhost.SET_VRING_ADDR, struct.pack('<IIQQQQ', 0, 0, 0, 0, 0, 0)),
                                 (vhost.SET_FEATURES, struct.pack('<Q', 0))):
            self.refuse(request, payload, vm=self.started())

    def test_configuration(self):
        for request in (vhost.GET_CONFIG, vhost.SET_CONFIG):
            for offset, size, sent in ((0, 0, 0), (0, 257, 256), (1, 256, 256), (256, 1, 1), (0, 4, 3), (0, 4, 5),
                                       (0xffffffff, 2, 2), (2, 0xffffffff, 2), (0, 0xffffffff, 0)):
                self.refuse(request, struct.pack('<III', offset, size, 0) + bytes(sent))

    def refuse_table(self, regions, fds=None, vm=None):
        vm = vm or self.realized()
        fds = [region.fd for region in regions] if fds is None else fds
        self.refuse(vhost.SET_MEM_TABLE, vhost.pack_table(regions), fds, vm=vm)

    def test_tables(self):
        fd = os.memfd_create('short')
        os.ftruncate(fd, 8192)
        reader, writer = os.pipe()
        good = vhost.Region(0, 8192, 1 << 40, 0, fd)
        high = good._replace(gpa=1 << 32, user=1 << 41)
        self.refuse_table([good, good])
        self.refuse_table([good, high._replace(gpa=4096)])
        self.refuse_table([good, high._replace(user=(1 << 40) + 8191)])
        self.refuse_table([high._replace(size=0)])
        self.refuse_table([high._replace(size=8193)])
        self.refuse_table([high._replace(offset=1)])
        self.refuse_table([high._replace(offset=(1 << 64) - 4096)])
        self.refuse_table([high._replace(gpa=(1 << 64) - 4096)])
        self.refuse_table([high._replace(user=(1 << 64) - 4096)])
        self.refuse_table([high._replace(size=(1 << 64) - 1)])
        self.refuse_table([good, high._replace(fd=reader)])
        self.refuse_table([good, high], fds=[fd])
        self.refuse_table([good, high], fds=[fd] * 3)
        self.refuse_table([good] * 9, fds=[fd] * 8)
        # Also while the device runs.
        vm = self.started()
        vm.queues[0].add(b'Held')
        self.refuse_table([good, high], fds=[fd], vm=vm)
        for count, size in ((0, 40), (2, 40), (8, 8), (9, 264), (0xffffffff, 40)):
            self.refuse(vhost.SET_MEM_TABLE, struct.pack('<II', count, 0) + bytes(size - 8), [fd])
        for fd in (fd, reader, writer):
            os.close(fd)

    def test_second_vmm(self):
        vm = self.started()
        for _ in range(3):
            second = self.connect()
            self.assertTrue(second.is_closed())
            second.close()
        self.check_works(vm)
        # As soon as the first is gone, the next is welcome.
        for _ in range(50):
            vm.close()
            vm = self.started()
        vm.close()

    def test_vmm_that_takes_no_answers(self):
        vm = self.realized()
        request = struct.pack('<III', vhost.GET_SHMEM_CONFIG, vhost.VERSION, 0) * 100000
        vm.front.sock.setblocking(False)
        sent = 0

        def is_full():
            """Nothing more is taken, and the back end does not go on either."""
            nonlocal sent
            before = sent
            try:
                while True:
                    sent += vm.front.sock.send(request[sent:sent + 65536])
            except BlockingIOError:
                harness.wait_idle(self.server.pid, 'it has read what it will read')
            except ConnectionError:
                return True
            return sent == before
        harness.wait_for(is_full, what='a full socket')
        self.assertLess(sent, len(request))
        vm.front.sock.settimeout(vhost.TIMEOUT)
        self.assertTrue(vm.is_closed())
        vm.close()

    def test_random_messages(self):
        rng = random.Random(3)
        for _ in range(300):
            vm = self.realized() if rng.random() < 0.7 else self.started()
            try:
                for _ in range(rng.randrange(1, 30)):
                    request = rng.choice((2, 5, 8, 9, 10, 11, 12, 13, 14, 16, 18, 21, 24, 25, 34, 44))
                    payload = struct.pack('<IIQQQQ', rng.choice((0, 0, 1, 2)), rng.choice((0, 1, 2, 256)),
                                          *(rng.choice((0, 1, vhost.USER_BASE, 1 << 63)) for _ in range(4)))
                    payload = payload[:rng.choice((0, 8, 8, 8, 40, 40, 13))]
                    fds = [vm.fd] * rng.choice((0, 0, 1, 1, 2))
                    vm.front.send(request, payload, fds, flags=rng.choice((1, 9)))
            except Closed:
                pass
            vm.close()


class Explanations(EchoTest):
    """What the log says; a server for each, since it says no more than it has to."""

    def setUp(self):
        self.server = harness.Server(*self.ARGS, command=())
        self.addCleanup(self.server.stop)

    def assert_refused(self, vm, text):
        self.assertTrue(vm.is_closed())
        self.server.wait_log(text)
        vm.close()
        lines = [line for line in self.server.log().splitlines() if 'closed' in line]
        self.assertEqual(len(lines), 1, self.server.log())

    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    def test_no_back_channel(self):
        vm = self.connect()
        vm.front.send(vhost.SET_PROTOCOL_FEATURES, struct.pack('<Q', 0x402629))
        vm.features = vhost.VIRTIO_FEATURES
        try:
            vm.start()
        except Closed:
            pass
        self.assert_refused(vm, 'opened no back-end channel')

    def test_old_qemu(self):
        """A QEMU before 11.1 is told so."""
        vm = self.connect(protocol_features=0x402629 & ~vhost.F_SHMEM)
        with self.assertRaises(Closed):
            vm.realize()
        self.assert_refused(vm, 'Use QEMU 11.1 or newer')

    def test_no_protocol_features(self):
        vm = self.connect()
        vm.send(vhost.SET_FEATURES, struct.pack('<Q', vhost.VIRTIO_FEATURES))
        self.assert_refused(vm, 'Use QEMU 11.1 or newer')

    def test_no_config_size(self):
        vm = self.started(protocol_features=0x402629 & ~(1 << 9))
        self.server.wait_log('config_size=24')
        vm.close()

    def test_window_refused(self):
        vm = self.realized()
        vm.map_result = 1
        vm.start()
        with self.assertRaises(Closed):
            vm.queues[0].call(b'E')
        self.assert_refused(vm, 'refused to map hostmem of 1024 MiB')

    def test_broken_message(self):
        vm = self.realized()
        vm.send(vhost.SET_VRING_BASE, struct.pack('<II', 7, 0))
        self.assert_refused(vm, 'broke the vhost-user protocol with message 10 SET_VRING_BASE: there is no queue 7')

    def test_no_message(self):
        vm = self.connect()
        vm.front.send_raw(b'GET / HTTP/1.1\r\n\r\n')
        self.assert_refused(vm, 'is no vhost-user message')

    def test_back_channel(self):
        vm = self.started()
        vm.back.send(9, bytes(8))
        self.assert_refused(vm, 'on the back channel that is no answer (message 9')

    def test_second_vmm(self):
        vm = self.started()
        second = self.connect()
        self.assertTrue(second.is_closed())
        self.server.wait_log('a second VMM connected and was refused')
        self.check_works(vm)

    def test_broken_ring(self):
        vm = self.started()
        for _ in range(3):
            vm.queues[0].offer(999)
            vm.queues[0].kick_now()
        self.server.wait_log('queue 0: a descriptor outside of the table: it is served no more until the guest')
        vm.queues[1].call(b'E')
        self.assertEqual(self.server.log().count('a descriptor outside'), 1)

    def test_lifecycle(self):
        vm = self.started()
        vm.stop()
        vm.resume()
        self.check_works(vm)
        vm.close()
        for line in ('a VMM connected', "the guest's driver starts", "the guest's driver stopped",
                     'the guest goes on', 'the VMM is disconnected'):
            self.server.wait_log(line)


class Garbage(EchoTest):
    """A guest with a ring that makes no sense: that queue rests until the guest resets the device."""

    def check_broken(self, vm):
        harness.wait_for(vm.queues[0].is_broken, what='the queue is given up')
        self.assertEqual(vm.queues[1].call(b'E'), b'E')
        vm.stop()
        vm.resume()
        vm.queues[0].kick_now()
        self.assertEqual(vm.queues[1].call(b'E'), b'E')
        vm.reset()
        vm.start()
        self.check_works(vm)
        vm.close()

    def check_descriptors(self, *descriptors):
        vm = self.started()
        vm.queues[0].add(b'Held')
        for i, (addr, size, flags, following) in enumerate(descriptors):
            vm.queues[0].put_descriptor(vm.queues[0].desc, i, addr, size, flags, following)
        vm.queues[0].offer(0)
        vm.queues[0].kick_now()
        self.check_broken(vm)

    def test_descriptors(self):
        half = vhost.RAM_SIZE // 2
        for descriptor in ((0, 0, 0, 0), (half, 1, 0, 0), (half - 1, 2, 0, 0), (half, 1, 2, 0), (1 << 63, 8, 0, 0),
                           (2 ** 64 - 1, 8, 0, 0), (0, 0xffffffff, 2, 0), (0, 8, 1, 256), (0, 8, 1, 0xffff),
                           (0, 8, 1, 0), (0, 0, 4, 0), (0, 8, 4, 0), (0, 0xfffffff0, 4, 0), (half - 8, 16, 4, 0),
                           (0, 16, 4 | 1, 1), (2 ** 64 - 8, 16, 4, 0)):
            self.check_descriptors(descriptor)
        self.check_descriptors((0, 8, 1 | 2, 1), (0, 8, 0, 0))

    def test_tables(self):
        for descriptors in (((0, 16, 4, 0),), ((0, 8, 1, 1), (0, 8, 1, 0)), ((0, 8, 1, 2), (0, 8, 0, 0)),
                            ((0, 8, 1, 1), (0, 0, 0, 0)), ((0, 8, 3, 1), (0, 8, 0, 0)), ((1 << 60, 8, 0, 0),) * 2):
            vm = self.started()
            queue = vm.queues[0]
            table = vm.allocate(64)
            for i, descriptor in enumerate(descriptors):
                queue.put_descriptor(table, i, *descriptor)
            queue.put_descriptor(queue.desc, 0, table, 16 * len(descriptors), vhost.DESC_INDIRECT, 0)
            queue.offer(0)
            queue.kick_now()
            self.check_broken(vm)

    def test_rings(self):
        for head in (256, 0x7fff, 0xffff):
            vm = self.started()
            vm.queues[0].offer(head)
            vm.queues[0].kick_now()
            self.check_broken(vm)
        for index in (257, 0x8000, 0xffff):
            vm = self.started()
            queue = vm.queues[0]
            vm.write(queue.avail + 2, struct.pack('<H', queue.avail_idx + index & 0xffff))
            queue.kick_now()
            self.check_broken(vm)

    def test_requests_without_end(self):
        """The same held request, offered again and again."""
        vm = self.started()
        queue = vm.queues[0]
        vm.write(0x10000, b'H')
        queue.put_descriptor(queue.desc, 0, 0x10000, 1, 0, 0)
        for _ in range(300):
            queue.offer(0)
            queue.kick_now()
            vm.queues[1].call(b'E')
        self.check_broken(vm)

    def test_setups(self):
        for size in (0, 3, 100, 255, 65536, 0xffffffff):
            self.check_setup(vhost.SET_VRING_NUM, struct.pack('<II', 0, size))
        base = vhost.USER_BASE
        for addresses in ((0, base, base), (base, 0, base), (base, base, 0), (base + 8, base, base),
                          (base, base + 2, base), (base, base, base + 1), (2 ** 64 - 16, base, base),
                          (base + vhost.RAM_SIZE // 2 - 16, base, base)):
            self.check_setup(vhost.SET_VRING_ADDR, struct.pack('<IIQQQQ', 0, 0, *addresses, 0))

    def check_setup(self, request, payload):
        vm = self.realized()
        vm.send(vhost.SET_FEATURES, struct.pack('<Q', vm.features))
        vm.send_table()
        for queue in vm.queues:
            vm.setup_queue(queue)
        vm.send(request, payload)
        vm.running = True
        vm.used_queues = vm.queues
        vm.enable(1)
        vm.pump(lambda: vm.window)
        vm.queues[0].kick_now()
        self.check_broken(vm)

    def test_memory_that_goes_away(self):
        """First where requests are, then where the rings are."""
        vm = self.started()
        low, high = vm.ram
        vm.forget_memory(vm.next_block)
        vm.high = True
        held = vm.queues[0].add(b'Held')
        vm.queues[0].call(b'E')
        vm.forget_memory(vm.next_block)
        vm.high = False
        vm.ram = [low]
        self.assertEqual(vm.send_table(), 0)
        self.check_works(vm)
        vm.queues[0].call(b'R')
        self.assertEqual(held.written, 0)
        vm.ram = [high]
        self.assertEqual(vm.send_table(), 0)
        for queue in vm.queues:
            harness.wait_for(queue.is_broken)
        vm.ram = [low, high]
        vm.reset()
        vm.start()
        self.check_works(vm)

    def test_random_rings(self):
        rng = random.Random(7)
        for _ in range(200):
            vm = self.started()
            for queue in vm.queues:
                size = 16 * queue.size + 2 * queue.size + 6
                data = bytearray(vm.read(queue.area, size))
                for _ in range(rng.randrange(1, 200)):
                    data[rng.randrange(size)] = rng.choice((0, 1, 2, 4, 16, 255, rng.randrange(256)))
                vm.write(queue.area, bytes(data))
                queue.kick_now()
            vm.stop()
            vm.close()
        self.check_still_serves()


if __name__ == '__main__':
    harness.main()
