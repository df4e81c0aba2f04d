#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Work that takes long, on a real driver: a shader that loops on a graphics queue, and an event that the host sets
late. tests/proto/test_hang.py has the hangs of drivers."""
import re
import signal
import subprocess
import time

import e2e
import harness
from harness import expect

LIMIT_S = 3
# Hours, on any processor: 65,536 numbers, each so many rounds.
ENDLESS = '4000000000'
FRAMES = 20
END_S = 60


def draw(server):
    """-> seconds for some frames of a neighbour"""
    start = time.monotonic()
    done = server.run([e2e.program('vitrine-cube'), '--frames', str(FRAMES), '--size', '320x200'])
    expect(f'{FRAMES} frames' in done.stdout or done.returncode == 0, done.stdout)
    return time.monotonic() - start


def start(server, *words, **more):
    client = server.start([e2e.program('vk-hang'), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
    expect(client.stdout.readline() == 'submitted\n', 'nothing was submitted')
    return client


def test_a_shader_that_loops():
    """Its program loses the device; its neighbour draws all its frames meanwhile."""
    with e2e.Server('-o', f'hang-timeout={LIMIT_S}') as server:
        alone = draw(server)
        begin = time.monotonic()
        client = start(server, 'loop', ENDLESS)
        beside = [draw(server)]
        while client.poll() is None and time.monotonic() - begin < END_S:
            beside.append(draw(server))
        seconds = time.monotonic() - begin
        out, err = client.communicate(timeout=END_S)
        print(f'{FRAMES} frames of the neighbour: {alone:.1f} s alone; beside the loop {len(beside)} times {FRAMES}, '
              f'at most {max(beside):.1f} s; the looping program ended with {client.returncode} after {seconds:.1f} s')
        # Mesa asks the host for the fence's state, or it ends the program when it finds its ring dead.
        expect((client.returncode, out) in ((-signal.SIGABRT, ''), (0, 'wait -4\n')), f'{client.returncode}: {out}{err}')
        expect(re.search(r'client \d+ \(vk-hang, process \d+\): work that was submitted has not completed for '
                         rf'[{LIMIT_S}-9] s, which is the limit', server.log()), server.log())
        expect(harness.wait_until(lambda: not server.workers(), 10), 'the worker is left')
        draw(server)


def test_the_default_lets_it_loop():
    with e2e.Server() as server:
        client = start(server, 'loop', ENDLESS)
        time.sleep(3 * LIMIT_S)
        expect(client.poll() is None, 'the program ended')
        expect('not completed' not in server.log(), server.log())
        client.kill()
        client.communicate()
        expect(harness.wait_until(lambda: not server.workers(), 10), 'the worker is left')


def test_an_event_that_the_host_sets_late():
    with e2e.Server('-o', f'hang-timeout={LIMIT_S}') as server:
        client = start(server, 'event', str(3 * LIMIT_S * 1000))
        out, err = client.communicate(timeout=END_S)
        expect(client.returncode == 0 and out == 'wait 0\n', f'{client.returncode}: {out}{err}')
        expect('not completed' not in server.log(), server.log())


if __name__ == '__main__':
    e2e.main()
