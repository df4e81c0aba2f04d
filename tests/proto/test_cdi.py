#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The command `vitrine cdi`: test_cdi.py VITRINE"""

import json
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import unittest

import harness

TREE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..')
UNIT = os.path.join(TREE, 'packaging/systemd/system/vitrine-cdi.service.in')
PACKAGER = os.path.join(TREE, 'tools/package-guest-driver')


def cdi(*words):
    return subprocess.run([harness.PROGRAM, 'cdi', *words], capture_output=True, text=True, timeout=60)


class Server(harness.Process):
    """`vitrine serve` in a folder in which is nothing else."""

    def __init__(self):
        super().__init__()
        self.folder = os.path.join(self.dir, 'own')
        os.mkdir(self.folder)
        self.path = os.path.join(self.folder, 'vtest.sock')
        self.spawn([harness.PROGRAM, 'serve', '--socket', self.path], stdin=subprocess.DEVNULL, text=True)
        assert self.process.stdout.readline() == f'READY {self.path}\n', self.log()

    def stop(self):
        self.process.terminate()
        assert self.process.wait(60) == 0, self.log()
        self.process.stdout.close()
        self.check_sound()


class TestCdi(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.path, cls.folder = cls.server.path, cls.server.folder

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def setUp(self):
        holder = harness.tempfile.TemporaryDirectory(prefix='vitrine-test-')
        self.addCleanup(holder.cleanup)
        self.other = holder.name

    def specify(self, *words):
        done = cdi(*words)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual('no driver for containers is installed' in done.stderr, '--guest-driver' not in words, done.stderr)
        return json.loads(done.stdout)

    def test_one(self):
        self.assertEqual(self.specify('--socket', self.path), {
            'cdiVersion': '0.5.0', 'kind': 'vitrine.dev/gpu', 'devices': [{
                'name': 'all', 'containerEdits': {
                    'env': ['VN_DEBUG=vtest', 'VN_PERF=no_async_present', 'MESA_VK_WSI_DEBUG=sw',
                            'VK_LOADER_DRIVERS_SELECT=*virtio_icd*', 'VTEST_SOCKET_NAME=/run/vitrine/all/vtest.sock'],
                    'mounts': [{'hostPath': self.folder, 'containerPath': '/run/vitrine/all',
                                'options': ['bind', 'ro', 'nosuid', 'nodev', 'noexec']}]}}]})

    def test_several(self):
        link = os.path.join(self.other, 'link')
        os.symlink(self.folder, link)
        found = self.specify('--socket', self.path, '--device', f'0={self.path}', '--device', f'a.b-c={link}/vtest.sock')
        self.assertEqual([(device['name'], device['containerEdits']['mounts'][0]['hostPath'],
                           device['containerEdits']['mounts'][0]['containerPath']) for device in found['devices']],
                         [(name, self.folder, f'/run/vitrine/{name}') for name in ('all', '0', 'a.b-c')])

    def make_driver(self):
        folder = os.path.join(self.other, 'guest')
        os.mkdir(folder)
        for name in ('driver.json', 'virtio_icd.i386.json', 'virtio_icd.x86_64.json', 'other.json'):
            open(os.path.join(folder, name), 'w').close()
        return folder

    def test_guest_driver(self):
        folder, place = self.make_driver(), '/usr/lib/vitrine/guest'
        manifests = f'{place}/virtio_icd.x86_64.json:{place}/virtio_icd.i386.json'
        env = [f'VK_DRIVER_FILES={manifests}', f'VK_ICD_FILENAMES={manifests}',
               f'__EGL_VENDOR_LIBRARY_FILENAMES={place}/egl_vendor.json', '__GLX_VENDOR_LIBRARY_NAME=vitrine',
               'MESA_LOADER_DRIVER_OVERRIDE=zink']
        found = self.specify('--socket', self.path, '--guest-driver', folder)
        edits = found.pop('containerEdits')
        self.assertEqual(found, self.specify('--socket', self.path, '--guest-driver', 'none'))
        self.assertEqual(edits['env'], env)
        self.assertEqual(edits['mounts'], [{'hostPath': folder, 'containerPath': place,
                                            'options': ['bind', 'ro', 'nosuid', 'nodev']}])
        [hook] = edits['hooks']
        self.assertEqual((hook['hookName'], hook['path'], hook['args'][:4]),
                         ('createContainer', os.path.realpath(harness.PROGRAM),
                          ['vitrine', 'cdi-hook', '--folder', folder]))
        edits = self.specify('--socket', self.path, '--guest-driver', folder, '--cpu')['containerEdits']
        self.assertEqual(edits['env'], [*env, 'LIBGL_ALWAYS_SOFTWARE=1'])

    def test_installed_guest_driver(self):
        """The one in ../lib/vitrine/guest is found."""
        os.makedirs(os.path.join(self.other, 'bin'))
        os.makedirs(os.path.join(self.other, 'lib/vitrine'))
        os.rename(self.make_driver(), os.path.join(self.other, 'lib/vitrine/guest'))
        program = os.path.join(self.other, 'bin/vitrine')
        shutil.copy(harness.PROGRAM, program)
        done = subprocess.run([program, 'cdi', '--socket', self.path], capture_output=True, text=True, timeout=60)
        edits = json.loads(done.stdout)['containerEdits']
        self.assertEqual((edits['mounts'][0]['hostPath'], edits['hooks'][0]['path']),
                         (os.path.join(self.other, 'lib/vitrine/guest'), program))

    def test_programs_of_the_installation(self):
        """A hook that needs no libraries, and an ldconfig beside the driver, for hosts that lack them."""
        folder = self.make_driver()
        for name in ('bin/vitrine', 'libexec/vitrine/cdi-hook'):
            path = os.path.join(self.other, name)
            os.makedirs(os.path.dirname(path))
            shutil.copy(harness.PROGRAM, path)
        shutil.copy('/bin/true', os.path.join(folder, 'ldconfig'))
        done = subprocess.run([os.path.join(self.other, 'bin/vitrine'), 'cdi', '--socket', self.path, '--guest-driver',
                               folder], capture_output=True, text=True, timeout=60)
        [hook] = json.loads(done.stdout)['containerEdits']['hooks']
        self.assertEqual((hook['path'], hook['args']),
                         (path, ['cdi-hook', '--folder', folder, '--ldconfig', f'{folder}/ldconfig']))

    def test_package_of_guest_driver(self):
        """The Debian package puts the driver where vitrine finds it, and the same folder gives the same bytes."""
        if not shutil.which('dpkg-deb'):
            self.skipTest('dpkg-deb is missing')
        folder = self.make_driver()
        for name, text in (('driver.json', '{"mesa": "25.0.7", "glibc": "2.29", "machines": ["x86_64"]}'), ('SOURCES', 'x\n'),
                           ('licenses/mesa', 'MIT\n')):
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            with open(os.path.join(folder, name), 'w') as file:
                file.write(text)
        packages = []
        for _ in range(2):
            done = subprocess.run([sys.executable, PACKAGER, '--folder', folder, '--output', self.other], check=True,
                                  capture_output=True, text=True, timeout=60)
            with open(done.stdout.strip(), 'rb') as file:
                packages.append(file.read())
            os.utime(os.path.join(folder, 'driver.json'))
        self.assertEqual(packages[0], packages[1])
        root = os.path.join(self.other, 'root')
        subprocess.run(['dpkg-deb', '-x', done.stdout.strip(), root], check=True)
        os.makedirs(os.path.join(root, 'usr/bin'))
        program = shutil.copy(harness.PROGRAM, os.path.join(root, 'usr/bin'))
        done = subprocess.run([program, 'cdi', '--socket', self.path], capture_output=True, text=True, timeout=60)
        [mount] = json.loads(done.stdout)['containerEdits']['mounts']
        self.assertEqual(mount['hostPath'], os.path.join(root, 'usr/lib/vitrine/guest'))
        with open(os.path.join(root, 'usr/share/doc/vitrine-guest-driver/copyright')) as file:
            self.assertIn('==== mesa ====', file.read())

    def test_file(self):
        path = os.path.join(self.other, 'vitrine.json')
        for _ in range(2):  # a new one, and one that is there
            done = cdi('--socket', self.path, '--guest-driver', 'none', '--output', path)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, '', ''))
            with open(path) as file:
                self.assertEqual(json.load(file), self.specify('--socket', self.path))
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o644)
            self.assertEqual(os.listdir(self.other), ['vitrine.json'])

    def test_unit(self):
        """The command of the systemd unit."""
        with open(UNIT) as file:
            command = re.search('^ExecStart=(.*)', file.read(), re.M)[1]
        for old, new in (('@VITRINE@', harness.PROGRAM), ('/run/vitrine-serve', self.folder), ('/run/cdi', self.other)):
            self.assertIn(old, command)
            command = command.replace(old, new)
        subprocess.run(command.split(), check=True, timeout=60)
        with open(os.path.join(self.other, 'vitrine.json')) as file:
            self.assertEqual(json.load(file), self.specify('--socket', self.path))

    def refuse(self, text, *words, status=2):
        done = cdi(*words)
        self.assertEqual((done.returncode, done.stdout), (status, ''))
        self.assertIn(text, done.stderr)

    def test_refusals(self):
        self.refuse('--socket is missing')
        self.refuse('no server answers', '--socket', '/nonexistent/sock')
        self.refuse("the device 'all' is given twice", '--socket', self.path, '--device', f'all={self.path}')
        for name in ('', '-', 'a-', '-a', 'a b', 'a/b', '../x', 64 * 'x'):
            self.refuse('cannot describe the device', '--device', f'{name}={self.path}')
        self.refuse('cannot describe the device', '--device', 'name')
        for folder in (self.other, '/nonexistent'):
            self.refuse('contains no driver for containers', '--socket', self.path, '--guest-driver', folder)
        self.refuse('cannot write /nonexistent/x.json', '--socket', self.path, '--output', '/nonexistent/x.json', status=1)
        self.assertEqual(sorted(os.listdir(self.folder)), ['vtest.sock'])
        pipe, link = (os.path.join(self.other, name) for name in ('pipe', 'link'))
        os.mkfifo(pipe)  # for /dev/null, which is not to be risked here
        os.symlink('/dev/stdout', link)
        for path in (pipe, link):
            self.refuse(f'cannot write {path}: File exists', '--socket', self.path, '--output', path, status=1)
        self.assertTrue(stat.S_ISFIFO(os.stat(pipe).st_mode) and os.path.islink(link))

    def test_dead_server(self):
        path = os.path.join(self.other, 'sock')
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(path)
        self.refuse('nothing listens', '--socket', path)

    def test_folder_with_other_files(self):
        """Containers would see them."""
        with harness.Server() as server:  # its log lies beside the socket
            self.refuse('contains other files than sock', '--socket', server.path)


if __name__ == '__main__':
    harness.main()
