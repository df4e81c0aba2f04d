# SPDX-License-Identifier: MIT
"""A host's sound server: PulseAudio, with speakers that are heard by a test and a microphone that a test speaks into."""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import harness

RATE = 48000


class Host:
    """A PulseAudio server of its own. Its only speakers are a null sink, whose monitor is what a person hears; its only
    microphone is the monitor of another one."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix='vitrine-sound-')
        self.socket = os.path.join(self.dir, 'native')
        self.env = {'PULSE_SERVER': 'unix:' + self.socket, 'PULSE_RUNTIME_PATH': self.dir, 'PULSE_STATE_PATH': self.dir,
                    'PULSE_COOKIE': os.path.join(self.dir, 'cookie'), 'PULSE_CLIENTCONFIG': '/dev/null',
                    'SDL_AUDIODRIVER': 'pulseaudio'}
        self.process = None
        self.start()

    def start(self):
        modules = ('module-null-sink sink_name=speakers rate=48000 channels=2',
                   'module-null-sink sink_name=voice rate=48000 channels=2',
                   'module-remap-source source_name=microphone master=voice.monitor',
                   f'module-native-protocol-unix socket={self.socket} auth-anonymous=1')
        self.log = open(os.path.join(self.dir, 'log'), 'a')
        self.process = subprocess.Popen(
            ['pulseaudio', '-n', '--daemonize=no', '--use-pid-file=no', '--exit-idle-time=-1', '--realtime=yes',
             '--high-priority=yes', '--log-target=stderr', *(word for module in modules for word in ('-L', module))],
            env={**os.environ, **self.env, 'HOME': self.dir}, stdout=self.log, stderr=self.log)
        harness.wait_for(lambda: self.control('info', check=False).returncode == 0, 60, 'the sound server')
        self.control('set-default-sink', 'speakers')
        self.control('set-default-source', 'microphone')

    def control(self, *words, check=True):
        done = subprocess.run(['pactl', *words], env={**os.environ, **self.env, 'LC_ALL': 'C'}, capture_output=True,
                              text=True, timeout=harness.SECONDS)
        assert not check or done.returncode == 0, f'pactl {words}: {done.stderr}'
        return done

    def streams(self, kind='sink-inputs'):
        """Who plays ('sink-inputs') or records ('source-outputs'): the names of the streams."""
        listing = self.control('list', kind).stdout
        return [line.split('"')[1] for line in listing.splitlines() if 'media.name' in line]

    def freeze(self, frozen):
        self.process.send_signal(signal.SIGSTOP if frozen else signal.SIGCONT)

    def end(self):
        """The server ends, and leaves its folder for the next one."""
        self.freeze(False)
        self.process.kill()
        self.process.wait(harness.SECONDS)
        self.log.close()
        if os.path.exists(self.socket):
            os.unlink(self.socket)

    def stop(self):
        self.end()
        shutil.rmtree(self.dir)


class Ear:
    """Records what comes out of the speakers, from now on."""

    def __init__(self, host, latency_ms=200):
        self.data = bytearray()
        self.times = []  # when data came: ns of the clock, and so many bytes before it
        self.process = subprocess.Popen(
            ['parec', '--device=speakers.monitor', '--format=s16le', f'--rate={RATE}', '--channels=2', '--raw',
             f'--latency-msec={latency_ms}'], env={**os.environ, **host.env}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                return
            self.times.append((time.monotonic_ns(), len(self.data)))
            self.data += data

    def last(self, seconds):
        """The newest samples of the left channel, as bytes of both."""
        size = 4 * int(seconds * RATE)
        end = len(self.data) // 4 * 4
        return bytes(self.data[max(0, end - size):end])

    def stop(self):
        self.process.kill()
        self.process.wait(harness.SECONDS)
        self.thread.join(harness.SECONDS)


class Voice:
    """Speaks raw S16 stereo into the microphone until it is stopped."""

    def __init__(self, host, second):
        self.second = second
        self.process = subprocess.Popen(
            ['pacat', '--device=voice', '--format=s16le', f'--rate={RATE}', '--channels=2', '--raw'],
            env={**os.environ, **host.env}, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            while True:
                self.process.stdin.write(self.second)
        except (BrokenPipeError, ValueError):
            pass

    def stop(self):
        self.process.kill()
        self.process.wait(harness.SECONDS)
        self.thread.join(harness.SECONDS)
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
