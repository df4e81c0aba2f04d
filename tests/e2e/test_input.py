#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a person does on the page is what programs of a stock Linux guest read from evdev."""
import collections
import os
import re
import signal

import e2e
import harness
import qemu
import screen_input
import ws
from harness import expect

KEY_A, KEY_ESC, KEY_CAPSLOCK, KEY_LEFTSHIFT, KEY_F12 = 30, 1, 58, 42, 88
BTN_LEFT, BTN_RIGHT = 0x110, 0x111
KEYBOARD, TABLET = 'Vitrine keyboard', 'Vitrine tablet'


SHARED = qemu.Shared()


class Reader:
    """The guest's `events`, and what it has printed."""

    def __init__(self, machine, options=''):
        self.machine = machine
        machine.run('killall -q events', check=False)  # an earlier test's
        machine.start(f'events {options}', 'events')
        self.head = machine.wait_log('events', 'listening')

    def wait(self, *wanted):
        """Until the last event has come; all since the start."""
        text = self.machine.wait_log('events', re.escape(wanted[-1]) + r'\b')
        return [line[len('events: '):] for line in text.splitlines()
                if re.match(r'events: [^:]+: (KEY|REL|ABS|LED|DROPPED)', line)]


Address = collections.namedtuple('Address', 'host port token')


class Person(ws.Viewer):
    """A viewer with the page open, as the server sees it."""

    def __init__(self, machine):
        self.front = machine.gpu.pid
        super().__init__(Address('127.0.0.1', machine.port, machine.token))

    def key(self, code, down):
        self.send(ws.key(0, code, int(down)))

    def motion(self, display, x, y):
        self.send(ws.motion(display, x, y))

    def wheel(self, x, y):
        self.send(ws.wheel(0, x, y))

    def kill_server(self):
        """Ends the screen process."""
        pid = screen_input.find_screen(self.front)
        os.kill(pid, signal.SIGKILL)
        expect(harness.wait_until(lambda: screen_input.find_screen(self.front) != pid), 'no new screen process')
        self.close()


def test_devices_are_what_a_desktop_expects():
    with SHARED as machine:
        head = Reader(machine).head
    keyboard = re.search(KEYBOARD + ': (.*)', head)
    tablet = re.search(TABLET + ': (.*)', head)
    expect(keyboard and tablet, head)
    expect(keyboard[1].strip() == 'bus 6 id 1af4:0001 keys 248 axes 0 range 0..0 wheels 0 lights 3 repeats 1 '
           'properties 0', keyboard[1])
    expect(tablet[1].strip() == 'bus 6 id 1af4:0002 keys 8 axes 2 range 0..32767 wheels 4 lights 0 repeats 0 '
           'properties 1', tablet[1])


def test_what_people_do_arrives_in_order():
    with SHARED as machine:
        reader = Reader(machine)
        person = Person(machine)
        for code in KEY_LEFTSHIFT, KEY_A:
            person.key(code, True)
        for code in KEY_A, KEY_LEFTSHIFT:
            person.key(code, False)
        person.motion(0, 65535, 0)
        reader.wait('ABS 0 32767')
        person.key(BTN_LEFT, True)
        person.motion(0, 32768, 16384)
        person.key(BTN_LEFT, False)
        person.wheel(0, 120)
        reader.wait('REL 8 1')
        person.wheel(-240, 30)
        person.wheel(0, 90)
        person.key(BTN_RIGHT, True)
        person.key(BTN_RIGHT, False)
        lines = reader.wait('KEY 273 0')
        person.close()
    keys = [line for line in lines if line.startswith(KEYBOARD)]
    # The guest repeats keys itself while they are down, for as long as an emulated processor takes.
    expect([line for line in keys if not line.endswith(' 2')] ==
           [f'{KEYBOARD}: KEY {word}' for word in ('42 1', '30 1', '30 0', '42 0')], keys)
    pointer = [line[len(TABLET) + 2:] for line in lines if line.startswith(TABLET)]
    expect(pointer[0] == 'ABS 0 32767', pointer)
    expect(pointer[1:7] == ['KEY 272 1', 'ABS 0 16384', 'ABS 1 8192', 'KEY 272 0', 'REL 11 120', 'REL 8 1'], pointer)
    # How far, in whichever pieces it arrived.
    turned = {code: sum(int(line.split()[2]) for line in pointer[7:] if line.startswith(f'REL {code} '))
              for code in (6, 8, 11, 12)}
    expect(turned == {6: -2, 8: 1, 11: 120, 12: -240}, (turned, pointer))
    expect(pointer[-2:] == ['KEY 273 1', 'KEY 273 0'], pointer)


def test_a_storm_of_keys_loses_nothing():
    """More than the four entries of the queue, and more than one report, again and again."""
    with SHARED as machine:
        reader = Reader(machine)
        person = Person(machine)
        codes = [2 + number % 40 for number in range(100)]
        for number, code in enumerate(codes, 1):
            person.key(code, True)
            person.key(code, False)
            if number % 10 == 0:  # or a slow guest's kernel, which keeps 64 for a program, drops some
                harness.wait_until(lambda: len(reader.wait(f'KEY {code} 0')) >= 2 * number)
        person.key(KEY_F12, True)
        person.key(KEY_F12, False)
        lines = reader.wait('KEY 88 0')
        person.close()
    got = [line.split(': ', 1)[1] for line in lines if not line.endswith(' 2')]
    wanted = [f'KEY {code} {down}' for code in [*codes, KEY_F12] for down in (1, 0)]
    expect(got == wanted, f'{len(got)} events, not {len(wanted)}: '
           f'{next(((a, b) for a, b in zip(got, wanted) if a != b), None)}')


def test_displays_lie_side_by_side_on_the_tablet():
    with qemu.Machine(displays=('800x600', '1200x300')) as machine:
        reader = Reader(machine)
        person = Person(machine)
        person.motion(1, 0, 65535)
        lines = reader.wait('ABS 1 16383')
        expect(f'{TABLET}: ABS 0 {800 * 32768 // 2000}' in lines, lines)
        person.motion(0, 32768, 32768)
        lines = reader.wait('ABS 1 16384')
        expect(f'{TABLET}: ABS 0 {400 * 32768 // 2000}' in lines, lines)
        person.motion(7, 1, 1)  # is not plugged in
        person.motion(1, 65535, 0)
        lines = reader.wait('ABS 0 32767')
        expect(lines[-2:] == [f'{TABLET}: ABS 0 32767', f'{TABLET}: ABS 1 0'], lines)


def test_no_key_stays_down():
    with SHARED as machine:
        reader = Reader(machine)
        person = Person(machine)
        person.key(KEY_A, True)
        person.key(BTN_LEFT, True)
        reader.wait('KEY 272 1')
        person.kill_server()
        reader.wait('KEY 30 0')
        reader.wait('KEY 272 0')
        person = Person(machine)
        person.key(KEY_CAPSLOCK, True)
        reader.wait('KEY 58 1')
        person.close()
        reader.wait('KEY 58 0')
        person = Person(machine)
        person.key(KEY_LEFTSHIFT, True)
        reader.wait('KEY 42 1')
        machine.qmp.do('stop')
        person.key(KEY_ESC, True)
        person.send(ws.ping(1))
        person.wait('pong')
        harness.wait_idle(machine.gpu.pid, 'it has been told of the key')
        machine.qmp.do('cont')
        lines = reader.wait('KEY 42 0')
        expect(f'{KEYBOARD}: KEY 1 1' not in lines, 'typed into a machine that was paused')
        person.key(KEY_F12, True)
        person.key(KEY_F12, False)
        reader.wait('KEY 88 0')
        person.close()


def test_a_guest_that_boots_again_has_its_devices():
    with qemu.Machine(reboots=True) as machine:
        reader = Reader(machine)
        person = Person(machine)
        person.key(KEY_A, True)
        reader.wait('KEY 30 1')
        machine.send('reboot -f')
        machine.wait_boot()
        reader = Reader(machine)
        person = Person(machine)  # the first one did not answer while the guest booted, which may take a minute
        person.key(KEY_F12, True)
        person.key(KEY_F12, False)
        lines = reader.wait('KEY 88 0')
        expect([line for line in lines if not line.endswith(' 2')] ==
               [f'{KEYBOARD}: KEY 88 1', f'{KEYBOARD}: KEY 88 0'], lines)


def test_lights_are_the_guests():
    with qemu.Machine() as machine:  # in which Caps Lock was never pressed
        person = Person(machine)
        reader = Reader(machine, '--light 1')
        expect(person.wait('lights')['lights'] == 2, 'Caps Lock is not what is on')
        reader.wait('LED 1 1')


if __name__ == '__main__':
    e2e.main()
