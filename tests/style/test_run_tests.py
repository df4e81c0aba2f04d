#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/run_tests.py is red where it should be: on a project of Meson's with one test, which ends in each possible way."""
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

RUNNER = Path(__file__).resolve().parent.parent.parent / 'tools' / 'run_tests.py'
LIST = '[[skip]]\ntest = "only*"\nreason = "takes a *"\nwhen = "on bare machines"\n'


class Runner(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        (self.folder / 'tools').mkdir()
        (self.folder / 'tests').mkdir()
        shutil.copy(RUNNER, self.folder / 'tools')
        (self.folder / 'tests' / 'skips.toml').write_text(LIST)
        (self.folder / 'tests' / 'posix_skips.txt').write_text('# A list.\nonly:part: POSIX has no such thing\n')
        (self.folder / 'meson.build').write_text(
            "project('fault')\ntest('only-test', find_program('sh'), args: files('test.sh'), suite: 'unit', timeout: 1)\n")

    def run_with(self, script):
        """-> the exit status, the last line, all lines"""
        (self.folder / 'test.sh').write_text(script)
        subprocess.run(['/usr/bin/meson', 'setup', 'build'], cwd=self.folder, check=True, capture_output=True)
        done = subprocess.run([sys.executable, 'tools/run_tests.py', 'build:unit'], cwd=self.folder, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        lines = done.stdout.splitlines()
        return done.returncode, lines[-1], lines

    def check(self, script, status, summary, line=None):
        found = self.run_with(script)
        self.assertEqual(found[:2], (status, summary), found[2])
        if line:
            self.assertIn(line, found[2])

    def test_pass(self):
        self.check('exit 0', 0, '1 passed, 0 failed, 0 skipped')

    def test_failure(self):
        self.check('exit 1', 1, '0 passed, 1 failed, 0 skipped', 'FAILED build: only-test: fail')

    def test_a_failure_is_not_repeated(self):
        self.check('[ ! -e been-here ] || exit 0; : >been-here; exit 1', 1, '0 passed, 1 failed, 0 skipped')

    def test_timeout_is_not_extended(self):
        self.check('sleep 3', 1, '0 passed, 1 failed, 0 skipped', 'FAILED build: only-test: timeout')

    def test_listed_skip(self):
        self.check('echo "skipped: takes a tree"; exit 77', 1, '0 passed, 0 failed, 1 skipped',
                   'SKIPPED build: only-test: takes a tree')  # red, as nothing ran at all

    def test_skip_without_a_reason(self):
        self.check('exit 77', 1, '0 passed, 1 failed, 0 skipped', 'FAILED build: only-test: skipped without a reason')

    def test_unlisted_skip(self):
        self.check('echo "skipped: no luck"; exit 77', 1, '0 passed, 1 failed, 0 skipped',
                   'FAILED build: only-test: skipped, which tests/skips.toml does not allow: no luck')

    def test_unlisted_skip_of_a_part(self):
        self.check('echo "test_it (__main__.It.test_it) ... skipped \'no luck\'" >&2', 1, '0 passed, 1 failed, 0 skipped',
                   'FAILED build: only-test: skipped, which tests/skips.toml does not allow: no luck')

    def test_listed_skip_of_a_part(self):
        self.check('echo "test_it (__main__.It.test_it) ... skipped \\"takes a dog\'s life\\"" >&2', 0,
                   '1 passed, 0 failed, 0 skipped', "SKIPPED build: only-test (in part): takes a dog's life")

    def test_skip_by_a_platform(self):
        self.check('echo "skipped: POSIX has no such thing"', 0, '1 passed, 0 failed, 0 skipped')

    def test_nothing_to_run(self):
        (self.folder / 'meson.build').write_text((self.folder / 'meson.build').read_text().replace('unit', 'other'))
        self.check('exit 0', 1, '0 passed, 1 failed, 0 skipped', 'FAILED build: no test ran')


if __name__ == '__main__':
    unittest.main(verbosity=2)
