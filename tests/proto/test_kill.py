# SPDX-License-Identifier: MIT
"""Death of workers, clients and the server itself, at any moment; many clients, and no leaks."""

import contextlib
import fcntl
import os
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import harness
import vtest
from vtest import Client, Dropped, Ring

# A client in a process of its own, which aborts as Mesa does, and otherwise works without end.
BUSY_CLIENT = '''
import os, signal, struct, sys
sys.path.insert(0, sys.argv[1])
import vtest
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
client = vtest.Client(sys.argv[2])
ring = vtest.Ring(client)
# Until its ring is known, Mesa waits for it to report that it is alive, which takes 7 s to fail.
ring.call(vtest.enumerate_instance_version(), 16)
print('up', flush=True)
while True:
    ring.call(vtest.enumerate_instance_version(), 16)
    sync = client.sync_create(0)
    client.submit(syncs=[(sync, 1)])
    client.sync_wait([(sync, 1)])
    client.sync_unref(sync)
    res_id, memory = client.create_shm(65536)
    memory[0] = 1
    memory.close()
    client.unref(res_id)
'''

# A client that connects three times, and so has its server write lines.
SHORT_CLIENT = '''
import os, sys
sys.path.insert(0, sys.argv[1])
import vtest
for _ in range(3):
    with vtest.Client(os.environ['VTEST_SOCKET_NAME']) as client:
        assert client.is_alive()
print('served', flush=True)
'''
HERE = os.path.dirname(os.path.abspath(__file__))
SIGPIPE_BIT = 1 << signal.SIGPIPE - 1


class State:
    """What the server holds without clients."""

    def __init__(self, server):
        server.wait_workers(0)
        harness.wait_closed(server.pid)
        self.fds = server.fds()
        self.memory = harness.memory_kib(server.pid)

    def __str__(self):
        return f'{self.fds} fds, {self.memory} KiB private'


class Death(harness.ServerTest):
    def start_client(self):
        client = subprocess.Popen(
            [sys.executable, '-c', BUSY_CLIENT, HERE, self.server.path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.assertEqual(client.stdout.readline(), b'up\n')
        return client

    def end_client(self, client):
        client.kill()
        client.wait()
        client.stdout.close()

    def test_100_kills(self):
        """Workers and clients in turn; a bystander must not notice."""
        rng = random.Random(6)
        bystander = Client(self.server.path)
        ring = Ring(bystander, ring_id=7)
        bystander.get_param(1)
        their_worker = self.server.wait_workers(1)[0]
        fds, memory = self.server.fds(), harness.memory_kib(self.server.pid)
        for i in range(100):
            client = self.start_client()
            worker = next(pid for pid in self.server.workers() if pid != their_worker)
            time.sleep(rng.random() * 0.02)  # at any moment of what it does
            if i % 2:
                client.kill()
            else:
                os.kill(worker, signal.SIGKILL)
            client.wait(harness.SECONDS)
            client.stdout.close()
            harness.wait_for(lambda: self.server.workers() == [their_worker], 60, 'worker gone')
            ring.call(vtest.enumerate_instance_version(), 16)
        harness.wait_for(lambda: self.server.fds() == fds, 60, 'fds given back')
        after = harness.memory_kib(self.server.pid)
        print(f'100 kills: server {memory} -> {after} KiB, {fds} fds before and after', flush=True)
        if harness.is_memory_its_own():
            self.assertLess(after - memory, 512)
        bystander.close()
        self.server.wait_workers(0)

    def test_signals(self):
        """Death by any signal sets FATAL and is logged with the signal's name."""
        for signo in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGTERM,
                      signal.SIGKILL, signal.SIGFPE):
            with Client(self.server.path) as client:
                ring = Ring(client)
                ring.call(vtest.enumerate_instance_version(), 16)
                worker = self.server.wait_workers(1)[0]
                os.kill(worker, signo)
                self.assertTrue(ring.wait_fatal(), signo)
                self.assertTrue(client.wait_dropped())
                # A sanitizer turns signals into exits.
                harness.wait_for(lambda: not self.server.workers())
        self.server.wait_log('died of signal 9')
        # What a sanitizer says about the signals above is no fault of ours.
        with open(self.server.log_path, 'r+') as log:
            log.truncate(0)

    def test_while_the_client_reads(self):
        """It has asked, nothing lies unread, and no answer will come: it must not spin."""
        with Client(self.server.path) as client:
            client.get_param(1)
            worker = self.server.wait_workers(1)[0]
            os.kill(worker, signal.SIGSTOP)
            client.send(vtest.SYNC_CREATE, struct.pack('<Q', 1))
            # What is sent through a Unix socket has arrived by now.
            os.kill(worker, signal.SIGKILL)
            self.assertTrue(client.wait_dropped())

    def test_while_the_client_waits(self):
        """A wait is a lost device for Mesa once it cannot be satisfied any more."""
        with Client(self.server.path) as client:
            sync = client.sync_create(0)
            fd = client.sync_wait_fd([(sync, 1)])
            os.kill(self.server.wait_workers(1)[0], signal.SIGKILL)
            self.assertEqual(vtest.poll_wait(fd, 1000 * harness.SECONDS), 'lost')
            os.close(fd)

    def test_half_a_message(self):
        with Client(self.server.path) as client:
            client.get_param(1)
            client.send_raw(struct.pack('<II', 1000, vtest.SUBMIT_CMD2) + bytes(500))
            os.kill(self.server.wait_workers(1)[0], signal.SIGKILL)
            self.assertTrue(client.wait_dropped())

    def test_stuck_worker(self):
        """A worker that does not notice that its client has gone is ended."""
        client = Client(self.server.path)
        client.get_param(1)
        worker = self.server.wait_workers(1)[0]
        os.kill(worker, signal.SIGSTOP)
        client.close()
        self.server.wait_workers(0)
        self.server.wait_log('does not end, killing it')

    def test_death_of_the_server(self):
        server = harness.Server()
        client = Client(server.path)
        ring = Ring(client)
        ring.call(vtest.enumerate_instance_version(), 16)
        worker = server.wait_workers(1)[0]
        server.process.kill()
        server.process.wait()
        server.process.stdout.close()
        self.assertTrue(ring.wait_fatal())
        self.assertTrue(client.wait_dropped())
        client.close()
        harness.wait_for(lambda: harness.is_gone(worker), what='orphaned worker gone')

    def test_death_of_the_server_while_its_worker_is_busy(self):
        """The worker's main thread waits, and looks at no socket."""
        server = harness.Server()
        client = Client(server.path)
        ring = Ring(client)
        ring.call(vtest.enumerate_instance_version(), 16)
        worker = server.wait_workers(1)[0]
        ring.write(vtest.wait_virtqueue_seqno(5)) # which the client never says is reached
        client.submit(vtest.wait_ring_seqno(ring.ring_id, ring.tail))
        harness.wait_idle(worker, 'both threads wait')
        self.assertNotEqual(ring.head, ring.tail)
        self.assertEqual(ring.status & vtest.FATAL, 0)
        server.process.kill()
        server.process.wait()
        server.process.stdout.close()
        self.assertTrue(ring.wait_fatal())
        self.assertTrue(client.wait_dropped())
        client.close()
        harness.wait_for(lambda: harness.is_gone(worker), what='orphaned worker gone')

    def test_end_of_the_server(self):
        """SIGTERM with clients connected: they are told, nothing is left."""
        server = harness.Server()
        clients = [Client(server.path) for _ in range(3)]
        rings = [Ring(client) for client in clients]
        for ring in rings:
            ring.call(vtest.enumerate_instance_version(), 16)
        silent = Client(server.path, handshake=False)
        server.wait_workers(3)
        server.stop()
        for client, ring in zip(clients, rings):
            self.assertTrue(ring.wait_fatal())
            self.assertTrue(client.wait_dropped())
            client.close()
        self.assertTrue(silent.wait_dropped())
        silent.close()


class Many(harness.ServerTest):
    def test_64_idle_clients(self):
        before = State(self.server)
        clients = []
        for i in range(64):
            client = Client(self.server.path)
            self.addCleanup(client.close)
            clients.append((client, Ring(client, ring_id=i + 1)))
            self.assertTrue(client.is_alive())
        workers = self.server.wait_workers(64)
        harness.wait_idle([self.server.pid, *workers], 'clients that do nothing')
        memory = sorted(map(harness.memory_kib, workers))
        threads = max(map(harness.count_threads, workers))
        print(f'64 idle clients: worker {memory[32]} KiB private, at most {threads} threads; server '
              f'{harness.memory_kib(self.server.pid)} KiB, {self.server.fds()} fds', flush=True)
        for client, ring in clients:
            ring.call(vtest.enumerate_instance_version(), 16)
            client.close()
        after = State(self.server)
        print(f'  before: {before}; after: {after}', flush=True)
        self.assertEqual(after.fds, before.fds)

    def test_200_connections(self):
        with Client(self.server.path) as client:
            client.get_param(1)
        before = State(self.server)
        for _ in range(200):
            with Client(self.server.path) as client:
                Ring(client).call(vtest.enumerate_instance_version(), 16)
        after = State(self.server)
        print(f'200 connections: before: {before}; after: {after}', flush=True)
        self.assertEqual(after.fds, before.fds)
        if harness.is_memory_its_own():
            self.assertLess(after.memory - before.memory, 512)

    def test_silent_clients_are_cheap(self):
        before = State(self.server)
        clients = [Client(self.server.path, handshake=False) for _ in range(100)]
        harness.wait_for(lambda: self.server.fds() >= before.fds + 100)
        each = (harness.memory_kib(self.server.pid) - before.memory) / 100
        print(f'a silent client costs {(self.server.fds() - before.fds) / 100:.2f} fds and '
              f'{each:.1f} KiB', flush=True)
        self.assertLess(each, 64)
        for client in clients:
            client.close()
        harness.wait_for(lambda: self.server.fds() == before.fds)


class Limit(harness.ServerTest):
    ARGS = ('--max-clients', '3')

    def test_too_many(self):
        clients = [Client(self.server.path) for _ in range(3)]
        for client in clients:
            self.assertTrue(client.is_alive())
        for _ in range(5):
            try:
                with Client(self.server.path) as client:
                    self.assertTrue(client.wait_dropped())
            except Dropped:
                pass
        self.server.wait_log('there are 3 clients already')
        clients[0].close()
        self.server.wait_workers(2)
        with Client(self.server.path) as client:
            self.assertTrue(client.is_alive())
        for client in clients[1:]:
            client.close()


class FewFiles(harness.ServerTest):
    """When the server runs out of fds it goes on with the clients it has."""

    def test_no_fds_left(self):
        import resource
        resource.prlimit(self.server.pid, resource.RLIMIT_NOFILE, (64, 64))
        first = Client(self.server.path)
        self.assertTrue(first.is_alive())
        others = []
        for _ in range(80):
            try:
                others.append(Client(self.server.path, handshake=False))
            except (BlockingIOError, ConnectionError):
                break
        self.server.wait_log('no file descriptors left')
        self.assertTrue(first.is_alive())
        harness.wait_idle(self.server.pid, 'a server that cannot take the next connection')
        for client in others:
            client.close()
        first.close()
        self.server.wait_workers(0)
        with Client(self.server.path) as client:
            self.assertTrue(client.is_alive())


class WorkerLog(harness.ServerTest):
    ARGS = ('--log', 'info,worker=debug')

    def test_workers_do_not_have_our_standard_error(self):
        """Each has a pipe to the server, and what it writes there arrives before its death is told."""
        files = []
        with Client(self.server.path) as first, Client(self.server.path) as second:
            self.assertTrue(first.is_alive() and second.is_alive())
            for worker in self.server.wait_workers(2):
                fds = {fd: os.readlink(f'/proc/{worker}/fd/{fd}') for fd in (0, 1, 2)}
                self.assertEqual(fds[0], '/dev/null')
                self.assertRegex(fds[2], 'pipe:')
                self.assertEqual(fds[1], fds[2])
                self.assertNotIn(self.server.log_path, [os.readlink(file.path) for file in os.scandir(f'/proc/{worker}/fd')])
                files.append(fds[2])
        self.assertEqual(len(set(files)), 2)
        self.server.wait_workers(0)
        harness.wait_for(lambda: self.server.log().count(': has disconnected') == 2, 60, 'the end of both')
        for number in re.findall(r'client (\d+): has disconnected', self.server.log()):
            lines = [line for line in self.server.log().splitlines() if re.search(rf'client[ =]{number}\b', line)]
            self.assertIn(f'client={number} ', ''.join(lines[:-1]), lines)
            self.assertTrue(lines[-1].endswith(f'client {number}: has disconnected'), lines)


class FullLog(unittest.TestCase):
    def test_serve_goes_on(self):
        """Standard error is a pipe that is not read, as of a terminal that is stopped."""
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'sock')
            fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
            os.write(writer, bytes(4096))
            server = subprocess.Popen([harness.PROGRAM, 'serve', '--socket', path, '--log', 'debug'],
                                      stdout=subprocess.PIPE, stderr=writer, text=True)
            self.addCleanup(server.stdout.close)
            self.addCleanup(server.wait)
            self.addCleanup(server.kill)
            os.close(writer)
            self.assertEqual(server.stdout.readline(), f'READY {path}\n')
            for _ in range(20):
                with Client(path) as client:
                    self.assertTrue(client.is_alive())
            # The next line that is taken says how many were not.
            os.read(reader, 4096)
            with Client(path) as client:
                self.assertTrue(client.is_alive())
                # A worker's last line may come first.
                while b'lines before it were dropped' not in os.read(reader, 4096):
                    pass
            server.terminate()
            self.assertEqual(server.wait(harness.SECONDS), 0)


class DeadLog(unittest.TestCase):
    """Standard error is a socket that was shut down, or closed at its other end."""

    def start(self, how, *words):
        """-> a process whose standard error was ended in that way, by the time that it has written a line"""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            process = subprocess.Popen([harness.PROGRAM, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=theirs, text=True)
            self.addCleanup(process.stdout.close)
            self.addCleanup(process.stdin.close)
            self.addCleanup(process.wait)
            self.addCleanup(process.kill)
            line = process.stdout.readline()
            if how == 'shut down':
                theirs.shutdown(socket.SHUT_RDWR)
        return process, line

    def test_serve_goes_on(self):
        for how in 'shut down', 'closed':
            with self.subTest(how), tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, 'sock')
                server, line = self.start(how, 'serve', '--socket', path, '--log', 'debug')
                self.assertEqual(line, f'READY {path}\n')
                harness.wait_prober(server.pid)
                with Client(path) as first:
                    for _ in range(3):
                        with Client(path) as client:
                            self.assertTrue(client.is_alive())
                    for worker in harness.children(server.pid):
                        with contextlib.suppress(ProcessLookupError): # of a client that has left
                            os.kill(worker, signal.SIGKILL)
                    self.assertTrue(first.wait_dropped())
                with Client(path) as client:
                    self.assertTrue(client.is_alive())
                self.assertIsNone(server.poll(), 'the server has ended')
                server.terminate()
                self.assertEqual(server.wait(harness.SECONDS), 0)

    def test_run_returns_the_status_of_its_program(self):
        """And the program has no signal ignored that it would not have without us."""
        script = 'grep SigIgn: /proc/self/status; read go; "$@" || exit 1; exit 7'
        for how in 'shut down', 'closed':
            with self.subTest(how):
                run, line = self.start(how, 'run', '--log', 'debug', '--', 'sh', '-c', script, 'sh', sys.executable, '-c',
                                       SHORT_CLIENT, HERE)
                self.assertEqual(int(line.split()[1], 16) & SIGPIPE_BIT, 0, line)
                with open(f'/proc/{run.pid}/status') as file:
                    ours, = (line for line in file if line.startswith('SigIgn:'))
                self.assertNotEqual(int(ours.split()[1], 16) & SIGPIPE_BIT, 0, 'run itself does not ignore it')
                out, _ = run.communicate('\n', timeout=60)
                self.assertEqual(out, 'served\n')
                self.assertEqual(run.returncode, 7)


if __name__ == '__main__':
    harness.main(looks=False)
