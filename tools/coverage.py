#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints how much of each folder of src/ tests have run: lines and branches.

    coverage.py BUILD [ROOT]

BUILD was set up with -Db_coverage=true, and its tests have run. Code that the build generates is not counted.
"""
import argparse
import json
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path


def percent(part, whole):
    return f'{100 * part / whole:5.1f} %' if whole else '      -'


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('build')
    parser.add_argument('root', nargs='?', default='.', type=Path)
    options = parser.parse_args()
    if not shutil.which('gcovr'):
        sys.exit('gcovr is not installed: run tools/setup')
    report = subprocess.run(['gcovr', '--root', str(options.root), '--filter', 'src/', '--json-summary', '--exclude-throw-branches',
                             '--gcov-ignore-parse-errors', options.build], stdout=subprocess.PIPE, text=True, check=True).stdout
    folders = defaultdict(lambda: [0, 0, 0, 0])
    for file in json.loads(report)['files']:
        total = folders[file['filename'].split('/')[1]]
        for i, key in enumerate(('line_covered', 'line_total', 'branch_covered', 'branch_total')):
            total[i] += file[key]
    if not folders:
        sys.exit(f'{options.build} has no coverage data: set it up with -Db_coverage=true, and run its tests')
    print(f'{"folder":14} {"lines":>7} {"run":>8} {"branches":>9} {"taken":>8}')
    for name, total in sorted(folders.items()):
        print(f'{name:14} {total[1]:7} {percent(*total[:2]):>8} {total[3]:9} {percent(*total[2:]):>8}')


if __name__ == '__main__':
    main()
