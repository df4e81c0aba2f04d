# SPDX-License-Identifier: MIT
"""Builds for other systems and processors: cross files for Meson, from the compilers that bring their own headers."""
import shutil
import subprocess
from pathlib import Path

import debs

SOURCE = Path(__file__).resolve().parent.parent
MESON = '/usr/bin/meson' if Path('/usr/bin/meson').exists() else 'meson'

HEADERS = 'headers'  # a folder in a build folder, with what the compiler needs besides its own

CROSS_FILE = '''# Made by tools/cross.py.
[binaries]
c = {compiler}
ar = {archiver}
strip = 'true'
pkgconfig = 'pkg-config'

[properties]
pkg_config_libdir = '{pkgconfig}'
needs_exe_wrapper = {wrapper}

[built-in options]
c_args = {arguments}

[host_machine]
system = '{system}'
cpu_family = '{cpu}'
cpu = '{cpu}'
endian = 'little'
'''


def quote(words):
    return '[' + ', '.join(f"'{word}'" for word in words) + ']'


def zig(program, target, pkgconfig):
    """A cross file's text for one of Zig's targets, for instance aarch64-macos.13.0. Its programs cannot run here."""
    cpu = target.split('-')[0]
    return CROSS_FILE.format(compiler=quote([SOURCE / 'tools' / 'zig-cc', program, target]),
                             archiver=quote([program, 'ar']), pkgconfig=pkgconfig, wrapper='true', arguments='[]',
                             system='darwin', cpu=cpu)


def gcc(compiler, archiver, cpu, arguments=()):
    """A cross file's text for a GCC of Linux that finds no libraries but its own. Its programs run here."""
    return CROSS_FILE.format(compiler=quote(compiler), archiver=quote([archiver]), pkgconfig='/nonexistent',
                             wrapper='false', arguments=quote(arguments), system='linux', cpu=cpu)


def setup(folder, text, options):
    """Sets up a build folder, anew if the cross file or the options have changed. Its HEADERS stay."""
    folder.mkdir(exist_ok=True)
    options = ['-Dwerror=true', *options]
    cross = folder / 'cross.ini'
    stamp = folder / 'cross.stamp'
    wanted = text + ' '.join(options)
    if stamp.exists() and stamp.read_text() == wanted and (folder / 'build.ninja').exists():
        return
    for path in folder.iterdir():
        if path.is_dir() and path.name != HEADERS:
            shutil.rmtree(path)
        elif not path.is_dir():
            path.unlink()
    cross.write_text(text)
    done = subprocess.run([MESON, 'setup', f'--cross-file={cross}', *options, folder, SOURCE], cwd=folder,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise debs.Error(f'meson setup {folder.name} failed:\n{done.stdout}')
    stamp.write_text(wanted)


def build(folder, *targets, prefix=()):
    """Builds quietly, and stops at a warning. A build may run what it has built: prefix is a command that makes this
    possible."""
    done = subprocess.run([*prefix, 'ninja', '-C', folder, *targets], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise debs.Error(f'{folder.name} does not build:\n{done.stdout[-20000:]}')
    if 'warning:' in done.stdout:
        raise debs.Error(f'{folder.name} builds with warnings:\n{done.stdout[-20000:]}')
