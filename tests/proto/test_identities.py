#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Two identities at one socket: whatever one of them does, the other one gets its share.

The greedy one is another process, in a control group of its own if this process may make one, else with another uid.
"""

import contextlib
import json
import os
import re
import signal
import socket
import struct
import subprocess
import tempfile
import unittest

import harness
import venus
import vtest
from vtest import Client, Dropped

NOBODY = 65534
MANY = 175


def sync_wait(sync):
    return struct.pack('<IIIIIQ', 5, vtest.SYNC_WAIT, 0, vtest.FOREVER, sync, 1)


def make_cgroup():
    """-> the folder of a new control group beside this process's own, or None"""
    with open('/proc/self/cgroup') as file:
        paths = [line.rstrip('\n').split(':', 2)[2] for line in file]
    for mount in ('/sys/fs/cgroup', '/sys/fs/cgroup/unified', '/sys/fs/cgroup/systemd'):
        for path in paths:
            parent = mount + path
            if os.path.exists(os.path.join(parent, 'cgroup.procs')):
                with contextlib.suppress(OSError):
                    return tempfile.mkdtemp(prefix='vitrine-test-', dir=parent)
    return None


def make_cpu_group():
    """-> a new control group with the controller of the processor, in which there can be more, or None"""
    with open('/proc/self/cgroup') as file:
        rows = [line.rstrip('\n').split(':', 2) for line in file]
    for mount, path in [('/sys/fs/cgroup/cpu', row[2]) for row in rows if 'cpu' in row[1].split(',')] + \
                       [('/sys/fs/cgroup', row[2]) for row in rows if row[0] == '0']:
        for parent in (path, os.path.dirname(path)):
            with contextlib.suppress(OSError):
                folder = tempfile.mkdtemp(prefix='vitrine-test-', dir=mount + parent)
                if os.path.exists(f'{folder}/cpu.shares'):
                    return folder
                with contextlib.suppress(OSError), open(f'{folder}/cgroup.subtree_control', 'w') as file:
                    file.write('+cpu')
                    return folder
                os.rmdir(folder)
    return None


def connect(path, handshake=True):
    """-> a client that is served, or None"""
    try:
        client = Client(path, handshake)
    except (Dropped, OSError):
        return None
    if handshake and not client.is_alive():
        client.close()
        return None
    return client


class Greedy:
    """What the other process can do."""

    def __init__(self, path):
        self.path = path
        self.clients = []

    def connect(self, count, handshake=True):
        """-> how many of so many new connections are served"""
        clients = [client for client in (connect(self.path, handshake) for _ in range(count)) if client]
        self.clients += clients
        return len(clients)

    def count(self):
        """-> how many of its connections are served now"""
        return sum(client.is_alive() for client in self.clients)

    def alive(self):
        """-> which of them are served"""
        return [client.is_alive() for client in self.clients]

    def greet(self):
        """Sends the first bytes on each."""
        for client in self.clients:
            client.send(vtest.CREATE_RENDERER, b'greedy\0')

    def stop_reading(self):
        for client in self.clients:
            request = sync_wait(client.sync_create(0))
            client.send_raw(request * 200)
        for client in self.clients:
            # The worker has begun to answer, and waits behind the first fd.
            client.sock.recv(1, socket.MSG_PEEK)

    def take_memory(self, which, size):
        """-> whether a connection gets so much shared memory; it is not touched, so it costs nothing"""
        _, fd = self.clients[which].create_blob(size)
        try:
            return os.fstat(fd).st_size == size
        finally:
            os.close(fd)

    def open_gpus(self):
        """Each of its connections gets a device."""
        self.gpus = [venus.Gpu(client) for client in self.clients]

    def take_device_memory(self, which, memory, size):
        """-> VkResult of an allocation"""
        call = venus.allocate_memory(venus.DEVICE, memory, size)
        return struct.unpack_from('<i', self.gpus[which].ring.call(call, 8), 4)[0]

    def free_device_memory(self, which, memory):
        self.gpus[which].ring.write(venus.free_memory(venus.DEVICE, memory))
        self.gpus[which].ring.wait()

    def close(self, which):
        self.clients.pop(which).close()

    def stay_silent(self, count):
        """Connects so often, says nothing, and waits until each is reset."""
        for _ in range(0, count, 100):  # the queue of the listening socket has room for them
            clients = [Client(self.path, handshake=False) for _ in range(100)]
            for client in clients:
                with contextlib.suppress(OSError):
                    client.sock.recv(1)
                client.close()


class Other:
    """A process with another identity. What Greedy can do is done there."""

    def __init__(self, path, is_user=False):
        self.cgroup = None if is_user else make_cgroup()
        if not self.cgroup and os.geteuid() != 0:
            raise unittest.SkipTest('takes root, or a control group that can be divided')
        ours, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                ours.close()
                self.serve(path, theirs)
            finally:
                os._exit(0)
        theirs.close()
        self.file = ours.makefile('rw')
        ours.close()

    def serve(self, path, sock):
        if self.cgroup:
            with open(os.path.join(self.cgroup, 'cgroup.procs'), 'w') as file:
                file.write(str(os.getpid()))
        else:
            os.setuid(NOBODY)
        greedy = Greedy(path)
        file = sock.makefile('rw')
        for line in file:
            name, *arguments = json.loads(line)
            file.write(json.dumps(getattr(greedy, name)(*arguments)) + '\n')
            file.flush()

    def __getattr__(self, name):
        def call(*arguments):
            self.file.write(json.dumps([name, *arguments]) + '\n')
            self.file.flush()
            line = self.file.readline()
            harness.expect(line, f'{name}: the other process has failed')
            return json.loads(line)
        return call

    def end(self):
        self.file.close()
        os.waitpid(self.pid, 0)
        if self.cgroup:
            os.rmdir(self.cgroup)


class Identities(unittest.TestCase):
    def start(self, *args, is_user=False):
        server = harness.Server('--mode', '0666', *args)
        self.addCleanup(server.stop)
        os.chmod(server.dir, 0o755)
        other = Other(server.path, is_user)
        self.addCleanup(other.end)
        return server, other

    def connect(self, server, count):
        clients = [client for client in (connect(server.path) for _ in range(count)) if client]
        for client in clients:
            self.addCleanup(client.close)
        return clients

    def test_places(self):
        """Who has taken all places gives half of them back, the newest first, and gets no more."""
        server, other = self.start('--max-clients', '8')
        taken = other.connect(8)
        self.assertIn(taken, (4, 8))  # of another user, half of them
        ours = self.connect(server, 8)
        self.assertEqual(len(ours), 4)
        self.assertEqual(other.alive(), [True] * 4 + [False] * (taken - 4))
        self.assertEqual(other.connect(8), 0)
        self.assertEqual([client.is_alive() for client in ours], [True] * 4)
        self.assertEqual(len(self.connect(server, 8)), 0)
        self.assertEqual(other.count(), 4)

    def test_a_place_for_one(self):
        """Silent connections give way, too; one that had none gets one, and keeps it."""
        server, other = self.start('--max-clients', '8', '--max-clients-per-user', '8')
        other.connect(8, False)
        for _ in range(3):
            client, = self.connect(server, 1)
            other.connect(8, False)
            self.assertTrue(client.is_alive())
        server.wait_log('loses its connection')

    def test_turns(self):
        """However many workers one wants at once, the other's are started in turn with them."""
        server, other = self.start('--log', 'debug', '--max-clients-per-user', '100')
        other.connect(40, False)
        ours = [Client(server.path, handshake=False) for _ in range(10)]
        for client in ours:
            self.addCleanup(client.close)
        # All are accepted now: their order was that of the connections.
        harness.wait_for(lambda: server.fds() >= 50, 60, 'all connections')
        os.kill(server.pid, signal.SIGSTOP)
        other.greet()
        for client in ours:
            client.send(vtest.CREATE_RENDERER, b'modest\0')
        os.kill(server.pid, signal.SIGCONT)
        harness.wait_for(lambda: len(self.starts(server)) == 50, 60, 'all workers')
        order = ['modest' if number > 40 else 'greedy' for number in self.starts(server)]
        last = max(place for place, name in enumerate(order) if name == 'modest')
        print(f'the last of 10 workers came after {last - 9} of the 40 that the other one wanted', flush=True)
        self.assertLess(last, 25)

    def starts(self, server):
        """The numbers of the clients in the order in which their workers were started."""
        return [int(number) for number in re.findall(r'client (\d+): worker \d+$', server.log(), re.MULTILINE)]

    def test_memory(self):
        """Another user's clients share half of the RAM, however many they are. Those who end give it back."""
        server, other = self.start(is_user=True)
        part = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') // 2 * 2 // 5
        part -= part % 4096
        self.assertEqual(other.connect(1), 1)
        victim, = server.workers()
        self.assertEqual(other.connect(2), 2)
        self.assertEqual([other.take_memory(which, part) for which in range(3)], [True, True, False])
        # Our own programs have what they need.
        for client in self.connect(server, 3):
            fd = client.create_blob(part)[1]
            self.addCleanup(os.close, fd)
            self.assertEqual(os.fstat(fd).st_size, part)
        # A worker that is killed has no chance to give anything back.
        os.kill(victim, signal.SIGKILL)
        server.wait_workers(5, 20)
        self.assertTrue(other.take_memory(2, part))
        other.close(1)
        server.wait_workers(4, 20)
        self.assertEqual(other.connect(1), 1)
        self.assertTrue(other.take_memory(2, part))
        self.assertFalse(other.take_memory(2, part))

    def check_device_memory(self, is_user):
        server, other = self.start('--max-device-memory', '64M', is_user=is_user)
        part = 24 << 20
        self.assertEqual(other.connect(1), 1)
        victim, = server.workers()
        self.assertEqual(other.connect(1), 1)
        other.open_gpus()
        self.assertEqual(other.take_device_memory(0, 500, part), 0)
        self.assertEqual(other.take_device_memory(1, 500, part), 0)
        self.assertEqual(other.take_device_memory(0, 501, part), -2)
        self.assertEqual(other.take_device_memory(1, 501, part), -2)
        other.free_device_memory(1, 500)
        self.assertEqual(other.take_device_memory(0, 502, part), 0)
        # Another identity has a limit of its own.
        with Client(server.path) as client:
            gpu = venus.Gpu(client)
            gpu.call(venus.allocate_memory(venus.DEVICE, 500, 2 * part))
            gpu.call(venus.allocate_memory(venus.DEVICE, 501, part), allowed=(-2,))
        # A worker that is killed has no chance to give anything back.
        os.kill(victim, signal.SIGKILL)
        server.wait_workers(1, 20)
        self.assertEqual(other.take_device_memory(1, 502, 2 * part), 0)
        self.assertEqual(other.take_device_memory(1, 503, part), -2)

    def test_device_memory_of_a_user(self):
        """All clients of a user share the limit of device memory; others have their own."""
        self.check_device_memory(True)

    def test_device_memory_of_a_container(self):
        self.check_device_memory(False)

    def wait_groups(self, server, folder, counts):
        """Until the workers are in control groups of so many. A worker is moved a moment after its start."""
        def are_there():
            found = []
            for name in next(os.walk(folder))[1]:
                with contextlib.suppress(OSError), open(f'{folder}/{name}/cgroup.procs') as file:
                    found.append(sorted(map(int, file)))
            return sorted(map(len, found)) == counts and sorted(sum(found, [])) == sorted(server.workers())
        harness.wait_for(are_there, 60, f'groups of {counts} workers')

    def test_processor(self):
        """--cgroup gives the workers of each identity a control group, which is removed with the last of them."""
        folder = make_cpu_group()
        if not folder:
            self.skipTest('takes a control group with the controller of the processor that can be divided')
        self.addCleanup(os.rmdir, folder)
        server, other = self.start('--cgroup', folder)
        self.wait_groups(server, folder, [])
        self.assertEqual(other.connect(3), 3)
        client, = self.connect(server, 1)
        self.wait_groups(server, folder, [1, 3])
        for pid in server.workers():
            for task in os.listdir(f'/proc/{pid}/task'):
                with open(f'/proc/{pid}/task/{task}/cgroup') as file:
                    self.assertIn(f'/vitrine-{server.pid}-', file.read())
        other.close(0)
        other.close(0)
        self.wait_groups(server, folder, [1, 1])
        other.close(0)
        self.wait_groups(server, folder, [1])
        # It comes back.
        self.assertEqual(other.connect(1), 1)
        self.wait_groups(server, folder, [1, 1])
        client.close()
        other.close(0)
        self.wait_groups(server, folder, [])

    def test_processor_of_a_lost_group(self):
        """Without the folder programs are served, too, and the log says so."""
        folder = make_cpu_group()
        if not folder:
            self.skipTest('takes a control group with the controller of the processor that can be divided')
        server, other = self.start('--cgroup', folder)
        os.rmdir(folder)
        self.assertEqual(other.connect(1), 1)
        server.wait_log('It shares the processor with the server')

    def test_processor_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            for path in (folder, '/nonexistent', '/sys/fs/cgroup'):
                done = subprocess.run([harness.PROGRAM, 'serve', '--socket', f'{folder}/sock', '--cgroup', path],
                                      capture_output=True, text=True)
                self.assertEqual(done.returncode, 1, path)
                self.assertIn('cannot divide the control group', done.stderr)

    def test_log(self):
        """One's lines leave room for the other's in the log."""
        server, other = self.start('--max-clients-per-user', '400', '-o', 'handshake-timeout=20')
        other.stay_silent(4600)
        harness.wait_for(lambda: self.connect(server, 1), what='a connection within 20 ms')[0].close()
        server.wait_log('has disconnected')
        lines = server.log().count('sent nothing for')
        self.assertGreaterEqual(lines, 1000)
        self.assertLess(lines, 4000)

    def test_unread(self):
        """Many who do not read cost the others nothing: neither the server nor their workers have anything to do."""
        server, other = self.start('--max-clients', '1024', '-o', 'reply-timeout=120000')
        client, = self.connect(server, 1)
        self.assertEqual(other.connect(MANY), MANY)
        other.stop_reading()
        workers = server.wait_workers(MANY + 1)
        harness.wait_idle([server.pid, *workers], 'while replies are not read')
        for _ in range(20):
            with Client(server.path) as one:
                one.get_param(1)
        for _ in range(300):
            client.get_param(1)
        self.assertLessEqual(set(workers), set(server.workers()), 'they are still there')
        res_id, memory = client.create_shm(4096)
        memory.close()
        os.close(client.sync_wait_fd([(client.sync_create(0), 1)]))


if __name__ == '__main__':
    harness.main(looks=False)
