#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds a larger guest with a desktop, on a disk, from Debian's packages: X11 with OpenGL by zink on Venus, sound, and the
agent for clipboard and files.

    guest/desktop.py [--release NAME] [--folder build/guest]

The results are in a folder of their own, build/guest/desktop, which `vitrine demo --guest` takes. No root.
"""
import argparse
import array
import math
import os
import shutil
import subprocess
import sys
import wave
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import build
import debs

PACKAGES = [
    'xserver-xorg-core', 'xserver-xorg-input-libinput', 'icewm', 'udev', 'busybox-static',    # the desktop
    'x11-xserver-utils', 'x11-xkb-utils', 'x11-utils', 'xterm', 'xclip',
    'libgl1-mesa-dri', 'libegl1', 'libgles2', 'libgl1', 'libglx-mesa0',                       # OpenGL, by zink
    'mesa-vulkan-drivers', 'libvulkan1', 'vulkan-tools', 'vkmark', 'mesa-utils', 'libc-bin',
    'spice-vdagent', 'alsa-utils',                                                            # clipboard, files, sound
    'fonts-dejavu-core', 'xkb-data',
]
DROPPED = ['usr/share/doc', 'usr/share/man', 'usr/share/locale', 'usr/share/info', 'usr/share/lintian']
DISK_MIB = 1024
NEEDED_MIB = 2200


def merge_usr(root):
    """/bin, /lib and so on become links into /usr, as on an installed Debian."""
    for name in ('bin', 'sbin', 'lib', 'lib64'):
        folder = root / name
        if folder.is_symlink():
            continue
        target = root / 'usr' / name
        target.mkdir(parents=True, exist_ok=True)
        if folder.exists():
            subprocess.run(['cp', '-a', f'{folder}/.', str(target)], check=True)
            shutil.rmtree(folder)
        folder.symlink_to(f'usr/{name}')


def write_tune(path):
    """Some bars of Beethoven's "Ode to Joy" on a plucked string: mono, 48 kHz."""
    rate, beat = 48000, 0.3
    notes = [(4, 1), (4, 1), (5, 1), (7, 1), (7, 1), (5, 1), (4, 1), (2, 1), (0, 1), (0, 1), (2, 1), (4, 1), (4, 1.5), (2, 0.5),
             (2, 2)]
    samples = array.array('h')
    for half_tones, beats in notes:
        step = 2 * math.pi * 261.63 * 2 ** (half_tones / 12) / rate
        for i in range(int(rate * beat * beats)):
            level = 7000 * min(1, i / 200) * math.exp(-4 * i / rate)
            samples.append(int(level * (math.sin(step * i) + math.sin(2 * step * i) / 3 + math.sin(3 * step * i) / 8)))
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), 'wb') as file:
        file.setparams((1, 2, rate, 0, 'NONE', ''))
        file.writeframes(samples.tobytes())


def add_desktop(root):
    """What is ours: the first program, the session, and their settings."""
    for name, place in {
            'desktop-start': 'usr/local/sbin/desktop', 'desktop-session': 'usr/local/bin/desktop-session',
            'x11/tune': 'usr/local/bin/tune', 'x11/echo-back': 'usr/local/bin/echo-back', 'x11/vkmark': 'usr/local/bin/vkmark',
            'x11/motd': 'etc/motd', 'x11/xorg.conf': 'etc/X11/xorg.conf', 'x11/xresources': 'root/.Xresources', 'x11/menu': 'root/.icewm/menu',
            'x11/toolbar': 'root/.icewm/toolbar', 'x11/preferences': 'root/.icewm/preferences'}.items():
        path = root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(build.HERE / name, path)
        path.chmod(0o755 if 'bin/' in place else 0o644)
    write_tune(root / 'usr/share/sounds/tune.wav')


def make_root(options, root):
    apt = debs.Apt(options.cache, build.RELEASES[options.release], options.mirror)
    apt.update()
    packages = apt.download(PACKAGES)
    debs.say(f'unpacking {len(packages)} packages of {options.release}')
    debs.unpack(packages, root)
    merge_usr(root)
    for name in DROPPED:
        shutil.rmtree(root / name, ignore_errors=True)
    for path in [*root.glob('usr/share/vulkan/icd.d/*'), *root.glob('usr/lib/*/libvulkan_*.so')]:
        if 'virtio' not in path.name:  # all drawing is the host's
            path.unlink()
    for name in ('dev', 'proc', 'sys', 'tmp', 'run', 'root', 'mnt', 'var/tmp', 'var/log', 'usr/local/sbin'):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / 'etc').mkdir(exist_ok=True)
    (root / 'etc' / 'passwd').write_text('root:x:0:0:root:/root:/bin/sh\n')
    (root / 'etc' / 'machine-id').write_text('0123456789abcdef0123456789abcdef\n')  # the guest has no other state either
    groups = ['root:x:0:', 'tty:x:5:', 'video:x:44:', 'render:x:105:', 'input:x:106:', 'kvm:x:107:', 'sgx:x:108:',
              'disk:x:6:', 'lp:x:7:', 'dialout:x:20:', 'kmem:x:15:', 'cdrom:x:24:', 'tape:x:26:', 'audio:x:29:']
    (root / 'etc' / 'group').write_text('\n'.join(groups) + '\n')
    if not (root / 'usr' / 'bin' / 'sh').exists():
        (root / 'usr' / 'bin' / 'sh').symlink_to('busybox')
    add_desktop(root)


def make_disk(root, path):
    """A file system with the folder's files, in a file with holes."""
    mke2fs = shutil.which('mke2fs', path=os.environ.get('PATH', '') + ':/usr/sbin:/sbin')
    if not mke2fs:
        raise debs.Error('mke2fs is not installed: install e2fsprogs')
    partial = path.with_suffix('.partial')
    partial.unlink(missing_ok=True)
    done = subprocess.run([mke2fs, '-q', '-t', 'ext4', '-d', str(root), '-E', 'root_owner=0:0', '-O', '^has_journal',
                           str(partial), f'{DISK_MIB}M'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise debs.Error(f'the disk could not be made: {done.stdout[-500:]}')
    partial.rename(path)


def run():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    build.add_options(parser)
    parser.set_defaults(release='trixie')  # the first one with vkmark
    options = parser.parse_args()
    folder = Path(options.folder).resolve() / 'desktop'
    files, versions = build.prepare(options)
    debs.need_space(folder, NEEDED_MIB)
    root = folder / 'root'
    shutil.rmtree(root, ignore_errors=True)
    make_root(options, root)
    debs.say('making the disk')
    make_disk(root, folder / 'disk.img')
    shutil.rmtree(root)
    tree = build.base_tree(files)
    build.add_modules(tree, files, 'order', 'order.disk')
    build.write_image(folder, 'initramfs.img', tree, files)
    size = (folder / 'disk.img').stat().st_blocks * 512 / debs.MIB
    debs.say(f'desktop of Debian {options.release}: kernel {versions[build.PROCESSORS["x86_64"].kernel]}, Mesa '
             f'{versions["mesa-vulkan-drivers"]}, {size:.0f} MiB in {folder}\n'
             f'vitrine demo --guest {os.path.relpath(folder)}')


if __name__ == '__main__':
    debs.main(run, 'guest/desktop.py')
