#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Attacks on the places of a page's server: who has less right locks out nobody with more."""

import contextlib
import http.client
import json
import os
import socket
import sys
import threading

import harness
import screen
import ws
from test_links import LinkTest

MAX_SESSIONS, MAX_HELD, MAX_OF_LINK = 64, 48, 32
LONG_POLL = '/api/displays/0/frame.png?after=999999999'
# Of other machines, or customers: all of 127.0.0.0/8 is this machine.
ADDRESSES = [f'127.0.2.{number}' for number in range(1, 65)]


class PlaceTest(LinkTest):
    """The owner of setUp() sits in the page. `enters` is another one, who comes last."""

    def setUp(self):
        super().setUp()
        self.held = []
        self.addCleanup(lambda: [one.close() for one in self.held])

    def connect(self, address='127.0.0.1'):
        sock = socket.socket()
        self.held.append(sock)
        sock.settimeout(60)
        sock.bind((address, 0))
        sock.connect((self.front.host, self.front.port))
        return sock

    def watch(self, token, address='127.0.0.1'):
        """-> a viewer, or None if it is refused"""
        try:
            viewer = ws.Viewer(self.front, token, source=address)
        except (ws.Closed, ws.Refused, OSError):
            return None
        self.held.append(viewer)
        return viewer

    def crowd(self, token, count=MAX_SESSIONS, addresses=('127.0.0.1',)):
        """All the viewers that get in."""
        viewers = [self.watch(token, addresses[i % len(addresses)]) for i in range(count)]
        return [viewer for viewer in viewers if viewer]

    def ask(self, token, path=LONG_POLL, address='127.0.0.1', more=''):
        """Sends a request, whose answer nobody reads."""
        sock = self.connect(address)
        with contextlib.suppress(OSError):
            sock.sendall(f'GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n{more}\r\n'.encode())
        return sock

    def stays(self, viewer):
        """-> whether the viewer is still there: it gets its answer before it is ended"""
        try:
            viewer.send(ws.ping(7))
            viewer.wait('pong', 20)
            return True
        except (ws.Closed, OSError):
            return False

    def enters(self, address='127.0.0.1'):
        """An owner gets in, by the page and by HTTP, and the first one is still there."""
        owner = self.watch(self.front.token, address)
        self.assertIsNotNone(owner, 'an owner is refused')
        self.assertEqual(owner.welcome['may_control'], 1)
        for order in ('GET', '/api/displays'), ('PUT', '/api/displays/0', '{"width": 800, "height": 600}'):
            connection = http.client.HTTPConnection(self.front.host, self.front.port, timeout=60, source_address=(address, 0))
            with contextlib.closing(connection):
                connection.request(*order, headers={'Authorization': f'Bearer {self.front.token}'})
                self.assertIn(connection.getresponse().status, (200, 202))
        self.assertTrue(self.stays(owner) and self.stays(self.owner), 'an owner has lost the place')
        return owner


class ByOneLink(PlaceTest):
    def test_viewers(self):
        self.assertEqual(len(self.crowd(self.front.view_token)), MAX_OF_LINK)
        self.enters()

    def test_viewers_and_requests_that_wait(self):
        """As the audit did: 48 viewers, then 16 long polls."""
        for token in self.front.view_token, self.make(ws.CONTROL)[1]:
            self.crowd(token, 48)
            for _ in range(MAX_SESSIONS):
                self.ask(token)
            self.enters()

    def test_requests_that_wait(self):
        """They count to the link as viewers do."""
        socks = [self.ask(self.front.view_token) for _ in range(MAX_OF_LINK)]
        harness.wait_for(lambda: self.front.metrics()['vitrine_http_connections'] >= MAX_OF_LINK, 60, 'the requests')
        self.assertIsNone(self.watch(self.front.view_token), 'a link has more places by HTTP')
        more = self.ask(self.front.view_token)
        self.assertTrue(more.recv(4096).startswith(b'HTTP/1.1 503 '))
        self.enters()
        # One that ends makes room.
        socks[0].close()
        harness.wait_for(lambda: self.watch(self.front.view_token), 60, 'a place')

    def test_from_many_addresses(self):
        self.assertEqual(len(self.crowd(self.front.view_token, addresses=ADDRESSES)), MAX_OF_LINK)
        for address in ADDRESSES:
            self.ask(self.front.view_token, address=address)
        self.enters()
        self.enters('127.0.3.1')

    def test_slow_ones(self):
        """Heads that do not end, answers that are not read, and connections that are kept open after a request."""
        token = self.make(ws.CONTROL)[1]
        for i in range(24):
            address = ADDRESSES[i % 8]
            self.ask(token, '/api/displays', address)
            self.ask(token, '/page.js', address, 'X-Slow: ')
            self.connect(address).sendall(b'GET /api/displays HTTP/1.1\r\nHost: localhost\r\nX-Slow: ')
            slow = self.connect(address)
            slow.sendall(f'PUT /api/displays/0 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 40\r\n'
                         f'Authorization: Bearer {token}\r\n\r\n{{'.encode())
            sock = self.ask(token, '/api/displays', address)
            with contextlib.suppress(OSError):
                sock.sendall(b'GET / HTT')
        self.crowd(token)
        self.enters()

    def test_refusals_hold_none(self):
        """Requests that are refused, with a valid token, and answers to them that nobody reads."""
        token = self.front.view_token
        for _ in range(MAX_SESSIONS):
            with contextlib.suppress(OSError):
                self.connect().sendall(f'GET {LONG_POLL} HTTP/1.1\r\nHost: evil.example\r\nAuthorization: Bearer {token}\r\n\r\n'
                                       .encode() * 200)
        self.enters()

    def test_who_comes_back_at_once(self):
        """While others connect all the time, an owner works on."""
        ends = threading.Event()
        token = self.make(ws.CONTROL)[1]

        def storm(address):
            while not ends.is_set():
                with contextlib.suppress(ws.Closed, ws.Refused, OSError), ws.Ws(self.front.host, self.front.port) as viewer:
                    viewer.send(ws.hello(token))
                    viewer.receive(5)
                with contextlib.suppress(OSError), socket.socket() as sock:
                    sock.bind((address, 0))
                    sock.connect((self.front.host, self.front.port))
        self.crowd(token)
        threads = [threading.Thread(target=storm, args=(address,)) for address in ADDRESSES[:4]]
        for thread in threads:
            thread.start()
        try:
            for _ in range(5):
                self.enters('127.0.3.1').close()
        finally:
            ends.set()
            for thread in threads:
                thread.join()


class BySeveralLinks(PlaceTest):
    def test_owners_come_first(self):
        """All places that there are for others, and more owners than the rest has room for: others give way."""
        for kind in ws.VIEW, ws.CONTROL, ws.VIEW:
            self.crowd(self.make(kind)[1], addresses=ADDRESSES)
        owners = [self.enters() for _ in range(24)]
        self.assertTrue(all(self.stays(owner) for owner in owners))

    def test_a_link_has_a_share(self):
        """Who comes by another link of the same right gets places of the one that has most."""
        first, second, third = (self.make(ws.VIEW)[1] for _ in range(3))
        early = self.crowd(first)
        self.assertEqual(len(early), MAX_OF_LINK)
        late = self.crowd(second, MAX_OF_LINK)
        self.assertEqual(len(late), MAX_HELD // 2)
        good = self.watch(third)
        self.assertTrue(self.stays(good))
        self.assertTrue(self.stays(early[0]), 'the newest gives way')
        # The ones who have given way do not come back in its place.
        self.crowd(first, 8)
        self.assertTrue(self.stays(good))

    def test_an_address_has_a_share_of_a_link(self):
        """A link that many have, one of whom takes all of its places."""
        token = self.front.view_token
        greedy = self.crowd(token)
        good = [self.watch(token, address) for address in ADDRESSES[:8]]
        self.assertTrue(all(good))
        self.crowd(token)
        self.assertTrue(all(self.stays(viewer) for viewer in good))
        self.assertTrue(self.stays(greedy[0]))

    def test_who_controls_comes_before_who_watches(self):
        self.crowd(self.make(ws.VIEW)[1])
        self.crowd(self.front.view_token)
        guest = self.watch(self.make(ws.CONTROL)[1])
        self.assertEqual(guest.welcome['may_control'], 1)
        self.assertTrue(self.stays(guest))
        # And does not give way to those who watch.
        self.crowd(self.front.view_token, addresses=ADDRESSES)
        self.assertTrue(self.stays(guest))
        self.enters()

    def test_keys_of_those_who_give_way_are_released(self):
        held = self.crowd(self.make(ws.CONTROL)[1])
        held += self.crowd(self.make(ws.CONTROL)[1], MAX_HELD - len(held))
        for viewer in held:
            viewer.send(ws.key(0, 30, 1))
        self.front.wait_for('INPUT key 0 30 1')
        self.assertIsNotNone(self.watch(self.make(ws.CONTROL)[1]))
        self.front.wait_for('INPUT key 0 30 0')


class EndedByHttp(PlaceTest):
    def links_by_http(self):
        status, _, body = self.front.request('GET', '/api/links')
        self.assertEqual(status, 200)
        return {link['number']: link for link in json.loads(body)['links']}

    def test_an_owner_ends_a_link(self):
        number, token = self.make(ws.CONTROL)
        other, kept = self.make(ws.VIEW)
        crowd = self.crowd(token)
        self.links(lambda links: links[number]['viewers'] == MAX_OF_LINK)
        found = self.links_by_http()
        self.assertEqual(set(found), {number, other})
        self.assertEqual((found[number]['controls'], found[number]['viewers'], found[number]['token']),
                         (True, MAX_OF_LINK, token))
        self.assertEqual(found[other]['controls'], False)
        status, _, body = self.front.request('DELETE', f'/api/links/{number}')
        self.assertEqual((status, [link['number'] for link in json.loads(body)['links']]), (200, [other]))
        for viewer in crowd:
            self.expect_close(viewer, 4401)
        self.expect_refused(token)
        self.assertIn(self.status(token), (401, 429))
        self.assertEqual(self.status(kept), 200)
        self.links(lambda links: set(links) == {other})
        self.assertEqual(self.front.request('DELETE', f'/api/links/{number}')[0], 404)

    def test_nobody_else_does(self):
        number, token = self.make(ws.CONTROL)
        for other in token, self.make(ws.VIEW)[1], self.front.view_token:
            self.assertEqual(self.status(other, 'GET', '/api/links'), 403)
            self.assertEqual(self.status(other, 'DELETE', f'/api/links/{number}'), 403)
        self.assertEqual(self.status('x', 'DELETE', f'/api/links/{number}'), 401)
        self.assertEqual(self.status('x', 'GET', '/api/links'), 401)
        self.assertEqual(self.status(token), 200)

    def test_nonsense(self):
        number, token = self.make(ws.VIEW)
        for path, status in (('/api/links/', 404), ('/api/links/0', 404), (f'/api/links/{number}x', 404), (f'/api/links/-{number}', 404),
                             (f'/api/links/{number + (1 << 32)}', 404), ('/api/links/' + '9' * 60, 404), ('/api/links', 405),
                             ('/api/displays/0', 405), ('/', 405)):
            self.assertEqual(self.front.request('DELETE', path)[0], status, path)
        self.assertEqual(self.status(token), 200)

    def test_while_the_link_has_all_places(self):
        """The way out of an attack, also without a page."""
        number, token = self.make(ws.CONTROL)
        self.crowd(token)
        for _ in range(MAX_SESSIONS):
            self.ask(token)
        self.assertEqual(self.front.request('DELETE', f'/api/links/{number}')[0], 200)
        harness.wait_for(lambda: self.front.metrics()['vitrine_http_connections'] < MAX_OF_LINK, 60, 'their end')


if __name__ == '__main__':
    screen.FRONT = os.path.abspath(sys.argv.pop(2))
    harness.main()
