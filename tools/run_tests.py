#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds and runs the tests of one or more build folders and says how many passed.

    run_tests.py BUILD[:SUITE,SUITE,-SUITE...]...

Without suites: all but "long". One after a '-' is left out, and so is "long" if no suite is named otherwise. The logs of
failed tests are printed whole. Tests of processes that work together can fail because the machine was busy with other
tests: a few that failed are run once more, with nothing beside them, and those that pass then are listed. What a
sanitizer found is never tried again. The last line is "N passed, N failed, N skipped"; the exit status tells whether
anything failed or nothing ran.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

MESON = '/usr/bin/meson' if os.access('/usr/bin/meson', os.X_OK) else 'meson'
# Most tests wait more than they work: for timeouts that they try out, for frames, for processes to end.
JOBS = 2 * (os.cpu_count() or 1)
# How many times its own limit a test may take: the limits are for a machine that does nothing else.
PATIENCE = '4'
PASSED = ('OK', 'EXPECTEDFAIL')
# What may be tried again, and for how many failures: more of them are no accident.
TRIED_AGAIN = ('proto', 'clock', 'attack', 'web', 'e2e')
AGAIN_MAX = 5
# A sanitizer's report, a failed assertion in C, a process that crashed.
FOUND = re.compile(r'Sanitizer:|runtime error:|Assertion `|signal (4|6|7|8|11)\b|Segmentation fault')
# What a test may leave behind of a sanitizer's output, should it fail for another reason, ends in its log.
SANITIZERS = {
    'ASAN_OPTIONS': 'abort_on_error=1:detect_stack_use_after_return=1:print_summary=1',
    'UBSAN_OPTIONS': 'halt_on_error=1:abort_on_error=1:print_stacktrace=1',
    'TSAN_OPTIONS': 'halt_on_error=1:second_deadlock_stack=1',
}


def run(command):
    return subprocess.run(command, env={**os.environ, **SANITIZERS}, check=False).returncode


def read(log):
    return [json.loads(line) for line in log.read_text().splitlines()]


def may_be_busy(entry):
    """Whether a test may have failed because the machine was busy. Meson names it 'PROJECT:SUITE / NAME'."""
    suites = entry['name'].split(' / ')[0].split(':')[-1].split('+')
    said = entry.get('stdout', '') + entry.get('stderr', '')
    return any(suite in TRIED_AGAIN for suite in suites) and not FOUND.search(said)


def passes_alone(folder, entry):
    name = entry['name'].split(' / ')[-1]
    print(f'== {folder}: {name} again, alone', flush=True)
    return run([MESON, 'test', '-C', folder, '--print-errorlogs', '-t', PATIENCE, '--logbase', 'again', name]) == 0


def count(folder, entries, totals):
    """Adds the results; returns the names of the tests that failed."""
    wrong = [entry for entry in entries if entry['result'] not in (*PASSED, 'SKIP')]
    again = wrong if len(wrong) <= AGAIN_MAX else []
    busy = [entry for entry in again if may_be_busy(entry) and passes_alone(folder, entry)]
    failed = [f"{folder}: {entry['name']} ({entry['result'].lower()})" for entry in wrong if entry not in busy]
    totals['alone'] += [f"{folder}: {entry['name']}" for entry in busy]
    totals['failed'] += len(failed)
    totals['skipped'] += sum(entry['result'] == 'SKIP' for entry in entries)
    totals['passed'] += len(busy) + sum(entry['result'] in PASSED for entry in entries)
    return failed


def run_folder(spec, totals):
    folder, _, suites = spec.partition(':')
    names = suites.split(',') if suites else []
    if all(name.startswith('-') for name in names):
        names.append('-long')
    print(f'== {folder}: {" ".join(names)}', flush=True)
    command = [MESON, 'test', '-C', folder, '--print-errorlogs', '-t', PATIENCE, '--num-processes', str(JOBS)]
    for name in names:
        command += ['--no-suite', name[1:]] if name.startswith('-') else ['--suite', name]
    if '-long' in names:
        # Also the programs that no test names: `make test` must not pass over what does not build.
        if subprocess.run([shutil.which('ninja'), '-C', folder], check=False).returncode:
            print(f'{folder}: does not build')
            totals['failed'] += 1
            return [f'{folder}: build']
    log = Path(folder) / 'meson-logs' / 'testlog.json'
    log.unlink(missing_ok=True)
    status = run(command)
    if not log.exists():
        print(f'{folder}: no test ran')
        totals['failed'] += 1
        return [f'{folder}: no test ran']
    entries = read(log)
    if status and all(entry['result'] in (*PASSED, 'SKIP') for entry in entries):
        totals['failed'] += 1
        return [f'{folder}: meson test ended with {status}']
    return count(folder, entries, totals)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    totals = {'passed': 0, 'failed': 0, 'skipped': 0, 'alone': []}
    failed = []
    start = time.monotonic()
    for spec in sys.argv[1:]:
        failed += run_folder(spec, totals)
    for name in totals['alone']:
        print(f'PASSED ONLY ALONE {name}')
    for name in failed:
        print(f'FAILED {name}')
    print(f'{time.monotonic() - start:.0f} s')
    print(f"{totals['passed']} passed, {totals['failed']} failed, {totals['skipped']} skipped", flush=True)
    sys.exit(1 if totals['failed'] or not totals['passed'] else 0)


if __name__ == '__main__':
    main()
