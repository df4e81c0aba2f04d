#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Rewrites names.txt from vk.xml. A developer's tool: the build never runs it.

    import_names.py --xml vk.xml --reg ../../protocol/venus.reg --out names.txt

Each name of a command that the registry knows, under the version or the extension that gives it.
"""
import argparse
import sys
import textwrap
import xml.etree.ElementTree as ET
from pathlib import Path

HEAD = '''# What gives each name of a command: a version of Vulkan, or an extension (several can give the same).
# "A=B": A is another name of B. Written by import_names.py from vk.xml {version}; do not edit.
'''


def is_vulkan(node, attribute):
    return 'vulkan' in node.get(attribute, 'vulkan').split(',')


def version_of(root):
    for node in root.findall('types/type'):
        if node.findtext('name') == 'VK_HEADER_VERSION' and is_vulkan(node, 'api'):
            return node.find('name').tail.strip()
    return '?'


def givers(root):
    """(version or extension, names) in the order of vk.xml."""
    for node in root.findall('feature'):
        if is_vulkan(node, 'api'):
            yield node.get('number'), [x.get('name') for x in node.findall('require/command')]
    for node in root.findall('extensions/extension'):
        if is_vulkan(node, 'supported'):
            yield node.get('name'), [x.get('name') for x in node.findall('require/command') if is_vulkan(x, 'api')]


def main():
    parser = argparse.ArgumentParser()
    for name in ('xml', 'reg', 'out'):
        parser.add_argument('--' + name, required=True)
    options = parser.parse_args()
    sys.path.insert(0, str(Path(options.reg).parent))
    import reg
    known = set(reg.Registry(options.reg).commands)
    root = ET.parse(options.xml).getroot()
    aliases = {c.get('name'): c.get('alias') for c in root.findall('commands/command') if c.get('alias')}
    lines = {}
    for giver, names in givers(root):
        words = lines.setdefault(giver, [])
        for name in names:
            real = aliases.get(name, name)
            if real in known:
                words.append(name if name == real else f'{name}={real}')
    text = HEAD.format(version='1.4.' + version_of(root))
    for giver, words in lines.items():
        if words:
            text += textwrap.fill(' '.join(dict.fromkeys(words)), 110, initial_indent=giver + ' ', subsequent_indent='  ',
                                  break_long_words=False, break_on_hyphens=False) + '\n'
    Path(options.out).write_text(text)


main()
