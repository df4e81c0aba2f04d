# SPDX-License-Identifier: MIT
"""Runs `vitrine serve`, or another server, for a test and looks at what it holds."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import weakref

PROGRAM = None


def is_sanitized():
    """Whether the program is built with ASan, which keeps freed memory for a while."""
    with open(PROGRAM, 'rb') as file:
        return b'__asan_init' in file.read()


def wait_for(condition, seconds=5, what='condition'):
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f'{what}: not after {seconds} s')
        time.sleep(0.005)


def command_line(pid):
    try:
        with open(f'/proc/{pid}/cmdline', 'rb') as file:
            return file.read()
    except OSError:
        return b''


def may_be_prober(pid, parent):
    """Whether it is the process that finds out about the devices, or is about to begin or has just ended."""
    line = command_line(pid)
    return b'--probe' in line or line in (b'', command_line(parent))


def count_fds(pid):
    return len(os.listdir(f'/proc/{pid}/fd'))


def wait_prober(pid):
    """Until a server that has just started has no children but workers, and has closed its end of what led to the
    prober: it does that a moment after the process is gone."""
    wait_for(lambda: not any(may_be_prober(child, pid) for child in children(pid)), 30, 'the prober has ended')

    def is_settled():
        before = count_fds(pid)
        time.sleep(0.03)
        return count_fds(pid) == before
    wait_for(is_settled, 10, 'the fds of the prober are closed')


def children(pid):
    try:
        with open(f'/proc/{pid}/task/{pid}/children') as file:
            return [int(child) for child in file.read().split()]
    except FileNotFoundError:
        return []


def is_gone(pid):
    """Ended, whether or not its new parent has reaped it."""
    try:
        with open(f'/proc/{pid}/stat') as file:
            return file.read().rsplit(')', 1)[1].split()[0] == 'Z'
    except FileNotFoundError:
        return True


def memory_kib(pid, kinds=('Private_Clean', 'Private_Dirty')):
    """The process's own memory."""
    total = 0
    with open(f'/proc/{pid}/smaps_rollup') as file:
        for line in file:
            if line.split(':')[0] in kinds:
                total += int(line.split()[1])
    return total


def threads(pid):
    return len(os.listdir(f'/proc/{pid}/task'))


def cpu_seconds(pid):
    with open(f'/proc/{pid}/stat') as file:
        fields = file.read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def thread_seconds(pid):
    """Processor time of each thread, by name."""
    times = {}
    for task in os.listdir(f'/proc/{pid}/task'):
        with open(f'/proc/{pid}/task/{task}/comm') as comm, open(f'/proc/{pid}/task/{task}/schedstat') as stat:
            name = comm.read().strip()
            times[name] = times.get(name, 0) + int(stat.read().split()[0]) / 1e9
    return times


def check_sound(log):
    """No sanitizer and no assertion of ours has spoken."""
    for line in log.splitlines():
        if 'Sanitizer' in line or 'runtime error' in line or 'assert' in line.lower():
            raise AssertionError(f'something is broken:\n{log}')


class Process:
    """A process of ours with a directory of its own, where its log is; both last as long as this object."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix='vitrine-test-')
        self.remove = weakref.finalize(self, shutil.rmtree, self.dir, ignore_errors=True)
        self.log_path = os.path.join(self.dir, 'log')

    def start(self, command, **options):
        with open(self.log_path, 'w') as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, **options)

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        with open(self.log_path, errors='replace') as file:
            return file.read()

    def tail(self):
        """The end of the log, for messages."""
        return '\n'.join(self.log().splitlines()[-10:])

    def wait_log(self, text, seconds=5):
        wait_for(lambda: text in self.log(), seconds, f'log line {text!r} in\n{self.tail()}')

    def fds(self):
        return count_fds(self.pid)

    def check_sound(self):
        check_sound(self.log())


class Server(Process):
    """A server at a socket. `args` may have {dir} in them, for its directory."""

    def __init__(self, *args, program=None, command=('serve',), env=None):
        super().__init__()
        self.path = os.path.join(self.dir, 'sock')
        self.start([program or PROGRAM, *command, '--socket', self.path, *(arg.format(dir=self.dir) for arg in args)],
                   stdin=subprocess.DEVNULL, text=True, env=env)
        line = self.process.stdout.readline()
        if line.split()[:2] != ['READY', self.path]:
            raise AssertionError(f'server did not start: {line!r}\n{self.log()}')
        self.links = line.split()[2:]
        wait_prober(self.pid)

    def workers(self):
        return children(self.pid)

    def wait_workers(self, count, seconds=10):
        wait_for(lambda: len(self.workers()) == count, seconds,
                 f'{count} workers, there are {len(self.workers())}')
        return self.workers()

    def stop(self):
        workers = self.workers()
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(20)
        self.process.stdout.close()
        log = self.log()
        try:
            self.check_sound()
            if status != 0:
                raise AssertionError(f'the server ended with {status}\n{log}')
            left = sorted(os.listdir(self.dir))
            if left != ['log']:
                raise AssertionError(f'the server left {left} behind')
            for pid in workers:
                if os.path.exists(f'/proc/{pid}'):
                    raise AssertionError(f'the server left worker {pid} behind')
        finally:
            self.remove()


class ServerTest(unittest.TestCase):
    """A test case with a server for all its tests."""

    ARGS = ()
    COMMAND = ('serve',)

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.ARGS, command=cls.COMMAND)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def tearDown(self):
        if self.server.process.poll() is not None:
            self.fail(f'the server ended with {self.server.process.returncode}\n'
                      f'{self.server.log()}')
        self.server.check_sound()


def main():
    """For the end of a test file: FILE.py PROGRAM [unittest arguments]."""
    global PROGRAM
    if len(sys.argv) < 2 or not os.access(sys.argv[1], os.X_OK):
        sys.exit(f'usage: {sys.argv[0]} path/to/vitrine [unittest arguments]')
    PROGRAM = os.path.abspath(sys.argv[1])
    sys.modules['harness'].PROGRAM = PROGRAM
    unittest.main(module='__main__', argv=[sys.argv[0]] + sys.argv[2:], verbosity=1,
                  warnings='ignore')
