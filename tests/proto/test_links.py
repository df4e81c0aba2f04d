#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Links that are made in the page: what they allow, and that they end."""

import os
import signal
import struct
import sys
import time

import harness
import screen
import ws
from viewer_case import ViewerCase, start_front

KEY_A = 30
GUEST, OWNER = 2, 3
WEEK = 7 * 24 * 3600


class LinkTest(ViewerCase):
    def setUp(self):
        self.front = start_front()
        self.addCleanup(self.front.stop)
        self.owner = self.viewer()

    def links(self, condition, owner=None):
        return (owner or self.owner).wait('links', condition=lambda fields: condition(fields['links']))['links']

    def make(self, kind, seconds=WEEK):
        """-> the new link's id and token"""
        self.owner.send(ws.make_link(kind, seconds))
        self.known = getattr(self, 'known', set())
        links = self.links(lambda links: set(links) - self.known)
        (number,) = set(links) - self.known
        self.known.add(number)
        link = links[number]
        self.assertEqual((link['kind'], link['viewers']), (kind, 0))
        self.assertTrue(seconds - harness.SECONDS <= link['seconds'] <= seconds, link)
        return number, link['token']

    def expect_refused(self, token):
        with ws.Ws(self.front.host, self.front.port) as viewer:
            viewer.send(ws.hello(token))
            self.expect_close(viewer, 4401)

    def status(self, token, method='GET', path='/api/displays', body=None):
        return self.front.request(method, path, body, headers={'Authorization': f'Bearer {token}'})[0]


class WhatTheyAllow(LinkTest):
    def test_watching(self):
        number, token = self.make(ws.VIEW)
        viewer = self.viewer(token)
        self.assertEqual((viewer.welcome['may_control'], viewer.welcome['view_token']), (0, ''))
        self.links(lambda links: links[number]['viewers'] == 1)
        self.assertEqual(self.status(token), 200)
        self.assertEqual(self.status(token, 'PUT', '/api/displays/0', '{"width": 800, "height": 600}'), 403)
        viewer.send(ws.key(0, KEY_A, 1))
        self.expect_close(viewer, 4403)
        self.links(lambda links: links[number]['viewers'] == 0)

    def test_controlling_as_a_guest(self):
        _, token = self.make(ws.CONTROL)
        guest = self.viewer(token)
        # The token for watching has no end, so a guest does not get it; nor do they learn of links.
        self.assertEqual((guest.welcome['may_control'], guest.welcome['view_token']), (1, ''))
        people = guest.wait('people')
        self.assertEqual(people['people'][people['own']]['role'], GUEST)
        guest.send(ws.key(0, KEY_A, 1))
        self.assertTrue(self.front.wait_for(f'INPUT key 0 {KEY_A} 1'))
        self.owner.send(ws.control(ws.TAKE))
        held = guest.wait('people')
        while not held['holder']:
            held = guest.wait('people')
        guest.send(ws.control(ws.TAKE))
        self.assertEqual(guest.wait('notice')['code'], 4)
        guest.send(ws.make_link(ws.VIEW, 60))
        self.expect_close(guest, 4403)

    def test_a_mode_by_http_counts_unless_a_person_has_control(self):
        token = self.make(ws.CONTROL)[1]
        put = ('PUT', '/api/displays/0', '{"width": 800, "height": 600}')
        self.assertEqual(self.status(token, *put), 202)
        self.owner.send(ws.control(1))
        self.owner.wait('people', condition=lambda fields: fields['holder'] == fields['own'])
        self.assertEqual(self.status(token, *put), 409)
        self.assertEqual(self.status(self.front.token, *put), 202)
        self.owner.send(ws.control(0))
        self.owner.wait('people', condition=lambda fields: fields['holder'] == 0)
        self.assertEqual(self.status(token, *put), 202)

    def test_who_is_no_owner_makes_and_ends_none(self):
        number, token = self.make(ws.CONTROL)
        for other in token, self.front.view_token:
            for message in ws.make_link(ws.CONTROL, 60), ws.end_link(number):
                viewer = self.viewer(other)
                viewer.send(message)
                self.expect_close(viewer, 4403)
        self.assertEqual(self.status(token), 200)

    def test_nonsense_ends_the_connection(self):
        for bad in (ws.make_link(0, 60), ws.make_link(3, 60), ws.make_link(1, 0), ws.make_link(1, 30 * 24 * 3600 + 1),
                    struct.pack('<BBB', 0x3b, 0, 1), struct.pack('<BBHB', 0x3c, 0, 1, 1)):
            viewer = self.viewer()
            viewer.send(bad)
            self.expect_close(viewer, 4400)

    def test_there_is_a_limit(self):
        for _ in range(40):
            self.owner.send(ws.make_link(ws.VIEW, 60))
        notice = self.owner.wait('notice')
        self.assertEqual((notice['code'], 'end one first' in notice['text']), (5, True))
        other = self.viewer()
        links = self.links(lambda links: len(links) == 32, other)
        self.assertEqual(len({link['token'] for link in links.values()}), 32)
        other.send(ws.end_link(next(iter(links))))
        other.send(ws.make_link(ws.VIEW, 60))
        self.links(lambda found: len(found) == 32 and set(found) != set(links), other)

    def test_nothing_is_logged(self):
        _, token = self.make(ws.VIEW)
        self.viewer(token).close()
        self.assertNotIn(token, self.front.log())


class HowTheyEnd(LinkTest):
    def test_by_an_owner(self):
        number, token = self.make(ws.CONTROL)
        other, kept = self.make(ws.VIEW)
        guest, watcher = self.viewer(token), self.viewer(kept)
        guest.send(ws.key(0, KEY_A, 1))
        self.assertTrue(self.front.wait_for(f'INPUT key 0 {KEY_A} 1'))
        self.owner.send(ws.end_link(number))
        self.owner.send(ws.end_link(number))
        self.assertTrue(self.front.wait_for(f'INPUT key 0 {KEY_A} 0'), 'its keys are released')
        self.expect_close(guest, 4401)
        self.expect_refused(token)
        self.assertIn(self.status(token), (401, 429))
        watcher.send(ws.ping(1))
        watcher.wait('pong')
        self.assertEqual(list(self.links(lambda links: number not in links)), [other])

    def test_by_time(self):
        begin = time.monotonic()
        _, token = self.make(ws.VIEW, 3)
        watcher = self.viewer(token)
        self.expect_close(watcher, 4401)
        took = time.monotonic() - begin
        self.assertGreaterEqual(took, 2.9)  # and not before its time
        self.expect_refused(token)
        self.links(lambda links: not links)

    def test_who_waits_for_a_picture_is_ended_too(self):
        number, token = self.make(ws.VIEW)
        path = f'/api/displays/0/frame.png?after=1000&token={token}'
        connection = self.front.connect()
        connection.request('GET', path)
        self.owner.send(ws.end_link(number))
        try:
            status = connection.getresponse().status
        except ConnectionError:
            status = None
        self.assertIn(status, (None, 401, 429))
        connection.close()

    def test_not_by_the_end_of_the_screen_process(self):
        ended, gone = self.make(ws.CONTROL)
        number, token = self.make(ws.CONTROL)
        self.owner.send(ws.end_link(ended))
        self.links(lambda links: ended not in links)
        pid = self.front.screen()
        os.kill(pid, signal.SIGKILL)
        harness.wait_for(lambda: self.front.screen() != pid, 60, 'another screen process')

        def come():
            try:
                return self.viewer(token)
            except (OSError, ws.Refused):
                return None
        guest = harness.wait_for(come, 60, 'the guest back')
        self.expect_refused(gone)
        owner = self.viewer()
        self.assertEqual(list(self.links(lambda links: True, owner)), [number])
        owner.send(ws.make_link(ws.VIEW, 60))
        self.assertEqual(len(self.links(lambda links: len(links) == 2, owner)), 2)
        owner.send(ws.end_link(number))
        self.expect_close(guest, 4401)


if __name__ == '__main__':
    screen.FRONT = os.path.abspath(sys.argv.pop(2))
    harness.main()
