#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/check_docs.py finds what it says it finds: each fault alone, in a tree that is fine without it."""
import subprocess
import sys
import tempfile
from pathlib import Path

GOOD = {
    'README.md': '# Tree\n\n## Status\n\n[a](docs/a.md) [b](docs/a.md#what-is-it) [c](#status) ![d](docs/d.png) [e](src)\n'
                 '[web](https://example.org/no.md#no) <img src="docs/d.png">\n',
    'docs/a.md': '# `code`, punctuation: and -- dashes!\n\n## What is it?\n\n## Same\n\n## Same\n\n### A_name and `_span_` and _stress_\n'
                 '\n## A [link](b.md) in it\n\nA setext\n--------\n\n```\n## No heading\n[no link](no.md)\n```\n'
                 '[1](#code-punctuation-and----dashes) [2](#same-1) [3](#a_name-and-_span_-and-stress) [4](#a-link-in-it)\n'
                 '[5](#a-setext) [6](../README.md#status) [7](/README.md) `[no](link.png)`\n',
    'docs/b.md': '# B\n\nSee a.md, "Same", and [a.md](a.md) ("What is it?"), which\n[a.md](a.md) explains here, too ("What\n'
                 'is it?"). "B" above. (docs/a.md, "A setext")\n`src/c.c`, `c.c`, `x_gen.c`, `src/*.c`, src/, `/etc/no.py`, '
                 '`build/no.c`\n\n    ninja -C build tests/no\n',
    'docs/d.png': 'not text: \udcff',
    'man/m.1.scd': 'docs/a.md, "A setext"\n',
    'src/c.c': '/*\n * Explained (docs/a.md, "What\n * is it?"), and in src/c.c.\n */\nchar *s = "README.md, \\"Status\\"";\n',
    'tools/t.py': "# docs/a.md, \"Same\"\nPATH = ROOT / 'docs' / 'no.md'\n",
}

# file, what is added to it, line, what must be said
FAULTS = [
    ('README.md', '[x](docs/no.md)\n', 7, 'the link leads to docs/no.md'),
    ('README.md', '[x](../outside.md)\n', 7, 'the link leads to ../outside.md'),
    ('README.md', '![x](docs/no.png "title")\n', 7, 'the link leads to docs/no.png'),
    ('README.md', '<img alt="x" src="docs/no.png">\n', 7, 'the link leads to docs/no.png'),
    ('README.md', '[x](docs/a.md#no)\n', 7, 'the link leads to #no, but docs/a.md has no such heading'),
    ('README.md', '[x](docs/a.md#same-2)\n', 7, 'the link leads to #same-2'),
    ('README.md', '[x](docs/a.md#no-heading)\n', 7, 'the link leads to #no-heading'),
    ('README.md', '[x](#tre)\n', 7, 'the link leads to #tre, but README.md has no such heading'),
    ('README.md', '[x](src/c.c#L1)\n', 7, 'src/c.c is not a Markdown file'),
    ('docs/b.md', 'a.md, "No"\n', 9, 'names the section "No" of docs/a.md'),
    ('docs/b.md', '[a.md](a.md), "No"\n', 9, 'names the section "No" of docs/a.md'),
    ('docs/b.md', '[a.md](a.md#same) ("No")\n', 9, 'names the section "No" of docs/a.md'),
    ('docs/b.md', '[a.md](a.md) says how\nit is ("No").\n', 10, 'names the section "No" of docs/a.md'),
    ('docs/b.md', 'x\nSee "No" below.\n', 10, 'names the section "No", but has no such heading'),
    ('docs/b.md', 'See docs/no.md.\n', 9, 'names docs/no.md'),
    ('docs/b.md', '`src/no.c`\n', 9, 'names src/no.c'),
    ('docs/b.md', 'The folder src/no/ has it.\n', 9, 'names src/no'),
    ('docs/b.md', '```\ntools/no --all\n```\n', 10, 'names tools/no'),
    ('docs/b.md', '`src/*.no`\n', 9, 'names src/*.no'),
    ('docs/b.md', '`no/c.c`\n', 9, 'names no/c.c'),
    ('docs/b.md', '`no.py`\n', 9, 'names no.py'),
    ('man/m.1.scd', 'docs/a.md, "No"\n', 2, 'names the section "No" of docs/a.md'),
    ('man/m.1.scd', 'docs/no.md\n', 2, 'names docs/no.md'),
    ('src/c.c', '/* docs/a.md, "No" */\n', 6, 'names the section "No" of docs/a.md'),
    ('src/c.c', '/*\n * docs/a.md, "Not\n * there" */\n', 7, 'names the section "Not there" of docs/a.md'),
    ('src/c.c', 'char *t = "docs/a.md, \\"No\\"";\n', 6, 'names the section "No" of docs/a.md'),
    ('src/c.c', '/* src/no.h */\n', 6, 'names src/no.h'),
    ('src/c.c', '/* no.md */\n', 6, 'names no.md'),
    ('tools/t.py', '# docs/a.md, "No"\n', 3, 'names the section "No" of docs/a.md'),
]


def run(tool, changed='', more='', repository=False):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in GOOD.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + (more if name == changed else ''), errors='surrogateescape')
        if repository:
            (Path(folder) / '.gitignore').write_text('/docs/d.png\n')
            subprocess.run(['git', '-C', folder, 'init', '--quiet'], check=True)
        done = subprocess.run([sys.executable, tool, folder], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False)
    return done.returncode, done.stdout


def main():
    tool = sys.argv[1]
    status, output = run(tool)
    failures = int(status != 0)
    if status:
        print('the good tree is not good:\n' + output)
    for name, more, line, words in FAULTS:
        status, output = run(tool, name, more)
        if status == 0 or not output.startswith(f'{name}:{line}: ') or words not in output or output.count('\n') != 2:
            failures += 1
            print(f'{name}:{line}: not found, or not alone: {words}\n{output}')
    status, output = run(tool, repository=True)
    if status == 0 or 'README.md:5: the link leads to docs/d.png' not in output:
        failures += 1
        print('not found: a link to a file that Git ignores\n' + output)
    print(f'{len(FAULTS) + 1} faults, {failures} failures')
    sys.exit(bool(failures))


if __name__ == '__main__':
    main()
