# SPDX-License-Identifier: MIT
"""What the end-to-end tests share: where the programs are, environments, a running `vitrine serve`.

A test is a function whose name begins with test_; main() runs those of the calling script, prints a
line for each and exits with 1 if one failed and with 77 if all were skipped.
"""
import argparse
import glob
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

MANIFESTS = '/usr/share/vulkan/icd.d'
TIMEOUT = 120

build = None       # the build folder
options = None     # what the command line said


class Skip(Exception):
    """The machine lacks what a test needs."""


class Failure(Exception):
    """A test failed; the text says what was expected and what came."""


def expect(ok, text):
    if not ok:
        raise Failure(text)


def program(name):
    """The path of one of our programs."""
    for path in (build / name, build / 'bench' / name, build / 'demo' / name, build / 'tests' / 'e2e' / name):
        if path.is_file():
            return str(path)
    raise Failure(f'{name} has not been built')


def tool(name):
    """The path of a program of the distribution."""
    path = shutil.which(name)
    if not path:
        raise Skip(f'{name} is not installed')
    return path


def manifest(driver):
    """The loader's manifest of a driver: lvp, virtio."""
    found = sorted(glob.glob(f'{MANIFESTS}/{driver}_icd*.json'))
    if not found:
        raise Skip(f'{MANIFESTS} has no {driver}_icd')
    return found[0]


def plain_env():
    """This environment without what a user may have set for Vulkan."""
    drop = ('VK_', 'VN_', 'VTEST_', 'MESA_', 'LVP_', 'LP_')
    return {k: v for k, v in os.environ.items() if not k.startswith(drop)}


def native_env(**more):
    env = plain_env()
    env['VK_DRIVER_FILES'] = env['VK_ICD_FILENAMES'] = options.native_icd or manifest('lvp')
    # Mesa's device selection layer asks an X server; there is no choice to make here.
    env['NODEVICE_SELECT'] = '1'
    env.update(more)
    return env


def guest_env(socket, **more):
    env = plain_env()
    env['VK_DRIVER_FILES'] = env['VK_ICD_FILENAMES'] = options.guest_icd or manifest('virtio')
    env['NODEVICE_SELECT'] = '1'
    env['VN_DEBUG'] = 'vtest'
    env['VTEST_SOCKET_NAME'] = str(socket)
    env.update(more)
    return env


def run(command, env, timeout=TIMEOUT, check=True, **more):
    """Runs a program to its end; with check, only a status of 0 will do."""
    command = [str(c) for c in command]
    done = subprocess.run(command, env=env, timeout=timeout, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, errors='replace', **more)
    if check:
        expect(done.returncode == 0, f'{" ".join(command)}: status {done.returncode}\n'
               f'{done.stdout[-2000:]}{done.stderr[-4000:]}')
    return done


class Server:
    """`vitrine serve` for the time of a with statement; the end of its log comes with a failure."""

    def __init__(self, *arguments, env=None):
        self.arguments = arguments
        self.env = env or native_env()

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix='vitrine-e2e-')
        self.socket = Path(self.folder.name) / 'sock'
        self.log_path = Path(self.folder.name) / 'log'
        log = open(self.log_path, 'wb')
        self.process = subprocess.Popen(self.command(), env=self.env, stdout=subprocess.PIPE, stderr=log,
                                        stdin=subprocess.DEVNULL, text=True)
        log.close()
        line = self.process.stdout.readline()
        if not line.startswith('READY'):
            self.process.wait()
            raise Failure(f'vitrine serve did not start: {line}{self.log()}')
        # Until a client comes, its only child is the prober, which finds out about the devices.
        expect(wait_until(lambda: not self.workers(), 30), 'the prober does not end')
        return self

    def command(self):
        return [program('vitrine'), 'serve', '--socket', str(self.socket), *self.arguments]

    def __exit__(self, kind, error, trace):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            if kind is None:
                raise Failure('vitrine serve did not end within 20 s of SIGTERM')
        finally:
            self.process.stdout.close()
            log = self.log()
            self.folder.cleanup()
        if kind is not None:
            print(f'--- log of vitrine serve\n{log[-4000:]}---')
        elif self.process.returncode != 0:
            raise Failure(f'vitrine serve ended with status {self.process.returncode}\n{log[-4000:]}')

    def log(self):
        return self.log_path.read_text(errors='replace')

    def run(self, command, **more):
        """Runs a program as a guest of this server."""
        env = guest_env(self.socket, **more.pop('more_env', {}))
        return run(command, env, **more)

    def start(self, command, **more):
        env = guest_env(self.socket, **more.pop('more_env', {}))
        return subprocess.Popen([str(c) for c in command], env=env, text=True, **more)

    def workers(self):
        """The pids of its children."""
        found = []
        for path in glob.glob(f'/proc/{self.process.pid}/task/*/children'):
            try:
                found += [int(pid) for pid in Path(path).read_text().split()]
            except OSError:
                pass
        return sorted(found)

    def expect_alive(self):
        expect(self.process.poll() is None, f'vitrine serve died with status {self.process.poll()}')


def wait_until(condition, seconds):
    """Whether the condition came true in that time; for what offers no event to wait for."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def fd_count(pid):
    return len(os.listdir(f'/proc/{pid}/fd'))


def thread_count(pid):
    return len(os.listdir(f'/proc/{pid}/task'))


def private_kib(pid):
    """Memory that would be free again if the process ended."""
    text = Path(f'/proc/{pid}/smaps_rollup').read_text()
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith('Private_'))


def main(namespace):
    global build, options
    parser = argparse.ArgumentParser()
    parser.add_argument('--build', default='build')
    parser.add_argument('--native-icd', help='manifest of the native driver; default: lavapipe')
    parser.add_argument('--guest-icd', help='manifest of the Venus driver')
    parser.add_argument('--only', help='run the tests whose name has this in it')
    options = parser.parse_args()
    build = Path(options.build).resolve()
    sys.stdout.reconfigure(line_buffering=True)
    counts = {'ok': 0, 'FAILED': 0, 'skipped': 0}
    for name, test in list(namespace.items()):
        if type(test).__name__ != 'function' or not name.startswith('test_') or (options.only and options.only not in name):
            continue
        start = time.monotonic()
        why = ''
        try:
            test()
            result = 'ok'
        except Skip as error:
            result, why = 'skipped', f': {error}'
        except (Failure, subprocess.TimeoutExpired) as error:
            result, why = 'FAILED', f': {error}'
        except Exception:
            result, why = 'FAILED', ':\n' + traceback.format_exc()
        counts[result] += 1
        print(f'{result} {name[5:]} ({time.monotonic() - start:.1f} s){why}')
    print(', '.join(f'{n} {what}' for what, n in counts.items()))
    sys.exit(1 if counts['FAILED'] else 77 if not counts['ok'] else 0)
