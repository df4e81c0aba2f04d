#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Workers, clients and the server die; what depended on them ends, and nothing else."""
import os
import signal
import subprocess
import time

import e2e
import harness
from harness import expect

# Seconds in which an orphaned client must have ended. One is enough on a quiet machine. Mesa asks only after many short
# sleeps whether its ring is alive, and each of them takes longer on a busy machine.
DEADLINE = harness.SECONDS


def start_cube(server):
    """A client in the middle of drawing, and its worker."""
    known = set(server.workers())
    client = server.start([e2e.program('vitrine-cube'), '--frames', '100000', '--size', '320x200'],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    expect(harness.wait_until(lambda: set(server.workers()) - known), 'no worker came up')
    worker = (set(server.workers()) - known).pop()
    time.sleep(1)  # it draws by then, on most machines, which offers no event
    expect(client.poll() is None, f'the client ended early: {client.stderr.read() if client.poll() else ""}')
    return client, worker


def expect_end(client, what):
    try:
        client.communicate(timeout=DEADLINE)
    except subprocess.TimeoutExpired:
        client.kill()
        client.communicate()
        raise AssertionError(f'{what}: the client still runs after {DEADLINE} s')
    expect(client.returncode != 0, f'{what}: the client ended as if all were well')
    print(f'{what}: the client ended with status {client.returncode}')


def test_worker_dies():
    with e2e.Server() as server:
        bystander, bystander_worker = start_cube(server)
        for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT):
            client, worker = start_cube(server)
            os.kill(worker, number)
            expect_end(client, f'worker ended by {number.name}')
            server.expect_alive()
            expect(bystander.poll() is None, 'another client ended, too')
        expect(harness.wait_until(lambda: server.workers() == [bystander_worker]), 'a worker is left')
        bystander.kill()
        bystander.communicate()
        server.run([e2e.program('vk-suite'), '--scene', 'triangle'])


def test_worker_of_idle_client_dies():
    """A client that calls nothing notices with its next call."""
    with e2e.Server() as server:
        client = server.start([e2e.program('bench-client'), '--idle'], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while client.stdout.readline() not in ('READY\n', ''):
            pass
        os.kill(server.workers()[0], signal.SIGKILL)
        expect(harness.wait_until(lambda: not server.workers()), 'the worker is left')
        harness.wait_idle(server.process.pid, 'a server whose worker has died')
        expect_end(client, 'worker of an idle client killed')  # communicate() closes its input: it goes on
        server.expect_alive()


def test_client_dies():
    with e2e.Server() as server:
        client, worker = start_cube(server)
        client.kill()
        client.communicate()
        expect(harness.wait_until(lambda: not server.workers()), 'the worker of a killed client is left')
        client, worker = start_cube(server)
        os.kill(client.pid, signal.SIGSTOP)
        server.run([e2e.program('vk-suite'), '--scene', 'triangle'])
        client.kill()
        client.communicate()
        expect(harness.wait_until(lambda: not server.workers()), 'the worker of a stopped client is left')


def test_server_dies():
    """The clients of a killed server are told, or at least not left spinning; no worker survives it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        server = e2e.Server()
        client, worker = start_cube(server)
        os.kill(server.process.pid, number)
        server.process.wait(harness.SECONDS)
        expect_end(client, f'server ended by {number.name}')
        gone = harness.wait_until(lambda: not os.path.exists(f'/proc/{worker}'))
        server.discard()
        expect(gone, f'the worker outlives a server that was ended by {number.name}')


if __name__ == '__main__':
    e2e.main()
