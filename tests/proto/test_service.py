#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vitrine as a service: sockets that a manager passes, messages to it, its log, and the units: test_service.py VITRINE

The manager is played by this file (the protocols are in sd_listen_fds(3) and sd_notify(3)), and by systemd's own tools
where they are installed.
"""

import contextlib
import glob
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import unittest

import harness
import venus
import vtest
from harness import wait_for
from vtest import Client

UNITS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../packaging/systemd')
# Becomes the service, so that LISTEN_PID is right: fds from 3 on, then the service's command line.
ACTIVATOR = '''
import os, sys
count, pid = int(sys.argv[1]), sys.argv[2]
fds = [os.dup(int(fd)) for fd in sys.argv[3:3 + count]]
high = [os.dup2(fd, 100 + i) for i, fd in enumerate(fds)]
for i, fd in enumerate(high):
    os.dup2(fd, 3 + i)
os.closerange(3 + count, 200)
os.environ.update(LISTEN_FDS=str(count), LISTEN_PID=str(os.getpid()) if pid == 'own' else pid)
os.execv(sys.argv[3 + count], sys.argv[3 + count:])
'''


def listen(path, kind=socket.SOCK_STREAM):
    sock = socket.socket(socket.AF_UNIX, kind)
    sock.bind(path)
    if kind == socket.SOCK_STREAM:
        sock.listen(16)
    return sock


class Service(harness.Process):
    """A service that was started with these sockets (or other fds). prefix: a program that starts it, and its arguments."""

    def __init__(self, sockets, *args, pid='own', env=None, prefix=(), **more):
        super().__init__()
        fds = [sock.fileno() for sock in sockets]
        command = [sys.executable, '-c', ACTIVATOR, str(len(fds)), pid, *map(str, fds), *prefix, harness.PROGRAM, *args]
        self.spawn(command, stdin=subprocess.DEVNULL, text=True, pass_fds=fds, env={**os.environ, **(env or {})}, **more)

    def ready(self):
        line = self.process.stdout.readline()
        assert line.startswith('READY '), f'{line!r}\n{self.log()}'
        return line.split()[1]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.end()

    def end(self):
        """-> exit status"""
        try:
            return self.process.wait(60)
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.check_sound()


class Case(unittest.TestCase):
    def setUp(self):
        holder = harness.tempfile.TemporaryDirectory(prefix='vitrine-test-')
        self.addCleanup(holder.cleanup)
        self.folder = holder.name

    def path(self, name='sock'):
        return os.path.join(self.folder, name)

    def listen(self, name='sock', **more):
        sock = listen(self.path(name), **more)
        self.addCleanup(sock.close)
        return sock

    def refuse(self, status, text, sockets, *args, **more):
        service = Service(sockets, *args, **more)
        self.assertEqual(service.end(), status, service.log())
        self.assertIn(text, service.log())


class TestSockets(Case):
    def test_serve(self):
        """Who connects before the start is served, and the socket is the manager's: it is not removed."""
        sock = self.listen()
        early = socket.socket(socket.AF_UNIX)
        early.connect(self.path())
        service = Service([sock], 'serve')
        self.assertEqual(service.ready(), self.path())
        early.close()
        with Client(self.path()) as client:
            self.assertTrue(client.is_alive())
            worker, = harness.children_with(service.pid, '--client-fd')
            with open(f'/proc/{worker}/environ') as file:
                names = [variable.split('=')[0] for variable in file.read().split('\0')]
            self.assertNotIn('LISTEN_FDS', names)
            self.assertNotIn('LISTEN_PID', names)
        self.assertEqual(service.stop(), 0)
        self.assertTrue(os.path.exists(self.path()))
        # The next start takes it again.
        service = Service([sock], 'serve', '--socket', self.path())
        self.assertEqual(service.ready(), self.path())
        self.assertEqual(service.stop(), 0)

    def test_status(self):
        """The socket for `vitrine status` is passed, too; or there is none in the manager's folder."""
        def ask():
            return subprocess.run([harness.PROGRAM, 'status', '--socket', self.path()], capture_output=True, text=True)
        sock = self.listen()
        service = Service([sock], 'serve')
        service.ready()
        place = self.folder + '.status'
        self.assertFalse(os.path.exists(place))
        self.assertEqual(ask().returncode, 1)
        self.assertEqual(service.stop(), 0)
        os.mkdir(place, 0o700)
        self.addCleanup(shutil.rmtree, place)
        service = Service([self.listen(place + '/sock'), sock], 'serve', '--socket', self.path())
        service.ready()
        self.assertEqual(ask().returncode, 0)
        self.assertEqual(service.stop(), 0)
        self.assertTrue(os.path.exists(place + '/sock'))

    def check_restart(self, how):
        """Programs lose their device at once, who connects meanwhile is served by the next service."""
        sock = self.listen()
        service = Service([sock], 'serve')
        service.ready()
        client = Client(self.path(), timeout=60)
        self.addCleanup(client.close)
        gpu = venus.Gpu(client)
        idle = Client(self.path(), timeout=60)
        self.addCleanup(idle.close)
        # A wait for a semaphore that is never signalled, so that the ring is in the middle of a command.
        gpu.ring.write(venus.create_timeline(venus.DEVICE, 500) +
                       venus.submit_wait(venus.QUEUE, 500, 1) + venus.queue_wait_idle(venus.QUEUE))
        os.kill(service.pid, how)
        self.assertTrue(gpu.ring.wait_fatal())
        # After a crash the workers notice by themselves, a moment later.
        for one in (client, idle):
            wait_for(lambda: not one.is_alive(), 60, 'the end of the connection')
        early = Client(self.path(), handshake=False, timeout=60)
        self.addCleanup(early.close)
        self.assertEqual(service.end(), 0 if how == signal.SIGTERM else -how)
        service = Service([sock], 'serve')
        service.ready()
        early.handshake('early')
        self.assertTrue(early.is_alive())
        with Client(self.path(), timeout=60) as client:
            venus.Gpu(client).roundtrip()
        self.assertEqual(service.stop(), 0)

    def test_restart(self):
        self.check_restart(signal.SIGTERM)

    def test_restart_after_a_crash(self):
        self.check_restart(signal.SIGKILL)

    def test_another_way_to_the_path(self):
        sock = self.listen()
        os.symlink(self.folder, self.path('link'))
        service = Service([sock], 'serve', '--socket', self.path('link/sock'))
        service.ready()
        self.assertEqual(service.stop(), 0)

    def test_gpu(self):
        """Three sockets, in any order."""
        names = ('input.tablet', 'sock', 'input.keyboard')
        sockets = [self.listen(name) for name in names]
        service = Service(sockets, 'gpu', '--socket', self.path(), '--input', self.path('input'))
        self.assertEqual(service.ready(), self.path())
        for name in names:
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(self.path(name))
        self.assertEqual(service.stop(), 0)
        self.assertTrue(all(os.path.exists(self.path(name)) for name in names))

    def test_gpu_alone(self):
        service = Service([self.listen()], 'gpu')
        self.assertEqual(service.ready(), self.path())
        self.assertEqual(service.stop(), 0)

    def test_for_another_process(self):
        """As a child inherits the variables of its parent: the socket is not ours."""
        sock = self.listen()
        for pid in ('1', '-1', 'x', ''):
            self.refuse(2, '--socket is missing', [sock], 'serve', pid=pid)

    def test_not_named(self):
        sock = self.listen('other')
        for command in ('serve', 'gpu'):
            self.refuse(1, f"a socket at '{self.path('other')}', which no option names", [sock], command, '--socket',
                        self.path())
            self.assertFalse(os.path.exists(self.path()))

    def test_several_for_serve(self):
        sockets = [self.listen('a'), self.listen('b')]
        self.refuse(2, '--socket is missing', sockets, 'serve')
        self.refuse(1, "which no option names", sockets, 'serve', '--socket', self.path('a'))

    def test_wrong_kinds(self):
        """Datagrams, a connection (Accept=yes), another family, a file, and fds that are not open."""
        datagrams = self.listen('datagrams', kind=socket.SOCK_DGRAM)
        ends = socket.socketpair()
        tcp = socket.create_server(('127.0.0.1', 0))
        with open(os.path.join(self.folder, 'file'), 'w') as file, ends[0], ends[1], tcp:
            for fd in (datagrams, ends[0], tcp, file):
                self.refuse(2, 'fd 3, which is not a local stream socket that listens', [fd], 'serve')
        self.refuse(2, 'fd 4, which is not', [self.listen(), datagrams], 'serve')

    def test_too_many(self):
        self.refuse(2, 'has passed 9 sockets', [self.listen(str(i)) for i in range(9)], 'gpu')


class TestMessages(Case):
    def manager(self, address=None):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(sock.close)
        sock.bind(address or self.path('notify'))
        sock.settimeout(60)
        return sock

    def exchange(self, manager, address):
        for command in ('serve', 'gpu'):
            service = Service([], command, '--socket', self.path(), env={'NOTIFY_SOCKET': address})
            service.ready()
            self.assertEqual(manager.recv(4096), f'READY=1\nSTATUS=Serving at {self.path()}'.encode())
            self.assertEqual(select.select([manager], [], [], 0)[0], [])
            self.assertEqual(service.stop(), 0)
            self.assertEqual(manager.recv(4096), b'STOPPING=1\nSTATUS=Ending')

    def test_path(self):
        self.exchange(self.manager(), self.path('notify'))

    def test_abstract(self):
        name = f'vitrine-test-{os.getpid()}'
        self.exchange(self.manager('\0' + name), '@' + name)

    def test_not_ready(self):
        """A service that does not start says nothing."""
        manager = self.manager()
        self.refuse(1, 'The folder does not exist', [], 'serve', '--socket', '/nonexistent/sock',
                    env={'NOTIFY_SOCKET': self.path('notify')})
        self.assertEqual(select.select([manager], [], [], 0)[0], [])

    def test_nobody_listens(self):
        for address in (self.path('nothing'), '/' + 200 * 'x', 'vsock:2:1', ''):
            service = Service([], 'serve', '--socket', self.path(), env={'NOTIFY_SOCKET': address})
            service.ready()
            self.assertEqual(service.stop(), 0)


class TestJournal(Case):
    def lines(self, stream):
        """What a service logs to a file that is the journal if `stream` says so, with a worker that is killed."""
        with open(self.path('journal'), 'w+') as journal:
            st = os.fstat(journal.fileno())
            service = harness.Process()
            service.process = subprocess.Popen(
                [harness.PROGRAM, 'serve', '--socket', self.path(), '--log', 'debug'], stderr=journal, text=True,
                stdout=subprocess.PIPE, env={**os.environ, 'JOURNAL_STREAM': stream.format(st.st_dev, st.st_ino)})
            service.process.stdout.readline()
            with Client(self.path()) as client:
                self.assertTrue(client.is_alive())
                worker, = wait_for(lambda: harness.children_with(service.pid, '--client-fd'), 20)
                os.kill(worker, signal.SIGKILL)
                wait_for(lambda: harness.is_gone(worker), 20)
            service.process.terminate()
            self.assertEqual(service.process.wait(60), 0)
            service.process.stdout.close()
            journal.seek(0)
            return journal.read().splitlines()

    def test_priorities(self):
        levels = {'error': '<3>', 'warn': '<4>', 'info': '<6>', 'debug': '<7>', 'trace': '<7>'}
        lines = self.lines('{}:{}')
        self.assertTrue(any('debug worker' in line or 'client=' in line for line in lines), lines)
        for line in lines:
            level = line.split()[1]
            self.assertEqual(line[:3], levels.get(level, '<6>'), line)

    def test_another_log(self):
        for stream in ('{}:1', '1:{}', '', ':', 'x:y', '{}'):
            for line in self.lines(stream):
                self.assertFalse(line.startswith('<'), line)


def find(tool):
    if not shutil.which(tool):
        raise unittest.SkipTest(f'{tool} is not installed')
    return tool


class TestSystemd(Case):
    def test_socket_activate(self):
        tool = find('systemd-socket-activate')
        process = subprocess.Popen([tool, '-l', self.path(), harness.PROGRAM, 'serve'], stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, text=True)
        try:
            def connect():  # the socket is there a moment before it listens
                with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
                    return Client(self.path(), timeout=60)
            with wait_for(connect, what='the socket takes clients') as client:
                self.assertTrue(client.is_alive())
            self.assertEqual(process.stdout.readline(), f'READY {self.path()}\n')
            process.terminate()
            self.assertEqual(process.wait(60), 0)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    def units(self, kind):
        """The units with our program, as they are installed."""
        paths = []
        for source in sorted(glob.glob(f'{UNITS}/{kind}/*.in')):
            with open(source) as file:
                text = file.read()
            self.assertIn('@VITRINE@' if '.service' in source else '[Socket]', text)
            path = self.path(os.path.basename(source).removesuffix('.in').replace('@.', '@vm1.'))
            with open(path, 'w') as file:
                file.write(text.replace('@VITRINE@', harness.PROGRAM))
            paths.append(path)
        self.assertTrue(paths)
        return paths

    def test_units(self):
        tool = find('systemd-analyze')
        for kind in ('system', 'user'):
            done = subprocess.run([tool, f'--{kind}', 'verify', '--man=no', *self.units(kind)], capture_output=True,
                                  text=True, env={**os.environ, 'XDG_RUNTIME_DIR': self.folder})
            self.assertEqual((done.returncode, done.stderr), (0, ''))

    def test_commands_of_units(self):
        """Their commands start, with the socket of the .socket unit."""
        for kind in ('system', 'user'):
            values = {}
            for path in self.units(kind):
                with open(path) as file:
                    values[os.path.basename(path)] = dict(
                        line.split('=', 1) for line in file.read().splitlines() if '=' in line and line[0] != '#')
            for name, unit in values.items():
                if name.endswith('.service') and name != 'vitrine-cdi.service':  # that one ends: test_cdi.py
                    with contextlib.suppress(KeyError):
                        place = values[name.replace('.service', '.socket')]['ListenStream']
                        self.assertIn(f'--socket {place}', unit['ExecStart'])
                    words = unit['ExecStart'].replace('$OPTIONS', '--display 640x480').replace('%i', 'vm1').split()
                    for folder in ('/run/vitrine-serve', '/run/vitrine/vm1', '%t/vitrine'):
                        words = [word.replace(folder, self.folder) for word in words]
                    service = Service([], *words[1:])
                    self.assertTrue(service.ready().startswith(self.folder))
                    self.assertEqual(service.stop(), 0)


if __name__ == '__main__':
    harness.main()
