#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The desktop guest on `vitrine gpu`: its X server draws with OpenGL by zink, programs with Vulkan swapchains."""
import re
import time
import unittest

import e2e
import harness
import qemu
import test_input
from harness import expect


class Desktop(qemu.Machine):
    append = 'console=ttyS0 quiet panic=-1 no_timer_check -- disk'
    ready = '^guest: the desktop is up'
    boot_seconds = 300

    def __init__(self, **options):
        super().__init__(memory='2G', processors=2, **options)

    def find_guest(self):
        folder = e2e.build / 'guest' / 'desktop'
        if not (folder / 'disk.img').exists():
            raise unittest.SkipTest('no desktop guest: make guest-desktop')
        self.more_options = ['-drive', f'file={folder}/disk.img,if=virtio,format=raw,snapshot=on']
        return str(folder / 'vmlinuz'), str(folder / 'initramfs.img')

    def wait_boot(self):
        seconds = super().wait_boot()
        # From here on, run() works as with the sample guest.
        self.send("stty -echo; PS1=; export DISPLAY=:0; while read -r line; do eval \"$line\"; echo \"guest: status $?\"; done")
        return seconds

    def expect_in_time(self, command, wanted, seconds=120):
        """Runs a command again and again until it prints what is wanted."""
        printed = []

        def prints():
            printed.append(self.run(command, check=False).strip())
            time.sleep(0.3)
            return printed[-1] == wanted
        expect(harness.wait_until(prints, seconds), f'{command}: not {wanted[:300]!r} but {printed[-1][:300]!r}')


def test_desktop():
    """It comes up on zink, and a Vulkan program in a window turns its cube."""
    with Desktop() as machine:
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
    with test_input.Person(machine) as person:
        for character in text:
            person.key(KEYS[character], True)
            person.key(KEYS[character], False)
            time.sleep(0.05)


def test_typing_into_a_window():
    """udev, libinput and the X server take the devices for what they are, and a terminal gets the text."""
    with Desktop() as machine:
        said = machine.run('grep "Using input driver" /tmp/xorg.log')
        for name in 'Vitrine keyboard', 'Vitrine tablet':
            expect(f"'libinput' for '{name}'" in said, said)
        machine.run('killall vkcube')
        machine.start("xterm -e 'echo here >/tmp/here; read -r text; echo $text >/tmp/typed; cat'", 'terminal')
        machine.expect_in_time('cat /tmp/here', 'here')
        type_text(machine, 'touch me\n')
        machine.expect_in_time('cat /tmp/typed', 'touch me')


if __name__ == '__main__':
    e2e.main()
