#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The sound of `vitrine gpu --window`: what a guest plays comes out of a PulseAudio server's speakers, and what is said
into its microphone reaches the guest if it may. The guest's driver is played by the test, all in between is real."""

import os
import shutil
import signal
import subprocess
import time
import unittest

import harness
import screen
import sound_card
import sound_guest
import sound_host
import ws
import xvfb

HERTZ, VOICE_HERTZ, LEVEL = 997, 500, 0.5
# Quieter samples for longer than this, in frames, are a gap: the tone crosses zero faster.
SILENT, GAP = 0.02, 48


def gaps_of(samples):
    """The lengths of silent parts, in frames."""
    gaps, length = [], 0
    for sample in [*samples, 1]:
        if abs(sample) < SILENT:
            length += 1
        else:
            if length > GAP:
                gaps.append(length)
            length = 0
    return gaps


class SoundTest(unittest.TestCase):
    """A guest that plays and records, a window on an X server, and a sound server."""

    ARGS = ()

    def setUp(self):
        self.x = xvfb.Xvfb()
        self.addCleanup(self.x.stop)
        self.host = self.make_host()
        self.env = {**self.x.env, **(self.host.env if self.host else {'PULSE_SERVER': 'unix:/nonexistent'})}
        # The desktop's libraries leave things behind when they end.
        self.env['ASAN_OPTIONS'] = self.env.get('ASAN_OPTIONS', '') + ':detect_leaks=0'
        self.gpu = harness.Server('--sound', '{dir}/sound', '--window', '--log', 'debug', *self.ARGS, command=('gpu',),
                                  env=self.env)
        self.addCleanup(lambda: self.gpu and self.gpu.stop())
        self.card = sound_card.Card(os.path.join(self.gpu.dir, 'sound'))
        self.addCleanup(self.card.close)
        self.card.start()
        self.x.wait_for_window('sock, display 1')

    def make_host(self):
        for name in 'pulseaudio', 'pactl', 'parec':
            if not shutil.which(name):
                self.skipTest(f'there is no {name}: tools/setup test')
        host = sound_host.Host()
        self.addCleanup(host.stop)
        return host

    def start_guest(self):
        self.guest = sound_guest.Guest(self.card, HERTZ)
        self.guest.start(self)

    def window(self):
        return harness.wait_for(lambda: harness.children_with(self.gpu.pid, 'window'), 60, 'a window process')[0]

    def ear(self):
        ear = sound_host.Ear(self.host)
        self.addCleanup(ear.stop)
        return ear

    def hear_tone(self, ear):
        """Until a second of the tone was heard, without a gap: other programs on this machine may cost the sound server
        a moment of it."""
        def heard():
            samples = sound_card.left_channel(ear.last(1))
            if len(samples) < sound_host.RATE or gaps_of(samples):
                return False
            pitch = sound_card.pitch_of(samples)
            level = sound_card.level_of(samples, pitch)
            return (pitch, level) if abs(pitch - HERTZ) < 1 and abs(level - LEVEL) < 0.02 else False
        pitch, level = harness.wait_for(heard, 60, 'a second of the tone')
        print(f'heard {pitch:.2f} Hz at a level of {level:.3f}', flush=True)

    def check_time(self):
        """The guest's clock goes on."""
        recorded = len(self.guest.recorded)
        harness.wait_for(lambda: len(self.guest.recorded) - recorded >= 2 * 4 * sound_host.RATE, 60, 'two seconds')

    def log_has(self, text):
        return text in self.gpu.log()


class Speakers(SoundTest):
    def test_a_tone_is_heard_and_nothing_is_open_without(self):
        self.assertEqual(self.host.streams(), [])
        ear = self.ear()
        self.start_guest()
        self.hear_tone(ear)
        self.assertEqual(self.host.streams(), ['sock'])
        self.guest.orders.put('stop')
        harness.wait_for(lambda: self.host.streams() == [], 60, 'the speakers to be closed')
        window = self.window()
        harness.wait_idle(window, 'a silent guest')
        self.guest.orders.put('play')
        self.hear_tone(ear)
        self.assertNotIn('refused', self.gpu.log())

    def test_a_guest_that_records_hears_nothing(self):
        """Nobody has allowed it."""
        voice = sound_host.Voice(self.host, sound_card.tone(VOICE_HERTZ, LEVEL, 0, 48000))
        self.addCleanup(voice.stop)
        self.start_guest()
        self.hear_tone(self.ear())
        self.check_time()
        samples = sound_card.left_channel(bytes(self.guest.recorded[-4 * 48000:]))
        self.assertEqual(max(map(abs, samples)), 0)
        self.assertFalse(self.log_has('microphone is on'))

    def test_a_window_process_that_may_not_speak(self):
        """One that was taken over does so all the same."""
        self.start_guest()
        listener = sound_card.Listener(self.gpu.pid, self.window())
        self.addCleanup(listener.close)
        with sound_card.Speaker(listener):
            self.check_time()
        samples = sound_card.left_channel(bytes(self.guest.recorded[-4 * 48000:]))
        self.assertEqual(max(map(abs, samples)), 0)

    def test_a_sound_server_that_ends_and_comes_back(self):
        self.start_guest()
        self.hear_tone(self.ear())
        self.host.end()
        harness.wait_for(lambda: self.log_has('is not heard here'), 60, 'what is missing to be said')
        self.check_time()
        self.host.start()
        self.hear_tone(self.ear())
        self.assertEqual(self.gpu.log().count('is not heard here'), 1)

    def test_a_sound_server_that_hangs_holds_nobody_up(self):
        self.start_guest()
        self.hear_tone(self.ear())
        self.host.freeze(True)
        self.check_time()
        # Windows are still there, and the process still ends.
        self.x.close(self.x.wait_for_window('sock, display 1'))
        harness.wait_for(lambda: not self.x.windows('sock, display 1'), 60, 'the window to go')
        harness.wait_for(lambda: not harness.children_with(self.gpu.pid, 'window'), 60, 'the process to end')
        self.check_time()
        self.host.freeze(False)

    def test_a_window_process_that_hangs_or_dies(self):
        self.start_guest()
        ear = self.ear()
        self.hear_tone(ear)
        window = self.window()
        os.kill(window, signal.SIGSTOP)
        self.check_time()
        os.kill(window, signal.SIGCONT)
        self.hear_tone(ear)
        screen.kill(window)
        self.check_time()
        self.hear_tone(ear)


def find_onsets(samples):
    """The indices where a sound begins after 40 ms without."""
    onsets, silent = [], 0
    for index, sample in enumerate(samples):
        if abs(sample) <= SILENT:
            silent += 1
        else:
            if silent > 1920:
                onsets.append(index)
            silent = 0
    return onsets


class Delay(SoundTest):
    """For a quiet machine."""

    SECONDS = 30

    def test_the_delay(self):
        """From the time at which the guest's card plays a beep to that at which a program has recorded it at the sound
        server; and no gap."""
        page = sound_card.Page(self.gpu.pid)
        self.addCleanup(page.close)
        ear = sound_host.Ear(self.host, latency_ms=5)
        self.addCleanup(ear.stop)
        self.start_guest()
        silence = bytes(4 * 19200)
        tone = self.guest.second
        self.guest.second = 2 * (tone[:4 * 4800] + silence)
        pieces, until = [], time.monotonic() + self.SECONDS
        while time.monotonic() < until:
            pieces += page.take()
            time.sleep(0.01)
        self.guest.orders.put('stop')
        harness.wait_for(lambda: self.log_has('gaps so far'), 60, 'the speakers to be closed')
        due = self.find_due(pieces)
        delays = []
        for index in find_onsets(sound_card.left_channel(bytes(ear.data))):
            at = next(at for at, begin in reversed(ear.times) if begin <= 4 * index)
            delays += [(at - max(time for time in due if time <= at)) / 1e6]
        delays = sorted(delays[4:])  # after the devices were opened
        print(f'{len(delays)} beeps: p50 {delays[len(delays) // 2]:.0f} ms, p95 {delays[len(delays) * 19 // 20]:.0f} ms')
        self.assertGreater(len(delays), self.SECONDS)
        self.assertLessEqual(delays[len(delays) // 2], 60, self.gpu.log())
        self.assertIn('gaps so far: 0', self.gpu.log())

    def find_due(self, pieces):
        samples, places = [], []
        for piece in pieces:
            places += [(len(samples), piece)]
            samples += sound_card.left_channel(piece.data[:4 * piece.frames])
        due = []
        for index in find_onsets(samples):
            begin, piece = next((begin, piece) for begin, piece in reversed(places) if begin <= index)
            due.append(piece.start_ns + (piece.position + index - begin) * 1_000_000_000 // 48000)
        return due


class Nothing(SoundTest):
    """A desktop without a sound server."""

    ARGS = ('--window-microphone',)

    def make_host(self):
        return None

    def test_it_is_said_once_and_the_guest_goes_on(self):
        self.start_guest()
        harness.wait_for(lambda: self.log_has("the guest's sound is not heard here"), 60, 'the reason')
        harness.wait_for(lambda: self.log_has('the guest cannot record here'), 60, 'the reason')
        time.sleep(11)  # it is tried again every 5 s, in silence
        self.check_time()
        self.assertIn('heard here: this desktop has no sound server. Start PipeWire', self.gpu.log())
        for text in 'is not heard here', 'cannot record here':
            self.assertEqual(self.gpu.log().count(text), 1, self.gpu.log())


class Microphone(SoundTest):
    ARGS = ('--window-microphone', '--http', '127.0.0.1:0')

    def setUp(self):
        super().setUp()
        self.voice = sound_host.Voice(self.host, sound_card.tone(VOICE_HERTZ, LEVEL, 0, 48000))
        self.addCleanup(self.voice.stop)

    def level(self, hertz):
        samples = sound_card.left_channel(bytes(self.guest.recorded[-4 * 24000:]))
        return sound_card.level_of(samples, hertz) if samples else 0

    def test_it_is_on_while_the_guest_records(self):
        self.assertFalse(self.x.windows('.*microphone is on'))
        self.start_guest()
        harness.wait_for(lambda: self.level(VOICE_HERTZ) > 0.8 * LEVEL, 60, 'the voice')
        self.x.wait_for_window('sock, display 1.* - microphone is on')
        self.guest.end(self)
        self.assertEqual(self.card.control(sound_card.STOP, sound_guest.CAPTURE), sound_card.OK)
        harness.wait_for(lambda: not self.x.windows('.*microphone is on'), 60, 'the microphone to be off')
        harness.wait_for(lambda: 'sock' not in self.host.streams('source-outputs'), 60, 'the device to be closed')

    def test_the_page_speaks_first(self):
        """Who opens the microphone there does so by hand."""
        address, self.token = self.gpu.links[0].split('://')[1].split('/#token=')
        self.host_name, port = address.rsplit(':', 1)
        self.start_guest()
        harness.wait_for(lambda: self.level(VOICE_HERTZ) > 0.8 * LEVEL, 60, 'the voice')
        page = ws.Viewer(Address(self.host_name, int(port), self.token))
        self.addCleanup(page.close)
        page.send(ws.open_microphone())
        second = [round(16384 * sample) for sample in sound_card.left_channel(sound_card.tone(800, 1, 0, 48000))]
        begin = time.monotonic()
        for i in range(50 * harness.SECONDS):
            time.sleep(max(0, begin + i / 50 - time.monotonic()))  # as fast as a person speaks
            at = i % 50 * ws.SPEECH_SAMPLES
            page.send(ws.speech(second[at:at + ws.SPEECH_SAMPLES]))
            if i > 100 and i % 10 == 0 and self.level(800) > 0.7 * LEVEL and self.level(VOICE_HERTZ) < 0.1 * LEVEL:
                break
        else:
            self.fail(f'the page {self.level(800):.2f}, the window {self.level(VOICE_HERTZ):.2f}')
        page.send(ws.open_microphone(False))
        harness.wait_for(lambda: self.level(VOICE_HERTZ) > 0.8 * LEVEL, 60, 'the voice again')


class Address:
    """What a viewer connects to."""

    def __init__(self, host, port, token):
        self.host, self.port, self.token = host, port, token


class Options(unittest.TestCase):
    def test_a_microphone_needs_a_window_and_a_sound_card(self):
        for args in ('--window',), ('--sound', '/tmp/x'), ():
            done = subprocess.run([harness.PROGRAM, 'gpu', '--socket', '/tmp/x', '--window-microphone', *args],
                                  capture_output=True, text=True, timeout=harness.SECONDS)
            self.assertEqual(done.returncode, 2)
            self.assertIn('--window-microphone works only with --window', done.stderr)


if __name__ == '__main__':
    harness.main()
