# SPDX-License-Identifier: MIT
"""Reads vk.xml, as far as the import of venus.reg needs it, and makes the extract of it that a test imports from."""
import lzma
import re
import xml.etree.ElementTree as ET

# What the import reads: each element, with its attributes.
READ = {
    'registry': '', 'types': '', 'commands': '', 'extensions': '', 'formats': '',
    'type': 'name alias api category objtypeenum requires bitvalues', 'member': 'api values', 'name': '',
    'command': 'name alias api', 'proto': '', 'param': 'api',
    'enums': 'name', 'enum': 'name alias api bitpos value offset extnumber dir extends',
    'feature': 'api number', 'extension': 'name number type supported depends', 'require': '',
    'format': 'name blockSize blockExtent', 'component': 'name bits', 'plane': 'compatible',
}
NAMED = ('type', 'command', 'enums', 'enum', 'format')  # kept by name; others belong to one of these
MIXED = ('type', 'member', 'name', 'enum', 'proto', 'param')  # C text with elements in it


def load(path):
    """-> the root of vk.xml, or of its extract with the suffix .xz"""
    with (lzma.open if str(path).endswith('.xz') else open)(path, 'rb') as f:
        return ET.parse(f).getroot()


def is_vulkan(node):
    """Not of Vulkan SC alone, and not disabled."""
    return 'vulkan' in node.get('api', node.get('supported', 'vulkan')).split(',')


def name_of(node):
    return node.get('name') or node.findtext('name') or node.findtext('proto/name')


class Xml:
    def __init__(self, root, wanted):
        """`wanted`: the extensions whose enum values are of interest."""
        self.root, self.wanted = root, wanted
        self.core = self.patch = None  # "1.4" and "363"
        self.types, self.aliases = {}, {}
        self.commands, self.command_aliases = {}, {}
        self.command_extensions, self.command_cores = {}, {}
        self.enums, self.constants = {}, {}
        self.extensions, self.instance_extensions = {}, set()
        self.read_types()
        self.read_commands()
        self.read_enums()
        for feature in filter(is_vulkan, root.findall('feature')):
            self.read_feature(feature)
        for ext in filter(is_vulkan, root.findall('extensions/extension')):
            self.read_extension(ext)

    @property
    def version(self):
        return f'{self.core}.{self.patch}'

    def read_types(self):
        for t in filter(is_vulkan, self.root.findall('types/type')):
            name = name_of(t)
            if name == 'VK_HEADER_VERSION':
                self.patch = t.find('name').tail.strip()
            if t.get('alias'):
                self.aliases[name] = t.get('alias')
            self.types[name] = t

    def read_commands(self):
        for c in filter(is_vulkan, self.root.findall('commands/command')):
            if c.get('alias'):
                self.command_aliases.setdefault(c.get('alias'), []).append(c.get('name'))
            else:
                self.commands[name_of(c)] = c

    def read_enums(self):
        for e in self.root.findall('enums'):
            if e.get('name') == 'API Constants':
                self.constants = {x.get('name'): x.get('value') for x in e if x.get('value')}
                continue
            for x in e.findall('enum'):
                self.add_value(e.get('name'), x, None)

    def read_feature(self, feature):
        self.core = feature.get('number')  # the last one is the newest
        self.add_requires(feature, None, True)
        for c in feature.findall('require/command'):
            self.command_cores[c.get('name')] = self.core

    def read_extension(self, ext):
        name = ext.get('name')
        self.extensions[name] = ext
        if ext.get('type') == 'instance':
            self.instance_extensions.add(name)
        self.add_requires(ext, int(ext.get('number')), name in self.wanted)
        for c in ext.findall('require/command'):
            self.command_extensions.setdefault(c.get('name'), []).append(name)

    def add_requires(self, node, extnumber, wanted):
        for x in node.findall('require/enum'):
            # struct types of any extension: a known struct may point to one that we do not serve
            if x.get('extends') and (wanted or x.get('extends') in (
                    'VkStructureType', 'VkObjectType', 'VkDescriptorType')):
                self.add_value(x.get('extends'), x, extnumber)

    def add_value(self, enum, x, extnumber):
        values = self.enums.setdefault(enum, {})
        if x.get('alias') or not is_vulkan(x):
            return
        if x.get('bitpos') is not None:
            values[x.get('name')] = hex(1 << int(x.get('bitpos')))
        elif x.get('offset') is not None:
            number = int(x.get('extnumber') or extnumber)
            value = 1000000000 + (number - 1) * 1000 + int(x.get('offset'))
            values[x.get('name')] = str(-value if x.get('dir') == '-' else value)
        elif x.get('value') is not None:
            values[x.get('name')] = x.get('value')

    def real(self, name):
        while name in self.aliases:
            name = self.aliases[name]
        return name

    def members(self, node, tag):
        """(type, name, pointer depth, array dimensions, element) of each member or parameter."""
        for m in filter(is_vulkan, node.findall(tag)):
            name_node, type_node = m.find('name'), m.find('type')
            depth = (type_node.tail or '').count('*')
            rest = (name_node.tail or '') + ''.join(
                (x.text or '') + (x.tail or '') for x in m if x.tag == 'enum')
            dims = re.findall(r'\[\s*(\w+)\s*\]', rest)
            yield self.real(type_node.text), name_node.text, depth, dims, m

    # --- the extract ---------------------------------------------------------------------------

    def extract(self, registry):
        """-> the bytes of an XML file with what an import needs that gives the text `registry`."""
        words = set(re.findall(r'\w+', registry)) | {'VK_HEADER_VERSION', 'API Constants'} | self.instance_extensions
        reals = {self.real(w) for w in words}
        words |= {t for t in self.types if self.real(t) in reals}
        root = reduced(self.root, words)
        root.insert(0, self.root.find('comment'))  # copyright and license
        return ET.tostring(root) + b'\n'


def reduced(node, words):
    """A copy without the elements whose names are not among `words`, and without what the import does not read."""
    out = ET.Element(node.tag, {k: v for k, v in node.items() if k in READ[node.tag].split()})
    mixed = node.tag in MIXED
    out.text = shrunk(node.text) if mixed else '\n'
    for child in node:
        known = name_of(child) in words
        if child.tag not in READ or not is_vulkan(child) or (child.tag in NAMED and name_of(child) and not known):
            continue
        new = reduced(child, words)
        frame = child.tag in ('require', 'feature') or (child.tag == 'extension' and not known)
        if len(new) or not frame:
            new.tail = shrunk(child.tail) if mixed else '\n'
            out.append(new)
    return out


def shrunk(text):
    return re.sub(r'\s+', ' ', text) if text else text
