#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Recordings and broadcasts of a machine with sound: beeps are where the picture is white, and silence lies between."""

import array
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse

import harness
import screen

WIDTH, HEIGHT = 640, 400
RATE = 48000
CODECS = {'mp4': 'aac', 'mkv': 'opus'}


def run(*command):
    return subprocess.run(command, capture_output=True, timeout=60, check=True).stdout


def probe(path):
    """-> the streams by their kind; ffprobe must find no error. It warns of pictures that are a second apart."""
    done = subprocess.run(['ffprobe', '-v', 'error', '-show_streams', '-of', 'json', path], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 0 and not done.stderr, f'{path}: {done.stderr}'
    return {stream['codec_type']: stream for stream in json.loads(done.stdout)['streams']}


def read_samples(path):
    """-> one channel, from the file's time 0 on."""
    return array.array('h', run('ffmpeg', '-v', 'error', '-i', path, '-map', '0:a', '-af', 'aresample=async=1:first_pts=0',
                                '-f', 's16le', '-ac', '1', '-ar', str(RATE), '-'))


def find_beeps(samples):
    """-> the times at which it becomes loud."""
    beeps, quiet = [], RATE
    for i, sample in enumerate(samples):
        if abs(sample) < 3000:
            quiet += 1
            continue
        if quiet > RATE // 10:
            beeps.append(i / RATE)
        quiet = 0
    return beeps


def find_flashes(path):
    """-> the times at which the picture becomes white."""
    greys = run('ffmpeg', '-v', 'error', '-i', path, '-map', '0:v', '-vf', 'scale=1:1', '-fps_mode', 'passthrough', '-f', 'rawvideo',
                '-pix_fmt', 'gray', '-')
    text = run('ffprobe', '-v', 'error', '-select_streams', 'v', '-show_entries', 'frame=pts_time', '-of', 'json', path)
    times = [float(frame['pts_time']) for frame in json.loads(text)['frames']]
    return [time for time, before, after in zip(times[1:], greys, greys[1:]) if after > 127 >= before]


class TrackTest(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix='vitrine-test-')
        self.addCleanup(shutil.rmtree, self.dir)
        self.front = None

    def tearDown(self):
        self.stop()

    def path(self, name):
        return os.path.join(self.dir, name)

    def start(self, *args):
        self.front = screen.Front('sound=on', *args, http=None)
        self.front.say(f'scanout 0 2 {WIDTH} {HEIGHT} {WIDTH * 4} window')
        self.front.say('solid 0 0')

    def stop(self):
        if self.front:
            front, self.front = self.front, None
            front.stop()

    def beep(self, count):
        self.front.say(f'beeps 0 {count}')
        self.front.wait_for('PLAYED', 60)

    def wait_for_bytes(self, path, count):
        harness.wait_for(lambda: os.path.exists(path) and os.path.getsize(path) >= count, 60, f'{count} bytes in {path}')

    def check(self, path, codec, least):
        """Most flashes have their beep, and all beeps their flash. -> the samples"""
        streams = probe(path)
        self.assertEqual({kind: stream['codec_name'] for kind, stream in streams.items()}, {'video': 'h264', 'audio': codec})
        self.assertEqual((streams['audio']['sample_rate'], streams['audio']['channels']), (str(RATE), 2))
        samples = read_samples(path)
        beeps, flashes = find_beeps(samples), find_flashes(path)
        self.assertGreaterEqual(len(beeps), least, (beeps, flashes))
        off = sorted(min((beep - flash for flash in flashes), key=abs) for beep in beeps)
        print(f'{os.path.basename(path)}: {len(beeps)} beeps, {off[0] * 1000:.1f} to {off[-1] * 1000:.1f} ms after their '
              f'flash, the middle one {off[len(off) // 2] * 1000:.1f} ms', flush=True)
        # The test's front shows a picture 10 ms after its sound, or later if the machine is busy.
        self.assertLess(abs(off[len(off) // 2]), 0.04, off)
        return samples


class Recording(TrackTest):
    def test_sound_is_in_step_and_silence_is_filled_in(self):
        paths = {kind: self.path(f'a.{kind}') for kind in CODECS}
        self.start(*(f'record={path}' for path in paths.values()))
        for path in paths.values():
            self.wait_for_bytes(path, 1)
        self.beep(4)
        time.sleep(2)  # of silence
        self.beep(4)
        self.stop()
        for kind, path in paths.items():
            with self.subTest(kind):
                samples = self.check(path, CODECS[kind], 7)
                # Two seconds of beeps, two of silence, two of beeps: what the pause lacked would be missing here.
                self.assertGreater(len(samples) / RATE, 5.5)
                beeps = find_beeps(samples)
                self.assertGreater(max(after - before for before, after in zip(beeps, beeps[1:])), 2)

    def test_a_machine_that_plays_nothing_has_a_silent_track(self):
        paths = {kind: self.path(f'a.{kind}') for kind in CODECS}
        self.start(*(f'record={path}' for path in paths.values()))
        time.sleep(4)  # of silence
        self.stop()
        for kind, path in paths.items():
            with self.subTest(kind):
                self.assertEqual(probe(path)['audio']['codec_name'], CODECS[kind])
                samples = read_samples(path)
                self.assertGreater(len(samples) / RATE, 1)
                self.assertLess(max(abs(sample) for sample in samples), 10)

    def test_a_machine_without_sound_has_no_track(self):
        path = self.path('a.mp4')
        self.front = screen.Front(f'record={path}', http=None)
        self.front.say(f'scanout 0 2 {WIDTH} {HEIGHT} {WIDTH * 4} window')
        self.front.say('solid 0 0')
        self.wait_for_bytes(path, 1)
        self.stop()
        self.assertEqual(list(probe(path)), ['video'])

    def test_a_recorder_that_is_stopped_holds_up_nobody(self):
        """Its pictures and its sound are left out; the other recording has them."""
        paths = [self.path('a.mkv'), self.path('b.mkv')]
        self.start(*(f'record={path}' for path in paths))
        for path in paths:
            self.wait_for_bytes(path, 1)
        stuck = harness.children_with(self.front.pid, 'mux')[0]
        self.addCleanup(lambda: harness.is_gone(stuck) or screen.kill(stuck))
        screen.kill(stuck, 19)  # SIGSTOP
        self.beep(10)
        screen.kill(stuck, 18)  # SIGCONT
        self.stop()
        counts = [len(find_beeps(read_samples(path))) for path in paths]
        self.assertGreaterEqual(max(counts), 9, counts)


class Publishing(TrackTest):
    def check_broadcast(self, url, codec, *args, kind=socket.SOCK_STREAM):
        path = self.path('got.mkv')
        with open(path + '.log', 'w') as log:
            server = subprocess.Popen(['ffmpeg', '-v', 'error', '-nostdin', *args, '-c', 'copy', '-flush_packets', '1', path],
                                      stdout=log, stderr=log)
        self.addCleanup(lambda: (server.kill(), server.wait()))
        harness.wait_listening(urllib.parse.urlparse(url).port, kind)
        self.start(f'publish={url}')
        for _ in range(20):
            self.beep(2)
            if os.path.exists(path) and os.path.getsize(path) > 3000:
                break
        self.wait_for_bytes(path, 3000)
        self.beep(8)
        self.stop()
        server.wait(harness.SECONDS)
        self.check(path, codec, 5)

    def test_rtmp(self):
        url = f'rtmp://127.0.0.1:{harness.free_port()}/live/key'
        self.check_broadcast(url, 'aac', '-listen', '1', '-f', 'flv', '-i', url)

    def test_rtsp(self):
        url = f'rtsp://127.0.0.1:{harness.free_port()}/live'
        self.check_broadcast(url, 'opus', '-rtsp_flags', 'listen', '-listen_timeout', '600', '-i', url)

    def test_srt(self):
        url = f'srt://127.0.0.1:{harness.free_port(socket.SOCK_DGRAM)}'
        self.check_broadcast(url, 'aac', '-i', url + '?mode=listener', kind=socket.SOCK_DGRAM)


if __name__ == '__main__':
    screen.FRONT = os.path.abspath(sys.argv.pop(2))
    harness.main()
