#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""In place of a test that cannot run in this build: prints the reason.

    skip.py LIST NAME       LIST is for instance posix_skips.txt
"""
import sys
from pathlib import Path

for line in Path(sys.argv[1]).read_text().splitlines():
    name, _, reason = line.partition(': ')
    if name == sys.argv[2]:
        print(f'skipped: {reason}')
        sys.exit(77)
sys.exit(f'{sys.argv[2]} is not in {sys.argv[1]}')
