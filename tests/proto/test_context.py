# SPDX-License-Identifier: MIT
"""`vitrine worker` for a VM's context: what the front may say and what it must not, memory of the
window and of the guest's RAM that a device writes to, and when it lets go of it."""

import mmap
import os
import struct
import unittest

import front
import harness
import venus
import vtest
from front import Front, Gone
from venus import DEVICE, INSTANCE, PHYSICAL, QUEUE, Gpu
from vtest import Ring

PAGE = 4096
TOP = (1 << 64) - 1


def words(value, size):
    return struct.pack('<I', value) * (size // 4)


class Protocol(unittest.TestCase):
    """What the front says."""

    def test_ring(self):
        with Front() as context:
            context.place(3 * PAGE)
            ring = Ring(context)
            reply = ring.call(vtest.enumerate_instance_version(), 20)
            self.assertEqual(struct.unpack_from('<iiQ', reply), (137, 0, 1))
            self.assertGreaterEqual(struct.unpack_from('<I', reply, 16)[0], (1 << 22) | (1 << 12))
            context.sync()
            self.assertEqual(context.messages,
                             [(front.WINDOW_RING, struct.pack('<QQ', 0x1000, 3 * PAGE + 128))])
            context.submit(vtest.destroy_ring(0x1000))
            context.sync()
            self.assertEqual(context.messages[1], (front.RING_GONE, struct.pack('<Q', 0x1000)))

    def test_tells_that_it_took_fds(self):
        with Front() as context:
            context.attach_pieces(5, [context.window_fd], [(0, 0, PAGE)])
            context.attach_pieces(6, [context.window_fd] * 8, [(0, 0, PAGE)])
            context.sync()
            self.assertEqual(context.fds_sent, 10)
            self.assertEqual(context.fds_taken, 10)

    def test_ends_with_the_front(self):
        context = Front()
        ring = Ring(context)
        ring.call(vtest.enumerate_instance_version(), 16)
        self.assertEqual(context.close(), 0)
        self.assertTrue(ring.status & vtest.FATAL)

    def test_ends_before_init(self):
        self.assertEqual(Front(init=False).close(), 0)

    def test_fences(self):
        with Front() as context:
            asked = []
            for i in range(300):
                timeline = (0, 0, 5, 63, 64, 0xffffffff)[i % 6]
                context.fence(1000 - i, timeline)
                asked.append((timeline, 1000 - i))
            # None of these timelines has a queue: there is nothing to wait for.
            self.assertEqual(context.wait_fences(300), asked)

    def test_long_submits(self):
        with Front() as context:
            ring = Ring(context)
            one = vtest.notify_ring(ring.ring_id, 0)
            context.submit(one * ((4 << 20) // len(one)))
            context.sync()
            context.submit(b'')
            context.sync()
            with self.assertRaises(Gone):
                context.send_raw(struct.pack('<IIII', front.SUBMIT, (4 << 20) + 4, 0, 0))
                context.sync()

    def test_messages_in_pieces(self):
        with Front() as context:
            payload = struct.pack('<IIQ', 0, 0, 77)
            message = struct.pack('<IIII', front.FENCE, len(payload), 0, 0) + payload
            for i in range(len(message)):
                context.send_raw(message[i:i + 1])
                harness.wait_idle(context.process.pid, f'{i + 1} bytes are read', 0.001)
            self.assertEqual(context.wait_fences(1), [(0, 77)])

    def assert_refused(self, speak, init=True):
        context = Front(init=init)
        speak(context)
        context.wait_gone()
        self.assertEqual(context.process.wait(harness.SECONDS), 1, context.log())
        context.close()

    def test_refuses(self):
        window = [0]
        self.assert_refused(lambda c: c.init())
        self.assert_refused(lambda c: c.fence(1), init=False)
        self.assert_refused(lambda c: c.submit(b''), init=False)
        self.assert_refused(lambda c: c.attach(1, 0, PAGE), init=False)
        for size in (0, (64 << 20) + 1, TOP):
            self.assert_refused(lambda c: c.send(front.INIT, struct.pack('<Q', size),
                                                 [c.window_fd]), init=False)
        self.assert_refused(lambda c: c.send(front.INIT, struct.pack('<Q', PAGE), window),
                            init=False)
        self.assert_refused(lambda c: c.send(front.INIT, struct.pack('<Q', PAGE)), init=False)
        for op in (0, 7, 0xffffffff):
            self.assert_refused(lambda c: c.send(op))
        self.assert_refused(lambda c: c.send(front.FENCE, b'\0' * 15))
        self.assert_refused(lambda c: c.send(front.FENCE, b'\0' * 17))
        self.assert_refused(lambda c: c.send(front.FENCE, b'\0' * 16, window))
        self.assert_refused(lambda c: c.attach_pieces(1, [c.window_fd], [(1, 0, PAGE)]))
        self.assert_refused(lambda c: c.attach_pieces(1, [], [(0, 0, PAGE)]))
        self.assert_refused(lambda c: c.send(front.ATTACH_PIECES, b'\0' * 9, window))

    def test_guest_breaks_protocol(self):
        for commands in (b'\xff' * 8, vtest.command(195), vtest.notify_ring(5, 0), b'\0' * 3):
            context = Front()
            ring = Ring(context)
            ring.call(vtest.enumerate_instance_version(), 16)
            context.submit(commands)
            context.wait_gone()
            self.assertTrue(ring.status & vtest.FATAL)
            self.assertEqual(context.process.wait(harness.SECONDS), 1)
            context.close()

    def test_ring_breaks_protocol(self):
        """The context dies in the ring's thread."""
        context = Front()
        ring = Ring(context)
        ring.call(vtest.enumerate_instance_version(), 16)
        ring.write(vtest.command(195))
        context.wait_gone()
        self.assertTrue(ring.status & vtest.FATAL)
        self.assertEqual(context.process.wait(harness.SECONDS), 1)
        context.close()


class Config(unittest.TestCase):
    """What the front configures its worker with."""

    def assert_refused(self, why, config):
        context = Front(init=False, config=config)
        context.wait_gone()
        self.assertEqual(context.process.wait(harness.SECONDS), 2)
        self.assertIn(why, context.log())
        context.close()

    def test_refuses(self):
        good = front.make_config()
        device = struct.pack('<16x16xQBBHI32s32s', 4096, 0, 0, 0, 1, b'\1', b'\1')
        for why, config in (
                ('by another version', b''),
                ('by another version', good[:-1]),
                ('by another version', good + b'\0'),
                ('power of two', front.make_config(import_alignment=3)),
                ('a flag', front.make_config(no_export=2)),
                ('a flag', front.make_config(one_device=2)),
                ('results of the prober', front.make_config(devices=struct.pack('<II', 17, 0) + 16 * device)),
                ('results of the prober', front.make_config(devices=struct.pack('<II', 2, 0) + device)),
                ('log filter', front.make_config(log=b'x' * 256)),
                ('paths', front.make_config(readable_size=1 + (16 << 10))),
                ('paths', front.make_config(readable_size=65)),
        ):
            self.assert_refused(why, config)
        with Front(config=front.make_config(devices=struct.pack('<II', 1, 0) + device, readable=('/x',))) as context:
            context.sync()

    def test_is_not_kept(self):
        """The worker has no way to it that would outlive its sandbox."""
        with Front() as context:
            context.sync()
            folder = f'/proc/{context.process.pid}/fd'
            self.assertNotIn('config', ' '.join(os.readlink(f'{folder}/{fd}') for fd in os.listdir(folder)))


class Resources(unittest.TestCase):
    """Attaching and detaching."""

    def test_bad_resources_are_missing(self):
        with Front() as context:
            size = context.window_size
            for offset, length in ((size, PAGE), (0, size + PAGE), (TOP - PAGE + 1, PAGE), (0, TOP),
                                   (0, 0), (1, PAGE), (0, 100), (PAGE, TOP - PAGE + 1)):
                context.attach(50, offset, length)
            context.attach_pieces(50, [context.window_fd], [])
            context.attach_pieces(50, [context.window_fd], [(0, 0, 0)])
            context.attach_pieces(50, [context.window_fd], [(0, 0, PAGE), (0, 1, PAGE)])
            context.attach_pieces(50, [context.window_fd], [(0, 0, TOP - 4095), (0, PAGE, PAGE)])
            context.attach_pieces(50, [context.sock.fileno()], [(0, 0, PAGE)])
            context.attach(0, 0, PAGE)
            context.sync()
            # The context goes on, and the id is still free.
            ring = Ring(context)
            ring.call(vtest.enumerate_instance_version(), 16)
            context.attach(50, 0, PAGE)
            context.attach(50, 0, PAGE)
            context.detach(50)
            context.detach(50)
            context.sync()
            self.assertEqual([m for m in context.messages if m[0] == front.DETACHED],
                             2 * [(front.DETACHED, struct.pack('<II', 50, 0))])

    def test_missing_resources_end_the_context(self):
        context = Front()
        context.submit(vtest.create_ring(1, 77))
        context.wait_gone()
        self.assertEqual(context.process.wait(harness.SECONDS), 1)
        context.close()

    def test_rings_lie_in_the_window(self):
        context = Front()
        context.attach_pieces(9, [context.window_fd], [(0, 0, 1 << 20)])
        context.submit(vtest.create_ring(1, 9))
        context.wait_gone()
        context.close()

    def test_resources_cost_no_fds(self):
        with Front() as context:
            Ring(context).call(vtest.enumerate_instance_version(), 16)
            context.sync()
            fds = len(os.listdir(f'/proc/{context.process.pid}/fd'))
            ram = os.memfd_create('ram')
            os.ftruncate(ram, 1 << 20)
            for i in range(1900):
                context.attach(100 + i, i * 16384, 16384)
            for i in range(100):
                context.attach_pieces(5000 + i, [ram, context.window_fd],
                                      [(j % 2, j * PAGE, PAGE) for j in range(100)])
            os.close(ram)
            context.sync()
            self.assertEqual(len(os.listdir(f'/proc/{context.process.pid}/fd')), fds)
            maps = len(open(f'/proc/{context.process.pid}/maps').readlines())
            for i in range(1900):
                context.detach(100 + i)
                if i % 100 == 0:
                    context.sync() # a front that does not listen would be waited for
            for i in range(100):
                context.detach(5000 + i)
            context.sync()
            self.assertEqual(len([m for m in context.messages if m[0] == front.DETACHED]), 2000)
            self.assertLess(len(open(f'/proc/{context.process.pid}/maps').readlines()),
                            maps - 10000)

    def test_many_pieces(self):
        """As many as a guest may say, none beside the next."""
        with Front() as context:
            ram = os.memfd_create('ram')
            os.ftruncate(ram, 16384 * PAGE)
            context.attach_pieces(9, [ram], [(0, (i * 5 % 16384) * PAGE, PAGE)
                                             for i in range(16384)])
            context.sync()
            with self.assertRaises(Gone):
                context.attach_pieces(10, [ram], [(0, 0, PAGE)] * 16385)
                context.sync()
            os.close(ram)


class Memory(unittest.TestCase):
    """What a device does with memory that the guest has chosen."""

    def check_let_go(self, gpu, memory, buffer, size, write, read):
        """Once a worker says that it has let go, nothing of it reaches the memory any more."""
        detached = (front.DETACHED, struct.pack('<II', 50, 0))
        gpu.front.sync()
        write(b'\x22')
        expected = read()
        gpu.fill(buffer, 0x55555555, size)
        if detached in gpu.front.messages:
            self.assertEqual(read(), expected)
        else:
            # A GPU has the pages pinned.
            self.assertNotEqual(read(), expected)
        gpu.ring.write(venus.free_memory(DEVICE, memory))
        self.assertTrue(gpu.ring.wait())
        gpu.front.sync()
        self.assertEqual(gpu.front.messages.count(detached), 1)

    def check_window(self, offset=5 * PAGE, size=3 * PAGE, **options):
        with Front(**options) as context:
            gpu = Gpu(context)
            start = context.place(offset) + offset
            context.place(64 * PAGE)
            window = context.window
            window[start - PAGE:start + size + PAGE] = b'\x11' * (size + 2 * PAGE)
            context.attach(50, start, size)
            gpu.roundtrip()
            self.assertEqual(gpu.importable(50)[0], size)
            # The program asked for less, and the kernel made pages of it.
            memory = gpu.import_memory(50, size - 100)
            buffer = gpu.buffer(memory, size - 256)
            gpu.fill(buffer, 0xabcd1234, size - 256)
            self.assertEqual(window[start:start + size - 256], words(0xabcd1234, size - 256))
            self.assertEqual(window[start - PAGE:start], b'\x11' * PAGE)
            self.assertEqual(window[start + size - 256:start + size + PAGE],
                             b'\x11' * (256 + PAGE))

            # The memory is reused now.
            context.detach(50)
            self.check_let_go(gpu, memory, buffer, size - 256,
                              lambda value: window.__setitem__(slice(start, start + size),
                                                               value * size),
                              lambda: window[start:start + size])

    def test_window(self):
        self.check_window()

    def test_window_with_coarse_alignment(self):
        """Addresses and sizes suit the driver whatever the guest chose."""
        self.check_window(import_alignment=16384)
        self.check_window(import_alignment=65536, offset=PAGE, size=PAGE)

    def test_too_coarse_alignment(self):
        with Front(import_alignment=131072) as context:
            gpu = Gpu(context)
            context.attach(50, context.place(PAGE), PAGE)
            gpu.roundtrip()
            gpu.import_memory(50, PAGE, allowed=(-1000072003,))

    def test_larger_than_the_resource(self):
        with Front() as context:
            gpu = Gpu(context)
            context.attach(50, context.place(PAGE), PAGE)
            gpu.roundtrip()
            gpu.import_memory(50, PAGE + 1, allowed=(-1000072003,))

    def test_guest_ram(self):
        for alignment in (0, 65536):
            with Front(import_alignment=alignment) as context:
                gpu = Gpu(context)
                rams = []
                for name in ('low', 'high'):
                    fd = os.memfd_create(name)
                    os.ftruncate(fd, 64 * PAGE)
                    rams.append((fd, mmap.mmap(fd, 64 * PAGE)))
                # Backwards, from both, two neighbours among them
                pieces = [(0, 9 * PAGE, PAGE), (0, 10 * PAGE, 2 * PAGE), (1, 7 * PAGE, PAGE),
                          (1, 5 * PAGE, PAGE), (0, 3 * PAGE, PAGE), (1, 0, PAGE)]
                size = 7 * PAGE
                context.attach_pieces(50, [fd for fd, _ in rams], pieces)
                gpu.roundtrip()
                memory = gpu.import_memory(50, size)
                buffer = gpu.buffer(memory, size)
                gpu.fill(buffer, 0x01020304, size)
                for index, memory_map in enumerate(memory_map for _, memory_map in rams):
                    expected = bytearray(64 * PAGE)
                    for which, offset, length in pieces:
                        if which == index:
                            expected[offset:offset + length] = words(0x01020304, length)
                    self.assertEqual(memory_map[:], bytes(expected))
                context.detach(50)

                def write(value):
                    for _, memory_map in rams:
                        memory_map[:] = value * (64 * PAGE)

                self.check_let_go(gpu, memory, buffer, size, write,
                                  lambda: [memory_map[:] for _, memory_map in rams])
                for fd, _ in rams:
                    os.close(fd)

    def test_images_that_are_exported(self):
        """They report only memory that can be had from the window."""
        with Front() as context:
            gpu = Gpu(context)
            context.attach(50, context.place(1 << 20), 1 << 20)
            gpu.roundtrip()
            types = gpu.importable(50)[1]
            bits = {}
            for image, handle_types in ((90, 0x200), (91, None)):
                gpu.ring.write(venus.create_image(DEVICE, image, 256, 256, handle_types))
                reply = gpu.ring.call(venus.image_memory_requirements(DEVICE, image), 44)
                bits[image], = struct.unpack_from('<I', reply, 40)
            self.assertNotEqual(bits[90], 0)
            self.assertEqual(bits[90] & ~types, 0)
            self.assertEqual(bits[90] & ~bits[91], 0)

    def test_no_import(self):
        """A driver that imports nothing cannot serve VMs, and says so."""
        with Front(no_host_import=1, no_export=1) as context:
            ring = Ring(context)
            ring.call(vtest.create_instance(INSTANCE), 8)
            reply = ring.call(venus.enumerate_physical_devices(INSTANCE, PHYSICAL), 20)
            self.assertEqual(struct.unpack_from('<I', reply, 16)[0], 0)
            self.assertIn("a VM needs a driver that imports hostmem", context.log())


class Sparse(unittest.TestCase):
    """lavapipe binds sparse resources to its own memory alone, of which a VM's guest has none."""

    def test_hidden(self):
        with Front() as context:
            gpu = Gpu(context)
            reply = gpu.ring.call(venus.features(PHYSICAL), 12 + 4 * venus.FEATURES)
            features = struct.unpack_from(f'<{venus.FEATURES}I', reply, 12)
            self.assertIn(1, features)
            self.assertEqual([features[i] for i in venus.SPARSE_FEATURES], [0] * 9)
            reply = gpu.ring.call(venus.queue_families(PHYSICAL, 1), 48)
            self.assertEqual(struct.unpack_from('<I', reply, 12), (1,))
            self.assertEqual(struct.unpack_from('<I', reply, 24)[0] & 0xf, 7)
            gpu.call(venus.image_format_properties(PHYSICAL, 0))
            gpu.call(venus.image_format_properties(PHYSICAL, 1), allowed=(-11,))

    def test_cannot_be_enabled(self):
        with Front() as context:
            gpu = Gpu(context)
            gpu.call(venus.create_device(PHYSICAL, 70, enabled=(0,)))
            gpu.call(venus.create_device(PHYSICAL, 71, enabled=(0, venus.SPARSE_FEATURES[0])), allowed=(-8,))

    def test_cannot_be_used(self):
        """The driver would map its fd 0 in place of the memory."""
        with Front() as context:
            gpu = Gpu(context)
            context.attach(50, context.place(64 * PAGE), 64 * PAGE)
            gpu.roundtrip()
            memory = gpu.import_memory(50, 64 * PAGE)
            gpu.ring.write(venus.create_buffer(DEVICE, 80, 64 * PAGE, flags=1))
            gpu.call(venus.bind_sparse(QUEUE, 0, 0, 0))
            gpu.ring.write(venus.bind_sparse(QUEUE, 80, 64 * PAGE, memory))
            context.wait_gone()
            self.assertIn('bound to a sparse resource', context.log())


if __name__ == '__main__':
    harness.main()
