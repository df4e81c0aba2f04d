#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The hook of `vitrine cdi`, on images that are hostile, too: test_cdi_hook.py VITRINE|CDI-HOOK HOSTILE_LDCONFIG

The hook runs as root of a user namespace, as engines without root run it.
"""
import errno
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

import harness

LDCONFIG = next((path for path in ('/sbin/ldconfig.real', '/sbin/ldconfig') if os.path.exists(path)), None)
PLACE = 'usr/lib/vitrine/guest'
OURS = f'/{PLACE}/x86_64/system/'
# Of /proc in the container's mounts, as engines have them; other processes' roots lead to the host.
ENTER = ['unshare', '-rmpf', '--mount-proc=/proc']
# LeakSanitizer reads /proc, which the hook has left when it ends.
ENV = {**os.environ, 'ASAN_OPTIONS': 'detect_leaks=0'}
GLIBC = b'GNU C Library (Debian GLIBC 2.%d-9) stable release version 2.%d.\n'


def command():
    return [harness.PROGRAM] if os.path.basename(harness.PROGRAM) == 'cdi-hook' else [harness.PROGRAM, 'cdi-hook']


def library(name):
    """The path of one of the host's libraries."""
    text = subprocess.run([LDCONFIG, '-p'], capture_output=True, text=True).stdout
    return re.search(rf'^\s{re.escape(name)} \(libc6,x86-64.*=> (\S+)$', text, re.M)[1]


class TestHook(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not LDCONFIG or subprocess.run([*ENTER, 'true'], stderr=subprocess.DEVNULL).returncode:
            raise unittest.SkipTest('needs user namespaces and ldconfig')

    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix='vitrine-test-')
        self.addCleanup(holder.cleanup)
        self.dir = Path(holder.name)
        self.image, self.tree, self.outside = (self.dir / name for name in ('image', 'tree', 'outside'))
        for path in (self.image / 'etc', self.image / PLACE, self.image / 'usr/lib/x86_64-linux-gnu',
                     self.image / 'proc', self.tree / 'scratch', self.tree / 'x86_64/system', self.outside):
            path.mkdir(parents=True)
        (self.tree / 'driver.json').write_text('{"mesa": "25.0.7", "glibc": "2.29", "machines": ["x86_64"]}\n')
        (self.image / 'etc/ld.so.conf').write_text('/usr/lib/x86_64-linux-gnu\ninclude /etc/ld.so.conf.d/*.conf\n')
        self.libc = self.image / 'usr/lib/x86_64-linux-gnu/libc.so.6'
        self.libc.write_bytes(b'\x7fELF' + GLIBC % (36, 36))
        shutil.copy(library('libz.so.1'), self.tree / 'x86_64/system/libz.so.1')
        for folder in (self.tree / 'x86_64/system', self.image / 'usr/lib/x86_64-linux-gnu'):
            shutil.copy(library('libm.so.6'), folder / 'libm.so.6')

    def hook(self, root=None, before='true', ldconfig=LDCONFIG):
        """Runs the hook, behind commands of a shell that set up mounts."""
        bundle = self.dir / 'bundle'
        bundle.mkdir(exist_ok=True)
        config = {'process': {'args': ['root', '"root": {'], 'env': ['A={"root": {"path": "/"}}']},
                  'annotations': {'root': 'path'}, 'root': {'path': str(root or self.image), 'readonly': True}}
        (bundle / 'config.json').write_text(json.dumps(config))
        state = json.dumps({'ociVersion': '1.0.2', 'id': 'x', 'status': 'creating', 'pid': 1, 'bundle': str(bundle)})
        return subprocess.run([*ENTER, 'sh', '-c', before + ' && exec "$0" "$@"', *command(),
                               '--folder', str(self.tree), '--ldconfig', ldconfig],
                              input=state, capture_output=True, text=True, timeout=120, env=ENV)

    def succeed(self, **more):
        done = self.hook(**more)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, '', ''))
        return self.cache()

    def refuse(self, text, **more):
        done = self.hook(**more)
        self.assertEqual((done.returncode, done.stdout), (1, ''))
        self.assertIn(text, done.stderr)
        self.assertEqual(done.stderr.count('\n'), 1)

    def cache(self):
        """name -> the path that a dynamic linker takes."""
        text = subprocess.run([LDCONFIG, '-p', '-C', str(self.image / 'etc/ld.so.cache')], capture_output=True,
                              text=True, check=True).stdout
        found = {}
        for name, path in re.findall(r'^\s(\S+) \(.*=> (\S+)$', text, re.M):
            found.setdefault(name, path)
        return found

    def check_outside(self):
        self.assertEqual(list(self.outside.iterdir()), [])

    def test_libraries(self):
        """The image's own come first, ours where it has none; for ldconfig in the container, too."""
        for _ in range(2):  # a stopped container is started again
            found = self.succeed()
            self.assertEqual(found['libz.so.1'], OURS + 'libz.so.1')
            self.assertEqual(found['libm.so.6'], '/usr/lib/x86_64-linux-gnu/libm.so.6')
            self.assertEqual((self.image / 'etc/ld.so.conf.d/zz-vitrine.conf').read_text().splitlines(),
                             ['/lib64', '/usr/lib64', '/lib', '/usr/lib', OURS[:-1]])
            self.assertEqual(sorted(os.listdir(self.image / 'etc')), ['ld.so.cache', 'ld.so.conf', 'ld.so.conf.d'])
        self.assertEqual(list((self.tree / 'scratch').iterdir()), [])

    def test_default_folders(self):
        """An image without a configuration, and with libraries where dynamic linkers look without one."""
        (self.image / 'etc/ld.so.conf').unlink()
        (self.image / 'usr/lib64').mkdir()
        shutil.copy(library('libz.so.1'), self.image / 'usr/lib64/libz.so.1')
        self.assertEqual(self.succeed()['libz.so.1'], '/usr/lib64/libz.so.1')

    def test_versions(self):
        self.libc.write_bytes(GLIBC % (28, 28))
        self.refuse('the image has glibc 2.28, and the driver for containers needs glibc 2.29 or newer')
        self.libc.write_bytes(GLIBC % (29, 29))
        self.succeed()

    def test_musl(self):
        self.libc.unlink()
        (self.image / 'lib').mkdir()
        (self.image / 'lib/ld-musl-x86_64.so.1').touch()
        self.refuse('the image has musl')
        self.assertEqual(os.listdir(self.image / 'etc'), ['ld.so.conf'])

    def test_no_libc(self):
        """Nothing in such an image could load a driver."""
        self.libc.unlink()
        done = self.hook()
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        self.assertEqual(os.listdir(self.image / 'etc'), ['ld.so.conf'])

    def test_links_of_files(self):
        """A link in place of a file is replaced, not followed."""
        target = self.dir / 'target'
        target.write_text('precious')
        (self.image / 'etc/ld.so.conf.d').mkdir()
        for name in ('ld.so.cache', 'ld.so.cache.vitrine-new', 'ld.so.cache~', 'ld.so.conf.d/zz-vitrine.conf'):
            (self.image / 'etc' / name).symlink_to(target)
        self.assertIn('libz.so.1', self.succeed())
        self.assertEqual(target.read_text(), 'precious')
        self.assertFalse((self.image / 'etc/ld.so.cache').is_symlink())

    def test_links_of_folders(self):
        """A link that leads out of the image leads to the same path in it."""
        shutil.rmtree(self.image / 'etc')
        for target in (str(self.outside), os.path.relpath(self.outside, self.image), '../../../../..' + str(self.outside)):
            (self.image / 'etc').symlink_to(target)
            self.refuse('cannot write to the image')
            self.check_outside()
            (self.image / 'etc').unlink()
        inside = self.image / str(self.outside)[1:]
        inside.mkdir(parents=True)
        (self.image / 'etc').symlink_to(self.outside)
        done = self.hook()
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        self.check_outside()
        self.assertEqual(sorted(path.name for path in inside.iterdir()), ['ld.so.cache', 'ld.so.conf.d'])

    def test_links_by_proc(self):
        """Processes' roots in /proc lead to the host."""
        shutil.rmtree(self.image / 'etc')
        for link in ('root', 'cwd'):
            (self.image / 'etc').symlink_to(f'/proc/1/{link}{self.outside}')
            self.refuse('cannot write to the image', before=f'mount --rbind /proc {self.image}/proc')
            self.check_outside()
            (self.image / 'etc').unlink()

    def test_volumes(self):
        """A folder that the user mounted is not the image's to redirect to."""
        (self.image / 'volume').mkdir()
        shutil.rmtree(self.image / 'etc')
        (self.image / 'etc').symlink_to('/volume')
        self.refuse('cannot write to the image', before=f'mount --bind {self.outside} {self.image}/volume')
        self.check_outside()

    def test_place_is_link(self):
        """The engine would mount the tree elsewhere in the image; without a folder at the place there is an error."""
        (self.image / PLACE).rmdir()
        (self.image / PLACE).symlink_to(self.outside)
        self.refuse('cannot make the image')
        self.check_outside()

    def test_odd_files(self):
        """Neither pipes nor broken libraries keep the hook, and a configuration of the image reads nothing outside."""
        folder = self.image / 'usr/lib/x86_64-linux-gnu'
        os.mkfifo(folder / 'libpipe.so.1')
        (folder / 'libshort.so.1').write_bytes(b'\x7fELF\x02')
        data = bytearray(Path(library('libz.so.1')).read_bytes())
        data[0x20:0x40] = b'\xff' * 0x20  # offsets of its tables
        (folder / 'libwild.so.1').write_bytes(data)
        os.mkfifo(self.image / 'etc/pipe.conf')
        shutil.copy(library('libz.so.1'), self.outside / 'libz.so.1')
        (self.image / 'etc/ld.so.conf').write_text(f'/usr/lib/x86_64-linux-gnu\n{self.outside}\n/proc/1/root{self.outside}\n')
        found = self.succeed(before=f'mount --rbind /proc {self.image}/proc')
        self.assertEqual(found['libz.so.1'], OURS + 'libz.so.1')
        self.libc.unlink()
        os.mkfifo(self.libc)  # then there is no glibc
        self.assertEqual(self.hook().returncode, 0)

    def test_ldconfig_taken_over(self):
        """What it can do is to choose the contents of the image's cache."""
        done = self.hook(ldconfig=HOSTILE_LDCONFIG, before=f'mount --rbind /proc {self.image}/proc')
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        lines = (self.image / 'etc/ld.so.cache').read_text().splitlines()
        found = {name: int(number) for name, number in map(str.split, lines)}
        self.assertEqual(found, {
            'image': errno.EROFS, 'driver': errno.EROFS, 'proc': errno.ENOENT, 'host': errno.ENOENT,
            'remount': errno.EPERM, 'chroot': errno.EPERM, 'namespace': errno.EPERM, 'device': errno.EPERM,
            'signal': errno.ESRCH, 'network': errno.ENODEV, 'capabilities': 0, 'fds': 0})

    def refuse_in_time(self, text, **more):
        """The container does not start, and its machine is not kept busy meanwhile."""
        start = time.monotonic()
        self.refuse(text, **more)

    def test_configuration_is_a_pipe(self):
        """Of the image, or one that it includes."""
        conf = self.image / 'etc/ld.so.conf'
        conf.unlink()
        os.mkfifo(conf)
        self.refuse_in_time('took too long to list the image')
        conf.unlink()
        conf.write_text('include /etc/ld.so.conf.d/*.conf\n')
        os.mkfifo(self.image / 'etc/ld.so.conf.d/pipe.conf')
        self.refuse_in_time('took too long to list the image')

    def test_configuration_is_a_giant(self):
        """One line of gigabytes, which take no room in the image."""
        with open(self.image / 'etc/ld.so.conf', 'wb') as file:
            file.truncate(3 << 30)
        self.refuse_in_time('list the image')
        # The limit of memory does not apply where a sanitizer needs terabytes of addresses.
        if not harness.is_sanitized():
            self.assertLess(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, 512 << 10)

    def test_configuration_includes_itself(self):
        (self.image / 'etc/ld.so.conf').write_text('include /etc/ld.so.conf\n' * 2)
        start = time.monotonic()
        self.assertIn(self.hook().returncode, (0, 1))
        self.assertLess(time.monotonic() - start, 15)

    def test_library_is_a_giant(self):
        """Its size alone costs nothing."""
        path = self.image / 'usr/lib/x86_64-linux-gnu/libgiant.so.1'
        shutil.copy(library('libz.so.1'), path)
        os.truncate(path, 1 << 40)
        self.assertIn('libz.so.1', self.succeed())

    def test_many_names(self):
        folder = self.image / 'usr/lib/x86_64-linux-gnu'
        for i in range(20000):
            os.link(folder / 'libm.so.6', folder / f'lib{i}{"x" * 200}.so.6')
        start = time.monotonic()
        self.assertIn(self.hook().returncode, (0, 1))
        self.assertLess(time.monotonic() - start, 15)

    def test_devices(self):
        """What is not a plain file is not opened, because that can be an order to a device, such as a watchdog. A pipe shows
        it: its writer waits for a reader."""
        self.libc.unlink()
        os.mkfifo(self.libc)
        opened = []
        writer = threading.Thread(target=lambda: opened.append(os.open(self.libc, os.O_WRONLY)))
        writer.start()
        self.hook()
        was_opened = bool(opened)
        reader = os.open(self.libc, os.O_RDONLY | os.O_NONBLOCK)
        writer.join()
        for fd in (reader, *opened):
            os.close(fd)
        self.assertFalse(was_opened)

    def test_read_only(self):
        self.refuse('cannot write to the image: /etc/ld.so.conf.d: Read-only file system',
                    before=f'mount --bind {self.image} {self.image} && mount -o remount,ro,bind {self.image}')

    def test_bad_input(self):
        for text in ('', '{}', '{"bundle": 3}', '{"bundle": "/nonexistent"}', '{"bundle": "a\\\\u002f"}'):
            done = subprocess.run([*ENTER, *command(), '--folder', str(self.tree)], input=text,
                                  capture_output=True, text=True, timeout=60)
            self.assertEqual((done.returncode, done.stdout), (1, ''))
            self.assertIn('vitrine cdi-hook: cannot', done.stderr)
        done = subprocess.run(command(), capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 2)
        self.refuse('cannot open the container\'s root', root=self.dir / 'none')


if __name__ == '__main__':
    HOSTILE_LDCONFIG = os.path.abspath(sys.argv.pop(2))
    harness.main()
