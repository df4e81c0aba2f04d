# SPDX-License-Identifier: MIT
"""Commands that have several names, on a driver that gives each name as the specification says: a core name up to the
version that the instance asked for, an extension's if it is enabled. The guest says core names and enables nothing,
as Mesa does for a program of Vulkan 1.4."""

import os
import re
import struct
import sys

import harness
import venus
import vtest
from venus import COMMANDS, DEVICE, INSTANCE, NULL, PHYSICAL, POOL, info, new
from vtest import FATAL, Client, Ring, command

DRIVER = None  # the manifest of tests/driver
VULKAN_1_4 = (1 << 22) | (4 << 12)
LAYOUT, IMAGE = 10, 11
# Core name: what extensions call it.
NEW_IN_1_4 = {
    'vkCmdPushDescriptorSet': 'vkCmdPushDescriptorSetKHR',
    'vkCmdBindDescriptorSets2': 'vkCmdBindDescriptorSets2KHR',
    'vkCmdSetRenderingAttachmentLocations': 'vkCmdSetRenderingAttachmentLocationsKHR',
    'vkTransitionImageLayout': 'vkTransitionImageLayoutEXT',
}


def create_pipeline_layout():
    return command(68, struct.pack('<Q', DEVICE) + info(30, struct.pack('<IIQIQ', 0, 0, 0, 0, 0)) +
                   NULL + new(LAYOUT))


def record():
    """The three of NEW_IN_1_4 that are recorded."""
    return b''.join((
        command(90, struct.pack('<Q', COMMANDS) + info(42, struct.pack('<IQ', 0, 0))),
        command(249, struct.pack('<QiQIIQ', COMMANDS, 0, LAYOUT, 0, 0, 0)),
        command(289, struct.pack('<Q', COMMANDS) +
                info(1000545003, struct.pack('<IQIIQIQ', 1, LAYOUT, 0, 0, 0, 0, 0))),
        command(287, struct.pack('<Q', COMMANDS) + info(1000232001, struct.pack('<IQ', 0, 0))),
        command(91, struct.pack('<Q', COMMANDS)),
    ))


def transition_image():
    one = struct.pack('<iQQii5I', 1000270006, 0, IMAGE, 0, 1, 1, 0, 1, 0, 1)
    return command(296, struct.pack('<QIQ', DEVICE, 1, 1) + one, True)


class Names(harness.unittest.TestCase):
    def serve(self, words):
        server = harness.Server('-o', f'driver={DRIVER}', env={**os.environ, 'VTR_TEST_DRIVER': f'count,{words}'})
        self.addCleanup(server.stop)
        return server

    def call(self, ring, data, allowed=(0,)):
        result, = struct.unpack_from('<i', ring.call(data, 8), 4)
        self.assertIn(result, allowed)

    def use_new_commands(self, server):
        """-> the worker's process id."""
        with Client(server.path) as client:
            ring = Ring(client)
            self.call(ring, vtest.create_instance(INSTANCE, VULKAN_1_4))
            self.call(ring, venus.enumerate_physical_devices(INSTANCE, PHYSICAL), (0, 5))
            self.call(ring, venus.create_device(PHYSICAL, DEVICE))
            ring.write(venus.create_command_pool(DEVICE, POOL) +
                       venus.allocate_command_buffer(DEVICE, POOL, COMMANDS) + create_pipeline_layout() +
                       venus.create_image(DEVICE, IMAGE, 64, 64))
            ring.write(record())
            self.assertTrue(ring.wait(), f'the ring broke down\n{server.tail()}')
            self.call(ring, transition_image())
            self.assertEqual(ring.status & FATAL, 0)
            self.assertTrue(client.is_alive(), server.tail())
            worker, = harness.children_with(server.pid, '--client-fd')
        return worker

    def counts(self, server, worker):
        """What the worker called in the driver, by name."""
        server.wait_log(f'vtr-test-driver[{worker}]: vkDestroyInstance')
        return {name: int(count) for name, count in
                re.findall(rf'^vtr-test-driver\[{worker}\]: (\w+) (\d+)$', server.log(), re.M)}

    def test_older_names_only(self):
        """A driver that does not know the core names of Vulkan 1.4, whatever the instance asks for."""
        server = self.serve('aliases=1.3')
        counts = self.counts(server, self.use_new_commands(server))
        for core, older in NEW_IN_1_4.items():
            self.assertEqual((counts.get(core, 0), counts.get(older, 0)), (0, 1), core)

    def test_by_the_specification(self):
        """A driver that knows them if the instance asks for Vulkan 1.4: by either name, each command arrives."""
        server = self.serve('aliases')
        counts = self.counts(server, self.use_new_commands(server))
        for core, older in NEW_IN_1_4.items():
            self.assertEqual(counts.get(core, 0) + counts.get(older, 0), 1, core)


if __name__ == '__main__':
    DRIVER = os.path.abspath(sys.argv.pop(2))
    harness.main()
