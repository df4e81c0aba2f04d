#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the guest's driver says about the device is what the host's driver says.

docs/differences.md lists the exceptions with their reasons. A difference that is not listed fails, and
so does a listed one that no longer exists.
"""
import fnmatch
import json
import re
from pathlib import Path

import e2e
from harness import expect

DOCUMENT = Path(__file__).resolve().parents[2] / 'docs' / 'differences.md'


def flatten(value, path=''):
    if isinstance(value, dict):
        for name, member in value.items():
            yield from flatten(member, f'{path}.{name}' if path else name)
    else:
        yield path, value


def dump(output):
    return dict(flatten(json.loads(output)))


class Row:
    """A row of the document: | `member` | host | guest | why |"""

    def __init__(self, number, cells):
        self.number = number
        self.patterns = re.findall(r'`([^`]+)`', cells[0])
        self.host, self.guest = cells[1], cells[2]
        self.used = set()

    def applies(self, host, guest):
        return all(cell == 'any' or name.startswith(cell) for cell, name in ((self.host, host), (self.guest, guest)))

    def matches(self, member):
        for pattern in self.patterns:
            if fnmatch.fnmatchcase(member, pattern):
                self.used.add(pattern)
                return True
        return False


def read_rows():
    rows = []
    for number, line in enumerate(DOCUMENT.read_text().splitlines(), 1):
        if line.startswith('| `'):
            rows.append(Row(number, [cell.strip() for cell in line.strip('|').split('|')]))
    return rows


def compare(native, guest, rows):
    """Differences that no row explains, and how many are explained."""
    unexplained, explained = [], 0
    for member in sorted(set(native) | set(guest)):
        a, b = native.get(member, 'absent'), guest.get(member, 'absent')
        if a == b:
            continue
        # Every row counts as used that explains it, not only the first.
        if any([row.matches(member) for row in rows]):
            explained += 1
        else:
            unexplained.append(f'{member}: native {a}, vitrine {b}')
    return unexplained, explained


def check(native_output, guest_output):
    native, guest = dump(native_output), dump(guest_output)
    driver = 'device0.properties.VkPhysicalDeviceVulkan12Properties.driver'
    host = f"{native[driver + 'Name']}, {native[driver + 'Info']}"
    version = guest[driver + 'Info']
    rows = [row for row in read_rows() if row.applies(host, version)]
    unexplained, explained = compare(native, guest, rows)
    print(f'host {host}, guest {version}: {len(native)} members native, {len(guest)} through vitrine, '
          f'{explained} differ as docs/differences.md says')
    expect(not unexplained, f'{len(unexplained)} differences that docs/differences.md does not explain:\n  '
           + '\n  '.join(unexplained[:400]))
    stale = [f'line {row.number}: {p}' for row in rows for p in row.patterns if p not in row.used]
    expect(not stale, 'docs/differences.md lists what no longer differs:\n  ' + '\n  '.join(stale))


def test_native_with_itself():
    """The dump itself is deterministic."""
    vk_dump = e2e.program('vk-dump')
    first = dump(e2e.run([vk_dump], e2e.native_env()).stdout)
    second = dump(e2e.run([vk_dump], e2e.native_env()).stdout)
    unexplained, _ = compare(first, second, [])
    expect(not unexplained, '\n'.join(unexplained))


def test_differences():
    vk_dump = e2e.program('vk-dump')
    native = e2e.run([vk_dump], e2e.native_env()).stdout
    with e2e.Server() as server:
        guest = server.run([vk_dump]).stdout
    check(native, guest)


if __name__ == '__main__':
    e2e.main()
