#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/import-registry makes protocol/venus.reg again, and adds what a newer protocol has without a change elsewhere.

vk.xml.xz is what the tool has kept of Khronos' vk.xml with --extract.
"""
import difflib
import lzma
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ET
from pathlib import Path

WIRE = Path(__file__).resolve().parent
ROOT = WIRE.parents[1]
REGISTRY = (ROOT / 'protocol/venus.reg').read_text()
SCHEMA = (WIRE / 'venus-wire-schema.txt').read_text()
BY_HAND = '# --- by hand'

FAKE_TYPE = '''<type category="struct" name="VkPhysicalDeviceFakeFeaturesEXT">
<member values="VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FAKE_FEATURES_EXT"><type>VkStructureType</type> <name>sType</name></member>
<member optional="true"><type>void</type>* <name>pNext</name></member>
<member><type>VkBool32</type> <name>fake</name></member></type>'''
FAKE_COMMAND = '''<command><proto><type>VkResult</type> <name>vkGetFakeEXT</name></proto>
<param><type>VkDevice</type> <name>device</name></param><param><type>uint32_t</type>* <name>pFake</name></param></command>'''
FAKE_EXTENSION = '''<extension name="VK_EXT_fake" number="990" type="device" supported="vulkan" depends="VK_KHR_maintenance1">
<require><enum offset="0" extends="VkStructureType" name="VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FAKE_FEATURES_EXT"/>
<enum offset="1" extends="VkResult" dir="-" name="VK_ERROR_FAKE_EXT"/>
<type name="VkPhysicalDeviceFakeFeaturesEXT"/><command name="vkGetFakeEXT"/></require></extension>'''
FAKE_SCHEMA = '''S VkPhysicalDeviceFakeFeaturesEXT 1000989000 | REQ: fake:VkBool32 | REQ~:  | REP: =REQ
C 990 vkGetFakeEXT | REQ: device:VkDevice outptr!(pFake) | REP: ret:VkResult ptr(pFake:u32)
E 990 VK_EXT_fake 1
'''
FAKE_BLOCKS = {
    'extension VK_EXT_fake': 'extension VK_EXT_fake 990 1 yes needs=VK_KHR_maintenance1 '
                             'features=VkPhysicalDeviceFakeFeaturesEXT\n',
    'struct VkPhysicalDeviceFakeFeaturesEXT': 'struct VkPhysicalDeviceFakeFeaturesEXT 1000989000 in out\n  VkBool32 fake\n',
    # no word but "auto": a new command waits for all before it
    'command vkGetFakeEXT': 'command vkGetFakeEXT 990 auto\n  returns VkResult\n  VkDevice device\n  out uint32_t* pFake\n',
}
# Lists that the fake extension makes longer.
LONGER = {'enum VkResult': 'VK_ERROR_FAKE_EXT=-1000989001',
          'enum VkStructureType': 'VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FAKE_FEATURES_EXT=1000989000',
          'chain VkDeviceCreateInfo': 'VkPhysicalDeviceFakeFeaturesEXT',
          'chain VkPhysicalDeviceFeatures2': 'VkPhysicalDeviceFakeFeaturesEXT'}


def fake_schema():
    """The schema of a protocol with the fake extension, which two structs can have in their chains."""
    chained = re.sub(r'^(S (?:VkDeviceCreateInfo|VkPhysicalDeviceFeatures2) .*)$',
                     lambda line: re.sub(r'(-pNext(?: allowed)?: [^|]*\))', r'\1,VkPhysicalDeviceFakeFeaturesEXT(1000989000)',
                                         line[1]), SCHEMA, flags=re.M)
    return chained + FAKE_SCHEMA


def blocks(registry):
    """-> the items by their first two words, each with the lines that belong to it, and in their order"""
    items = re.findall(r'^(?!#)\S.*\n(?: .*\n)*', registry, re.M)
    return {' '.join(item.split()[:2]): item for item in items}


class Import(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def tool(self, xml, *options):
        return subprocess.run([ROOT / 'tools/import-registry', xml, '--output', self.folder / 'new.reg', *options],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)

    def imported(self, xml=WIRE / 'vk.xml.xz', *options):
        """-> the text of the registry"""
        done = self.tool(xml, *options)
        self.assertEqual(done.returncode, 0, done.stdout)
        return (self.folder / 'new.reg').read_text()

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def fake_xml(self):
        root = ET.fromstring(lzma.open(WIRE / 'vk.xml.xz').read())
        for parent, text in (('types', FAKE_TYPE), ('commands', FAKE_COMMAND), ('extensions', FAKE_EXTENSION)):
            root.find(parent).append(ET.fromstring(text))
        return self.write('vk.xml', ET.tostring(root, encoding='unicode'))

    def check_same(self, new):
        diff = difflib.unified_diff(REGISTRY.splitlines(), new.splitlines(), 'protocol/venus.reg', 'imported', lineterm='', n=1)
        self.assertTrue(new == REGISTRY, '\n'.join([*diff][:40]))

    def test_same_bytes(self):
        self.check_same(self.imported())

    def test_only_additions_come_from_the_old_registry(self):
        text, by_hand = REGISTRY.split(BY_HAND)
        heads = re.findall(r'^(?:command|struct|handle|extension) .*\n', text, re.M)
        old = self.write('old.reg', re.sub(r' (alias|core|wire|needs|features)=\S+', '', ''.join(heads)) + BY_HAND + by_hand)
        self.check_same(self.imported(WIRE / 'vk.xml.xz', '--registry', old))

    def test_extract_of_the_extract(self):
        again = self.folder / 'again.xz'
        self.imported(WIRE / 'vk.xml.xz', '--extract', again)
        self.assertEqual(lzma.open(again).read(), lzma.open(WIRE / 'vk.xml.xz').read())

    def test_extension_that_the_protocol_does_not_have(self):
        self.check_same(self.imported(self.fake_xml()))

    def test_extension_that_the_protocol_has(self):
        new = self.imported(self.fake_xml(), '--schema', self.write('schema.txt', fake_schema()))
        self.assertEqual(new.split(BY_HAND)[1], REGISTRY.split(BY_HAND)[1])
        before, after = blocks(REGISTRY), blocks(new)
        self.assertEqual([*before], [item for item in after if item not in FAKE_BLOCKS])
        for item, text in after.items():
            if item in FAKE_BLOCKS:
                self.assertEqual(text, FAKE_BLOCKS[item])
            elif item in LONGER:
                self.assertEqual([w for w in text.split() if w != LONGER[item]], before[item].split())
                self.assertIn(LONGER[item], text)
            else:
                self.assertEqual(text, before[item])
        self.check_generated(self.folder / 'new.reg')

    def check_generated(self, registry):
        """The generator takes the new registry."""
        subprocess.run([sys.executable, '-B', ROOT / 'protocol/gen.py', registry, self.folder], check=True)
        self.assertIn('[990] = {"vkGetFakeEXT", VTW_ON_ANY, 0, 0, 0},', (self.folder / 'table_gen.c').read_text())

    def test_number_that_vk_xml_does_not_know(self):
        schema = self.write('schema.txt', SCHEMA.replace('E 54 VK_KHR_multiview 1', 'E 55 VK_KHR_multiview 1'))
        done = self.tool(WIRE / 'vk.xml.xz', '--schema', schema)
        self.assertEqual((done.returncode, done.stdout),
                         (1, 'VK_KHR_multiview has number 55 in the schema, 54 in vk.xml\n'))


if __name__ == '__main__':
    unittest.main()
