#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A second guest: Mesa of Debian sid, in a folder made with debootstrap, entered with chroot.

Needs root, debootstrap and a Debian mirror for the first time; the folder is kept in CACHE. The socket
of `vitrine serve` lies inside the folder. Some tests run the server in there, too: on a lavapipe and
under a validation layer that are years younger than Debian 12's.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import e2e
import qemu
import test_differences
import test_failures
import test_offers
import test_scenes
import test_validation
from harness import expect

CACHE = Path('/var/cache/vitrine-tests/sid')
# Message id: why it may come.
ALLOWED_IN_SID = {
}
MIRROR = 'http://deb.debian.org/debian'
PACKAGES = 'mesa-vulkan-drivers,vulkan-tools,libvulkan1,vulkan-validationlayers,libseccomp2,libxcb1,libpng16-16t64'


def sid():
    """The folder, made if it is not there."""
    if os.geteuid() != 0:
        raise unittest.SkipTest('chroot needs root')
    if (CACHE / 'complete').exists():
        return CACHE
    debootstrap = e2e.tool('debootstrap')
    shutil.rmtree(CACHE, ignore_errors=True)
    CACHE.parent.mkdir(parents=True, exist_ok=True)
    print(f'making {CACHE} with debootstrap (minutes, about 600 MB)')
    done = subprocess.run([debootstrap, '--variant=minbase', f'--include={PACKAGES}', 'sid', str(CACHE), MIRROR],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise unittest.SkipTest(f'debootstrap: {done.stdout[-500:]}')
    (CACHE / 'complete').touch()
    return CACHE


class SidServer(e2e.Server):
    """A server whose socket is inside the chroot; its clients run there."""

    def __init__(self, root, env=None):
        self.root = root
        self.folder = tempfile.TemporaryDirectory(prefix='vitrine-sid-', dir=root / 'tmp')  # for programs and files
        super().__init__(env=env, parent=root / 'tmp')

    def discard(self):
        super().discard()
        self.folder.cleanup()

    def run(self, command, **more):
        """The program is copied into the folder where it is one of ours."""
        inside = [str(part) for part in command]
        if Path(inside[0]).is_absolute() and not inside[0].startswith('/usr/'):
            shutil.copy(inside[0], self.folder.name)
            inside[0] = self.inside(Path(self.folder.name) / Path(inside[0]).name)
        env = {
            'PATH': '/usr/bin:/bin', 'LC_ALL': 'C.UTF-8', 'NODEVICE_SELECT': '1',
            'VK_DRIVER_FILES': self.inside(sorted(self.root.glob('usr/share/vulkan/icd.d/virtio_icd*.json'))[0]),
            'VN_DEBUG': 'vtest', 'VTEST_SOCKET_NAME': self.inside(self.path),
        }
        return e2e.run([e2e.tool('chroot'), self.root, *inside], env, **more)

    def inside(self, path):
        return '/' + str(Path(path).relative_to(self.root))


class SidMachine(qemu.Machine):
    """The sample guest with sid's kernel and Mesa."""

    def find_guest(self):
        folder = e2e.build / 'guest-sid'
        done = subprocess.run([sys.executable, qemu.SOURCE / 'guest' / 'build.py', '--release', 'sid', '--folder', folder,
                               '--initramfs', 'test-host.img', '--program', e2e.build / 'guest' / 'cube',
                               '--program', e2e.program('vk-suite')],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise unittest.SkipTest(f'guest/build.py: {done.stdout[-500:]}')
        return str(folder / 'vmlinuz'), str(folder / 'test-host.img')


class SidHost(SidServer):
    """The server and its driver are sid's, too, under a validation layer if wished. vitrine needs /proc."""

    def __init__(self, root, validation=True):
        if not (root / 'proc' / 'self').exists():
            done = subprocess.run(['mount', '-t', 'proc', 'proc', str(root / 'proc')], stderr=subprocess.PIPE)
            if done.returncode:
                raise unittest.SkipTest('cannot mount /proc in the folder')
        self.validation = validation
        super().__init__(root)

    def bring_libraries(self, program):
        """Those that the program was linked with and sid has in another version only."""
        for line in e2e.run([e2e.tool('ldd'), program], os.environ).stdout.splitlines():
            words = line.split()
            if len(words) > 2 and words[1] == '=>' and not any(self.root.glob(f'usr/lib/*/{words[0]}')):
                shutil.copy(words[2], self.folder.name)

    def command_line(self, command, arguments):
        shutil.copy(e2e.program('vitrine'), self.folder.name)
        self.bring_libraries(e2e.program('vitrine'))
        self.env = {**self.native_env(), 'LD_LIBRARY_PATH': self.inside(self.folder.name)}
        if self.validation:
            settings = Path(self.folder.name) / 'vk_layer_settings.txt'
            settings.write_text(test_validation.settings(self.inside(self.folder.name)))
            self.env.update({'VK_INSTANCE_LAYERS': test_validation.LAYER,
                             'VK_LAYER_SETTINGS_PATH': self.inside(settings)})
        return [e2e.tool('chroot'), str(self.root), self.inside(Path(self.folder.name) / 'vitrine'), 'serve',
                '--socket', self.inside(self.path), '-o', 'sandbox=off']

    def native(self, command):
        """Runs one of our programs in there, on the driver itself."""
        shutil.copy(command[0], self.folder.name)
        inside = [self.inside(Path(self.folder.name) / Path(command[0]).name), *command[1:]]
        env = {k: v for k, v in self.env.items() if not k.startswith('VK_') or k == 'VK_DRIVER_FILES'}
        return e2e.run([e2e.tool('chroot'), self.root, *inside], env)

    def native_env(self):
        driver = self.inside(sorted(self.root.glob('usr/share/vulkan/icd.d/lvp_icd*.json'))[0])
        return {'PATH': '/usr/bin:/bin', 'LC_ALL': 'C.UTF-8', 'NODEVICE_SELECT': '1', 'VK_DRIVER_FILES': driver}


def test_summary():
    with SidServer(sid()) as server:
        done = server.run(['vulkaninfo', '--summary'])
        lines = [line.strip() for line in done.stdout.splitlines()
                 if any(word in line for word in ('deviceName', 'driverInfo', 'apiVersion'))]
        print('\n'.join(lines))
        expect('Virtio-GPU Venus' in done.stdout, done.stdout[-2000:])


def test_vulkaninfo():
    with SidServer(sid()) as server:
        server.run(['vulkaninfo'])


def test_scenes_of_sid():
    root = sid()
    suite = e2e.program('vk-suite')
    with tempfile.TemporaryDirectory() as native_folder, SidServer(root) as server:
        native = e2e.run([suite, '--dump', native_folder], e2e.native_env())
        guest_folder = Path(server.folder.name) / 'dump'
        guest_folder.mkdir()
        guest = server.run([suite, '--dump', server.inside(guest_folder)])
        test_scenes.compare(test_scenes.results(native.stdout), test_scenes.results(guest.stdout),
                            Path(native_folder), guest_folder)


def test_sparse_on_sid():
    """Debian 12's lavapipe binds sparse resources to nothing that can be shared, sid's does."""
    with SidHost(sid()) as server:
        for scene in ('sparse_buffer', 'sparse_mapped', 'sparse_aliased', 'sparse_image'):
            command = [e2e.program('vk-suite'), '--scene', scene]
            native = test_scenes.results(server.native(command).stdout)
            guest = test_scenes.results(server.run(command).stdout)
            expect('skipped' not in guest[scene], f'{scene}: {guest[scene]}')
            expect(native == guest, f'native {native}, vitrine {guest}')


def test_differences_of_sid():
    vk_dump = e2e.program('vk-dump')
    native = e2e.run([vk_dump], e2e.native_env()).stdout
    with SidServer(sid()) as server:
        guest = server.run([vk_dump]).stdout
    test_differences.check(native, guest)


def test_offers_of_sid():
    """sid's guest against Debian 12's lavapipe."""
    with SidServer(sid()) as server:
        test_offers.run_both(server, [e2e.program('vk-offers')], e2e.native_env())


def test_offers_of_test_driver():
    """sid's guest against the driver of tests/driver, which offers nearly all that it knows."""
    env = test_failures.driver_env('null')
    with SidServer(sid(), env) as server:
        test_offers.run_both(server, [e2e.program('vk-offers')], env, draws=False)


def test_offers_in_sid():
    """sid's guest against sid's lavapipe, which offers more."""
    with SidHost(sid(), validation=False) as server:
        program = shutil.copy(e2e.program('vk-offers'), Path(server.folder.name) / 'native')
        test_offers.run_both(server, [e2e.tool('chroot'), server.root, server.inside(program)], server.native_env())


def test_bench_client_of_sid():
    with SidServer(sid()) as server:
        done = server.run([e2e.program('bench-client'), '--repeat', '1'])
        print(done.stdout)


def test_validation_of_sid():
    """The newest layer knows every struct, so nothing is taken off but what ALLOWED_IN_SID names."""
    root = sid()
    commands = [[e2e.program('vk-suite')], [e2e.program('bench-client'), '--repeat', '1', '--draws', '2000'],
                [e2e.program('vitrine-cube'), '--frames', '3'], [e2e.program('vk-dump')], [e2e.program('vk-offers')],
                ['vulkaninfo']]
    bad = []
    for command in commands:
        with SidHost(root) as server:
            server.run(command, timeout=300)
            found = test_validation.messages(server.folder.name)
        print(f'{Path(command[0]).name}: {sum(count for _, count in found.values())} messages')
        bad += [f'{Path(command[0]).name}: {count} x {text}' for text, (name, count) in found.items()
                if name not in ALLOWED_IN_SID]
    expect(not bad, '\n'.join(bad))


def test_displays_without_images_in_imported_memory():
    """As on KosmicKrisp: the guest copies pictures into buffers on the GPU, and its displays show these."""
    with SidMachine(gpu=('-o', 'test:no-image-import')) as machine:
        info = machine.run('vulkaninfo 2>/dev/null')
        expect('VK_KHR_swapchain ' in info and 'VK_EXT_external_memory_dma_buf ' in info, 'no window system can share')
        expect('VK_EXT_image_drm_format_modifier' not in info, 'linear images are offered')
        for options in '', '--import':
            pid = machine.start(f'cube {options}', 'cube')
            text = machine.wait_log('cube', 'first frame')
            expect('copied into' in text, text)
            frames = qemu.frame_numbers(machine, 60)
            machine.run(f'kill {pid}')
            numbers = [number for number, _, _ in frames]
            expect(all(a < b for a, b in zip(numbers, numbers[1:])), f'not in order: {numbers}')
            worst = max(frames, key=lambda frame: frame[1])
            print(f'{len(frames)} pictures, largest difference {worst[1]}')
            expect(worst[1] <= 1, f'frame {worst[0]} differs by {worst[1]} in {worst[2]} pixels')


if __name__ == '__main__':
    e2e.main()
