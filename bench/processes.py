# SPDX-License-Identifier: MIT
"""What processes cost: processor time and memory, of a process with all its descendants."""
import glob
import os
import time
from pathlib import Path


def children(pid):
    found = set()
    for path in glob.glob(f'/proc/{pid}/task/*/children'):
        try:
            found.update(int(word) for word in Path(path).read_text().split())
        except OSError:
            pass
    return found


def tree(pid):
    """The process and its descendants."""
    found, new = set(), {pid}
    while new:
        found |= new
        new = set().union(*(children(one) for one in new)) - found
    return found


def owner_of_socket(path):
    """The first process that has the listening socket of that path open, or None."""
    path = str(Path(path).resolve())
    nodes = {line.split()[6] for line in Path('/proc/net/unix').read_text().splitlines()[1:] if line.endswith(f' {path}')}
    wanted = {f'socket:[{node}]' for node in nodes}
    for pid in sorted(int(name) for name in os.listdir('/proc') if name.isdigit()):
        for link in glob.glob(f'/proc/{pid}/fd/*'):
            try:
                if os.readlink(link) in wanted:
                    return pid
            except OSError:
                pass
    return None


def thread_times(pids):
    """Processor time by (process, thread), in ns."""
    times = {}
    for pid in pids:
        try:
            # Linux's CPUCLOCK_SCHED of the process. Reading it brings the figures of running threads up to date; without
            # it, they can be as old as the last tick.
            time.clock_gettime_ns(~pid << 3 | 2)
        except OSError:
            continue
        for path in glob.glob(f'/proc/{pid}/task/*/schedstat'):
            try:
                times[pid, path.split('/')[4]] = int(Path(path).read_text().split()[0])
            except OSError:
                pass
    return times


def spent(before, after):
    """Processor time between two results of thread_times(): of all threads, and of the busiest."""
    each = [ns - before.get(thread, 0) for thread, ns in after.items()]
    return sum(each), max(each, default=0)


def cpu_ms(pid):
    return sum(thread_times([pid]).values()) / 1e6


def private_kib(pid):
    try:
        text = Path(f'/proc/{pid}/smaps_rollup').read_text()
    except PermissionError:
        # Only root may look into a worker. Its anonymous memory is the larger part of what is private.
        return next(int(line.split()[1]) for line in Path(f'/proc/{pid}/status').read_text().splitlines()
                    if line.startswith('RssAnon'))
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith('Private_'))


def pss_kib(pids):
    """Pages that several processes share count in parts. None: only root may look into a worker."""
    total = 0
    for pid in pids:
        try:
            text = Path(f'/proc/{pid}/smaps_rollup').read_text()
        except PermissionError:
            return None
        total += next(int(line.split()[1]) for line in text.splitlines() if line.startswith('Pss:'))
    return total
