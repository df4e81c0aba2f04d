#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian's spice-vdagentd and spice-vdagent, as a guest runs them, on an X server without a screen: they take vitrine's socket
for their virtio port."""

import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

import harness
import screen
import vdagent
import xvfb
from test_agent import every_script
from vdagent import Viewer

MIB = 1 << 20
DAEMON = shutil.which('spice-vdagentd', path=os.environ['PATH'] + ':/usr/sbin')
NEEDS = {'spice-vdagentd': DAEMON, 'spice-vdagent': shutil.which('spice-vdagent'), 'xclip': shutil.which('xclip'),
         'Xvfb': shutil.which('Xvfb')}


def copied_max():
    """How much a program in the guest may copy. The agent 0.23, which has GTK 4, gives up at 1 MiB: docs/clipboard.md."""
    with open(NEEDS['spice-vdagent'], 'rb') as program:
        return MIB - 1 if b'libgtk-4' in program.read() else 4 * MIB


class Guest:
    """An X11 session with its agent."""

    def __init__(self, folder, port):
        self.display = xvfb.Xvfb(640, 480)
        self.port, self.dir = port, folder
        self.files = os.path.join(folder, 'files')
        os.makedirs(self.files, exist_ok=True)
        self.log = open(os.path.join(folder, 'log'), 'ab')
        self.processes = []
        self.start()

    def start(self):
        session = os.path.join(self.dir, 'session')
        common = {'stdout': self.log, 'stderr': self.log, 'env': self.display.env}
        self.processes = [subprocess.Popen([DAEMON, '-x', '-X', '-d', '-f', '-u', '/dev/null', '-s', self.port, '-S', session],
                                           **common)]
        harness.wait_for(lambda: os.path.exists(session), 60, 'the socket of spice-vdagentd')
        self.processes.append(subprocess.Popen([NEEDS['spice-vdagent'], '-x', '-d', '-s', self.port, '-S', session, '-f', self.files,
                                                '-o', '0'], **common))

    def stop_agents(self):
        for process in reversed(self.processes):
            process.kill()
            process.wait()
        if os.path.exists(os.path.join(self.dir, 'session')):
            os.unlink(os.path.join(self.dir, 'session'))

    def stop(self):
        self.stop_agents()
        self.display.stop()
        self.log.close()

    def xclip(self, *args, **options):
        return subprocess.run(['xclip', '-selection', *args], env=self.display.env, check=False, timeout=30, **options)

    def copy(self, data, selection='clipboard', target='UTF8_STRING'):
        # xclip goes on in the background, and must not hold our pipes.
        self.xclip(selection, '-t', target, '-i', input=data, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def paste(self, selection='clipboard', target='UTF8_STRING'):
        return self.xclip(selection, '-t', target, '-o', stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


class SpiceTest(unittest.TestCase):
    def setUp(self):
        for name, path in NEEDS.items():
            if not path:
                self.skipTest(f'there is no {name}: tools/setup test')
        self.dir = tempfile.mkdtemp(prefix='vitrine-spice-')
        self.addCleanup(shutil.rmtree, self.dir)
        self.port = os.path.join(self.dir, 'port')
        self.front = screen.Front(f'agent={self.port}')
        self.addCleanup(self.front.stop)
        self.guest = Guest(self.dir, self.port)
        self.addCleanup(self.guest.stop)
        self.viewer = Viewer(self.front)
        self.addCleanup(self.viewer.close)
        abilities = self.viewer.wait_state(vdagent.READY)['abilities']
        self.assertEqual(abilities, vdagent.CAN_CLIPBOARD | vdagent.CAN_PRIMARY | vdagent.CAN_FILES)
        # The daemon is ready before the session's agent is.
        self.viewer.put(b'start', confirms=1)
        self.assertEqual(self.viewer.wait('result')['result'], vdagent.OFFERED)
        harness.wait_for(self.shows_the_start, 60, 'the session\'s agent')

    def shows_the_start(self):
        if self.guest.paste() == b'start':
            return True
        self.viewer.put(b'start')
        return False

    def fetch(self, kind=vdagent.TEXT, selection=0):
        while (owner := self.viewer.wait('owner'))['selection'] != selection or not owner['formats'] & kind:
            pass
        self.viewer.send(vdagent.request(kind, selection))
        return self.viewer.contents(kind, selection)

    def read(self, name):
        with open(os.path.join(self.guest.files, name), 'rb') as file:
            return file.read()


class Spice(SpiceTest):
    def test_text_of_every_script_both_ways(self):
        text = every_script(MIB)
        self.viewer.put(text, confirms=1)
        self.assertEqual(self.viewer.wait('result')['result'], vdagent.OFFERED)
        self.assertEqual(self.guest.paste(), text)
        text = text[:min(MIB, copied_max())].decode(errors='ignore').encode()  # whole letters
        self.guest.copy(text)
        answer, found = self.fetch()
        self.assertEqual((answer, hashlib.sha256(found).digest()), (vdagent.ANSWERED, hashlib.sha256(text).digest()))

    def test_the_agent_has_seen_what_it_confirms(self):
        for i in range(20):
            text = f'number {i}'.encode()
            self.viewer.put(text, confirms=1)
            self.viewer.wait('result')
            self.assertEqual(self.guest.paste(), text)

    def test_pictures_both_ways(self):
        picture = b'\x89PNG\r\n\x1a\n' + random.Random(1).randbytes(4 * MIB - 8)
        self.viewer.put(picture, vdagent.PNG, confirms=1)
        self.viewer.wait('result')
        self.assertEqual(self.guest.paste(target='image/png'), picture)
        picture = picture[:copied_max()]
        self.guest.copy(picture, target='image/png')
        answer, found = self.fetch(vdagent.PNG)
        self.assertEqual((answer, hashlib.sha256(found).digest()), (vdagent.ANSWERED, hashlib.sha256(picture).digest()))

    def test_the_selection_is_apart(self):
        self.viewer.put(b'for the clipboard', confirms=1)
        self.viewer.wait('result')
        self.viewer.put(b'for the middle button', selection=1, confirms=1)
        self.viewer.wait('result')
        self.assertEqual(self.guest.paste('primary'), b'for the middle button')
        self.assertEqual(self.guest.paste(), b'for the clipboard')
        self.guest.copy(b'selected', 'primary')
        self.assertEqual(self.fetch(selection=1), (vdagent.ANSWERED, b'selected'))
        self.assertEqual(self.guest.paste(), b'for the clipboard')

    def test_files(self):
        for number, (name, size) in enumerate((('empty', 0), ('short.txt', 5), ('  spaces and \\ ä.bin', 3 * MIB + 1))):
            data = random.Random(number).randbytes(size)
            self.viewer.send(vdagent.file_start(number, size, name.encode()))
            self.assertEqual(self.viewer.push(number, data)['state'], vdagent.FILE_DONE, name)
            self.assertEqual(self.read(name), data)

    def test_a_cancelled_file_leaves_nothing(self):
        self.viewer.send(vdagent.file_start(1, 64 * MIB, b'cancelled'))
        self.assertEqual(self.viewer.push(1, bytes(64 * MIB), 8 * MIB)['state'], vdagent.FILE_GOING)
        self.assertEqual(os.listdir(self.guest.files), ['cancelled'])
        self.viewer.send(vdagent.file_cancel(1))
        harness.wait_for(lambda: os.listdir(self.guest.files) == [], 60, 'the end of the file')

    def test_no_space(self):
        free = os.statvfs(self.guest.files)
        size = free.f_frsize * free.f_bavail + (1 << 40)
        self.viewer.send(vdagent.file_start(1, size, b'large'))
        found = self.viewer.wait('file')
        self.assertEqual(found['state'], vdagent.FILE_NO_SPACE)
        self.assertLess(abs(found['value'] - (size - (1 << 40))), 1 << 33)
        self.assertEqual(os.listdir(self.guest.files), [])

    def test_the_agents_start_again(self):
        self.guest.stop_agents()
        self.viewer.wait_state(vdagent.ABSENT)
        self.guest.start()
        self.viewer.wait_state(vdagent.READY)
        harness.wait_for(self.shows_the_start, 60, 'the session\'s agent')

    def test_the_screen_process_starts_again(self):
        before = self.front.screen()
        screen.kill(before)
        harness.wait_for(lambda: [pid for pid in harness.children(self.front.pid) if pid != before], 60, 'a new process')
        self.viewer = Viewer(self.front)
        self.addCleanup(self.viewer.close)
        self.viewer.wait_state(vdagent.READY)
        harness.wait_for(self.shows_the_start, 60, 'the session\'s agent')


class LargeFile(SpiceTest):
    """In `make test-long`."""

    def test_200_megabytes(self):
        data = random.Random(7).randbytes(200_000_000)
        self.viewer.send(vdagent.file_start(1, len(data), b'large.bin'))
        self.assertEqual(self.viewer.push(1, data)['state'], vdagent.FILE_DONE)
        self.assertEqual(hashlib.sha256(self.read('large.bin')).digest(), hashlib.sha256(data).digest())


if __name__ == '__main__':
    screen.FRONT = os.path.abspath(sys.argv.pop(2))
    harness.main()
