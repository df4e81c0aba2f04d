#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Displays as a stock Linux guest sees them: which modes it is told of, and what changes while it runs."""
import struct

import e2e
import harness
import qemu
from harness import expect


def connector(machine, display):
    """What the guest's kernel says: the preferred mode, or None for a display that is not connected."""
    folder = f'/sys/class/drm/card0-Virtual-{display + 1}'
    words = machine.run(f'cat {folder}/status; head -n 1 {folder}/modes').split()
    # It may have gone between the two.
    return words[1] if words[0] == 'connected' and len(words) == 2 else None


def expect_connector(machine, display, wanted):
    """Also makes the kernel probe it now: on a console no program asks for that."""
    def is_there():
        machine.run(f'echo detect >/sys/class/drm/card0-Virtual-{display + 1}/status')
        return connector(machine, display) == wanted
    expect(harness.wait_until(is_there),
           f'display {display} is {connector(machine, display)} for the guest, not {wanted}')


def picture_size(machine, display):
    return struct.unpack('>II', machine.picture(display)[16:24])


def show_frame(machine, display):
    """A frame of the sample program on the display, as large as its mode."""
    pid = machine.start('cube --displays 16 --frames 2 --hold 1000', 'cube')
    machine.wait_log('cube', '2 frames')
    size = picture_size(machine, display)
    machine.run(f'kill {pid}')
    machine.run(f'while [ -d /proc/{pid} ]; do usleep 50000; done')
    return size


def test_hot_plug_and_resize():
    with qemu.Machine(displays=('1280x800', '640x480'), gpu=('--outputs', '16')) as machine:
        expect(connector(machine, 0) == '1280x800', connector(machine, 0))
        expect(connector(machine, 1) == '640x480', connector(machine, 1))
        for display in range(2, 16):
            expect(connector(machine, display) is None, f'display {display} is connected')
        machine.put(2, connected=True, width=800, height=600)
        expect_connector(machine, 2, '800x600')
        machine.put(0, width=1366, height=768)
        expect_connector(machine, 0, '1366x768')
        machine.put(1, connected=False)
        expect_connector(machine, 1, None)
        machine.put(15, connected=True, width=320, height=200)
        expect_connector(machine, 15, '320x200')
        expect(show_frame(machine, 0) == (1366, 768), 'the frame is not as large as the new mode')
        machine.put(1, connected=True)
        expect_connector(machine, 1, '640x480')
        errors = machine.run("dmesg | grep -i 'drm.*error' || true")
        expect('ERROR' not in errors, errors)


def test_beyond_4095_pixels():
    """Modes that only a DisplayID block can say are what the guest prefers."""
    with qemu.Machine(displays=('7680x4320', '5120x2880')) as machine:
        expect(connector(machine, 0) == '7680x4320', connector(machine, 0))
        expect(connector(machine, 1) == '5120x2880', connector(machine, 1))
        expect(show_frame(machine, 0) == (7680, 4320), 'the frame is not as large as the mode')


if __name__ == '__main__':
    e2e.main()
