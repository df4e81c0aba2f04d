#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fuzzes a target from its corpus for some time and shows what it found: runs, edges before and after, the new ones.

    edges.py [--seconds N] [--jobs N] [--found DIR] PROGRAM CORPUS

PROGRAM is a target with libFuzzer. Of each new edge the function and the line are shown, once. With `steady-NAME` beside
PROGRAM, the inputs run ten times more: an edge is steady if there is an input that reaches it each time; the others come
and go with the order of threads. The status is 1 if there was a crash, a leak or a timeout, whose input lies beside
DIR/log-N then.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

# The inputs of `stream` grow in runs (stream/trunks.h).
OPTIONS = ['-use_counters=0', '-print_pcs=1', '-max_len=24576', '-timeout=60', '-rss_limit_mb=4096', '-print_final_stats=1']


# Without it, addresses change from run to run, and clang's ASan may find no room for its shadow.
FIXED = ['setarch', '-R']


def cpu_seconds(children):
    total = 0
    for child in children:
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        total += usage.ru_utime + usage.ru_stime
    return total


def fuzz(args, folder):
    inputs = folder / 'inputs'
    inputs.mkdir(exist_ok=True)
    children = []
    for i in range(args.jobs):
        with (folder / f'log-{i}').open('wb') as log:
            children.append(subprocess.Popen([*FIXED, args.program, *OPTIONS, f'-max_total_time={args.seconds}', f'-seed={i + 1}',
                                              f'-artifact_prefix={folder}/found-', inputs, args.corpus], stdout=log, stderr=log))
    return cpu_seconds(children)


def numbers(pattern, texts):
    return [int(n) for text in texts for n in re.findall(pattern, text, re.M)]


def steady(program, folders):
    """The edges that some input in the folders reaches each time."""
    out = subprocess.run([*FIXED, program, *folders], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                         errors='replace', env={**os.environ, 'ASAN_OPTIONS': 'detect_leaks=0'}).stdout
    return set(re.findall(r'^steady (0x\w+)$', out, re.M))


def places(program, edges):
    out = subprocess.run(['llvm-symbolizer', '-e', program, '--no-inlines'], input='\n'.join(sorted(edges)), check=True,
                         stdout=subprocess.PIPE, text=True).stdout
    return sorted({' '.join(entry.split('\n')[:2]) for entry in out.strip().split('\n\n')})


def show_steady(args, inputs):
    program = args.program.with_name(args.program.name.replace('fuzz-', 'steady-'))
    if not program.exists():
        print(f'{program.name} has not been built: steady edges are not counted')
        return
    before, after = (steady(program, folders) for folders in ([args.corpus], [args.corpus, inputs]))
    print(f'steady edges: {len(before)} of the corpus, {len(before | after)} after the runs')
    for place in places(program, after - before) if after - before else []:
        print(f'  new and steady: {place}')


def report(args, seconds, texts):
    before, after = numbers(r'INITED cov: (\d+)', texts), numbers(r'DONE +cov: (\d+)', texts)
    runs = sum(numbers(r'^stat::number_of_executed_units: (\d+)', texts))
    print(f'{runs} runs in {seconds / 3600:.2f} CPU-hours')
    for line in sorted({line for text in texts for line in re.findall(r'^stream: .*', text, re.M)}):
        print(line)
    print(f'edges: {max(before, default=0)} of the corpus, {max(after, default=0)} after the runs')
    new = {place for text in texts
           for place in re.findall(r'^\tNEW_PC: 0x\w+ in (\S+ \S+?)(?::\d+)?$', text.partition('INITED')[2], re.M)}
    for place in sorted(new):
        print(f'  new: {place}')


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--seconds', type=int, default=3600)
    parser.add_argument('--jobs', type=int, default=os.cpu_count())
    parser.add_argument('--found', type=Path)
    parser.add_argument('program', type=Path)
    parser.add_argument('corpus', type=Path)
    args = parser.parse_args()
    args.program = args.program.resolve()
    with tempfile.TemporaryDirectory(prefix='vitrine-edges-') as scratch:
        folder = args.found or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        seconds = fuzz(args, folder)
        texts = [(folder / f'log-{i}').read_text(errors='replace') for i in range(args.jobs)]
        failures = sorted(str(p) for p in folder.glob('found-*'))
        report(args, seconds, texts)
        if not failures:
            show_steady(args, folder / 'inputs')
    for path in failures:
        print(f'  failed: {path}')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
