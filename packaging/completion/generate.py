#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Shell completion for vitrine, from its --help: generate.py VITRINE bash|zsh|fish"""

import re
import subprocess
import sys
from collections import namedtuple

Option = namedtuple('Option', 'letter name arg help')
Command = namedtuple('Command', 'summary options takes_program')

FILES, FOLDERS = 'files', 'folders'
KINDS = {'FILE': FILES, 'PATH': FILES, 'DIR': FOLDERS, 'FOLDER': FOLDERS}
# The values of options, and of renderer options, where the help has them in its text only.
VALUES = {
    'accel': ['kvm', 'tcg'],
    'encoder': ['h264_nvenc', 'h264_vaapi', 'h264_videotoolbox', 'h264_vulkan', 'libx264'],
    'log': ['error', 'warn', 'info', 'debug', 'trace'],
    'window-renderer': ['auto', 'gpu', 'software'],
}
RENDERER_VALUES = {'sandbox': ['on', 'require', 'report', 'off'], 'zygote': ['auto', 'on', 'off']}


def help_of(program, *command):
    return subprocess.run([program, *command, '--help'], check=True, stdout=subprocess.PIPE, text=True).stdout


def section(text, title):
    """The lines below a title, with those that continue a line joined to it."""
    body = text.split(f'\n{title}\n', 1)[1].split('\n\n', 1)[0]
    return re.sub(r'\n {20,}', ' ', body).splitlines()


class Program:
    """What --help says."""

    def __init__(self, path):
        self.commands = {}
        for line in section(help_of(path), 'Commands:'):
            name, summary = line.split(None, 1)
            text = help_of(path, name)
            options = [self.option(row) for row in section(text, 'Options:')]
            self.commands[name] = Command(summary, options, ' PROGRAM ' in text.splitlines()[0])
            if 'Renderer options' in text:
                self.renderer = [self.renderer_option(row) for row in section(text, 'Renderer options (-o):')]
        names = {option.name for command in self.commands.values() for option in command.options}
        wrong = (VALUES.keys() - names) | (RENDERER_VALUES.keys() - {option.name for option in self.renderer})
        if wrong:
            sys.exit(f'generate.py: the help has no options {sorted(wrong)}, which have values here')

    @staticmethod
    def option(line):
        match = re.fullmatch(r' +(?:-(\w), )?--([a-z-]+)(?: (\S+))? +(\S.*)', line)
        return Option(match[1], match[2], match[3] if match[3] and re.match('[A-Z]', match[3]) else None,
                      match[4] if not match[3] or re.match('[A-Z]', match[3]) else f'{match[3]} {match[4]}')

    @staticmethod
    def renderer_option(line):
        match = re.fullmatch(r'  ([a-z-]+)(?:=([A-Z]+))? +(\S.*)', line)
        return Option(None, match[1], match[2], match[3])


def kind(option):
    return KINDS.get(option.arg)


def short(text):
    """A description of one line: without the default."""
    return text.split('; ')[0]


def quote(text):
    """For the inside of single quotes, in zsh."""
    return text.replace("'", "'\\''")


# --- bash -----------------------------------------------------------------------------------------------

BASH = '''# bash completion for vitrine, made from its --help

_vitrine()
{{
	local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD - 1]}} command=${{COMP_WORDS[1]}} i
	local valued=' {valued} '

	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		COMPREPLY=($(compgen -W '{commands} --help --version' -- "$cur"))
		return
	fi
	# The program of a command, and its arguments.
	if [[ ' {with_program} ' == *" $command "* ]]; then
		for ((i = 2; i <= COMP_CWORD; i++)); do
			if [[ ${{COMP_WORDS[i]}} == -- ]]; then
				((i++))
				break
			elif [[ $valued == *" ${{COMP_WORDS[i]}} "* ]]; then
				((i++))
				while [[ ${{COMP_WORDS[i + 1]}} == '=' ]]; do
					((i += 2))
				done
			elif [[ ${{COMP_WORDS[i]}} != -* && ${{COMP_WORDS[i]}} != '=' && ${{COMP_WORDS[i - 1]}} != '=' ]]; then
				break
			fi
		done
		if ((i < COMP_CWORD)); then
			compopt -o default
			return
		elif ((i == COMP_CWORD)); then
			compopt -o filenames
			COMPREPLY=($(compgen -c -f -- "$cur"))
			return
		fi
	fi
	# --name=value and -o name=value are three words.
	if [[ $cur == = ]]; then
		cur=
	elif [[ $prev == = ]]; then
		prev=${{COMP_WORDS[COMP_CWORD - 2]}}
	fi
	case $prev in
{values}
	esac
	case $command in
{options}
	esac
}}

complete -F _vitrine vitrine
'''


def bash_case(names, body):
    return f'\t{"|".join(sorted(names))})\n' + ''.join(f'\t\t{line}\n' for line in body) + '\t\treturn\n\t\t;;'


def bash(program):
    by_body = {}
    valued = set()
    for command in program.commands.values():
        for option in command.options:
            if not option.arg:
                continue
            names = {f'--{option.name}'} | ({f'-{option.letter}'} if option.letter else set())
            valued |= names
            if option.name == 'option':
                words = ' '.join(one.name + ('=' if one.arg else '') for one in program.renderer)
                body = (f'COMPREPLY=($(compgen -W \'{words}\' -- "$cur"))',
                        '[[ ${#COMPREPLY[@]} != 1 || $COMPREPLY != *= ]] || compopt -o nospace')
            else:
                body = bash_value(option, VALUES)
            by_body.setdefault(body, set()).update(names)
    for option in program.renderer:
        if option.arg:
            by_body.setdefault(bash_value(option, RENDERER_VALUES), set()).add(option.name)
    values = [bash_case(names, body) for body, names in by_body.items()]
    options = []
    for name, command in program.commands.items():
        words = ' '.join(['--' + option.name for option in command.options] +
                         [f'-{option.letter}' for option in command.options if option.letter])
        options.append(f'\t{name}) COMPREPLY=($(compgen -W \'{words}\' -- "$cur")) ;;')
    return BASH.format(commands=' '.join(program.commands), valued=' '.join(sorted(valued)),
                       with_program=' '.join(name for name, command in program.commands.items() if command.takes_program),
                       values='\n'.join(values), options='\n'.join(options))


def bash_value(option, values):
    if option.name in values:
        return (f'COMPREPLY=($(compgen -W \'{" ".join(values[option.name])}\' -- "$cur"))',)
    if kind(option):
        return ('compopt -o filenames', f'COMPREPLY=($(compgen -{"f" if kind(option) == FILES else "d"} -- "$cur"))')
    return ()


# --- zsh ------------------------------------------------------------------------------------------------

ZSH = '''#compdef vitrine
# zsh completion for vitrine, made from its --help

_vitrine_renderer()
{{
	if compset -P 'driver='; then
		_files
{renderer_values}
	elif compset -P '*='; then
		_message value
	else
		compadd -S = -- {with_value}
		compadd -- {without_value}
	fi
}}

_vitrine()
{{
	local curcontext=$curcontext state line
	local -a subcommands=(
{commands}
	)

	_arguments -C '(- *)'{{-h,--help}}'[show the commands]' '(- *)--version[print the version]' \\
		'1:command:->command' '*::argument:->argument'
	case $state in
	command) _describe command subcommands ;;
	argument)
		case $words[1] in
{options}
		esac
		;;
	esac
}}

_vitrine "$@"
'''


def zsh_value(option):
    if option.name == 'option':
        return f':{option.arg}:_vitrine_renderer'
    if option.name in VALUES:
        return f':{option.arg}:({" ".join(VALUES[option.name])})'
    arg = option.arg.replace(':', '\\:')
    return f':{arg}:' + {FILES: '_files', FOLDERS: '_files -/', None: ' '}[kind(option)]


def zsh_option(option):
    text = quote(re.sub(r'([][\\:])', r'\\\1', short(option.help)))
    if not option.arg:
        names = f"'(- *)'{{-{option.letter},--{option.name}}}" if option.letter else f"'--{option.name}"
        return f"{names}'[{text}]'" if option.letter else f"{names}[{text}]'"
    if option.letter:
        return f"'*'{{-{option.letter}+,--{option.name}=}}'[{text}]{zsh_value(option)}'"
    return f"'*--{option.name}=[{text}]{zsh_value(option)}'"


def zsh(program):
    options = []
    for name, command in program.commands.items():
        rows = [zsh_option(option) for option in command.options]
        if command.takes_program:
            rows += ["'(-):program: _command_names -e'", "'*::argument: _normal'"]
        options.append(f'\t\t{name})\n\t\t\t_arguments -S ' + ' \\\n\t\t\t\t'.join(rows) + '\n\t\t\t;;')
    renderer_values = [f"\telif compset -P '{name}='; then\n\t\tcompadd -- {' '.join(values)}"
                       for name, values in RENDERER_VALUES.items()]
    return ZSH.format(commands='\n'.join(f"\t\t'{name}:{quote(command.summary)}'" for name, command in
                                         program.commands.items()),
                      with_value=' '.join(option.name for option in program.renderer if option.arg),
                      without_value=' '.join(option.name for option in program.renderer if not option.arg),
                      renderer_values='\n'.join(renderer_values), options='\n'.join(options))


# --- fish -----------------------------------------------------------------------------------------------


def fish_value(option, program):
    if option.name == 'option':
        return "-x -a '" + ' '.join(fish_renderer(one) for one in program.renderer) + "'"
    if option.name in VALUES:
        return f"-x -a '{' '.join(VALUES[option.name])}'"
    return {FILES: '-r -F', FOLDERS: "-x -a '(__fish_complete_directories)'", None: '-x'}[kind(option)]


def fish_quote(text):
    return "'" + text.replace('\\', '\\\\').replace("'", "\\'") + "'"


def fish_renderer(option):
    if option.name in RENDERER_VALUES:
        return ' '.join(f'{option.name}={value}' for value in RENDERER_VALUES[option.name])
    return option.name + ('=' if option.arg else '')


FISH = '''# fish completion for vitrine, made from its --help

# The words of the program that vitrine runs, and the one that is typed; fails before the program.
function __vitrine_program
	set -l words (commandline -opc)[3..]
	set -l ended false
	while set -q words[1]
		if test "$words[1]" = --
			set -e words[1]
			set ended true
			break
		else if contains -- "$words[1]" {valued}
			set -e words[1]
			set -q words[1]; or return 1 # its value is typed
			set -e words[1]
		else if string match -q -- '-*' "$words[1]"
			set -e words[1]
		else
			break
		end
	end
	set -l word (commandline -ct)
	if not set -q words[1]; and test $ended = false; and string match -q -- '-*' "$word"
		return 1
	end
	string join -- ' ' (string escape -- $words) "$word"
	return 0 # string join fails for a single word
end

complete -c vitrine -f
complete -c vitrine -n __fish_use_subcommand -l version -d 'print the version'
'''


def fish(program):
    valued = sorted({name for command in program.commands.values() for option in command.options if option.arg
                     for name in (f'--{option.name}', f'-{option.letter}') if name != '-None'})
    lines = []
    for name, command in program.commands.items():
        lines.append(f"complete -c vitrine -n __fish_use_subcommand -a {name} -d {fish_quote(command.summary)}")
        here = f"__fish_seen_subcommand_from {name}"
        before = f'{here}; and not __vitrine_program >/dev/null' if command.takes_program else here
        for option in command.options:
            letter = f' -s {option.letter}' if option.letter else ''
            value = ' ' + fish_value(option, program) if option.arg else ''
            lines.append(f"complete -c vitrine -n '{before}'{letter} -l {option.name}{value} "
                         f"-d {fish_quote(short(option.help))}")
        if command.takes_program:
            lines.append(f"complete -c vitrine -n '{here}; and __vitrine_program >/dev/null' -x "
                         "-a '(complete -C (__vitrine_program))'")
    return FISH.format(valued=' '.join(valued)) + '\n'.join(lines) + '\n'


def main():
    if len(sys.argv) != 3 or sys.argv[2] not in ('bash', 'zsh', 'fish'):
        sys.exit(__doc__)
    sys.stdout.write(globals()[sys.argv[2]](Program(sys.argv[1])))


if __name__ == '__main__':
    main()
