# SPDX-License-Identifier: MIT
"""What may happen to those who show and keep a VM's pictures, and must not slow down the VM: one context manager
each. Each makes sure that what it does was felt by whom it is meant for."""

import contextlib
import mmap
import os
import resource
import select
import signal
import socket
import struct
import subprocess
import threading
import time

import harness
import play
import ws
import xvfb

MS = play.MS
SLOW_MS = 200
STOP_S, GO_S = 0.2, 0.016
COMEBACK_LIMIT_MS = 2000


class Broadcast:
    """A media server: ffmpeg, for one broadcast."""

    def __init__(self):
        self.port = harness.free_port()
        self.url = f'rtsp://127.0.0.1:{self.port}/live'
        self.process = subprocess.Popen(
            ['ffmpeg', '-v', 'error', '-nostdin', '-rtsp_flags', 'listen', '-listen_timeout', '600', '-i', self.url, '-c', 'copy', '-f', 'null', '-'],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def close(self):
        self.process.kill()
        self.process.wait()


class Relay:
    """A way to a server, on which one can stop reading without much being on its way."""

    def __init__(self, port):
        self.server_port = port
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        self.listener.bind(('127.0.0.1', 0))
        self.listener.listen(1)
        self.url = f'rtsp://127.0.0.1:{self.listener.getsockname()[1]}/live'
        self.flows = threading.Event()
        self.flows.set()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return  # closed
            with client, contextlib.suppress(OSError), \
                    socket.create_connection(('127.0.0.1', self.server_port)) as server:
                self.pump(client, server)

    def pump(self, client, server):
        while True:
            for source in select.select([client, server], [], [])[0]:
                if source is client:
                    self.flows.wait()
                data = source.recv(65536)
                if not data:
                    return
                (server if source is client else client).sendall(data)

    def close(self):
        self.listener.close()


class Target:
    """A `vitrine gpu` with all that can be disturbed. Who starts it takes `options` and `env`, and tells `attach` of
    it."""

    def __init__(self, folder, shim):
        """shim: the library of slow_x264.c"""
        self.recording = os.path.join(folder, 'stalls.mp4')
        self.servers = Broadcast(), Broadcast()
        self.relay = Relay(self.servers[1].port)
        number = os.path.join(folder, 'slow')
        with open(number, 'w+b') as file:
            file.truncate(4)
            self.slow = mmap.mmap(file.fileno(), 4)
        self.x = xvfb.Xvfb()
        self.options = ['--window', '--record', self.recording, '--publish', self.servers[0].url,
                        '--publish', self.relay.url]
        self.env = {'LD_PRELOAD': os.path.abspath(shim), 'SLOW_X264': number, 'DISPLAY': self.x.display}
        self.watcher = None

    def attach(self, pid, port, token, read_log):
        self.pid, self.host, self.port, self.token, self.read_log = pid, '127.0.0.1', port, token, read_log
        self.watcher = play.Watcher(self)
        harness.wait_for(lambda: len(self.watcher.units) > 60, 60, 'pictures')
        self.x.wait_for_window('')
        harness.wait_for(lambda: read_log().count('publishing') == len(self.servers), 60, 'broadcasts')

    def close(self):
        if self.watcher:
            self.watcher.close()
        for server in (*self.servers, self.relay):
            server.close()
        self.x.stop()

    def pid_of(self, *words):
        """The process that the front has started with all these words."""
        return next(iter(harness.children_with(self.pid, *words)), None)

    def screen(self):
        return harness.wait_for(lambda: self.pid_of('screen'), 60, 'a screen process')

    def mux(self, target):
        return harness.wait_for(lambda: self.pid_of('mux', target), 60, f'the process of {target}')

    def set_slow(self, ms):
        struct.pack_into('<I', self.slow, 0, ms)

    def units(self, begin_ns):
        return len(self.watcher.units.between(begin_ns, time.monotonic_ns()))

    def expect_log(self, text, seconds=40):
        harness.wait_for(lambda: text in self.read_log(), seconds, f'{text!r} in the log')


@contextlib.contextmanager
def readers_stop(target):
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(ws.Viewer(target, receive_bytes=4096)).send(ws.subscribe(0))
        begin_ns = time.monotonic_ns()
        yield
        assert target.units(begin_ns) > 20, 'the one that reads gets nothing'


@contextlib.contextmanager
def encoder_sleeps(target):
    target.set_slow(SLOW_MS)
    try:
        time.sleep(1)
        begin_ns = time.monotonic_ns()
        yield
        a_second = target.units(begin_ns) / (time.monotonic_ns() - begin_ns) * 1e9
        assert 1 < a_second < 1000 / SLOW_MS + 1, f'{a_second:.1f} pictures a second of a slow encoder'
    finally:
        target.set_slow(0)


@contextlib.contextmanager
def screen_stutters(target):
    pid, ends = target.screen(), threading.Event()

    def stutter():
        while not ends.is_set():
            os.kill(pid, signal.SIGSTOP)
            time.sleep(STOP_S)
            os.kill(pid, signal.SIGCONT)
            time.sleep(GO_S)
    thread = threading.Thread(target=stutter)
    thread.start()
    try:
        begin_ns = time.monotonic_ns()
        yield
        a_second = target.units(begin_ns) / (time.monotonic_ns() - begin_ns) * 1e9
        assert a_second < 20, f'{a_second:.1f} pictures a second of a process that is mostly stopped'
    finally:
        ends.set()
        thread.join()


@contextlib.contextmanager
def screen_stops(target):
    pid = target.screen()
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(0.2)
        begin_ns = time.monotonic_ns()
        yield
        count = target.units(begin_ns)
        assert count == 0, f'{count} pictures of a process that is stopped'
    finally:
        os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def screen_is_killed(target):
    pid = target.screen()
    begin_ns = time.monotonic_ns()
    os.kill(pid, signal.SIGKILL)
    yield
    came_ns, lost_ns = target.watcher.comebacks.between(begin_ns, time.monotonic_ns())[0]
    took_ms = (came_ns - begin_ns) / MS
    print(f'    a viewer saw a picture again {took_ms:.0f} ms after kill -9')
    assert took_ms < COMEBACK_LIMIT_MS, took_ms


@contextlib.contextmanager
def disk_is_full(target):
    pid = target.mux(target.recording)
    size = os.path.getsize(target.recording) + 3000
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, size))
    yield
    target.expect_log('the recording ends here')


@contextlib.contextmanager
def server_disappears(target):
    target.servers[0].close()
    yield
    target.expect_log('the server is tried again')


def run_ns(pid):
    with open(f'/proc/{pid}/schedstat') as file:
        return int(file.read().split()[0])


@contextlib.contextmanager
def server_stops_reading(target):
    pid = target.mux(target.relay.url)

    def busy_ns():
        before = run_ns(pid)
        time.sleep(0.5)
        return run_ns(pid) - before
    usual = busy_ns()
    target.relay.flows.clear()
    try:
        # What is left then is looking now and then whether there is room.
        harness.wait_for(lambda: busy_ns() < usual / 4, 60,
                         f'a broadcast that stands still (busy for {usual} ns in 0.5 s)')
        yield
        left = busy_ns()
        assert left < usual / 4, f'the broadcast goes on: busy for {left} ns, {usual} before'
    finally:
        target.relay.flows.set()


@contextlib.contextmanager
def x_server_stops(target):
    pid = harness.wait_for(lambda: target.pid_of('window'), 60, 'a window process')

    def works():
        before = run_ns(pid)
        time.sleep(0.3)
        return run_ns(pid) != before
    assert works(), 'the window stood still before'
    target.x.freeze(True)
    try:
        harness.wait_for(lambda: not works(), 60, 'a window that waits for its server')
        yield
        assert not works(), 'the window goes on without a server'
    finally:
        target.x.freeze(False)
    harness.wait_for(works, 60, 'the window to go on')


# name: what happens; the last ones change what the next ones find.
ALL = {
    'four viewers stop reading': readers_stop,
    f'the encoder sleeps {SLOW_MS} ms a picture': encoder_sleeps,
    'the screen process is stopped for 200 of 216 ms': screen_stutters,
    'the screen process is stopped': screen_stops,
    'the disk of the recording is full': disk_is_full,
    'the server of a broadcast is killed': server_disappears,
    'the server of a broadcast stops reading': server_stops_reading,
    'the X server of the window is stopped': x_server_stops,
    'the screen process is killed': screen_is_killed,
}
