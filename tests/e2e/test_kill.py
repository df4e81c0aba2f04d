#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kill -9 of workers and clients at random moments, 100 times: nothing is left, and others are not disturbed.

An orphan that waits for an answer looks up only after 4096 rounds of Mesa's polling: 3.5 s on a machine
with nothing else to do, more here, where another client keeps all cores busy.
"""
import os
import random
import signal
import subprocess
import time

import e2e
import harness
from harness import expect

ROUNDS = 100
DEADLINE = harness.SECONDS


def victim_command():
    suite, cube, bench = e2e.program('vk-suite'), e2e.program('vitrine-cube'), e2e.program('bench-client')
    return random.choice([[suite], [cube, '--frames', '100000', '--size', '320x200'],
                          [bench, '--only', 'allocate,submit', '--repeat', '50']])


def one_round(server, number):
    known = set(server.workers())
    client = server.start(victim_command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    expect(harness.wait_until(lambda: set(server.workers()) - known or client.poll() is not None), 'no worker')
    time.sleep(random.random() * 0.6)  # at any moment of what it does
    workers = set(server.workers()) - known
    if random.random() < 0.5 and workers:
        try:
            os.kill(workers.pop(), signal.SIGKILL)
        except ProcessLookupError:
            pass
    else:
        client.kill()
    try:
        client.wait(DEADLINE)
    except subprocess.TimeoutExpired:
        client.kill()
        client.wait()
        raise AssertionError(f'round {number}: the orphaned client still ran after {DEADLINE} s')


def test_random_kills():
    seed = int(time.time())
    random.seed(seed)
    print(f'seed {seed}')
    with e2e.Server() as server:
        bystander = server.start([e2e.program('vitrine-cube'), '--frames', '1000000', '--size', '160x100'],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        expect(harness.wait_until(lambda: server.workers()), 'no worker')
        for i in range(10):
            one_round(server, i)
        harness.wait_until(lambda: len(server.workers()) == 1, DEADLINE)
        before = harness.count_fds(server.process.pid), harness.memory_kib(server.process.pid)
        for i in range(10, 10 + ROUNDS):
            one_round(server, i)
            expect(bystander.poll() is None, f'round {i}: another client ended')
            server.expect_alive()
        left = harness.wait_until(lambda: len(server.workers()) == 1, DEADLINE)
        after = harness.count_fds(server.process.pid), harness.memory_kib(server.process.pid)
        print(f'fds and private KiB of serve before and after {ROUNDS} kills: {before}, {after}')
        expect(left, f'{len(server.workers()) - 1} workers are left')
        expect(after[0] <= before[0] and after[1] <= before[1] + 256, 'fds or memory are left')
        bystander.kill()
        bystander.wait()


if __name__ == '__main__':
    e2e.main()
