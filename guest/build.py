#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds the sample guest: a kernel and an initramfs, from Debian's packages, without root.

    guest/build.py [--release NAME] [--folder build/guest] [--processor NAME] [--program FILE]...

The packages' files that the guest needs are unpacked once for each release. Putting the initramfs together
takes a second, so it is done each time that this is called.
"""
import argparse
import collections
import contextlib
import fcntl
import gzip
import json
import lzma
import os
import re
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'tools'))
import debs
import elf

HERE = Path(__file__).resolve().parent
# architecture: Debian's name; kernel: a package; libraries: a folder; linker: that of programs, which has a fixed place.
Processor = collections.namedtuple('Processor', 'architecture kernel libraries linker')
PROCESSORS = {
    'x86_64': Processor('amd64', 'linux-image-amd64', 'lib/x86_64-linux-gnu', 'lib64/ld-linux-x86-64.so.2'),
    # A kernel with pages of 16 KiB.
    'aarch64': Processor('arm64', 'linux-image-arm64-16k', 'lib/aarch64-linux-gnu', 'lib/ld-linux-aarch64.so.1'),
}
# The guest's kernel and Mesa come from the last suite. Mesa needs 25.0, the kernel 5.16.
RELEASES = {
    'bookworm': ['bookworm', 'bookworm-backports'],
    'trixie': ['trixie'],
    'trixie-backports': ['trixie', 'trixie-backports'],
    'sid': ['sid'],
}
PACKAGES = ['busybox-static', 'mesa-vulkan-drivers', 'libvulkan1', 'vulkan-tools', 'alsa-utils']
MODULES = ['virtio-gpu', 'virtio_input', 'evdev', 'virtio_snd']
# For a guest whose root is a disk. What the kernel does not have as a module, it has built in.
DISK_MODULES = ['crc32c_generic', 'virtio_blk', 'ext4']
UNPACK_MIB = 700


def choose_release():
    """The host's own: the programs that are built here run there, too."""
    return {'bookworm': 'bookworm', 'trixie': 'trixie'}.get(debs.host_release(), 'trixie')


def kernel_packages(apt, meta):
    """The packages that the meta package stands for: one, or since Linux 7 image, binary and modules."""
    status, output = apt.run('install', '-y', '--simulate', meta)
    names = re.findall(r'^Inst (linux-(?:image|binary|modules)-\d\S*)', output, re.M)
    if status or not names:
        apt.fail(meta, output)
    return names


def decompress(path):
    data = path.read_bytes()
    if path.suffix == '.xz':
        return lzma.decompress(data)
    if path.suffix == '.gz':
        return gzip.decompress(data)
    if path.suffix != '.ko':
        raise debs.Error(f'{path.name}: modules that are compressed in this way cannot be read yet')
    return data


def unpack_image(image):
    """The ELF file in an image for x86: QEMU boots it directly (PVH). An emulated guest unpacks it for half of its boot. An
    image of another kind is returned as it is. The fields are those of the kernel's Documentation/arch/x86/boot.rst."""
    if image[0x202:0x206] != b'HdrS':
        return image
    sectors = image[0x1f1] or 4
    offset, size = struct.unpack_from('<II', image, 0x248)
    payload = image[(sectors + 1) * 512 + offset:][:size - 4]  # behind it is the size of the ELF file
    if payload.startswith(b'\x28\xb5\x2f\xfd'):
        if not shutil.which('zstd'):
            raise debs.Error('zstd is not installed, which unpacks the kernel: run tools/setup demo')
        return subprocess.run(['zstd', '--decompress', '--stdout'], input=payload, stdout=subprocess.PIPE, check=True).stdout
    if payload.startswith(b'\xfd7zXZ'):
        return lzma.decompress(payload)
    return image


def module_info(data, key):
    """Values of a key in a module's .modinfo: NUL-terminated key=value texts."""
    return [text.decode() for text in re.findall(rb'(?:^|\0)' + key.encode() + rb'=([^\0]*)', data)]


def collect_modules(tree, folder):
    """Copies the modules and what they depend on, unpacked; their names, in the order to load them in."""
    available = {re.sub(r'\.ko.*', '', path.name).replace('-', '_'): path for path in tree.rglob('*.ko*')}
    order = []

    def add(name):
        name = name.replace('-', '_')
        if name in order or name not in available:
            return  # built into the kernel, unless it is the one that was asked for
        data = decompress(available[name])
        for value in module_info(data, 'depends'):
            for other in filter(None, value.split(',')):
                add(other)
        (folder / f'{name}.ko').write_bytes(data)
        order.append(name)

    folder.mkdir(parents=True)
    for name in MODULES:
        add(name)
        if name.replace('-', '_') not in order:
            raise debs.Error(f'the kernel has no module {name}')
    count = len(order)
    for name in DISK_MODULES:
        add(name)
    (folder / 'order').write_text(''.join(f'{name}.ko\n' for name in order[:count]))
    (folder / 'order.disk').write_text(''.join(f'{name}.ko\n' for name in order[count:]))


def unpack_kernel(apt, meta, folder):
    """Its version."""
    packages = [apt.download_only(name) for name in kernel_packages(apt, meta)]
    debs.say(f'unpacking {" ".join(debs.package_name(package) for package in packages)}')
    tree = folder / 'kernel'
    debs.unpack(packages, tree, ['*/vmlinuz*', '*/kernel/drivers/gpu/drm/*.ko*', '*/kernel/drivers/virtio/*.ko*',
                                 '*/kernel/drivers/input/*.ko*', '*/kernel/drivers/video/*.ko*',
                                 '*/kernel/drivers/i2c/*.ko*', '*/kernel/drivers/block/virtio_blk.ko*',
                                 '*/kernel/sound/soundcore.ko*', '*/kernel/sound/core/*.ko*', '*/kernel/sound/virtio/*.ko*',
                                 '*/kernel/fs/ext4/*.ko*', '*/kernel/fs/jbd2/*.ko*', '*/kernel/fs/mbcache.ko*',
                                 '*/kernel/lib/*.ko*', '*/kernel/crypto/*.ko*', '*/kernel/arch/x86/crypto/*.ko*'])
    images = list(tree.rglob('vmlinuz*'))
    if not images:
        raise debs.Error(f'no vmlinuz in {" ".join(package.name for package in packages)}')
    collect_modules(tree, folder / 'modules')
    (folder / 'vmlinuz').write_bytes(unpack_image(images[0].read_bytes()))
    shutil.rmtree(tree)
    return packages[0].name.split('_')[1]


def unpack(release, processor, folder, cache, mirror):
    """Packages to files: folder/root, folder/modules, folder/vmlinuz, folder/versions.json."""
    debs.need_space(folder.parent, UNPACK_MIB)
    apt = debs.Apt(cache, RELEASES[release], mirror, processor.architecture)
    apt.update()
    packages = apt.download(PACKAGES)
    partial = folder.with_name(folder.name + '.partial')
    shutil.rmtree(partial, ignore_errors=True)
    versions = {debs.package_name(path): path.name.split('_')[1].replace('%3a', ':') for path in packages}
    debs.say(f'unpacking {len(packages)} packages of {release}')
    debs.unpack([path for path in packages if not debs.package_name(path).startswith('libllvm')], partial / 'root')
    versions[processor.kernel] = unpack_kernel(apt, processor.kernel, partial)
    (partial / 'versions.json').write_text(json.dumps(versions, indent=1, sort_keys=True) + '\n')
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


@contextlib.contextmanager
def locked(folder):
    """Tests that run at the same time share the folder: one after the other unpacks into it or replaces the kernel."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / '.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Tree:
    """The guest's files: name -> (mode, bytes). Folders come by themselves."""

    def __init__(self):
        self.files = {}

    def add(self, name, mode, data=b'', device=(0, 0)):
        for parent in reversed(Path(name).parents):
            if str(parent) != '.' and str(parent) not in self.files:
                self.files[str(parent)] = (stat.S_IFDIR | 0o755, b'', (0, 0))
        self.files[name] = (mode, data, device)

    def folder(self, name):
        self.add(name, stat.S_IFDIR | 0o755)

    def link(self, name, target):
        self.add(name, stat.S_IFLNK | 0o777, target.encode())

    def copy(self, name, path, mode=None):
        path = Path(path)
        self.add(name, stat.S_IFREG | (mode or path.stat().st_mode & 0o755), path.read_bytes())

    def cpio(self):
        """The archive that the kernel unpacks: cpio's "newc"."""
        parts = []
        entries = [*sorted(self.files.items()), ('TRAILER!!!', (0, b'', (0, 0)))]
        for number, (name, (mode, data, device)) in enumerate(entries, 1):
            text = name.encode() + b'\0'
            fields = [number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(text), 0]
            head = b'070701' + b''.join(b'%08X' % field for field in fields) + text
            parts += [head, b'\0' * (-len(head) % 4), data, b'\0' * (-len(data) % 4)]
        return b''.join(parts)


def find_file(root, *names):
    for name in names:
        if (root / name).exists():
            return root / name
    raise debs.Error(f'the packages have no {names[0]}')


def add_modules(tree, files, *lists):
    """The modules of some lists, and the lists."""
    for name in lists:
        path = files / 'modules' / name
        tree.copy('usr/lib/modules/' + name, path, 0o644)
        for module in path.read_text().split():
            tree.copy('usr/lib/modules/' + module, files / 'modules' / module, 0o644)


def base_tree(files):
    """What every guest starts with: folders, our init, a shell."""
    root = files / 'root'
    tree = Tree()
    for name in ('proc', 'sys', 'dev', 'tmp', 'run', 'etc', 'root', 'mnt'):
        tree.folder(name)
    tree.link('lib', 'usr/lib')
    tree.link('lib64', 'usr/lib64')
    tree.link('bin', 'usr/bin')
    tree.link('sbin', 'usr/bin')
    tree.copy('init', HERE / 'init', 0o755)
    tree.add('dev/console', stat.S_IFCHR | 0o600, device=(5, 1))
    tree.copy('usr/bin/busybox', find_file(root, 'usr/bin/busybox', 'bin/busybox'), 0o755)
    return tree


def assemble(files, processor, programs):
    """The sample guest: all of it is in the initramfs."""
    root = files / 'root'
    lib = 'usr/' + processor.libraries
    tree = base_tree(files)
    add_modules(tree, files, 'order')
    driver = find_file(root, f'{lib}/libvulkan_virtio.so')
    info = find_file(root, 'usr/bin/vulkaninfo')
    icd = next((root / 'usr/share/vulkan/icd.d').glob('virtio_icd*.json'))
    tree.copy('usr/bin/vulkaninfo', info)
    tree.copy('usr/share/vulkan/icd.d/' + icd.name, icd)
    loader = find_file(root, f'{lib}/libvulkan.so.1')
    folders = [root / folder for folder in (lib, processor.libraries, 'usr/lib64', 'lib64')]
    found, missing = elf.closure([driver, info, loader, *programs], folders)
    if missing:
        raise debs.Error(f'nobody has {", ".join(sorted(missing))}, which the guest\'s programs need')
    found.update({driver.name: driver, loader.name: loader})
    linker = found.pop(Path(processor.linker).name)
    tree.copy('usr/' + processor.linker, linker, 0o755)
    for name, path in found.items():
        tree.copy(f'{lib}/{name}', path, 0o755)
    for program in programs:
        tree.copy('usr/bin/' + program.name, program, 0o755)
    return tree


def write_image(folder, name, tree, files):
    """The initramfs, and the kernel beside it; the size in MiB."""
    image = tree.cpio()
    folder.mkdir(parents=True, exist_ok=True)
    # Tests that run at the same time build the same image.
    with tempfile.NamedTemporaryFile(dir=folder, prefix=name, delete=False) as partial:
        partial.write(image)
    os.chmod(partial.name, 0o644)
    os.rename(partial.name, folder / name)
    kernel = folder / 'vmlinuz'
    with locked(folder):
        if not kernel.exists() or kernel.read_bytes() != (files / 'vmlinuz').read_bytes():
            shutil.copy(files / 'vmlinuz', kernel)
    return len(image) / debs.MIB


def add_options(parser):
    parser.add_argument('--release', choices=sorted(RELEASES), default=choose_release(),
                        help='of Debian, in the guest; default: as on the host')
    parser.add_argument('--folder', default='build/guest', help='where the results go; default: build/guest')
    parser.add_argument('--cache', default=debs.default_cache(),
                        help='where packages are kept; default: ~/.cache/vitrine')
    parser.add_argument('--mirror', help='Debian mirror; default: what apt uses here')


def prepare(options, processor=PROCESSORS['x86_64']):
    """The folder with the release's files, unpacked if some of them are not there, and their versions."""
    folder = Path(options.folder).resolve()
    files = folder / options.release
    path = files / 'versions.json'
    with locked(folder):
        if not path.exists() or not set(PACKAGES) <= set(json.loads(path.read_text())):
            unpack(options.release, processor, files, options.cache, options.mirror)
        return files, json.loads(path.read_text())


def run():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_options(parser)
    parser.add_argument('--processor', choices=sorted(PROCESSORS), default='x86_64',
                        help='of the guest; each needs a folder of its own; default: x86_64')
    parser.add_argument('--initramfs', default='initramfs.img', help='its name in the folder; default: initramfs.img')
    parser.add_argument('--program', action='append', default=[], help='goes to /usr/bin with what it needs')
    options = parser.parse_args()
    folder = Path(options.folder).resolve()
    processor = PROCESSORS[options.processor]
    files, versions = prepare(options, processor)
    tree = assemble(files, processor, [Path(program).resolve() for program in options.program])
    size = write_image(folder, options.initramfs, tree, files)
    debs.say(f'guest of Debian {options.release}: kernel {versions[processor.kernel]}, Mesa {versions["mesa-vulkan-drivers"]}, '
             f'{size:.1f} MiB initramfs in {folder}')


if __name__ == '__main__':
    debs.main(run, 'guest/build.py')
