#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The desktop guest on `vitrine gpu`: weston draws with OpenGL by zink, its clients with Vulkan swapchains."""
import re

import e2e
import qemu
from e2e import expect


class Desktop(qemu.Machine):
    append = 'console=ttyS0 quiet panic=-1 -- disk'
    ready = '^guest: the desktop is up'

    def find_guest(self):
        folder = e2e.build / 'guest' / 'desktop'
        if not (folder / 'disk.img').exists():
            raise e2e.Skip('no desktop guest: make guest-desktop')
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
        expect(e2e.wait_until(moves, 120), f'{len(seen)} different pictures in two minutes')
        expect(len(max(seen, key=len)) > 50000, 'the pictures are nearly empty')
        expect(len(machine.workers()) >= 2, f'workers: {machine.workers()}')
        machine.expect_alive()


if __name__ == '__main__':
    e2e.main(globals())
