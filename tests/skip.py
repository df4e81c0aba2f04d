#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""In place of a test in posix_skips.txt: prints the reason.

    skip.py NAME
"""
import sys
from pathlib import Path

for line in (Path(__file__).parent / 'posix_skips.txt').read_text().splitlines():
    name, _, reason = line.partition(': ')
    if name == sys.argv[1]:
        print(f'skipped: {reason}')
        sys.exit(77)
sys.exit(f'{sys.argv[1]} is not in posix_skips.txt')
