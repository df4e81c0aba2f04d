# SPDX-License-Identifier: MIT
"""Images as guests are told of them, on a driver that allows more than the features of its formats say."""

import os
import struct
import sys

import harness
import venus
import vtest
from venus import INSTANCE, PHYSICAL, info
from vtest import Client, Ring, command

DRIVER = None  # the manifest of tests/driver
B8G8R8A8 = 44
OPTIMAL, LINEAR = 0, 1
SAMPLED, COLOR_ATTACHMENT, INPUT_ATTACHMENT = 0x4, 0x10, 0x80
NOT_SUPPORTED = -11


def image_format_properties(tiling, usage):
    asked = info(1000059004, struct.pack('<iiiII', B8G8R8A8, 1, tiling, usage, 0))
    return command(150, struct.pack('<Q', PHYSICAL) + asked + info(1000059003, b''), True)


class Formats(harness.unittest.TestCase):
    def test_linear_color_attachments(self):
        """NVIDIA's driver has linear colour attachments for an extension that guests do not have."""
        server = harness.Server('-o', f'driver={DRIVER}', env={**os.environ, 'VTR_TEST_DRIVER': 'linear-color'})
        self.addCleanup(server.stop)
        with Client(server.path) as client:
            ring = Ring(client)
            ring.call(vtest.create_instance(INSTANCE), 8)
            ring.call(venus.enumerate_physical_devices(INSTANCE, PHYSICAL), 8)
            for tiling, usage, expected in (
                    (LINEAR, SAMPLED, 0), (OPTIMAL, COLOR_ATTACHMENT, 0), (OPTIMAL, INPUT_ATTACHMENT, 0),
                    (LINEAR, COLOR_ATTACHMENT, NOT_SUPPORTED), (LINEAR, SAMPLED | COLOR_ATTACHMENT, NOT_SUPPORTED),
                    (LINEAR, INPUT_ATTACHMENT, NOT_SUPPORTED)):
                result, = struct.unpack_from('<i', ring.call(image_format_properties(tiling, usage), 8), 4)
                self.assertEqual(result, expected, (tiling, usage))


if __name__ == '__main__':
    DRIVER = os.path.abspath(sys.argv.pop(2))
    harness.main()
