#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Clipboard and files through the guest's agent: what a hostile agent or viewer cannot do."""

import os
import struct
import sys
import time

import harness
import screen
import vdagent
import ws
from agent_case import MIB, WINDOW, AgentTest, some_bytes
from vdagent import Viewer

# After so long an agent that does not answer is given up (VTR_AGENT_STUCK_MS).
STUCK_SECONDS = 10


class HostileAgents(AgentTest):
    def test_nonsense_ends_the_connection(self):
        for name, data in {
                'port': struct.pack('<II', 3, 20) + bytes(20),
                'port 0': bytes(64),
                'empty chunk': struct.pack('<II', 1, 0) + bytes(20),
                'protocol': struct.pack('<II', 1, 20) + struct.pack('<IIQI', 2, 6, 0, 0),
                'two messages in a chunk': struct.pack('<II', 1, 40) + 2 * struct.pack('<IIQI', 1, 99, 0, 0),
                'more than the message': struct.pack('<II', 1, 30) + struct.pack('<IIQI', 1, 99, 0, 2) + bytes(10),
                'capabilities without any': struct.pack('<II', 1, 20) + struct.pack('<IIQI', 1, 6, 0, 0),
        }.items():
            with self.subTest(name):
                agent, viewer = self.both()
                agent.sock.sendall(data)
                self.assertTrue(agent.is_closed())
                viewer.wait_state(vdagent.ABSENT)

    def test_an_agent_that_can_less_than_before(self):
        """What it has offered is not asked for any more, and no viewer waits for it."""
        agent, viewer = self.both()
        agent.grab(vdagent.TEXT)
        viewer.wait('owner')
        agent.announce(0, asks=False)
        self.assertEqual(viewer.wait('owner')['formats'], 0)
        viewer.send(vdagent.request())
        self.assertEqual(viewer.contents(), (vdagent.EMPTY, b''))
        agent.announce(asks=False)
        viewer.wait_state(vdagent.READY)
        agent.grab(vdagent.TEXT)
        viewer.wait('owner')
        viewer.send(vdagent.request())
        agent.wait(vdagent.REQUEST)
        agent.give(vdagent.TEXT, b'text')
        self.assertEqual(viewer.contents(), (vdagent.ANSWERED, b'text'))

    def test_sizes(self):
        agent, viewer = self.both()
        agent.send(99, bytes(100000))  # an unknown message is skipped
        agent.send(vdagent.GRAB, bytes(100000))
        agent.send_chunk(bytes(5000), port=2)  # not for clients
        for size in 0, 1, 3, 5, 7:
            for kind in range(16):
                if kind != vdagent.CAPABILITIES:
                    agent.send(kind, bytes(size))
        agent.send(vdagent.GRAB, agent.select(7, struct.pack('<I', 1)))
        agent.send(vdagent.GRAB, agent.select(0, struct.pack('<600I', *range(600))))
        while viewer.wait('owner')['formats'] != 3:
            pass
        self.ready(agent, viewer)

    def test_pieces_of_one_byte(self):
        agent, viewer = self.both()
        data = agent.message(vdagent.GRAB, agent.select(0, struct.pack('<I', vdagent.TEXT)))
        for byte in b''.join(struct.pack('<II', 1, 1) + data[i:i + 1] for i in range(len(data))):
            agent.sock.sendall(bytes([byte]))
        self.assertEqual(viewer.wait('owner')['formats'], 1)

    def test_too_large_an_answer(self):
        agent, viewer = self.both()
        agent.grab(vdagent.TEXT)
        viewer.wait('owner')
        for size in 32 * MIB, 32 * MIB + 1, 40 * MIB:
            contents = agent.contents(vdagent.TEXT, bytes(size))
            viewer.send(vdagent.request())
            agent.wait(vdagent.REQUEST)
            answer, data = self.give_to(agent, contents, viewer)
            self.assertEqual((answer, len(data)),
                             (vdagent.ANSWERED, size) if size <= 32 * MIB else (vdagent.TOO_LARGE, 0))
        # What is announced takes no memory before it comes.
        viewer.send(vdagent.request())
        agent.wait(vdagent.REQUEST)
        agent.send_chunk(agent.message(vdagent.CLIPBOARD, bytes(8), size=0xffffffff))
        viewer.send(ws.ping(1))
        viewer.wait('pong')

    def test_wrong_answers(self):
        agent, viewer = self.both()
        agent.give(vdagent.TEXT, b'unasked')
        agent.grab(vdagent.TEXT, vdagent.PNG)
        viewer.wait('owner')
        viewer.send(vdagent.request(vdagent.TEXT))
        agent.wait(vdagent.REQUEST)
        agent.give(vdagent.TEXT, b'of the wrong selection', selection=1)
        agent.give(vdagent.PNG, b'of the wrong kind')
        self.assertEqual(viewer.contents(), (vdagent.EMPTY, b''))
        agent.give(vdagent.TEXT, b'late')
        viewer.send(vdagent.request(vdagent.TEXT))
        agent.wait(vdagent.REQUEST)
        agent.give(vdagent.TEXT, b'right')
        self.assertEqual(viewer.contents(), (vdagent.ANSWERED, b'right'))

    def test_floods(self):
        agent, viewer = self.both()
        grab = agent.message(vdagent.GRAB, agent.select(0, struct.pack('<I', vdagent.TEXT)))
        ask = agent.message(vdagent.REQUEST, agent.select(0, struct.pack('<I', vdagent.TEXT)))
        status = agent.message(vdagent.FILE_STATUS, struct.pack('<II', 7, 0))
        flood = b''.join(struct.pack('<II', 1, len(data)) + data for data in (grab, ask, status)) * 20000
        before = harness.memory_kib(self.pid)
        with agent.dropping():
            agent.sock.sendall(flood)
            viewer.send(ws.ping(1))
            viewer.wait('pong')
            self.assertLess(harness.memory_kib(self.pid) - before, 64 << 10)
            agent.announce()
            viewer.put(b'after')
            self.assertEqual(viewer.wait('result')['result'], vdagent.OFFERED)

    def test_announcements_in_a_flood(self):
        agent, viewer = self.both()
        data = agent.message(vdagent.CAPABILITIES, struct.pack('<II', 1, vdagent.CAPS))
        with agent.dropping():
            agent.sock.sendall((struct.pack('<II', 1, len(data)) + data) * 20000)
            viewer.send(ws.ping(1))
            viewer.wait('pong')
            viewer.put(b'after')
            self.assertEqual(viewer.wait('result')['result'], vdagent.OFFERED)

    def test_an_agent_that_never_answers_is_stuck(self):
        agent, viewer = self.both()
        agent.grab(vdagent.TEXT)
        viewer.wait('owner')
        began = time.monotonic()
        viewer.send(vdagent.request())
        viewer.wait_state(vdagent.STUCK)
        self.assertGreater(time.monotonic() - began, STUCK_SECONDS - 1)
        self.assertEqual(viewer.contents(), (vdagent.LATE, b''))
        agent.grab(vdagent.TEXT)
        viewer.wait_state(vdagent.READY)

    def test_an_agent_that_does_not_read_is_stuck(self):
        agent, viewer = self.both()
        viewer.put(some_bytes(8 * MIB), vdagent.PNG)
        agent.wait(vdagent.GRAB)
        agent.request(vdagent.PNG)
        viewer.wait_state(vdagent.STUCK)
        viewer.send(ws.ping(1))
        viewer.wait('pong')
        self.assertEqual(len(agent.wait(vdagent.CLIPBOARD)), 8 * MIB + 8)
        viewer.wait_state(vdagent.READY)

    def test_a_file_that_is_never_answered(self):
        agent, viewer = self.both()
        viewer.send(vdagent.file_start(1, 1, b'a'))
        viewer.wait_state(vdagent.STUCK)
        viewer.send(vdagent.file_cancel(1))
        agent.wait(vdagent.FILE_STATUS)
        agent.grab(vdagent.TEXT)
        viewer.wait_state(vdagent.READY)

    def test_a_message_that_never_ends(self):
        agent, viewer = self.both()
        agent.send_chunk(agent.message(vdagent.GRAB, b'', size=100))
        self.assertTrue(agent.is_closed())
        viewer.wait_state(vdagent.ABSENT)

    def test_a_new_agent_never_gets_the_rest_of_a_message(self):
        agent, viewer = self.both()
        viewer.put(some_bytes(8 * MIB), vdagent.PNG)
        agent.wait(vdagent.GRAB)
        agent.request(vdagent.PNG)
        agent.take(100000)
        agent.announce()
        self.assertTrue(agent.is_closed())


class HostileViewers(AgentTest):
    def test_who_only_watches_gets_and_does_nothing(self):
        agent, _ = self.both()
        for message in (vdagent.offer(1), vdagent.offered(b'x'), vdagent.request(), vdagent.file_start(1, 1, b'a'),
                        vdagent.file_data(1, b'x'), vdagent.file_data(1, bytes(60000)), vdagent.file_cancel(1), b'\x2f\0'):
            watcher = self.viewer(self.front.view_token)
            watcher.send(message)
            self.expect_close(watcher, 4403)
        watcher = self.viewer(self.front.view_token)
        agent.grab(vdagent.TEXT)
        watcher.send(ws.ping(1))
        while (found := watcher.next()[0]) != 'pong':
            self.assertNotIn(found, ('agent', 'owner', 'answer', 'contents', 'file', 'result'))

    def test_nothing_before_the_hello(self):
        for message in vdagent.offer(1), vdagent.file_start(1, 1, b'a'):
            connection = ws.Ws(self.front.host, self.front.port)
            self.addCleanup(connection.close)
            connection.send(message)
            self.expect_close(connection, 4400)

    def test_invalid_messages(self):
        agent, good = self.both()
        for name, messages in {
                'nothing': [b'\x20'],
                'unknown': [b'\x2f\0'],
                'another display': [b'\x22\1\0\1'],
                'no size': [vdagent.offer(0)],
                'too large': [vdagent.offer(32 * MIB + 1)],
                'format 0': [vdagent.offer(1, 0)],
                'both formats': [vdagent.offer(1, 3)],
                'selection': [vdagent.offer(1, 1, 2)],
                'confirms': [vdagent.offer(1, 1, 0, 2)],
                'longer': [vdagent.offer(1) + b'x'],
                'more than announced': [vdagent.offer(1), vdagent.offered(b'xx')],
                'no bytes': [vdagent.offered(b'')],
                'too many bytes': [vdagent.offered(bytes(65537))],
                'far too many': [vdagent.offered(bytes(1 << 20))],
                'request of both': [vdagent.request(3)],
                'a request twice': [vdagent.request(), vdagent.request()],
                'a file twice': [vdagent.file_start(1, 1, b'a'), vdagent.file_start(1, 1, b'b')],
                'data before consent': [vdagent.file_start(1, 1, b'a'), vdagent.file_data(1, b'a')],
                'no data': [vdagent.file_data(1, b'')],
                'a short cancel': [vdagent.file_cancel(1)[:5]],
        }.items():
            with self.subTest(name):
                if name == 'a request twice':
                    agent.grab(vdagent.TEXT)
                viewer = self.viewer()
                viewer.wait_state(vdagent.READY)
                if name == 'a request twice':
                    viewer.wait('owner')
                try:
                    for message in messages:
                        viewer.send(message)
                except OSError:
                    pass  # it was closed at the first of them
                try:
                    self.expect_close(viewer, 4400)
                except ConnectionResetError:
                    pass
        self.ready(agent, good)

    def test_more_data_than_allowed(self):
        agent, _ = self.both()
        for size, given in (100, 101), (4 * MIB, WINDOW):
            viewer = self.viewer()
            viewer.send(vdagent.file_start(1, size, b'a'))
            file, = struct.unpack_from('<I', agent.wait(vdagent.FILE_START))
            agent.status(file, vdagent.CAN_SEND_DATA)
            self.assertEqual(viewer.wait('file')['value'], min(size, WINDOW))
            try:
                # The agent does not read meanwhile: this is more than the sockets take.
                for _ in range(1 if size == 100 else 64):
                    viewer.send(vdagent.file_data(1, bytes(min(given, vdagent.PIECE))))
            except OSError:
                pass  # it was closed at the first of them
            try:
                self.expect_close(viewer, 4400)
            except ConnectionResetError:
                pass
            agent.wait(vdagent.FILE_STATUS)

    def check_busy(self, answer, begin):
        """While those who have all the room may keep it: for 10 seconds."""
        if time.monotonic() < begin + 9.5:
            self.assertEqual(answer[0], vdagent.BUSY)

    def test_slow_readers_of_large_contents(self):
        agent, good = self.both()
        agent.grab(vdagent.TEXT)
        good.wait('owner')
        large = agent.contents(vdagent.TEXT, bytes(32 * MIB))
        slow, begin = [], time.monotonic()
        for i in range(8):
            viewer = Viewer(self.front, receive_bytes=4096)
            self.addCleanup(viewer.close)
            viewer.wait('owner')
            viewer.send(vdagent.request())
            agent.wait(vdagent.REQUEST)
            agent.grab(vdagent.TEXT)
            self.give(agent, large, good)
            good.send(ws.ping(i))
            good.wait('pong')
            slow.append(viewer)
        # Four of those are as much as may wait.
        good.send(vdagent.request())
        agent.wait(vdagent.REQUEST)
        self.check_busy(self.give_to(agent, large, good), begin)
        for viewer in slow:
            viewer.close()

        def answer():
            good.send(vdagent.request())
            agent.wait(vdagent.REQUEST)
            agent.give(vdagent.TEXT, b'short')
            return good.contents() == (vdagent.ANSWERED, b'short')
        harness.wait_for(answer, 60, 'room for the contents')

    def test_slow_readers_give_way(self):
        """Viewers that do not read have all the room, and stay for as long as they say something."""
        agent, good = self.both()
        agent.grab(vdagent.TEXT)
        good.wait('owner')
        large = agent.contents(vdagent.TEXT, bytes(32 * MIB))
        slow, begin = [Viewer(self.front, receive_bytes=4096) for _ in range(4)], time.monotonic()
        for i, viewer in enumerate(slow):
            self.addCleanup(viewer.close)
            viewer.wait('owner')
            viewer.send(vdagent.request())
            agent.wait(vdagent.REQUEST)
            self.give(agent, large, good)
            good.send(ws.ping(i))
            good.wait('pong')

        def answer():
            for viewer in slow:
                viewer.send(ws.ping(1))
            good.send(vdagent.request())
            agent.wait(vdagent.REQUEST)
            return self.give_to(agent, large, good)
        self.check_busy(answer(), begin)

        def has_room():
            kind, contents = answer()
            return kind == vdagent.ANSWERED and contents == bytes(32 * MIB)
        harness.wait_for(has_room, what='room for another one', pause=1)
        self.assertGreater(time.monotonic() - begin, 9.5)
        # The first of them is told, and may ask again.
        self.assertEqual(slow[0].wait('answer')['answer'], vdagent.ANSWERED)
        self.assertEqual(slow[0].wait('answer')['answer'], vdagent.BUSY)
        slow[0].send(vdagent.request())
        agent.wait(vdagent.REQUEST)
        agent.give(vdagent.TEXT, b'short')
        self.assertEqual(slow[0].contents(), (vdagent.ANSWERED, b'short'))

    def test_fragments(self):
        agent, viewer = self.both()
        message = vdagent.offer(4)
        for i, byte in enumerate(message):
            viewer.send_frame(ws.BINARY if i == 0 else 0, bytes([byte]), last=i == len(message) - 1)
        viewer.send_frame(ws.BINARY, vdagent.offered(b'te'), last=False)
        viewer.send_frame(0, b'xt')
        agent.wait(vdagent.GRAB)
        agent.request(vdagent.TEXT)
        self.assertEqual(agent.wait(vdagent.CLIPBOARD)[8:], b'text')


if __name__ == '__main__':
    screen.FRONT = os.path.abspath(sys.argv.pop(2))
    harness.main()
