#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`vitrine vm`: makes vitrine the graphics card of a libvirt domain, and undoes that.

The domain's definition changes by virsh, and `vitrine gpu` runs as the unit vitrine@DOMAIN.service. What was replaced in
the definition is kept in its metadata, so that `remove` needs nothing else, and leaves alone what users change meanwhile.
"""
import collections
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.dom import minidom

QEMU_NAMESPACE = 'http://libvirt.org/schemas/domain/qemu/1.0'
OUR_NAMESPACE = 'urn:vitrine:libvirt:1'
DEVICE = 'vhost-user-test-device-pci'
# The path of a Unix socket has 107 characters at most.
SOCKET_PATH_MAX = 107
CONF_DIR = Path('/etc/vitrine')
CONF_HEADER = '# Written by vitrine vm, and removed by it.\n'

# What src/cmd/vm.c passes on: texts, '' where an option was not given, and the options of vitrine gpu.
Options = collections.namedtuple('Options', 'action domain connect emulator gpu_options')


class Failure(Exception):
    """What happened, what it means and what to do."""


def run(*command):
    """-> what it prints"""
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        raise Failure(f'cannot run {command[0]}: {error.strerror}') from error
    if done.returncode != 0:
        raise Failure(f'{" ".join(command)} failed: {(done.stderr or done.stdout).strip()}')
    return done.stdout


def elements(node, name=None):
    return [child for child in node.childNodes
            if child.nodeType == child.ELEMENT_NODE and (name is None or child.tagName == name)]


def find(node, *path):
    """-> the first element at this path, or None"""
    for name in path:
        node = next(iter(elements(node, name)), None) if node is not None else None
    return node


class Domain:
    """The definition of a domain, as it will be at its next start."""

    def __init__(self, connect, name):
        self.virsh = ('virsh', '--connect', connect)
        self.name = name
        self.document = minidom.parseString(run(*self.virsh, 'dumpxml', '--inactive', '--security-info', '--domain', name))
        self.root = self.document.documentElement
        self.devices = find(self.root, 'devices')

    def is_running(self):
        return run(*self.virsh, 'domstate', '--domain', self.name).strip() not in ('shut off', 'crashed')

    def define(self):
        path = Path(f'/run/vitrine-vm-{os.getpid()}.xml')
        # The definition may hold passwords.
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), 'w') as file:
            file.write(self.root.toxml())
        try:
            run(*self.virsh, 'define', '--validate', str(path))
        finally:
            path.unlink()

    def make(self, parent, name, **attributes):
        element = self.document.createElement(name)
        for key, value in attributes.items():
            element.setAttribute(key, value)
        parent.appendChild(element)
        return element

    def ours(self):
        """-> what `add` noted in the metadata, or None"""
        return find(self.root, 'metadata', 'vitrine:added')

    def emulator(self):
        return find(self.devices, 'emulator').firstChild.data.strip()

    def free_slots(self, count):
        """Of the root bus, where integrated devices are; libvirt has given all of its own devices an address."""
        used = {int(a.getAttribute('slot'), 16) for a in self.root.getElementsByTagName('address')
                if a.getAttribute('type') == 'pci' and int(a.getAttribute('bus') or '0', 16) == 0}
        free = [slot for slot in range(0x1b, 2, -1) if slot not in used]
        if len(free) < count:
            raise Failure(f'domain {self.name} has no {count} free slots on its first PCI bus: remove devices from it')
        return free[:count]

    def root_bus(self):
        machine = find(self.root, 'os', 'type').getAttribute('machine')
        return 'pcie.0' if re.search('q35|virt', machine) else 'pci.0'


# --- what is added -----------------------------------------------------------------------------------------


def share_memory(domain, note):
    """vitrine reads the guest's memory, so QEMU must share it."""
    backing = find(domain.root, 'memoryBacking')
    replaced = domain.make(note, 'vitrine:memory')
    if backing is None:
        backing = domain.make(domain.root, 'memoryBacking')
    else:
        replaced.appendChild(backing.cloneNode(True))
    for name in ('source', 'access'):
        for old in elements(backing, name):
            backing.removeChild(old)
    domain.make(backing, 'source', type='memfd')
    domain.make(backing, 'access', mode='shared')


def replace_video(domain, note):
    replaced = domain.make(note, 'vitrine:video')
    for video in elements(domain.devices, 'video'):
        replaced.appendChild(domain.devices.removeChild(video))
    domain.make(domain.make(domain.devices, 'video'), 'model', type='none')


def replace_emulator(domain, note, path):
    emulator = find(domain.devices, 'emulator')
    domain.make(note, 'vitrine:emulator').appendChild(emulator.cloneNode(True))
    emulator.firstChild.data = path


def arguments(domain, folder):
    """-> QEMU's arguments for the devices"""
    bus = domain.root_bus()
    gpu, keyboard, tablet = (f'bus={bus},addr={slot:#x}' for slot in domain.free_slots(3))
    devices = [('gpu', 'gpu.sock', f'{DEVICE},chardev=vitrine-gpu,virtio-id=16,num_vqs=2,vq_size=256,config_size=24,{gpu}'),
               ('keyboard', 'input.keyboard', f'vhost-user-input-pci,chardev=vitrine-keyboard,{keyboard}'),
               ('tablet', 'input.tablet', f'vhost-user-input-pci,chardev=vitrine-tablet,{tablet}')]
    out = []
    for name, file, device in devices:
        out += ['-chardev', f'socket,id=vitrine-{name},path={folder}/{file}', '-device', device]
    return out


def add_arguments(domain, note, args):
    domain.root.setAttribute('xmlns:qemu', QEMU_NAMESPACE)
    commandline = find(domain.root, 'qemu:commandline') or domain.make(domain.root, 'qemu:commandline')
    for value in args:
        domain.make(commandline, 'qemu:arg', value=value)
        domain.make(note, 'vitrine:arg', value=value)


# --- and how it is undone ----------------------------------------------------------------------------------


def is_memory_as_added(backing):
    source, access = find(backing, 'source'), find(backing, 'access')
    return source is not None and source.getAttribute('type') == 'memfd' and \
        access is not None and access.getAttribute('mode') == 'shared'


def restore_memory(domain, note):
    backing = find(domain.root, 'memoryBacking')
    if backing is None or not is_memory_as_added(backing):
        return
    old = find(note, 'vitrine:memory', 'memoryBacking')
    if old is not None:
        domain.root.replaceChild(old, backing)
    else:
        domain.root.removeChild(backing)


def restore_video(domain, note):
    videos = elements(domain.devices, 'video')
    if [find(video, 'model').getAttribute('type') for video in videos] != ['none']:
        return
    domain.devices.removeChild(videos[0])
    for video in elements(find(note, 'vitrine:video')):
        domain.devices.appendChild(video)


def restore_emulator(domain, note):
    old = find(note, 'vitrine:emulator', 'emulator')
    if old is not None:
        domain.devices.replaceChild(old, find(domain.devices, 'emulator'))


def remove_arguments(domain, note):
    commandline = find(domain.root, 'qemu:commandline')
    if commandline is None:
        return
    ours = [arg.getAttribute('value') for arg in elements(note, 'vitrine:arg')]
    args = elements(commandline, 'qemu:arg')
    values = [arg.getAttribute('value') for arg in args]
    for at in range(len(values) - len(ours) + 1):
        if values[at:at + len(ours)] == ours:
            for arg in args[at:at + len(ours)]:
                commandline.removeChild(arg)
            break
    if not elements(commandline):
        domain.root.removeChild(commandline)
    if not any(element.tagName.startswith('qemu:') for element in elements(domain.root)):
        domain.root.removeAttribute('xmlns:qemu')


# --- commands ----------------------------------------------------------------------------------------------


def check_emulator(path):
    version = re.search(r'version (\d+)\.(\d+)', run(path, '--version'))
    if version is None or tuple(map(int, version.groups())) < (11, 1) or DEVICE not in run(path, '-device', 'help'):
        found = f'is version {version[0].split()[1]}' if version else 'does not say its version'
        raise Failure(f'{path} {found}. vitrine needs QEMU 11.1 or newer with {DEVICE}: give it with --emulator. '
                      'docs/qemu.md says where to get it')


class Unit:
    """vitrine@DOMAIN.service"""

    def __init__(self, domain_name):
        self.name = f'vitrine@{domain_name}.service'
        self.folder = f'/run/vitrine/{domain_name}'
        self.conf = CONF_DIR / f'{domain_name}.conf'
        if not re.fullmatch(r'[\w:.][\w:.-]*', domain_name, re.ASCII) or domain_name.strip('.') == '':
            raise Failure(f"a unit cannot have the name '{domain_name}': rename the domain with virsh domrename, "
                          'to letters, digits and : _ . -')
        if len(f'{self.folder}/input.keyboard') > SOCKET_PATH_MAX:
            raise Failure('the name of the domain is too long for the path of a socket: rename it with virsh domrename')

    def configure(self, options):
        """Writes the options of vitrine gpu."""
        if not options:
            return
        if self.conf.exists() and not self.conf.read_text().startswith(CONF_HEADER):
            raise Failure(f'{self.conf} exists already. Put the options there, and run the command without them')
        if any(re.search(r'[\s"\'\\$%]', option) for option in options):
            raise Failure('options of vitrine gpu must not contain spaces, quotes, backslashes, $ or % here. '
                          f'Write them into {self.conf} as systemd wants them')
        CONF_DIR.mkdir(mode=0o755, exist_ok=True)
        self.conf.write_text(f'{CONF_HEADER}OPTIONS={" ".join(options)}\n')

    def check_stopped(self):
        if subprocess.run(['systemctl', 'is-active', '--quiet', self.name]).returncode == 0:
            raise Failure(f'{self.name} is running already, for a machine that was set up by hand: stop it first')

    def start(self):
        try:
            run('systemctl', 'enable', '--now', self.name)
        except Failure as failure:
            log = run('journalctl', '--no-pager', '--lines=5', '--output=cat', f'--unit={self.name}')
            self.remove()
            raise Failure(f'vitrine gpu does not start. {failure}\nIts last messages:\n{log}') from failure

    def remove(self):
        run('systemctl', 'disable', '--now', self.name)
        subprocess.run(['systemctl', 'reset-failed', self.name], stderr=subprocess.DEVNULL)  # fails where it has not failed
        if self.conf.exists() and self.conf.read_text().startswith(CONF_HEADER):
            self.conf.unlink()


def add(options):
    domain = Domain(options.connect, options.domain)
    if domain.ours() is not None:
        raise Failure(f"domain {options.domain} has vitrine's devices already. 'vitrine vm remove {options.domain}' "
                      'removes them')
    check_emulator(options.emulator or domain.emulator())
    unit = Unit(options.domain)
    unit.check_stopped()
    unit.configure(options.gpu_options)
    unit.start()

    metadata = find(domain.root, 'metadata') or domain.make(domain.root, 'metadata')
    note = domain.make(metadata, 'vitrine:added', **{'xmlns:vitrine': OUR_NAMESPACE})
    args = arguments(domain, unit.folder)
    share_memory(domain, note)
    replace_video(domain, note)
    if options.emulator:
        replace_emulator(domain, note, options.emulator)
    add_arguments(domain, note, args)
    try:
        domain.define()
    except Failure:
        unit.remove()
        raise

    print(f'domain {options.domain}: shared memory, no other graphics card, and these arguments for QEMU:')
    for option, value in zip(args[::2], args[1::2]):
        print(f'  {option} {value}')
    print(f"unit {unit.name}: started, and at each boot; its messages: journalctl -u '{unit.name}'")
    if domain.is_running():
        print('the domain is running: it gets the devices when it is started again')


def remove(options):
    domain = Domain(options.connect, options.domain)
    note = domain.ours()
    if note is None:
        raise Failure(f"domain {options.domain} has no devices that 'vitrine vm add' has added")
    if domain.is_running():
        raise Failure(f'domain {options.domain} is running and uses the devices: shut it down first')
    for restore in (restore_memory, restore_video, restore_emulator, remove_arguments):
        restore(domain, note)
    metadata = note.parentNode
    metadata.removeChild(note)
    if not elements(metadata):
        domain.root.removeChild(metadata)
    domain.define()
    Unit(options.domain).remove()
    print(f'domain {options.domain}: as it was before')


def main():
    options = Options(*sys.argv[1:5], sys.argv[5:])
    for program, package in (('virsh', 'libvirt-clients'), ('systemctl', 'systemd')):
        if shutil.which(program) is None:
            raise Failure(f'{program} is not installed: apt-get install {package}')
    if os.geteuid() != 0:
        raise Failure('it changes domains and units of the system: run it as root, with sudo for instance')
    {'add': add, 'remove': remove}[options.action](options)


if __name__ == '__main__':
    try:
        main()
    except Failure as failure:
        sys.exit(f'vitrine vm: {failure}')
