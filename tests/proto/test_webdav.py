#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The folder that guest and page share: WebDAV over the port of spice-webdavd, the page's messages, and what a hostile guest or
viewer cannot do."""

import contextlib
import os
import random
import re
import shutil
import struct
import sys
import tempfile
import time

import harness
import screen
import webdav
import ws
from viewer_case import FrontCase
from webdav import Port, Viewer

MIB = 1 << 20
SIZE = 16 * MIB
MAX_NODES = 4096
MAX_CLIENTS = 64


def some_bytes(size, seed=1):
    return random.Random(seed).randbytes(size)


class FolderTest(FrontCase):
    VIEWER = Viewer

    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix='vitrine-webdav-')
        cls.addClassCleanup(shutil.rmtree, cls.dir)
        cls.path = os.path.join(cls.dir, 'port')
        cls.start(f'webdav={cls.path}', f'webdav-size={SIZE // MIB}')

    def setUp(self):
        super().setUp()
        self.watcher = self.viewer()
        self.watcher.wait_state(webdav.ABSENT)
        self.port = self.connect()
        for entry in self.watcher.entries().values():
            self.watcher.send(webdav.remove(entry.id))
        self.assertEqual(self.watcher.entries(), {})

    def connect(self):
        port = Port(self.path)
        self.addCleanup(port.close)
        self.watcher.wait_state(webdav.SILENT)
        return port

    def status(self, *args, **options):
        return self.port.request(*args, **options).status

    def names(self):
        return sorted(self.watcher.entries())

    def used(self):
        """Bytes in files; a viewer that has just come is told."""
        with Viewer(self.front) as viewer:
            return viewer.wait('folder')['used']


class Methods(FolderTest):
    def test_options(self):
        reply = self.port.request('OPTIONS', '/')
        self.assertEqual((reply.status, reply.headers['dav']), (200, '1, 2'))
        self.assertIn('propfind', reply.headers['allow'])

    def test_put_and_get(self):
        data = some_bytes(3 * MIB + 17)
        self.assertEqual(self.status('PUT', '/a.bin', data), 201)
        reply = self.port.request('GET', '/a.bin')
        self.assertEqual((reply.status, reply.body == data), (200, True))
        head = self.port.request('HEAD', '/a.bin')
        self.assertEqual((head.status, head.headers['content-length'], head.headers['etag']),
                         (200, str(len(data)), reply.headers['etag']))
        self.assertEqual(self.status('PUT', '/a.bin', b'new'), 204)
        self.assertEqual(self.port.request('GET', '/a.bin').body, b'new')
        self.assertEqual(self.status('PUT', '/empty', b''), 201)
        self.assertEqual(self.port.request('GET', '/empty').body, b'')
        self.assertEqual(self.names(), ['a.bin', 'empty'])

    def test_a_body_in_chunks(self):
        body = b''.join(b'%x;ext=1\r\n%s\r\n' % (size, b'x' * size) for size in (1, 70000, 15, 0x1234)) + b'0\r\nTrailer: y\r\n\r\n'
        for step in (1, 7, 65535):
            self.port.frame(5, b'PUT /chunks HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n')
            self.port.stream(5, body, max(step, len(body) // 500))
            self.assertIn(self.port.reply(5).status, (201, 204))
            self.assertEqual(len(self.port.request('GET', '/chunks').body), 70016 + 0x1234)

    def test_a_request_in_pieces(self):
        request = b'PUT /pieces HTTP/1.1\r\nContent-Length: 5\r\n\r\nhallo'
        for i in range(len(request)):
            self.port.frame(2, request[i:i + 1])
        self.assertEqual(self.port.reply(2).status, 201)
        frames = struct.pack('<qH', 3, len(request)) + request
        for i in range(len(frames)):
            self.port.send(frames[i:i + 1])
        self.assertEqual(self.port.reply(3).status, 204)

    def test_several_requests_at_once(self):
        self.port.frame(2, b'PUT /a HTTP/1.1\r\nContent-Length: 1\r\n\r\nxGET /a HTTP/1.1\r\n\r\nDELETE /a HTTP/1.1\r\n\r\n')
        self.assertEqual([self.port.reply(2).status for _ in range(3)], [201, 200, 204])

    def test_expect(self):
        self.port.frame(4, b'PUT /e HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n')
        self.assertEqual(self.port.reply(4).status, 100)
        self.port.frame(4, b'abc')
        self.assertEqual(self.port.reply(4).status, 201)

    def test_ranges(self):
        self.port.request('PUT', '/r', bytes(range(100)))
        for text, status, body in (('bytes=0-0', 206, [0]), ('bytes=90-', 206, range(90, 100)), ('bytes=-5', 206, range(95, 100)),
                                   ('bytes=5-1000', 206, range(5, 100)), ('bytes=100-', 416, []), ('bytes=-1000', 206, range(100)),
                                   ('bytes=-0', 416, []), ('bytes=5-4', 200, range(100)), ('bytes=1-2,4-5', 200, range(100)),
                                   ('lines=1-2', 200, range(100)), ('bytes=99999999999999999999999-', 200, range(100))):
            reply = self.port.request('GET', '/r', Range=text)
            self.assertEqual((reply.status, reply.body), (status, bytes(body)), text)
        etag = self.port.request('HEAD', '/r').headers['etag']
        self.assertEqual(self.port.request('GET', '/r', Range='bytes=1-1', If_Range=etag).status, 206)
        self.assertEqual(self.port.request('GET', '/r', Range='bytes=1-1', If_Range='"else"').status, 200)

    def test_folders(self):
        self.assertEqual(self.status('MKCOL', '/a'), 201)
        self.assertEqual(self.status('MKCOL', '/a'), 405)
        self.assertEqual(self.status('MKCOL', '/b/c'), 409)
        self.assertEqual(self.status('MKCOL', '/c', b'body'), 415)
        self.assertEqual(self.status('PUT', '/b/c', b''), 409)
        self.assertEqual(self.status('PUT', '/a', b''), 405)
        self.assertEqual(self.status('PUT', '/a/x', b'1'), 201)
        self.assertEqual(self.status('MKCOL', '/a/x/y'), 409)
        self.assertEqual(self.status('DELETE', '/a'), 204)
        self.assertEqual(self.status('GET', '/a/x'), 404)
        self.assertEqual(self.status('DELETE', '/a'), 404)
        self.assertEqual(self.status('DELETE', '/'), 403)

    def test_lists(self):
        self.port.request('MKCOL', '/s%20p')
        self.port.request('PUT', '/s%20p/%C3%A4%26%3C%3E%22.txt', b'12345')
        reply = self.port.request('PROPFIND', '/s%20p', Depth='1')
        self.assertEqual(reply.status, 207)
        self.assertEqual(re.findall(rb'<D:href>([^<]*)', reply.body), [b'/s%20p/', b'/s%20p/%C3%A4%26%3C%3E%22.txt'])
        self.assertIn('<D:displayname>ä&amp;&lt;&gt;&quot;.txt<'.encode(), reply.body)
        self.assertIn(b'<D:getcontentlength>5<', reply.body)
        self.assertEqual(len(re.findall(rb'<D:href>', self.port.request('PROPFIND', '/', Depth='0').body)), 1)
        self.assertEqual(self.status('PROPFIND', '/', Depth='infinity'), 403)
        self.assertEqual(self.status('PROPFIND', '/none', Depth='0'), 404)
        # By GET there is none: it is the only request of pages without a sign of it, on sites without TLS.
        self.assertEqual(self.status('GET', '/s%20p/'), 405)

    def test_times(self):
        reply = self.port.request('PROPFIND', '/', Depth='0')
        self.assertRegex(reply.headers['date'], r'^(mon|tue|wed|thu|fri|sat|sun), \d\d (\w{3}) 20\d\d \d\d:\d\d:\d\d gmt$')
        self.assertRegex(reply.body, rb'<D:creationdate>20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ<')

    def test_copy_and_move(self):
        self.port.request('MKCOL', '/a')
        self.port.request('PUT', '/a/f', b'one')
        self.port.request('MKCOL', '/a/deep')
        self.port.request('PUT', '/a/deep/g', b'two')
        to = 'http://localhost:9843/'
        self.assertEqual(self.status('COPY', '/a', Destination=to + 'b'), 201)
        self.assertEqual(self.port.request('GET', '/b/deep/g').body, b'two')
        self.assertEqual(self.status('COPY', '/a', Destination=to + 'c', Depth='0'), 201)
        self.assertEqual(self.status('GET', '/c/f'), 404)
        self.assertEqual(self.status('MOVE', '/b/f', Destination='/c/f2'), 201)
        self.assertEqual(self.status('GET', '/b/f'), 404)
        self.assertEqual(self.status('MOVE', '/a', Destination=to + 'c', Overwrite='F'), 412)
        self.assertEqual(self.status('MOVE', '/a', Destination=to + 'c'), 204)
        self.assertEqual(self.status('GET', '/c/f2'), 404)
        self.assertEqual(self.port.request('GET', '/c/deep/g').body, b'two')
        for source, target, status in (('/c', '/c', 403), ('/c', '/c/deep/x', 403), ('/c/deep', '/c', 403), ('/', '/x', 403),
                                       ('/c', '/none/x', 409), ('/none', '/x', 404), ('/c', '/', 403), ('/c', '', 400),
                                       ('/c', '/x%2fy', 400), ('/c', '/../x', 400)):
            for method in 'COPY', 'MOVE':
                self.assertEqual(self.status(method, source, Destination=target), status, (method, source, target))
        self.assertEqual(self.status('MOVE', '/c', Destination='http://elsewhere.example/x'), 502)
        self.assertEqual(self.names(), ['b', 'c'])

    def test_locks(self):
        self.port.request('PUT', '/f', b'one')
        body = b'<?xml version="1.0"?><lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope>' \
               b'<locktype><write/></locktype></lockinfo>'
        reply = self.port.request('LOCK', '/f', body, Timeout='Second-100')
        token = reply.headers['lock-token']
        self.assertEqual(reply.status, 200)
        self.assertIn(b'<D:timeout>Second-100<', reply.body)
        self.assertEqual(self.status('PUT', '/f', b'two'), 423)
        self.assertEqual(self.status('DELETE', '/f'), 423)
        self.assertEqual(self.status('MOVE', '/f', Destination='/g'), 423)
        self.assertEqual(self.status('LOCK', '/f', body), 423)
        self.assertEqual(self.status('PUT', '/f', b'two', If=f'({token})'), 204)
        self.assertEqual(self.status('PUT', '/f', b'two', If='(<urn:x>)'), 412)
        self.assertEqual(self.status('LOCK', '/f', If=f'({token})'), 200)
        self.assertEqual(self.status('LOCK', '/f', body.replace(b'exclusive', b'shared')), 501)
        self.assertIn(token[1:-1].encode(), self.port.request('PROPFIND', '/f', Depth='0').body.lower())
        self.assertEqual(self.status('UNLOCK', '/f', Lock_Token='<urn:x>'), 409)
        self.assertEqual(self.status('UNLOCK', '/f', Lock_Token=token), 204)
        self.assertEqual(self.status('PUT', '/f', b'three'), 204)
        self.assertEqual(self.status('LOCK', '/new', body), 201)
        self.assertEqual(self.port.request('GET', '/new').body, b'')
        # What a viewer removes takes its lock along.
        self.watcher.send(webdav.remove(self.watcher.entries()['new'].id))
        self.assertEqual(self.names(), ['f'])
        self.assertEqual(self.status('PUT', '/new', b''), 201)

    def test_conditions(self):
        self.assertEqual(self.status('PUT', '/c', b'1', If_None_Match='*'), 201)
        self.assertEqual(self.status('PUT', '/c', b'2', If_None_Match='*'), 412)
        etag = self.port.request('HEAD', '/c').headers['etag']
        self.assertEqual(self.status('GET', '/c', If_None_Match=etag), 304)
        self.assertEqual(self.status('PUT', '/c', b'2', If_Match=etag), 204)
        self.assertEqual(self.status('PUT', '/c', b'3', If_Match=etag), 412)
        etag = self.port.request('HEAD', '/c').headers['etag']
        for text, status in ((f'([{etag}])', 204), (f'([{etag}])', 412), ('(Not <urn:x>)', 204), ('(', 400), ('(<urn:x>', 400),
                             ('</c> (Not <urn:x>)', 204), ('</../c> ([x])', 412), ('nonsense', 400)):
            self.assertEqual(self.status('PUT', '/c', b'4', If=text), status, text)

    def test_unknown_methods(self):
        for method, status in (('PROPPATCH', 403), ('POST', 501), ('REPORT', 501)):
            self.assertEqual(self.status(method, '/', b'<x/>'), status)


class Page(FolderTest):
    def test_states(self):
        viewer = self.viewer()
        self.assertEqual(viewer.wait('folder')['state'], webdav.SILENT)
        self.port.request('OPTIONS', '/')
        found = viewer.wait_state(webdav.READY)
        self.assertEqual((found['used'], found['most']), (0, SIZE))
        self.port.close()
        viewer.wait_state(webdav.ABSENT)

    def test_what_the_guest_writes(self):
        data = some_bytes(5 * MIB)
        before = self.viewer().wait('folder')['changes']
        self.port.request('MKCOL', '/d')
        self.port.request('PUT', '/d/ä.bin', data)
        while self.watcher.wait('folder')['changes'] < before + 2:
            pass
        entries = self.watcher.entries()
        self.assertTrue(entries['d'].is_folder)
        entry = self.watcher.entries(entries['d'].id)['ä.bin']
        self.assertEqual((entry.size, entry.is_folder), (len(data), 0))
        self.assertEqual(self.watcher.fetch(entry.id), (webdav.DONE, data))
        self.assertEqual(self.watcher.fetch(entries['d'].id), (webdav.GONE, b''))
        self.assertEqual(self.watcher.fetch(12345678), (webdav.GONE, b''))
        self.assertIsNone(self.watcher.entries(12345678))
        self.assertIsNone(self.watcher.entries(entry.id))
        self.watcher.send(webdav.remove(entries['d'].id))
        self.watcher.send(webdav.remove(0)) # not the folder itself
        self.assertEqual(self.names(), [])
        self.assertEqual(self.status('GET', '/d/ä.bin'), 404)

    def test_what_a_viewer_puts(self):
        data = some_bytes(MIB + 1)
        self.assertEqual(self.watcher.give('von der Seite ü.bin'.encode(), data), webdav.DONE)
        self.assertEqual(self.port.request('GET', '/von%20der%20Seite%20%C3%BC.bin').body, data)
        self.assertEqual(self.watcher.give(b'empty', b''), webdav.DONE)
        self.assertEqual(self.watcher.give(b'empty', b'x'), webdav.TAKEN)
        for name in b'', b'.', b'..', b'a/b', b'\xff', b'a\nb', b'x' * 256, 'a\u0085'.encode(), b'\xed\xa0\x80', b'\xc0\xaf':
            self.assertEqual(self.watcher.give(name, b'x'), webdav.INVALID, name)
        self.assertEqual(self.watcher.give(b'x', b'x', node=99999999), webdav.GONE)
        self.assertEqual(self.names(), ['empty', 'von der Seite ü.bin'])

    def test_cancelled_files_leave_nothing(self):
        self.watcher.send(webdav.put(1, 4 * MIB, b'cancelled'))
        for _ in range(32):
            self.watcher.send(webdav.data(1, bytes(65536)))
        self.watcher.send(webdav.cancel(1))
        self.watcher.send(webdav.data(1, b'late'))
        other = self.viewer()
        other.send(webdav.put(1, 4 * MIB, b'interrupted'))
        other.send(webdav.data(1, bytes(65536)))
        self.assertEqual(other.entries(), {})
        other.close()
        self.port.frame(9, b'PUT /of-the-guest HTTP/1.1\r\nContent-Length: 4000000\r\n\r\n' + bytes(60000))
        self.port.frame(9, b'')
        self.assertEqual(self.status('GET', '/of-the-guest'), 404)
        self.assertEqual(self.names(), [])
        harness.wait_for(lambda: self.used() == 0, 60, 'the budget is given back')

    def test_a_cancelled_download(self):
        data = some_bytes(8 * MIB)
        self.port.request('PUT', '/f', data)
        entry = self.watcher.entries()['f']
        self.watcher.send(webdav.get(1, entry.id))
        self.watcher.wait('part')
        self.watcher.send(webdav.cancel(1))
        self.assertEqual(self.watcher.fetch(entry.id, 2), (webdav.DONE, data))

    def test_a_file_that_is_replaced_while_it_is_read(self):
        data = some_bytes(8 * MIB)
        self.port.request('PUT', '/f', data)
        viewer = self.viewer()
        viewer.send(webdav.get(1, viewer.entries()['f'].id))
        first = viewer.wait('part')['data']
        self.port.request('PUT', '/f', b'new')
        parts = [first]
        while (message := viewer.next())[0] != 'transfer':
            if message[0] == 'part':
                parts.append(message[1]['data'])
        self.assertEqual(b''.join(parts), data)
        self.assertEqual(viewer.fetch(viewer.entries()['f'].id, 2), (webdav.DONE, b'new'))

    def test_many_entries(self):
        for i in range(600):
            self.port.request('PUT', f'/{i:03}' + 'n' * 200, b'')
        self.assertEqual(self.names(), [f'{i:03}' + 'n' * 200 for i in range(600)])

    def test_no_space(self):
        self.assertEqual(self.watcher.give(b'large', bytes(SIZE + 1)), webdav.NO_SPACE)
        self.port.request('PUT', '/a', bytes(SIZE - MIB))
        self.watcher.send(webdav.put(1, 2 * MIB, b'b'))
        found = self.watcher.wait('transfer')
        self.assertEqual((found['state'], found['value']), (webdav.NO_SPACE, MIB))
        self.assertEqual(self.names(), ['a'])

    def test_while_another_person_has_control(self):
        self.port.request('PUT', '/f', b'contents')
        first, second = self.watcher, self.viewer()
        first.send(webdav.put(9, 4, b'begun'))
        first.send(webdav.data(9, b'be'))
        self.assertEqual(list(first.entries()), ['f'])
        second.send(ws.control(ws.TAKE))
        second.send(ws.ping(1))
        second.wait('pong')
        first.send(webdav.remove(first.entries()['f'].id))
        self.assertEqual(first.wait('notice')['text'], 'another person has control')
        first.send(webdav.put(1, 1, b'x'))
        self.assertEqual(first.wait('transfer')['state'], webdav.CONTROLLED)
        self.assertEqual(first.fetch(first.entries()['f'].id), (webdav.DONE, b'contents'))
        first.send(webdav.data(9, b'un'))
        self.assertEqual(first.wait('transfer')['state'], webdav.DONE)
        self.assertEqual(second.give(b'y', b'y'), webdav.DONE)
        self.assertEqual(self.names(), ['begun', 'f', 'y'])

    def test_who_only_watches_has_none_of_it(self):
        for message in (webdav.list_folder(), webdav.get(1, 1), webdav.remove(1), webdav.put(1, 1, b'x'), webdav.data(1, b'x'),
                        webdav.cancel(1)):
            viewer = self.viewer(self.front.view_token)
            viewer.send(message)
            self.expect_close(viewer, 4403)
        viewer = self.viewer(self.front.view_token)
        self.port.request('PUT', '/secret', b'1')
        viewer.send(ws.ping(1))
        while (message := viewer.receive())[0] != 0x88:
            self.assertNotIn(message[0], range(0xa6, 0xb0))


class HostileViewers(FolderTest):
    def test_invalid_messages(self):
        for message in (b'\x27', b'\x27\0', b'\x27\0\0\0\0', b'\x27\x01\0\0\0\0', b'\x27\0\0\0\0\0\0', b'\x2d\0', b'\x2f\0\0\0\0\0',
                        webdav.data(1, b''), webdav.data(1, bytes(65537)), webdav.put(1, 1, bytes(65537))):
            viewer = self.viewer()
            viewer.send(message)
            self.expect_close(viewer, 4400)

    def test_more_than_announced(self):
        self.watcher.send(webdav.put(1, 10, b'x'))
        self.watcher.send(webdav.data(1, bytes(11)))
        self.expect_close(self.watcher, 4400)

    def test_data_for_a_download(self):
        self.port.request('PUT', '/f', bytes(4 * MIB))
        viewer = self.viewer()
        viewer.send(webdav.get(1, viewer.entries()['f'].id))
        viewer.send(webdav.data(1, b'x'))
        self.expect_close(viewer, 4400)

    def test_too_many_transfers(self):
        for i in range(9):
            self.watcher.send(webdav.put(i, 10, b'%d' % i))
        self.expect_close(self.watcher, 4400)

    def test_two_lists_at_once(self):
        for i in range(100):
            self.port.request('PUT', f'/{i}' + 'n' * 200, b'')
        viewer = self.viewer()
        for _ in range(50):
            viewer.send(webdav.list_folder())
        self.expect_close(viewer, 4400)

    def test_without_a_folder(self):
        front = screen.Front()
        self.addCleanup(front.stop)
        viewer = Viewer(front)
        self.addCleanup(viewer.close)
        viewer.send(webdav.list_folder())
        self.expect_close(viewer, 4400)


class HostileGuests(FolderTest):
    def works(self, number=77):
        self.assertEqual(self.status('PUT', '/still', b'x', number=number), 201)
        self.assertEqual(self.status('DELETE', '/still', number=number), 204)

    def test_paths(self):
        for path in ('/..', '/../etc/passwd', '/a/../b', '/%2e%2e', '/.', '/a%00b', '/a%2fb', '/%ff', '/%zz', '/%4', '/a%0ab',
                     '/' + 'x' * 256, '/%C2%85'):
            for method in 'PUT', 'GET', 'DELETE', 'MKCOL':
                self.assertEqual(self.status(method, path), 400, (method, path))
        self.assertEqual(self.status('PUT', '/' + '/'.join(['y' * 255] * 18)), 414)
        self.works()
        self.assertEqual(self.names(), [])

    def test_names_of_the_dns(self):
        """A page in the guest's browser whose name leads to the guest itself."""
        for method, body in ('GET', None), ('PUT', b'x'), ('DELETE', None), ('PROPFIND', None), ('OPTIONS', None):
            for host in 'evil.example', 'evil.example:9843', 'localhost.evil.example':
                self.assertEqual(self.status(method, '/f', body, Host=host), 403, (method, host))
        self.assertEqual(self.names(), [])
        for host in 'localhost', '127.0.0.1:9843', '[::1]:9843', 'desktop.local:9843', 'desktop', None:
            self.assertEqual(self.status('OPTIONS', '/', Host=host), 200)

    def test_pages_of_a_browser(self):
        """A page whose name leads to the guest: .local and single-label names are answered by any machine of its network.
        The header's value is of no interest, nor is its case."""
        self.assertEqual(self.status('PUT', '/f', b'kept'), 201)
        page = {'Origin': 'http://evil.local:9843'}, {'oRIGIN': 'null'}, {'Origin': ''}, {'Sec_Fetch_Site': 'same-origin'}, \
            {'Sec_Fetch_Site': 'none'}, {'sec_fetch_mode': 'navigate'}
        for method, path, body in (('GET', '/f', None), ('HEAD', '/f', None), ('PUT', '/f', b'x'), ('PUT', '/g', b'x'),
                                   ('DELETE', '/f', None), ('PROPFIND', '/', None), ('OPTIONS', '/', None),
                                   ('MKCOL', '/h', None), ('LOCK', '/f', None), ('POST', '/f', b'x')):
            for host in 'evil.local:9843', 'evil:9843', 'localhost:9843', '127.0.0.1:9843', None:
                for sent in page:
                    self.assertEqual(self.status(method, path, body, Host=host, **sent), 403, (method, host, sent))
        # What follows on the same connection is judged by itself.
        self.assertEqual(self.port.request('GET', '/f').body, b'kept')
        self.assertEqual(self.names(), ['f'])

    def test_heads(self):
        for number, head in enumerate((b'GET /\r\n\r\n', b'GET / HTTP/2.0\r\n\r\n', b'GET / HTTP/1.1\r\nno colon\r\n\r\n',
                                       b'GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n', b'GET / HTTP/1.1\r\n: x\r\n\r\n',
                                       b'GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n', b'GET /\0 HTTP/1.1\r\n\r\n',
                                       b'PUT /x HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n',
                                       b'PUT /x HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
                                       b'PUT /x HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n',
                                       b'PUT /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n',
                                       b'PUT /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n',
                                       b'PUT /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n'), 100):
            self.port.frame(number, head)
            reply = self.port.reply(number)
            self.assertEqual((reply.status, reply.headers['connection']), (400, 'close'), head)
            self.port.frame(number, b'more of the same')
            # The same number, as spice-webdavd reuses them.
            self.works(number)
        for number, head in enumerate((b'GET / HTTP/1.1\r\n' + b'A: b\r\n' * 6000, b'G' + b'E' * 40000), 200):
            self.port.stream(number, head)
            self.assertEqual(self.port.reply(number).status, 431)
        self.works()
        self.assertEqual(self.names(), [])

    def test_changes_cost_viewers_little(self):
        self.watcher.send(ws.ping(1))
        self.watcher.wait('pong')
        until = time.monotonic() + 2
        while time.monotonic() < until:
            self.works()
        self.port.request('PUT', '/last', b'12345')
        told = [self.watcher.wait('folder')]
        while told[-1]['used'] != 5:
            told.append(self.watcher.wait('folder'))
        self.assertLess(len(told), 20)

    def test_no_space(self):
        self.assertEqual(self.status('PUT', '/l', Content_Length=str(1 << 40)), 507)
        self.port.frame(2, b'PUT /l HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n')
        chunk = b'ff00\r\n' + bytes(0xff00) + b'\r\n'
        for _ in range(2 * SIZE // 0xff00):
            self.port.stream(2, chunk)
        self.port.frame(2, b'0\r\n\r\n')
        self.assertEqual(self.port.reply(2).status, 507)
        self.works(2)
        self.assertEqual((self.names(), self.used()), ([], 0))

    def test_a_refusal_before_the_body(self):
        """The body of a request that is refused is skipped; whether it comes at all is not known after Expect."""
        self.port.frame(2, b'PUT /no/such HTTP/1.1\r\nContent-Length: 30000\r\n\r\n')
        self.assertEqual(self.port.reply(2).status, 409)
        self.port.frame(2, b'GET / HTTP/1.1\r\n\r\n'.ljust(30000, b'x'))
        self.works(2)
        self.port.frame(3, b'PUT /no/such HTTP/1.1\r\nContent-Length: 30000\r\nExpect: 100-continue\r\n\r\n')
        reply = self.port.reply(3)
        self.assertEqual((reply.status, reply.headers['connection']), (409, 'close'))
        self.works(3)

    def test_many_files(self):
        for first in range(0, MAX_NODES, 128):
            self.port.frame(1, b''.join(b'PUT /%d HTTP/1.1\r\nContent-Length: 0\r\n\r\n' % i for i in range(first, first + 128)))
            self.assertEqual({self.port.reply(1).status for _ in range(128)}, {201})
        self.assertEqual(self.status('PUT', '/more', b''), 507)
        self.assertEqual(self.status('MKCOL', '/more'), 507)
        self.assertEqual(self.status('COPY', '/1', Destination='/more'), 507)
        self.assertEqual(self.watcher.give(b'more', b''), webdav.FAILED)
        self.assertEqual(len(self.watcher.entries()), MAX_NODES)
        self.assertEqual(self.port.request('PROPFIND', '/', Depth='1').body.count(b'<D:response>'), MAX_NODES + 1)
        # Lists that nothing reads: only a few are made.
        for number in range(MAX_CLIENTS):
            self.port.frame(number, b'PROPFIND / HTTP/1.1\r\nDepth: 1\r\n\r\n')
        self.assertEqual(len(self.watcher.entries()), MAX_NODES)
        statuses = [self.port.reply(number).status for number in range(MAX_CLIENTS)]
        self.assertEqual(set(statuses), {207, 503})

    def test_work_for_the_host_does_not_hold_up_viewers(self):
        """Requests that cost the host much more than the guest: many of them come at once."""
        for first in range(0, 4000, 50):
            self.port.frame(1, b''.join(b'PUT /%04d%s HTTP/1.1\r\nContent-Length: 0\r\n\r\n' % (i, b'n' * 200)
                                        for i in range(first, first + 50)))
            self.assertEqual({self.port.reply(1).status for _ in range(50)}, {201})
        lists = b'PROPFIND / HTTP/1.1\r\nDepth: 1\r\n\r\n'
        for name, once, request in (('lists that nothing takes', 2000, lists),
                                    ('many requests in one frame', 1, b'HEAD / HTTP/1.1\r\n\r\n' * 800),
                                    ('a header with many paths', 6, b'GET / HTTP/1.1\r\nIf: %s\r\n\r\n' % (b'</n>' * 7900))):
            with self.subTest(name):
                end = b'' if once == 1 else struct.pack('<qH', 5, 0)
                self.port.sock.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    self.port.sock.send((struct.pack('<qH', 5, len(request)) + request + end) * once)
                took = []
                for i in range(10):
                    begin = time.monotonic()
                    self.watcher.send(ws.ping(i))
                    self.watcher.wait('pong')
                    took.append(time.monotonic() - begin)
                self.assertLess(max(took), 5)
                self.port.close()
                self.watcher.wait_state(webdav.ABSENT)
                self.port = self.connect()
        self.assertEqual(self.status('GET', '/', If='</n>' * 256 + '(<urn:x>)'), 412)
        self.assertEqual(self.status('GET', '/', If='</n>' * 257 + '(<urn:x>)'), 400)

    def test_deep_folders(self):
        path = ''
        for _ in range(16):
            path += '/d'
            self.assertEqual(self.status('MKCOL', path), 201)
        self.assertEqual(self.status('MKCOL', path + '/d'), 507)
        self.port.request('MKCOL', '/e')
        self.port.request('MKCOL', '/e/e')
        self.assertEqual(self.status('MOVE', '/e', Destination=path[:-2] + '/e'), 507)
        self.assertEqual(self.status('COPY', '/e', Destination=path[:-2] + '/e'), 507)
        self.assertEqual(self.status('GET', path[:-2] + '/e'), 404)
        self.assertEqual(self.status('PROPFIND', '/e/e', Depth='0'), 207)

    def test_many_clients(self):
        """The one that was silent for the longest time ends."""
        for number in range(1, 4 * MAX_CLIENTS):
            self.port.frame(number, b'PUT /%d HTTP/1.1\r\nContent-Length: 300000\r\n\r\n' % number + bytes(60000))
        self.works(4 * MAX_CLIENTS)
        self.assertLessEqual(self.used(), MAX_CLIENTS * (300000 + 262144))
        self.assertEqual(self.names(), [])

    def test_a_guest_that_does_not_read(self):
        self.port.request('PUT', '/f', some_bytes(8 * MIB))
        for number in range(2, 40):
            self.port.frame(number, b'GET /f HTTP/1.1\r\n\r\n')
        with Viewer(self.front) as viewer:
            self.assertEqual(viewer.fetch(viewer.entries()['f'].id), (webdav.DONE, some_bytes(8 * MIB)))
        for number in range(2, 40):
            self.assertEqual(self.port.reply(number).body, some_bytes(8 * MIB))

    def test_a_number_that_is_reused(self):
        """spice-webdavd does not always tell the end of a client, and gives its number to another one."""
        self.port.request('PUT', '/f', some_bytes(8 * MIB))
        self.port.frame(5, b'GET /f HTTP/1.1\r\n\r\n')
        self.port.pump()
        self.port.frame(5, b'OPTIONS / HTTP/1.1\r\n\r\n')
        while b'DAV: 1, 2' not in self.port.streams[5]:
            self.port.pump()
        self.assertLess(len(self.port.streams[5]), 8 * MIB)

    def test_pipelines_are_bounded(self):
        self.port.stream(5, b'OPTIONS / HTTP/1.1\r\n\r\n' * 100000)
        with Viewer(self.front) as viewer:
            viewer.entries()
        self.works()

    def test_lost_frames(self):
        """If the stream begins in the middle of a frame, the host connects anew."""
        with contextlib.suppress(OSError):
            self.port.send(some_bytes(4 * MIB))
        self.assertTrue(self.port.is_closed())
        self.watcher.wait_state(webdav.ABSENT)
        self.port = self.connect()
        self.works()

    def test_an_end_of_nothing(self):
        for number in 0, -1, 1 << 62, -(1 << 63):
            self.port.frame(number, b'')
        self.works(-(1 << 63))

    def test_a_second_connection_is_refused(self):
        second = Port(self.path)
        self.addCleanup(second.close)
        self.assertTrue(second.is_closed())
        self.works()

    def test_a_new_connection_begins_anew(self):
        self.port.request('PUT', '/kept', b'kept')
        self.port.frame(1, b'PUT /x HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc')
        self.port.send(b'\1\2\3')
        self.port.close()
        self.watcher.wait_state(webdav.ABSENT)
        self.port = self.connect()
        self.works(1)
        self.assertEqual(self.port.request('GET', '/kept').body, b'kept')


class Secrets(FolderTest):
    def test_names_and_contents_are_not_logged(self):
        self.port.request('PUT', '/name-of-a-secret', b'contents-of-a-secret')
        self.port.request('GET', '/name-of-a-secret/..')
        self.port.frame(3, b'NONSENSE name-of-a-secret')
        self.watcher.give(b'name-of-a-secret', b'contents-of-a-secret')
        self.watcher.fetch(self.watcher.entries()['name-of-a-secret'].id)
        self.assertNotIn('secret', self.front.log())


if __name__ == '__main__':
    screen.FRONT = os.path.abspath(sys.argv.pop(2))
    harness.main()
