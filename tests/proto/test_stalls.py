#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A guest keeps its frame rate whatever happens to those who show and keep its pictures.

The guest is one of the protocol's level, which shows a frame whenever the last one was shown: at 60 Hz. tests/e2e/
test_stalls.py does the same to a real one."""

import os
import shutil
import sys
import tempfile
import time
import unittest
import urllib.parse

import harness
import play
import stalls

SHIM = None
REFRESH = 60
SECONDS = 5
# How much of its frame rate a guest may lose.
LIMIT = 0.05
MS = play.MS


class Stalls(unittest.TestCase):
    def setUp(self):
        if harness.is_sanitized():
            self.skipTest('a preloaded library and a sanitizer do not go together')
        self.dir = tempfile.mkdtemp(prefix='vitrine-test-')
        self.addCleanup(shutil.rmtree, self.dir)
        self.target = stalls.Target(self.dir, SHIM)
        self.addCleanup(self.target.close)
        self.server = harness.Server('--hostmem', '64M', '--http', '127.0.0.1:0', '--refresh', str(REFRESH),
                                     *self.target.options, command=('gpu',), env={**os.environ, **self.target.env})
        self.addCleanup(self.server.stop)
        self.guest = play.Guest(self.server.path, text=True)
        self.addCleanup(self.guest.close)
        link = urllib.parse.urlparse(self.server.links[0])
        self.target.attach(self.server.pid, link.port, link.fragment.split('=')[1], self.server.log)

    def measure(self):
        begin_ns = time.monotonic_ns()
        time.sleep(SECONDS)
        end_ns = begin_ns + SECONDS * 1000 * MS
        return (play.rate(self.guest.frames[0], begin_ns, end_ns),
                play.longest_gap_ms(self.guest.frames[0], begin_ns, end_ns))

    def test_the_guest_keeps_its_frame_rate(self):
        alone, gap = self.measure()
        print(f'undisturbed: {alone:.1f} frames/s, longest gap {gap:.0f} ms', flush=True)
        self.assertGreater(alone, 0.9 * REFRESH)
        for name, disturb in stalls.ALL.items():
            with self.subTest(name), disturb(self.target):
                found, gap = self.measure()
                print(f'{name}: {found:.1f} frames/s, longest gap {gap:.0f} ms', flush=True)
            self.assertGreaterEqual(found, (1 - LIMIT) * alone, name)
            self.assertIsNone(self.server.process.poll())
        found, gap = self.measure()
        print(f'after all that: {found:.1f} frames/s, longest gap {gap:.0f} ms')


if __name__ == '__main__':
    SHIM = sys.argv.pop(2)
    harness.main()
