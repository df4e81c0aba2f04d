#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Workers that are forked from a process which has loaded the driver: test_zygote.py VITRINE MANIFEST

MANIFEST: of the driver in tests/driver, which has one device that is not a CPU.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

import harness
from harness import wait_for
from vtest import Client

MANIFEST = None
LOADED = 'libraries are loaded'


class Server(harness.Server):
    def __init__(self, *args, ready=True, **more):
        super().__init__('--log', 'info,zygote=debug', *args, **more)
        if ready:
            self.wait_ready(1)

    def zygotes(self):
        return harness.children_with(self.pid, 'zygote')

    def wait_ready(self, times):
        """Until a zygote has been ready so many times."""
        wait_for(lambda: self.log().count(LOADED) == times, what=f'{times} zygotes were ready')

    def client(self):
        """-> a connected client, and its worker"""
        before = set(self.workers())
        client = Client(self.path)
        assert client.is_alive()  # now it has everything that a worker has
        worker, = set(self.workers()) - before
        return client, worker


def library_addresses(pid):
    """Where each library lies: the same in processes that were forked from one another."""
    found = {}
    with open(f'/proc/{pid}/maps') as file:
        for line in file:
            words = line.split()
            if len(words) > 5 and '.so' in words[5]:
                found.setdefault(words[5], words[0].split('-')[0])
    return found


def is_forked(worker, zygote):
    libc, = (path for path in library_addresses(zygote) if '/libc.so' in path)
    return library_addresses(worker)[libc] == library_addresses(zygote)[libc]


def open_files(pid):
    """What kinds of files it has open, by number, without numbers of pipes and sockets."""
    found = {}
    for number in os.listdir(f'/proc/{pid}/fd'):
        found[int(number)] = re.sub(r'\d+', 'N', os.readlink(f'/proc/{pid}/fd/{number}'))
    return found


def status_fields(pid):
    """Limits and the sandbox of a process, as the kernel reports them."""
    with open(f'/proc/{pid}/status') as file:
        rows = dict(line.split(':\t', 1) for line in file if ':\t' in line)
    with open(f'/proc/{pid}/limits') as file:
        limits = file.read()
    return [rows[name] for name in ('NoNewPrivs', 'Seccomp', 'Seccomp_filters', 'SigIgn', 'SigBlk', 'CapEff')], limits


class TestForked(unittest.TestCase):
    def test_like_a_started_one(self):
        """The same name, parent, session, fds, limits and sandbox as a worker that was started as a program."""
        with Server() as server, Server('-o', 'zygote=off', ready=False) as plain:
            zygote, = server.zygotes()
            self.assertEqual(plain.zygotes(), [])
            forked_client, forked = server.client()
            started_client, started = plain.client()
            self.assertTrue(is_forked(forked, zygote))
            self.assertFalse(is_forked(started, zygote))
            self.assertEqual(harness.command_line(forked)[1], 'worker')
            self.assertEqual(os.getsid(forked), forked)
            self.assertEqual(open_files(forked), open_files(started))
            self.assertEqual(status_fields(forked), status_fields(started))
            self.assertEqual(harness.count_threads(zygote), 1)
            forked_client.close()
            started_client.close()
            server.wait_workers(0)
            plain.wait_workers(0)
            self.assertEqual(server.zygotes(), [zygote])

    def test_its_death_is_told(self):
        """By the same lines, and at once."""
        with Server() as server:
            client, worker = server.client()
            os.kill(worker, signal.SIGKILL)
            server.wait_log(f'{worker}', 10)
            server.wait_workers(0)
            self.assertRegex(server.log(), rf'{worker}.*signal 9')
            client.close()

    def test_many(self):
        with Server() as server:
            zygote, = server.zygotes()
            fds = server.fds()
            for _ in range(40):
                client, worker = server.client()
                self.assertTrue(is_forked(worker, zygote))
                client.close()
            server.wait_workers(0)
            wait_for(lambda: server.fds() == fds, what='the fds of workers are closed')
            self.assertEqual(harness.count_fds(zygote), 4)


class TestZygote(unittest.TestCase):
    def test_killed(self):
        """Its workers live on, others are started as programs, and it comes back."""
        with Server() as server:
            first, = server.zygotes()
            client, worker = server.client()
            os.kill(first, signal.SIGKILL)
            server.wait_log('the process that workers are forked from has ended')
            self.assertTrue(client.is_alive())
            other, _ = server.client()
            self.assertTrue(other.is_alive())
            server.wait_ready(2)
            second, = server.zygotes()
            self.assertNotEqual(first, second)
            third, forked = server.client()
            self.assertTrue(is_forked(forked, second))
            for each in (client, other, third):
                each.close()

    def test_stopped(self):
        """A client waits for it for a limited time, and is served."""
        with Server() as server:
            zygote, = server.zygotes()
            os.kill(zygote, signal.SIGSTOP)
            client = Client(server.path)
            self.assertTrue(client.is_alive())
            self.assertIn('does not answer', server.log())
            server.wait_ready(2)
            client.close()

    def test_ends_with_its_server(self):
        server = Server()
        with server:
            zygote, = server.zygotes()
            os.kill(server.pid, signal.SIGKILL)
            wait_for(lambda: harness.is_gone(zygote), what='the zygote has ended')
            server.discard()
            server.stop = lambda: None

    def test_driver_changes(self):
        """A driver that was updated is loaded anew."""
        with tempfile.TemporaryDirectory(prefix='vitrine-test-') as folder:
            with open(MANIFEST) as file:
                manifest = json.load(file)
            library = os.path.join(folder, 'driver.so')
            source = os.path.join(os.path.dirname(MANIFEST), manifest['ICD']['library_path'])
            shutil.copy(source, library)
            manifest['ICD']['library_path'] = library
            path = os.path.join(folder, 'icd.json')
            with open(path, 'w') as file:
                json.dump(manifest, file)
            with Server('-o', f'driver={path}', '-o', 'zygote=on') as server:
                first, = server.zygotes()
                self.assertIn(library, library_addresses(first))
                shutil.copy(source, library + '.new')
                os.rename(library + '.new', library)
                client, worker = server.client()
                self.assertIn(f'{library} has changed', server.log())
                self.assertFalse(is_forked(worker, first) if first in server.zygotes() else False)
                server.wait_ready(2)
                second, = server.zygotes()
                self.assertNotEqual(first, second)
                other, forked = server.client()
                self.assertTrue(is_forked(forked, second))
                client.close()
                other.close()


class TestOption(unittest.TestCase):
    def test_auto_is_for_cpus(self):
        with Server('-o', f'driver={MANIFEST}', ready=False) as server:
            client, _ = server.client()
            self.assertEqual(server.zygotes(), [])
            client.close()

    def test_run(self):
        """Has one only if it is told to."""
        for options, expected in (([], False), (['-o', 'zygote=on'], True)):
            with subprocess.Popen([harness.PROGRAM, 'run', *options, '--', 'sh', '-c', 'echo up; read end'],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
                self.assertEqual(run.stdout.readline(), 'up\n')
                if expected:
                    wait_for(lambda: harness.children_with(run.pid, 'zygote'), what='a zygote')
                else:
                    harness.wait_prober(run.pid)
                    self.assertEqual(harness.children_with(run.pid, 'zygote'), [])
                run.communicate('\n', timeout=harness.SECONDS)

    def test_wrong_value(self):
        done = subprocess.run([harness.PROGRAM, 'serve', '--socket', '/nonexistent/x', '-o', 'zygote=maybe'],
                              stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("bad value: '-o zygote=maybe'", done.stderr)

    def test_internal(self):
        done = subprocess.run([harness.PROGRAM, 'zygote'], stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn('this command is internal', done.stderr)


if __name__ == '__main__':
    MANIFEST = os.path.abspath(sys.argv.pop(2))
    harness.main()
