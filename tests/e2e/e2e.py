# SPDX-License-Identifier: MIT
"""What the end-to-end tests have besides tests/proto/harness.py, which importing this makes available: where the
programs are, environments, guests of a running `vitrine serve`.
"""
import argparse
import glob
import os
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / 'proto'))
import harness  # noqa: E402
from harness import expect  # noqa: E402

MANIFESTS = '/usr/share/vulkan/icd.d'
TIMEOUT = 120

build = None       # the build folder
options = None     # what the command line said


def program(name):
    """The path of one of our programs."""
    for path in (build / name, build / 'bench' / name, build / 'demo' / name, build / 'tests' / 'e2e' / name):
        if path.is_file():
            return str(path)
    raise AssertionError(f'{name} has not been built')


def tool(name):
    """The path of a program of the distribution."""
    path = shutil.which(name)
    if not path:
        raise unittest.SkipTest(f'{name} is not installed')
    return path


def manifest(driver):
    """The loader's manifest of a driver: lvp, virtio."""
    found = sorted(glob.glob(f'{MANIFESTS}/{driver}_icd*.json'))
    if not found:
        raise unittest.SkipTest(f'{MANIFESTS} has no {driver}_icd')
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


class Server(harness.Server):
    """`vitrine serve` on the native driver, with guests."""

    def __init__(self, *arguments, env=None, **more):
        super().__init__(*map(str, arguments), env=env or native_env(), **more)

    def run(self, command, **more):
        """Runs a program as a guest of this server."""
        env = guest_env(self.path, **more.pop('more_env', {}))
        return run(command, env, **more)

    def start(self, command, **more):
        env = guest_env(self.path, **more.pop('more_env', {}))
        return subprocess.Popen([str(c) for c in command], env=env, text=True, **more)


def main():
    """For the end of a test file: FILE.py [--build FOLDER] [--native-icd MANIFEST] [--guest-icd MANIFEST]
    [unittest arguments]."""
    global build, options
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument('--build', default='build')
    parser.add_argument('--native-icd', help='manifest of the native driver; default: lavapipe')
    parser.add_argument('--guest-icd', help='manifest of the Venus driver')
    options, arguments = parser.parse_known_args()
    build = Path(options.build).resolve()
    harness.PROGRAM = program('vitrine')
    harness.run_tests(arguments)
