# SPDX-License-Identifier: MIT
"""Errors that people meet: each message says what happened, what it means and what to do. The test prints them all, to be
read for sense."""

import itertools
import json
import os
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys
import textwrap
import unittest
import urllib.error
import urllib.request

import harness
import screen
from vtest import Client

PRIVATE = ('VN_DEBUG', 'VTEST_SOCKET_NAME', 'VK_DRIVER_FILES', 'VK_ICD_FILENAMES', 'DISPLAY', 'WAYLAND_DISPLAY')


def fake_program(path, script):
    with open(path, 'w') as file:
        file.write(f'#!/bin/sh\n{script}\n')
    os.chmod(path, 0o755)
    return path


class Errors(unittest.TestCase):
    def setUp(self):
        self.process = harness.Process()
        self.dir = self.process.dir
        self.env = {name: value for name, value in os.environ.items() if name not in PRIVATE}
        manifests = self.path('share/vulkan/icd.d')
        os.makedirs(manifests)
        with open(f'{manifests}/virtio_icd.json', 'w') as file:
            file.write('{"ICD": {"library_path": "libvulkan_virtio.so", "api_version": "1.4.0"}}')
        self.env['XDG_DATA_DIRS'] = self.path('share')
        self.socket = self.path('vm1.sock')

    def path(self, name):
        return os.path.join(self.dir, name)

    def judge(self, situation, message, happened, means, do):
        """Prints the message and looks for its three parts."""
        print(f'--- {situation}\n{textwrap.indent(message.strip(), "    ")}\n', flush=True)
        for part in happened, means, do:
            self.assertIn(part, message, situation)
        for raw in ': arg', ': os', ': limit', 'VTR_ERR', 'Success':
            self.assertNotIn(raw, message, situation)

    def vitrine(self, *args, program=None, **env):
        done = subprocess.run([program or harness.PROGRAM, *args], env={**self.env, **env}, text=True, capture_output=True,
                              stdin=subprocess.DEVNULL, timeout=60)
        self.assertNotEqual(done.returncode, 0, args)
        return done.stdout + done.stderr if args[0] == 'doctor' else done.stderr

    def gpu(self, *args):
        return self.vitrine('gpu', '--socket', self.socket, *args)

    # --- options

    def test_options(self):
        self.judge('a misspelt option', self.vitrine('serve', '--sokcet', '/x'), 'unknown option', '--sokcet',
                   "Try 'vitrine serve --help'")
        self.judge('gpu without --socket', self.vitrine('gpu'), '--socket is missing', 'QEMU connects to a socket',
                   'Give a path')
        self.judge('a display without a height', self.gpu('--display', '1280'), "cannot add display '1280'",
                   'a display is WIDTHxHEIGHT', 'Give for instance --display 1280x800')
        self.judge('a size that QEMU cannot map', self.gpu('--hostmem', '3G'), '--hostmem has a wrong size',
                   'QEMU maps only powers of two', 'Give for instance --hostmem 4G')
        self.judge('a level of the log that does not exist', self.vitrine('serve', '--socket', '/x', '--log', 'loud'),
                   "--log 'loud'", 'is not a log filter', 'Give a level')

    def test_video_options(self):
        self.judge('an unknown encoder', self.gpu('--encoder', 'h265'), 'encoder h265', 'does not work on this host',
                   "Choose one that 'vitrine doctor' lists")
        self.judge('a recording in an unknown format', self.gpu('--record', 'a.avi'), "cannot record to 'a.avi'",
                   'the format is unknown', 'Give a name that ends in .mp4 or .mkv')

    # --- sockets and addresses

    def test_sockets(self):
        self.judge('a folder that does not exist', self.vitrine('serve', '--socket', '/nonexistent/a.sock'),
                   'cannot listen at /nonexistent/a.sock: No such file', 'The folder does not exist', 'create it')
        self.judge('a path that is too long', self.vitrine('serve', '--socket', '/tmp/' + 'x' * 200), 'cannot listen at',
                   'at most 107 characters', 'choose a shorter one')
        server = harness.Server()
        self.judge('a socket that another server uses', self.vitrine('serve', '--socket', server.path),
                   f'cannot listen at {server.path}: Address already in use', 'Another server answers there',
                   'choose another path')
        server.stop()

    def test_addresses(self):
        with socket.create_server(('127.0.0.1', 0)) as taken:
            port = taken.getsockname()[1]
            self.judge('a port that is taken', self.gpu('--http', f'127.0.0.1:{port}'),
                       f'cannot listen at 127.0.0.1:{port}: Address already in use', 'Another program may use the port',
                       'port 0 finds a free port')
        self.judge('a page for other machines, without TLS', self.gpu('--http', '0.0.0.0:0'), 'without TLS',
                   'anyone on the network path could watch and control', 'Give --tls-cert and --tls-key')
        self.judge('a certificate without its key', self.gpu('--http', '127.0.0.1:0', '--tls-cert', 'cert.pem'),
                   'TLS needs a certificate and its key', 'one of them is missing', 'Give both')

    def test_token_file(self):
        tokens = self.path('tokens')
        with open(tokens, 'w') as file:
            file.write(f'control {"0" * 32}\nview {"1" * 32}\n')
        os.chmod(tokens, stat.S_IRUSR | stat.S_IWUSR | stat.S_IROTH)
        self.judge('a token file that others can read', self.gpu('--http', '127.0.0.1:0', '--token-file', tokens),
                   f'cannot use the token file {tokens}', 'others can read it', "Run 'chmod 600' on it")

    # --- programs and drivers

    def test_run(self):
        self.judge('a program that is not installed', self.vitrine('run', 'no-such-program'),
                   "cannot run 'no-such-program'", 'not found in PATH', 'Install it')
        self.judge('a variable that keeps the program away', self.vitrine('run', 'true', VN_DEBUG='init'),
                   'VN_DEBUG is set', 'the program would not use vitrine', 'Add vtest to it, or unset it')
        self.judge("Mesa's Venus driver is missing", self.vitrine('run', 'true', XDG_DATA_DIRS='/nonexistent'),
                   "cannot find Mesa's Venus driver", 'programs reach vitrine through it', 'mesa-vulkan-drivers')
        old = self.path('old.so')
        with open(old, 'wb') as file:
            file.write(b'\x7fELF' + b'\0' * 100 + b'Mesa 24.2.8-1\0' + b'\0' * 100)
        manifests = self.path('old/vulkan/icd.d')
        os.makedirs(manifests)
        with open(f'{manifests}/virtio_icd.json', 'w') as file:
            json.dump({'ICD': {'library_path': old, 'api_version': '1.3.289'}}, file)
        self.judge("Mesa's Venus driver is too old", self.vitrine('run', 'true', XDG_DATA_DIRS=self.path('old')),
                   'it belongs to Mesa 24.2.8', 'is too old', "'apt install -t bookworm-backports mesa-vulkan-drivers'")

    def test_no_driver(self):
        text = self.vitrine('doctor', VK_DRIVER_FILES='/nonexistent.json', VK_ICD_FILENAMES='/nonexistent.json')
        about = '\n'.join(line for line in text.splitlines() if 'none:' in line or line.startswith('Programs cannot'))
        self.judge('a host without a Vulkan driver', about, 'the Vulkan driver is missing or broken',
                   'Programs cannot use vitrine here', "Install the GPU's Vulkan driver")

    def test_qemu(self):
        guest = self.path('guest')
        self.judge('a demo without a guest', self.vitrine('demo', '--guest', guest), f'{guest} lacks vmlinuz',
                   'cannot boot a guest', "Run 'make guest'")
        os.mkdir(guest)
        for name in 'vmlinuz', 'initramfs.img':
            with open(os.path.join(guest, name), 'w'):
                pass
        self.judge('a demo without QEMU', self.vitrine('demo', '--guest', guest, '--qemu', '/nonexistent/qemu'),
                   'cannot find QEMU 11.1 or newer', 'which the demo boots its guest in', "Run 'make guest'")
        old = fake_program(self.path('qemu'), 'echo "QEMU emulator version 7.2.22 (Debian)"')
        self.judge('a demo with an old QEMU', self.vitrine('demo', '--guest', guest, '--qemu', old),
                   'is QEMU 7.2, older than 11.1', 'which the demo boots its guest in', "Run 'make guest'")

    def test_installed_demo(self):
        """The program where packages have it, with and without the package vitrine-demo."""
        program = self.path('usr/bin/vitrine')
        tools = self.path('usr/libexec/vitrine/demo/guest')
        os.makedirs(os.path.dirname(program))
        shutil.copy(harness.PROGRAM, program)

        def demo():
            return self.vitrine('demo', program=program, PATH='/nonexistent', XDG_CACHE_HOME=self.path('cache'))
        self.judge('a demo without its package', demo(), 'cannot find the sample guest', 'there is nothing to boot',
                   'Install the package vitrine-demo')
        os.makedirs(tools)
        fake_program(f'{tools}/fetch-demo', 'echo "no network" >&2; exit 1')
        self.judge('a demo that cannot fetch its guest', demo(), 'no network', 'there is nothing to boot',
                   "run 'vitrine demo' again")
        fake_program(f'{tools}/fetch-demo', '[ "$1" = guest ] || exit 1; /bin/mkdir -p "$2/guest"; '
                     ': >"$2/guest/vmlinuz"; : >"$2/guest/initramfs.img"')
        self.judge('a demo that cannot fetch QEMU', demo(), 'cannot find QEMU 11.1 or newer',
                   'which the demo boots its guest in', "run 'vitrine demo' again")

    # --- while it runs

    def test_a_worker_dies(self):
        server = harness.Server()
        with Client(server.path) as client:
            self.assertTrue(client.is_alive())
            os.kill(server.wait_workers(1)[0], signal.SIGKILL)
            server.wait_log('died of signal 9')
        line = next(line for line in server.log().splitlines() if 'died of signal' in line)
        self.judge('a worker dies', line, 'died of signal 9', 'the program loses its Vulkan device',
                   'other programs go on')
        server.stop()

    def ask(self, port, path, token, method='GET'):
        request = urllib.request.Request(f'http://127.0.0.1:{port}{path}', method=method, data=b'{}' if method == 'PUT' else None,
                                         headers={'Authorization': f'Bearer {token}', 'Content-Type': 'application/json'})
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=harness.SECONDS)
        return f'{caught.exception.code} {json.loads(caught.exception.read())["error"]}'

    def test_tokens(self):
        front = screen.Front()
        self.judge('a wrong token', self.ask(front.port, '/api/displays', '0' * 32), '401', 'no valid token',
                   'use a link that vitrine printed')
        self.judge('a token for watching that controls', self.ask(front.port, '/api/displays/0', front.view_token, 'PUT'),
                   '403', 'only allows watching', 'use the token that controls')
        front.stop()

    def test_the_screen_process_dies(self):
        front = screen.Front()
        os.kill(front.screen(), signal.SIGKILL)
        front.wait_log('screen process ended')
        line = next(line for line in front.log().splitlines() if 'screen process ended' in line)
        self.judge('the screen process dies', line, 'the screen process ended (signal 9)', 'the guest goes on',
                   'started again in')
        front.stop()


    def test_the_disk_is_full(self):
        front = screen.Front(f'record={self.path("a.mp4")}')
        front.say('scanout 0 2 320 200 1280 window')
        pid, = harness.wait_for(lambda: harness.children_with(front.pid, 'mux'), 60, 'a mux process')
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (3000, 3000))
        seeds = itertools.count()

        def is_full():
            front.say(f'frame 0 {next(seeds)}')
            return 'the recording ends here' in front.log()
        harness.wait_for(is_full, what='the end of the recording', pause=0.02)
        line = next(line for line in front.log().splitlines() if 'the recording ends here' in line)
        self.judge('the disk of a recording is full', line, 'the recording ends here', 'the VM goes on',
                   'Free space on the disk')
        front.stop()

    def test_a_recording_cannot_begin(self):
        front = screen.Front('record=/nonexistent/a.mp4')
        front.wait_log('not recording')
        line = next(line for line in front.log().splitlines() if 'not recording' in line)
        self.judge('a recording in a folder that does not exist', line, 'cannot create /nonexistent/a.mp4',
                   'The VM goes on', 'Choose another --record FILE')
        front.stop()


if __name__ == '__main__':
    screen.FRONT = os.path.abspath(sys.argv.pop(2))
    harness.main()
