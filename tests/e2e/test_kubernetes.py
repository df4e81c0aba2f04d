#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The manifests of packaging/kubernetes on a node without a cluster: podman and runc run the containers of the
DaemonSet and of the sample pods with the commands, rights, volumes and variables that the manifests name.

The test has /run and /var/lib/vitrine-kubernetes for itself, in a mount namespace. What the generic device plugin adds
to a pod is taken from its arguments. Needs root, podman, runc, kubectl, the driver of tools/make-guest-driver, and a
Debian mirror for the first time.
"""
import ctypes
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import e2e
from harness import expect
from test_containers import CACHE, FLAGS, RUN_FLAGS, make_image

sys.path[:0] = [str(Path(__file__).resolve().parents[2] / folder) for folder in ('tools', 'tests/style')]
import debs
from test_kubernetes_manifests import MANIFESTS, documents, render

HOME = Path('/var/lib/vitrine-kubernetes')
BASE = ['base-files', 'bash', 'coreutils', 'dash', 'findutils', 'libc-bin', 'libvulkan1', 'mesa-vulkan-drivers']
CLONE_NEWNS = 0x20000
SECONDS = 120


def wait_for(what, function):
    deadline = time.monotonic() + SECONDS
    while not function():
        expect(time.monotonic() < deadline, f'{what}: not after {SECONDS} s')
        time.sleep(0.2)


def owners(program):
    """The packages of the libraries that a program is linked with."""
    text = subprocess.run(['ldd', program], check=True, capture_output=True, text=True).stdout
    names = set()
    for path in (word for word in text.split() if word.startswith('/')):
        for other in (path, '/usr' + path, os.path.realpath(path)):
            done = subprocess.run(['dpkg-query', '-S', other], capture_output=True, text=True)
            if done.returncode == 0:
                names.add(done.stdout.split(':')[0])
                break
    return sorted(names)


def fetch_server_image():
    """A folder in the cache with what the image of packaging/Containerfile has, but for vitrine."""
    release = debs.host_release()
    folder = CACHE / f'serve-{release}'
    if (folder / 'complete').exists():
        return folder / 'root'
    if not release:
        raise unittest.SkipTest('the image of the server is made on Debian only')
    shutil.rmtree(folder, ignore_errors=True)
    try:
        # Debian 12's own lavapipe is too old.
        suites = [release, f'{release}-backports'] if release == 'bookworm' else [release]
        apt = debs.Apt(debs.default_cache(), suites, debs.MIRROR)
        apt.update()
        packages = apt.download([*BASE, *owners(e2e.program('vitrine'))])
    except debs.Error as error:
        raise unittest.SkipTest(f'packages of {release}: {error}')
    debs.unpack(sorted(packages, key=lambda path: debs.package_name(path) != 'base-files'), folder / 'root')
    subprocess.run(['ldconfig', '-r', str(folder / 'root')], check=True)
    (folder / 'complete').touch()
    return folder / 'root'


def make_server_image(folder):
    subprocess.run(['cp', '-a', str(fetch_server_image()), str(folder)], check=True)
    (folder / 'usr/libexec/vitrine').mkdir(parents=True)
    shutil.copy(e2e.program('vitrine'), folder / 'usr/bin')
    shutil.copy(e2e.build / 'cdi-hook', folder / 'usr/libexec/vitrine')
    (folder / 'usr/lib/vitrine').mkdir()
    shutil.copytree(e2e.build / 'guest-driver', folder / 'usr/lib/vitrine/guest', symlinks=True)
    (folder / 'tmp').mkdir(exist_ok=True)


class Node:
    """What a kubelet does with manifests, as far as these need it."""

    def __enter__(self):
        if os.geteuid() != 0:
            raise unittest.SkipTest('podman with folders as images needs root')
        for program in ('kubectl', 'podman', 'runc', 'unshare'):
            e2e.tool(program)
        if not (e2e.build / 'guest-driver/driver.json').exists():
            raise unittest.SkipTest('build/guest-driver is missing: make guest-driver')
        if not (e2e.build / 'cdi-hook').exists():
            raise unittest.SkipTest('this build has no program for the hook')
        self.folder = tempfile.TemporaryDirectory(prefix='vitrine-node-')
        self.dir = Path(self.folder.name)
        self.running = {}
        make_server_image(self.dir / 'server')
        make_image(self.dir / 'client', 'sid')
        self.made_home = not HOME.exists()
        HOME.mkdir(exist_ok=True)
        libc = ctypes.CDLL(None, use_errno=True)
        expect(libc.unshare(CLONE_NEWNS) == 0, os.strerror(ctypes.get_errno()))
        for words in (['--make-rprivate', '/'], ['-t', 'tmpfs', 'tmpfs', '/run'], ['-t', 'tmpfs', 'tmpfs', str(HOME)]):
            subprocess.run(['mount', *words], check=True)
        return self

    def __exit__(self, *_):
        for name in list(self.running):
            self.stop(name)
        for line in reversed(Path('/proc/self/mounts').read_text().splitlines()):
            if line.split()[1].startswith((f'{self.dir}/', str(HOME), '/run')):
                subprocess.run(['umount', '--lazy', line.split()[1]], check=True)
        if self.made_home:
            HOME.rmdir()
        self.folder.cleanup()

    def podman(self, *words):
        return ['podman', '--root', str(self.dir / 'podman'), '--runroot', str(self.dir / 'podman-run'), *FLAGS,
                *map(str, words)]

    def volume(self, volume, config_maps):
        """The folder of a volume on the node."""
        if 'hostPath' in volume:
            path = Path(volume['hostPath']['path'])
            expect(volume['hostPath'].get('type') == 'DirectoryOrCreate', path)
            path.mkdir(parents=True, exist_ok=True)
            return path
        path = self.dir / volume['name']
        path.mkdir(exist_ok=True)
        if 'configMap' in volume:
            for name, text in config_maps[volume['configMap']['name']]['data'].items():
                (path / name).write_text(text)
        return path

    def words(self, name, pod, container, config_maps, image, flags=()):
        """podman's arguments for a container of a pod."""
        rights = container.get('securityContext', {})
        words = ['run', '--rm', '--name', name, *RUN_FLAGS, *flags]
        words += ['--pid=host'] if pod.get('hostPID') else []
        words += [f'--cap-drop={cap.lower()}' for cap in rights.get('capabilities', {}).get('drop', [])]
        words += ['--security-opt=no-new-privileges'] if rights.get('allowPrivilegeEscalation') is False else []
        words += ['--read-only', '--read-only-tmpfs=false'] if rights.get('readOnlyRootFilesystem') else []
        volumes = {volume['name']: volume for volume in pod.get('volumes', [])}
        for mount in container.get('volumeMounts', []):
            source = self.volume(volumes[mount['name']], config_maps)
            words += ['-v', f'{source}:{mount["mountPath"]}' + (':ro' if mount.get('readOnly') else '')]
        for source in container.get('envFrom', []):
            for key, value in config_maps[source['configMapRef']['name']]['data'].items():
                words += ['-e', f'{key}={value}']
        return self.podman(*words, '--rootfs', image, *container['command'])

    def finish(self, words):
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors='replace', timeout=600)
        expect(done.returncode == 0, f'{words}: {done.returncode}\n{done.stdout[-3000:]}')
        return done.stdout

    def start(self, name, words):
        log = open(self.dir / f'{name}.log', 'w')
        self.running[name] = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        log.close()

    def succeeds(self, name, words):
        """Whether a command of a running container succeeds; the container must not end."""
        expect(self.running[name].poll() is None, self.log(name))
        return subprocess.run(self.podman('exec', name, *words), stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0

    def log(self, name):
        return (self.dir / f'{name}.log').read_text()[-3000:]

    def stop(self, name, seconds=60):
        """As a kubelet ends a container. Returns: its exit status."""
        subprocess.run(self.podman('stop', '--time', seconds, name), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return self.running.pop(name).wait(120)


def start_daemons(node):
    """The containers of the DaemonSet, in the order and with the probe that it names."""
    objects = {(item['kind'], item['metadata']['name']): item for item in render('cpu')}
    config_maps = {name: item for (kind, name), item in objects.items() if kind == 'ConfigMap'}
    pod = objects['DaemonSet', 'vitrine-serve']['spec']['template']['spec']
    for container in pod['initContainers'] * 2:  # a pod may be replaced
        node.finish(node.words(container['name'], pod, container, config_maps, node.dir / 'server'))
    expect(len(list(HOME.iterdir())) == 2, list(HOME.iterdir()))
    for container in pod['containers']:
        node.start(container['name'], node.words(container['name'], pod, container, config_maps, node.dir / 'server'))
    for container in pod['containers']:
        if 'readinessProbe' in container:
            probe = container['readinessProbe']['exec']['command']
            wait_for('the server', lambda: node.succeeds(container['name'], probe))
    wait_for('the specification', Path('/run/cdi/vitrine.json').exists)
    return objects['DaemonSet', 'vitrine-device-plugin']['spec']['template']['spec']


def plugin_flags(plugin, resource):
    """What the device plugin adds to a container that asks for a resource."""
    args = plugin['containers'][0]['args']
    domain, name = resource.split('/')
    expect(args[args.index('--domain') + 1] == domain, args)
    devices = [documents(args[i + 1])[0] for i, word in enumerate(args) if word == '--device']
    [group] = next(device['groups'] for device in devices if device['name'] == name)
    flags = []
    for path in group['paths']:
        source = os.path.realpath(path['path'])
        expect(path['type'] == 'Mount' and os.path.exists(source), path)
        flags += ['-v', f'{source}:{path["mountPath"]}' + (':ro' if path.get('readOnly') else '')]
    return flags


def sample(name):
    """A sample pod, and its container, which is to run other programs."""
    [pod] = documents((MANIFESTS / f'samples/{name}.yaml').read_text())
    return pod, pod['spec']['containers'][0]


def check_client(node, name, words):
    container = {**words[0], 'command': ['vulkaninfo', '--summary']}
    text = node.finish(node.words(f'pod-{name}', {}, container, words[1], node.dir / 'client', words[2]))
    line = next((line.strip() for line in text.splitlines() if 'deviceName' in line), text)
    print(f'{name}: {line}')
    expect('Virtio-GPU Venus' in line, line)
    container['command'] = ['/bin/sh', '-c', 'eglinfo -B -p surfaceless || true']
    text = node.finish(node.words(f'pod-{name}', {}, container, words[1], node.dir / 'client', words[2]))
    line = next((line.strip() for line in text.splitlines() if 'core profile renderer' in line), text)
    print(f'{name}: {line}')
    expect('zink' in line, line)


def test_pods():
    """A pod that asks for the resource, one that names the CDI device, and what the server knows of them."""
    with Node() as node:
        plugin = start_daemons(node)
        _, container = sample('resource')
        [resource] = container['resources']['limits']
        flags = plugin_flags(plugin, resource)
        config_maps = {item['metadata']['name']: item for item in render('client-cpu')}
        check_client(node, 'resource', (container, config_maps, flags))

        pod, other = sample('cdi')
        [(key, value)] = pod['metadata']['annotations'].items()
        expect(key == f'cdi-devices.noderesource.dev/container.{other["name"]}', key)
        [[device]] = documents(value)
        check_client(node, 'cdi', (other, {}, ['--device', device]))

        shutil.copy(e2e.program('vitrine-cube'), node.dir / 'client/tmp')
        cube = {**container, 'command': ['/tmp/vitrine-cube', '--frames', '1000000']}
        node.start('cube', node.words('cube', {}, cube, config_maps, node.dir / 'client', flags))
        status = node.podman('exec', 'serve', 'vitrine', 'status', '--status-socket', '/tmp/status.sock')
        wait_for('the pod in the status', lambda: re.search(r'control group /\S+ \(container\)', node.finish(status)))
        print(node.finish(status))
        node.stop('cube', seconds=0)
        expect(node.stop('cdi') == 0, node.log('cdi'))
        expect(not Path('/run/cdi/vitrine.json').exists(), 'the specification is left')
        expect(node.stop('serve') == 0, node.log('serve'))


if __name__ == '__main__':
    e2e.main()
