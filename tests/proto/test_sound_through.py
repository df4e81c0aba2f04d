#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""From a guest's sound card to a viewer's WebSocket, and back: the driver and the viewer are played by the test, all in
between is real."""

import math
import os
import time
import unittest

import harness
import screen
import sound_card
import sound_guest
import ws

MS = 1_000_000
HERTZ, VOICE_HERTZ = 997, 500


class ThroughTest(unittest.TestCase):
    def setUp(self):
        self.gpu = harness.Server('--sound', '{dir}/sound', '--http', '127.0.0.1:0', command=('gpu',))
        self.addCleanup(self.gpu.stop)
        address, self.token = self.gpu.links[0].split('://')[1].split('/#token=')
        self.host, port = address.rsplit(':', 1)
        self.port = int(port)
        card = sound_card.Card(os.path.join(self.gpu.dir, 'sound'))
        self.addCleanup(card.close)
        card.start()
        self.guest = sound_guest.Guest(card, HERTZ)
        self.guest.start(self)

    def viewer(self):
        viewer = ws.Viewer(self)
        self.addCleanup(viewer.close)
        return viewer

    def listener(self):
        viewer = self.viewer()
        sound = viewer.wait('sound')
        self.assertEqual((sound['plays'], sound['records']), (1, 1))
        viewer.send(ws.listen())
        return viewer

    def hear(self, viewer, count):
        packets = []
        while len(packets) < count:
            packets.append(viewer.wait('packet'))
            if len(packets) % 10 == 0:
                viewer.send(ws.heard(packets[-1]['number']))
        return packets

    def test_a_tone_arrives_and_ends(self):
        viewer = self.listener()
        packets = self.hear(viewer, 200)
        steps = [(after['time'] - before['time']) / MS for before, after in zip(packets, packets[1:])]
        # A machine that does something else may drop what is late; what comes is in its place.
        self.assertTrue(all(abs(step / 20 - round(step / 20)) < 0.1 for step in steps), steps)
        self.assertGreater(sum(round(step) == 20 for step in steps), 100, steps)
        self.guest.orders.put('stop')
        viewer.wait('silence')
        self.guest.orders.put('play')
        self.hear(viewer, 5)

    def test_a_voice_is_recorded(self):
        viewer = self.viewer()
        viewer.send(ws.open_microphone())
        second = [round(12000 * math.sin(2 * math.pi * VOICE_HERTZ * i / 48000)) for i in range(48000)]
        begin = time.monotonic()
        heard = b''
        for i in range(50 * harness.SECONDS):
            time.sleep(max(0, begin + i / 50 - time.monotonic()))  # as fast as a person speaks
            at = i % 50 * ws.SPEECH_SAMPLES
            viewer.send(ws.speech(second[at:at + ws.SPEECH_SAMPLES]))
            heard = bytes(self.guest.recorded)
            samples = sound_card.left_channel(heard[-4 * 24000:])
            if i > 100 and sound_card.level_of(samples, VOICE_HERTZ) > 0.3:
                break
        samples = sound_card.left_channel(heard[-4 * 24000:])
        self.assertGreater(sound_card.level_of(samples, VOICE_HERTZ), 0.3)

    def test_the_screen_process_dies_and_the_sound_is_back(self):
        pid = harness.wait_for(lambda: harness.children_with(self.gpu.pid, 'screen'), 60, 'a screen process')[0]
        viewer = self.listener()
        self.hear(viewer, 20)
        screen.kill(pid)
        with self.assertRaises((ws.Closed, ConnectionError)):
            while True:
                viewer.receive()
        def again():
            try:
                return self.listener()
            except (ws.Refused, ws.Closed, OSError):
                return None
        self.hear(harness.wait_for(again, 60, 'a new screen process'), 20)


if __name__ == '__main__':
    harness.main()
