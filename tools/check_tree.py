#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks what a reviewer should not have to: layers, headers, sizes, forbidden calls.

    check_tree.py [ROOT]

Prints "file:line: what is wrong" and exits with 1 if anything is.
"""
import re
import sys
from pathlib import Path

C_FOLDERS = ['src', 'tests', 'bench', 'demo', 'guest']
SCRIPT_FOLDERS = ['protocol', 'tools', 'tests', 'bench', 'guest']
MAX_LINES = 800
MAX_COLUMNS = 120  # clang-format aims at 100; a table or a string may need more
MAX_FUNCTION = 60  # lines between the braces
TAB = 8
PROCESSES = ('front', 'worker', 'screen', 'window', 'mux')

# function: why not, and what instead
FORBIDDEN = {
    'strcpy': 'does not know the size of its target; use snprintf',
    'strcat': 'does not know the size of its target; use snprintf',
    'sprintf': 'does not know the size of its target; use snprintf',
    'vsprintf': 'does not know the size of its target; use vsnprintf',
    'gets': 'does not know the size of its target',
    'alloca': 'takes the stack on somebody else\'s word',
    'system': 'runs a shell; use vtr_os_spawn',
    'popen': 'runs a shell; use vtr_os_spawn',
    'fork': 'never as a bare fork; use vtr_os_spawn',
    'vfork': 'never as a bare fork; use vtr_os_spawn',
    'getenv': 'is no way to configure; use an option',
    'sleep': 'waits for time instead of for an event',
    'usleep': 'waits for time instead of for an event',
    'nanosleep': 'waits for time instead of for an event',
    'atoi': 'takes any text for a number',
    'strtok': 'keeps hidden state',
    'assert': 'can be compiled out; use vtr_assert',
}
# Where they are right: file, or folder with a slash -> functions
ALLOWED = {
    # What the user set for the program that `run` starts is left alone, so it must be looked at; where
    # the guest's driver and the host's come from is the Vulkan loader's business, which reads these.
    'src/cmd/': {'getenv'},
    # A test stands in for whole programs, and for time.
    'tests/': {'fork', 'system', 'sleep', 'usleep', 'nanosleep', 'getenv', 'atoi', 'strcat'},
    # The client programs are ordinary Vulkan programs.
    'bench/': {'getenv', 'usleep', 'nanosleep', 'atoi'},
    'demo/': {'getenv', 'atoi'},
    # Each check of the guest's driver runs in a process of its own.
    'guest/checks.c': {'fork'},
}

# What only Linux has, and src/platform/posix does without.
LINUX_HEADER = re.compile(r'<(linux/.*|malloc\.h|sys/(epoll|eventfd|inotify|prctl|signalfd|syscall|timerfd|vfs)\.h)>|"platform/linux/')
LINUX_NAME = re.compile(r'\b(accept4|close_range|epoll_\w+|eventfd|fallocate|memfd_create|pipe2|prctl|pthread_\w+_np|syscall|'
                        r'MSG_CMSG_CLOEXEC|SO_PEERCRED|SOCK_CLOEXEC|SOCK_NONBLOCK)\b')
LINUX_ALLOWED = 'src/platform/posix/getpeereid.c'  # in place of a function of other systems

errors = 0


def complain(path, line, what):
    global errors
    errors += 1
    print(f'{path}:{line}: {what}')


def read_layers(src):
    """layer -> the layers that it may include."""
    allow = {}
    for number, line in enumerate((src / 'LAYERS').read_text().splitlines(), 1):
        line = line.split('#')[0].strip()
        if not line:
            continue
        name, _, deps = line.partition(':')
        for dep in deps.split():
            if dep not in allow:
                complain('src/LAYERS', number, f'{name} names {dep} before it is listed: that would be a cycle')
        allow[name.strip()] = {name.strip(), *deps.split()}
    return allow


def check_processes(root, layers):
    """Each layer has a row in docs/architecture.md that names the process it runs in, or says "shared"."""
    path = root / 'docs' / 'architecture.md'
    if not path.exists():
        return
    rows = dict(re.findall(r'^\| src/(\w+)/ \| ([^|]+?) \|', path.read_text(), re.M))
    for layer in layers:
        process = rows.get(layer, '')
        if process not in PROCESSES and not process.startswith('shared'):
            complain('docs/architecture.md', 1, f'says of src/{layer}/ neither one process nor "shared", but "{process}"')
    for layer in rows.keys() - layers.keys():
        complain('docs/architecture.md', 1, f'has a row for src/{layer}/, which is not in src/LAYERS')


def check_named_functions(root):
    """Each function that docs/architecture.md names with its file, as in `take()` (src/screen/stream.c), is there."""
    path = root / 'docs' / 'architecture.md'
    if not path.exists():
        return
    for number, line in enumerate(path.read_text().splitlines(), 1):
        for function, file in re.findall(r'`(\w+)\(\)` \((src/[\w/.]+)', line):
            source = root / file
            if not source.exists() or not re.search(rf'\b{function}\(', source.read_text()):
                complain('docs/architecture.md', number, f'names {function}() in {file}, which is not there')


def test_source(root, name):
    """The file of a test, by the name that meson has for it."""
    for folder in 'proto', 'e2e', 'attack':
        if name == folder or name.startswith(folder + '-'):
            return root / 'tests' / folder / f'test_{name.removeprefix(folder + "-").replace("-", "_")}.py'
    return root / 'tests' / 'unit' / f'{name}.c'


def check_named_tests(root):
    """Each test that docs/security.md names with a class or a case, as in `proto-web:WhoMayAsk`, is there."""
    path = root / 'docs' / 'security.md'
    if not path.exists():
        return
    for number, line in enumerate(path.read_text().splitlines(), 1):
        for name, case in re.findall(r'`([a-z][\w-]*):(\w*[a-z]\w*)`', line):
            source = test_source(root, name)
            declared = rf'(class {case}\(|def {case}\(|static void (case_)?{case}\(void\))'
            if not source.exists() or not re.search(declared, source.read_text()):
                complain('docs/security.md', number, f'names the test {name}:{case}, which is not there')


def strip_c(text):
    """The code without comments and the contents of strings, line by line as before."""
    def blank(match):
        found = match[0]
        if found.startswith('/'):
            return '\n' * found.count('\n')
        return found[0] + found[0]
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


def check_layers(path, text, layers):
    layer = path.parts[1]
    if layer not in layers:
        complain(path, 1, f'src/LAYERS does not know {layer}/')
        return
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+"([a-z_0-9]+)/', line)
        if match and match[1] in layers and match[1] not in layers[layer]:
            complain(path, number, f'{layer}/ may not include {match[1]}/')
        elif match and match[1] not in layers and match[1] not in ('linux', 'posix', 'macos'):
            complain(path, number, f'{match[1]}/ is no layer')


def check_posix(path, text, code):
    for number, (line, clean) in enumerate(zip(text.splitlines(), code.splitlines()), 1):
        found = LINUX_HEADER.search(line) if line.startswith('#include') else LINUX_NAME.search(clean)
        if found:
            complain(path, number, f'{found[0]} is only for Linux')


def check_guard(path, text):
    """Named after the path; outside of src/ folders in front may be left out."""
    parts = path.parts[1:] if path.parts[0] == 'src' else path.parts
    guard = re.sub(r'[^A-Z0-9]', '_', '/'.join(parts).upper())
    match = re.search(r'^#ifndef (\w+)\n#define (\w+)\n', text, re.M)
    good = match and match[1] == match[2] and (
        match[1] == guard or (path.parts[0] != 'src' and guard.endswith('_' + match[1])))
    if not good:
        complain(path, 1, f'the header guard must be {guard}')
    elif not text.rstrip().endswith('#endif'):
        complain(path, text.count('\n'), 'the header guard does not end the file')


def check_calls(path, code):
    allowed = set()
    for where, functions in ALLOWED.items():
        if str(path) == where or (where.endswith('/') and str(path).startswith(where)):
            allowed |= functions
    for number, line in enumerate(code.splitlines(), 1):
        for match in re.finditer(r'(?<![\w.>])(\w+)\s*\(', line):
            name = match[1]
            if name in FORBIDDEN and name not in allowed:
                complain(path, number, f'{name}(): {FORBIDDEN[name]}')


def check_functions(path, code):
    """Functions fit a screen. A body begins and ends with a brace in the first column, as clang-format writes it."""
    begin = 0
    for number, line in enumerate(code.splitlines(), 1):
        if line == '{':
            begin = number
        elif line == '}' and begin:
            if number - begin - 1 > MAX_FUNCTION:
                complain(path, begin, f'a function of {number - begin - 1} lines; more than {MAX_FUNCTION} do not fit a screen')
            begin = 0


def check_lines(path, text):
    lines = text.splitlines()
    if len(lines) > MAX_LINES:
        complain(path, len(lines), f'more than {MAX_LINES} lines: split it')
    for number, line in enumerate(lines, 1):
        if line != line.rstrip():
            complain(path, number, 'white space at the end')
        if len(line.expandtabs(TAB)) > MAX_COLUMNS:
            complain(path, number, f'more than {MAX_COLUMNS} columns')
        if re.search(r'\b(TODO|FIXME|XXX|HACK)\b', line) and not re.search(r'#\d+', line):
            complain(path, number, 'a note to self without the number of an issue')
    if text and not text.endswith('\n'):
        complain(path, len(lines), 'no newline at the end')


def check_c(root, path, layers):
    text = (root / path).read_text()
    code = strip_c(text)
    if not text.startswith('/* SPDX-License-Identifier: MIT */\n'):
        complain(path, 1, 'the first line must be the SPDX line')
    check_lines(path, text)
    check_calls(path, code)
    check_functions(path, code)
    if path.parts[0] == 'src':
        check_layers(path, text, layers)
        if path.parent == Path('src/platform/posix') and str(path) != LINUX_ALLOWED:
            check_posix(path, text, code)
    if path.suffix == '.h':
        check_guard(path, text)
    before = ''
    for number, line in enumerate(code.splitlines(), 1):
        if re.match(r' +\S', line) and re.search(r'[;{}]\s*$', before):
            complain(path, number, 'indented with spaces')
        before = line or before
        if re.match(r'\s*(if|for|while) \(.*\)\s*[^{]*;\s*$', line) and line.count('(') == line.count(')') \
                and not re.match(r'\s*(while|for) \(.*\);\s*$', line):
            complain(path, number, 'a body without braces')


def check_script(root, path):
    text = (root / path).read_text()
    head = text.splitlines()[:3]
    if not any('SPDX-License-Identifier: MIT' in line for line in head):
        complain(path, 1, 'no SPDX line in the first three')
    for number, line in enumerate(text.splitlines(), 1):
        if line != line.rstrip():
            complain(path, number, 'white space at the end')


def check_meson(root, path, layers):
    """No layer links what it may not include."""
    text = (root / path).read_text()
    layer = path.parent.name
    for number, line in enumerate(text.splitlines(), 1):
        for dep in re.findall(r'\bdep_(\w+)', line):
            if dep in layers and dep not in layers[layer]:
                complain(path, number, f'{layer}/ may not link {dep}/')


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else '.')
    layers = read_layers(root / 'src')
    count = 0
    for folder in C_FOLDERS:
        for path in sorted((root / folder).rglob('*.[ch]')):
            check_c(root, path.relative_to(root), layers)
            count += 1
    for folder in SCRIPT_FOLDERS:
        for path in sorted((root / folder).rglob('*.py')):
            check_script(root, path.relative_to(root))
            count += 1
    for path in sorted((root / 'src').glob('*/meson.build')):
        check_meson(root, path.relative_to(root), layers)
        count += 1
    check_processes(root, layers)
    check_named_functions(root)
    check_named_tests(root)
    print(f'{count} files, {errors} errors')
    sys.exit(bool(errors) or not count)


if __name__ == '__main__':
    main()
