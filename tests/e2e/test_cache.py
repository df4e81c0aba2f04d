#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The shaders that drivers compile are kept: for programs of one user, and for nothing else."""
import os
import tempfile
import unittest
from contextlib import contextmanager
from pathlib import Path

import e2e
from harness import expect

FILES = ('index', 'part0/mesa_cache.db', 'part0/mesa_cache.idx')
HEADER = 64  # a database without an entry is smaller


@contextmanager
def folder():
    with tempfile.TemporaryDirectory(prefix='vitrine-cache-') as name:
        yield Path(name)


def sizes(cache):
    return [(cache / 'mesa_shader_cache_db' / name).stat().st_size for name in FILES]


def suite():
    return [e2e.program('vk-suite'), '--scene', 'compute']


def run(base, *arguments, command=None):
    """A program by `vitrine run`, whose user has `base` for caches. Returns what it prints."""
    return e2e.run([e2e.program('vitrine'), 'run', *arguments, '--', *(command or suite())],
                   dict(e2e.plain_env(), XDG_CACHE_HOME=str(base))).stdout


def test_kept():
    """A second process finds what the first one compiled, and prints the same."""
    with folder() as base:
        first = run(base)
        cache = base / 'vitrine' / 'shaders'
        before = sizes(cache)
        expect(before[1] > HEADER, f'nothing was kept: {before}')
        expect(run(base) == first, 'the second run prints something else')
        after = sizes(cache)
        print(before, after)
        expect(after == before, f'shaders were compiled again: {before}, {after}')
        expect(oct(cache.stat().st_mode & 0o777) == '0o700', oct(cache.stat().st_mode))


def test_radv():
    """RADV has a second database. Without a GPU it has a device without memory, which is not offered."""
    driver = e2e.manifest('radeon')
    family = {'RADV_FORCE_FAMILY': 'NAVI31'}
    native = {**e2e.native_env(**family), 'VK_DRIVER_FILES': driver, 'VK_ICD_FILENAMES': driver}
    if e2e.run([e2e.program('vk-dump')], native, check=False).returncode != 0:
        raise unittest.SkipTest('RADV has no device without a GPU')
    with folder() as base:
        command = [e2e.program('vitrine'), 'run', '-o', f'driver={driver}', '--', *suite()]
        done = e2e.run(command, dict(e2e.plain_env(), XDG_CACHE_HOME=str(base), **family), check=False)
        print(done.stderr)
        expect('RADV NAVI31' in done.stderr, 'RADV was not loaded')
        expect('shader cache' not in done.stderr, 'RADV cannot use its files')
        expect('refuses' not in done.stderr, 'the sandbox refuses a call of RADV')
        expect((base / 'vitrine' / 'shaders' / 'radv_builtin_shaders' / 'index').stat().st_size > 0, 'it is not used')


def test_none():
    with folder() as base:
        run(base, '--cache', 'none')
        expect(not (base / 'vitrine').exists(), 'there is a folder')


def test_given():
    """All programs of a server share the folder that it was given."""
    with folder() as base, e2e.Server('--cache', str(base / 'given')) as server:
        expect(sizes(base / 'given') == [0, 0, 0], 'the files are not there')
        server.run(suite())
        expect(sizes(base / 'given')[1] > HEADER, 'nothing was kept')


def test_container():
    """A program of the same user in namespaces of its own gets no code from others, and leaves none for them."""
    unshare = [e2e.tool('unshare'), '--user', '--map-root-user', '--mount']
    if e2e.run([*unshare, 'true'], e2e.plain_env(), check=False).returncode != 0:
        raise unittest.SkipTest('this machine does not let users make namespaces')
    with folder() as base:
        with e2e.Server(env=dict(e2e.native_env(), XDG_CACHE_HOME=str(base))) as server:
            server.run([*unshare, *suite()])
            expect(sizes(base / 'vitrine' / 'shaders') == [0, 0, 0], sizes(base / 'vitrine' / 'shaders'))
            server.run(suite())
            expect(sizes(base / 'vitrine' / 'shaders')[1] > HEADER, 'nothing was kept outside, either')


def test_broken_files():
    """Whatever the files contain, programs work, and the cache works again."""
    with folder() as base:
        first = run(base)
        cache = base / 'vitrine' / 'shaders' / 'mesa_shader_cache_db'
        database = (cache / FILES[1]).read_bytes()
        for what, text, names in (('empty files', b'', FILES), ('bytes without a meaning', b'x' * 100000, FILES),
                                  ('a lost end', database[:-100], FILES[1:2])):
            for name in names:
                (cache / name).write_bytes(text)
            # Mesa may only empty the files in the first run.
            expect(run(base) == first and run(base) == first, f'{what}: other results')
            expect(sizes(cache.parent)[1] > HEADER, f'{what}: nothing was kept afterwards')


def test_useless_folder():
    """A folder that was named must be usable; the user's own is left out without a word but in the log."""
    with folder() as base:
        (base / 'open').mkdir()
        os.chmod(base / 'open', 0o777)
        (base / 'file').write_text('x')
        for name, why in (('open', 'others may write to it'), ('file', 'Not a directory')):
            done = e2e.run([e2e.program('vitrine'), 'run', '--cache', base / name, '--', 'true'], e2e.plain_env(),
                           check=False)
            print(done.stderr)
            expect(done.returncode == 125 and why in done.stderr and '--cache none' in done.stderr, done.stderr)
        done = e2e.run([e2e.program('vitrine'), 'run', '--log', 'info', '--', *suite()],
                       dict(e2e.plain_env(), XDG_CACHE_HOME=str(base / 'file')))
        expect('compile their shaders each time' in done.stderr, done.stderr)


if __name__ == '__main__':
    e2e.main()
