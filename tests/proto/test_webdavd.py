#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian's spice-webdavd, as a guest runs it, with vitrine's socket for its virtio port (tests/proto/virtio_port.c), and programs
that guests have: curl, cadaver, and litmus, which checks WebDAV servers."""

import hashlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

import harness
import screen
import webdav
from webdav import Viewer

MIB = 1 << 20
PRELOAD = None
NEEDS = {'spice-webdavd': webdav.DAEMON, **{name: shutil.which(name) for name in ('curl', 'cadaver', 'litmus')}}
# What the server does not do, and says: properties of the client's own, and locks that are shared.
LITMUS_REFUSED = {'props': ['propfind_invalid', 'propfind_invalid2', 'propset', 'propmanyns', 'propget'],
                  'locks': ['discover', 'owner_modify', 'lock_shared']}


class DaemonTest(unittest.TestCase):
    def setUp(self):
        for name, path in NEEDS.items():
            if not path:
                self.skipTest(f'there is no {name}: tools/setup test')
        self.dir = tempfile.mkdtemp(prefix='vitrine-webdavd-')
        self.addCleanup(shutil.rmtree, self.dir)
        self.port = os.path.join(self.dir, 'port')
        self.front = screen.Front(f'webdav={self.port}', 'webdav-size=512')
        self.addCleanup(self.front.stop)
        self.daemon = webdav.Daemon(self.port, PRELOAD, os.path.join(self.dir, 'log'))
        self.addCleanup(self.daemon.stop)
        self.viewer = Viewer(self.front)
        self.addCleanup(self.viewer.close)

    def run_program(self, *args, **options):
        return subprocess.run(args, cwd=self.dir, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120,
                              check=False, **options)

    def curl(self, *args):
        done = self.run_program('curl', '-sS', '-o', 'answer', '-w', '%{http_code}', *args)
        return done.stdout

    def write(self, name, data):
        path = os.path.join(self.dir, name)
        with open(path, 'wb') as file:
            file.write(data)
        return path

    def read(self, name):
        with open(os.path.join(self.dir, name), 'rb') as file:
            return file.read()


class Webdavd(DaemonTest):
    def test_curl(self):
        data = random.Random(1).randbytes(5 * MIB)
        self.write('ä ö.bin', data)
        self.assertEqual(self.curl('-T', 'ä ö.bin', self.daemon.url + '%C3%A4%20%C3%B6.bin'), '201')
        entry = self.viewer.entries()['ä ö.bin']
        self.assertEqual(self.viewer.fetch(entry.id), (webdav.DONE, data))
        self.assertEqual(self.viewer.give(b'von der Seite', data), webdav.DONE)
        self.assertEqual(self.curl(self.daemon.url + 'von%20der%20Seite'), '200')
        self.assertEqual(self.read('answer'), data)
        self.assertEqual(self.curl('-r', '100-199', self.daemon.url + 'von%20der%20Seite'), '206')
        self.assertEqual(self.read('answer'), data[100:200])
        with open(os.path.join(self.dir, 'ä ö.bin'), 'rb') as source: # of unknown size: in chunks
            self.assertEqual(self.run_program('curl', '-sS', '-o', 'answer', '-w', '%{http_code}', '-T', '-',
                                              self.daemon.url + 'piped', stdin=source).stdout, '201')
        self.assertEqual(self.viewer.fetch(self.viewer.entries()['piped'].id), (webdav.DONE, data))

    def test_cadaver(self):
        self.write('up.txt', b'up')
        orders = ['put up.txt', 'mkcol sub', 'copy up.txt sub/', 'move up.txt b.txt', 'lock b.txt', 'get b.txt down.txt', 'unlock b.txt',
                  'delete b.txt', 'ls sub', 'quit']
        text = self.run_program('cadaver', self.daemon.url, input='\n'.join(orders) + '\n').stdout
        self.assertNotIn('failed', text)
        self.assertIn('up.txt', text.split('ls sub')[1])
        self.assertEqual(self.read('down.txt'), b'up')
        entries = self.viewer.entries()
        self.assertEqual(list(entries), ['sub'])
        self.assertEqual(list(self.viewer.entries(entries['sub'].id)), ['up.txt'])

    def test_litmus(self):
        text = self.run_program('litmus', '-k', self.daemon.url).stdout
        for suite in 'basic', 'copymove', 'props', 'locks', 'http':
            part = text.split(f"running `{suite}'")[1].split('summary for')[0]
            failed = re.findall(r'(\w+)\.* FAIL', part)
            self.assertEqual(set(failed) - set(LITMUS_REFUSED.get(suite, [])), set(), part)

    def test_several_clients_at_once(self):
        data = random.Random(2).randbytes(3 * MIB)
        self.write('file', data)
        programs = [subprocess.Popen(['curl', '-sSf', '-T', 'file', f'{self.daemon.url}{i}'], cwd=self.dir, stdout=subprocess.DEVNULL)
                    for i in range(12)]
        self.assertEqual([program.wait(60) for program in programs], [0] * 12)
        programs = [subprocess.Popen(['curl', '-sSf', '-o', f'out{i}', f'{self.daemon.url}{i}'], cwd=self.dir) for i in range(12)]
        self.assertEqual([program.wait(60) for program in programs], [0] * 12)
        self.assertTrue(all(self.read(f'out{i}') == data for i in range(12)))

    def test_a_killed_client_leaves_nothing(self):
        self.write('large', bytes(100 * MIB))
        program = subprocess.Popen(['curl', '-sS', '--limit-rate', '2M', '-T', 'large', self.daemon.url], cwd=self.dir,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        harness.wait_for(self.used, 60, 'the first bytes')
        program.kill()
        program.wait()
        harness.wait_for(lambda: self.used() == 0, 60, 'nothing is left')
        self.assertEqual(self.viewer.entries(), {})

    def used(self):
        with Viewer(self.front) as viewer:
            return viewer.wait('folder')['used']

    def begin_download(self):
        """-> a program that has the first bytes"""
        while True:
            program = subprocess.Popen(['curl', '-sS', '--limit-rate', '2M', '-o', 'part', self.daemon.url + 'large'], cwd=self.dir,
                                       stderr=subprocess.DEVNULL)
            part = os.path.join(self.dir, 'part')
            harness.wait_for(lambda: os.path.exists(part) or program.poll() is not None, 60, 'the first bytes')
            if os.path.exists(part):
                return program

    def test_a_killed_download(self):
        """The daemon tells the end of such a client late or never, and gives its number to another one, which may get the rest
        of the file for an answer. The one after it does not."""
        self.write('large', bytes(100 * MIB))
        self.assertEqual(self.curl('-T', 'large', self.daemon.url), '201')
        for _ in range(5):
            program = self.begin_download()
            program.send_signal(signal.SIGKILL)
            program.wait()
            os.unlink(os.path.join(self.dir, 'part'))
            harness.wait_for(lambda: self.curl('-m', '5', '-r', '0-9', self.daemon.url + 'large') == '206', 60, 'the next client')

    def test_the_daemon_starts_again(self):
        self.write('file', b'kept')
        self.assertEqual(self.curl('-T', 'file', self.daemon.url), '201')
        self.daemon.process.kill()
        self.daemon.process.wait()
        self.viewer.wait_state(webdav.ABSENT)
        self.daemon.start()
        self.assertEqual(self.curl(self.daemon.url + 'file'), '200')
        self.assertEqual(self.read('answer'), b'kept')

    def test_the_screen_process_starts_again(self):
        before = self.front.screen()
        screen.kill(before)
        harness.wait_for(lambda: [pid for pid in harness.children(self.front.pid) if pid != before], 60, 'a new process')
        # The daemon notices, and opens its port again.
        harness.wait_for(lambda: self.curl('-m', '5', '-X', 'OPTIONS', self.daemon.url) == '200', 60, 'an answer')


class LargeFile(DaemonTest):
    """In `make test-long`."""

    def test_200_megabytes(self):
        data = random.Random(7).randbytes(200_000_000)
        self.write('large.bin', data)
        self.assertEqual(self.curl('-T', 'large.bin', self.daemon.url), '201')
        state, found = self.viewer.fetch(self.viewer.entries()['large.bin'].id)
        self.assertEqual((state, hashlib.sha256(found).digest()), (webdav.DONE, hashlib.sha256(data).digest()))
        self.assertEqual(self.viewer.give(b'back.bin', data), webdav.DONE)
        self.assertEqual(self.curl(self.daemon.url + 'back.bin'), '200')
        self.assertEqual(hashlib.sha256(self.read('answer')).digest(), hashlib.sha256(data).digest())


if __name__ == '__main__':
    screen.FRONT = os.path.abspath(sys.argv.pop(2))
    PRELOAD = os.path.abspath(sys.argv.pop(2))
    harness.main()
