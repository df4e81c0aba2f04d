#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The page in Chromium shows a stock Linux guest, and what is typed and clicked there arrives in the guest."""
import os
import re
import subprocess
import unittest

import e2e
import qemu
from harness import expect

RUN = qemu.SOURCE / 'tests' / 'web' / 'run.sh'
SCRIPT = qemu.SOURCE / 'tests' / 'web' / 'use_guest.mjs'


def use(machine):
    """A browser that shows the guest; what the script has printed."""
    link = f'http://127.0.0.1:{machine.port}/#token={machine.token}'
    pictures = e2e.build / 'tests' / 'web' / 'pictures'
    done = subprocess.run(['sh', RUN, SCRIPT, link, pictures], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=180, env=os.environ)
    if done.returncode == 77:
        raise unittest.SkipTest(done.stdout.strip())
    expect(done.returncode == 0, done.stdout)
    return done.stdout.strip()


def test_the_cube_plays_and_input_arrives():
    with qemu.Machine() as machine:
        machine.start('events', 'events')
        machine.wait_log('events', 'listening')
        machine.start('cube', 'cube')
        machine.wait_log('cube', 'first frame')
        print(use(machine))
        text = machine.wait_log('events', r'KEY 88 0')
    keys = re.findall(r'keyboard: KEY (\d+) ([01])$', text, flags=re.M)
    expect(keys == [('35', '1'), ('35', '0'), ('23', '1'), ('23', '0'), ('88', '1'), ('88', '0')], keys)
    buttons = re.findall(r'tablet: KEY (\d+) ([01])$', text, flags=re.M)
    expect(buttons == [('272', '1'), ('272', '0')], buttons)
    places = re.findall(r'tablet: ABS ([01]) (\d+)$', text, flags=re.M)
    for axis, wanted in ('0', 32767 / 4), ('1', 32767 / 2):
        place = [int(value) for name, value in places if name == axis][-1]
        expect(abs(place - wanted) < 80, (axis, place))
    expect('REL 8 1' in text and 'REL 11 120' in text, text)


if __name__ == '__main__':
    e2e.main()
