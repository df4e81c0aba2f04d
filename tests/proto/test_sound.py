#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sound over the viewer's WebSocket, from tests/proto/sound_server.c: a web server and an encoder with a machine that
plays and records what it is told to."""

import math
import os
import subprocess
import sys
import time

import harness
import ws
from viewer_case import ViewerCase

SERVER = None
MS = 1_000_000
NONSENSE, VIEW = 4400, 4403
PACKET_MS = 20


class Machine(harness.Process):
    def __init__(self, *options):
        super().__init__()
        self.spawn([SERVER, *options], stdin=subprocess.PIPE)
        line = self.read_line().split()
        assert line[0] == 'READY', line
        self.tokens = [link.split('#token=')[1] for link in line[1:]]
        self.token, self.view_token = self.tokens
        self.host, port = line[1].split('://')[1].split('/')[0].rsplit(':', 1)
        self.port = int(port)

    def read_line(self):
        return self.process.stdout.readline().decode().rstrip('\n')

    def wait(self, start):
        """The next line that begins so; others are dropped."""
        while True:
            line = self.read_line()
            assert line, f'the server ended\n{self.log()}'
            if line.startswith(start):
                return line

    def say(self, line):
        self.process.stdin.write(line.encode() + b'\n')
        self.process.stdin.flush()
        return self.wait('OK ' + line.split()[0])

    def cost(self):
        """-> blocks that were asked for, calls of listen(), CPU seconds"""
        blocks, calls, us = (int(word) for word in self.say('cost').split()[2:])
        return blocks, calls, us / 1e6

    def voice(self):
        """-> blocks, hertz, the highest sample: since the last call"""
        blocks, hertz, level = self.say('voice').split()[2:]
        return int(blocks), float(hertz), int(level)

    def stop(self):
        self.process.stdin.close()
        self.process.wait(harness.SECONDS)
        self.check_sound()
        assert self.process.returncode == 0, self.log()
        self.process.stdout.close()


def tone(hertz, level, first=0, count=ws.SPEECH_SAMPLES):
    return [round(level * math.sin(2 * math.pi * hertz * (first + i) / 48000)) for i in range(count)]


class SoundTest(ViewerCase):
    OPTIONS = ()

    def setUp(self):
        self.front = self.machine = Machine(*self.OPTIONS)
        self.addCleanup(self.machine.stop)

    def listener(self, **options):
        viewer = self.viewer(**options)
        viewer.wait('sound')
        viewer.send(ws.listen())
        return viewer

    def hear(self, viewer, count, acknowledge=True):
        packets = []
        while len(packets) < count:
            packets.append(viewer.wait('packet'))
            if acknowledge and len(packets) % 10 == 0:
                viewer.send(ws.heard(packets[-1]['number']))
        return packets


class HearingTest(SoundTest):
    def test_viewers_are_told_of_the_sound(self):
        for token in self.machine.tokens:
            sound = self.viewer(token).wait('sound')
            self.assertEqual(sound, {'display': 0, 'plays': 1, 'records': 1, 'rate': 48000, 'channels': 2,
                                     'codec': 'opus'})

    def test_packets_come_without_a_gap(self):
        self.machine.say('tone 440 16000')
        packets = self.hear(self.listener(), 250)
        self.assertEqual([packet['number'] for packet in packets], list(range(250)))
        steps = [(after['time'] - before['time']) / (PACKET_MS * MS) for before, after in zip(packets, packets[1:])]
        self.assertTrue(all(abs(step - round(step)) < 0.05 for step in steps), steps)
        # A machine that does something else for a third of a second drops what is late.
        self.assertGreater(sum(round(step) == 1 for step in steps), 125, steps)
        bits = sum(len(packet['data']) * 8 for packet in packets) / 5
        self.assertTrue(60_000 < bits < 140_000, bits)

    def test_nobody_listens_and_nothing_is_mixed(self):
        self.machine.say('tone 440 16000')
        viewer = self.viewer()
        viewer.wait('sound')
        viewer.send(ws.ping(1))
        viewer.wait('pong')
        self.assertEqual(self.machine.cost()[:2], (0, 0))
        viewer.send(ws.listen())
        self.machine.wait('LISTEN 1')
        self.hear(viewer, 5)
        viewer.send(ws.listen(False))
        self.machine.wait('LISTEN 0')
        viewer.send(ws.listen())
        self.machine.wait('LISTEN 1')
        viewer.close()
        self.machine.wait('LISTEN 0')

    def test_sound_is_encoded_once_for_all(self):
        self.machine.say('tone 440 16000')
        first, second = self.listener(), self.listener(token=self.machine.view_token)
        data = {packet['time']: packet['data'] for packet in self.hear(first, 50)}
        same = [packet for packet in self.hear(second, 50) if data.get(packet['time']) == packet['data']]
        self.assertGreater(len(same), 25)
        self.assertEqual(self.machine.cost()[1], 1)

    def test_silence_is_said(self):
        viewer = self.listener()
        self.machine.say('tone 440 16000')
        self.hear(viewer, 5)
        self.machine.say('silence')
        viewer.wait('silence')
        viewer.send(ws.ping(1))
        self.assertEqual(viewer.next()[0], 'pong')
        self.machine.say('tone 440 16000')
        self.hear(viewer, 5)

    def test_a_pause_shows_in_the_times(self):
        viewer = self.listener()
        self.machine.say('tone 440 16000')
        packets = self.hear(viewer, 20)
        self.machine.say('jump 300')
        packets += self.hear(viewer, 20)
        steps = [after['time'] - before['time'] for before, after in zip(packets, packets[1:])]
        long = [step for step in steps if step > 100 * MS]
        self.assertEqual(len(long), 1, steps)
        self.assertTrue(300 * MS <= long[0] <= 345 * MS, long)

    def test_a_viewer_who_does_not_acknowledge_gets_one_second(self):
        self.machine.say('tone 440 16000')
        viewer = self.listener()
        packets = self.hear(viewer, 50, acknowledge=False)
        viewer.send(ws.ping(1))
        while True:
            name, fields = viewer.next()
            self.assertNotEqual(name, 'packet', fields)
            if name == 'pong':
                break
        time.sleep(1)  # of sound
        viewer.send(ws.heard(packets[-1]['number']))
        later = self.hear(viewer, 1)[0]
        self.assertEqual(later['number'], 50)
        self.assertGreater(later['time'] - packets[-1]['time'], 500 * MS, 'what waited is left out')

    def test_a_viewer_who_does_not_read_disturbs_no_other(self):
        self.machine.say('tone 440 16000')
        stuck = self.listener(receive_bytes=2048)
        packets = self.hear(self.listener(), 150)
        self.assertEqual([packet['number'] for packet in packets], list(range(150)))
        stuck.close()

    def test_wrong_acknowledgments_are_ignored(self):
        self.machine.say('tone 440 16000')
        viewer = self.listener()
        self.hear(viewer, 10)
        for number in (2**32 - 1, 10**6, 0):
            viewer.send(ws.heard(number))
        packets = self.hear(viewer, 30, acknowledge=False)
        self.assertEqual(packets[-1]['number'], 39)

    def test_messages_that_are_wrong(self):
        for message in (b'\x10\0', b'\x10\0\2', b'\x10\0\1\0', b'\x10\x10\1', b'\x11\0\0\0\0', b'\x12\0', b'\x12\0\2',
                        b'\x13\0', b'\x13\0' + bytes(1919), b'\x13\0' + bytes(1921), b'\x14\0', b'\x17\0\0',
                        b'\x90\0', b'\x91\0' + bytes(12)):
            viewer = self.viewer()
            viewer.send(message)
            self.expect_close(viewer, NONSENSE)
        viewer = self.viewer()
        viewer.send_frame(ws.BINARY, b'\x13\0' + bytes(4000))
        self.expect_close(viewer, NONSENSE)


class SpeakingTest(SoundTest):
    def speak(self, viewer, pieces, hertz=500, level=10000):
        for i in range(pieces):
            time.sleep(PACKET_MS / 1000)  # not faster than a person speaks
            viewer.send(ws.speech(tone(hertz, level, i * ws.SPEECH_SAMPLES)))
        viewer.send(ws.ping(1))
        viewer.wait('pong')

    def test_a_voice_arrives(self):
        viewer = self.viewer()
        viewer.send(ws.open_microphone())
        self.speak(viewer, 50)
        blocks, hertz, level = self.machine.voice()
        self.assertEqual(blocks, 100)
        self.assertLess(abs(hertz - 500), 2)
        self.assertLess(abs(level - 10000), 2)

    def test_a_microphone_that_is_off(self):
        viewer = self.viewer()
        for _ in range(2):
            viewer.send(ws.speech(tone(500, 10000)))
            viewer.send(ws.open_microphone())
            viewer.send(ws.open_microphone(False))
            viewer.send(ws.speech(tone(500, 10000)))
        viewer.send(ws.ping(1))
        viewer.wait('pong')
        self.assertEqual(self.machine.voice()[0], 0)

    def test_who_loses_the_control_loses_the_microphone(self):
        first, second = self.viewer(), self.viewer()
        first.send(ws.open_microphone())
        self.speak(first, 5)
        second.send(ws.control(ws.TAKE))
        self.assertEqual(first.wait('microphone')['on'], 0)
        self.machine.voice()
        self.speak(first, 5)
        self.assertEqual(self.machine.voice()[0], 0)
        first.send(ws.open_microphone())
        # Who speaks in vain is told so; who stops is not.
        self.assertEqual(first.wait('microphone')['on'], 0)
        self.assertEqual(first.wait('notice')['code'], 4)
        first.send(ws.open_microphone(False))
        for number in (3, 4): # a pong may overtake what is due with it
            first.send(ws.ping(number))
            name = ''
            while name != 'pong':
                name = first.next()[0]
                self.assertNotIn(name, ('microphone', 'notice'))
        self.speak(first, 5)
        self.assertEqual(self.machine.voice()[0], 0)
        second.send(ws.control(ws.SHARE))
        first.send(ws.ping(2))
        first.wait('pong')
        second.send(ws.ping(2))
        second.wait('pong')
        first.send(ws.open_microphone())
        self.speak(first, 5)
        self.assertEqual(self.machine.voice()[0], 10)

    def test_who_only_watches_may_hear_and_not_speak(self):
        self.machine.say('tone 440 16000')
        self.hear(self.listener(token=self.machine.view_token), 5)
        for message in (ws.open_microphone(), ws.speech(tone(500, 10000)), ws.open_microphone(False)):
            viewer = self.viewer(self.machine.view_token)
            viewer.send(message)
            self.expect_close(viewer, VIEW)
        self.assertEqual(self.machine.voice()[0], 0)

    def test_more_than_a_microphone_records_is_dropped(self):
        viewer = self.viewer()
        viewer.send(ws.open_microphone())
        begin = time.monotonic()
        for _ in range(1000):
            viewer.send(ws.speech(tone(500, 10000)))
        viewer.send(ws.ping(1))
        viewer.wait('pong')
        seconds = time.monotonic() - begin
        blocks = self.machine.voice()[0]
        self.assertTrue(50 <= blocks <= 2 * (26 + seconds * 1000 / 19), (blocks, seconds))
        viewer.send(ws.ping(2))
        viewer.wait('pong')

    def test_one_speaks_at_a_time(self):
        first, second = self.viewer(), self.viewer()
        first.send(ws.open_microphone())
        self.speak(first, 5)
        second.send(ws.open_microphone())
        self.assertEqual(first.wait('microphone')['on'], 0)
        self.machine.voice()
        self.speak(second, 25, hertz=1000)
        blocks, hertz, _ = self.machine.voice()
        self.assertEqual(blocks, 50)
        self.assertLess(abs(hertz - 1000), 5)
        # What was on its way when the microphone was taken is dropped; later it may be opened again.
        first.send(ws.open_microphone())
        self.assertEqual(second.wait('microphone')['on'], 0)
        self.speak(first, 5)
        self.assertEqual(self.machine.voice()[0], 10)

    def test_a_viewer_who_goes_is_silent(self):
        first, second = self.viewer(), self.viewer()
        first.send(ws.open_microphone())
        self.speak(first, 5)
        first.close()
        second.send(ws.open_microphone())
        self.machine.voice()
        self.speak(second, 5)
        self.assertEqual(self.machine.voice()[0], 10)


class DeafTest(SoundTest):
    OPTIONS = ('deaf',)

    def test_a_machine_that_does_not_record(self):
        viewer = self.viewer()
        self.assertEqual(viewer.wait('sound')['records'], 0)
        viewer.send(ws.open_microphone())
        viewer.send(ws.speech(tone(500, 10000)))
        viewer.send(ws.ping(1))
        viewer.wait('pong')


if __name__ == '__main__':
    SERVER = os.path.abspath(sys.argv.pop(2))
    harness.main()
