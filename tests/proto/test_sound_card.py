#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`vitrine gpu --sound`: a driver plays at the speed of the clock, and is heard, whatever it or the screen process does.
The VMM and the driver are played by the test; the screen process is the real one, as which the test listens."""

import os
import random
import select
import signal
import stat
import struct
import time
import unittest
import urllib.request

import harness
import screen_input
import sound_card
import vhost
from sound_card import BAD_MSG, NOT_SUPP, OK, PREPARE, RELEASE, RX, START, STOP, TX

PERIOD_FRAMES = 480
PERIOD = 4 * PERIOD_FRAMES
# The queue holds this much, so that the test may be late by half a second. Some tries are made to be no later.
AHEAD = 60
STOCK_S = 0.5
TRIES = 5


class Gpu(harness.Server):
    """`vitrine gpu` with a sound card and a page."""

    def __init__(self):
        super().__init__('--sound', '{dir}/sound', '--http', '127.0.0.1:0', '--log', 'debug', command=('gpu',))
        self.sound = os.path.join(self.dir, 'sound')


class SoundTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gpu = Gpu()
        screen_input.find_screen(cls.gpu.pid)
        cls.page = sound_card.Page(cls.gpu.pid)

    @classmethod
    def tearDownClass(cls):
        cls.page.close()
        cls.gpu.stop()

    def card(self, **options):
        card = sound_card.Card(self.gpu.sound, **options)
        self.addCleanup(card.close)
        card.start()
        return card

    def listener(self):
        listener = sound_card.Listener(self.gpu.pid)
        self.addCleanup(listener.close)
        return listener

    def listen(self):
        listener = self.listener()
        listener.listen()
        self.addCleanup(self.end_listening, listener)
        return listener

    @staticmethod
    def end_listening(listener):
        try:
            listener.listen(False)
        except OSError:
            pass  # it is gone

    def play(self, card, stream, periods, frequency=440, between=lambda: None):
        """Plays a tone; when each message was answered, and the pieces that the page got meanwhile."""
        starved = harness.starved_seconds(os.getpid(), self.gpu.pid)
        messages, times, pieces = [], [], []
        self.page.take()
        sent = 0
        while sent < AHEAD:
            messages.append(card.play(stream, sound_card.tone(frequency, 0.5, sent * PERIOD_FRAMES, PERIOD_FRAMES)))
            sent += 1
        start = time.monotonic()
        self.assertEqual(card.control(START, stream), OK)
        while messages:
            status, _ = card.finish(messages.pop(0))
            times.append(time.monotonic() - start)
            self.assertEqual(status, OK)
            pieces += self.page.take()
            if sent < periods:
                messages.append(card.play(stream, sound_card.tone(frequency, 0.5, sent * PERIOD_FRAMES, PERIOD_FRAMES)))
                sent += 1
            between()
        self.assertEqual(card.control(STOP, stream), OK)
        self.assertEqual(card.control(RELEASE, stream), OK)
        self.starved = harness.starved_seconds(os.getpid(), self.gpu.pid) - starved
        return times, pieces + self.page.take()

    def expect_paced(self, times):
        """None is early, and the clock has not slipped: the best of the last are as good as the best of the first. On a
        busy machine the test or the card may be late."""
        late = [at - (number + 1) * 0.01 for number, at in enumerate(times)]
        self.assertGreater(min(late), -0.001, 'a message was answered before it was played')
        self.assertLess(min(late[len(late) // 2:]) - min(late[:len(late) // 2]), 0.02 + self.starved, 'the clock drifts')


class Sockets(SoundTest):
    def test_it_is_for_its_user_only(self):
        mode = os.lstat(self.gpu.sound).st_mode
        self.assertTrue(stat.S_ISSOCK(mode))
        self.assertEqual(stat.S_IMODE(mode), 0o600)


class Playback(SoundTest):
    def test_a_driver_finds_what_it_looks_for(self):
        card = self.card()
        self.assertEqual(card.get_config(size=16), struct.pack('<4I', 2, 6, 4, 0))
        code, items = card.query(sound_card.PCM_INFO, 0, 6, 32)
        self.assertEqual(code, OK)
        directions = [items[32 * i + 24] for i in range(6)]
        self.assertEqual(directions, [0, 0, 0, 0, 1, 1])

    def test_a_tone_is_heard_without_a_gap(self):
        card = self.card()
        self.listen()
        for _ in range(TRIES):
            card.prepare(1)
            before = self.page.counters()
            times, pieces = self.play(card, 1, 500)
            self.expect_paced(times)
            if self.starved < STOCK_S:
                break
        if self.starved < STOCK_S:
            self.assertEqual(self.page.counters(), before, 'no underruns')
            self.assertEqual({piece.run for piece in pieces}, {pieces[0].run})
        self.assertEqual({(piece.stream, piece.rate, piece.channels) for piece in pieces}, {(1, 48000, 2)})
        position, run = 0, pieces[0].run
        for piece in pieces:
            if piece.run != run:  # the test was late
                position, run = 0, piece.run
            self.assertEqual(piece.position, position)
            position += piece.frames
        self.assertEqual(sum(piece.frames for piece in pieces), 500 * PERIOD_FRAMES)
        samples = sound_card.left_channel(b''.join(piece.data[:4 * piece.frames] for piece in pieces))
        self.assertAlmostEqual(sound_card.pitch_of(samples), 440, delta=0.1)
        self.assertAlmostEqual(sound_card.level_of(samples[:48000], 440), 0.5, delta=0.005)

    def test_without_a_listener_it_costs_nothing(self):
        """No sample is copied, and a second of silence takes no time."""
        card = self.card()
        card.prepare(0)
        times, pieces = self.play(card, 0, 100)
        self.expect_paced(times)
        self.assertEqual(len(pieces), 0)
        harness.wait_idle(self.gpu.pid, 'silence')

    def test_metrics_say_what_runs(self):
        card = self.card()
        card.prepare(0)
        address, token = self.gpu.links[0].split('/#token=')

        def metrics():
            with urllib.request.urlopen(f'{address}/metrics?token={token}', timeout=harness.SECONDS) as answer:
                return dict(line.rsplit(' ', 1) for line in answer.read().decode().splitlines() if line[0] != '#')
        before = metrics()
        self.assertEqual(before['vitrine_sound_streams{kind="playing"}'], '0')
        card.finish(card.play(7, bytes(PERIOD)))
        self.assertEqual(card.control(START, 0), OK)
        for _ in range(2):
            card.finish(card.play(0, bytes(PERIOD)))
            time.sleep(0.05)  # the card's clock goes on beyond what it was given
        after = metrics()
        self.assertEqual(after['vitrine_sound_streams{kind="playing"}'], '1')
        for name, more in ('vitrine_sound_late_total{kind="playing"}', 1), ('vitrine_sound_refused_total', 1):
            self.assertEqual(int(after[name]) - int(before[name]), more, name)

    def test_streams_play_together(self):
        card = self.card()
        self.listen()
        self.page.take()
        messages = []
        for stream in sound_card.PLAYBACK:
            card.prepare(stream)
            messages += [card.play(stream, bytes([stream]) * PERIOD) for _ in range(5)]
        for stream in sound_card.PLAYBACK:
            self.assertEqual(card.control(START, stream), OK)
        self.assertEqual(self.page.playing(), 4)
        for message in messages:
            self.assertEqual(card.finish(message)[0], OK)
        pieces = self.page.take()
        for stream in sound_card.PLAYBACK:
            data = b''.join(piece.data[:4 * piece.frames] for piece in pieces if piece.stream == stream)
            self.assertEqual(data, bytes([stream]) * 5 * PERIOD)

    def test_a_driver_comes_and_goes(self):
        for _ in range(3):
            card = self.card()
            card.prepare(0)
            card.play(0, bytes(PERIOD))
            self.assertEqual(card.control(START, 0), OK)
            card.close()
            harness.wait_for(lambda: self.page.playing() == 0, 60, 'the end of the stream')


class Capture(SoundTest):
    def record(self, card, stream, periods):
        """What is recorded, in messages of 10 ms."""
        card.prepare(stream)
        messages = [card.record(stream, PERIOD) for _ in range(AHEAD)]
        self.assertEqual(card.control(START, stream), OK)
        data = b''
        for number in range(periods):
            status, part = card.finish(messages.pop(0), RX)
            self.assertEqual((status, len(part)), (OK, PERIOD))
            data += part
            messages.append(card.record(stream, PERIOD))
        self.assertEqual(card.control(STOP, stream), OK)
        self.assertEqual(card.control(RELEASE, stream), OK)
        for message in messages:
            card.finish(message, RX)
        return data

    def test_without_a_microphone_there_is_silence(self):
        self.assertEqual(self.record(self.card(), 4, 100), bytes(100 * PERIOD))

    def test_a_microphone_is_recorded(self):
        card = self.card()
        with sound_card.Speaker(self.listener()):
            data = self.record(card, 5, 400)
        samples = sound_card.left_channel(data)[48000:]
        # A busy machine may keep the test itself from speaking in time: there is silence then.
        parts = [samples[i:i + 9600] for i in range(0, len(samples) - 9599, 9600)]
        pitches = sorted(sound_card.pitch_of(part) for part in parts if any(part))
        # To catch up with a machine that was busy, the sound goes faster by up to half a percent.
        self.assertAlmostEqual(pitches[len(pitches) // 2], 440, delta=2.3)
        levels = sorted(sound_card.level_of_tone(part) for part in parts)
        self.assertAlmostEqual(levels[len(levels) // 2], 0.5, delta=0.01)

    def test_a_flood_of_microphones_delays_nothing(self):
        """The process that sends it is slowed down, not the guest."""
        card = self.card()
        listener = self.listener()
        listener.sock.setblocking(False)
        card.prepare(4)
        self.assertEqual(card.control(START, 4), OK)
        card.prepare(0)

        def flood():
            try:
                listener.speak(bytes(1920))
            except BlockingIOError:
                pass
        times, _ = self.play(card, 0, 100, between=flood)
        self.expect_paced(times)


class Screens(SoundTest):
    """The screen process does nothing for the guest, so nothing that happens to it matters."""

    def test_a_stopped_screen_process_delays_nothing(self):
        card = self.card()
        listener = self.listen()
        card.prepare(0)
        os.kill(listener.screen, signal.SIGSTOP)
        try:
            # More than the page holds.
            times, pieces = self.play(card, 0, 600)
        finally:
            os.kill(listener.screen, signal.SIGCONT)
        self.expect_paced(times)
        self.assertEqual(sum(piece.frames for piece in pieces), 600 * PERIOD_FRAMES)

    def test_a_killed_screen_process_delays_nothing(self):
        card = self.card()
        listener = self.listen()
        card.prepare(0)
        turns = []

        def kill_once():
            turns.append(1)
            if len(turns) == 50:
                os.kill(listener.screen, signal.SIGKILL)
        times, pieces = self.play(card, 0, 300, between=kill_once)
        self.expect_paced(times)
        frames = sum(piece.frames for piece in pieces)
        self.assertTrue(20 * PERIOD_FRAMES < frames < 250 * PERIOD_FRAMES, f'the dead one listens: {frames} frames')

    def test_a_wrong_word_ends_only_the_screen_process(self):
        card = self.card()
        listener = self.listener()
        listener.sock.send(sound_card.pack_listen(2))
        harness.wait_for(lambda: screen_input.find_screen(self.gpu.pid) != listener.screen, 60, 'a new screen process')
        card.prepare(0)
        self.assertEqual(card.control(START, 0), OK)


class Hostile(SoundTest):
    def setUp(self):
        self.guest = self.card()

    def tearDown(self):
        """The device still works."""
        self.guest.close()
        card = self.card()
        card.prepare(0)
        self.play(card, 0, 60)

    def test_every_request_in_every_state(self):
        dice = random.Random(1)
        for _ in range(3000):
            code = dice.choice([sound_card.SET_PARAMS, PREPARE, RELEASE, START, STOP, 0x106, 0, 0xffffffff])
            stream = dice.choice([*range(7), 0xffffffff])
            if dice.random() < 0.2:
                stream = dice.randrange(1 << 32)
            if code == sound_card.SET_PARAMS:
                answer = self.guest.set_params(
                    stream, sample_format=dice.randrange(256) if dice.random() < 0.3 else 5,
                    rate=dice.randrange(256) if dice.random() < 0.3 else 7, channels=dice.choice([0, 1, 2, 3, 255]),
                    period=dice.choice([0, 1, 7, 1920, 0xffffffff]), buffer=dice.choice([1920, 19200, 0xffffffff]),
                    features=dice.choice([0, 0, 0, 1, 0xffffffff]))
            else:
                answer = self.guest.control(code, stream)
            self.assertIn(answer, (OK, BAD_MSG, NOT_SUPP))
            if dice.random() < 0.3:
                self.guest.play(dice.randrange(8), bytes(dice.choice([1, 4, 7, 1920]))) \
                    if len(self.guest.queues[TX].free) > 4 else None
            self.guest.queues[TX].collect()

    def test_requests_of_any_bytes(self):
        dice = random.Random(2)
        for size in [*range(1, 40), 4096, 70000]:
            request = bytearray(dice.randbytes(size))
            request[:2] = struct.pack('<H', dice.choice([0x100, 0x101, 0x102, 0x200, 1, 2, 0x300]))[:min(2, size)]
            for answer in 1, 4, 100:
                self.guest.queues[0].call(bytes(request), answer)

    def test_messages_of_any_form(self):
        card = self.guest
        for stream in 0, 4:
            card.prepare(stream)
            self.assertEqual(card.control(START, stream), OK)
        for queue in TX, RX:
            for parts in [b'\0'], [b'\0\0\0\0'], [b'\xff\xff\xff\xff', bytes(100)], [b'\0', b'\0\0', b'\0' + bytes(64)], \
                    [b'\4\0\0\0', bytes(3)], [bytes(4)] + [bytes(64)] * 40, []:
                for room in 1, 7, 8, 9, [1] * 8, [4] * 30, 70000:
                    card.queues[queue].call(parts or b'', room)
            # Nothing to write to.
            card.queues[queue].call(bytes(64), 0)

    def test_messages_of_one_frame_each(self):
        """Messages of 20 us: the loop does other things, too."""
        card = self.guest
        card.prepare(0)
        self.assertEqual(card.control(START, 0), OK)
        messages = []
        for _ in range(2000):
            messages.append(card.play(0, bytes(4)))
            if len(messages) == 50:
                card.finish(messages[-1])
                messages.clear()

    def test_descriptors_outside_of_memory(self):
        for queue_index in range(4):
            card = self.card() if queue_index else self.guest
            queue = card.queues[queue_index]
            queue.put_descriptor(queue.desc, 0, 1 << 50, 64, 0, 0)
            queue.offer(0)
            queue.kick_now()
            # No event is offered, so nothing is looked for in that queue.
            if queue_index != sound_card.EVENT:
                self.assertTrue(select.select([queue.err], [], [], harness.SECONDS)[0], f'queue {queue_index}: no error')
            card.close()


if __name__ == '__main__':
    harness.main()
