#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a process of vitrine that was taken over can do: nothing of what attack.c and its parts try.

Each attack is tried in the real process before it enters its sandbox, and right after. Usage:
test_attack.py VITRINE SCREEN_FRONT ATTACK_LIBRARY VICTIM [unittest arguments].
"""

import errno
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / 'proto'))
import harness  # noqa: E402
import screen  # noqa: E402
import vtest  # noqa: E402
import xvfb  # noqa: E402

LIBRARY = None
PUBLISHER_MAY = 'connect-tcp', 'send-udp', 'netlink'
# The window system and the desktop's settings: docs/security.md.
WINDOW_MAY = ('read-file', 'list-folder', 'openat2', 'finding-11-inotify', 'connect-tcp', 'send-udp', 'connect-local',
              'connect-abstract', 'connect-seqpacket', 'shmat')
VICTIM = None


def say(role, name, text):
    print(f'{role}: {name}: {text}', flush=True)


class Attack(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix='vitrine-attack-')
        self.addCleanup(shutil.rmtree, self.dir)
        for name in ('secret', 'gone', 'report'):
            Path(self.dir, name).write_text('')
            os.chmod(Path(self.dir, name), 0o600)
        victim = subprocess.Popen([VICTIM, self.dir], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(victim.wait, 20)
        self.addCleanup(victim.stdout.close)
        self.addCleanup(victim.stdin.close)
        self.world = victim.stdout.readline().strip()
        self.victim = victim

    def env(self, role):
        return {**os.environ, 'LD_PRELOAD': LIBRARY, 'ATTACK_ROLE': role, 'ATTACK_WORLD': self.world,
                'ATTACK_REPORT': f'{self.dir}/report'}

    def results(self, phase):
        """-> {name: (it always works without a sandbox, result)}; None before all are there."""
        lines = [line.split() for line in Path(self.dir, 'report').read_text().splitlines()]
        mine = {name: (always == '1', int(result)) for when, name, always, result in lines if when == phase}
        return mine if mine.pop('end', None) else None

    def wait(self, phase):
        return harness.wait_for(lambda: self.results(phase), 30, f'the attacks {phase} the sandbox')

    def check(self, role, allowed=()):
        """`allowed`: what this role needs for its work, so that nothing refuses it."""
        before, after = self.wait('before'), self.wait('after')
        self.assertEqual(set(before), set(after))
        succeeded, idle, tried = [], [], 0
        for name, (always, worked) in before.items():
            result = after[name][1]
            refusal = errno.errorcode.get(result, result)
            if result == 0 and name in allowed:
                say(role, name, 'is allowed')
            elif result == 0:
                succeeded.append(name)
                say(role, name, 'SUCCEEDS in the sandbox')
            elif worked == 0:
                tried += 1
                say(role, name, f'works without the sandbox; in it: {refusal}')
            else:
                idle += [name] if always else []
                why = os.strerror(worked) if worked > 0 else 'nothing to attack'
                say(role, name, f'skipped, since it fails here without the sandbox, too ({why}); in it: {refusal}')
        print(f'{role}: {tried} of {len(before)} attacks work without the sandbox', flush=True)
        self.assertEqual(succeeded, [], 'attacks that succeed in the sandbox')
        self.assertEqual(idle, [], 'attacks that should succeed without the sandbox')
        self.assertIsNone(self.victim.poll(), 'the victim is dead')

    def test_worker(self):
        with harness.Server('-o', 'zygote=off', env=self.env('worker')) as server, vtest.Client(server.path):
            self.check('worker')

    def test_forked_worker(self):
        with harness.Server('--log', 'info,zygote=debug', '-o', 'zygote=on', env=self.env('worker')) as server:
            server.wait_log('libraries are loaded', 30)
            with vtest.Client(server.path):
                self.check('worker')

    def test_screen(self):
        front = screen.Front(env=self.env('screen'))
        self.addCleanup(front.stop)
        self.check('screen')

    def test_mux(self):
        front = screen.Front(f'record={self.dir}/a.mp4', env=self.env('mux'))
        self.addCleanup(front.stop)
        self.check('mux')

    def test_publisher(self):
        front = screen.Front(f'publish=rtmp://127.0.0.1:{harness.free_port()}/live/key', env=self.env('mux'))
        self.addCleanup(front.stop)
        self.check('mux', allowed=PUBLISHER_MAY)

    def test_window(self):
        x = xvfb.Xvfb()
        self.addCleanup(x.stop)
        front = screen.Front('window=software', http=None, env={**x.env, **self.env('window'), 'DISPLAY': x.env['DISPLAY']})
        self.addCleanup(front.stop)
        self.check('window', allowed=WINDOW_MAY)

    def check_limits(self, pid, files, memory):
        """`memory`: of its heap, in bytes; None: not limited"""
        with open(f'/proc/{pid}/limits') as file:
            limits = {line[:26].strip(): line[26:].split()[:2] for line in file}
        all_threads = resource.getrlimit(resource.RLIMIT_NPROC)[1]
        most_threads = None if all_threads == resource.RLIM_INFINITY else all_threads * 3 // 4
        for name, most in (('Max open files', files), ('Max data size', memory), ('Max core file size', 0),
                           ('Max nice priority', 0), ('Max realtime priority', 0), ('Max msgqueue size', 0),
                           ('Max pending signals', 256), ('Max processes', most_threads)):
            for value in limits[name] if most is not None else ():
                self.assertLessEqual(float(value.replace('unlimited', 'inf')), most, f'{pid}: {name}')
        with open(f'/proc/{pid}/status') as file:
            status = dict(line.rstrip('\n').split(':\t', 1) for line in file)
        self.assertEqual((status['Seccomp'], status['NoNewPrivs'], int(status['CapPrm'], 16)), ('2', '1', 0))
        self.assertEqual(os.getsid(pid), pid, 'it is in the session of another process')

    def test_limits(self):
        ram = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
        x = xvfb.Xvfb()
        self.addCleanup(x.stop)
        with harness.Server() as server, vtest.Client(server.path) as client:
            client.get_param(1)
            worker, = server.wait_workers(1)
            self.check_limits(worker, 65536 + 4096, ram)
        front = screen.Front(f'record={self.dir}/a.mp4', 'window=software', env={**os.environ, **x.env})
        self.addCleanup(front.stop)
        for role, files, memory in (('screen', 256, 2 << 30), ('mux', 64, 512 << 20), ('window', 4096, None)):
            def is_locked(pid):
                with open(f'/proc/{pid}/status') as file:
                    return 'Seccomp:\t2' in file.read()
            pid, = harness.wait_for(lambda: list(filter(is_locked, harness.children_with(front.pid, role))), 30,
                                    f'the sandbox of {role}')
            self.check_limits(pid, files, memory)

    def storm(self, role, count, start):
        """-> (the front, how the first and the last of `count` refused calls failed, the front's processor time in ms)"""
        front = start({**self.env(role), 'ATTACK_STORM': str(count)})
        results = self.wait('storm')
        return front, *(errno.errorcode[results[name][1]] for name in ('first', 'last')), harness.busy_ms(front.pid)

    def start_worker(self, env, *args):
        server = harness.Server(*args, env=env)
        self.addCleanup(server.discard)
        self.client = vtest.Client(server.path)
        self.addCleanup(self.client.close)
        return server

    def start_front(self, *args):
        def start(env):
            front = screen.Front(*args, env=env)
            self.addCleanup(front.stop)
            return front
        return start

    def test_a_refused_call_is_logged_by_name(self):
        """Once for each process, by the process that answers it; the errors stay those of the filter."""
        for role, name, start in (('worker', 'client 1: worker', self.start_worker),
                                  ('screen', 'the screen process', self.start_front()),
                                  ('mux', 'mux', self.start_front(f'record={self.dir}/a.mp4'))):
            with self.subTest(role=role):
                Path(self.dir, 'report').write_text('')
                front, first, last, _ = self.storm(role, 100, start)
                self.assertEqual((first, last), ('EPERM', 'EPERM'))
                front.wait_log('refuses the system call mount (', 20)
                lines = [line for line in front.log().splitlines() if 'refuses the system call mount' in line]
                self.assertEqual(len(lines), 1, lines)
                self.assertRegex(lines[0], rf'warn +sandbox {name} \d+: the sandbox refuses the system call mount \(')

    def test_many_refused_calls_cost_the_front_little(self):
        _, first, last, ms = self.storm('worker', 10000, self.start_worker)
        print(f'10000 refused calls: {ms:.0f} ms of the front', flush=True)
        self.assertEqual((first, last), ('EPERM', 'ENOSYS'))
        self.assertLess(ms, 1000)
        self.assertTrue(self.client.is_alive())

    def test_what_would_be_refused_is_recorded(self):
        """-o sandbox=report: the call is made, and the log says what the sandbox would have to allow."""
        def start(env):
            return self.start_worker(env, '-o', 'sandbox=report')
        front, first, _, _ = self.storm('worker', 10, start)
        self.assertNotEqual(first, 'ENOSYS')
        self.client.close()
        for text in ('THE SANDBOX PROTECTS NOTHING', 'would refuse the system call mount (',
                     'the sandbox would have to allow: '):
            front.wait_log(text, 20)

    def forbid(self, what):
        return {**os.environ, 'LD_PRELOAD': LIBRARY, 'ATTACK_FORBID': what}

    def test_a_missing_part_can_be_required(self):
        command = [harness.PROGRAM, 'serve', '--socket', f'{self.dir}/sock']
        result = subprocess.run([*command, '-o', 'sandbox=require'], env=self.forbid('landlock'), text=True,
                                capture_output=True, timeout=60)
        self.assertEqual(result.returncode, 1, result)
        self.assertIn('sandbox=require demands the complete sandbox', result.stderr)
        self.assertIn('lacks: files, ', result.stderr)
        with harness.Server(env=self.forbid('landlock')) as server, vtest.Client(server.path):
            server.wait_log("does not support the limit 'files'", 20)
        checks = self.doctor('landlock')
        self.assertEqual((checks['sandbox']['state'], checks['landlock']['state']), ('note', 'note'))
        self.assertIn('none', checks['landlock']['value'])

    def doctor(self, forbidden):
        result = subprocess.run([harness.PROGRAM, 'doctor', '--json'], env=self.forbid(forbidden), text=True,
                                capture_output=True, timeout=120)
        return json.loads(result.stdout)['checks']

    def test_calls_are_refused_where_they_cannot_be_reported(self):
        env = {**self.env('worker'), 'ATTACK_FORBID': 'reports'}
        with harness.Server('--log', 'debug', env=env) as server, vtest.Client(server.path):
            self.check('worker')
            server.wait_log('cannot be recorded in this kernel or container', 20)
            self.assertNotIn('refuses the system call', server.log())
        self.assertEqual(self.doctor('reports')['refusals']['state'], 'note')

    def test_without_a_sandbox(self):
        """The same worker, by -o sandbox=off: it never enters one."""
        with harness.Server('-o', 'sandbox=off', env=self.env('worker')) as server, vtest.Client(server.path):
            self.wait('before')
            self.assertIsNone(self.results('after'))


if __name__ == '__main__':
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    harness.PROGRAM, screen.FRONT, LIBRARY, VICTIM = map(os.path.abspath, sys.argv[1:5])
    harness.run_tests(sys.argv[5:])
