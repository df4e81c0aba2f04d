#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds and runs the tests of one or more build folders and says how many passed.

    run_tests.py BUILD[:SUITE,SUITE,-SUITE...]...

Without suites: all but "long". One after a '-' is left out, and so is "long" if no suite is named otherwise. The logs of
failed tests are printed whole. No test is repeated. A test, or a part of one, may be skipped only for a reason that stands
in tests/skips.toml or in the list of the build (tests/*_skips.txt); any other skip fails the run. The last lines name
what failed, what was skipped and why; the very last is "N passed, N failed, N skipped". The exit status tells whether
anything failed or nothing ran.
"""
import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections import Counter
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent / 'tests'
MESON = '/usr/bin/meson' if os.access('/usr/bin/meson', os.X_OK) else 'meson'
# Most tests wait more than they work: for timeouts that they try out, for frames, for processes to end.
JOBS = 3 * (len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count())
PASSED = ('OK', 'EXPECTEDFAIL')
# What tests in C, shell and JavaScript print, and what Python's unittest does.
SKIPPED = re.compile(r'''^skipped: (.+)$|(?:^|\s)skipped (?:'(.+)'|"(.+)")$''', re.M)
# What a test may leave behind of a sanitizer's output, should it fail for another reason, ends in its log.
SANITIZERS = {
    'ASAN_OPTIONS': 'abort_on_error=1:detect_stack_use_after_return=1:malloc_context_size=6:print_summary=1',
    'UBSAN_OPTIONS': 'halt_on_error=1:abort_on_error=1:print_stacktrace=1',
    'TSAN_OPTIONS': 'halt_on_error=1:second_deadlock_stack=1',
}


class Skips:
    """Which skips are allowed, and which there were."""

    def __init__(self, folder=TESTS):
        listed = tomllib.loads((folder / 'skips.toml').read_text())['skip']
        self.allowed = [(entry['test'], entry['reason']) for entry in listed]
        for path in folder.glob('*_skips.txt'):  # of a platform, by part of a test
            lines = [line.partition(': ') for line in path.read_text().splitlines() if not line.startswith('#')]
            self.allowed += [('*', reason) for _, _, reason in lines]
        self.seen = Counter()

    def check(self, folder, entry):
        """Returns why the skips of a test are not in order, or None."""
        name = test_name(entry)
        text = entry.get('stdout', '') + '\n' + entry.get('stderr', '')
        reasons = [next(filter(None, match)).strip() for match in SKIPPED.findall(text)]
        if entry['result'] == 'SKIP' and not reasons:
            return 'skipped without a reason'
        for reason in reasons:
            if not any(fnmatch.fnmatchcase(name, test) and fnmatch.fnmatchcase(reason, allowed)
                       for test, allowed in self.allowed):
                return f'skipped, which tests/skips.toml does not allow: {reason}'
        what = '' if entry['result'] == 'SKIP' else ' (in part)'
        self.seen.update((f'{folder}: {name}{what}', reason) for reason in reasons)
        return None

    def print(self):
        for (name, reason), count in self.seen.items():
            print(f'SKIPPED {name}: {reason}' + (f' ({count} times)' if count > 1 else ''))


def test_name(entry):
    """Meson calls it 'PROJECT:SUITE / NAME', from version 1.10 on 'SUITE - PROJECT:NAME'."""
    return re.split('[/:]', entry['name'])[-1].strip()


def run(command):
    return subprocess.run(command, env={**os.environ, **SANITIZERS}, check=False).returncode


def read(log):
    return [json.loads(line) for line in log.read_text().splitlines()]


def count(folder, entries, totals, skips):
    """Adds the results; returns what failed, and how."""
    failed = []
    for entry in entries:
        problem = None if entry['result'] in (*PASSED, 'SKIP') else entry['result'].lower()
        problem = problem or skips.check(folder, entry)
        if problem:
            failed.append(f'{folder}: {test_name(entry)}: {problem}')
        else:
            totals['skipped' if entry['result'] == 'SKIP' else 'passed'] += 1
    return failed


def run_folder(spec, totals, skips):
    """Builds a folder and runs its tests. Returns what failed."""
    folder, _, suites = spec.partition(':')
    names = suites.split(',') if suites else []
    if all(name.startswith('-') for name in names):
        names.append('-long')
    print(f'== {folder}: {" ".join(names)}', flush=True)
    command = [MESON, 'test', '-C', folder, '--print-errorlogs', '--num-processes', str(JOBS)]
    for name in names:
        command += ['--no-suite', name[1:]] if name.startswith('-') else ['--suite', name]
    if '-long' in names:
        # Also the programs that no test names: `make test` must not pass over what does not build.
        if subprocess.run([shutil.which('ninja'), '-C', folder], check=False).returncode:
            return [f'{folder}: does not build']
    log = Path(folder) / 'meson-logs' / 'testlog.json'
    log.unlink(missing_ok=True)
    status = run(command)
    if not log.exists():
        return [f'{folder}: no test ran']
    failed = count(folder, read(log), totals, skips)
    if status and not failed:
        failed.append(f'{folder}: meson test ended with {status}')
    return failed


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    totals = Counter()
    skips = Skips()
    failed = []
    start = time.monotonic()
    for spec in sys.argv[1:]:
        failed += run_folder(spec, totals, skips)
    skips.print()
    for name in failed:
        print(f'FAILED {name}')
    print(f'{time.monotonic() - start:.0f} s')
    print(f"{totals['passed']} passed, {len(failed)} failed, {totals['skipped']} skipped", flush=True)
    sys.exit(1 if failed or not totals['passed'] else 0)


if __name__ == '__main__':
    main()
