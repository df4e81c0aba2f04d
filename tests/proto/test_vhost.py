# SPDX-License-Identifier: MIT
"""The vhost-user back end with a VMM that keeps to the rules: requests, pauses, resets, hanging up."""

import os
import signal
import struct
import time

import harness
import vhost
from echotest import WINDOW, EchoTest
from vhost import Closed, Vm


# Only time can show that nothing is said. A busy machine may take longer to say it, but then the test passes.
QUIET_S = 0.05


class Conversation(EchoTest):

    def test_what_is_offered(self):
        vm = self.realized()
        self.assertEqual(vm.offered, 0x402629)
        self.assertEqual(vm.features, 0x1f | 1 << 28 | 1 << 29 | 1 << 30 | 1 << 32)
        self.assertEqual(vm.ask_u64(vhost.GET_QUEUE_NUM), 2)
        sizes = struct.unpack('<II256Q', vm.ask(vhost.GET_SHMEM_CONFIG))
        self.assertEqual(sizes[:5], (1, 0, 0, WINDOW, 0))
        self.assertEqual(sum(sizes[5:]), 0)

    def test_configuration(self):
        vm = self.realized()
        data = bytes(range(24))
        self.assertEqual(vm.set_config(data), 0)
        self.assertEqual(vm.get_config(), data)
        self.assertEqual(vm.get_config(20, 4), data[20:])
        self.assertEqual(vm.set_config(b'xyz', 4), 0)
        self.assertEqual(vm.get_config(3, 5), b'\3xyz\7')
        # Behind its end there are zeros.
        self.assertEqual(vm.get_config(20, 200), data[20:].ljust(200, b'\0'))
        self.assertEqual(vm.get_config(255, 1), b'\0')

    def test_requests(self):
        vm = self.started()
        for queue in vm.queues:
            self.assertEqual(queue.call([b'E', b'bcd' * 1000, b'x'], [1, 3000, 1, 500]),
                             b'E' + b'bcd' * 1000 + b'x')
            self.assertEqual(queue.call([b'E23', b'45'], [2, 10], indirect=False), b'E2345')
            self.assertEqual(queue.call(b'E123', 2), b'E1')
            request = queue.add(b'E', 0)
            queue.call(b'E')
            self.assertEqual(request.written, 0)
            self.assertEqual(queue.call(b'', 4), b'')
        big = b'E' + os.urandom((4 << 20) - 1)
        self.assertEqual(vm.queues[0].call(big, len(big)), big)

    def test_many_in_any_order(self):
        vm = self.started()
        queue = vm.queues[0]
        for _ in range(300):  # 75,000 requests: the counters wrap
            held = [queue.add(b'H%d' % i, 8, kick=False) for i in range(queue.size - 1)]
            queue.call(b'R', 8)
            for i, request in enumerate(held):
                self.assertEqual(request.answer, b'H%d' % i)

    def test_one_interrupt_for_a_batch(self):
        vm = self.started()
        queue = vm.queues[0]
        for _ in range(100):
            queue.add(b'H', 8, kick=False)
        before = queue.count_interrupts()
        queue.call(b'R')
        self.assertEqual(queue.count_interrupts(), before + 1)

    def test_kicks_are_asked_for(self):
        vm = self.started()
        queue = vm.queues[1]
        for _ in range(5):
            queue.call(b'E')
            harness.wait_for(lambda: queue.avail_event() == queue.avail_idx)

    def test_a_kick_that_was_forgotten(self):
        """By a driver that did not see that it must: TCG leaves out a barrier between its adding and its looking."""
        queue = self.started().queues[0]
        found = 0
        for _ in range(300):
            queue.call(b'E')
            request = queue.add(b'E123', 4, kick=False)
            try:
                queue.wait(request, seconds=0.1)
                found += 1
                if found > 50:
                    break
            except vhost.Timeout:
                queue.kick_now()  # this test was too slow: it added after the second look
                queue.wait(request)
            self.assertEqual(request.answer, b'E123')
        self.assertGreater(found, 50)

    def test_without_indirect_descriptors_and_event_index(self):
        vm = self.realized()
        vm.start(features=1 << 32)
        for queue in vm.queues:
            for _ in range(1000):
                self.assertEqual(queue.call(b'Eab', 3, indirect=False), b'Eab')
        vm.queues[0].add(b'E')  # indirect: not negotiated, so it means nothing
        harness.wait_for(vm.queues[0].is_broken)

    def test_window(self):
        vm = self.started()
        self.assertEqual(vm.window_size, WINDOW)
        for offset in (0, 4096, WINDOW - 100):
            vm.queues[0].call(b'W!'.ljust(8) + struct.pack('<QQ', offset, 100))
            self.assertEqual(vm.window[offset:offset + 100], b'!' * 100)
        # The device was told of the table with the window in it.
        self.assertEqual(vm.send_table(), 0)
        self.assertGreater(self.state(vm)['ram_changes'], 0)

    def test_requests_that_were_there_before(self):
        """What the driver put into the queue before it was enabled is answered without a kick."""
        vm = self.realized()
        early = vm.queues[1].add(b'Early', kick=False)
        vm.start()
        vm.queues[1].wait(early)
        self.assertEqual(early.answer, b'Early')

    def test_configuration_changes(self):
        vm = self.started()
        for count in range(1, 4):
            vm.queues[0].call(b'C')
            vm.pump(lambda: vm.config_changes == count)

    def test_bursts_of_configuration_changes(self):
        """Few messages for many changes, since each is a risk for QEMU."""
        vm = self.started()
        begin = time.monotonic()
        for _ in range(3):
            for _ in range(200):
                vm.queues[0].call(b'C')
            while vm.back.is_readable():
                vm.serve_back()
            before = vm.config_changes
            vm.queues[0].call(b'C')
            vm.pump(lambda: vm.config_changes > before)
        # One in 100 ms; a machine that takes longer for all this may get more.
        self.assertLessEqual(vm.config_changes, 1 + (time.monotonic() - begin) / 0.1)


class Lifecycle(EchoTest):

    def test_pause(self):
        vm = self.started()
        before = self.state(vm)
        for _ in range(20):
            held = [queue.add(b'Held') for queue in vm.queues for _ in range(10)]
            late = vm.queues[1].add(b'Done when stopped')
            vm.queues[0].call(b'E')
            vm.queues[1].call(b'E')
            vm.stop()
            vm.queues[1].collect()
            self.assertEqual(late.answer, b'Done when stopped')
            vm.queues[0].collect()
            self.assertTrue(all(request.written is None for request in held))
            vm.resume()
            vm.queues[0].call(b'R')
            for queue in vm.queues:
                queue.wait(*(request for request in held if request in queue.pending.values()))
            self.assertTrue(all(request.answer == b'Held' for request in held))
        after = self.state(vm)
        self.assertEqual(after['resets'], before['resets'])
        self.assertEqual(after['starts'], before['starts'] + 20)
        self.assertEqual(after['stops'], before['stops'] + 20)

    def test_requests_while_paused(self):
        vm = self.started()
        vm.stop()
        waiting = [queue.add(b'E%d' % i) for queue in vm.queues for i in range(50)]
        self.settle(vm)
        for queue in vm.queues:
            queue.collect()
        self.assertTrue(all(request.written is None for request in waiting))
        vm.resume()
        vm.queues[0].wait(*waiting[:50])
        vm.queues[1].wait(*waiting[50:])

    def test_stop_right_after_requests(self):
        """None is lost and none is answered twice, whenever the stop comes."""
        vm = self.started()
        for round_ in range(100):
            requests = [vm.queues[0].add(b'E%d' % i, 8) for i in range(round_ % 40)]
            vm.stop()
            vm.resume()
            if requests:
                vm.queues[0].wait(*requests)
                self.assertEqual([request.answer for request in requests],
                                 [b'E%d' % i for i in range(len(requests))])

    def test_reset(self):
        vm = self.started()
        for count in range(20):
            before = self.state(vm)
            self.assertEqual(before['held'], 0)
            for queue in vm.used_queues:
                for _ in range(20):
                    queue.add(b'Held')
                queue.call(b'E')
            self.assertEqual(self.state(vm)['held'], 20 * len(vm.used_queues))
            vm.reset()
            vm.start(only=[0] if count % 3 == 0 else None)
            self.check_works(vm)
            self.assertIsNotNone(vm.window)
            after = self.state(vm)
            self.assertEqual(after['resets'], before['resets'] + 1)
            self.assertEqual(after['held'], 0)

    def test_reset_by_message(self):
        vm = self.started()
        before = self.state(vm)['resets']
        vm.queues[0].add(b'Held')
        vm.queues[0].call(b'E')
        self.assertEqual(vm.send(vhost.RESET_DEVICE), 0)
        for queue in vm.queues:
            queue.clear()
        vm.start()
        self.check_works(vm)
        self.assertEqual(self.state(vm)['resets'], before + 1)

    def test_one_queue_only(self):
        """Firmware leaves the cursor's queue alone; QEMU enables it nevertheless."""
        vm = self.realized()
        vm.start(only=[0])
        self.check_works(vm)
        vm.stop()
        vm.resume()
        self.check_works(vm)
        vm.reset()
        vm.start()
        self.check_works(vm)

    def test_enabled_late(self):
        """Nothing runs before the last queue is enabled."""
        vm = self.realized()
        early = vm.queues[0].add(b'E')
        vm.send(vhost.SET_FEATURES, struct.pack('<Q', vm.features))
        vm.send_table()
        for queue in vm.queues:
            vm.setup_queue(queue)
        vm.send(vhost.SET_VRING_ENABLE, struct.pack('<II', 0, 1))
        self.assertFalse(vm.back.is_readable(QUIET_S))
        vm.running = True
        vm.send(vhost.SET_VRING_ENABLE, struct.pack('<II', 1, 1))
        vm.queues[0].wait(early)

    def test_disabled_and_enabled_again(self):
        vm = self.started()
        held = vm.queues[0].add(b'Held')
        vm.queues[0].call(b'E')
        vm.enable(0)
        vm.queues[0].add(b'E')
        vm.enable(1)
        self.check_works(vm)
        vm.queues[0].call(b'R')
        self.assertEqual(held.answer, b'Held')

    def test_window_not_mapped_yet(self):
        """The device does not run before the VMM has mapped the window, however often it stops."""
        before = self.started()
        resets = self.state(before)['resets']
        before.close()
        vm = self.realized()
        vm.answer_map = False
        vm.start()
        early = vm.queues[0].add(b'E')
        vm.pump(lambda: vm.window_region)
        self.settle(vm)
        vm.queues[0].collect()
        self.assertIsNone(early.written)
        vm.stop()
        vm.resume()  # QEMU still has not got to it
        self.assertFalse(vm.back.is_readable(QUIET_S))
        vm.back.send(vhost.BACK_SHMEM_MAP, struct.pack('<Q', 0), flags=vhost.VERSION | vhost.REPLY)
        self.assertEqual(vm.queues[0].wait(early), b'E')
        self.assertEqual(self.state(vm)['resets'], resets + 1)

    def test_answer_to_map_comes_with_a_stop(self):
        vm = self.realized()
        vm.answer_map = False
        vm.start()
        vm.pump(lambda: vm.window_region)
        vm.back.send(vhost.BACK_SHMEM_MAP, struct.pack('<Q', 0), flags=vhost.VERSION | vhost.REPLY)
        vm.answer_map = True
        vm.reset()
        vm.start()
        self.check_works(vm)
        self.assertIsNotNone(vm.window)

    def test_window_refused(self):
        vm = self.realized()
        vm.map_result = 1
        vm.start()
        with self.assertRaises(Closed):
            vm.queues[0].call(b'E')
        self.check_still_serves()

    def test_change_while_stopped(self):
        """Told when the guest goes on: QEMU crashes if it is told before."""
        vm = self.started()
        for count in range(1, 4):
            vm.queues[0].add(b'P')
            vm.queues[0].call(b'E')
            vm.stop()
            self.assertFalse(vm.back.is_readable(QUIET_S))
            vm.resume()
            vm.pump(lambda: vm.config_changes == count)
        # A guest that begins anew looks by itself.
        vm.queues[0].add(b'P')
        vm.queues[0].call(b'E')
        vm.reset()
        vm.start()
        self.check_works(vm)
        vm.get_config()
        self.assertFalse(vm.back.is_readable(QUIET_S))
        self.assertEqual(vm.config_changes, 3)

    def test_change_at_a_stop(self):
        """The same while messages are on their way."""
        vm = self.started()
        for round_ in range(30):
            vm.queues[0].add(b'C')
            if round_ % 2:
                time.sleep(0.0003)  # by turns, while it is handled
            vm.stop()
            while vm.back.is_readable():
                vm.running = True  # it was, when this was sent
                vm.serve_back()
                vm.running = False
            self.settle(vm)
            self.assertFalse(vm.back.is_readable())
            vm.resume()
            self.check_works(vm)


class NoWindow(EchoTest):
    """A device of few small queues and no window, such as an input device."""

    ARGS = ()

    def test_all(self):
        vm = self.realized(size=4)
        self.assertEqual(vm.offered, 0x402629 & ~vhost.F_SHMEM)
        vm.start()
        self.check_works(vm)
        first = self.state(vm)
        for i in range(10):
            held = [queue.add(b'Held') for queue in vm.queues]
            self.check_works(vm)
            vm.stop()
            vm.resume()
            vm.queues[0].call(b'R')
            vm.queues[1].wait(held[1])
            vm.queues[0].add(b'Held')
            vm.reset()
            vm.start()
            self.check_works(vm)
            state = self.state(vm)
            self.assertEqual(state['resets'], first['resets'] + i + 1)
            self.assertEqual(state['held'], 0)
        with self.assertRaises(Closed):
            vm.ask(vhost.GET_SHMEM_CONFIG)

    def test_pause_of_unused_queues(self):
        """Looks like a reset, and may be one."""
        vm = self.started()
        before = self.state(vm)['resets']
        vm.close()
        vm = self.realized(size=4)
        for i in range(3):
            vm.start()
            self.settle(vm)
            if i < 2:
                vm.stop()
        resets = self.state(vm)['resets']
        vm.stop()
        vm.resume()
        self.assertEqual(self.state(vm)['resets'], resets)
        self.assertEqual(resets, before + 3)

    def test_pause_after_a_driver_of_more_queues(self):
        """What a driver before this one used does not make a reset of a pause."""
        vm = self.started()
        vm.reset()
        vm.start(only=[0])
        self.check_works(vm)
        resets = self.state(vm)['resets']
        for _ in range(3):
            vm.stop()
            vm.resume()
            self.check_works(vm)
        self.assertEqual(self.state(vm)['resets'], resets)

    def test_old_vmm(self):
        """It has all that this device needs."""
        vm = self.started(protocol_features=1 << 0 | 1 << 3 | 1 << 9)
        self.check_works(vm)


class Disconnects(EchoTest):

    def test_at_every_message(self):
        """Cut behind each of the front end's messages, and in the middle of each."""
        class Cut(Exception):
            pass

        def cut_at(count, partly):
            vm = Vm(self.server.path)
            left = count
            original = vm.front.send_raw

            def send_raw(data, fds=()):
                nonlocal left
                left -= 1
                if left < 0:
                    if partly:
                        original(data[:partly], fds)
                    raise Cut()
                original(data, fds)
            vm.front.send_raw = send_raw
            try:
                vm.realize()
                vm.start()
                vm.queues[0].call(b'E')
                vm.queues[1].add(b'Held')
                vm.stop()
                vm.resume()
                vm.reset()
                vm.start()
                vm.queues[0].call(b'E')
                return True
            except Cut:
                return False
            finally:
                vm.close()
        count = 0
        while not cut_at(count, 0):
            cut_at(count, 1)
            cut_at(count, 11)
            cut_at(count, 13)
            count += 1
        self.assertGreater(count, 50)
        self.check_nothing_left()
        self.check_still_serves()

    def test_a_new_vm_begins_anew(self):
        vm = self.started()
        for _ in range(10):
            before = self.state(vm)
            vm.queues[0].add(b'Held')
            vm.queues[1].add(b'Done')
            vm.queues[0].call(b'E')
            vm.close()
            vm = self.started()
            after = self.state(vm)
            self.assertEqual((after['resets'], after['stops'], after['held']),
                             (before['resets'] + 1, before['stops'] + 1, 0))
            self.assertGreater(after['ram_changes'], before['ram_changes'])
        vm.close()
        self.check_nothing_left()

    def test_the_next_one_is_quick(self):
        """A new VMM connects before it is known that the one before is gone."""
        for _ in range(20):
            vm = self.started()
            os.kill(self.server.pid, signal.SIGSTOP)
            following = self.connect()
            vm.close()
            os.kill(self.server.pid, signal.SIGCONT)
            following.realize()
            following.start()
            self.check_works(following)
            following.close()

    def test_nothing_leaks(self):
        def rounds(count):
            for _ in range(count):
                vm = self.started()
                held = [vm.queues[0].add(b'H' * 5000) for _ in range(100)]
                vm.queues[0].call(b'E')
                vm.stop()
                vm.resume()
                self.assertIsNone(held[0].written)
                vm.reset()
                vm.start()
                self.check_works(vm)
                vm.close()
            self.check_nothing_left()
            return harness.memory_kib(self.server.pid)
        before = rounds(30)
        after = rounds(150)
        if harness.is_memory_its_own():
            self.assertLess(after - before, 2048, f'{before} KiB, then {after} KiB')


if __name__ == '__main__':
    harness.main()
