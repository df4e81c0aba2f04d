#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Clients that do not read their replies, which carry fds.

Linux counts the fds that wait in sockets for each user, and a process may not send more while there are more than its
own limit of fds, unless it has one of two capabilities. So the tests and the server run without those.
"""

import array
import ctypes
import fcntl
import os
import resource
import signal
import socket
import struct
import sys
import termios
import time
import unittest

import harness
import vhost
import virtio_gpu
import vtest
from vtest import Client, Dropped

# For those who read slowly: far more than a busy machine takes from one read to the next.
REPLY_TIMEOUT_MS = 3000
# Connections, and what an ordinary program may have open.
MANY = 175
ORDINARY_FDS = 1024
# Low enough for that many connections to reach it with full sockets.
SERVER_FDS = 8192

CAP_SYS_ADMIN = 21
CAP_SYS_RESOURCE = 24
PR_CAPBSET_DROP = 24
CAPABILITY_VERSION_3 = 0x20080522


def drop_capabilities():
    """Like an ordinary user's, for this process and all that it starts."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open('/proc/self/status') as file:
        held = int(next(line for line in file if line.startswith('CapPrm')).split()[1], 16)
    if not held & (1 << CAP_SYS_ADMIN | 1 << CAP_SYS_RESOURCE):
        return
    left = held & ~(1 << CAP_SYS_ADMIN | 1 << CAP_SYS_RESOURCE)
    for capability in (CAP_SYS_ADMIN, CAP_SYS_RESOURCE):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    low, high = left & 0xffffffff, left >> 32
    header = struct.pack('<Ii', CAPABILITY_VERSION_3, 0)
    if libc.capset(header, struct.pack('<6I', low, low, 0, high, high, 0)) != 0:
        sys.exit(f'cannot drop capabilities: {os.strerror(ctypes.get_errno())}')


def sync_wait(sync):
    return struct.pack('<IIIIIQ', 5, vtest.SYNC_WAIT, 0, vtest.FOREVER, sync, 1)


def create_blob():
    return struct.pack('<IIIIQQ', 6, vtest.RESOURCE_CREATE_BLOB, vtest.HOST3D, vtest.MAPPABLE, 4096, 0)


def drain(client):
    """Reads what there is. -> how many fds came"""
    fds = array.array('i')
    client.sock.setblocking(False)
    while True:
        try:
            data, ancillary, _, _ = client.sock.recvmsg(1, socket.CMSG_SPACE(4))
        except OSError:
            break
        if not data:
            break
        for _, _, content in ancillary:
            fds.frombytes(content)
    for fd in fds:
        os.close(fd)
    return len(fds)


def count_unread(client):
    """-> the bytes that wait in its socket"""
    return struct.unpack('i', fcntl.ioctl(client.sock, termios.FIONREAD, bytes(4)))[0]


def connect_all(path, count):
    """Connects so often. -> those that are served"""
    clients = []
    for _ in range(count):
        try:
            client = Client(path)
        except (Dropped, OSError):
            continue
        if client.is_alive():
            clients.append(client)
    return clients


def can_send_fds():
    """Whether another program of this user with the usual limit of fds can send one."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (ORDINARY_FDS, ORDINARY_FDS))
            ends = socket.socketpair()
            socket.send_fds(ends[0], [b'x'], [0])
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(pid, 0)[1] == 0


class Unread(harness.ServerTest):
    ARGS = ('-o', f'reply-timeout={REPLY_TIMEOUT_MS}')

    def connect(self):
        client = Client(self.server.path)
        self.addCleanup(client.close)
        return client

    def ask(self, client, request, count=500):
        """Sends requests until the socket takes no more."""
        client.sock.settimeout(0.1)
        try:
            client.send_raw(request * count)
        except (socket.timeout, Dropped):
            pass

    def check_dropped(self, request):
        client = self.connect()
        said = self.server.log().count('has not read its replies')
        started = time.monotonic()
        self.ask(client, request(client))
        harness.wait_for(lambda: self.server.log().count('has not read its replies') > said, what='log line')
        # Not sooner than it is allowed.
        self.assertGreater(time.monotonic() - started, REPLY_TIMEOUT_MS / 1000 - 0.1)
        self.server.wait_workers(0)
        self.assertEqual(drain(client), 1)
        self.assertTrue(client.wait_dropped())

    def test_waits(self):
        self.check_dropped(lambda client: sync_wait(client.sync_create(0)))

    def test_blobs(self):
        self.check_dropped(lambda client: create_blob())

    def test_replies_without_fds(self):
        client = self.connect()
        self.ask(client, struct.pack('<IIII', 2, vtest.GET_CAPSET, 4, 0))
        self.server.wait_workers(0)
        self.assertTrue(client.wait_dropped())

    def test_the_worker_can_be_told_to_stop(self):
        """It waits for a client that does not read, but ends with its server."""
        server = harness.Server('-o', 'reply-timeout=600000')
        with Client(server.path) as client:
            self.ask(client, sync_wait(client.sync_create(0)))
            worker, = server.wait_workers(1)
            server.process.kill()  # one that ends by itself kills it after a moment
            harness.wait_for(lambda: harness.is_gone(worker), what='the end of the worker')
        server.discard()

    def test_slow_reader(self):
        """One that asks for much at once and reads slowly gets everything."""
        client = self.connect()
        client.send_raw(sync_wait(client.sync_create(0)) * 4 +
                        struct.pack('<IIII', 2, vtest.GET_CAPSET, 4, 0) * 4)
        def pause():
            time.sleep(REPLY_TIMEOUT_MS / 6000)  # in sum longer than it may take for all
        for _ in range(4):
            pause()
            client.reply(vtest.SYNC_WAIT, 0)
            pause()
            os.close(client.read_fd())
        for _ in range(4):
            pause()
            client.reply(vtest.GET_CAPSET, None)
        self.assertTrue(client.is_alive())

    def test_patient_client(self):
        """One reply may stay unread for as long as the client likes: a debugger may have stopped it."""
        client = self.connect()
        client.send_raw(sync_wait(client.sync_create(0)))
        time.sleep(REPLY_TIMEOUT_MS / 1000 + 0.5)  # only time can show that nothing happens
        client.reply(vtest.SYNC_WAIT, 0)
        os.close(client.read_fd())
        self.assertTrue(client.is_alive())

    def test_eager_reader(self):
        """Many requests at once, whose replies are read at once."""
        client = self.connect()
        client.send_raw(sync_wait(client.sync_create(0)) * 500)
        for _ in range(500):
            client.reply(vtest.SYNC_WAIT, 0)
            os.close(client.read_fd())


class Leftovers(harness.ServerTest):
    """An fd that a client has not taken counts after its worker has gone, so the connection does, too."""

    ARGS = ('--max-clients', '3', '-o', 'reply-timeout=300')

    def connect(self):
        """-> a client, or None if it is refused"""
        try:
            client = Client(self.server.path)
        except (Dropped, OSError):
            return None
        self.addCleanup(client.close)
        return client if client.is_alive() else None

    def may_connect(self):
        client = self.connect()
        if client:
            client.close()
        return client is not None

    def pile_up(self):
        # The place of a client that has closed is free a moment later.
        client = harness.wait_for(self.connect, what='place for a client')
        client.send_raw(sync_wait(client.sync_create(0)) * 20)
        return client

    def test_counted_until_taken(self):
        clients = [self.pile_up() for _ in range(3)]
        self.server.wait_workers(0)
        self.assertFalse(self.may_connect())
        self.server.wait_log('there are 3 clients already')
        clients[0].close()
        harness.wait_for(self.may_connect, what='place of the one that has closed')
        clients[0] = self.pile_up()
        self.server.wait_workers(0)
        self.assertFalse(self.may_connect())
        drain(clients[1])
        harness.wait_for(self.may_connect, what='place of the one that has read its replies')

    def test_shut_down_is_not_closed(self):
        clients = [self.pile_up() for _ in range(3)]
        for client in clients:
            harness.wait_for(lambda: count_unread(client) >= 9, what='the first reply, which ends with an fd')
        for client in clients:
            client.sock.shutdown(socket.SHUT_RDWR)
        self.server.wait_workers(0)
        self.assertFalse(self.may_connect())
        harness.wait_idle(self.server.pid, 'connections that were shut down')
        self.assertFalse(self.may_connect())
        self.assertEqual([drain(client) for client in clients], [1, 1, 1])
        harness.wait_for(self.may_connect, what='place of one that has read its replies')


class Users(unittest.TestCase):
    """No user can take all connections."""

    NOBODY = 65534

    def start(self, *args):
        server = harness.Server('--max-clients', '5', '--mode', '0666', *args)
        self.addCleanup(server.stop)
        os.chmod(server.dir, 0o755)
        return server

    def connect_as_nobody(self, server, count):
        """-> how many clients of another user are served; they stay until the test ends"""
        told_read, told_write = os.pipe()
        end_read, end_write = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.setuid(self.NOBODY)
                os.close(end_write)
                clients = connect_all(server.path, count)
                os.write(told_write, bytes([len(clients)]))
                os.read(end_read, 1)
            finally:
                os._exit(0)
        os.close(told_write)
        os.close(end_read)
        self.addCleanup(os.waitpid, pid, 0)
        self.addCleanup(os.close, end_write)
        with open(told_read, 'rb') as told:
            return told.read(1)[0]

    @unittest.skipIf(os.geteuid() != 0, 'takes root')
    def test_another_user_gets_half(self):
        server = self.start()
        self.assertEqual(self.connect_as_nobody(server, 5), 3)
        server.wait_log(f'user {self.NOBODY} has 3 clients already')
        clients = connect_all(server.path, 5)
        self.assertEqual(len(clients), 2)
        for client in clients:
            client.close()

    def test_own_user_gets_all(self):
        server = self.start()
        clients = connect_all(server.path, 6)
        self.assertEqual(len(clients), 5)
        for client in clients:
            client.close()

    def test_a_limit_for_all(self):
        server = self.start('--max-clients-per-user', '2')
        clients = connect_all(server.path, 4)
        self.assertEqual(len(clients), 2)
        server.wait_log(f'user {os.geteuid()} has 2 clients already')
        clients[0].close()
        harness.wait_for(lambda: connect_all(server.path, 1), what='place of the one that has closed')
        clients[1].close()


class Contexts(unittest.TestCase):
    """Workers of a VM that do not read, while the guest attaches memory that takes an fd to tell of."""

    # A socket holds so many, and so many of those are too much for other programs.
    BUFFERS = 250
    CONTEXTS = 5

    def test_attached_memory(self):
        server = harness.Server('--hostmem', '64M', command=('gpu',))
        self.addCleanup(server.stop)
        harness.wait_for(lambda: not server.workers(), 60, 'the prober ends')
        vm = vhost.Vm(server.path)
        self.addCleanup(vm.close)
        vm.realize()
        vm.start()
        gpu = virtio_gpu.Gpu(vm)
        contexts = range(1, self.CONTEXTS + 1)
        for context in contexts:
            gpu.create_context(context)
            gpu.ok('SUBMIT_3D', ctx=context, fence=True, ring=0)
        workers = server.wait_workers(self.CONTEXTS)
        for worker in workers:
            os.kill(worker, signal.SIGSTOP)
        for resource in range(100, 100 + self.BUFFERS):
            gpu.create_guest_blob(resource, 4096)
            for context in contexts:
                gpu.ok('CTX_ATTACH_RESOURCE', ctx=context, resource_id=resource)
        found = can_send_fds()
        for worker in workers:
            os.kill(worker, signal.SIGCONT)
        self.assertTrue(found, 'other programs cannot send fds any more')
        # They get everything in the end.
        for context in contexts:
            for resource in range(100, 100 + self.BUFFERS):
                gpu.ok('CTX_DETACH_RESOURCE', ctx=context, resource_id=resource)
            gpu.ok('SUBMIT_3D', ctx=context, fence=True, ring=0)
        self.assertEqual(server.workers(), workers)


class Crowd(harness.ServerTest):
    """So many that full sockets would use up what the user may have in flight."""

    def test_others_get_their_fds(self):
        clients = [Client(self.server.path) for _ in range(MANY)]
        self.assertTrue(can_send_fds())
        for client in clients:
            request = sync_wait(client.sync_create(0))
            client.send_raw(request * 200)
        for client in clients:
            # The worker has begun to answer, and waits behind the first fd.
            client.sock.recv(1, socket.MSG_PEEK)
        workers = self.server.wait_workers(MANY)
        harness.wait_idle(workers, 'all that may be sent is sent')
        self.assertTrue(can_send_fds(), 'other programs cannot send fds any more')
        with Client(self.server.path) as other:
            res_id, memory = other.create_shm(4096)
            memory.close()
            os.close(other.sync_wait_fd([(other.sync_create(0), 1)]))
        for worker in workers:
            os.kill(worker, signal.SIGSTOP)
        found = [drain(client) for client in clients]
        print(f'{MANY} clients that do not read left {sum(found)} fds waiting, {max(found)} at most each', flush=True)
        self.assertEqual(max(found), 1)
        for worker in workers:
            os.kill(worker, signal.SIGCONT)
        for client in clients:
            client.close()
        self.server.wait_workers(0)


if __name__ == '__main__':
    drop_capabilities()
    resource.setrlimit(resource.RLIMIT_NOFILE, (SERVER_FDS, SERVER_FDS))
    harness.main(looks=False)
