#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The option --gpu, on two equal devices of tests/driver: test_gpu_choice.py VITRINE MANIFEST"""

import glob
import json
import os
import struct
import subprocess
import sys
import unittest

import front
import harness
import venus
import vtest
from venus import INSTANCE, ONE, PHYSICAL
from vtest import Client, Ring, command

MANIFEST = None
NAME = 'vitrine test driver'
# deviceUUID and driverUUID of tests/driver/facts.py; the last byte of the first one is the device's number.
UUIDS = [b'vtd\1' + bytes(11) + bytes([number]) for number in range(3)]
DRIVER_UUID = b'vtd\2' + bytes(12)
ROOM = 4


def with_dashes(uuid):
    digits = uuid.hex()
    return '-'.join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def environment(words='devices=2'):
    return {**os.environ, 'VTR_TEST_DRIVER': words}


def device_ids(ring):
    """deviceID of each device that a program gets."""
    result, = struct.unpack_from('<i', ring.call(vtest.create_instance(INSTANCE), 8), 4)
    assert result == 0, result
    handles = range(PHYSICAL, PHYSICAL + ROOM)
    reply = ring.call(command(2, struct.pack(f'<QQIQ{ROOM}Q', INSTANCE, 1, ROOM, ROOM, *handles), True), 20)
    result, count = struct.unpack_from('<i8xI', reply, 4)
    assert result == 0, result
    found = []
    for handle in handles[:count]:
        found += struct.unpack_from('<I', ring.call(command(6, struct.pack('<Q', handle) + ONE, True), 28), 24)
    return found


def groups(ring):
    """The devices of each group."""
    part = struct.pack('<iQQ256x', 1000070000, 0, 32)
    reply = ring.call(command(143, struct.pack('<QQIQ', INSTANCE, 1, ROOM, ROOM) + ROOM * part, True), 4096)
    result, count = struct.unpack_from('<i8xI', reply, 4)
    assert result == 0, result
    found, at = [], 28
    for _ in range(count):
        members, room = struct.unpack_from('<IQ', reply, at + 12)
        found.append(list(struct.unpack_from(f'<{members}Q', reply, at + 24)))
        at += 24 + 8 * room + 4
    return found


def run(*words, env=None, **more):
    return subprocess.run([harness.PROGRAM, *words], capture_output=True, text=True, timeout=120,
                          env=env or environment(), **more)


class TestServe(unittest.TestCase):
    def serve(self, *args, words='devices=2', driver=None):
        return harness.Server('-o', f'driver={driver or MANIFEST}', *args, env=environment(words))

    def see(self, *args, **more):
        """What a program sees."""
        with self.serve(*args, **more) as server, Client(server.path) as client:
            ring = Ring(client)
            ids = device_ids(ring)
            return ids, groups(ring)

    def test_all(self):
        self.assertEqual(self.see(), ([1, 2], [[PHYSICAL], [PHYSICAL + 1]]))

    def test_index(self):
        for index in (0, 1):
            self.assertEqual(self.see('--gpu', str(index)), ([1 + index], [[PHYSICAL]]))

    def test_uuid(self):
        self.assertEqual(self.see('--gpu', with_dashes(UUIDS[1])), ([2], [[PHYSICAL]]))
        self.assertEqual(self.see('--gpu', UUIDS[0].hex().upper()), ([1], [[PHYSICAL]]))

    def test_name(self):
        self.assertEqual(self.see('--gpu', 'TEST driver', words='null'), ([1], [[PHYSICAL]]))

    def test_forked_workers(self):
        self.assertEqual(self.see('--gpu', '1', '-o', 'zygote=on'), ([2], [[PHYSICAL]]))

    def test_other_driver(self):
        """lavapipe beside the two devices, whose driver is loaded, too."""
        lavapipe = sorted(glob.glob('/usr/share/vulkan/icd.d/lvp_icd*.json'))
        if not lavapipe:
            self.skipTest('lavapipe is not installed')
        ids, found = self.see('--gpu', 'llvmpipe', driver=f'{MANIFEST}:{lavapipe[0]}')
        self.assertEqual((len(ids), found), (1, [[PHYSICAL]]))
        self.assertNotIn(ids[0], (1, 2))

    def test_log(self):
        for name in ('serve', 'gpu'):
            with harness.Server('-o', f'driver={MANIFEST}', '--gpu', '1', command=(name,), env=environment()) as server:
                self.assertIn(f'programs get device 1: {NAME}', server.log())


class TestWorker(unittest.TestCase):
    """As the front of a VM starts it."""

    def setUp(self):
        self.before = dict(os.environ)
        os.environ.update(VTR_TEST_DRIVER='devices=2', VK_DRIVER_FILES=MANIFEST, VK_ICD_FILENAMES=MANIFEST)

    def tearDown(self):
        os.environ.clear()
        os.environ.update(self.before)

    def see(self, **options):
        folder = os.path.dirname(MANIFEST)
        with front.Front(readable=(folder,), **options) as context:
            ids = device_ids(Ring(context))
            return ids, context.log()

    def test_chosen(self):
        self.assertEqual(self.see()[0], [1, 2])
        self.assertEqual(self.see(one_device=1, device_uuid=UUIDS[1], driver_uuid=DRIVER_UUID)[0], [2])

    def test_gone(self):
        """The program gets no other device in its place."""
        for device_uuid, driver_uuid in ((UUIDS[2], DRIVER_UUID), (UUIDS[1], UUIDS[1])):
            ids, log = self.see(one_device=1, device_uuid=device_uuid, driver_uuid=driver_uuid)
            self.assertEqual(ids, [])
            self.assertIn('the device that --gpu chose is gone', log)


class TestRefusals(unittest.TestCase):
    COMMANDS = {'run': (('run',), ('--', 'true'), 125), 'serve': (('serve', '--socket', '{path}'), (), 1),
                'gpu': (('gpu', '--socket', '{path}'), (), 1)}

    def refuse(self, choice, words='devices=2', driver=None, commands=('run', 'serve', 'gpu')):
        path = os.path.join(self.folder, 'sock')
        for name in commands:
            before, after, status = self.COMMANDS[name]
            done = run(*(word.format(path=path) for word in before), '-o', f'driver={driver or MANIFEST}', '--gpu', choice,
                       *after, env=environment(words))
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertEqual(done.stdout, '')
            self.assertIn(f"vitrine {name}: --gpu '{choice}' names ", done.stderr)
            self.assertFalse(os.path.exists(path), name)
        return done.stderr

    def setUp(self):
        holder = harness.tempfile.TemporaryDirectory(prefix='vitrine-test-')
        self.addCleanup(holder.cleanup)
        self.folder = holder.name

    def test_none(self):
        text = self.refuse('2')
        self.assertIn('names no device of this host', text)
        for number in (0, 1):
            self.assertIn(f'  {number}: {with_dashes(UUIDS[number])}, {NAME}\n', text)
        self.refuse('Radeon', commands=('run',))
        self.refuse(with_dashes(UUIDS[2]), commands=('run',))
        self.refuse('', commands=('run',))

    def test_several(self):
        text = self.refuse(NAME)
        self.assertIn('names 2 devices', text)
        self.assertIn(f'  1: {with_dashes(UUIDS[1])}, {NAME}\n', text)

    def test_no_device(self):
        self.assertIn('this host has none', self.refuse('0', driver='/nonexistent.json', commands=('serve',)))

    def test_driver_fails(self):
        done = run('run', '-o', f'driver={MANIFEST}', '--gpu', '0', '--', 'true',
                   env=environment('fail=vkEnumeratePhysicalDevices:VK_ERROR_INITIALIZATION_FAILED'))
        self.assertEqual(done.returncode, 125)
        self.assertIn('this host has none', done.stderr)


class TestDoctor(unittest.TestCase):
    def test_lists(self):
        done = run('doctor', '-o', f'driver={MANIFEST}')
        for number in (0, 1):
            self.assertIn(f'  {number}: {NAME} (discrete)\n    UUID: {with_dashes(UUIDS[number])}\n', done.stdout)

    def test_json(self):
        done = run('doctor', '--json', '-o', f'driver={MANIFEST}')
        devices = json.loads(done.stdout)['devices']
        self.assertEqual([(device['index'], device['uuid'], device['name']) for device in devices],
                         [(number, with_dashes(UUIDS[number]), NAME) for number in (0, 1)])


if __name__ == '__main__':
    MANIFEST = os.path.abspath(sys.argv.pop(2))
    harness.main()
