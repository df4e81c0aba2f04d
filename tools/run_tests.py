#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the tests of one or more build folders and says how many passed.

    run_tests.py BUILD[:SUITE,SUITE...]... [--fuzz BUILD] [--fuzz-seconds N]

Without suites: all but "long". The logs of failed tests are printed whole. The last line is
"N passed, N failed, N skipped"; the exit status tells whether anything failed or nothing ran.
"""
import argparse
import json
import subprocess
import sys
from pathlib import Path

OK = ('OK', 'EXPECTEDFAIL')


def run_build(spec, totals):
    folder, _, suites = spec.partition(':')
    command = ['/usr/bin/meson', 'test', '-C', folder, '--no-rebuild', '--print-errorlogs', '--num-processes', '2']
    if suites:
        for suite in suites.split(','):
            command += ['--suite', suite]
    else:
        command += ['--no-suite', 'long']
    print(f'== {spec}', flush=True)
    log = Path(folder) / 'meson-logs' / 'testlog.json'
    log.unlink(missing_ok=True)
    subprocess.run(command, check=False)
    if not log.exists():
        print(f'{folder}: no test ran')
        totals['failed'] += 1
        return
    for line in log.read_text().splitlines():
        result = json.loads(line)['result']
        key = 'passed' if result in OK else 'skipped' if result == 'SKIP' else 'failed'
        totals[key] += 1


def fuzz(folder, seconds, totals):
    """A short run of each libFuzzer target over its corpus: finds what is easy to find."""
    for target in sorted(Path(folder).rglob('fuzz-*')):
        if not target.is_file() or target.suffix:
            continue
        name = target.name[len('fuzz-'):]
        corpus = Path('tests/fuzz/corpus') / name
        print(f'== {target.name}, {seconds} s', flush=True)
        grown = Path(folder) / 'corpus' / name
        grown.mkdir(parents=True, exist_ok=True)
        done = subprocess.run([target, f'-max_total_time={seconds}', '-timeout=10', '-rss_limit_mb=2048',
                               f'-artifact_prefix={folder}/', str(grown), str(corpus)],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace')
        if done.returncode:
            print(done.stdout[-4000:])
        totals['failed' if done.returncode else 'passed'] += 1


def main():
    p = argparse.ArgumentParser()
    p.add_argument('build', nargs='+')
    p.add_argument('--fuzz')
    p.add_argument('--fuzz-seconds', type=int, default=10)
    args = p.parse_args()
    totals = {'passed': 0, 'failed': 0, 'skipped': 0}
    for spec in args.build:
        run_build(spec, totals)
    if args.fuzz:
        fuzz(args.fuzz, args.fuzz_seconds, totals)
    print(f"{totals['passed']} passed, {totals['failed']} failed, {totals['skipped']} skipped")
    sys.exit(1 if totals['failed'] or not totals['passed'] else 0)


if __name__ == '__main__':
    main()
