# SPDX-License-Identifier: MIT
"""Guests that show frames and viewers that watch them, in processes of their own: what one of them does holds up no
other, and all times are of the host's monotonic clock."""

import mmap
import multiprocessing
import random
import select
import struct
import time

import vhost
import virtio_gpu
import ws

FORK = multiprocessing.get_context('fork')
CONTEXT = 1
FIRST_RESOURCE = 10
MS = 1_000_000
# Of what a picture is made up of that looks like text, one row of a letter of 8 pixels.
LETTER_ROWS = [bytes(value for bit in range(8) for value in ([230] * 3 if row >> bit & 1 else [20, 24, 28]) + [255])
               for row in (0x00, 0x18, 0x24, 0x42, 0x7e, 0x66, 0x3c, 0x10, 0x81, 0x5a)]


class Rows:
    """Rows of numbers that one process writes and another one reads."""

    def __init__(self, columns=1, capacity=100_000):
        self.layout = struct.Struct(f'<{columns}q')
        self.map = mmap.mmap(-1, 8 + self.layout.size * capacity)

    def __len__(self):
        return struct.unpack_from('<q', self.map)[0]

    def add(self, *values):
        count = len(self)
        self.layout.pack_into(self.map, 8 + count * self.layout.size, *values)
        struct.pack_into('<q', self.map, 0, count + 1)

    def between(self, begin_ns, end_ns):
        """Those whose first number lies there."""
        end = 8 + len(self) * self.layout.size
        return [row for row in self.layout.iter_unpack(self.map[8:end]) if begin_ns <= row[0] < end_ns]


class Process:
    """Runs self.run() until close()."""

    def start(self):
        self.process = FORK.Process(target=self.run, daemon=True)
        self.process.start()

    def close(self):
        self.process.kill()
        self.process.join()


def text_rows(width, count):
    """Random letters in lines of 16 rows, which scroll as a terminal does."""
    rng = random.Random(1)
    lines = [b''.join(rng.choices(LETTER_ROWS, k=width // 8)) for _ in range(count // 2)]
    return b''.join(line * 2 for line in lines)


class Guest(Process):
    """Shows frames on all displays of a `vitrine gpu`, the next one when the last one was shown. `text`: all of it
    moves, which takes all the bits that there are. frames[display]: when each frame was shown."""

    def __init__(self, path, displays=1, width=1280, height=800, text=False):
        self.path, self.displays, self.width, self.height = path, displays, width, height
        self.stride = width * 4
        self.size = (self.stride * height + 4095) // 4096 * 4096
        self.frames = [Rows() for _ in range(displays)]
        self.text = text_rows(width, height + 512) if text else None
        self.start()

    def draw(self, window, at, number):
        if self.text:
            row = number * 2 % 512
            window[at:at + self.stride * self.height] = self.text[row * self.stride:(row + self.height) * self.stride]
            return
        bar = bytes(self.stride)
        x = number * 8 % (self.width - 64) * 4
        bar = bar[:x] + b'\xe0' * 256 + bar[x + 256:]
        window[at:at + 64 * self.stride] = bar * 64

    def show(self, gpu, display, number):
        """-> the requests; the second one is answered when the frame is on the display."""
        resource = FIRST_RESOURCE + display * 2 + number % 2
        self.draw(gpu.vm.window, (display * 2 + number % 2) * self.size, number)
        return (gpu.send('SET_SCANOUT_BLOB', w=self.width, h=self.height, scanout_id=display, resource_id=resource,
                         width=self.width, height=self.height, format=2, stride0=self.stride),
                gpu.send('RESOURCE_FLUSH', w=self.width, h=self.height, resource_id=resource, fence=True))

    def run(self):
        vm = vhost.Vm(self.path)
        vm.realize()
        vm.start()
        gpu = virtio_gpu.Gpu(vm)
        gpu.create_context(CONTEXT, 0)
        for number in range(self.displays * 2):
            gpu.create_host_blob(FIRST_RESOURCE + number, CONTEXT, self.size, number * self.size)
        numbers = [0] * self.displays
        waiting = [self.show(gpu, display, 0) for display in range(self.displays)]
        while True:
            vm.wait_event(time.monotonic() + 20, *vm.queues[0].calls)
            vm.queues[0].collect()
            for display, requests in enumerate(waiting):
                if requests[1].written is not None:
                    self.frames[display].add(time.monotonic_ns())
                    for request in requests:
                        gpu.finish(request)
                    numbers[display] += 1
                    waiting[display] = self.show(gpu, display, numbers[display])


class Watcher(Process):
    """A viewer of one display who comes back when the connection ends, as the page does. units: when each came, and
    when its frame was flushed; comebacks: since when there was no connection, and when there was a picture again."""

    RETRY_S = 0.1

    def __init__(self, target, display=0):
        self.target, self.display = target, display
        self.units = Rows(2)
        self.comebacks = Rows(2)
        self.start()

    def watch(self, lost_ns):
        with ws.Viewer(self.target) as viewer:
            viewer.send(ws.subscribe(self.display))
            while True:
                name, fields = viewer.next()
                if name != 'unit':
                    continue
                self.units.add(time.monotonic_ns(), fields['captured'])
                viewer.send(ws.ack(self.display, fields['number']))
                if lost_ns:
                    self.comebacks.add(time.monotonic_ns(), lost_ns)
                    lost_ns = 0

    def run(self):
        lost_ns = 0
        while True:
            count = len(self.units)
            try:
                self.watch(lost_ns)
            except (ws.Closed, ws.Refused, OSError):
                if len(self.units) > count:
                    lost_ns = time.monotonic_ns()
                time.sleep(self.RETRY_S)


class Crowd(Process):
    """Many viewers of one display, who only take what comes."""

    def __init__(self, target, count, display=0):
        self.target, self.count, self.display = target, count, display
        self.units = Rows()
        self.start()

    def take(self, viewer):
        """Reads what is there."""
        while viewer.has_more():
            name, fields = viewer.next()
            if name == 'unit':
                viewer.send(ws.ack(self.display, fields['number']))
                self.units.add(time.monotonic_ns())

    def run(self):
        viewers = {}
        for _ in range(self.count):
            viewer = ws.Viewer(self.target)
            viewer.send(ws.subscribe(self.display))
            viewers[viewer.sock] = viewer
        while True:
            for sock in select.select(list(viewers), [], [])[0]:
                self.take(viewers[sock])


def rate(rows, begin_ns, end_ns):
    """Rows a second."""
    return len(rows.between(begin_ns, end_ns)) / (end_ns - begin_ns) * 1000 * MS


def longest_gap_ms(rows, begin_ns, end_ns):
    times = [begin_ns, *(row[0] for row in rows.between(begin_ns, end_ns)), end_ns]
    return max(b - a for a, b in zip(times, times[1:])) / MS


def delays_ms(watcher, begin_ns, end_ns):
    """From the flush to the viewer, sorted."""
    return sorted((came - flushed) / MS for came, flushed in watcher.units.between(begin_ns, end_ns))


def percentile(values, share):
    return values[min(len(values) - 1, int(len(values) * share))]
