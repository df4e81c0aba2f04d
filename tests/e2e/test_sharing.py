#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Two containers at one `vitrine serve`, one of them hostile: what the other's frame rate becomes. Prints the table of
docs/performance.md, "Two containers".

A container is a control group here, with a share of the processor like that of the server. All of them together have
sixteen times the share of another program, because this machine may be busy, and each case is measured in turns with the
other one alone.
"""

import contextlib
import json
import os
import statistics
import subprocess
import unittest

import e2e
import harness
from test_identities import make_cpu_group

SECONDS = 2
ROUNDS = 3
CAP = 8
LIMIT_MIB = 256
GOAL = 0.4
# name -> what the programs of the hostile container do; one connection each
CASES = {
    'memory up to the limit': ['memory'],
    'endless submits, one context': ['submits'],
    'an endless shader, one context': ['shader'],
    'endless submits, four contexts': 4 * ['submits'],
    'all of it, eight contexts (the cap)': ['memory'] + 4 * ['submits'] + 3 * ['shader'],
}


def join(folder, pid):
    with open(f'{folder}/cgroup.procs', 'w') as file:
        file.write(str(pid))


class Sharing(unittest.TestCase):
    def setUp(self):
        self.folder = make_cpu_group()
        if not self.folder:
            self.skipTest('takes a control group with the controller of the processor that can be divided')
        self.addCleanup(os.rmdir, self.folder)
        for name, share in (('cpu.shares', 16 * 1024), ('cpu.weight', 16 * 100)):
            if os.path.exists(f'{self.folder}/{name}'):
                with open(f'{self.folder}/{name}', 'w') as file:
                    file.write(str(share))
        for name in ('one', 'other', 'server', 'workers'):
            os.mkdir(f'{self.folder}/{name}')
            self.addCleanup(self.remove, f'{self.folder}/{name}')

    def remove(self, folder):
        def is_removed():
            with contextlib.suppress(OSError):
                os.rmdir(folder)
            return not os.path.exists(folder)
        harness.wait_for(is_removed, 60, f'{folder} is empty')

    def start(self, server, group, *words):
        """A program in a container."""
        program = server.start([e2e.program('bench-share'), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               more_env={'VN_PERF': 'no_async_mem_alloc'},
                               preexec_fn=lambda: join(f'{self.folder}/{group}', 0))
        self.addCleanup(program.kill)
        return program

    def frames(self, server):
        program = self.start(server, 'one', 'frames', str(SECONDS))
        out, err = program.communicate(timeout=300)
        self.assertEqual(program.returncode, 0, err)
        return float(out.split()[0])

    def begin(self, server, words):
        """-> the hostile programs, once they do what they do"""
        programs = [self.start(server, 'other', word) for word in words]
        for word, program in zip(words, programs):
            line = program.stdout.readline()
            if word == 'memory':
                # All of the limit but less than one piece; pages of the driver may be among it.
                mib = int(line.split()[0])
                self.assertTrue(line.endswith('then -2\n'), line)
                self.assertGreater(mib, LIMIT_MIB / 2)
                self.assertLessEqual(mib, LIMIT_MIB)
                line = program.stdout.readline()
            self.assertEqual(line, 'READY\n', program.stderr.read() if not line else '')
        return programs

    def connections(self, server):
        done = e2e.run([e2e.program('vitrine'), 'status', '--json', '--socket', server.path], e2e.plain_env())
        return json.loads(done.stdout)['connections']

    def end(self, server, programs):
        for program in programs:
            program.kill()
            program.communicate()
        server.wait_workers(0, 60)

    def measure(self, server, words):
        """-> frames per second alone and beside the others, of the median round"""
        rounds = []
        for _ in range(ROUNDS):
            alone = self.frames(server)
            programs = self.begin(server, words)
            self.assertEqual(self.connections(server), len(words))
            beside = self.frames(server)
            self.assertEqual([program.poll() for program in programs], len(words) * [None])
            self.end(server, programs)
            rounds.append((alone, beside))
        ratio = statistics.median(beside / alone for alone, beside in rounds)
        alone = statistics.median(alone for alone, _ in rounds)
        return alone, alone * ratio, ratio

    def run_server(self, *arguments):
        server = e2e.Server('--max-clients-per-user', str(CAP), '--max-device-memory', f'{LIMIT_MIB}M', *arguments)
        self.addCleanup(server.discard)
        for pid in (server.pid, *harness.children(server.pid)):
            join(f'{self.folder}/server', pid)
        return server

    def test_sharing(self):
        servers = {'as they come': self.run_server(),
                   '`--cgroup`': self.run_server('--cgroup', f'{self.folder}/workers')}
        missed = []
        print(f'\n| the other container | {" | ".join(f"{name}, frames/s" for name in servers)} |')
        print('|---|' + '---|' * len(servers), flush=True)
        for case, words in CASES.items():
            cells = []
            for name, server in servers.items():
                alone, beside, ratio = self.measure(server, words)
                cells.append(f'{alone:.1f}, then {beside:.1f} ({100 * ratio:.0f} %)')
                if name == '`--cgroup`' and ratio < GOAL:
                    missed.append(f'{case}: {ratio:.2f}')
            print(f'| {case} | {" | ".join(cells)} |', flush=True)
        for server in servers.values():
            server.stop()
        self.assertEqual(missed, [])


if __name__ == '__main__':
    e2e.main()
