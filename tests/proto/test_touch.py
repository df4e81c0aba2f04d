#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`vitrine gpu --touch` and `--pad`: fingers and pads of viewers reach the drivers of a guest, each viewer's as their own,
and nothing stays pressed, whatever a viewer says or how it goes."""

import os
import random
import re
import signal
import stat
import struct
import subprocess
import tempfile
import unittest

import harness
import screen_input
import ws
from screen_input import Person
from test_input import EV_ABS, EV_KEY, Driver
from viewer_case import ViewerCase

SLOT, TOUCH_X, TOUCH_Y, ID = 0x2f, 0x35, 0x36, 0x39
BTN_SOUTH, BTN_TOUCH = 0x130, 0x14a


class Gpu(harness.Server):
    """`vitrine gpu` with a touch screen, two pads and a page; no keyboard."""

    def __init__(self):
        super().__init__('--touch', '{dir}/touch', '--pad', '{dir}/pad1', '--pad', '{dir}/pad2', '--http', '127.0.0.1:0',
                         '--display', '800x600', '--log', 'debug', command=('gpu',))
        self.host, port, self.token = re.search(r'http://(.*):(\d+)/#token=(\w+)', self.links[0]).groups()
        self.view_token = re.search(r'^VIEW .*#token=(\w+)', self.process.stdout.readline())[1]
        self.port = int(port)


class Finger:
    """A driver with the state of its contacts."""

    def __init__(self, driver):
        self.driver = driver
        self.slot = 0
        self.down = {}
        self.touched = False

    def report(self):
        for kind, code, value in self.driver.report():
            if (kind, code) == (EV_ABS, SLOT):
                self.slot = value
            elif (kind, code) == (EV_ABS, ID) and value >= 0:
                assert self.slot not in self.down
                self.down[self.slot] = [None, None]
            elif (kind, code) == (EV_ABS, ID):
                del self.down[self.slot]
            elif kind == EV_ABS:
                self.down[self.slot][code - TOUCH_X] = value
            else:
                assert (kind, code) == (EV_KEY, BTN_TOUCH)
                assert self.touched != (value == 1)
                self.touched = value == 1
        assert self.touched == bool(self.down)
        return dict(self.down)


class TouchTest(ViewerCase):
    @classmethod
    def setUpClass(cls):
        cls.front = cls.gpu = Gpu()
        cls.addClassCleanup(cls.gpu.stop)

    def drive(self, name):
        driver = Driver(os.path.join(self.gpu.dir, name))
        self.addCleanup(driver.close)
        driver.start()
        return driver


class Devices(TouchTest):
    def test_sockets_are_for_their_user_only(self):
        for name in 'touch', 'pad1', 'pad2':
            mode = os.lstat(os.path.join(self.gpu.dir, name)).st_mode
            self.assertTrue(stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600, name)

    def test_a_driver_finds_what_it_looks_for(self):
        touch, pad = self.drive('touch'), self.drive('pad2')
        self.assertEqual(touch.look(1, 0), b'Vitrine touch screen')
        self.assertEqual(touch.look(0x10, 0), b'\x02', 'INPUT_PROP_DIRECT')
        self.assertEqual(touch.look(0x12, SLOT), struct.pack('<5I', 0, 9, 0, 0, 0))
        self.assertEqual(pad.look(1, 0), b'Vitrine game pad 2')
        self.assertEqual(pad.look(3, 0), struct.pack('<4H', 6, 0x1af4, 4, 1))
        self.assertEqual(pad.look(0x12, 0), struct.pack('<iiIII', -32768, 32767, 0, 128, 0))

    def test_who_may_control_is_told_of_them(self):
        self.assertEqual(self.viewer().wait('devices'), {'display': 0, 'touch': 1, 'pads': 2})
        watcher = self.viewer(self.gpu.view_token)
        watcher.send(ws.ping(1))
        names = []
        while 'pong' not in names:
            names.append(watcher.next()[0])
        self.assertNotIn('devices', names)


class Fingers(TouchTest):
    def test_fingers_of_two_viewers(self):
        finger = Finger(self.drive('touch'))
        one, two = self.viewer(), self.viewer()
        one.send(ws.touch(0, 4, 1, 65535, 0))
        self.assertEqual(finger.report(), {0: [32767, 0]})
        two.send(ws.touch(0, 4, 1, 0, 65535))
        self.assertEqual(finger.report(), {0: [32767, 0], 1: [0, 32767]})
        one.send(ws.touch(0, 4, 1, 32768, 32768))
        self.assertEqual(finger.report(), {0: [16384, 16384], 1: [0, 32767]})
        one.send(ws.touch(0, 5, 1, 2, 2))
        self.assertEqual(set(finger.report()), {0, 1, 2})
        one.close()
        while len(finger.report()) > 1:
            pass
        self.assertEqual(set(finger.down), {1}, 'only those of the viewer that left')
        two.send(ws.release())
        self.assertEqual(finger.report(), {})

    def test_ten_fingers_and_no_more(self):
        finger = Finger(self.drive('touch'))
        one, two = self.viewer(), self.viewer()
        for contact in range(10):
            one.send(ws.touch(0, contact, 1, contact, contact))
            self.assertEqual(len(finger.report()), contact + 1)
        two.send(ws.touch(0, 0, 1, 65535, 65535))
        two.send(ws.touch(0, 0, 0))
        two.send(ws.ping(1))
        two.wait('pong')
        one.send(ws.touch(0, 3, 0))
        self.assertEqual(set(finger.report()), set(range(10)) - {3})
        two.send(ws.touch(0, 0, 1, 65535, 65535))
        self.assertEqual(finger.report()[3], [32767, 32767])
        one.send(b'nonsense')
        while len(finger.report()) > 1:
            pass
        two.close()
        self.assertEqual(finger.report(), {})

    def test_a_screen_process_that_dies(self):
        finger = Finger(self.drive('touch'))
        person = Person(self.gpu.pid)
        for contact in 2, 7:
            person.touch(contact, True, 10, 10)
            finger.report()
        os.kill(screen_input.find_screen(self.gpu.pid), signal.SIGKILL)
        self.assertEqual(finger.report(), {})

    def test_a_guest_that_takes_nothing_gets_the_end(self):
        driver = Driver(os.path.join(self.gpu.dir, 'touch'))
        self.addCleanup(driver.close)
        super(Driver, driver).start()
        driver.buffers = []
        person = Person(self.gpu.pid)
        rng = random.Random(3)
        for _ in range(2000):
            person.touch(rng.randrange(10), rng.random() < 0.5, rng.randrange(65536), rng.randrange(65536))
        self.gpu.wait_log('takes no input')
        person.release()
        person.touch(1, True, 65535, 65535)
        driver.offer(4)
        finger = Finger(driver)
        while finger.report() != {1: [32767, 32767]}:
            pass
        person.release()
        self.assertEqual(finger.report(), {})


class Pads(TouchTest):
    def test_pads_of_two_viewers(self):
        pads = self.drive('pad1'), self.drive('pad2')
        one, two = self.viewer(), self.viewer()
        one.send(ws.pad(0, 1, 1, (-32768, 0, 0, 0, 0, 32767)))
        self.assertEqual(pads[0].report(), [(EV_KEY, BTN_SOUTH, 1), (EV_ABS, 0, -32768), (EV_ABS, 5, 255)])
        two.send(ws.pad(0, 1, 1 << 12))
        self.assertEqual(pads[1].report(), [(EV_ABS, 0x11, -1)])
        two.send(ws.pad(1, 1, 1))  # there is no third
        two.send(ws.pad(0, 0, 1))  # gone, whatever it says last
        self.assertEqual(pads[1].report(), [(EV_ABS, 0x11, 0)])
        one.close()
        self.assertEqual(pads[0].report(), [(EV_KEY, BTN_SOUTH, 0), (EV_ABS, 0, 0), (EV_ABS, 5, 0)])
        two.send(ws.pad(2, 1, 1))
        self.assertEqual(pads[0].report(), [(EV_KEY, BTN_SOUTH, 1)])
        two.send(ws.release())
        self.assertEqual(pads[0].report(), [(EV_KEY, BTN_SOUTH, 0)])

    def test_a_guest_that_is_slow_misses_no_button(self):
        driver = Driver(os.path.join(self.gpu.dir, 'pad1'))
        self.addCleanup(driver.close)
        super(Driver, driver).start()
        driver.buffers = []
        viewer = self.viewer()
        for number in range(100):
            for x in 1, 2, 3:
                viewer.send(ws.pad(0, 1, number % 2, (number * 10 + x, 0, 0, 0, 0, 0)))
        viewer.send(ws.ping(1))
        viewer.wait('pong')
        driver.offer(4)
        presses = []
        while len(presses) < 99:
            presses += [value for kind, _, value in driver.report() if kind == EV_KEY]
        self.assertEqual(presses, [number % 2 for number in range(1, 100)])


class HostileViewers(TouchTest):
    def test_who_only_watches_cannot_touch(self):
        for message in ws.touch(0, 0, 1), ws.pad(0, 1):
            viewer = self.viewer(self.gpu.view_token)
            viewer.send(message)
            self.expect_close(viewer, 4403)

    def test_nonsense_ends_the_connection(self):
        bad = [ws.touch(0, 10, 1), ws.touch(0, 0, 2), ws.touch(16, 0, 1), ws.touch(0, 0, 1) + b'x', ws.touch(0, 0, 1)[:-1],
               ws.pad(4, 1), ws.pad(0, 2), ws.pad(0, 1, 0x40), ws.pad(0, 1, 1 << 17), ws.pad(0, 1, axes=(0, 0, 0, 0, -1, 0)),
               ws.pad(0, 1)[:-1], ws.pad(0, 1) + b'x', b'\x32\0', b'\x37\0', b'\xb0\0\1\4']
        for message in bad:
            viewer = self.viewer()
            viewer.send(message)
            self.expect_close(viewer, 4400)

    def test_random_messages_leave_nothing_pressed(self):
        finger = Finger(self.drive('touch'))
        rng = random.Random(5)
        viewers = [self.viewer() for _ in range(3)]
        for _ in range(600):
            viewer = rng.choice(viewers)
            viewer.send(rng.choice((ws.touch(0, rng.randrange(10), rng.randrange(2), rng.randrange(65536), 0),
                                    ws.pad(rng.randrange(4), rng.randrange(2), rng.randrange(64)))))
        for viewer in viewers:
            viewer.send(ws.ping(1))
            viewer.wait('pong')
            viewer.close()
        last = self.viewer()
        while True:
            # Its finger is the only one as soon as those of the others are gone.
            last.send(ws.touch(0, 0, 1, 65535, 65535))
            if finger.report() == {finger.slot: [32767, 32767]}:
                break
        last.close()
        while finger.report():
            pass


class Options(unittest.TestCase):
    def test_what_cannot_be(self):
        with tempfile.TemporaryDirectory() as folder:
            for options, text in ((['--pad', 'x'] * 5, 'too many --pad'), (['--touch', 'x' * 120], '--touch xxx'),
                                  (['--pad', 'y' * 120], '--pad yyy')):
                result = subprocess.run([harness.PROGRAM, 'gpu', '--socket', f'{folder}/gpu', *options], text=True,
                                        capture_output=True, timeout=60)
                self.assertNotEqual(result.returncode, 0)
                self.assertIn(text, result.stderr)
                self.assertEqual(os.listdir(folder), [])


if __name__ == '__main__':
    harness.main()
