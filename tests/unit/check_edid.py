#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Has edid-decode look at EDIDs of ours: no failures, and the preferred mode is the one that was asked for.

    check_edid.py VIRTIO_EDID
"""
import re
import shutil
import subprocess
import sys

MODES = [(640, 480, 60), (1024, 768, 60), (1280, 800, 60), (1366, 768, 60), (1920, 1080, 144),
         (2560, 1440, 60), (3840, 2160, 60), (4095, 2160, 60), (3840, 2160, 120), (4096, 2160, 60),
         (5120, 2880, 60), (7680, 4320, 60), (8192, 4320, 30)]


def check(program, width, height, hz):
    edid = subprocess.run([program, str(width), str(height), str(hz)], check=True,
                          stdout=subprocess.PIPE).stdout
    report = subprocess.run(['edid-decode', '--check'], input=edid, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT).stdout.decode()
    if not re.search(r'^EDID conformity: PASS$', report, re.M):
        sys.exit(f'{width}x{height}@{hz}:\n{report}')
    timings = re.findall(r'^ *DTD.*: +(\d+)x(\d+) +([\d.]+) Hz', report, re.M)
    got_width, got_height, got_hz = timings[-1]
    if (int(got_width), int(got_height)) != (width, height) or abs(float(got_hz) - hz) > 0.1:
        sys.exit(f'{width}x{height}@{hz} became {timings}:\n{report}')
    print(f'{width}x{height}@{hz}: {len(edid)} bytes')


if not shutil.which('edid-decode'):
    print('skipped: there is no edid-decode; tools/setup test installs it')
    sys.exit(77)
for mode in MODES:
    check(sys.argv[1], *mode)
