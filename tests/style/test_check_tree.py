#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/check_tree.py finds what it says it finds: each fault alone, in a tree that is fine without it."""
import subprocess
import sys
import tempfile
from pathlib import Path

SPDX = '/* SPDX-License-Identifier: MIT */\n'
GOOD = {
    'src/LAYERS': 'base:\nwire: base\nvenus: base wire\n',
    'src/base/err.h': SPDX + '#ifndef BASE_ERR_H\n#define BASE_ERR_H\n\nint vtr_err(void);\n\n#endif\n',
    'src/base/meson.build': "lib_base = static_library('vtr-base')\ndep_base = declare_dependency()\n",
    'src/wire/cs.c': SPDX + '#include "base/err.h"\n\n/* "fork()" is fine in words. */\n'
                            'static int f(void)\n{\n\tif (vtr_err()) {\n\t\treturn 1;\n\t}\n'
                            '\treturn sizeof("system(");\n}\n',
    'src/wire/meson.build': 'dependencies: dep_base\n',
    'src/venus/x.c': SPDX,
    'tests/test.h': SPDX + '#ifndef TESTS_TEST_H\n#define TESTS_TEST_H\n#endif\n',
    'tools/a.py': '#!/usr/bin/env python3\n# SPDX-License-Identifier: MIT\n',
    'docs/architecture.md': '| src/base/ | shared | x |\n| src/wire/ | shared: a, b | x |\n| src/venus/ | worker | x |\n'
                            '1. `f()` (src/wire/cs.c): x\n',
    'tests/proto/test_a_b.py': '#!/usr/bin/env python3\n# SPDX-License-Identifier: MIT\nclass Good(Test):\n',
    'docs/security.md': '`proto-a-b:Good`, `kind:PORT`\n',
    'bench/.keep': '', 'demo/.keep': '', 'protocol/.keep': '',
}

# file, its text (None: add to the good one), what must be said
FAULTS = [
    ('src/wire/up.c', SPDX + '#include "venus/x.h"\n', 'wire/ may not include venus/'),
    ('src/wire/up.c', SPDX + '#include "nowhere/x.h"\n', 'nowhere/ is no layer'),
    ('src/new/x.c', SPDX, 'src/LAYERS does not know new/'),
    ('src/LAYERS', 'base: venus\nwire: base\nvenus: base wire\n', 'names venus before it is listed'),
    ('src/wire/meson.build', 'dependencies: [dep_base, dep_venus]\n', 'wire/ may not link venus/'),
    ('docs/architecture.md', '| src/base/ | shared | x |\n| src/wire/ | shared | x |\n', 'says of src/venus/'),
    ('docs/architecture.md', '| src/base/ | shared | x |\n| src/wire/ | shared | x |\n| src/venus/ | two of them | x |\n',
     'says of src/venus/'),
    ('docs/architecture.md', '| src/base/ | shared | x |\n| src/wire/ | shared | x |\n| src/venus/ | worker | x |\n'
     '| src/old/ | worker | x |\n', 'a row for src/old/'),
    ('docs/architecture.md', GOOD['docs/architecture.md'] + '1. `g()` (src/wire/cs.c): x\n', 'names g() in src/wire/cs.c'),
    ('docs/security.md', '`proto-a-b:Bad`\n', 'names the test proto-a-b:Bad'),
    ('docs/security.md', '`base_none:some`\n', 'names the test base_none:some'),
    ('src/platform/posix/a.c', SPDX + '#include <sys/epoll.h>\n', '<sys/epoll.h> is only for Linux'),
    ('src/platform/posix/a.c', SPDX + '#include "platform/linux/a.h"\n', 'is only for Linux'),
    ('src/platform/posix/a.c', SPDX + 'void f(void)\n{\n\tpipe2(a, 0);\n}\n', 'pipe2 is only for Linux'),
    ('src/wire/a.c', SPDX + 'int f(void)\n{\n' + '\tf();\n' * 61 + '}\n', 'a function of 61 lines'),
    ('tests/a.c', SPDX + 'int f(void)\n{\n' + '\tf();\n' * 61 + '}\n', 'a function of 61 lines'),
    ('src/wire/a.c', 'int a;\n', 'the first line must be the SPDX line'),
    ('tools/a.py', 'print()\n', 'no SPDX line'),
    ('src/wire/a.h', SPDX + '#ifndef _WIRE_A_H\n#define _WIRE_A_H\n#endif\n', 'the header guard must be WIRE_A_H'),
    ('src/wire/a.h', SPDX + 'int a;\n', 'the header guard must be WIRE_A_H'),
    ('src/wire/a.h', SPDX + '#ifndef WIRE_A_H\n#define WIRE_A_H\n#endif\nint a;\n', 'does not end the file'),
    ('src/wire/a.c', SPDX + '\n' * 800, 'more than 800 lines'),
    ('src/wire/a.c', SPDX + 'int a; /* ' + 'x' * 120 + ' */\n', 'more than 120 columns'),
    ('src/wire/a.c', SPDX + '/* TODO: later */\n', 'a note to self'),
    ('src/wire/a.c', SPDX + 'int a; \n', 'white space at the end'),
    ('src/wire/a.c', SPDX + 'int a;', 'no newline at the end'),
    ('src/wire/a.c', SPDX + 'void f(void)\n{\n    g();\n}\n', 'indented with spaces'),
    ('src/wire/a.c', SPDX + 'void f(void)\n{\n\tif (g()) h();\n}\n', 'a body without braces'),
]
FAULTS += [('src/wire/a.c', SPDX + f'void f(void)\n{{\n\t{call}(1);\n}}\n', f'{call}(): ')
           for call in ('strcpy', 'sprintf', 'alloca', 'system', 'getenv', 'fork', 'usleep', 'assert')]


def run(tool, changes):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in {**GOOD, **changes}.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        done = subprocess.run([sys.executable, tool, folder], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False)
    return done.returncode, done.stdout


def main():
    tool = sys.argv[1]
    status, output = run(tool, {})
    failures = int(status != 0)
    if status:
        print('the good tree is not good:\n' + output)
    for name, text, words in FAULTS:
        status, output = run(tool, {name: text})
        if status == 0 or words not in output or 'Traceback' in output:
            failures += 1
            print(f'{name}: not found: {words}\n{output}')
    status, output = run(tool, {'tests/a.c': SPDX + 'void f(void)\n{\n\tfork();\n}\n'})
    if status:
        failures += 1
        print('tests may fork:\n' + output)
    print(f'{len(FAULTS)} faults, {failures} failures')
    sys.exit(bool(failures))


if __name__ == '__main__':
    main()
