#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Many clients at the same time and one after another; what they leave behind."""
import re
import subprocess

import e2e
import harness
from harness import expect

SEQUENCE = 60
SETTLED = 20


def state(server):
    pid = server.process.pid
    return {'fds': harness.count_fds(pid), 'threads': harness.count_threads(pid), 'private KiB': harness.memory_kib(pid),
            'workers': len(server.workers())}


def words(figures):
    return ', '.join(f'{value} {name}' for name, value in figures.items())


def expect_settled(server, before):
    """No worker, fd or thread more than before."""
    def settled():
        now = state(server)
        return all(now[key] <= before[key] for key in ('fds', 'threads', 'workers'))
    expect(harness.wait_until(settled), f'before: {words(before)}; after: {words(state(server))}')


def test_eight_at_once():
    suite, cube, bench = e2e.program('vk-suite'), e2e.program('vitrine-cube'), e2e.program('bench-client')
    commands = [[suite], [suite], [suite], [cube, '--frames', '20'], [cube, '--frames', '20', '--size', '640x400'],
                [bench, '--repeat', '1', '--draws', '20000'], [e2e.program('vk-dump')], [e2e.tool('vulkaninfo')]]
    with e2e.Server() as server:
        before = state(server)
        clients = [server.start(c, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for c in commands]
        outputs = []
        for command, client in zip(commands, clients):
            out, err = client.communicate(timeout=200)
            expect(client.returncode == 0, f'{command}: status {client.returncode}\n{err[-2000:]}')
            outputs.append(out)
        expect(outputs[0] == outputs[1] == outputs[2], 'three runs of vk-suite gave different bytes')
        expect_settled(server, before)


def start_idle(server, count):
    bench = e2e.program('bench-client')
    clients = [server.start([bench, '--idle'], stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(count)]
    for client in clients:
        lines = [client.stdout.readline() for _ in range(4)]
        while lines[-1] and lines[-1] != 'READY\n':
            lines.append(client.stdout.readline())
        expect('READY\n' in lines, f'an idle client did not come up: {lines}')
    return clients


def end_idle(clients):
    for client in clients:
        client.stdin.close()
    for client in clients:
        expect(client.wait(harness.SECONDS) == 0, f'an idle client ended with status {client.returncode}')
        client.stdout.close()


def test_workers_know_the_device():
    """`serve` finds out once how the device shares memory; its workers get that with their configuration."""
    with e2e.Server('--log', 'worker=debug') as server:
        def known():
            end_idle(start_idle(server, 1))
            return re.search('knows how [1-9][0-9]* devices share memory', server.log())
        expect(harness.wait_until(known), 'no worker knew the device')


def test_one_after_another():
    """The first programs may still grow what is kept for reuse."""
    suite = e2e.program('vk-suite')
    scenes = ['triangle', 'compute', 'memory_types', 'pipeline_cache']
    with e2e.Server() as server:
        settled = None
        for i in range(SEQUENCE):
            server.run([suite, '--scene', scenes[i % len(scenes)]])
            if i + 1 == SETTLED:
                harness.wait_until(lambda: not server.workers())
                settled = state(server)
        harness.wait_until(lambda: not server.workers())
        after = state(server)
        print(f'serve after {SETTLED} programs: {words(settled)}; after {SEQUENCE}: {words(after)}')
        expect_settled(server, settled)
        expect(after['private KiB'] <= settled['private KiB'] + 128, 'vitrine serve grows')


if __name__ == '__main__':
    e2e.main()
