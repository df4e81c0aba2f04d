# SPDX-License-Identifier: MIT
"""run, serve and doctor as a user meets them: statuses, messages, what is left behind."""

import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import unittest

import harness
from vtest import Client

VENUS_VARIABLES = ('VN_DEBUG', 'VTEST_SOCKET_NAME', 'VK_DRIVER_FILES', 'VK_ICD_FILENAMES',
                   'MESA_VK_WSI_DEBUG', 'VN_PERF', 'DISPLAY', 'WAYLAND_DISPLAY')

# Connects as a Vulkan program would, then does what its arguments say.
GUEST = '''
import os, signal, sys, time
sys.path.insert(0, sys.argv[1])
import vtest
client = vtest.Client(os.environ['VTEST_SOCKET_NAME'])
assert client.get_param(1) == (1, 64)
'''


class Commands(unittest.TestCase):
    def setUp(self):
        self.runtime = tempfile.TemporaryDirectory(prefix='vitrine-test-')
        self.addCleanup(self.runtime.cleanup)
        # A guest driver, so that the test needs none.
        manifests = os.path.join(self.runtime.name, 'share', 'vulkan', 'icd.d')
        os.makedirs(manifests)
        self.manifest = os.path.join(manifests, 'virtio_icd.json')
        with open(self.manifest, 'w') as file:
            file.write('{"ICD": {"library_path": "libvulkan_virtio.so", "api_version": "1.4.0"}}')
        self.env = {name: value for name, value in os.environ.items()
                    if name not in VENUS_VARIABLES}
        self.env['XDG_RUNTIME_DIR'] = os.path.join(self.runtime.name, 'run')
        self.env['XDG_DATA_DIRS'] = os.path.join(self.runtime.name, 'share')
        os.mkdir(self.env['XDG_RUNTIME_DIR'], 0o700)

    def tearDown(self):
        self.assertEqual(os.listdir(self.env['XDG_RUNTIME_DIR']), [], 'left behind')

    def vitrine(self, *args, **env):
        return subprocess.run([harness.PROGRAM, *args], env={**self.env, **env}, text=True,
                              capture_output=True, stdin=subprocess.DEVNULL, timeout=60)

    def start_run(self, *args):
        return subprocess.Popen([harness.PROGRAM, 'run', '--', *args], env=self.env, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def guest(self, code):
        return [sys.executable, '-c', GUEST + code, os.path.dirname(os.path.abspath(__file__))]

    def assert_complains(self, result, status, *words):
        self.assertEqual(result.returncode, status, result.stderr)
        for word in words:
            self.assertIn(word, result.stderr)

    def test_no_command(self):
        self.assert_complains(self.vitrine(), 2, 'Usage', 'run', 'serve', 'doctor')
        self.assert_complains(self.vitrine('dance'), 2, 'dance', '--help')

    def test_help(self):
        for command in ('run', 'serve', 'doctor', 'demo', 'vm', 'worker'):
            result = self.vitrine(command, '--help')
            self.assertEqual(result.returncode, 0)
            self.assertIn(f'Usage: vitrine {command}', result.stdout)
        self.assertEqual(self.vitrine('--help').returncode, 0)
        self.assertRegex(self.vitrine('--version').stdout, r'^vitrine \d+\.\d+')

    def test_wrong_options(self):
        for command in ('serve', 'doctor', 'demo', 'worker'):
            self.assert_complains(self.vitrine(command, '--nothing'), 2, '--nothing', '--help')
            self.assert_complains(self.vitrine(command, 'word'), 2, 'word', '--help')
            self.assert_complains(self.vitrine(command, '-o', 'what=1'), 2)
        self.assert_complains(self.vitrine('run', '--nothing', 'true'), 125, '--nothing')
        self.assert_complains(self.vitrine('run', '-o', 'what', 'true'), 125, 'what')
        self.assert_complains(self.vitrine('run', '--log', 'loud', 'true'), 125, 'loud')
        self.assert_complains(self.vitrine('run'), 125, 'program to run is missing')
        self.assert_complains(self.vitrine('serve'), 2, '--socket')
        self.assert_complains(self.vitrine('serve', '--socket', '/x', '--mode', '1777'), 2, 'mode')
        self.assert_complains(self.vitrine('worker'), 2, 'vitrine run')
        self.assert_complains(self.vitrine('vm'), 2, "'add' or 'remove'")
        self.assert_complains(self.vitrine('vm', 'start', 'a'), 2, "'add' or 'remove'")
        self.assert_complains(self.vitrine('vm', 'add'), 2, 'domain')
        self.assert_complains(self.vitrine('vm', 'remove', 'a', '--http'), 2, 'nothing but')

    def test_run_status(self):
        self.assertEqual(self.vitrine('run', 'true').returncode, 0)
        self.assertEqual(self.vitrine('run', '--', 'sh', '-c', 'exit 42').returncode, 42)
        self.assertEqual(self.vitrine('run', 'sh', '-c', 'kill -SEGV $$').returncode, 139)
        self.assert_complains(self.vitrine('run', 'no-such-program'), 127, 'not found')
        self.assert_complains(self.vitrine('run', '/etc/passwd'), 126, 'not executable')
        broken = os.path.join(self.runtime.name, 'broken')
        with open(broken, 'wb') as file:
            file.write(b'\x7fELFnot')
        os.chmod(broken, 0o755)
        self.assert_complains(self.vitrine('run', broken), 126)

    def test_run_passes_everything_through(self):
        result = self.vitrine('run', '--', 'sh', '-c', 'echo "$1"; echo err >&2', 'sh', '--help')
        self.assertEqual((result.stdout, result.stderr), ('--help\n', 'err\n'))
        result = subprocess.run([harness.PROGRAM, 'run', 'cat'], env=self.env, input=b'in',
                                capture_output=True)
        self.assertEqual(result.stdout, b'in')
        result = self.vitrine('run', sys.executable, '-c',
                              'import os; print(len(os.listdir("/proc/self/fd")))')
        self.assertEqual(result.stdout, '4\n', 'fds of ours in the program')

    def test_run_sets_variables(self):
        result = self.vitrine('run', 'env')
        env = dict(line.split('=', 1) for line in result.stdout.splitlines() if '=' in line)
        self.assertEqual(env['VN_DEBUG'], 'vtest')
        self.assertEqual(env['VK_DRIVER_FILES'], self.manifest)
        self.assertEqual(env['VK_ICD_FILENAMES'], self.manifest)
        self.assertTrue(env['VTEST_SOCKET_NAME'].startswith(self.env['XDG_RUNTIME_DIR']))
        self.assertEqual(env['VN_PERF'], 'no_async_present')
        self.assertNotIn('MESA_VK_WSI_DEBUG', env)

    def test_run_makes_sleeps_punctual(self):
        slack = self.vitrine('run', 'cat', '/proc/self/timerslack_ns')
        self.assertEqual(slack.stdout, '1000\n')

    def test_run_never_alters_variables(self):
        result = self.vitrine('run', 'env', VN_DEBUG='init,vtest', VK_DRIVER_FILES=self.manifest)
        self.assertIn('VN_DEBUG=init,vtest\n', result.stdout)
        self.assert_complains(self.vitrine('run', 'true', VN_DEBUG='init'), 125, 'VN_DEBUG')
        self.assert_complains(self.vitrine('run', 'true', VTEST_SOCKET_NAME='/x'), 125,
                              'VTEST_SOCKET_NAME')
        self.assert_complains(self.vitrine('run', 'true', VK_DRIVER_FILES='/x/lvp_icd.json'), 125,
                              'VK_DRIVER_FILES', '-o driver')
        self.assert_complains(self.vitrine('run', 'true', XDG_DATA_DIRS='/nonexistent'), 125,
                              'virtio_icd', 'mesa-vulkan-drivers')

    def test_run_serves(self):
        result = self.vitrine('run', *self.guest('sys.exit(9)'))
        self.assert_complains(result, 9)
        self.assertEqual(result.stderr, '', 'quiet unless something is wrong')

    def test_run_with_an_odd_runtime_dir(self):
        for value in ('', 'relative', '/nonexistent', '/tmp/' + 'x' * 120):
            result = self.vitrine('run', *self.guest('sys.exit(9)'), XDG_RUNTIME_DIR=value)
            self.assert_complains(result, 9)

    def test_run_private_socket(self):
        process = self.start_run('sh', '-c', 'echo $VTEST_SOCKET_NAME; exec sleep 60')
        path = process.stdout.readline().strip()
        self.assertEqual(stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode), 0o700)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        process.terminate()
        process.communicate(timeout=harness.SECONDS)

    def test_run_forwards_signals(self):
        trap = 'trap "exit 33" TERM HUP USR1 USR2; echo up; while :; do sleep 0.05; done'
        for signo in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
            process = self.start_run('sh', '-c', trap)
            process.stdout.readline()
            process.send_signal(signo)
            self.assertEqual(process.wait(harness.SECONDS), 33, signo)
            process.communicate()
        process = self.start_run('sh', '-c', 'echo up; exec sleep 60')
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(harness.SECONDS), 130)
        process.communicate()

    def test_run_ends_with_its_program(self):
        """A client left behind in the background does not keep anything alive."""
        guest = self.guest('print(os.getpid(), flush=True); time.sleep(60)')
        process = self.start_run('sh', '-c', '"$@" & exec sleep 60', 'sh', *guest)
        orphan = int(process.stdout.readline())
        os.kill(min(harness.children(process.pid)), signal.SIGKILL)
        self.assertEqual(process.wait(harness.SECONDS), 137)
        self.assertFalse(harness.is_gone(orphan), 'it ended only with the client')
        os.kill(orphan, signal.SIGKILL)
        process.communicate()

    def test_run_killed(self):
        """kill -9 of `vitrine run` itself leaves no worker behind."""
        process = self.start_run(*self.guest('print(1, flush=True); time.sleep(60)'))
        process.stdout.readline()
        program, worker = sorted(harness.children(process.pid))
        process.kill()
        process.wait()
        harness.wait_for(lambda: harness.is_gone(worker), what='worker')
        os.kill(program, signal.SIGKILL)
        process.communicate()
        for name in os.listdir(self.env['XDG_RUNTIME_DIR']):
            os.unlink(os.path.join(self.env['XDG_RUNTIME_DIR'], name, 'vitrine.sock'))
            os.rmdir(os.path.join(self.env['XDG_RUNTIME_DIR'], name))

    def test_serve_socket(self):
        server = harness.Server('--mode', '0660')
        self.assertEqual(stat.S_IMODE(os.stat(server.path).st_mode), 0o660)
        result = self.vitrine('serve', '--socket', server.path)
        self.assert_complains(result, 1, server.path, 'in use')
        with Client(server.path) as client:
            self.assertTrue(client.is_alive())
        server.process.kill()
        server.process.wait()
        server.process.stdout.close()
        again = subprocess.Popen([harness.PROGRAM, 'serve', '--socket', server.path], text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.assertEqual(again.stdout.readline(), f'READY {server.path}\n')
        self.assertEqual(stat.S_IMODE(os.stat(server.path).st_mode), 0o600)
        again.send_signal(signal.SIGINT)
        self.assertEqual(again.wait(harness.SECONDS), 0)
        again.stdout.close()
        for path, word in (('/nonexistent/dir/sock', 'No such file'), ('/tmp/' + 'x' * 200, 'long'),
                           (self.manifest, '')):
            self.assert_complains(self.vitrine('serve', '--socket', path), 1, path, word)
        self.assertTrue(os.path.exists(self.manifest), 'a file that is no socket stays')

    def test_video_options(self):
        socket_path = '/nonexistent/dir/sock'  # nothing gets that far
        for args, words in ((['--encoder', 'h264_nonsense'], ('h264_nonsense', 'doctor')),
                            (['--record', 'a.avi'], ('a.avi', '.mp4', '.mkv')),
                            (['--record', '.mp4'], ('.mp4',)),
                            (['--publish', 'http://somewhere'], ('http://somewhere', 'rtsp://')),
                            (['--bitrate', '5'], ('100',)),
                            (['--fps', '241'], ('240',)),
                            (['--record', 'a.mp4'] * 9, ('8',))):
            self.assert_complains(self.vitrine('gpu', '--socket', socket_path, *args), 2, *words)

    def test_doctor(self):
        result = self.vitrine('doctor', '--json')
        self.assertIn(result.returncode, (0, 1), result.stderr)
        report = json.loads(result.stdout)
        self.assertIn('devices', report)
        self.assertEqual(report['checks']['guest_driver']['state'], 'ok')
        self.assertIn(self.manifest, report['checks']['guest_driver']['value'])
        for device in report['devices']:
            for memory_type in device['memory_types']:
                self.assertIn(memory_type['share'],
                              ('none', 'host-import', 'dma-buf', 'opaque-fd'))
                self.assertEqual(memory_type['sparse_share'] is not None, device['sparse'])
                self.assertTrue(memory_type['reason'])
            self.assertTrue(device['sparse_reason'])
        encoders = {encoder['name']: encoder for encoder in report['encoders']}
        self.assertTrue(encoders['libx264']['works'])
        for encoder in encoders.values():
            self.assertEqual(encoder['works'], encoder['why'] is None)
            self.assertEqual(self.vitrine('encoder', '--name', encoder['name']).returncode, 0 if encoder['works'] else 1)
        text = self.vitrine('doctor').stdout
        for name in encoders:
            self.assertIn(name, text)
        for device in report['devices']:
            self.assertIn(device['name'], text)
        missing = json.loads(self.vitrine('doctor', '--json', XDG_DATA_DIRS='/nonexistent').stdout)
        self.assertEqual(missing['checks']['guest_driver']['state'], 'missing')


if __name__ == '__main__':
    harness.main()
