#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Clients that do nothing, as many as one user may have."""
import e2e
import harness
from harness import expect
from test_many import end_idle, expect_settled, start_idle, state, words

CLIENTS = 64


def test_idle_clients():
    with e2e.Server() as server:
        before = state(server)
        clients = start_idle(server, CLIENTS)
        workers = server.workers()
        harness.wait_idle([server.process.pid, *workers], 'clients that do nothing')
        threads = sorted(harness.count_threads(pid) for pid in workers)
        memory = sorted(harness.memory_kib(pid) for pid in workers)
        print(f'{len(clients)} idle clients: {len(workers)} workers, {threads[0]} to {threads[-1]} threads and '
              f'{memory[0]} to {memory[-1]} KiB private each; serve: {words(state(server))}')
        expect(len(workers) == CLIENTS, f'{len(workers)} workers')
        server.run([e2e.program('vk-suite'), '--scene', 'triangle'])
        end_idle(clients)
        expect_settled(server, before)


if __name__ == '__main__':
    e2e.main()
