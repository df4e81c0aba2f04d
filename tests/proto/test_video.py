#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Recording and publishing: the files are good whatever happens, and nothing that happens to them is noticed
by the front."""

import itertools
import json
import os
import resource
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
import ws

WIDTH, HEIGHT = 640, 400
FRAME_US = 16667
# Of a fragment of MP4 and a cluster of Matroska.
LOST_S = 1.3
PIECES = {'.mp4': b'moof', '.mkv': b'\x1f\x43\xb6\x75'}


def probe(path, packets=False, was_cut=False):
    """-> what ffprobe says, which must not complain, unless the file was cut: of that then."""
    entries = ['-show_streams', '-show_format', '-count_frames'] + (['-show_packets'] if packets else [])
    done = subprocess.run(['ffprobe', '-v', 'warning', *entries, '-of', 'json', path], capture_output=True, text=True,
                          timeout=60)
    complaints = [line for line in done.stderr.splitlines() if not (was_cut and line.endswith('File ended prematurely'))]
    assert done.returncode == 0 and not complaints, f'{path}: {done.stderr}'
    return json.loads(done.stdout)


def count_pieces(path):
    with open(path, 'rb') as file:
        return file.read().count(PIECES[os.path.splitext(path)[1]])


class VideoTest(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix='vitrine-test-')
        self.front = None

    def tearDown(self):
        if self.front:
            self.front.stop()
        shutil.rmtree(self.dir)

    def path(self, name):
        return os.path.join(self.dir, name)

    def start(self, *args, http=None):
        self.front = screen.Front(*args, http=http)
        self.front.say(f'scanout 0 2 {WIDTH} {HEIGHT} {WIDTH * 4} window')
        self.front.say('frame 0 1')

    def stop(self):
        front, self.front = self.front, None
        front.stop()

    def processes(self, command):
        return harness.children_with(self.front.pid, command)

    def play(self, frames=60):
        """Frames 60 times a second. None of them may have been held up by what is on the way to disk or server."""
        self.front.say('cost')
        self.front.say(f'play 0 16666 {frames}')
        self.front.wait_for('PLAYED')
        self.assertGreaterEqual(self.front.cost()[0], frames)

    def play_until(self, count):
        """Until so many pictures are encoded: frames that come faster are left out. -> the metrics"""
        def are_encoded():
            self.play()
            metrics = self.front.metrics()
            return metrics.get('vitrine_video_pictures_total{display="0"}', 0) >= count and metrics
        return harness.wait_for(are_encoded, what=f'{count} pictures')

    def wait_for_bytes(self, path, count):
        return harness.wait_for(lambda: os.path.exists(path) and os.path.getsize(path) >= count, 60,
                                f'{count} bytes in {path}')


    def wait_for_pictures(self, path):
        """Until the first second of them is on disk."""
        harness.wait_for(lambda: os.path.exists(path) and count_pieces(path) > 0, what=f'pictures in {path}')


class Recording(VideoTest):
    def check(self, path, seconds=None, frames=1):
        """`seconds`: how long it must be, and how much more or less."""
        what = probe(path, packets=True)
        stream, = what['streams']
        self.assertEqual(stream['codec_name'], 'h264')
        self.assertEqual((stream['width'], stream['height']), (WIDTH, HEIGHT))
        for name in 'color_space', 'color_transfer', 'color_primaries':
            self.assertEqual(stream[name], 'bt709')
        self.assertEqual(stream['color_range'], 'tv')
        times = [float(packet['pts_time']) for packet in what['packets']]
        self.assertEqual(times[0], 0)
        for one, next_one in zip(times, times[1:]):
            self.assertLess(one, next_one)
        self.assertIn('K', what['packets'][0]['flags'])
        self.assertGreaterEqual(int(stream['nb_read_frames']), frames)
        if seconds:
            self.assertAlmostEqual(float(what['format']['duration']), seconds[0], delta=seconds[1])
        return times

    def test_files_are_what_was_shown(self):
        for name in 'a.mp4', 'b.mkv':
            with self.subTest(name):
                path = self.path(name)
                started = time.monotonic()
                self.start(f'record={path}')
                self.wait_for_bytes(path, 1)
                begin = time.monotonic()
                self.play(90)
                time.sleep(2.2)  # nothing moves, which belongs to it
                seconds = time.monotonic() - begin
                self.stop()
                whole = time.monotonic() - started
                times = self.check(path, frames=30)
                length = float(probe(path)['format']['duration'])
                print(f'{name}: {len(times)} pictures, {length:.2f} s of {seconds:.2f}', flush=True)
                # From before the first of them until the end.
                self.assertGreater(length, seconds - 0.05)
                self.assertLess(length, whole + 0.05)

    def test_times_are_those_of_the_guest(self):
        """Each picture is in the file at the time of its flush, and the file is as long as the recording was."""
        for name in 'a.mp4', 'b.mkv':
            with self.subTest(name):
                path = self.path(name)
                self.start(f'record={path}', http='127.0.0.1:0')
                self.wait_for_bytes(path, 1)  # else the viewer may have pictures from before the recording
                with ws.Viewer(self.front) as viewer:
                    viewer.send(ws.subscribe(0))
                    self.front.say(f'play 0 {FRAME_US} 150')
                    units = viewer.watch_until(lambda units: units and units[-1]['frame'] >= 150)
                before_ns = time.monotonic_ns()
                self.stop()
                after_ns = time.monotonic_ns()
                times = self.check(path, frames=10)
                # It is the same clock. The viewer's first picture was drawn before it came, perhaps more than a second before
                # the recording began, which counts as a second.
                flushes = sorted({unit['captured'] for unit in units if unit['frame'] > units[0]['frame']})
                begin_ns = min((flushes[0] - round(at * 1e9) for at in times), key=lambda begin_ns: sum(
                    min(abs(begin_ns + at * 1e9 - flushed) for at in times) for flushed in flushes))
                off_ms, worst = max((min(abs(begin_ns + at * 1e9 - flushed) for at in times) / 1e6, number)
                                    for number, flushed in enumerate(flushes))
                end_ms = (begin_ns + float(probe(path)['format']['duration']) * 1e9 - before_ns) / 1e6
                print(f'{name}: {len(flushes)} pictures are at most {off_ms:.2f} ms off (number {worst}); it ends {end_ms:.0f} ms after '
                      f'its end was asked for, which took {(after_ns - before_ns) / 1e6:.0f} ms', flush=True)
                self.assertGreater(len(flushes), 10)
                # A picture that is left out is a frame off. One that was flushed while the picture before it was encoded once
                # more comes behind that.
                self.assertLess(off_ms, 0.75 * FRAME_US / 1000)
                self.assertGreater(end_ms, -FRAME_US / 1000)
                self.assertLess(end_ms, (after_ns - before_ns) / 1e6 + FRAME_US / 1000)

    def test_a_file_that_exists_stays(self):
        with open(self.path('a.mp4'), 'w') as file:
            file.write('precious')
        self.start(f'record={self.path("a.mp4")}')
        self.play()
        self.wait_for_pictures(self.path('a-2.mp4'))
        self.stop()
        with open(self.path('a.mp4')) as file:
            self.assertEqual(file.read(), 'precious')
        self.check(self.path('a-2.mp4'))

    def test_killed_it_is_good_up_to_the_last_second(self):
        for name in 'a.mp4', 'b.mkv':
            with self.subTest(name):
                path = self.path(name)
                self.start(f'record={path}')
                self.wait_for_bytes(path, 1)
                self.play(200)
                pid, = self.processes('mux')
                screen.kill(pid)
                harness.wait_for(lambda: harness.is_gone(pid), 60, 'its end')
                times = self.check(path, frames=20)
                pieces = count_pieces(path)
                print(f'{name}: {times[-1]:.2f} s in {pieces} pieces are left', flush=True)
                # Each is written when its second is over.
                self.assertGreaterEqual(pieces, times[-1] / LOST_S)
                self.play()
                self.assertIn('ended by signal 9', self.front.log())
                self.stop()

    def test_the_screen_process_dies(self):
        """What was recorded is finished properly, and the next one begins a new file."""
        self.front = screen.Front(f'record={self.path("a.mp4")}')
        self.front.say(f'scanout 0 2 {WIDTH} {HEIGHT} {WIDTH * 4} window')
        self.front.say('frame 0 1')
        self.wait_for_bytes(self.path('a.mp4'), 1)
        self.play(90)
        pictures = self.front.metrics()['vitrine_video_pictures_total{display="0"}']
        pid, = self.processes('screen')
        screen.kill(pid)
        harness.wait_for(lambda: os.path.exists(self.path('a-2.mp4')), 60, 'a second file')
        self.play()
        self.play_until(15)
        self.wait_for_bytes(self.path('a-2.mp4'), 3000)
        self.stop()
        times = self.check(self.path('a.mp4'), frames=10)
        print(f'the screen process was killed after {pictures:.0f} pictures: {len(times)} are recorded', flush=True)
        self.assertGreaterEqual(len(times), pictures - 2)  # what was on its way
        self.check(self.path('a-2.mp4'), frames=10)

    def test_a_full_disk_ends_the_file_and_nothing_else(self):
        for name in 'a.mp4', 'b.mkv':
            with self.subTest(name):
                path = self.path(name)
                self.start(f'record={path}')
                self.play(90)
                pid, = harness.wait_for(lambda: self.processes('mux'), 60, 'its process')
                self.wait_for_pictures(path)
                size = os.path.getsize(path) + 3000
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, size))
                self.play(300)
                harness.wait_for(lambda: 'the recording ends here' in self.front.log(), 60, 'its end')
                self.play()
                self.assertEqual(len(self.processes('screen')), 1)
                self.stop()
                self.check(path, frames=2)

    def test_a_disk_without_room(self):
        """A real one, where we may mount it."""
        disk = self.path('disk')
        os.mkdir(disk)
        if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=2m', 'none', disk], capture_output=True).returncode != 0:
            self.skipTest('may not mount')
        try:
            self.fill_disk(os.path.join(disk, 'a.mkv'))
        finally:
            subprocess.run(['umount', '-l', disk], check=True)

    def fill_disk(self, path):
        self.start(f'record={path}')
        self.front.say('scanout 0 2 1280 800 5120 window')
        seeds = itertools.count()

        def is_full():
            self.front.say(f'frame 0 {next(seeds)}')
            return 'the recording ends here' in self.front.log()
        harness.wait_for(is_full, what='the end of the recording', pause=0.02)
        self.assertIn('No space left on device', self.front.log())
        self.play()
        self.assertEqual(len(self.processes('screen')), 1)
        self.stop()
        stream, = probe(path)['streams']
        print(f'a full disk: {stream["nb_read_frames"]} pictures are good, in {os.path.getsize(path)} bytes', flush=True)
        self.assertGreater(int(stream['nb_read_frames']), 20)

    def test_sizes_change(self):
        path = self.path('a.mp4')
        self.start(f'record={path}')
        self.play()
        self.wait_for_pictures(path)
        self.front.say('scanout 0 2 320 200 1280 window')
        self.front.say('frame 0 9')
        self.play()
        self.stop()
        self.check(path, frames=10)

    def test_where_nothing_can_be_written(self):
        self.start(f'record={self.dir}/none/a.mp4')
        harness.wait_for(lambda: 'cannot create' in self.front.log(), 60, 'a complaint')
        self.play()


class Counting(VideoTest):
    def test_what_is_recorded_is_counted(self):
        """And nothing is encoded for displays that are not recorded."""
        self.front = screen.Front(f'record={self.path("a.mp4")}')
        for display in 0, 1:
            self.front.say(f'scanout {display} 2 {WIDTH} {HEIGHT} {WIDTH * 4} window')
            self.front.say(f'frame {display} 1')
        self.play()
        metrics = self.play_until(11)
        self.assertGreater(metrics['vitrine_video_pictures_total{display="0"}'], 10)
        self.assertGreaterEqual(metrics['vitrine_video_keys_total{display="0"}'], 1)
        self.assertGreater(metrics['vitrine_video_bytes_total{display="0"}'], 1000)
        self.assertGreater(metrics['vitrine_video_encode_seconds_total{display="0"}'], 0)
        self.assertEqual(metrics['vitrine_video_sinks{display="0"}'], 1)
        self.assertNotIn('vitrine_video_pictures_total{display="1"}', metrics)


class Publishing(VideoTest):
    def serve(self, *args):
        """A server that takes one broadcast and writes it down."""
        self.served = getattr(self, 'served', 0) + 1
        path = self.path(f'got-{self.served}.mkv')
        log = open(path + '.log', 'w')
        process = subprocess.Popen(['ffmpeg', '-v', 'error', '-nostdin', *args, '-c', 'copy', '-flush_packets', '1', path],
                                   stdout=log, stderr=log)
        log.close()
        self.addCleanup(lambda: (process.kill(), process.wait()))
        return process, path

    def check_broadcast(self, url, *args, kind=socket.SOCK_STREAM):
        process, path = self.serve(*args)
        harness.wait_listening(urllib.parse.urlparse(url).port, kind)
        self.start(f'publish={url}')
        for _ in range(3):
            self.play(120)
        with open(path + '.log') as file:
            complaints = file.read()
        self.wait_for_bytes(path, 3000)
        # The target disappears.
        process.kill()
        process.wait()
        self.play(180)
        harness.wait_for(lambda: 'the server is tried again' in self.front.log(), 60, 'a retry')
        self.assertEqual(len(self.processes('screen')), 1)
        what = probe(path, was_cut=True)  # by kill -9
        stream, = what['streams']
        self.assertEqual((stream['codec_name'], stream['width'], stream['height']), ('h264', WIDTH, HEIGHT))
        self.assertGreater(int(stream['nb_read_frames']), 20, complaints)
        # And comes back.
        process, path = self.serve(*args)

        def is_back():
            nonlocal process, path
            if process.poll() is not None:  # it takes one connection, which a busy machine may lose
                process, path = self.serve(*args)
            self.play(30)
            return os.path.exists(path) and os.path.getsize(path) > 3000
        # It is tried again after up to 30 s.
        harness.wait_for(is_back, 4 * harness.SECONDS, 'the broadcast again')

    def test_rtmp(self):
        url = f'rtmp://127.0.0.1:{harness.free_port()}/live/key'
        self.check_broadcast(url, '-listen', '1', '-f', 'flv', '-i', url)
        self.assertNotIn('live/key', self.front.log())

    def test_rtsp(self):
        url = f'rtsp://127.0.0.1:{harness.free_port()}/live'
        self.check_broadcast(url, '-rtsp_flags', 'listen', '-listen_timeout', '600', '-i', url)

    def test_srt(self):
        url = f'srt://127.0.0.1:{harness.free_port(socket.SOCK_DGRAM)}'
        self.check_broadcast(url, '-i', url + '?mode=listener', kind=socket.SOCK_DGRAM)

    def test_the_server_is_not_there(self):
        self.start(f'publish=rtmp://127.0.0.1:{harness.free_port()}/live/key')
        self.play()
        harness.wait_for(lambda: 'the server is tried again' in self.front.log(), 60, 'a retry')

    def test_one_that_never_answers(self):
        with socket.socket() as sock:
            sock.bind(('127.0.0.1', 0))
            sock.listen(1)
            self.start(f'publish=rtmp://127.0.0.1:{sock.getsockname()[1]}/live/key')
            self.play(240)
            self.stop()


if __name__ == '__main__':
    screen.FRONT = os.path.abspath(sys.argv.pop(2))
    harness.main()
