#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`vitrine gpu --input`: what a screen process says of people reaches a driver, whatever else either of them
says. The screen process is played by the test, on the real one's socket; the VMM and the driver too."""

import contextlib
import itertools
import os
import random
import re
import select
import signal
import stat
import struct
import sys
import threading
import unittest

import harness
import screen
import screen_input
import vhost
import ws
from screen_input import INPUT, KEY, MOTION, PAD, RELEASE, TOUCH, WHEEL, Person, pack

EV_SYN, EV_KEY, EV_REL, EV_ABS, EV_LED = 0, 1, 2, 3, 0x11
SYN = (EV_SYN, 0, 0)
CONFIG_SIZE = 136
# Messages: more than fit into the socket and are read at once.
MANY = 3000
# What QEMU's vhost-user-input asks for.
PROTOCOL_FEATURES = 0x8209


class Driver(vhost.Vm):
    """A guest's virtio-input driver in QEMU, with queues of four entries."""

    def __init__(self, path, protocol_features=PROTOCOL_FEATURES):
        super().__init__(path, size=4, protocol_features=protocol_features)
        self.realize()

    def start(self, **options):
        super().start(**options)
        self.buffers = []
        self.offer(4)

    def offer(self, count):
        self.buffers += [self.queues[0].add(b'', 8, indirect=False) for _ in range(count)]

    def event(self, seconds=vhost.TIMEOUT):
        """The next event; its buffer is offered again."""
        queue = self.queues[0]
        queue.wait(self.buffers[0], seconds=seconds)
        request = self.buffers.pop(0)
        assert request.written == 8, request.written
        self.offer(1)
        kind, code, value = struct.unpack('<HHi', request.answer)
        return kind, code, value

    def report(self):
        """The events up to the next synchronisation."""
        events = [self.event()]
        while events[-1] != SYN:
            events.append(self.event())
        return events[:-1]

    def look(self, select, subsel):
        """As QEMU does it: each byte that the guest writes is sent as all of the space, twice."""
        for offset, value in (0, select), (1, subsel):
            for _ in range(2):
                space = bytearray(self.get_config(size=CONFIG_SIZE))
                space[offset] = value
                self.set_config(bytes(space))
        space = self.get_config(size=CONFIG_SIZE)
        assert space[:2] == bytes((select, subsel)), space[:2]
        return space[8:8 + space[2]]


class Gpu(harness.Server):
    """`vitrine gpu` with input and a page."""

    def __init__(self):
        super().__init__('--input', '{dir}/input', '--http', '127.0.0.1:0', '--display', '800x600', '--log', 'debug',
                         '--display', '400x300', command=('gpu',))
        self.input = os.path.join(self.dir, 'input')
        self.host, port, self.token = re.search(r'http://(.*):(\d+)/#token=(\w+)', self.links[0]).groups()
        self.port = int(port)


class GpuTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gpu = Gpu()

    @classmethod
    def tearDownClass(cls):
        cls.gpu.stop()

    def drive(self, name, **options):
        driver = Driver(f'{self.gpu.input}.{name}', **options)
        self.addCleanup(driver.close)
        return driver

    def viewer(self):
        viewer = ws.Viewer(self.gpu)
        self.addCleanup(viewer.close)
        return viewer

    def try_viewer(self):
        try:
            return self.viewer()
        except (OSError, ws.Closed):
            return None

    def light(self, device, code, value):
        device.queues[1].call(struct.pack('<HHI', EV_LED, code, value), 0)


class Sockets(GpuTest):
    def test_they_are_for_their_user_only(self):
        """Who can connect there is the VM's hypervisor."""
        for path in (self.gpu.path, f'{self.gpu.input}.keyboard', f'{self.gpu.input}.tablet'):
            mode = os.lstat(path).st_mode
            self.assertTrue(stat.S_ISSOCK(mode), path)
            self.assertEqual(stat.S_IMODE(mode), 0o600, path)


class Devices(GpuTest):
    def test_a_driver_finds_what_it_looks_for(self):
        keyboard = self.drive('keyboard')
        tablet = self.drive('tablet')
        self.assertEqual(keyboard.offered & (1 << 22 | 1 << 15), 0, 'no window, no memory slots')
        self.assertEqual(keyboard.look(1, 0), b'Vitrine keyboard')
        self.assertEqual(tablet.look(1, 0), b'Vitrine tablet')
        self.assertEqual(tablet.look(0x12, 1), struct.pack('<5I', 0, 32767, 0, 0, 0))
        self.assertEqual(keyboard.look(0x12, 1), b'')
        self.assertEqual(keyboard.look(0x11, EV_LED), b'\x07')

    def test_events_reach_the_driver_with_every_choice_of_features(self):
        person = Person(self.gpu.pid)
        for protocol in PROTOCOL_FEATURES, vhost.PROTOCOL_FEATURES:
            for features in 1 << 32, 1 << 32 | 1 << 29:
                with self.subTest(protocol=hex(protocol), features=hex(features)):
                    driver = self.drive('tablet', protocol_features=protocol)
                    driver.start(features=features)
                    for number in range(20):
                        person.motion(0, 65535, number * 100)
                        person.wheel(120, -120)
                        self.assertEqual(driver.report(), [(EV_ABS, 0, 800 * 32768 // 1200),
                                                           (EV_ABS, 1, number * 50)])
                        self.assertEqual(driver.report(), [(EV_REL, 12, 120), (EV_REL, 6, 1),
                                                           (EV_REL, 11, -120), (EV_REL, 8, -1)])
                    driver.close()

    def test_keys_go_to_the_keyboard_and_buttons_to_the_tablet(self):
        person = Person(self.gpu.pid)
        keyboard = self.drive('keyboard')
        tablet = self.drive('tablet')
        keyboard.start()
        tablet.start()
        for code in 30, 0x110, 31:
            person.key(code, True)
        self.assertEqual([keyboard.report(), keyboard.report()], [[(EV_KEY, 30, 1)], [(EV_KEY, 31, 1)]])
        self.assertEqual(tablet.report(), [(EV_KEY, 0x110, 1)])
        person.release()
        self.assertEqual(keyboard.report(), [(EV_KEY, 30, 0), (EV_KEY, 31, 0)])
        self.assertEqual(tablet.report(), [(EV_KEY, 0x110, 0)])

    def test_lights_reach_who_may_type(self):
        keyboard = self.drive('keyboard')
        keyboard.start()
        viewer = self.viewer()
        self.light(keyboard, 1, 1)
        self.assertEqual(viewer.wait('lights')['lights'], 2)
        for code, value, lights in (0, 1, 3), (2, 0xffffffff, 7), (1, 0, 5):
            self.light(keyboard, code, value)
            self.assertEqual(viewer.wait('lights')['lights'], lights)
        self.assertEqual(self.viewer().wait('lights')['lights'], 5, 'a viewer that comes later')
        os.kill(screen_input.find_screen(self.gpu.pid), signal.SIGKILL)
        again = harness.wait_for(self.try_viewer, 60, 'a screen process')
        self.assertEqual(again.wait('lights')['lights'], 5, 'and after a new start')
        keyboard.reset()
        keyboard.start()
        self.assertEqual(again.wait('lights')['lights'], 0, 'a new guest')

    def test_reports_that_are_no_lights(self):
        keyboard = self.drive('keyboard')
        keyboard.start()
        viewer = self.viewer()
        self.light(keyboard, 2, 1)
        self.assertEqual(viewer.wait('lights')['lights'], 4)
        status = keyboard.queues[1]
        for kind, code, value in ((EV_LED, 3, 1), (EV_LED, 32, 1), (EV_LED, 0xffff, 1), (EV_LED + 0x100, 0, 1), (0, 1, 1),
                                  (EV_KEY, 1, 1), (0xffff, 0xffff, 0xffffffff)):
            status.call(struct.pack('<HHI', kind, code, value), 0)
        for size in 1, 2, 4, 7:
            status.call(struct.pack('<HHI', EV_LED, 1, 1)[:size], 0)
        status.call(b'', 8)  # room for an answer, and nothing said
        status.call(struct.pack('<HHI', EV_LED, 0, 1) + bytes(4000), 0)  # the rest is ignored
        self.assertEqual(viewer.wait('lights')['lights'], 5, 'the one that makes sense is the next')

    def test_a_tablet_has_no_lights(self):
        keyboard, tablet = self.drive('keyboard'), self.drive('tablet')
        keyboard.start()
        tablet.start()
        viewer = self.viewer()
        self.light(tablet, 0, 1)
        self.light(keyboard, 1, 1)
        self.assertEqual(viewer.wait('lights')['lights'], 2)

    def test_nothing_that_is_typed_is_logged(self):
        person = Person(self.gpu.pid)
        keyboard = self.drive('keyboard')
        keyboard.start()
        keyboard.look(1, 0)
        before = len(self.gpu.log())
        for code in range(2, 12):
            person.key(code, True)
            person.key(code, False)
            keyboard.report()
            keyboard.report()
        self.assertEqual(self.gpu.log()[before:], '')

    def test_a_pause_and_a_reset(self):
        person = Person(self.gpu.pid)
        keyboard = self.drive('keyboard')
        keyboard.start()
        person.key(30, True)
        self.assertEqual(keyboard.report(), [(EV_KEY, 30, 1)])
        keyboard.stop()
        person.key(31, True)
        harness.wait_idle(self.gpu.pid, 'it has read the key')
        keyboard.used_queues = keyboard.queues
        vhost.Vm.start(keyboard)  # the buffers are those of before
        self.assertEqual(keyboard.report(), [(EV_KEY, 30, 0)])
        person.key(32, True)
        self.assertEqual(keyboard.report(), [(EV_KEY, 32, 1)])
        keyboard.reset()
        keyboard.start()
        person.key(33, True)
        self.assertEqual(keyboard.report(), [(EV_KEY, 33, 1)])

    def test_a_vmm_that_is_killed_makes_room_for_the_next(self):
        person = Person(self.gpu.pid)
        for code in range(30, 36):
            driver = Driver(f'{self.gpu.input}.keyboard')
            driver.start()
            person.key(code, True)
            self.assertEqual(driver.report(), [(EV_KEY, code, 1)])
            driver.close()

    def test_configurations_that_make_no_sense(self):
        rng = random.Random(4)
        keyboard = self.drive('keyboard')
        for _ in range(300):
            offset = rng.randrange(256)
            data = rng.randbytes(rng.randrange(1, 257 - offset))
            self.assertEqual(keyboard.set_config(data, offset), 0)
            size = rng.randrange(1, 257 - offset)
            self.assertEqual(len(keyboard.get_config(offset, size)), size)
        self.assertEqual(keyboard.look(1, 0), b'Vitrine keyboard')


class HostileDrivers(GpuTest):
    def check_served(self):
        """Whatever one driver did, the next is served, and so is the other device."""
        person = Person(self.gpu.pid)
        for name, code in ('keyboard', 30), ('tablet', 0x110):
            driver = Driver(f'{self.gpu.input}.{name}')
            driver.start()
            person.key(code, True)
            self.assertEqual(driver.report(), [(EV_KEY, code, 1)])
            driver.close()

    def test_a_driver_that_takes_nothing(self):
        person = Person(self.gpu.pid)
        keyboard = self.drive('keyboard')
        vhost.Vm.start(keyboard)  # offers no buffers
        for number in range(3000):
            person.key(30 + number % 20, number // 20 % 2 == 0)
            if number % 50 == 0:
                harness.wait_idle(self.gpu.pid, 'it has read the keys', 0.005)
        self.gpu.wait_log('takes no input')
        keyboard.buffers = []
        keyboard.offer(4)
        person.key(99, True)
        down = set()
        while 99 not in down:
            for kind, code, value in keyboard.report():
                self.assertEqual(value, code not in down)
                (down.add if value else down.remove)(code)
        person.release()
        while down:
            for kind, code, value in keyboard.report():
                self.assertEqual(value, 0)
                down.remove(code)

    def test_buffers_that_cannot_be_written(self):
        person = Person(self.gpu.pid)
        for size, gpa in (4, None), (8, 0x7fffffffffff0000), (8, vhost.RAM_SIZE // 2 - 4):
            keyboard = Driver(f'{self.gpu.input}.keyboard')
            vhost.Vm.start(keyboard)
            queue = keyboard.queues[0]
            for slot in range(4):
                queue.put_descriptor(queue.desc, slot, keyboard.allocate(64) if gpa is None else gpa, size,
                                     vhost.DESC_WRITE, 0)
                queue.offer(slot)
            queue.kick_now()
            person.key(30, True)
            person.key(30, False)
            harness.wait_idle(self.gpu.pid, 'it has read the keys')
            keyboard.close()
        self.check_served()

    def test_rings_that_make_no_sense(self):
        rng = random.Random(7)
        person = Person(self.gpu.pid)
        for round_number in range(30):
            keyboard = Driver(f'{self.gpu.input}.keyboard')
            vhost.Vm.start(keyboard)
            for queue in keyboard.queues:
                keyboard.write(queue.area, rng.randbytes(16 * 4))
                for _ in range(rng.randrange(1, 9)):
                    queue.offer(rng.choice((0, 1, 2, 3, 4, 9, 65535)))
                queue.kick_now()
            person.key(30, round_number % 2 == 0)
            harness.wait_idle(self.gpu.pid, 'it has read the key', 0.005)
            keyboard.close()
        self.check_served()

    def test_a_status_queue_that_is_never_empty(self):
        """A driver that offers the same reports all the time costs time, but does not block others."""
        keyboard = self.drive('keyboard')
        keyboard.start()
        queue = keyboard.queues[1]
        place = keyboard.allocate(64)
        keyboard.write(place, struct.pack('<HHI', 9, 9, 9))
        for slot in range(4):
            queue.put_descriptor(queue.desc, slot, place, 8, 0, 0)
        ended, slots = threading.Event(), itertools.count()
        self.offered = 0

        def fill():
            while not ended.is_set():
                used, = struct.unpack('<H', keyboard.read(queue.used + 2, 2))
                while (queue.avail_idx - used) & 0xffff < 4:
                    self.offered = next(slots)
                    queue.offer(self.offered % 4)
                queue.kick_now()
        filling = threading.Thread(target=fill)
        filling.start()
        try:
            for count in 1000, 2000:
                harness.wait_for(lambda: self.offered > count, what='reports that are taken')
                tablet = Driver(f'{self.gpu.input}.tablet')
                self.assertEqual(tablet.look(1, 0), b'Vitrine tablet')
                tablet.close()
        finally:
            ended.set()
            filling.join()

    def test_screens_that_break_the_rules_are_replaced(self):
        wrong = [pack(6), pack(KEY), pack(KEY, code=0x300), pack(KEY, code=30, down=2), pack(KEY, display=16, code=30),
                 pack(MOTION, x=65536), pack(MOTION, y=2**32 - 1), pack(WHEEL, wheel_x=30721),
                 pack(WHEEL, wheel_y=-2**31), pack(RELEASE, display=99),
                 pack(TOUCH, code=10, down=1), pack(TOUCH, down=2), pack(TOUCH, x=65536), pack(PAD, code=4),
                 pack(PAD, buttons=0x40), pack(PAD, axes=(0, 0, 0, 0, -1, 0)),
                 struct.pack('<4I', INPUT, 31, 0, 0) + bytes(32), struct.pack('<4I', INPUT, 1 << 30, 0, 0),
                 struct.pack('<4I', 99, 32, 0, 0) + bytes(32)]
        keyboard = self.drive('keyboard')
        keyboard.start()
        for message in wrong[::4]:
            person = Person(self.gpu.pid)
            person.key(30, True)
            self.assertEqual(keyboard.report(), [(EV_KEY, 30, 1)])
            person.send(message)
            # There is no viewer any more that could release it.
            self.assertEqual(keyboard.report(), [(EV_KEY, 30, 0)])
            harness.wait_for(lambda: harness.is_gone(person.screen), 60, 'the end of the screen process')
            person.sock.close()


class Fronts(unittest.TestCase):
    """Without a VM, so that more can be told apart."""

    def test_every_wrong_message_ends_the_screen_process(self):
        front = screen.Front()
        try:
            for message in (pack(6), pack(KEY), pack(KEY, code=0x300), pack(TOUCH, code=10), pack(PAD, code=4), pack(PAD, buttons=0x40),
                            pack(TOUCH, down=2), pack(PAD, axes=(0, 0, 0, 0, 0, -1)), pack(KEY, code=30, down=2),
                            pack(KEY, display=16, code=30), pack(MOTION, x=65536), pack(MOTION, y=2**32 - 1),
                            pack(WHEEL, wheel_x=30721), pack(WHEEL, wheel_y=-2**31)):
                person = Person(front.pid)
                person.send(message)
                harness.wait_for(lambda: harness.is_gone(person.screen), 60, f'an end after {message.hex()}')
                person.sock.close()
            self.assertFalse([line for line in front.unasked if line.startswith('INPUT')])
        finally:
            front.stop()

    def test_what_is_said_arrives(self):
        front = screen.Front()
        try:
            person = Person(front.pid)
            person.key(0x2ff, True)
            person.motion(15, 65535, 0)
            person.wheel(-30720, 30720)
            person.release()
            self.assertEqual([front.wait_for('INPUT') for _ in range(4)],
                             ['INPUT key 0 767 1 0 0 0 0', 'INPUT motion 15 0 0 65535 0 0 0',
                              'INPUT wheel 0 0 0 0 0 -30720 30720', 'INPUT release 0 0 0 0 0 0 0'])
            person.key(30, True)
            front.wait_for('INPUT key')
            person.kill()
            front.wait_for('INPUT release')
            person = Person(front.pid)
            person.motion(0, 1, 1)
            front.wait_for('INPUT motion')
            person.kill()  # held nothing
            Person(front.pid).key(1, True)
            self.assertEqual(front.wait_for('INPUT'), 'INPUT key 0 1 1 0 0 0 0')
        finally:
            front.stop()

    def test_what_comes_at_once_arrives_to_the_last(self):
        """More than the front takes at a time, read by it in one piece."""
        front = screen.Front()
        try:
            person = Person(front.pid)
            codes = [30 + number // 2 for number in range(160)]
            person.send(b''.join(pack(KEY, code=code, down=(number + 1) % 2) for number, code in enumerate(codes)))
            lines = [front.wait_for('INPUT') for _ in codes]
            self.assertEqual([int(line.split()[3]) for line in lines], codes)
        finally:
            front.stop()

    def test_lights_are_not_for_who_only_watches(self):
        front = screen.Front()
        try:
            with ws.Viewer(front) as typist, ws.Viewer(front, front.view_token) as watcher:
                front.say('lights 6')
                self.assertEqual(typist.wait('lights')['lights'], 6)
                watcher.send(ws.ping(1))
                names = []
                while 'pong' not in names:
                    names.append(watcher.next()[0])
                self.assertNotIn('lights', names)
        finally:
            front.stop()

    def test_a_flood_does_not_stop_the_front(self):
        front = screen.Front()
        try:
            front.say('scanout 0 2 64 64 256 window')
            person = Person(front.pid)
            person.sock.setblocking(False)
            front.say('play 0 10000 200')
            sent = itertools.count(0, 16)
            self.sent = 0

            def flood():
                with contextlib.suppress(BlockingIOError):
                    while True:
                        person.send(pack(MOTION, x=self.sent % 65536) * 16)
                        self.sent = next(sent)
            flood()

            def is_played():
                flood()
                # It prints all that it is told, and must not wait for us either.
                while select.select([front.process.stdout], [], [], 0)[0]:
                    front.rest += os.read(front.process.stdout.fileno(), 1 << 16)
                return b'PLAYED' in front.rest and self.sent > MANY
            harness.wait_for(is_played, what='all frames, while there was always more to read', pause=0.001)
            lines = front.rest.split(b'\n')
            front.rest = b'\n'.join([line for line in lines[:-1] if not line.startswith(b'INPUT')] + lines[-1:])
            self.assertEqual(front.wait_for('PLAYED'), 'PLAYED 200')
        finally:
            front.stop()


if __name__ == '__main__':
    screen.FRONT = os.path.abspath(sys.argv.pop(2))
    harness.main()
