#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Drivers that open files late, when a device is made, in a sandbox that knows none of their files by name."""
import json
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import e2e
import harness
from harness import expect

WHEN = 'when VK_KHR_acceleration_structure'  # what the prober enables, and no plain device
DEVICE_NEEDS = ['a device', 'a compute pipeline', 'a graphics pipeline']


class Late:
    """A driver in a folder of its own, and files in another one."""

    def __init__(self, folder, *lines):
        self.own, self.other = Path(folder) / 'driver', Path(folder) / 'other'
        self.own.mkdir()
        self.other.mkdir()
        for name in ('late_icd', 'late_part'):
            shutil.copy(e2e.build / 'tests' / 'e2e' / f'lib{name}.so', self.own)
        for path in (self.own / 'data', self.other / 'data', self.other / 'secret'):
            path.write_text('x')
        self.manifest = self.own / 'icd.json'
        self.manifest.write_text(json.dumps({'file_format_version': '1.0.1', 'ICD': {
            'library_path': str(self.own / 'liblate_icd.so'), 'api_version': '1.3.0'}}))
        driver = json.loads(Path(e2e.manifest('lvp')).read_text())['ICD']['library_path']
        lines = [f'driver {driver}', *lines]
        (self.own / 'late').write_text(''.join(line.format(own=self.own, other=self.other) + '\n' for line in lines))

    def option(self):
        return ['-o', f'driver={self.manifest}']

    def use(self):
        """A program's device, by `vitrine run`."""
        return e2e.run([e2e.program('vitrine'), 'run', *self.option(), '--', e2e.program('bench-client'), '--only',
                        'submit', '--repeat', '1'], e2e.plain_env(), check=False)

    def doctor(self, *more):
        """What it says of the device and of the sandbox, and the text."""
        command = [e2e.program('vitrine'), 'doctor', *self.option(), *more]
        report = json.loads(e2e.run([*command, '--json'], e2e.plain_env(), check=False).stdout)
        text = e2e.run(command, e2e.plain_env(), check=False).stdout
        print(json.dumps(report['devices'][0]['sandbox']), json.dumps(report['sandbox']))
        return report['devices'][0]['sandbox'], report['sandbox'], text


@contextmanager
def late(*lines):
    with tempfile.TemporaryDirectory(prefix='vitrine-late-') as folder:
        yield Late(folder, *lines)


def test_own_folder():
    """A library and data beside the driver's own, for every device; nothing elsewhere is opened to it."""
    with late('library {own}/liblate_part.so', 'read {own}/data', 'refused {other}/secret') as driver:
        done = driver.use()
        expect(done.returncode == 0, done.stderr)


def test_neighbours_stay_refused():
    """The driver checks that it cannot read a file elsewhere: outside of the sandbox it can, so it fails there."""
    with late('refused {other}/secret') as driver:
        done = e2e.run([e2e.program('bench-client'), '--only', 'submit'],
                       {**e2e.native_env(), 'VK_DRIVER_FILES': str(driver.manifest)}, check=False)
        expect(done.returncode != 0, 'the file should have been readable')


def test_listen():
    """What NVIDIA's driver does when rays are to be traced."""
    with late('listen') as driver:
        done = driver.use()
        expect(done.returncode == 0, done.stderr)


def test_doctor_says_that_all_works():
    with late(WHEN, 'library {own}/liblate_part.so', 'read {own}/data', 'listen') as driver:
        device, sandbox, text = driver.doctor()
        expect(device['works'] and device['failed'] is None and 'acceleration_structure' in device['worked'], str(device))
        expect(sandbox == {'readable': [], 'refused_files': [], 'refused_calls': []}, str(sandbox))
        line = [line for line in text.splitlines() if 'everything enabled, in the sandbox: works' in line]
        expect(len(line) == 1 and all(step in line[0] for step in DEVICE_NEEDS), text)


def test_a_file_elsewhere_is_allowed_by_name():
    """The prober finds that it is needed; the one beside it stays refused."""
    with late('read {other}/data', 'refused {other}/secret') as driver:
        done = driver.use()
        expect(done.returncode == 0, done.stderr)
        with e2e.Server(*driver.option(), '--log', 'info') as server:
            expect(harness.wait_until(lambda: str(driver.other / 'data') in server.log()), 'the prober found nothing')
            server.run([e2e.program('bench-client'), '--only', 'submit', '--repeat', '1'])


def test_files_that_are_not_needed_stay_refused():
    """The device fails at first, for the lack of one file; the other one, which was read before, is left alone."""
    with late('peek {other}/secret', 'read {other}/data') as driver:
        device, sandbox, text = driver.doctor()
        expect(device['works'] and sandbox['readable'] == [str(driver.other / 'data')], f'{device} {sandbox}')
        expect(f'workers need this file and may read it: {driver.other}/data' in text, text)


def test_what_is_refused_is_named():
    with late(WHEN, 'read {other}/data', 'write {other}/secret') as driver:
        device, sandbox, text = driver.doctor()
        expect(device['found'] and not device['works'] and device['failed'] == 'device' and device['result'] == -3 and
               device['works_without'], str(device))
        expect({str(driver.other / name) for name in ('data', 'secret')} <= set(sandbox['refused_files']), str(sandbox))
        expect(sandbox['readable'] == [], str(sandbox))
        for words in ('fails at a device (VkResult -3)', 'without the sandbox (-o sandbox=off) it works',
                      f'the sandbox refuses the file: {driver.other}/secret'):
            expect(words in text, f'{words} is missing: {text}')


def test_refused_calls_are_named():
    with late(WHEN, 'stream') as driver:
        device, sandbox, text = driver.doctor()
        expect(not device['works'] and sandbox['refused_calls'] == ['socket'], f'{device} {sandbox}')
        expect('the sandbox refuses the system call: socket' in text, text)


def test_the_driver_itself_fails():
    """No fault of the sandbox's, so that nothing of it is blamed."""
    with late(WHEN, 'read {other}/absent') as driver:
        device, _, text = driver.doctor()
        expect(not device['works'] and not device['works_without'], str(device))
        expect('fails without the sandbox, too' in text and 'the sandbox refuses the' not in text, text)


def test_serve_warns():
    with late(WHEN, 'write {other}/secret') as driver, e2e.Server(*driver.option()) as server:
        why = 'fails in the sandbox with everything enabled that it offers, at a device'
        expect(harness.wait_until(lambda: why in server.log()), server.log())


if __name__ == '__main__':
    e2e.main()
