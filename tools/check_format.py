#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that each C file is as clang-format 19 writes it, by .clang-format.

    check_format.py [--fix] [ROOT]

Prints what would change and exits with 1 if anything would. With --fix: changes it. Exits with 77 (skipped) if clang-format
19 is not installed: other versions format differently.
"""
import argparse
import difflib
import shutil
import subprocess
import sys
from pathlib import Path

TOOL = 'clang-format-19'
FOLDERS = ('src', 'tests', 'bench', 'demo', 'guest')


def changes(path):
    """The difference that formatting makes, as text."""
    before = path.read_text()
    after = subprocess.run([TOOL, str(path)], stdout=subprocess.PIPE, text=True, check=True).stdout
    diff = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm='', n=0))
    return '\n'.join([f'--- {path}', *diff[2:]])


def would_change(paths):
    """The files that formatting changes. One process for all of them: starting it takes most of the time."""
    result = subprocess.run([TOOL, '--dry-run', '--Werror', '--ferror-limit=1', *map(str, paths)],
                            stderr=subprocess.PIPE, text=True, check=False)
    named = {line.split(':', 1)[0] for line in result.stderr.splitlines() if 'clang-format-violations' in line}
    if result.returncode and not named:
        sys.exit(f'{TOOL} failed: {result.stderr}')
    return [path for path in paths if str(path) in named]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--fix', action='store_true', help='format the files')
    parser.add_argument('root', nargs='?', default='.', type=Path)
    options = parser.parse_args()
    if not shutil.which(TOOL):
        print(f'{TOOL} is not installed: run tools/setup')
        sys.exit(77)
    paths = [path for folder in FOLDERS for path in sorted((options.root / folder).rglob('*.[ch]'))]
    if options.fix:
        subprocess.run([TOOL, '-i', *map(str, paths)], check=True)
        return
    found = would_change(paths)
    for path in found:
        print(changes(path))
    print(f'{len(found)} of {len(paths)} files would change')
    sys.exit(bool(found))


if __name__ == '__main__':
    main()
