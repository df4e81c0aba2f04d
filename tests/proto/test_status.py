#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who uses what of `vitrine serve`: `vitrine status`, and the socket that answers it."""

import array
import contextlib
import json
import os
import socket
import subprocess
import unittest
import urllib.error
import urllib.request

import harness
import venus
import vtest
from test_identities import NOBODY, Other
from test_service import Case, Service
from vtest import Client

PART = 8 << 20


def status(server, *args, **options):
    """-> the process of `vitrine status`, which has ended"""
    return subprocess.run([harness.PROGRAM, 'status', '--socket', server.path, *args], capture_output=True, text=True,
                          timeout=60, **options)


def describe(server):
    done = status(server, '--json')
    harness.expect(done.returncode == 0, done.stderr)
    return json.loads(done.stdout)


def ask(path):
    """-> the bytes and fds that come from the socket for the status until its end"""
    got, fds = b'', array.array('i')
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(60)
        sock.connect(path)
        while True:
            data, ancillary, _, _ = sock.recvmsg(16, socket.CMSG_LEN(64))
            for _, _, payload in ancillary:
                fds.frombytes(payload)
            if not data:
                return got, list(fds)
            got += data


class Status(unittest.TestCase):
    def start(self, *args, is_user=False):
        server = harness.Server('--mode', '0666', *args)
        self.addCleanup(server.stop)
        os.chmod(server.dir, 0o755)
        other = Other(server.path, is_user)
        self.addCleanup(other.end)
        return server, other

    def check_memory(self, is_user):
        server, other = self.start('--max-device-memory', '32M', is_user=is_user)
        self.assertEqual(other.connect(1), 1)
        other.open_gpus()
        self.assertEqual(other.take_device_memory(0, 500, PART), 0)
        self.assertEqual(other.take_device_memory(0, 501, 4 * PART), -2)
        with Client(server.path) as client:
            gpu = venus.Gpu(client)
            gpu.call(venus.allocate_memory(venus.DEVICE, 500, 2 * PART))
            found = describe(server)
            self.assertEqual((found['connections'], found['max_connections']), (2, 1024))
            self.assertEqual((found['max_device_bytes'], found['max_device_percent']), (32 << 20, None))
            by_pid = {program['pid']: (identity, program) for identity in found['identities']
                      for program in identity['programs']}
            self.assertEqual(set(by_pid), {os.getpid(), other.pid})
            self.assertEqual({program['worker'] for _, program in by_pid.values()}, set(server.workers()))
            for pid, count, refused in ((os.getpid(), 2, 0), (other.pid, 1, 1)):
                identity, program = by_pid[pid]
                self.assertEqual(identity['uid'], NOBODY if pid == other.pid and is_user else os.geteuid())
                self.assertEqual(identity['connections'], 1)
                self.assertEqual(program['device_bytes'], count * PART)
                self.assertEqual(identity['device_bytes'], count * PART)
                self.assertGreater(program['mapped_bytes'], count * PART)  # of lavapipe, it is both
                self.assertEqual(identity['refused'], {'connection': 0, 'place': 0, 'mapped': 0, 'device': refused})
                self.assertFalse(program['unread'])
            self.assertIsNone(by_pid[os.getpid()][0]['max_mapped_bytes'])
            text = status(server).stdout
            self.assertIn('2 of 1024 connections', text)
            self.assertIn(f'program {os.getpid()}, worker', text)
            self.assertIn('8.0 MiB of GPUs', text)
        # What was refused is remembered for a while; what was used is given back.
        other.close(0)
        server.wait_workers(0, 20)
        row, = describe(server)['identities']
        self.assertEqual((row['connections'], row['device_bytes'], row['refused']['device']), (0, 0, 1))

    def test_a_user(self):
        self.check_memory(True)

    def test_a_container(self):
        self.check_memory(False)

    def test_refusals(self):
        """Connections that are reset, or give way."""
        server, other = self.start('--max-clients', '4', '--max-clients-per-user', '3', is_user=True)
        self.assertEqual(other.connect(4), 3)
        with Client(server.path), Client(server.path) as client:
            self.assertTrue(client.is_alive())
            rows = {row['programs'][0]['pid']: row for row in describe(server)['identities'] if row['programs']}
            self.assertEqual(rows[other.pid]['refused']['connection'], 1)
            self.assertEqual(rows[other.pid]['refused']['place'], 1)
            self.assertEqual(rows[other.pid]['max_connections'], 3)

    def test_unread(self):
        server, other = self.start('-o', 'reply-timeout=120000')
        other.connect(1)
        other.stop_reading()
        row, = describe(server)['identities']
        self.assertTrue(row['programs'][0]['unread'])

    def test_names(self):
        """The name of a control group is a text that its owner chooses."""
        server, other = self.start()
        if not other.cgroup:
            self.skipTest('takes a control group that can be divided')
        name = os.path.join(other.cgroup, 'a"b\\c\x1b[31m\xff{}' + 160 * 'x').encode('utf-8', 'surrogateescape')
        os.mkdir(name)
        try:
            with subprocess.Popen(['sh', '-c', 'read line; exec "$@"', 'sh', harness.sys.executable, '-c',
                                   'import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); '
                                   'print(flush=True); sys.stdin.read()', server.path],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
                with open(os.path.join(name, b'cgroup.procs'), 'w') as file:
                    file.write(str(process.pid))
                process.stdin.write(b'\n')
                process.stdin.flush()
                process.stdout.readline()
                harness.wait_for(lambda: describe(server)['connections'] == 1, 60, 'its connection')
                row, = describe(server)['identities']
                text = status(server).stdout
        finally:
            harness.wait_until(lambda: not open(os.path.join(name, b'cgroup.procs')).read())
            os.rmdir(name)
        self.assertTrue(row['cgroup'].startswith('...'), row)
        self.assertTrue(row['cgroup'].endswith('x' * 60), row)
        self.assertTrue(text.replace('\n', '').isprintable() and text.isascii())

    def test_who_may_ask(self):
        """The server's user and root, but not from a container; nobody else."""
        server, _ = self.start()
        self.assertEqual(os.stat(server.status_path).st_mode & 0o777, 0o600)
        self.assertEqual(os.stat(os.path.dirname(server.status_path)).st_mode & 0o777, 0o700)
        if os.geteuid() != 0:
            self.skipTest('takes root')
        done = status(server, user=NOBODY)
        self.assertEqual((done.returncode, done.stdout), (1, ''))
        # Even where the permissions would let them.
        os.chmod(server.status_path, 0o666)
        os.chmod(os.path.dirname(server.status_path), 0o755)
        done = status(server, user=NOBODY)
        self.assertEqual((done.returncode, done.stdout), (1, ''))
        self.assertIn('It answers its own user and root', done.stderr)
        server.wait_log('asks who uses what that may not')
        for kind in ('--pid', '--user'):
            done = subprocess.run(['unshare', kind, '--fork', harness.PROGRAM, 'status', '--socket', server.path],
                                  capture_output=True, text=True)
            if 'unshare:' not in done.stderr:
                self.assertEqual((done.returncode, done.stdout), (1, ''), kind)
        # A service often has a mount namespace.
        done = subprocess.run(['unshare', '--mount', harness.PROGRAM, 'status', '--socket', server.path],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_the_answer(self):
        """One byte with two fds of memory that cannot be changed, and the end; whatever is sent is not read."""
        server, _ = self.start()
        data, fds = ask(server.status_path)
        self.assertEqual((len(data), len(fds)), (1, 2))
        for fd in fds:
            with self.assertRaises(OSError):
                os.pwrite(fd, b'x', 0)
            with self.assertRaises(OSError):
                os.ftruncate(fd, 0)
            os.close(fd)
        for junk in (b'', b'\0', os.urandom(65536)):
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(server.status_path)
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    sock.sendall(junk)
                    with open('/dev/null') as file:
                        socket.send_fds(sock, [b'x'], [file.fileno()])
        server.expect_alive()
        self.assertEqual(describe(server)['connections'], 0)

    def test_many_ask(self):
        """However many ask, and do not read the answer: the server answers some each second, and serves programs."""
        server, _ = self.start()
        askers = []
        for _ in range(60):
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(server.status_path)
            askers.append(sock)
        for _ in range(100):
            with Client(server.path) as client:
                self.assertTrue(client.is_alive())
            for _ in range(20):
                with socket.socket(socket.AF_UNIX) as sock:
                    sock.setblocking(False)
                    with contextlib.suppress(BlockingIOError):
                        sock.connect(server.status_path)
        harness.wait_idle(server.pid, 'askers that do not read')
        for sock in askers:
            sock.close()
        self.assertEqual(describe(server)['connections'], 0)
        self.assertLess(harness.count_fds(server.pid), 64)

    def test_other_paths(self):
        """--status-socket names another one, or none answers."""
        server = harness.Server('--status-socket', '{dir}/asked')
        self.addCleanup(server.stop)
        self.assertFalse(os.path.exists(os.path.dirname(server.status_path)))
        done = subprocess.run([harness.PROGRAM, 'status', '--status-socket', f'{server.dir}/asked'], capture_output=True,
                              text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = status(server)
        self.assertEqual(done.returncode, 1)
        self.assertIn('ask as its user or as root', done.stderr)
        for args in ((), ('--socket', 'a', '--status-socket', 'b')):
            self.assertEqual(subprocess.run([harness.PROGRAM, 'status', *args], capture_output=True).returncode, 2)

    def test_wrong_servers(self):
        """What answers there may be anything: it does not reach the terminal."""
        server, _ = self.start()
        path = os.path.join(server.dir, 'fake')
        readable, writable = os.pipe()
        os.close(writable)
        memory = os.memfd_create('fake')
        os.write(memory, b'\x1b[31m')
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(path)
            self.addCleanup(os.unlink, path)
            sock.listen()
            for fds in ([], [memory], [readable, readable], [memory, memory], 3 * [memory]):
                asker = subprocess.Popen([harness.PROGRAM, 'status', '--status-socket', path], stdout=subprocess.PIPE,
                                         stderr=subprocess.PIPE)
                connection, _ = sock.accept()
                with connection:
                    socket.send_fds(connection, [b'x'], fds)
                out, err = asker.communicate(timeout=60)
                self.assertEqual((asker.returncode, out), (1, b''), fds)
                self.assertNotIn(b'\x1b', err)
        os.close(memory)
        os.close(readable)


# Root in a container: its own namespaces, and no capability.
CONTAINER = ['unshare', '--pid', '--mount', '--net', '--ipc', '--uts', '--cgroup', '--fork', 'setpriv', '--bounding-set=-all',
             '--inh-caps=-all', '--no-new-privs']
STRANGER = 65533
# Connects as fast as it can, to keep the queue full.
FLOOD = '''
import contextlib, os, socket, sys
def fill():
    socks = [socket.socket(socket.AF_UNIX) for _ in range(200)]
    for sock in socks:
        sock.setblocking(False)
        with contextlib.suppress(OSError):
            sock.connect(sys.argv[1])
os.setuid(int(sys.argv[2]))
fill()
print(flush=True)
while True:
    fill()
'''


class OfAnotherUser(Case):
    """The packaged service: systemd makes the sockets, as root, and the server has a uid of its own (DynamicUser=)."""

    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest('takes root, to act as two users')
        super().setUp()
        os.chmod(self.folder, 0o755)
        self.clients, self.private = self.path('vitrine-serve'), self.path('vitrine-serve.status')
        os.mkdir(self.clients)
        os.mkdir(self.private, 0o700)

    def serve(self, status='vitrine-serve.status/vtest.sock', *args):
        sockets = self.listen('vitrine-serve/vtest.sock'), self.listen(status)
        for sock in sockets:
            sock.listen(128)
        service = Service(sockets, 'serve', '--socket',
                          f'{self.clients}/vtest.sock', *args,
                          prefix=(harness.shutil.which('setpriv'), f'--reuid={NOBODY}', f'--regid={NOBODY}', '--clear-groups'))
        self.addCleanup(service.end)
        self.addCleanup(service.process.terminate)
        service.ready()
        return service

    def ask(self, *prefix, path=None, **options):
        """-> whether `vitrine status` answers"""
        where = ['--status-socket', path] if path else ['--socket', f'{self.clients}/vtest.sock']
        done = subprocess.run([*prefix, harness.PROGRAM, 'status', *where], capture_output=True, text=True, timeout=60, **options)
        self.assertNotIn('unshare:', done.stderr)
        self.assertEqual(done.stdout != '', done.returncode == 0)
        return done.returncode == 0

    def test_root_is_answered(self):
        """sudo vitrine status, also from a mount namespace of its own."""
        self.serve()
        self.assertTrue(self.ask())
        self.assertTrue(self.ask('unshare', '--mount'))

    def test_root_in_a_container(self):
        """The attack of the second audit, and parts of it; with the path, as if a mount had gone wrong."""
        service = self.serve()
        self.assertFalse(self.ask(*CONTAINER))
        for kind in ('--pid',), ('--user',), ('--user', '--map-root-user'):
            self.assertFalse(self.ask('unshare', *kind, '--fork'), kind)
        service.wait_log('asks who uses what that may not')
        self.assertTrue(self.ask())

    def test_others(self):
        self.serve()
        for user in STRANGER, NOBODY:
            self.assertFalse(self.ask(user=user, group=user, extra_groups=[]), 'the folder lets nobody in')
        os.chmod(self.private, 0o755)
        os.chmod(f'{self.private}/vtest.sock', 0o666)
        self.assertFalse(self.ask(user=STRANGER, group=STRANGER, extra_groups=[]))
        self.assertTrue(self.ask(user=NOBODY, group=NOBODY, extra_groups=[]), 'the own user')

    def test_in_the_folder_of_clients(self):
        """Who has mounted it may be anywhere, so uid 0 is no sign."""
        for status in 'vitrine-serve/asked', 'vitrine-serve/below/asked':
            os.makedirs(os.path.dirname(self.path(status)), exist_ok=True)
            path = self.path(status)
            service = self.serve(status, '--status-socket', path)
            self.assertFalse(self.ask(path=path), status)
            self.assertFalse(self.ask(*CONTAINER, path=path), status)
            service.process.terminate()
            service.process.wait(60)
            os.unlink(f'{self.clients}/vtest.sock')

    def test_what_a_container_gets(self):
        """`vitrine cdi` mounts the clients' folder, in which there is nothing else."""
        self.serve()
        os.chmod(f'{self.clients}/vtest.sock', 0o666)
        done = subprocess.run([harness.PROGRAM, 'cdi', '--socket', f'{self.clients}/vtest.sock', '--guest-driver', 'none'],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        mounts = [mount['hostPath'] for device in json.loads(done.stdout)['devices']
                  for mount in device['containerEdits']['mounts']]
        self.assertEqual(mounts, [self.clients])
        self.assertEqual(os.listdir(self.clients), ['vtest.sock'])

    def test_those_who_may_not_ask_hold_nobody_up(self):
        """They keep the queue full."""
        self.serve()
        os.chmod(self.private, 0o755)
        os.chmod(f'{self.private}/vtest.sock', 0o666)
        floods = [subprocess.Popen([harness.sys.executable, '-c', FLOOD, f'{self.private}/vtest.sock', str(STRANGER)],
                                   stdout=subprocess.PIPE) for _ in range(2)]
        try:
            for flood in floods:
                flood.stdout.readline()
            for _ in range(3):
                self.assertTrue(self.ask())
            with Client(f'{self.clients}/vtest.sock') as client:
                self.assertTrue(client.is_alive())
        finally:
            for flood in floods:
                flood.kill()
                flood.wait()
                flood.stdout.close()


class Folders(unittest.TestCase):
    """The server makes the folder itself, without a manager."""

    def test_one_of_another_user(self):
        """Who makes it first, for instance in /tmp, gets no answers in it; programs are served."""
        if os.geteuid() != 0:
            self.skipTest('takes root, to act as two users')
        folder = harness.tempfile.mkdtemp(prefix='vitrine-test-')
        self.addCleanup(harness.shutil.rmtree, folder)
        os.makedirs(f'{folder}/in')
        for make in (lambda path: (os.mkdir(path), os.chown(path, NOBODY, NOBODY)), lambda path: os.symlink(folder, path),
                     lambda path: open(path, 'w').close()):
            place = f'{folder}/in.status'
            make(place)
            service = Service([], 'serve', '--socket', f'{folder}/in/sock')
            service.ready()
            self.assertIn("'vitrine status' gets no answer", service.log())
            with Client(f'{folder}/in/sock') as client:
                self.assertTrue(client.is_alive())
            self.assertEqual(service.stop(), 0)
            self.assertFalse(os.path.exists(f'{folder}/sock'))
            (os.rmdir if os.path.isdir(place) and not os.path.islink(place) else os.unlink)(place)

    def test_one_that_was_left_open(self):
        folder = harness.tempfile.mkdtemp(prefix='vitrine-test-')
        self.addCleanup(harness.shutil.rmtree, folder)
        os.makedirs(f'{folder}/in')
        os.mkdir(f'{folder}/in.status')
        os.chmod(f'{folder}/in.status', 0o777)
        service = Service([], 'serve', '--socket', f'{folder}/in/sock')
        service.ready()
        self.assertEqual(os.stat(f'{folder}/in.status').st_mode & 0o777, 0o700)
        self.assertEqual(service.stop(), 0)
        self.assertEqual(os.listdir(folder), ['in'])


class Metrics(unittest.TestCase):
    """What Prometheus gets. The web server is that of `vitrine gpu`, whose tests are in test_web.py."""

    def start(self, *args):
        server = harness.Server('--http', '127.0.0.1:0', *args)
        self.addCleanup(server.stop)
        words = server.process.stdout.readline().split()
        self.assertEqual(words[0], 'METRICS')
        self.link, self.token = words[1].split('?token=')
        return server

    def get(self, link=None, token=None, **headers):
        """-> status, body"""
        request = urllib.request.Request(link or self.link, headers=headers)
        request.add_header('Authorization', f'Bearer {token or self.token}')
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def value(self, name, *labels):
        """-> the sum of the rows with these labels"""
        rows = [line for line in self.get()[1].splitlines() if line.startswith(name + '{')]
        return sum(float(row.rsplit(' ', 1)[1]) for row in rows if all(label in row for label in labels))

    def test_metrics(self):
        server = self.start('--max-device-memory', '32M')
        status, body = self.get()
        self.assertEqual(status, 200)
        for line in body.splitlines():
            self.assertRegex(line, r'^# (HELP|TYPE) vitrine_\w+ .+$|^vitrine_\w+(\{(\w+="([^"\\]|\\.)*",?)*\})? [0-9.e+]+$')
        self.assertIn('vitrine_http_requests_total 1\n', body)
        self.assertNotIn('vitrine_display', body)
        with Client(server.path) as client:
            gpu = venus.Gpu(client)
            gpu.call(venus.allocate_memory(venus.DEVICE, 500, PART))
            gpu.call(venus.allocate_memory(venus.DEVICE, 501, 8 * PART), allowed=(-2,))
            mine = f'uid="{os.geteuid()}"'
            harness.wait_for(lambda: self.value('vitrine_serve_connections', mine) == 1, 60, 'the connection')
            harness.wait_for(lambda: self.value('vitrine_serve_memory_bytes', mine, 'kind="device"') == PART, 60, 'memory')
            harness.wait_for(lambda: self.value('vitrine_serve_refused_total', mine, 'reason="device"') == 1, 60,
                             'the refusal')
            self.assertEqual(self.value('vitrine_serve_refused_total', mine), 1)
        harness.wait_for(lambda: self.value('vitrine_serve_connections', mine) == 0, 60, 'the end')

    def test_who_may_ask(self):
        """As for displays; and there is nothing else to see."""
        server = self.start()
        self.assertEqual(self.get(token='x')[0], 401)
        self.assertEqual(self.get(Host='example.org')[0], 403)
        self.assertEqual(self.get(Origin='http://example.org')[0], 403)
        root = self.link.removesuffix('/metrics')
        for path in ('/', '/page.js', '/api/displays', '/api/displays/0/frame.png', '/nothing'):
            self.assertEqual(self.get(root + path)[0], 404, path)
        self.assertEqual(self.get(root + '/ws', Connection='Upgrade', Upgrade='websocket',
                                  **{'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==', 'Sec-WebSocket-Version': '13',
                                     'Sec-WebSocket-Protocol': 'vitrine.1'})[0], 404)
        request = urllib.request.Request(root + '/api/displays/0', data=b'{"width":640,"height":480}', method='PUT')
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request)
        self.assertEqual(caught.exception.code, 405)
        self.assertEqual(server.workers()[1:], [])

    def test_a_killed_process(self):
        """The process that faces the network is started again, with the metrics."""
        server = self.start()
        screen, = harness.children_with(server.pid, 'screen')
        os.kill(screen, 9)
        harness.wait_for(lambda: harness.children_with(server.pid, 'screen') not in ([screen], []), 60, 'another one')

        def is_back():
            with contextlib.suppress(OSError):
                return self.get()[0] == 200
        harness.wait_for(is_back, 60, 'an answer')
        with Client(server.path) as client:
            self.assertTrue(client.is_alive())

    def test_refusals(self):
        for args, text in ((('--http', '0.0.0.0:0'), 'insecure'), (('--http', 'nonsense'), 'nonsense')):
            with self.assertRaises(AssertionError) as caught:
                harness.Server(*args)
            self.assertIn(text, str(caught.exception))


if __name__ == '__main__':
    harness.main()
