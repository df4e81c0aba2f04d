#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds and runs the tests of one or more build folders and says how many passed.

    run_tests.py BUILD[:SUITE,SUITE,-SUITE...]...

Without suites: all but "long". One after a '-' is left out, and so is "long" if no suite is named otherwise. The logs of
failed tests are printed whole. The last line is "N passed, N failed, N skipped"; the exit status tells whether anything
failed or nothing ran.
"""
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

MESON = '/usr/bin/meson' if os.access('/usr/bin/meson', os.X_OK) else 'meson'
# Most tests wait more than they work: for timeouts that they try out, for frames, for processes to end.
JOBS = 2 * (os.cpu_count() or 1)
PASSED = ('OK', 'EXPECTEDFAIL')
# What a test may leave behind of a sanitizer's output, should it fail for another reason, ends in its log.
SANITIZERS = {
    'ASAN_OPTIONS': 'abort_on_error=1:detect_stack_use_after_return=1:print_summary=1',
    'UBSAN_OPTIONS': 'halt_on_error=1:abort_on_error=1:print_stacktrace=1',
    'TSAN_OPTIONS': 'halt_on_error=1:second_deadlock_stack=1',
}


def count(log, totals):
    """Adds the results in meson's log; returns the names of the tests that failed."""
    failed = []
    for line in log.read_text().splitlines():
        entry = json.loads(line)
        if entry['result'] in PASSED:
            totals['passed'] += 1
        elif entry['result'] == 'SKIP':
            totals['skipped'] += 1
        else:
            totals['failed'] += 1
            failed.append(f"{entry['name']} ({entry['result'].lower()})")
    return failed


def run_folder(spec, totals):
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
            print(f'{folder}: does not build')
            totals['failed'] += 1
            return [f'{folder}: build']
    log = Path(folder) / 'meson-logs' / 'testlog.json'
    log.unlink(missing_ok=True)
    status = subprocess.run(command, env={**os.environ, **SANITIZERS}, check=False).returncode
    if not log.exists():
        print(f'{folder}: no test ran')
        totals['failed'] += 1
        return [f'{folder}: no test ran']
    failed = [f'{folder}: {name}' for name in count(log, totals)]
    if status and not failed:
        totals['failed'] += 1
        failed = [f'{folder}: meson test ended with {status}']
    return failed


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    totals = {'passed': 0, 'failed': 0, 'skipped': 0}
    failed = []
    start = time.monotonic()
    for spec in sys.argv[1:]:
        failed += run_folder(spec, totals)
    for name in failed:
        print(f'FAILED {name}')
    print(f'{time.monotonic() - start:.0f} s')
    print(f"{totals['passed']} passed, {totals['failed']} failed, {totals['skipped']} skipped", flush=True)
    sys.exit(1 if totals['failed'] or not totals['passed'] else 0)


if __name__ == '__main__':
    main()
