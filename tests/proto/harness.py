# SPDX-License-Identifier: MIT
"""What all tests in Python share: how they are run, `vitrine serve` or another server for a test, and what processes
hold.

A test is a method of a unittest.TestCase, or a function of the script whose name begins with test_.
"""

import contextlib
import ctypes
import fnmatch
import inspect
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import weakref
from pathlib import Path

from waiting import SECONDS, wait_until

PROGRAM = None
# TCP_ESTABLISHED, TCP_FIN_WAIT1 and TCP_FIN_WAIT2 of Linux.
TCP_OPEN = 1, 4, 5


def is_sanitized():
    """Whether the program is built with ASan, which keeps freed memory for a while."""
    with open(PROGRAM, 'rb') as file:
        return b'__asan_init' in file.read()


def is_emulated():
    """Whether the program is for another processor, so that qemu-user runs it."""
    with open(PROGRAM, 'rb') as program, open('/proc/self/exe', 'rb') as ours:
        return program.read(20)[18:] != ours.read(20)[18:]


def is_memory_its_own():
    """Whether a process's memory grows only by what it keeps. ASan keeps what was freed, and looks for leaks itself;
    qemu-user's memory is that of the process, too."""
    return not is_sanitized() and not is_emulated()


def expect(ok, text):
    if not ok:
        raise AssertionError(text)


def wait_for(condition, seconds=SECONDS, what='condition', pause=0.005):
    value = wait_until(condition, seconds, pause)
    expect(value, f'{what}: not after {seconds} s')
    return value


def wait_listening(port, kind=socket.SOCK_STREAM):
    """Until a program waits for connections, or datagrams, at the port. One that takes only one is left alone."""
    name, state = ('tcp', '0A') if kind == socket.SOCK_STREAM else ('udp', '07')

    def is_there():
        for path in f'/proc/net/{name}', f'/proc/net/{name}6':
            with contextlib.suppress(FileNotFoundError), open(path) as file:
                rows = [line.split() for line in file][1:]
                if any(row[3] == state and int(row[1].rsplit(':', 1)[1], 16) == port for row in rows):
                    return True
        return False
    wait_for(is_there, what=f'a program at port {port}')


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(('127.0.0.1', 0))
        return sock.getsockname()[1]


def is_open(sock):
    """Whether the other end of a TCP connection has neither closed nor reset it; it may have said something."""
    return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] in TCP_OPEN


def command_line(pid):
    """Its words; none for a process that has ended, or has not begun yet. Those of qemu-user, which come first, are left
    out: itself and the program's file."""
    try:
        with open(f'/proc/{pid}/cmdline', errors='replace') as file:
            words = file.read().split('\0')[:-1]
    except OSError:
        return []
    return words[2:] if os.path.basename(''.join(words[:1])).startswith('qemu-') else words


def may_be_prober(pid, parent):
    """Whether it is the process that finds out about the devices, or is about to begin or has just ended."""
    line = command_line(pid)
    return '--probe' in line or line in ([], command_line(parent))


def count_fds(pid):
    return len(os.listdir(f'/proc/{pid}/fd'))


def wait_prober(pid):
    """Until a server that has just started has no children but workers, and has closed its end of what led to the
    prober."""
    wait_for(lambda: not any(may_be_prober(child, pid) for child in children(pid)), what='the prober has ended')
    wait_closed(pid)


def wait_closed(pid):
    """Until a server has closed what led to a child that has ended: it does that a moment after the process is gone, and
    then sleeps."""
    wait_idle(pid, 'the fds of a child are closed', 0.03)


def children(pid):
    """Those that any of its threads has started, in the order of their numbers."""
    found = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f'/proc/{pid}/task'):
            with contextlib.suppress(OSError), open(f'/proc/{pid}/task/{task}/children') as file:
                found += map(int, file.read().split())
    return sorted(found)


def children_with(pid, *words):
    """The children with all these words in their command lines."""
    return [child for child in children(pid) if set(words) <= set(command_line(child))]


def is_gone(pid):
    """Ended, whether or not its new parent has reaped it."""
    try:
        with open(f'/proc/{pid}/stat') as file:
            return file.read().rsplit(')', 1)[1].split()[0] == 'Z'
    except (FileNotFoundError, ProcessLookupError):  # before it is opened, or before it is read
        return True


def memory_kib(pid):
    """The memory that the process alone has written.

    Clean pages of files are left out: they count as private while no other process maps the file, so the figure would
    change when another test's server starts or ends.
    """
    with open(f'/proc/{pid}/smaps_rollup') as file:
        return next(int(line.split()[1]) for line in file if line.startswith('Private_Dirty:'))


def count_threads(pid):
    return len(os.listdir(f'/proc/{pid}/task'))


def read_turns(pid):
    """-> how often its threads got a processor so far, and whether all of them sleep"""
    turns, sleep = 0, True
    for task in os.listdir(f'/proc/{pid}/task'):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(f'/proc/{pid}/task/{task}/stat') as stat, \
                open(f'/proc/{pid}/task/{task}/schedstat') as schedstat:
            sleep = stat.read().rsplit(')', 1)[1].split()[0] == 'S' and sleep
            turns += int(schedstat.read().split()[2])
    return turns, sleep


def idle_ones(pids, seconds=0.1):
    """-> those of which no thread runs for so long. This does not depend on how busy the machine is: a thread that waits
    for a processor does not sleep."""
    before = {pid: read_turns(pid) for pid in pids}
    time.sleep(seconds)  # only time can show that nothing happens
    return {pid for pid, seen in before.items() if seen[1] and read_turns(pid) == seen}


def wait_idle(pids, what, seconds=0.1):
    """Until each process has done what it has to do, and sleeps for so long on end. One that spins, or wakes up all the
    time, never does."""
    left = {pids} if isinstance(pids, int) else set(pids)

    def are_idle():
        left.difference_update(idle_ones(left, seconds))
        return not left
    expect(wait_until(are_idle), f'{what}: {left} did not sleep for {seconds} s on end within {SECONDS} s')


def starved_seconds(*pids):
    """How long their threads could have run so far, but waited for a processor: what a busy machine takes from them."""
    total = 0
    for pid in pids:
        for task in os.listdir(f'/proc/{pid}/task'):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(f'/proc/{pid}/task/{task}/schedstat') as file:
                total += int(file.read().split()[1])
    return total / 1e9


def cpu_seconds(pid):
    with open(f'/proc/{pid}/stat') as file:
        fields = file.read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def thread_seconds(pid):
    """Processor time of each thread, by name."""
    times = {}
    for task in os.listdir(f'/proc/{pid}/task'):
        with contextlib.suppress(OSError), open(f'/proc/{pid}/task/{task}/comm') as comm, \
                open(f'/proc/{pid}/task/{task}/schedstat') as stat:
            name = comm.read().strip()
            times[name] = times.get(name, 0) + int(stat.read().split()[0]) / 1e9
    return times


def busy_ms(pid):
    """Processor time of the threads that it has now, finer than cpu_seconds()."""
    return 1000 * sum(thread_seconds(pid).values())


def check_sound(log):
    """No sanitizer and no assertion of ours has spoken."""
    for line in log.splitlines():
        if 'Sanitizer' in line or 'runtime error' in line or 'assert' in line.lower():
            raise AssertionError(f'something is broken:\n{log}')


class Process:
    """A process of ours with a directory of its own, where its log is; both last as long as this object."""

    def __init__(self, parent=None):
        """`parent`: where the directory is made."""
        self.dir = tempfile.mkdtemp(prefix='vitrine-test-', dir=parent)
        self.remove = weakref.finalize(self, shutil.rmtree, self.dir, ignore_errors=True)
        self.log_path = os.path.join(self.dir, 'log')

    def spawn(self, command, **options):
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

    def wait_log(self, text, seconds=SECONDS):
        wait_for(lambda: text in self.log(), seconds, f'log line {text!r} in\n{self.tail()}')

    def fds(self):
        return count_fds(self.pid)

    def check_sound(self):
        check_sound(self.log())


class Server(Process):
    """A server at a socket. `args` may have {dir} in them, for its directory; all get the options in TEST_SERVER_OPTIONS
    of the environment, too. At the end of a with statement it is stopped; if the test failed, the end of its log is
    printed."""

    def __init__(self, *args, program=None, command=('serve',), env=None, parent=None):
        super().__init__(parent)
        self.path = os.path.join(self.dir, 'sock')
        self.status_path = self.dir + '.status/sock'  # of `vitrine status`
        self.remove_status = weakref.finalize(self, shutil.rmtree, self.dir + '.status', ignore_errors=True)
        self.env = env
        arguments = [*os.environ.get('TEST_SERVER_OPTIONS', '').split(), *(arg.format(dir=self.dir) for arg in args)]
        words = self.command_line([program or PROGRAM, *command], arguments)
        self.spawn(words, stdin=subprocess.DEVNULL, text=True, env=self.env)
        line = self.process.stdout.readline()
        if line.split()[:2] != ['READY', words[words.index('--socket') + 1]]:
            log = self.log()
            self.discard()
            raise AssertionError(f'server did not start: {line!r}\n{log}')
        self.links = line.split()[2:]
        wait_prober(self.pid)

    def command_line(self, command, arguments):
        return [*command, '--socket', self.path, *arguments]

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            self.stop()
            return
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(SECONDS)
        if not issubclass(kind, unittest.SkipTest):
            print(f'--- log of the server\n{self.log()[-4000:]}---')
        self.discard()

    def workers(self):
        """Its children, except for the one that others are forked from, and those that have not begun yet: they may become
        that one, and have its command line or ours until then."""
        lines = {child: command_line(child) for child in children(self.pid)}
        return [child for child, line in lines.items() if 'zygote' not in line[1:2] and line != command_line(self.pid)]

    def expect_alive(self):
        status = self.process.poll()
        expect(status is None, f'the server ended with {status}\n{self.tail()}')

    def wait_workers(self, count, seconds=SECONDS):
        """-> the workers, once there are so many"""
        found = []

        def are_there():
            found[:] = self.workers()
            return len(found) == count
        wait_for(are_there, seconds, f'there are {count} workers')
        return found

    def stop(self):
        workers = self.workers()
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(SECONDS)
            log = self.log()
            self.check_sound()
            if status != 0:
                raise AssertionError(f'the server ended with {status}\n{log}')
            left = sorted(os.listdir(self.dir))
            if left != ['log']:
                raise AssertionError(f'the server left {left} behind')
            if os.path.exists(self.dir + '.status'):
                raise AssertionError('the server left the folder of its status behind')
            for pid in workers:
                if os.path.exists(f'/proc/{pid}'):
                    raise AssertionError(f'the server left worker {pid} behind')
        finally:
            self.discard()

    def discard(self):
        """Ends it without looking at what it leaves."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
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
        self.server.expect_alive()
        self.server.check_sound()


def read_skips():
    """The lines of the list TEST_SKIPS (tests/posix_skips.txt) about the script that runs: '' for all of it, CLASS,
    CLASS.METHOD or FUNCTION -> reason."""
    if not os.environ.get('TEST_SKIPS'):
        return {}
    script = '/'.join(os.path.abspath(sys.argv[0]).removesuffix('.py').split('/')[-2:])
    with open(os.environ['TEST_SKIPS']) as file:
        lines = [line.strip().partition(': ') for line in file]
    parts = [(*name.partition(':'), reason) for name, _, reason in lines]
    return {part: reason for name, _, part, reason in parts if name == script}


def skip_listed(module):
    """Marks the tests of the list. Exits if it names the whole script."""
    for name, reason in read_skips().items():
        if not name:
            print(f'skipped: {reason}')
            sys.exit(77)
        owner, _, method = name.rpartition('.')
        owner = getattr(module, owner) if owner else module
        setattr(owner, method, unittest.skip(reason)(getattr(owner, method)))


class Function(unittest.FunctionTestCase):
    def __str__(self):
        return self.id()


class Loader(unittest.TestLoader):
    """Finds functions, too."""

    def wants(self, name):
        return not self.testNamePatterns or any(fnmatch.fnmatchcase(name, one) for one in self.testNamePatterns)

    def loadTestsFromModule(self, module, *args, **options):
        suite = super().loadTestsFromModule(module, *args, **options)
        suite.addTests(Function(item) for name, item in vars(module).items()
                       if name.startswith('test_') and inspect.isfunction(item) and self.wants(name))
        return suite


def look_into_sandboxes():
    """Sandboxed processes hide what they hold and map. In a user namespace of its own, this process may see most of it
    all the same, as root may; the programs that it starts may not. Where users cannot make namespaces, tests that
    look are skipped: see Result."""
    clone_newuser = 0x10000000
    user, group = os.geteuid(), os.getegid()
    if user != 0 and ctypes.CDLL(None).unshare(clone_newuser) == 0:
        Path('/proc/self/setgroups').write_text('deny')
        Path('/proc/self/uid_map').write_text(f'{user} {user} 1')
        Path('/proc/self/gid_map').write_text(f'{group} {group} 1')


class Result(unittest.TextTestResult):
    """Skips tests that look into a sandboxed process, where only root may."""

    def addError(self, test, err):
        hidden = isinstance(err[1], PermissionError) and str(err[1].filename).startswith('/proc/')
        if hidden and os.geteuid() != 0:
            self.addSkip(test, f'only root may read {err[1].filename}')
        else:
            super().addError(test, err)


def run_tests(arguments, looks=True):
    """Runs the tests of the script as unittest's arguments say, and exits: with 77 if all were skipped. `looks`: see
    look_into_sandboxes(); servers cannot look into a process that may do that, and take it for one in a container."""
    sys.stdout.reconfigure(line_buffering=True)
    skip_listed(sys.modules['__main__'])
    if looks:
        look_into_sandboxes()
    runner = unittest.TextTestRunner(verbosity=2, warnings='ignore', resultclass=Result)
    result = unittest.main(module='__main__', argv=[sys.argv[0], *arguments], testLoader=Loader(), testRunner=runner,
                           exit=False).result
    all_skipped = result.testsRun > 0 and len(result.skipped) == result.testsRun
    sys.exit(1 if not result.wasSuccessful() else 77 if all_skipped else 0)


def main(looks=True):
    """For the end of a test file: FILE.py PROGRAM [unittest arguments]."""
    global PROGRAM
    if len(sys.argv) < 2 or not os.access(sys.argv[1], os.X_OK):
        sys.exit(f'usage: {sys.argv[0]} path/to/vitrine [unittest arguments]')
    PROGRAM = os.path.abspath(sys.argv[1])
    run_tests(sys.argv[2:], looks)
