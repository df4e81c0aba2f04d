#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Shows that the fuzz targets find bugs: puts each of those in *.patch back, on its own, into a copy of the tree, and
measures how long the target that the patch names takes to find it, from its corpus on.

    run.py [--seconds CPU-SECONDS] [--jobs N] [--build-only DIR | --binaries DIR] [NAME...]
    run.py --check

With --build-only, the programs with the bugs are kept in DIR and not run; --binaries runs them, also on a machine
without clang. A bug that is not found within --seconds (600) of processor time is a failure, and so is an input that
fails without the bug as well. --check only tests whether the patches still fit the tree.
"""
import argparse
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
SANITIZERS = {'address': 'address,undefined', 'thread': 'thread'}


class Bug:
    def __init__(self, path):
        text = path.read_text()
        self.path, self.name = path, path.stem
        self.target = re.search(r'^Target: (\w+)$', text, re.M)[1]
        self.sanitizer = re.search(r'^Sanitizer: (\w+)$', text, re.M)[1]
        self.sound = f'sound-{self.target}-{self.sanitizer}'  # the program without the bug


def run(command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    if done.returncode != 0:
        sys.exit(f'{" ".join(str(word) for word in command)} failed:\n{done.stdout[-4000:]}')
    return done.stdout


def copy_tree(to):
    """The checkout without its build folders."""
    shutil.copytree(ROOT, to, ignore=shutil.ignore_patterns('.git', 'build', 'build-*', 'node_modules', '__pycache__'))


def set_up(tree, sanitizer):
    """A build folder of its own for each sanitizer."""
    folder = tree / f'build-{sanitizer}'
    if not folder.exists():
        clang = 'ccache clang' if shutil.which('ccache') else 'clang'
        run(['meson', 'setup', folder, '-Dfuzz=true', f'-Db_sanitize={SANITIZERS[sanitizer]}', '-Db_lundef=false'],
            cwd=tree, env={**os.environ, 'CC': clang})
    return folder


def build(bugs, tree, programs):
    copy_tree(tree)
    for bug in sorted(bugs, key=lambda b: b.sanitizer):
        folder = set_up(tree, bug.sanitizer)
        program = folder / f'tests/fuzz/fuzz-{bug.target}'
        run(['ninja', '-C', folder, f'tests/fuzz/fuzz-{bug.target}'])
        shutil.copy2(program, programs / bug.sound)
        run(['git', 'apply', bug.path], cwd=tree)
        run(['ninja', '-C', folder, f'tests/fuzz/fuzz-{bug.target}'])
        shutil.copy2(program, programs / bug.name)
        run(['git', 'apply', '-R', bug.path], cwd=tree)
        print(f'{bug.name}: built', flush=True)


# -keep_seed: under TSan, libFuzzer sees no coverage.
OPTIONS = ['-timeout=10', '-rss_limit_mb=4096', '-keep_seed=1']
# The first race ends the program. After a jump to a wild address ASan's slow unwinder crashes, and no input is written.
ENVIRONMENT = {**os.environ, 'TSAN_OPTIONS': 'halt_on_error=1', 'ASAN_OPTIONS': 'fast_unwind_on_fatal=1'}


def find(bug, programs, seconds):
    """(whether it was found, CPU seconds, how it showed)"""
    with tempfile.TemporaryDirectory(prefix='vitrine-bug-') as folder:
        log = Path(folder) / 'log'
        inputs = Path(folder) / 'inputs'
        inputs.mkdir()
        with log.open('wb') as out:
            child = subprocess.Popen([programs / bug.name, *OPTIONS, f'-artifact_prefix={folder}/found-', inputs,
                                      ROOT / 'tests/fuzz/corpus' / bug.target], stdout=out, stderr=out, env=ENVIRONMENT,
                                     preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5)))
        stop = threading.Timer(seconds * 6, child.kill)  # a hang takes no processor time
        stop.start()
        _, status, usage = os.wait4(child.pid, 0)
        stop.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        text = log.read_text(errors='replace')
        found = list(Path(folder).glob('found-*'))
        sound = not found or subprocess.run([programs / bug.sound, '-timeout=60', '-runs=100', found[0]], env=ENVIRONMENT,
                                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
    shown = re.search(r'^(?:SUMMARY: |checker: )(.*)$', text, re.M)
    runs = re.findall(r'^#(\d+)\s', text, re.M)
    how = f'{runs[-1] if runs else 0} runs: {shown[1] if shown else "nothing"}'
    if not sound:
        how += '; the input fails without the bug, too'
    return bool(found) and sound, usage.ru_utime + usage.ru_stime, how


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--check', action='store_true')
    parser.add_argument('--seconds', type=int, default=600)
    parser.add_argument('--jobs', type=int, default=os.cpu_count())
    parser.add_argument('--build-only', type=Path)
    parser.add_argument('--binaries', type=Path)
    parser.add_argument('names', nargs='*')
    args = parser.parse_args()
    bugs = [Bug(path) for path in sorted(HERE.glob('*.patch')) if not args.names or path.stem in args.names]
    if args.check:
        for bug in bugs:
            run(['git', 'apply', '--check', bug.path], cwd=ROOT)
        print(f'{len(bugs)} bugs fit')
        return 0
    if not args.binaries and not shutil.which('clang'):
        print('clang is not installed')
        return 77
    missed = 0
    with tempfile.TemporaryDirectory(prefix='vitrine-bugs-') as scratch:
        programs = args.binaries or args.build_only or Path(scratch) / 'programs'
        programs = programs.resolve()
        programs.mkdir(parents=True, exist_ok=True)
        if not args.binaries:
            build(bugs, Path(scratch) / 'tree', programs)
        if args.build_only:
            return 0
        with ThreadPoolExecutor(args.jobs) as pool:
            for bug, (found, seconds, how) in zip(bugs, pool.map(lambda b: find(b, programs, args.seconds), bugs)):
                print(f'{bug.name}: {"found" if found else "NOT FOUND"} after {seconds:.1f} s of CPU ({bug.target}), {how}',
                      flush=True)
                missed += not found
    return 1 if missed else 0


if __name__ == '__main__':
    sys.exit(main())
