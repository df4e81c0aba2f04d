# SPDX-License-Identifier: MIT
"""The man page and --help name the same commands, options and renderer options."""

import re
import subprocess
import sys


def help_of(program, *command):
    return subprocess.run([program, *command, '--help'], check=True, capture_output=True,
                          text=True).stdout


def man_commands(text):
    """command -> the options that its section describes; '' stands for the renderer options."""
    text = re.sub(r'\\(.)', r'\1', text)
    commands = {}
    for section in re.split(r'^## ', text, flags=re.M)[1:]:
        name, body = section.split('\n', 1)
        body = re.split(r'^# ', body, flags=re.M)[0]
        if name.startswith('vitrine '):
            commands[name.split()[1]] = set(re.findall(r'--([a-z-]+)', ' '.join(
                line for line in body.splitlines() if re.match(r'\*-', line))))
    renderer = text.split('\n# RENDERER OPTIONS\n')[1].split('\n# ')[0]
    commands[''] = set(re.findall(r'^\*([a-z-]+)=?\*', renderer, flags=re.M))
    return commands


def main():
    program, page = sys.argv[1:]
    with open(page) as file:
        man = man_commands(file.read())
    overview = help_of(program)
    listed = set(re.findall(r'^  ([a-z]+) ', overview, flags=re.M))
    wrong = []
    if listed != set(man) - {''}:
        wrong.append(f'commands: --help has {sorted(listed)}, the man page {sorted(man)}')
    renderer = None
    for command in sorted(listed):
        text = help_of(program, command)
        options = set(re.findall(r'^ +(?:-., )?--([a-z-]+)', text, flags=re.M)) - {'help'}
        if options != man.get(command, set()):
            wrong.append(f'{command}: --help has {sorted(options)}, the man page '
                         f'{sorted(man.get(command, set()))}')
        if '--option' not in text:
            continue
        names = re.findall(r'^  ([a-z-]+)(?:=[A-Z]+)? ', text.split('Renderer options')[1],
                           flags=re.M)
        if renderer not in (None, names):
            wrong.append(f'{command}: other renderer options than before')
        renderer = names
    if set(renderer) != man['']:
        wrong.append(f'renderer options: --help has {sorted(renderer)}, the man page '
                     f'{sorted(man[""])}')
    print('\n'.join(wrong) or 'the man page and --help agree')
    sys.exit(bool(wrong))


main()
