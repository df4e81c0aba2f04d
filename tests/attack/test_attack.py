#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a process of vitrine that was taken over can do: nothing of what attack.c and its parts try.

Each attack is tried in the real process before it enters its sandbox, and right after. Usage:
test_attack.py VITRINE SCREEN_FRONT ATTACK_LIBRARY VICTIM [unittest arguments].
"""

import errno
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / 'proto'))
import harness  # noqa: E402
import screen  # noqa: E402
import vtest  # noqa: E402

LIBRARY = None
VICTIM = None


def say(role, name, text):
    print(f'{role}: {name}: {text}', flush=True)


class Attack(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix='vitrine-attack-')
        self.addCleanup(shutil.rmtree, self.dir)
        for name in ('secret', 'gone', 'report'):
            Path(self.dir, name).write_text('')
            os.chmod(Path(self.dir, name), 0o600)
        victim = subprocess.Popen([VICTIM, self.dir], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(victim.wait, 20)
        self.addCleanup(victim.stdout.close)
        self.addCleanup(victim.stdin.close)
        self.world = victim.stdout.readline().strip()
        self.victim = victim

    def env(self, role):
        return {**os.environ, 'LD_PRELOAD': LIBRARY, 'ATTACK_ROLE': role, 'ATTACK_WORLD': self.world,
                'ATTACK_REPORT': f'{self.dir}/report'}

    def results(self, phase):
        """-> {name: (it always works without a sandbox, result)}; None before all are there."""
        lines = [line.split() for line in Path(self.dir, 'report').read_text().splitlines()]
        mine = {name: (always == '1', int(result)) for when, name, always, result in lines if when == phase}
        return mine if mine.pop('end', None) else None

    def wait(self, phase):
        return harness.wait_for(lambda: self.results(phase), 30, f'the attacks {phase} the sandbox')

    def check(self, role):
        before, after = self.wait('before'), self.wait('after')
        self.assertEqual(set(before), set(after))
        succeeded, idle, tried = [], [], 0
        for name, (always, worked) in before.items():
            result = after[name][1]
            refusal = errno.errorcode.get(result, result)
            if result == 0:
                succeeded.append(name)
                say(role, name, 'SUCCEEDS in the sandbox')
            elif worked == 0:
                tried += 1
                say(role, name, f'works without the sandbox; in it: {refusal}')
            else:
                idle += [name] if always else []
                why = os.strerror(worked) if worked > 0 else 'nothing to attack'
                say(role, name, f'skipped, since it fails here without the sandbox, too ({why}); in it: {refusal}')
        print(f'{role}: {tried} of {len(before)} attacks work without the sandbox', flush=True)
        self.assertEqual(succeeded, [], 'attacks that succeed in the sandbox')
        self.assertEqual(idle, [], 'attacks that should succeed without the sandbox')
        self.assertIsNone(self.victim.poll(), 'the victim is dead')

    def test_worker(self):
        with harness.Server(env=self.env('worker')) as server, vtest.Client(server.path):
            self.check('worker')

    def test_screen(self):
        front = screen.Front(env=self.env('screen'))
        self.addCleanup(front.stop)
        self.check('screen')

    def test_mux(self):
        front = screen.Front(f'record={self.dir}/a.mp4', env=self.env('mux'))
        self.addCleanup(front.stop)
        self.check('mux')

    def test_without_a_sandbox(self):
        """The same worker, by -o no-sandbox: it never enters one."""
        with harness.Server('-o', 'no-sandbox', env=self.env('worker')) as server, vtest.Client(server.path):
            self.wait('before')
            self.assertIsNone(self.results('after'))


if __name__ == '__main__':
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    harness.PROGRAM, screen.FRONT, LIBRARY, VICTIM = map(os.path.abspath, sys.argv[1:5])
    harness.run_tests(sys.argv[5:])
