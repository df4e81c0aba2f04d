# SPDX-License-Identifier: MIT
"""What is destroyed while others use it or wait for it, and what ends while the device is not done."""

import harness
import venus
import vtest
from venus import DEVICE, QUEUE, Gpu
from vtest import Client, Dropped, Ring

TIMELINE = 50


class Lifetimes(harness.ServerTest):
    def assert_no_crash(self):
        self.assertNotIn('died of signal', self.server.log(), self.server.tail())
        self.server.check_sound()

    def fill_ring(self, ring, data):
        """All at once, not word by word."""
        ring.memory[192:192 + len(data)] = data
        ring.tail = len(data)

    def race(self, client):
        """Forty rings submit, all at once, and one destroys the device in their midst."""
        gpu = Gpu(client)
        start = vtest.wait_virtqueue_seqno(1)
        one = venus.submit_nothing(QUEUE)
        rings = [Ring(client, 0x2000 + i, reply_size=4096) for i in range(40)]
        for ring in rings:
            self.fill_ring(ring, start + one * ((ring.buffer_size - len(start)) // len(one)))
        destroyer = Ring(client, 0x3000)
        self.fill_ring(destroyer, start + venus.destroy_device(DEVICE))
        rings.insert(len(rings) // 2, destroyer)
        self.assertTrue(gpu.ring.wait())
        for ring in rings:
            ring.set_word(64, ring.tail)
            client.submit(vtest.notify_ring(ring.ring_id, ring.tail))
        self.assertEqual(client.get_param(1), (1, 64)) # all of them wait
        client.submit(b''.join(vtest.submit_virtqueue_seqno(ring.ring_id, 1) for ring in rings))
        for ring in rings:
            ring.wait() # unless the context ends, which it does but for a destroyer that comes last

    def test_device_destroyed_under_its_queue(self):
        """The rings that wait for their turn with the queue find it gone, and the context ends."""
        for _ in range(5):
            with Client(self.server.path) as client:
                try:
                    self.race(client)
                except Dropped:
                    pass
            self.server.wait_workers(0)
            self.assert_no_crash()
        self.assertIn('destroyed meanwhile', self.server.log())

    def waiting_gpu(self, client):
        """A device whose queue waits for the timeline."""
        gpu = Gpu(client)
        gpu.ring.write(venus.create_timeline(DEVICE, TIMELINE) + venus.submit_wait(QUEUE, TIMELINE, 1))
        self.assertTrue(gpu.ring.wait())
        return gpu

    def test_waits_do_not_block_others(self):
        """A ring waits for a queue; fences and the context's thread do not wait with it."""
        for wait in (venus.queue_wait_idle(QUEUE), venus.device_wait_idle(DEVICE)):
            with Client(self.server.path) as client:
                gpu = self.waiting_gpu(client)
                other = Ring(client, 0x2000)
                gpu.ring.write(vtest.set_reply(gpu.ring.reply_id, 0, 4096) + wait)
                sync = client.sync_create()
                harness.wait_idle(self.server.wait_workers(1)[0], 'the ring waits')
                client.submit(syncs=[(sync, 1)], ring_idx=1)
                self.assertEqual(client.get_param(1), (1, 64))
                self.assertEqual(client.sync_read(sync), 0)
                self.assertNotEqual(gpu.ring.head, gpu.ring.tail)
                other.write(venus.signal_timeline(DEVICE, TIMELINE, 1))
                self.assertEqual(client.sync_wait([(sync, 1)]), 'ok')
                self.assertTrue(gpu.ring.wait())

    def test_client_leaves_work_that_is_never_done(self):
        """As with a native program, its end does not wait for that."""
        before = self.server.log()
        for wait in (b'', venus.queue_wait_idle(QUEUE)):
            with Client(self.server.path) as client:
                gpu = self.waiting_gpu(client)
                sync = client.sync_create()
                client.submit(syncs=[(sync, 1)], ring_idx=1)
                gpu.ring.write(vtest.set_reply(gpu.ring.reply_id, 0, 4096) + wait)
                self.assertEqual(client.get_param(1), (1, 64))
            self.server.wait_workers(0)
        self.assertNotIn('killing', self.server.log()[len(before):])
        self.assert_no_crash()

    def test_devices_one_after_another(self):
        """Their memory is used again, also when a ring waits for a fence all the time."""
        with Client(self.server.path) as client:
            gpu = Gpu(client)
            for i in range(30):
                gpu.call(venus.create_device(venus.PHYSICAL, 1000 + i))
                gpu.ring.write(venus.destroy_device(1000 + i))
            self.assertTrue(gpu.ring.wait())
            self.assertTrue(client.is_alive())


if __name__ == '__main__':
    harness.main()
