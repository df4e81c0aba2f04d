# SPDX-License-Identifier: MIT
"""What tests with viewers of a front have in common."""

import unittest

import screen
import ws


def start_front(*args, **options):
    """A front (screen.Front) with a display that shows something."""
    front = screen.Front(*args, **options)
    front.say('mode 0 1 640 480')
    front.say('scanout 0 2 640 480 2560 window')
    front.say('frame 0 1')
    return front


class ViewerCase(unittest.TestCase):
    """The subclass sets `front`, which has a host, a port and a token."""

    VIEWER = ws.Viewer

    def viewer(self, token=None, **options):
        viewer = self.VIEWER(self.front, token, **options)
        self.addCleanup(viewer.close)
        return viewer

    def expect_close(self, viewer, code):
        """-> the reason"""
        with self.assertRaises(ws.Closed) as caught:
            while True:
                viewer.receive()
        self.assertEqual(caught.exception.code, code, caught.exception.reason)
        return caught.exception.reason


class FrontCase(ViewerCase):
    """All tests share a front, whose screen process must survive them."""

    @classmethod
    def setUpClass(cls):
        cls.start()

    @classmethod
    def start(cls, *args, **options):
        cls.front = start_front(*args, **options)
        cls.addClassCleanup(cls.front.stop)
        cls.pid = cls.front.screen()

    def setUp(self):
        self.front.unasked.clear()

    def tearDown(self):
        self.assertEqual(self.front.screen(), self.pid, 'the screen process was restarted')
