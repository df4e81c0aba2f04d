#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Clipboard and files through the guest's agent: what comes through, what is refused, and what a hostile agent or viewer
cannot do."""

import hashlib
import os
import random
import shutil
import struct
import sys
import tempfile
import threading
import time
import unittest

import harness
import screen
import vdagent
import ws
from vdagent import Agent, Viewer
from viewer_case import FrontCase

MIB = 1 << 20
STUCK_SECONDS = 10
WINDOW = 256 << 10


def every_script(size):
    """UTF-8 text with letters of all planes that have any."""
    ranges = ((0x20, 0x7f), (0xa0, 0x250), (0x370, 0x590), (0x5d0, 0x5eb), (0x620, 0x650), (0x905, 0x940), (0xe01, 0xe30),
              (0x10a0, 0x1100), (0x3041, 0x3100), (0x4e00, 0x5000), (0xac00, 0xad00), (0x10330, 0x10340), (0x1f600, 0x1f640),
              (0x20000, 0x20100))
    letters = ''.join(chr(code) for first, last in ranges for code in range(first, last)) + '\r\n\t\n'
    data = (letters * (size // len(letters.encode()) + 1)).encode()[:size]
    return data.decode(errors='ignore').encode().ljust(size)


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

    def ready(self, agent, viewer):
        """Both still work with each other."""
        viewer.put(b'still here')
        self.assertEqual(agent.wait(vdagent.GRAB), agent.select(0, struct.pack('<I', vdagent.TEXT)))


class Connection(AgentTest):
    def test_states(self):
        viewer = self.viewer()
        self.assertEqual(viewer.wait('agent')['state'], vdagent.ABSENT)
        agent = Agent(self.path)
        self.addCleanup(agent.close)
        self.assertEqual(viewer.wait('agent')['state'], vdagent.SILENT)
        agent.announce()
        found = viewer.wait('agent')
        self.assertEqual((found['state'], found['abilities']),
                         (vdagent.READY, vdagent.CAN_CLIPBOARD | vdagent.CAN_PRIMARY | vdagent.CAN_FILES))
        agent.close()
        self.assertEqual(viewer.wait('agent')['state'], vdagent.ABSENT)

    def test_what_is_announced(self):
        agent = self.silent_agent()
        asks, caps = struct.unpack('<II', agent.wait(vdagent.CAPABILITIES))
        self.assertEqual((asks, caps), (1, 1 << 2 | 1 << 5 | 1 << 6 | 1 << 14 | 1 << 16))
        agent.begin()
        self.assertEqual(agent.limit, 32 * MIB)

    def test_abilities(self):
        for caps, abilities in ((0, vdagent.CAN_FILES), (vdagent.CAP_FILES_DISABLED, 0),
                                (vdagent.CAP_BY_DEMAND, vdagent.CAN_FILES | vdagent.CAN_CLIPBOARD),
                                (vdagent.CAP_CRLF, vdagent.CAN_FILES | vdagent.HAS_CRLF)):
            agent = self.silent_agent()
            viewer = self.viewer()
            agent.announce(caps)
            self.assertEqual(viewer.wait_state(vdagent.READY)['abilities'], abilities)
            agent.close()

    def test_a_second_connection_is_refused(self):
        agent, viewer = self.both()
        with Agent(self.path) as second:
            self.assertTrue(second.is_closed())
        self.ready(agent, viewer)

    def test_the_agent_starts_again(self):
        agent, viewer = self.both()
        agent.grab(vdagent.TEXT)
        self.assertEqual(viewer.wait('owner')['formats'], 1)
        viewer.send(vdagent.file_start(1, 10, b'a'))
        agent.wait(vdagent.FILE_START)
        agent.announce()
        self.assertEqual(viewer.wait('file')['state'], vdagent.FILE_LOST)
        agent.wait(vdagent.CAPABILITIES)
        self.ready(agent, viewer)

    def test_what_is_offered_outlives_the_agent(self):
        agent, viewer = self.both()
        self.ready(agent, viewer)
        agent.close()
        viewer.wait_state(vdagent.ABSENT)
        agent = self.agent()
        agent.wait(vdagent.GRAB)
        agent.request(vdagent.TEXT)
        self.assertEqual(agent.wait(vdagent.CLIPBOARD)[8:], b'still here')

    def test_a_guest_without_an_agent_loses_nothing_else(self):
        self.silent_agent()
        viewer = self.viewer()
        viewer.wait_state(vdagent.SILENT)
        viewer.put(b'x')
        self.assertEqual(viewer.wait('result')['result'], vdagent.REFUSED)
        viewer.send(vdagent.file_start(1, 1, b'a'))
        self.assertEqual(viewer.wait('file')['state'], vdagent.FILE_LOST)
        viewer.send(vdagent.request())
        self.assertEqual(viewer.contents(), (vdagent.EMPTY, b''))
        viewer.send(ws.subscribe(0))
        viewer.wait('unit')


class Clipboard(AgentTest):
    def test_text_and_pictures_both_ways(self):
        agent, viewer = self.both()
        for kind, data in (vdagent.TEXT, every_script(MIB)), (vdagent.PNG, b'\x89PNG\r\n\x1a\n' + some_bytes(4 * MIB)), \
                (vdagent.TEXT, b'x'):
            for selection in 0, 1:
                with self.subTest(kind=kind, size=len(data), selection=selection):
                    viewer.put(data, kind, selection)
                    self.assertEqual(agent.wait(vdagent.GRAB), agent.select(selection, struct.pack('<I', kind)))
                    self.assertEqual(viewer.wait('result')['result'], vdagent.OFFERED)
                    agent.request(kind, selection)
                    self.assertEqual(agent.wait(vdagent.CLIPBOARD), agent.select(selection, struct.pack('<I', kind) + data))

                    agent.grab(kind, selection=selection)
                    self.assertEqual(viewer.wait('owner')['formats'], kind)
                    viewer.send(vdagent.request(kind, selection))
                    agent.wait(vdagent.REQUEST)
                    sender = threading.Thread(target=agent.give, args=(kind, data, selection), kwargs={'chunk': 2048})
                    sender.start()
                    self.assertEqual(viewer.contents(kind, selection), (vdagent.ANSWERED, data))
                    sender.join()

    def test_an_agent_without_selections(self):
        agent, viewer = self.both(vdagent.CAP_BY_DEMAND)
        viewer.put(b'text')
        self.assertEqual(agent.wait(vdagent.GRAB), struct.pack('<I', vdagent.TEXT))
        agent.send(vdagent.REQUEST, struct.pack('<I', vdagent.TEXT))
        self.assertEqual(agent.wait(vdagent.CLIPBOARD), struct.pack('<I', vdagent.TEXT) + b'text')
        viewer.put(b'text', selection=1)
        while (result := viewer.wait('result'))['selection'] != 1:
            pass
        self.assertEqual(result['result'], vdagent.REFUSED)

    def test_selections_are_apart(self):
        agent, viewer = self.both()
        viewer.put(b'one', selection=0)
        viewer.put(b'two', selection=1)
        agent.wait(vdagent.GRAB)
        agent.wait(vdagent.GRAB)
        agent.grab(vdagent.TEXT, selection=1)
        self.assertEqual(viewer.wait('owner')['selection'], 1)
        agent.request(vdagent.TEXT, 0)
        self.assertEqual(agent.wait(vdagent.CLIPBOARD)[8:], b'one')
        agent.request(vdagent.TEXT, 1)
        self.assertEqual(agent.wait(vdagent.CLIPBOARD), agent.select(1, struct.pack('<I', vdagent.NONE)))

    def test_the_agent_confirms_that_it_saw_an_offer(self):
        agent, viewer = self.both()
        viewer.put(b'x', confirms=1)
        agent.wait(vdagent.GRAB)
        self.assertEqual(agent.wait(vdagent.REQUEST), agent.select(0, struct.pack('<I', vdagent.TEXT)))
        with self.assertRaises(TimeoutError):
            viewer.wait('result', 0.5)
        agent.give(vdagent.NONE, b'')
        self.assertEqual(viewer.wait('result')['result'], vdagent.OFFERED)

    def test_a_request_for_another_format_gets_nothing(self):
        agent, viewer = self.both()
        self.ready(agent, viewer)
        for kind in vdagent.PNG, 3, 99:
            agent.request(kind)
            self.assertEqual(agent.wait(vdagent.CLIPBOARD)[4:], struct.pack('<I', vdagent.NONE))

    def test_all_viewers_who_ask_get_it_and_no_others(self):
        agent, first = self.both()
        second, third = self.viewer(), self.viewer()
        agent.grab(vdagent.TEXT, vdagent.PNG)
        for viewer in first, second, third:
            self.assertEqual(viewer.wait('owner')['formats'], 3)
        first.send(vdagent.request())
        agent.wait(vdagent.REQUEST)
        second.send(vdagent.request())
        second.send(ws.ping(1))
        second.wait('pong')
        agent.give(vdagent.TEXT, b'shared')
        self.assertEqual(first.contents(), (vdagent.ANSWERED, b'shared'))
        self.assertEqual(second.contents(), (vdagent.ANSWERED, b'shared'))
        third.send(ws.ping(1))
        while (found := third.next()[0]) != 'pong':
            self.assertNotIn(found, ('answer', 'contents'))

    def test_a_newer_offer_of_another_viewer_wins(self):
        agent, first = self.both()
        second = self.viewer()
        first.send(vdagent.offer(100))
        first.send(vdagent.offered(bytes(50)))
        first.send(ws.ping(1))
        first.wait('pong')
        second.put(b'newer')
        self.assertEqual(first.wait('result')['result'], vdagent.REPLACED)
        self.assertEqual(second.wait('result')['result'], vdagent.OFFERED)
        first.send(vdagent.offered(bytes(50)))
        agent.wait(vdagent.GRAB)
        agent.request(vdagent.TEXT)
        self.assertEqual(agent.wait(vdagent.CLIPBOARD)[8:], b'newer')
        first.send(ws.ping(2))
        first.wait('pong')

    def test_while_another_person_has_control(self):
        agent, first = self.both()
        second = self.viewer()
        first.send(vdagent.offer(100))
        first.send(vdagent.offered(bytes(50)))
        first.send(ws.ping(1))
        first.wait('pong')
        second.send(ws.control(ws.TAKE))
        self.assertEqual(first.wait('result')['result'], vdagent.CONTROLLED)
        first.send(vdagent.offered(bytes(50)))
        first.put(b'not now')
        self.assertEqual(first.wait('result')['result'], vdagent.CONTROLLED)
        first.send(vdagent.file_start(7, 1, b'file'))
        self.assertEqual(first.wait('file')['state'], vdagent.FILE_CONTROLLED)
        second.put(b'the holder')
        self.assertEqual(second.wait('result')['result'], vdagent.OFFERED)
        agent.wait(vdagent.GRAB)
        agent.request(vdagent.TEXT)
        self.assertEqual(agent.wait(vdagent.CLIPBOARD)[8:], b'the holder')

    def test_the_guest_lets_go(self):
        agent, viewer = self.both()
        agent.grab(vdagent.TEXT)
        viewer.wait('owner')
        agent.send(vdagent.RELEASE, agent.select(0, b''))
        self.assertEqual(viewer.wait('owner')['formats'], 0)
        viewer.send(vdagent.request())
        self.assertEqual(viewer.contents(), (vdagent.EMPTY, b''))


class Files(AgentTest):
    def push(self, viewer, file, data):
        """Sends as much as is allowed, until the file has ended -> its last state"""
        given = 0
        while True:
            found = viewer.wait('file')
            assert found['id'] == file, found
            if found['state'] != vdagent.FILE_GOING:
                return found
            while given < found['value']:
                part = data[given:min(given + vdagent.PIECE, found['value'])]
                viewer.send(vdagent.file_data(file, part))
                given += len(part)

    def take(self, agent, answers=True):
        """Receives one file -> id, name, bytes"""
        body = agent.wait(vdagent.FILE_START)
        file, = struct.unpack_from('<I', body)
        assert body.endswith(b'\0')
        lines = dict(line.split('=', 1) for line in body[4:-1].decode().splitlines() if '=' in line)
        size, parts, have = int(lines['size']), [], 0
        agent.status(file, vdagent.CAN_SEND_DATA)
        while not parts or have < size:
            found, length = struct.unpack_from('<IQ', data := agent.wait(vdagent.FILE_DATA))
            assert (found, length) == (file, len(data) - 12), (found, length)
            parts.append(data[12:])
            have += length
        if answers:
            agent.status(file, vdagent.SUCCESS)
        return file, lines['name'], b''.join(parts)

    def in_background(self, function, *args):
        results = []
        thread = threading.Thread(target=lambda: results.append(function(*args)))
        thread.start()
        return lambda: (thread.join(60), results[0])[1]

    def test_files(self):
        agent, viewer = self.both()
        for number, (size, name) in enumerate(((0, 'empty'), (1, 'one byte'), (65536, 'ä ö.txt'), (65537, 'x' * 255),
                                               (3 * MIB + 7, '文件.bin'))):
            with self.subTest(size=size):
                data = some_bytes(size)
                taken = self.in_background(self.take, agent)
                viewer.send(vdagent.file_start(number, size, name.encode()))
                self.assertEqual(self.push(viewer, number, data)['state'], vdagent.FILE_DONE)
                _, found_name, found = taken()
                self.assertEqual(found_name, name)
                self.assertEqual(hashlib.sha256(found).digest(), hashlib.sha256(data).digest())

    def test_names(self):
        agent, viewer = self.both()
        for number, (name, written) in enumerate(((b'  a', '\\s\\sa'), (b'a\\nb', 'a\\\\nb'), (b'[x]=;#', '[x]=;#'))):
            viewer.send(vdagent.file_start(number, 1, name))
            body = agent.wait(vdagent.FILE_START)
            self.assertIn(f'\nname={written}\n'.encode(), body)
        for name in (b'', b'.', b'..', b'a/b', b'/etc/passwd', b'a\nsize=1', b'a\0b', b'\x7f', b'\xff', b'\xc0\xaf', b'\xed\xa0\x80',
                     b'x' * 256, b'\xf5\x80\x80\x80', b'\xe4\xb8'):
            viewer.send(vdagent.file_start(99, 1, name))
            self.assertEqual(viewer.wait('file')['state'], vdagent.FILE_INVALID, name)
        viewer.send(vdagent.file_start(99, (1 << 50) + 1, b'large'))
        self.assertEqual(viewer.wait('file')['state'], vdagent.FILE_INVALID)

    def test_several_at_once(self):
        agent, viewer = self.both()
        files = {number: some_bytes(300000 + number, number) for number in range(8)}
        for number, data in files.items():
            viewer.send(vdagent.file_start(number, len(data), f'{number}'.encode()))

        def take_all():
            names, found, sizes = {}, {}, {}
            while len(names) < 8 or any(len(found[i]) < sizes[i] for i in names):
                kind, body = agent.wait_for(vdagent.FILE_START, vdagent.FILE_DATA)
                file, = struct.unpack_from('<I', body)
                if kind == vdagent.FILE_START:
                    lines = dict(line.split('=', 1) for line in body[4:-1].decode().splitlines() if '=' in line)
                    names[file], sizes[file], found[file] = lines['name'], int(lines['size']), b''
                    agent.status(file, vdagent.CAN_SEND_DATA)
                else:
                    found[file] += body[12:]
                    if len(found[file]) == sizes[file]:
                        agent.status(file, vdagent.SUCCESS)
            return {int(names[i]): found[i] for i in names}

        taken = self.in_background(take_all)
        given, done = dict.fromkeys(files, 0), 0
        while done < len(files):
            found = viewer.wait('file')
            number = found['id']
            self.assertIn(found['state'], (vdagent.FILE_GOING, vdagent.FILE_DONE))
            done += found['state'] == vdagent.FILE_DONE
            while found['state'] == vdagent.FILE_GOING and given[number] < found['value']:
                part = files[number][given[number]:min(given[number] + vdagent.PIECE, found['value'])]
                viewer.send(vdagent.file_data(number, part))
                given[number] += len(part)
        self.assertEqual(taken(), files)

    def test_too_many(self):
        agent, viewer = self.both()
        for number in range(17):
            viewer.send(vdagent.file_start(number, 1, b'a'))
        found = viewer.wait('file')
        self.assertEqual((found['id'], found['state']), (16, vdagent.FILE_MANY))
        viewer.send(vdagent.file_cancel(3))
        for _ in range(16):
            agent.wait(vdagent.FILE_START)
        agent.wait(vdagent.FILE_STATUS)
        viewer.send(vdagent.file_start(17, 1, b'a'))
        agent.wait(vdagent.FILE_START)

    def test_cancel(self):
        agent, viewer = self.both()
        viewer.send(vdagent.file_start(1, MIB, b'a'))
        file, = struct.unpack_from('<I', agent.wait(vdagent.FILE_START))
        agent.status(file, vdagent.CAN_SEND_DATA)
        viewer.wait('file')
        viewer.send(vdagent.file_data(1, bytes(65536)))
        agent.wait(vdagent.FILE_DATA)
        viewer.send(vdagent.file_cancel(1))
        viewer.send(vdagent.file_data(1, bytes(65536)))
        self.assertEqual(agent.wait(vdagent.FILE_STATUS), struct.pack('<II', file, vdagent.CANCELLED))
        self.ready(agent, viewer)

    def test_a_viewer_who_leaves_cancels(self):
        agent, viewer = self.both()
        viewer.send(vdagent.file_start(1, MIB, b'a'))
        file, = struct.unpack_from('<I', agent.wait(vdagent.FILE_START))
        viewer.close()
        self.assertEqual(agent.wait(vdagent.FILE_STATUS), struct.pack('<II', file, vdagent.CANCELLED))

    def test_refusals_of_the_guest(self):
        agent, viewer = self.both()
        rows = ((vdagent.CANCELLED, vdagent.FILE_CANCELLED, 0), (vdagent.ERROR, vdagent.FILE_FAILED, 0),
                (vdagent.NO_SPACE, vdagent.FILE_NO_SPACE, 12345), (vdagent.LOCKED, vdagent.FILE_LOCKED, 0),
                (vdagent.NO_SESSION, vdagent.FILE_NO_SESSION, 0), (vdagent.DISABLED, vdagent.FILE_DISABLED, 0),
                (99, vdagent.FILE_FAILED, 0), (vdagent.SUCCESS, vdagent.FILE_FAILED, 0))
        for number, (result, state, value) in enumerate(rows):
            viewer.send(vdagent.file_start(number, MIB, b'a'))
            file, = struct.unpack_from('<I', agent.wait(vdagent.FILE_START))
            agent.status(file, result, struct.pack('<Q', value) if value else b'')
            found = viewer.wait('file')
            self.assertEqual((found['id'], found['state'], found['value']), (number, state, value))
        viewer.send(vdagent.file_start(50, 5, b'a'))
        file, = struct.unpack_from('<I', agent.wait(vdagent.FILE_START))
        agent.status(file, vdagent.NO_SPACE)  # of an agent without detailed errors
        self.assertEqual(viewer.wait('file')['value'], 0)

    def test_a_slow_agent_holds_back_the_page(self):
        agent, viewer = self.both()
        viewer.send(vdagent.file_start(1, 64 * MIB, b'a'))
        file, = struct.unpack_from('<I', agent.wait(vdagent.FILE_START))
        agent.status(file, vdagent.CAN_SEND_DATA)
        given = allowed = 0
        while True:
            try:
                allowed = viewer.wait('file', 2)['value']
            except TimeoutError:
                break
            while given < allowed:
                size = min(vdagent.PIECE, allowed - given)
                viewer.send(vdagent.file_data(1, bytes(size)))
                given += size
        self.assertLess(allowed, 4 * MIB)  # the window, and what the sockets hold


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
            viewer.send(vdagent.request())
            agent.wait(vdagent.REQUEST)
            sender = threading.Thread(target=agent.give, args=(vdagent.TEXT, bytes(size)))
            sender.start()
            answer, data = viewer.contents()
            sender.join()
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
        drain = threading.Thread(target=lambda: agent.is_closed(5))
        drain.start()
        agent.sock.sendall(flood)
        viewer.send(ws.ping(1))
        viewer.wait('pong')
        drain.join()
        self.assertLess(harness.memory_kib(self.pid) - before, 64 << 10)
        agent.announce()
        viewer.put(b'after')
        self.assertEqual(viewer.wait('result')['result'], vdagent.OFFERED)

    def test_announcements_in_a_flood(self):
        agent, viewer = self.both()
        data = agent.message(vdagent.CAPABILITIES, struct.pack('<II', 1, vdagent.CAPS))
        drain = threading.Thread(target=lambda: agent.is_closed(5))
        drain.start()
        agent.sock.sendall((struct.pack('<II', 1, len(data)) + data) * 20000)
        viewer.send(ws.ping(1))
        viewer.wait('pong')
        drain.join()
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
        self.assertTrue(agent.is_closed(30))
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
        slow, begin = [], time.monotonic()
        for i in range(8):
            viewer = Viewer(self.front, receive_bytes=4096)
            self.addCleanup(viewer.close)
            viewer.wait('owner')
            viewer.send(vdagent.request())
            agent.wait(vdagent.REQUEST)
            agent.grab(vdagent.TEXT)
            agent.give(vdagent.TEXT, bytes([65 + i]) * (32 * MIB))
            good.send(ws.ping(i))
            good.wait('pong')
            slow.append(viewer)
        # Four of those are as much as may wait.
        good.send(vdagent.request())
        agent.wait(vdagent.REQUEST)
        agent.give(vdagent.TEXT, bytes(32 * MIB))
        self.check_busy(good.contents(), begin)
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
        slow, begin = [Viewer(self.front, receive_bytes=4096) for _ in range(4)], time.monotonic()
        for i, viewer in enumerate(slow):
            self.addCleanup(viewer.close)
            viewer.wait('owner')
            viewer.send(vdagent.request())
            agent.wait(vdagent.REQUEST)
            agent.give(vdagent.TEXT, bytes([65 + i]) * (32 * MIB))
            good.send(ws.ping(i))
            good.wait('pong')

        def answer():
            for viewer in slow:
                viewer.send(ws.ping(1))
            good.send(vdagent.request())
            agent.wait(vdagent.REQUEST)
            agent.give(vdagent.TEXT, bytes(32 * MIB))
            return good.contents()
        self.check_busy(answer(), begin)
        time.sleep(11)
        kind, contents = answer()
        self.assertEqual((kind, contents == bytes(32 * MIB)), (vdagent.ANSWERED, True))
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


class WithoutAnAgent(unittest.TestCase):
    def test_the_page_hears_nothing_of_it_and_may_not_use_it(self):
        front = screen.Front()
        viewer = Viewer(front)
        viewer.send(ws.ping(1))
        while (found := viewer.next()[0]) != 'pong':
            self.assertNotEqual(found, 'agent')
        viewer.send(vdagent.request())
        with self.assertRaises(ws.Closed) as caught:
            while True:
                viewer.receive()
        self.assertEqual(caught.exception.code, 4400)
        front.stop()


class Restart(unittest.TestCase):
    def test_a_new_screen_process_takes_the_connection(self):
        with tempfile.TemporaryDirectory(prefix='vitrine-agent-') as folder:
            path = os.path.join(folder, 'agent')
            front = screen.Front(f'agent={path}')
            agent = Agent(path)
            agent.begin()
            before = front.screen()
            screen.kill(before)
            self.assertTrue(agent.is_closed())
            harness.wait_for(lambda: [pid for pid in harness.children(front.pid) if pid != before], 60, 'a new process')
            with Agent(path) as agent:  # as QEMU's chardev does with reconnect-ms
                agent.begin()
                viewer = Viewer(front)
                viewer.wait_state(vdagent.READY)
                viewer.close()
            front.stop()


class Secrets(AgentTest):
    def test_nothing_of_the_contents_is_logged(self):
        agent, viewer = self.both()
        viewer.put(b'secret-of-the-page')
        agent.wait(vdagent.GRAB)
        agent.grab(vdagent.TEXT)
        viewer.wait('owner')
        viewer.send(vdagent.request())
        agent.wait(vdagent.REQUEST)
        agent.give(vdagent.TEXT, b'secret-of-the-guest')
        viewer.contents()
        viewer.send(vdagent.file_start(1, 10, b'secret-name'))
        agent.wait(vdagent.FILE_START)
        log = self.front.log()
        self.assertIn('agent', log)
        self.assertNotIn('secret', log)


if __name__ == '__main__':
    screen.FRONT = os.path.abspath(sys.argv.pop(2))
    harness.main()
