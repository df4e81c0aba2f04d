# SPDX-License-Identifier: MIT
"""Debian packages as files, without root and without installing anything.

apt runs on a state of its own, in a cache folder of this user: the host's package lists, its configuration of
releases and its installed packages are neither read nor changed. Packages are checked with the archive's
signatures, as always with apt.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'
MIRROR = 'http://deb.debian.org/debian'
LISTS_SECONDS = 24 * 3600  # how old package lists may be before they are asked for again
MIB = 1 << 20


class Error(Exception):
    """What happened, what it means, what to do: for the user."""


def say(text):
    print(text, flush=True)


def main(function, name):
    """Runs a tool's function; an Error, or one of the system, becomes a message and status 1."""
    try:
        function()
    except (Error, OSError, subprocess.CalledProcessError) as error:
        sys.exit(f'{name}: {error}')
    except KeyboardInterrupt:
        sys.exit(130)


def default_cache():
    return Path.home() / '.cache' / 'vitrine'


def need_space(folder, mib):
    """Stops before a disk is filled."""
    folder.mkdir(parents=True, exist_ok=True)
    info = os.statvfs(folder)
    free = info.f_bavail * info.f_frsize // MIB
    if free < mib:
        raise Error(f'{folder} has {free} MiB free, and {mib} MiB are needed: make room there, or choose another folder '
                    f"by --folder or --cache ('vitrine demo': by the variable XDG_CACHE_HOME)")


def host_release():
    """The code name of the Debian that this is, or None."""
    try:
        text = Path('/etc/os-release').read_text()
    except OSError:
        return None
    info = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', text, re.M))
    return info.get('VERSION_CODENAME') if info.get('ID') == 'debian' else None


def host_mirror():
    """Where this machine gets its packages from, when it is a Debian mirror."""
    try:
        done = subprocess.run(['apt-get', 'indextargets', '--format', '$(ORIGIN) $(REPO_URI)', 'Created-By: Packages'],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except OSError:
        return MIRROR
    for line in done.stdout.splitlines():
        origin, _, uri = line.partition(' ')
        if origin == 'Debian' and uri.startswith('http') and 'security' not in uri:
            return uri.rstrip('/')
    return MIRROR


class Apt:
    """An apt of our own for some suites, for instance ['trixie', 'trixie-backports']. The last one is preferred. Its
    packages may be for another processor, such as arm64: they are only unpacked."""

    def __init__(self, cache, suites, mirror=None, architecture='amd64'):
        for program in ('apt-get', 'dpkg-deb'):
            if not shutil.which(program):
                raise Error(f'{program} is not installed: packages can be fetched on Debian and its relatives only')
        if not os.path.exists(KEYRING):
            raise Error(f'{KEYRING} is missing, so packages could not be checked: install debian-archive-keyring')
        self.suites, self.architecture = suites, architecture
        self.mirror = mirror or host_mirror()
        self.folder = Path(cache) / ('apt-' + suites[-1] + ('' if architecture == 'amd64' else '-' + architecture))
        self.lists = self.folder / 'state' / 'lists'
        self.archives = self.folder / 'cache' / 'archives'
        for path in (self.lists / 'partial', self.archives / 'partial', self.folder / 'empty'):
            path.mkdir(parents=True, exist_ok=True)
        (self.folder / 'state' / 'status').write_text('')
        self.write_sources()

    def write_sources(self):
        lines = [f'deb [signed-by={KEYRING}] {self.mirror} {suite} main\n' for suite in self.suites]
        (self.folder / 'sources.list').write_text(''.join(lines))

    def options(self):
        settings = {
            'Dir::State': self.folder / 'state', 'Dir::State::status': self.folder / 'state' / 'status',
            'Dir::Cache': self.folder / 'cache', 'Dir::Etc::sourcelist': self.folder / 'sources.list',
            'Dir::Etc::sourceparts': self.folder / 'empty', 'Dir::Etc::preferences': '/dev/null',
            'Dir::Etc::preferencesparts': self.folder / 'empty', 'APT::Architecture': self.architecture,
            'APT::Architectures': self.architecture, 'APT::Default-Release': self.suites[-1], 'APT::Sandbox::User': '',
            'APT::Install-Recommends': 'false', 'Acquire::Languages': 'none', 'Acquire::Retries': '2',
            'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled': 'false',
        }
        return [word for key, value in settings.items() for word in ('-o', f'{key}={value}')]

    def run(self, *arguments, folder=None):
        done = subprocess.run(['apt-get', '-q', *self.options(), *arguments], stdin=subprocess.DEVNULL, cwd=folder,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace',
                              env={**os.environ, 'LC_ALL': 'C'})
        return done.returncode, done.stdout

    def fail(self, what, output):
        lines = [line for line in output.splitlines() if line.startswith(('E:', 'W:', 'Err:'))]
        text = '\n  '.join(lines[:8] or output.splitlines()[-8:])
        if re.search(r'Could not resolve|Temporary failure|Connection (refused|timed out|failed)|Unable to connect|'
                     r'Network is unreachable|Cannot initiate', output):
            raise Error(f'{what}: {self.mirror} cannot be reached. A network is needed for the first time. The server is '
                        f"that of apt's sources, or what --mirror names.\n  {text}")
        if 'enough free space' in output or 'No space left' in output:
            raise Error(f'{what}: no room left in {self.folder}.\n  {text}')
        raise Error(f'{what}: apt-get failed.\n  {text}')

    def update(self, anew=False):
        """Sees to package lists that are younger than a day, where there is a network."""
        stamp = self.folder / 'updated'
        key = ' '.join([self.mirror, *self.suites])
        have = stamp.exists() and stamp.read_text() == key
        if have and not anew and time.time() - stamp.stat().st_mtime < LISTS_SECONDS:
            return
        say(f'reading the package lists of {", ".join(self.suites)} from {self.mirror}')
        status, output = self.run('update', '-o', 'APT::Update::Error-Mode=any')
        if status == 0:
            stamp.write_text(key)
        elif not have:
            self.fail('package lists', output)
        else:
            say('  which failed; those from last time will do')

    def version(self, package):
        """The version that would be installed, or None."""
        done = subprocess.run(['apt-cache', *self.options(), 'policy', package], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True, env={**os.environ, 'LC_ALL': 'C'})
        match = re.search(r'^  Candidate: (\S+)', done.stdout, re.M)
        return match[1] if match and match[1] != '(none)' else None

    def plan(self, packages):
        """File name -> (size, version) of the packages and all that they depend on."""
        status, output = self.run('install', '-y', '--print-uris', *packages)
        if status:
            self.fail(' '.join(packages), output)
        return {name: int(size) for name, size in re.findall(r"^'[^']+' (\S+\.deb) (\d+)", output, re.M)}

    def download(self, packages):
        """The paths of the packages and of all that they depend on, fetched where they are not there yet."""
        paths = self.cached(packages)
        wanted = self.plan(packages)  # what is there already, apt does not name
        total = sum(wanted.values()) / MIB
        if wanted:
            need_space(self.archives, int(total * 1.1) + 16)
            say(f'fetching {len(wanted)} packages, {total:.1f} MiB, into {self.archives}')
            status, output = self.run('install', '-y', '--download-only', *packages)
            if status and '404' in output:  # the mirror has moved on
                self.update(anew=True)
                status, output = self.run('install', '-y', '--download-only', *packages)
            if status:
                self.fail('packages', output)
            paths = self.cached(packages)
        return paths

    def download_only(self, package):
        """The path of one package, without what it depends on."""
        status, output = self.run('download', '--print-uris', package)
        match = re.search(r"^'[^']+' (\S+\.deb) (\d+)", output, re.M)
        if status or not match:
            self.fail(package, output)
        path, size = self.archives / match[1], int(match[2])
        if path.exists() and path.stat().st_size == size:
            return path
        need_space(self.archives, size // MIB + 16)
        say(f'fetching {match[1]}, {size / MIB:.1f} MiB')
        status, output = self.run('download', package, folder=self.archives)
        if status or not path.exists():
            self.fail(package, output)
        return path

    def cached(self, packages):
        """The files of the archive folder that belong to this closure."""
        status, output = self.run('install', '-y', '--simulate', *packages)
        if status:
            self.fail(' '.join(packages), output)
        found = []
        for name, version in re.findall(r'^Inst (\S+) \((\S+)', output, re.M):
            pattern = f'{name}_{version.replace(":", "%3a")}_*.deb'
            found += self.archives.glob(pattern)
        return sorted(found)


def package_name(path):
    return path.name.split('_')[0]


def unpack(paths, folder, members=None):
    """Unpacks packages into a folder: all of them, or the files that match patterns of tar. A pattern may match
    nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        with tempfile.TemporaryFile() as errors:
            reader = subprocess.Popen(['dpkg-deb', '--fsys-tarfile', str(path)], stdout=subprocess.PIPE, stderr=errors)
            command = ['tar', '-x', '-C', str(folder), '--no-same-owner', '--no-same-permissions']
            if members:
                command += ['--wildcards', *members]
            done = subprocess.run(command, stdin=reader.stdout, stderr=errors, env={**os.environ, 'LC_ALL': 'C'})
            reader.stdout.close()
            reader.wait()
            errors.seek(0)
            text = errors.read().decode(errors='replace').strip()
        lines = [line for line in text.splitlines()
                 if not line.endswith((': Not found in archive', 'Exiting with failure status due to previous errors'))]
        if (done.returncode or reader.returncode) and (lines or not members):
            raise Error(f'{path.name} could not be unpacked into {folder}: {text[-500:]}')
