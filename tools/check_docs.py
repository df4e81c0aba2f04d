#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that what documents point to is there: links, anchors, sections and files of this repository.

    check_docs.py [ROOT]

In each Markdown file, the target of a relative link must exist, and the target's heading if the link has an #anchor.
Links to the web are not fetched. Paths that begin with one of this repository's folders must exist, as in
`src/venus/ring.c`; so must files in code spans that have a source file's ending, as in `stream/record.c`, in any folder.

In all files, programs included, source files that are named with their path must exist, and documents, as in
docs/threads.md. So must a section that is named after a document, in one of these forms:

    docs/threads.md, "Locks"        [threads.md](threads.md), "Locks"       docs/threads.md ("Locks")
    [threads.md](threads.md) explains them ("Locks")                        "Locks" below (in the same document)

Prints "file:line: what is wrong" and exits with 1 if anything is.
"""
import bisect
import fnmatch
import itertools
import os
import re
import subprocess
import sys
from pathlib import Path, PurePosixPath

# These tests make up trees of their own.
MADE_UP = ('tests/style/test_check_docs.py', 'tests/style/test_check_tree.py')
# These files are a program's input, not text.
DATA = ('tests/fuzz/corpus/',)
# The folders whose files a text names by their path. The build folders are not among them.
FOLDERS = r'(?:\.ci|\.github|bench|debian|demo|docs|guest|man|packaging|protocol|src|tests|tools)'
SOURCE = r'\.(?:c|css|h|html|js|md|mjs|py|reg|scd|sh|toml)'
# A path begins there. It is not the end of a longer one, as in build/tests, ../tests or /usr/src.
BEGIN = r'(?<![\w/.~$%@{}*<>-])'

REPOSITORY_PATH = re.compile(BEGIN + FOLDERS + r'/[\w.*@+/-]*[\w*/]')
SOURCE_PATH = re.compile(BEGIN + FOLDERS + r'/[\w.+/-]*' + SOURCE + r'\b(?![/*])')
SPAN_PATH = re.compile(BEGIN + r'(?!build[-/])(?:[\w.+-]+/)*[\w+-]+' + SOURCE + r'\b(?![/*])')
GENERATED = re.compile(r'_gen\.[ch]$')
LINK = re.compile(r'\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)|<(?:a|img)\b[^>]*\b(?:href|src)="([^"]+)"')
SCHEME = re.compile(r'[a-z][a-z0-9+.-]*:', re.I)
# A document: the target of a link, or a name in the text.
DOCUMENT = re.compile(r'\]\((?P<link>[\w./-]+\.md)(?:#[\w-]*)?\)|(?<![\w/.*\'-])(?<!\]\()'
                      r'(?P<name>(?:\w[\w.-]*/)*\w[\w-]*\.md)\b(?!\])')
# What may stand between a document and the name of its section.
SECTION = re.compile(r'(?:`?[,:]? \(?|`?[^.;"|\\]{0,60} \()\\?"(?P<section>\w[^"\\]*)\\?"')
SECTION_HERE = re.compile(r'"(?P<section>[A-Z][^"]*)"\)? (?:above|below)\b')
FENCE = re.compile(r'^ *(```+|~~~+).*?^ *\1', re.M | re.S)
# The targets of a build are named like files, but are in the build folder.
BUILDS = re.compile(r'\bninja -C [^`\n]*')
CODE_SPAN = re.compile(r'(?<!`)(`+)(?!`)((?:(?!\n[ \t]*\n).)+?)(?<!`)\1(?!`)', re.S)
CONTINUATION = re.compile(r'\n[ \t]*(?:\*(?!/)|#+|//|>)?[ \t]*')

errors = set()


def complain(path, line, what):
    errors.add((path, line, what))


def blank(match):
    """As many characters and lines, without what they say."""
    return re.sub(r'[^\n]', ' ', match[0])


def list_files(root):
    """What Git has or would add. Without Git, as in a source archive, all files."""
    done = subprocess.run(['git', '-C', root, 'ls-files', '-z', '--cached', '--others', '--exclude-standard'],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    if done.returncode == 0 and (root / '.git').exists():
        return sorted(name for name in done.stdout.split('\0') if name and (root / name).is_file())
    names = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith('build') and name not in ('.git', 'node_modules')]
        names += [(Path(folder) / name).relative_to(root).as_posix() for name in files]
    return sorted(names)


def plain(heading):
    """The text of a heading as a reader sees it."""
    parts = CODE_SPAN.split(heading)
    for i in range(0, len(parts), 3):  # what is outside of code spans
        parts[i] = re.sub(r'!?\[([^\]]*)\]\([^)]*\)', r'\1', parts[i])
        parts[i] = re.sub(r'(?<!\w)(_{1,2})(?=\S)(.+?)\1(?!\w)', r'\2', parts[i])
        parts[i] = re.sub(r'\*+|\\(?=[^\w\s])', '', parts[i])
    del parts[1::3]
    return ''.join(parts)


def anchor(text, taken):
    """GitHub's rule: lower case, without punctuation, with hyphens for spaces; a number makes it unique."""
    base = re.sub(r'[^\w\- ]', '', text.lower()).replace(' ', '-')
    name = base
    number = 0
    while name in taken:
        number += 1
        name = f'{base}-{number}'
    return name


class Document:
    """The headings of a Markdown file."""

    def __init__(self, text):
        self.sections = []
        self.anchors = set()
        text = FENCE.sub(blank, text)
        for found in re.finditer(r'^ {0,3}#{1,6}[ \t]+(.+?)(?:[ \t]+#+)?[ \t]*$|^(\S.*)\n(?:=+|--+)$', text, re.M):
            section = plain(found[1] or found[2])
            self.sections.append(section)
            self.anchors.add(anchor(section, self.anchors))
        self.anchors |= set(re.findall(r'<a (?:id|name)="([^"]+)"', text))


class Tree:
    def __init__(self, root):
        self.root = root
        self.files = list_files(root)
        self.known = set(self.files)
        for name in self.files:
            self.known |= {parent.as_posix() for parent in PurePosixPath(name).parents}
        self.suffixes = set()
        for name in self.files:
            parts = name.split('/')
            self.suffixes |= {'/'.join(parts[i:]) for i in range(len(parts))}
        self.documents = {}

    def text(self, name):
        try:
            return (self.root / name).read_text()
        except UnicodeDecodeError:  # an image
            return ''

    def document(self, name):
        if name not in self.documents:
            self.documents[name] = Document(self.text(name))
        return self.documents[name]

    def has(self, path):
        path = path.rstrip('/')
        return any(fnmatch.fnmatch(name, path) for name in self.known) if '*' in path else path in self.known


def resolve(name, target):
    """A path from the root, for a link in the file with that name; None if it leaves the repository."""
    path = os.path.normpath(target[1:] if target.startswith('/') else os.path.join(os.path.dirname(name), target))
    return None if path.startswith('..') else path


def line_of(text, position):
    return text.count('\n', 0, position) + 1


def check_link(tree, name, line, link):
    if SCHEME.match(link) or link.startswith('//'):
        return
    target, _, fragment = link.partition('#')
    path = resolve(name, target) if target else name
    if path not in tree.known:
        complain(name, line, f'the link leads to {target}, which is not in the repository')
    elif '#' in link and not path.endswith('.md'):
        complain(name, line, f'the link has the anchor #{fragment}, but {target} is not a Markdown file')
    elif '#' in link and fragment not in tree.document(path).anchors:
        complain(name, line, f'the link leads to #{fragment}, but {path} has no such heading')


def find_document(tree, name, found):
    """Where a document is, and what it is called in the text."""
    if found['link']:
        return resolve(name, found['link']), found['link']
    beside = resolve(name, found['name'])
    return beside if beside in tree.known else found['name'], found['name']


def join_lines(text):
    """The text as one line, and a function that gives the former line of a position in it."""
    lines = CONTINUATION.split(text)
    starts = list(itertools.accumulate((len(line) + 1 for line in lines), initial=0))
    return ' '.join(lines), lambda position: bisect.bisect_right(starts, position)


def check_documents(tree, name, text):
    """Names of documents, and of sections after them. A name may go on in the next line, also of a comment."""
    flat, line_at = join_lines(text)
    for found in DOCUMENT.finditer(flat):
        path, called = find_document(tree, name, found)
        if path not in tree.known:
            if not found['link']:  # check_link() says it of links
                complain(name, line_at(found.start()), f'names {called}, which is not in the repository')
            continue
        section = SECTION.match(flat, found.end())
        if section and plain(section['section']) not in tree.document(path).sections:
            complain(name, line_at(section.start('section')),
                     f'names the section "{section["section"]}" of {path}, which has no such heading')
    if name.endswith('.md'):
        for found in SECTION_HERE.finditer(flat):
            if plain(found['section']) not in tree.document(name).sections:
                complain(name, line_at(found.start()),
                         f'names the section "{found["section"]}", but has no such heading')


def check_paths(tree, name, text, pattern):
    for found in pattern.finditer(BUILDS.sub(blank, text)):
        if not tree.has(found[0]):
            complain(name, line_of(text, found.start()), f'names {found[0]}, which is not in the repository')


def check_markdown(tree, name, text):
    prose = CODE_SPAN.sub(blank, FENCE.sub(blank, text))
    for found in LINK.finditer(prose):
        check_link(tree, name, line_of(prose, found.start()), found[1] or found[2])
    check_paths(tree, name, LINK.sub(blank, text), REPOSITORY_PATH)
    for span in CODE_SPAN.finditer(FENCE.sub(blank, text)):
        for found in SPAN_PATH.finditer(span[2]):
            if found[0] not in tree.suffixes and not GENERATED.search(found[0]):
                complain(name, line_of(text, span.start()), f'names {found[0]}, which is not in the repository')


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else '.').resolve()
    tree = Tree(root)
    count = 0
    for name in tree.files:
        if name in MADE_UP or name.startswith(DATA):
            continue
        text = tree.text(name)
        count += 1
        check_documents(tree, name, text)
        if name.endswith('.md'):
            check_markdown(tree, name, text)
        else:
            check_paths(tree, name, text, SOURCE_PATH)
    for path, line, what in sorted(errors):
        print(f'{path}:{line}: {what}')
    print(f'{count} files, {len(errors)} errors')
    sys.exit(bool(errors) or not count)


if __name__ == '__main__':
    main()
