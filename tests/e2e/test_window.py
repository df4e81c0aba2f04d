#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A window on the host's desktop shows what a stock Linux guest draws, and what is done in it reaches the guest."""
import re

import e2e
import harness
import qemu
import screen
import xvfb
from harness import expect


def compare(machine, x, window):
    """The window's pixels are those of the guest's frame."""
    width, height, rows, _ = screen.read_png(machine.picture())
    place = x.place(window)
    expect(place[2:] == (width, height), f'the window is {place[2:]}, the frame {width}x{height}')
    expect(harness.wait_until(lambda: x.part(*place) == rows), 'the window shows something else than the guest')
    return width, height


def follow(machine, x, window, width, height):
    """The window gets this size, and so does the guest's display."""
    x.do('windowsize', '--sync', window, width, height)
    mode = '/sys/class/drm/card0-Virtual-1'

    def is_followed():
        machine.run(f'echo detect >{mode}/status')
        return machine.run(f'head -n 1 {mode}/modes').split() == [f'{width}x{height}']
    expect(harness.wait_until(is_followed, qemu.GUEST_S), f'the guest does not know of {width}x{height}')


def test_a_window_is_the_guests_screen():
    x = xvfb.Xvfb()
    try:
        with qemu.Machine(gpu=('--window', '--window-title', 'guest'), env=e2e.native_env(DISPLAY=x.display)) as machine:
            window = x.wait_for_window('guest, display 1')
            x.do('windowmove', '--sync', window, 0, 0, 'mousemove', x.width - 1, x.height - 1)
            pid = machine.start('cube --frames 20 --hold 1000', 'cube')
            machine.wait_log('cube', '20 frames')
            expect(compare(machine, x, window) == (1280, 800), 'not the size that was asked for')
            machine.run(f'kill {pid}')
            machine.start('events', 'events')
            machine.wait_log('events', 'listening')
            x.do('windowfocus', '--sync', window, 'key', 'a', 'mousemove', 640, 400, 'click', 1)
            text = machine.wait_log('events', 'KEY 272 0')
            for word in 'KEY 30 1', 'KEY 30 0', 'ABS 0 16396', 'KEY 272 1':
                expect(re.search(word + r'\b', text), f'{word} is missing:\n{text}')
            x.do('mousemove', x.width - 1, x.height - 1)
            follow(machine, x, window, 1000, 700)
            machine.start('cube --frames 5 --hold 1000', 'cube2')
            machine.wait_log('cube2', '5 frames')
            expect(compare(machine, x, window) == (1000, 700), 'the guest draws another size than its window has')
            machine.expect_alive()
    finally:
        x.stop()


if __name__ == '__main__':
    e2e.main()
