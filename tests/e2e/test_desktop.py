#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The desktop guest on `vitrine gpu`: weston draws with OpenGL by zink, its clients with Vulkan swapchains."""
import re
import time
import unittest

import e2e
import harness
import qemu
import test_input
from harness import expect


class Desktop(qemu.Machine):
    append = 'console=ttyS0 quiet panic=-1 -- disk'
    ready = '^guest: the desktop is up'

    def find_guest(self):
        folder = e2e.build / 'guest' / 'desktop'
        if not (folder / 'disk.img').exists():
            raise unittest.SkipTest('no desktop guest: make guest-desktop')
        self.more_options = ['-drive', f'file={folder}/disk.img,if=virtio,format=raw,snapshot=on']
        return str(folder / 'vmlinuz'), str(folder / 'initramfs.img')


def test_desktop():
    """It comes up on zink, and a Vulkan program in a window turns its cube."""
    with Desktop(memory='2G', processors=2) as machine:
        lines = '\n'.join(machine.console.lines)
        renderer = re.search(r'GL renderer: (.*)', lines)
        print(renderer and renderer[1])
        expect(renderer and 'zink' in renderer[1] and 'Venus' in renderer[1], lines[-2000:])
        seen = set()

        def moves():
            seen.add(machine.picture())
            return len(seen) > 20
        expect(harness.wait_until(moves, 120), f'{len(seen)} different pictures in two minutes')
        expect(len(max(seen, key=len)) > 50000, 'the pictures are nearly empty')
        expect(len(machine.workers()) >= 2, f'workers: {machine.workers()}')
        machine.expect_alive()


# KEY_* of what is typed below.
KEYS = {'t': 20, 'o': 24, 'u': 22, 'c': 46, 'h': 35, ' ': 57, '/': 53, 'm': 50, 'p': 25, 'y': 21, 'e': 18, 'd': 32,
        '\n': 28}


def type_text(machine, text):
    """Clicks into the middle and types; whether /tmp/typed is there a little later."""
    with test_input.Person(machine) as person:
        for place in range(0, 32769, 2048):
            person.motion(0, place, place)
        for down in True, False:
            person.key(test_input.BTN_LEFT, down)
            time.sleep(0.3)
        for character in text:
            person.key(KEYS[character], True)
            person.key(KEYS[character], False)
            time.sleep(0.05)
    time.sleep(1)
    start = len(machine.console.lines)
    machine.send('ls /tmp/typed; echo looked')
    machine.console.wait('^looked', start, 60, 'a look')
    return '/tmp/typed' in machine.console.lines[start:]


def test_typing_into_a_window():
    """udev, libinput and weston take the keyboard and the tablet for what they are, and a terminal gets the text."""
    with Desktop(memory='2G', processors=2) as machine:
        start = len(machine.console.lines)
        machine.send('grep "device is a" /tmp/weston.log; echo looked')
        machine.console.wait('^looked', start, 30, 'the log of weston')
        said = '\n'.join(machine.console.lines[start:])
        expect('Vitrine keyboard: device is a keyboard' in said, said)
        expect('Vitrine tablet: device is a pointer' in said, said)
        # All over the display, with nothing above, so that it does not matter where it opens; a click gives it the
        # keyboard. There is no sign that it is ready, so this is repeated until it reacts.
        machine.send('killall vkcube-wayland; weston-terminal --maximized &')
        expect(harness.wait_until(lambda: type_text(machine, 'touch /tmp/typed\n'), 90), 'nothing was typed')


if __name__ == '__main__':
    e2e.main()
