#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lossless patches of what stays still: what is in them, who gets them, and what they may cost."""

import os
import sys
import time
import unittest

import harness
import screen
import ws

WIDTH, HEIGHT = 640, 400
RED, BLUE = b'\xff\0\0\xff', b'\0\0\xff\xff'
FULL_RATE = 400_000_000
BLOCK = 16
# How many may be on their way to a viewer.
UNSEEN = 4


def stripes(width=WIDTH, height=HEIGHT):
    """The pixels of the front's pattern, by row."""
    return [b''.join((BLUE if x % 2 else RED) for x in range(width)) for _ in range(height)]


class Picture:
    """What a page shows beside the video: the opaque pixels of patches, where nothing has changed since."""

    def __init__(self, width=WIDTH, height=HEIGHT):
        self.rows = [bytearray(width * 4) for _ in range(height)]

    def clear(self, x, y, width, height):
        for row in self.rows[y:y + height]:
            row[x * 4:(x + width) * 4] = bytes(len(row[x * 4:(x + width) * 4]))

    def add(self, patch):
        width, height, rows, _ = screen.read_png(patch['data'], alpha=True)
        left, top = patch['x'], patch['y']
        assert top + height <= len(self.rows) and left + width <= len(self.rows[0]) // 4
        for y, row in enumerate(rows):
            for x in range(0, width, BLOCK):
                pixels = row[x * 4:(x + BLOCK) * 4]
                assert set(pixels[3::4]) in ({0}, {255}), 'a block is opaque, or not there'
                if pixels[3]:
                    self.rows[top + y][(left + x) * 4:(left + x) * 4 + len(pixels)] = pixels
        self.clear(*(patch[f'stale_{name}'] for name in ('x', 'y', 'width', 'height')))

    def is_like(self, wanted):
        return [bytes(row) for row in self.rows] == wanted


class Watcher(ws.Viewer):
    """A viewer that takes patches, as a page does, and acknowledges all. `looks`: at what is in them."""

    def __init__(self, front, token=None, width=WIDTH, height=HEIGHT, looks=True, **options):
        super().__init__(front, token, **options)
        self.picture = Picture(width, height)
        self.looks = looks
        self.units, self.patches = [], []
        self.send(ws.subscribe(0))
        self.send(ws.take_patches(0))

    def step(self):
        """Handles one message; -> its name."""
        name, fields = self.next()
        if name == 'unit':
            self.units.append(fields)
            self.send(ws.ack(0, fields['number']))
        elif name == 'patch':
            assert fields['frame'] <= self.units[-1]['frame'], 'the picture comes before its patches'
            self.patches.append(fields)
            if self.looks:
                self.picture.add(fields)
            self.send(ws.ack_patch(0, fields['number']))
        elif name == 'stale':
            self.picture.clear(*(fields[name] for name in ('x', 'y', 'width', 'height')))
        return name

    def follow(self, seconds):
        """Handles what comes within some time: for pictures that must stand still, or for what must not come, which only
        time can show."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and self.has_more(left):
            self.step()

    def settle(self):
        """Handles what the server had to say when it read this."""
        self.send(ws.ping(1))
        while self.step() != 'pong':
            pass

    def wait_until(self, satisfied, what, seconds=harness.SECONDS):
        until = time.monotonic() + seconds
        while not satisfied():
            assert self.has_more(max(0, until - time.monotonic())), f'it did not come to this: {what}'
            self.step()


class SharpTest(unittest.TestCase):
    def setUp(self):
        self.front = screen.Front()
        self.front.say(f'mode 0 1 {WIDTH} {HEIGHT}')
        self.show('stripes 0')

    def tearDown(self):
        self.front.stop()

    def show(self, order, width=WIDTH, height=HEIGHT, fmt=2):
        self.front.say(f'scanout 0 {fmt} {width} {height} {width * 4} window')
        self.front.say(order)

    def watcher(self, *args, **options):
        watcher = Watcher(self.front, *args, **options)
        self.addCleanup(watcher.close)
        return watcher

    def metric(self, name):
        return self.front.metrics().get(f'{name}{{display="0"}}', 0)

    def wait_for_stripes(self, watcher):
        watcher.wait_until(lambda: watcher.picture.is_like(stripes()), 'exact stripes')


class Contents(SharpTest):
    def test_pixels_are_exact_in_all_formats_and_sizes(self):
        for name, fmt in screen.FORMATS.items():
            width, height = 643, 397 + fmt % 5
            with self.subTest(name):
                self.show('frame 0 7', width, height, fmt)
                watcher = self.watcher(width=width, height=height)
                exact = screen.expected_rows(name, width, height, 7)
                wanted = [b''.join(row[i:i + 3] + b'\xff' for i in range(0, len(row), 3)) for row in exact]

                def is_right():
                    """The pattern has edges in some blocks; those that are there are exact."""
                    return all(row[i + 3] == 0 or row[i:i + 4] == right[i:i + 4]
                               for row, right in zip(watcher.picture.rows, wanted) for i in range(0, len(row), 4))
                watcher.wait_until(lambda: watcher.patches, 'a patch')
                watcher.follow(1)
                self.assertTrue(is_right())
                there = sum(row[3::4].count(255) for row in watcher.picture.rows)
                self.assertGreater(there, width * height // 4)
                watcher.close()

    def test_what_video_shows_well_gets_none(self):
        self.show('solid 0 3')
        watcher = self.watcher()
        watcher.follow(3)
        self.assertTrue(watcher.units)
        self.assertEqual(watcher.patches, [])

    def test_only_what_changed_comes_again(self):
        """Whether the guest says exactly what has changed, or flushes all."""
        for order in 'spot', 'redraw':
            with self.subTest(order):
                self.show('stripes 0')
                self.check_spot(order)

    def check_spot(self, order):
        watcher = self.watcher(self.front.view_token)
        self.wait_for_stripes(watcher)
        count = len(watcher.patches)
        self.front.say(f'{order} 0 100 50 20 20 0000ff')
        wanted = stripes()
        for y in range(50, 70):
            wanted[y] = wanted[y][:400] + BLUE * 20 + wanted[y][480:]
        watcher.wait_until(lambda: watcher.picture.is_like(wanted), 'stripes with a spot')
        more = watcher.patches[count:]
        self.assertLess(sum(len(patch['data']) for patch in more), 4000)
        for patch in more:
            self.assertEqual((patch['x'], patch['y']), (96, 48))
        watcher.close()

    def test_a_guest_that_flushes_all_the_time(self):
        watcher = self.watcher()
        blinks = 0

        def beside_the_cursor():
            return [bytes(row[64:]) for row in watcher.picture.rows]
        while beside_the_cursor() != [row[64:] for row in stripes()]:
            blinks += 1
            self.assertLess(blinks, 100)
            self.front.say(f'redraw 0 0 0 8 16 {"ffffff" if blinks % 2 else "000000"}')
            watcher.follow(0.3)

    def test_a_new_viewer_gets_all(self):
        first = self.watcher()
        self.wait_for_stripes(first)
        second = self.watcher(self.front.view_token)
        self.wait_for_stripes(second)

    def test_nobody_takes_them(self):
        with ws.Viewer(self.front) as viewer:
            viewer.send(ws.subscribe(0))
            viewer.wait('unit')
            viewer.watch(3)
        self.assertEqual(self.metric('vitrine_video_patches_total'), 0)
        watcher = self.watcher()
        self.wait_for_stripes(watcher)
        made = self.metric('vitrine_video_patches_total')
        self.assertGreater(made, 0)
        watcher.send(ws.take_patches(0, False))
        watcher.settle()
        self.front.say('stripes 0')
        watcher.follow(2.5)
        self.assertEqual(self.metric('vitrine_video_patches_total'), made)


class Costs(SharpTest):
    # Bits per second of the video.
    RATE = 2_000_000

    def noise_watcher(self):
        """It has a patch of noise, which cannot be compressed, and does not look at what is in patches."""
        self.show('noise 0 1')
        watcher = self.watcher(looks=False)
        watcher.send(ws.bitrate(0, self.RATE))
        watcher.wait_until(lambda: watcher.patches, 'a patch')
        return watcher

    def test_what_moves_gets_none(self):
        watcher = self.watcher()
        self.front.say('code 0 16667 1000000')
        watcher.wait_until(lambda: len(watcher.units) > 30, 'pictures')
        watcher.follow(2)
        self.front.say('play 0 0 0')
        captured = {unit['frame']: unit['captured'] for unit in watcher.units}
        for patch in watcher.patches:  # on a busy machine the front itself may have paused
            later = [time_ns for frame, time_ns in captured.items() if frame > patch['frame']]
            if later:
                self.assertGreater(min(later) - captured[patch['frame']], 900_000_000)

    def test_a_flickering_area_stays_within_half_of_the_bit_rate(self):
        """Large, and still for just long enough each time."""
        watcher = self.noise_watcher()
        begin, bytes_before = time.monotonic(), self.metric('vitrine_video_patch_bytes_total')
        first = watcher.patches[-1]['frame']
        for seed in range(2, 6):
            self.front.say(f'noise 0 {seed}')
            watcher.follow(1.6)
        watcher.wait_until(lambda: watcher.patches[-1]['frame'] > first, 'another patch')
        seconds = time.monotonic() - begin
        spent = self.metric('vitrine_video_patch_bytes_total') - bytes_before
        print(f'{spent:.0f} bytes of patches in {seconds:.1f} s at {self.RATE} bits per second', flush=True)
        # Half of the bit rate, what one second saves, and one patch more than there was room for.
        largest = max(len(patch['data']) for patch in watcher.patches)
        self.assertGreater(spent, 0)
        self.assertLessEqual(spent, self.RATE / 16 * (seconds + 1) + largest)

    def test_a_viewer_that_asks_all_the_time_costs_no_more(self):
        watcher = self.noise_watcher()
        begin, bytes_before = time.monotonic(), self.metric('vitrine_video_patch_bytes_total')
        while time.monotonic() - begin < 5:
            for on in (False, True) * 50:
                watcher.send(ws.take_patches(0, on))
            watcher.follow(0.02)
        seconds = time.monotonic() - begin
        spent = self.metric('vitrine_video_patch_bytes_total') - bytes_before
        largest = max(len(patch['data']) for patch in watcher.patches)
        self.assertLessEqual(spent, self.RATE / 16 * (seconds + 1) + largest)

    def test_a_viewer_that_acknowledges_nothing(self):
        """It gets four and no more; others get all, and it does, too, once it acknowledges."""
        height = 2 * HEIGHT
        self.show('stripes 0', WIDTH, height)
        lazy = self.watcher(height=height)
        send = lazy.send
        lazy.send = lambda data: None if data[0] == 0x3e else send(data)
        lazy.wait_until(lambda: len(lazy.patches) == UNSEEN, 'as many as may be on their way')
        busy = self.watcher(height=height)
        while not busy.picture.is_like(stripes(height=height)):
            busy.step()
            while lazy.has_more():  # pings, too, without whose answers it would be ended
                lazy.step()
        lazy.settle()
        self.assertEqual(len(lazy.patches), UNSEEN)
        lazy.send = send
        lazy.send(ws.ack_patch(0, lazy.patches[-1]['number']))
        lazy.wait_until(lambda: lazy.picture.is_like(stripes(height=height)), 'exact stripes, once it acknowledges')

    def test_wrong_acknowledgments_and_nonsense(self):
        watcher = self.watcher()
        for number in 0, 1, 77, 0xffffffff:
            watcher.send(ws.ack_patch(0, number))
        watcher.send(ws.ack_patch(3, 1))
        watcher.send(ws.take_patches(3))
        self.wait_for_stripes(watcher)
        for bad in b'\x3d\0', b'\x3d\0\2', b'\x3d\x10\1', b'\x3e\0\1\0\0', b'\x3e\0' + bytes(5), b'\xbb\0\1':
            with self.subTest(bad), ws.Viewer(self.front) as viewer:
                viewer.send(bad)
                with self.assertRaises(ws.Closed) as caught:
                    while True:
                        viewer.next()
                self.assertEqual(caught.exception.code, 4400)

    def test_a_stopped_viewer(self):
        """It reads nothing, while patches are made for another."""
        stopped = self.watcher(receive_bytes=4096)
        watcher = self.watcher(looks=False)
        watcher.send(ws.bitrate(0, FULL_RATE))
        frame = -1

        def has_patch():
            stopped.send(ws.ping(0))  # one that says nothing would be ended
            return watcher.patches and watcher.patches[-1]['frame'] > frame
        watcher.wait_until(has_patch, 'a patch')
        for seed in range(3):
            frame = watcher.patches[-1]['frame']
            self.front.say(f'frame 0 {seed}')
            watcher.wait_until(has_patch, 'a patch of the next frame')
        self.show('stripes 0')
        stopped.wait_until(lambda: stopped.picture.is_like(stripes()), 'exact stripes, as soon as it reads')


if __name__ == '__main__':
    screen.FRONT = os.path.abspath(sys.argv.pop(2))
    harness.main()
