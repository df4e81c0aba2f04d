#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Says which C files clang-format would change, and how much. Exits with 1 if there are any."""
import difflib
import shutil
import subprocess
import sys
from pathlib import Path


def main():
    tool = shutil.which('clang-format-14') or shutil.which('clang-format')
    if not tool:
        sys.exit('clang-format is not installed (apt install clang-format-14)')
    changed = 0
    for folder in ('src', 'tests', 'bench', 'demo'):
        for path in sorted(Path(folder).rglob('*.[ch]')):
            before = path.read_text()
            after = subprocess.run([tool, str(path)], stdout=subprocess.PIPE, text=True, check=True).stdout
            diff = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm='', n=0))
            if diff:
                changed += 1
                print('\n'.join([f'--- {path}', *diff[2:]]))
    print(f'{changed} files would change')
    sys.exit(bool(changed))


if __name__ == '__main__':
    main()
