#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Shells complete what --help says: test_completion.py VITRINE GENERATOR

Each shell that is installed is run, and asked for the completions of the beginnings of command lines.
"""

import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

VITRINE = GENERATOR = None
HERE = os.path.dirname(os.path.abspath(__file__))


def help_of(*command):
    return subprocess.run([VITRINE, *command, '--help'], check=True, capture_output=True, text=True).stdout


@functools.cache
def read_help():
    """command -> its long options; and the renderer options."""
    commands = {name: set(re.findall(r'^ +(?:-., )?--([a-z-]+)', help_of(name), flags=re.M))
                for name in re.findall(r'^  ([a-z]+) ', help_of(), flags=re.M)}
    renderer = set(re.findall(r'^  ([a-z-]+)(?:=[A-Z]+)? ', help_of('run').split('Renderer options')[1], flags=re.M))
    return commands, renderer


class Shell:
    """What a shell completes. `complete()` takes beginnings of command lines, and returns the words for each."""

    FILE = None

    def __init__(self, folder):
        self.folder = folder
        self.path = os.path.join(folder, self.FILE)
        with open(self.path, 'w') as file:
            subprocess.run([sys.executable, GENERATOR, VITRINE, self.NAME], stdout=file, check=True)

    def run(self, *command):
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=self.folder,
                              env={**os.environ, 'HOME': self.folder, 'TERM': 'dumb'})
        if done.returncode != 0:
            raise AssertionError(f'{done.returncode}: {done.stderr}')
        return done.stdout

    def split(self, output):
        return [part.splitlines()[1:] for part in output.split('== ')[1:]]


class Bash(Shell):
    NAME, FILE = 'bash', 'vitrine'

    def complete(self, *texts):
        script = f'source {self.path}\ncompopt() {{ :; }}\n'
        for text in texts:
            words = re.findall(r'=|[^ =]+', text) + ([''] if text[-1] == ' ' else [])
            quoted = ' '.join(f"'{word}'" for word in words)
            script += (f'echo "== "\nCOMP_WORDS=({quoted}) COMP_CWORD={len(words) - 1}\n_vitrine\n'
                       'printf "%s\\n" "${COMPREPLY[@]}"\n')
        return [[word.removesuffix('=') for word in words if word] for words in
                self.split(self.run('bash', '--norc', '-c', script))]


class Zsh(Shell):
    NAME, FILE = 'zsh', '_vitrine'

    def complete(self, *texts):
        return [[word[1:-1] for word in words if word != '<END>'] for words in
                self.split(self.run('zsh', '-f', os.path.join(HERE, 'complete.zsh'), self.folder, *texts))]


class Fish(Shell):
    NAME, FILE = 'fish', 'vitrine.fish'

    def complete(self, *texts):
        script = f'source {self.path}\n' + ''.join(f"echo '== '\ncomplete -C '{text}'\n" for text in texts)
        found = self.split(self.run('fish', '--no-config', '-c', script))
        # It completes whole words, --name=value and name=value.
        return [[word.split('\t')[0] for word in words] for words in found]


class Completion:
    SHELL = None

    @classmethod
    def setUpClass(cls):
        if not shutil.which(cls.SHELL.NAME):
            raise unittest.SkipTest(f'{cls.SHELL.NAME} is not installed')
        holder = tempfile.TemporaryDirectory(prefix='vitrine-test-')
        cls.addClassCleanup(holder.cleanup)
        cls.shell = cls.SHELL(holder.name)

    def complete(self, *texts):
        """The values without names that stand before them."""
        return [{word.rsplit('=', 1)[-1] if '=' in word and not word.endswith('=') else word.removesuffix('=')
                 for word in words} for words in self.shell.complete(*texts)]

    def test_syntax(self):
        self.shell.run(self.SHELL.NAME, '-n', self.shell.path)

    def test_commands(self):
        words, one = self.complete('vitrine ', 'vitrine do')
        self.assertEqual(words - {'--help', '--version', '-h'}, set(read_help()[0]))
        self.assertEqual(one, {'doctor'})

    def test_options(self):
        """All of each command, and only those."""
        commands, _ = read_help()
        found = self.complete(*(f'vitrine {name} --' for name in commands))
        for (name, options), words in zip(commands.items(), found, strict=True):
            self.assertEqual({word for word in words if word.startswith('--')}, {f'--{option}' for option in options}, name)

    def test_renderer_options(self):
        # Words that begin with each letter, because fish shows names with their values.
        _, renderer = read_help()
        words, = self.shell.complete('vitrine gpu -o ')
        self.assertEqual({word.split('=')[0] for word in words}, renderer)

    def test_values(self):
        rows = {
            'vitrine demo --accel ': {'kvm', 'tcg'}, 'vitrine demo --accel=k': {'kvm'},
            'vitrine gpu --window-renderer ': {'auto', 'gpu', 'software'}, 'vitrine serve --log d': {'debug'},
            'vitrine serve -o sandbox=re': {'require', 'report'}, 'vitrine serve --option zygote=o': {'on', 'off'},
            'vitrine serve --max-clients ': set(),
        }
        for (text, expected), words in zip(rows.items(), self.complete(*rows), strict=True):
            self.assertEqual(words, expected, text)

    def test_files(self):
        open(os.path.join(self.shell.folder, 'some-file'), 'w').close()
        os.mkdir(os.path.join(self.shell.folder, 'some-folder'))
        files, folders = self.complete('vitrine gpu --socket some-f', 'vitrine gpu --cache some-f')
        self.assertEqual({word.strip('/') for word in files}, {'some-file', 'some-folder'})
        self.assertEqual({word.strip('/') for word in folders}, {'some-folder'})

    def test_program(self):
        """Of `run`, after its options."""
        texts = ['vitrine run mkdi', 'vitrine run -- mkdi', 'vitrine run --cache none mkdi', 'vitrine run -o hang-compute mkdi']
        for text, words in zip(texts, self.complete(*texts), strict=True):
            self.assertIn('mkdir', words, text)
        option, = self.complete('vitrine run --ca')
        self.assertEqual(option, {'--cache'})


class TestBash(Completion, unittest.TestCase):
    SHELL = Bash


class TestZsh(Completion, unittest.TestCase):
    SHELL = Zsh


class TestFish(Completion, unittest.TestCase):
    SHELL = Fish


if __name__ == '__main__':
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    VITRINE, GENERATOR = (os.path.abspath(sys.argv.pop(1)) for _ in range(2))
    unittest.main(verbosity=2)
