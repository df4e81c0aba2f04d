#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Clipboard and files through the guest's agent: what comes through, and what is refused. What a hostile agent or viewer
cannot do is in test_agent_hostile.py."""

import hashlib
import os
import struct
import sys
import tempfile
import threading
import unittest

import harness
import screen
import vdagent
import ws
from agent_case import MIB, AgentTest, some_bytes
from vdagent import Agent, Viewer


def every_script(size):
    """UTF-8 text with letters of all planes that have any."""
    ranges = ((0x20, 0x7f), (0xa0, 0x250), (0x370, 0x590), (0x5d0, 0x5eb), (0x620, 0x650), (0x905, 0x940), (0xe01, 0xe30),
              (0x10a0, 0x1100), (0x3041, 0x3100), (0x4e00, 0x5000), (0xac00, 0xad00), (0x10330, 0x10340), (0x1f600, 0x1f640),
              (0x20000, 0x20100))
    letters = ''.join(chr(code) for first, last in ranges for code in range(first, last)) + '\r\n\t\n'
    data = (letters * (size // len(letters.encode()) + 1)).encode()[:size]
    return data.decode(errors='ignore').encode().ljust(size)


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
        viewer.send(ws.ping(1))
        while (found := viewer.next()[0]) != 'pong':
            self.assertNotEqual(found, 'result')
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
        files = {number: some_bytes(300000 + number, number) for number in range(4)}
        for number, data in files.items():
            viewer.send(vdagent.file_start(number, len(data), f'{number}'.encode()))

        def take_all():
            names, found, sizes = {}, {}, {}
            while len(names) < 4 or any(len(found[i]) < sizes[i] for i in names):
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
        for number in range(5):
            viewer.send(vdagent.file_start(number, 1, b'a'))
        found = viewer.wait('file')
        self.assertEqual((found['id'], found['state']), (4, vdagent.FILE_MANY))
        viewer.send(vdagent.file_cancel(3))
        for _ in range(4):
            agent.wait(vdagent.FILE_START)
        agent.wait(vdagent.FILE_STATUS)
        viewer.send(vdagent.file_start(17, 1, b'a'))
        agent.wait(vdagent.FILE_START)

    def guests(self, count):
        """-> viewers who control by a link"""
        owner = self.viewer()
        owner.send(ws.make_link(ws.CONTROL, 600))
        links = owner.wait('links', condition=lambda fields: any(link['kind'] == ws.CONTROL for link in fields['links'].values()))
        number, link = next((number, link) for number, link in links['links'].items() if link['kind'] == ws.CONTROL)
        self.addCleanup(owner.send, ws.end_link(number))
        guests = [self.viewer(link['token']) for _ in range(count)]
        for guest in guests:
            guest.wait_state(vdagent.READY)
        return guests

    def test_guests_leave_places_for_others(self):
        """All begin as many files as they can, and send nothing; also those who come back again and again."""
        agent, viewer = self.both()
        guests = self.guests(16)
        for _ in range(2):
            for guest in guests:
                for number in range(16):
                    guest.send(vdagent.file_start(number, MIB, b'taken'))
                guest.send(ws.ping(1))
                guest.wait('pong')
            for guest in guests:
                for number in range(16):
                    guest.send(vdagent.file_cancel(number))
        for guest in guests:
            for number in range(16):
                guest.send(vdagent.file_start(100 + number, MIB, b'taken'))
            guest.send(ws.ping(1))
            guest.wait('pong')

        def take_good():
            while b'name=good' not in (body := agent.wait(vdagent.FILE_START)):
                pass
            agent.status(file := struct.unpack_from('<I', body)[0], vdagent.CAN_SEND_DATA)
            data = agent.wait(vdagent.FILE_DATA)
            agent.status(file, vdagent.SUCCESS)
            return data[12:]
        taken = self.in_background(take_good)
        viewer.send(vdagent.file_start(1, 5, b'good'))
        self.assertEqual(viewer.wait('file')['state'], vdagent.FILE_GOING)
        viewer.send(vdagent.file_data(1, b'12345'))
        self.assertEqual(taken(), b'12345')
        viewer.wait('file', condition=lambda fields: fields['state'] == vdagent.FILE_DONE)

    def test_they_end_with_the_control(self):
        agent, viewer = self.both()
        guest, = self.guests(1)
        guest.send(vdagent.file_start(1, MIB, b'a'))
        guest.send(vdagent.file_start(2, MIB, b'b'))
        files = [struct.unpack_from('<I', agent.wait(vdagent.FILE_START))[0] for _ in range(2)]
        agent.status(files[0], vdagent.CAN_SEND_DATA)
        self.assertEqual(guest.wait('file')['state'], vdagent.FILE_GOING)
        guest.send(vdagent.file_data(1, bytes(65536)))
        agent.wait(vdagent.FILE_DATA)
        viewer.send(ws.control(ws.TAKE))
        ended = {agent.wait(vdagent.FILE_STATUS) for _ in range(2)}
        self.assertEqual(ended, {struct.pack('<II', file, vdagent.CANCELLED) for file in files})
        told = {}
        while len(told) < 2:
            found = guest.wait('file')
            if found['state'] != vdagent.FILE_GOING:
                told[found['id']] = found['state']
        self.assertEqual(told, {1: vdagent.FILE_CONTROLLED, 2: vdagent.FILE_CONTROLLED})
        # What is on its way does nothing, also when the guest may control again; then it has its places.
        guest.send(vdagent.file_data(1, bytes(65536)))
        viewer.send(ws.control(ws.SHARE))
        guest.wait('people', condition=lambda fields: fields['holder'] == 0)
        guest.send(vdagent.file_data(1, bytes(65536)))
        for number in range(4):
            guest.send(vdagent.file_start(10 + number, MIB, b'c'))
            self.assertIn(b'name=c', agent.wait(vdagent.FILE_START))
        self.ready(agent, viewer)

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
            except TimeoutError:  # only time can show that no more is allowed
                break
            while given < allowed:
                size = min(vdagent.PIECE, allowed - given)
                viewer.send(vdagent.file_data(1, bytes(size)))
                given += size
        self.assertLess(allowed, 4 * MIB)  # the window, and what the sockets hold


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
