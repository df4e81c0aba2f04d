# SPDX-License-Identifier: MIT
"""A guest's driver of a sound card, the page into which `vitrine gpu` puts what it plays (src/display/sound_page.h),
and tones."""

import cmath
import collections
import math
import mmap
import os
import socket
import struct
import threading
import time

import screen_input
import vhost

CONTROL, EVENT, TX, RX = range(4)
JACK_INFO, JACK_REMAP = 1, 2
PCM_INFO, SET_PARAMS, PREPARE, RELEASE, START, STOP = range(0x100, 0x106)
CHMAP_INFO = 0x200
OK, BAD_MSG, NOT_SUPP, IO_ERR = range(0x8000, 0x8004)
S16, RATE_48000 = 5, 7
PLAYBACK, CAPTURE, STREAMS = range(0, 4), range(4, 6), 6
CONFIG_SIZE = 16
# What QEMU's vhost-user-snd asks for.
PROTOCOL_FEATURES = 0x8209

LISTEN, MICROPHONE = 64, 65


class Card(vhost.Vm):
    """A guest's virtio-snd driver in QEMU."""

    def __init__(self, path, protocol_features=PROTOCOL_FEATURES):
        super().__init__(path, queues=4, size=64, protocol_features=protocol_features)
        self.realize()

    def control(self, code, stream, *more):
        """PREPARE, RELEASE, START or STOP; the code of the answer."""
        return struct.unpack('<I', self.queues[CONTROL].call(struct.pack('<II', code, stream), 4))[0]

    def set_params(self, stream, sample_format=S16, rate=RATE_48000, channels=2, period=1920, buffer=None, features=0):
        request = struct.pack('<IIIIIBBBB', SET_PARAMS, stream, buffer or 8 * period, period, features, channels,
                              sample_format, rate, 0)
        return struct.unpack('<I', self.queues[CONTROL].call(request, 4))[0]

    def prepare(self, stream, **options):
        assert self.set_params(stream, **options) == OK
        assert self.control(PREPARE, stream) == OK

    def query(self, code, first, count, size, room=4096):
        """The code of the answer, and its items."""
        answer = self.queues[CONTROL].call(struct.pack('<IIII', code, first, count, size), room)
        return struct.unpack_from('<I', answer)[0], answer[4:]

    def play(self, stream, data):
        """Sends a message; a request, see vhost.Queue."""
        return self.queues[TX].add([struct.pack('<I', stream), data], 8)

    def record(self, stream, size):
        return self.queues[RX].add(struct.pack('<I', stream), [size, 8])

    def finish(self, request, queue=TX, seconds=vhost.TIMEOUT):
        """Waits for a message; its status, and what was recorded."""
        self.queues[queue].wait(request, seconds=seconds)
        answer = request.answer
        return struct.unpack('<II', answer[-8:])[0] if request.written >= 8 else None, answer[:-8]


Piece = collections.namedtuple('Piece', 'start_ns position run rate frames stream format channels data')


class Page:
    """The page, as the screen process sees it."""

    HEAD = struct.Struct('<QqIIQQQ')
    PIECE = struct.Struct('<QqQIIIBBBB')
    PIECES = 512
    DATA = 2048
    SLOT = 8 + PIECE.size + DATA

    def __init__(self, front):
        # By its size, which no other memory has: POSIX shows no names. Whole pages are made.
        size = -(-(self.HEAD.size + self.PIECES * self.SLOT) // mmap.PAGESIZE) * mmap.PAGESIZE
        fds = os.listdir(f'/proc/{front}/fd')
        fd = next(int(name) for name in fds if os.stat(f'/proc/{front}/fd/{name}').st_size == size)
        copy = screen_input.borrow_fd(front, fd)
        self.map = mmap.mmap(copy, size, prot=mmap.PROT_READ)
        os.close(copy)
        self.seen = self.head()

    def close(self):
        self.map.close()

    def read(self):
        return self.HEAD.unpack_from(self.map)

    def head(self):
        return self.read()[0]

    def counters(self):
        """Underruns, overruns, refused messages."""
        return self.read()[4:]

    def playing(self):
        return self.read()[2]

    def capturing(self):
        return self.read()[3]

    def skip(self):
        """Leaves out the pieces until now."""
        self.seen = self.head()

    def take(self):
        """The pieces since the last call."""
        pieces = []
        head = self.head()
        for number in range(self.seen, head):
            at = self.HEAD.size + number % self.PIECES * self.SLOT + 8
            got, start_ns, position, run, rate, frames, stream, sample_format, channels, _ = \
                self.PIECE.unpack_from(self.map, at)
            assert got == number, f'piece {number} was replaced by {got} before it was read'
            data = self.map[at + self.PIECE.size:at + self.PIECE.size + self.DATA]
            pieces.append(Piece(start_ns, position, run, rate, frames, stream, sample_format, channels, data))
        self.seen = head
        return pieces


def pack_listen(listens):
    return struct.pack('<4I', LISTEN, 4, 0, 0) + struct.pack('<I12x', listens)


def pack_microphone(samples, time_ns=0):
    """480 frames of S16, stereo."""
    body = struct.pack('<q', time_ns) + samples
    return struct.pack('<4I', MICROPHONE, len(body), 0, 0) + body + bytes(-len(body) % 16)


class Listener:
    """Says to a front that its screen process, or another one, listens, or what it hears."""

    def __init__(self, front, process=None):
        self.screen = process or screen_input.find_screen(front)
        self.sock = socket.socket(fileno=screen_input.borrow_fd(self.screen, screen_input.CONTROL_FD))

    def listen(self, listens=True):
        self.sock.send(pack_listen(int(listens)), socket.MSG_NOSIGNAL)

    def speak(self, samples):
        self.sock.send(pack_microphone(samples), socket.MSG_NOSIGNAL)

    def close(self):
        self.sock.close()


class Speaker:
    """Speaks a tone into a microphone, from a thread, in the time of the clock."""

    def __init__(self, listener, frequency=440, level=0.5):
        self.listener = listener
        self.second = tone(frequency, level, 0, 48000)
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *unused):
        self.ended.set()
        self.thread.join()

    def run(self):
        start = time.monotonic()
        block = 0
        while not self.ended.wait(max(0, start + block / 100 - time.monotonic())):
            at = block % 100 * 1920
            self.listener.speak(self.second[at:at + 1920])
            block += 1


# --- tones ---

def tone(frequency, level, first, count, rate=48000, channels=2):
    """S16 frames of a tone, from frame `first` on."""
    samples = (round(32767 * level * math.sin(2 * math.pi * (frequency * frame / rate % 1.0)))
               for frame in range(first, first + count))
    return b''.join(struct.pack('<h', sample) * channels for sample in samples)


def left_channel(data, channels=2):
    """The samples of S16 frames, from -1 to 1."""
    return [value / 32768 for value in struct.unpack(f'<{len(data) // 2}h', data)[::channels]]


def level_of(samples, frequency, rate=48000):
    """How loud a frequency is in a sound."""
    turn = cmath.exp(-2j * math.pi * frequency / rate)
    sum_, phase = 0, 1
    for sample in samples:
        sum_ += sample * phase
        phase *= turn
    return 2 * abs(sum_) / len(samples)


def pitch_of(samples, rate=48000):
    """The frequency of a pure tone, from where it crosses zero."""
    crossings = [i - samples[i] / (samples[i] - samples[i - 1]) for i in range(1, len(samples))
                 if samples[i - 1] < 0 <= samples[i]]
    return (len(crossings) - 1) * rate / (crossings[-1] - crossings[0])


def level_of_tone(samples, rate=48000):
    """How loud a tone is at the pitch that it has: what records follows a clock, by up to half a percent."""
    crossings = sum(before < 0 <= after for before, after in zip(samples, samples[1:]))
    return level_of(samples, pitch_of(samples, rate), rate) if crossings > 1 else 0
