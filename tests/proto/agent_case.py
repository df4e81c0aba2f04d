# SPDX-License-Identifier: MIT
"""What tests with a guest's agent have in common."""

import os
import random
import shutil
import struct
import tempfile
import threading

import vdagent
from vdagent import Agent, Viewer
from viewer_case import FrontCase

MIB = 1 << 20
# Bytes of a file that the page may send before the agent takes some.
WINDOW = 256 << 10


def some_bytes(size, seed=1):
    return random.Random(seed).randbytes(size)


class AgentTest(FrontCase):
    VIEWER = Viewer

    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix='vitrine-agent-')
        cls.addClassCleanup(shutil.rmtree, cls.dir)
        cls.path = os.path.join(cls.dir, 'agent')
        cls.start(f'agent={cls.path}')

    def silent_agent(self):
        """Connected, as soon as the host has noticed the end of the one before it."""
        watcher = self.viewer()
        watcher.wait_state(vdagent.ABSENT)
        agent = Agent(self.path)
        self.addCleanup(agent.close)
        watcher.wait_state(vdagent.SILENT)
        return agent

    def agent(self, caps=vdagent.CAPS):
        return self.silent_agent().begin(caps)

    def both(self, caps=vdagent.CAPS):
        agent = self.agent(caps)
        viewer = self.viewer()
        viewer.wait_state(vdagent.READY)
        return agent, viewer

    def give(self, agent, contents, viewer):
        """Sends large contents. A viewer that answered no pings meanwhile would be ended on a busy machine."""
        sender = threading.Thread(target=agent.sock.sendall, args=(contents,))
        sender.start()
        while sender.is_alive():
            if viewer.has_more(0.05):
                viewer.next()
        sender.join()

    def give_to(self, agent, contents, viewer):
        """-> what the viewer who has asked for it gets"""
        sender = threading.Thread(target=agent.sock.sendall, args=(contents,))
        sender.start()
        answer = viewer.contents()
        while sender.is_alive():
            if viewer.has_more(0.05):
                viewer.next()
        sender.join()
        return answer

    def ready(self, agent, viewer):
        """Both still work with each other."""
        viewer.put(b'still here')
        self.assertEqual(agent.wait(vdagent.GRAB), agent.select(0, struct.pack('<I', vdagent.TEXT)))
