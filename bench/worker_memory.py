#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""For bench/: what a worker's process needs for itself on this host's driver, which src/venus/room.h allows beside a budget.

    worker_memory.py VITRINE [OPTIONS of serve]

Prints what the kernel counts before and after the program's first device, and with two more. RLIMIT_DATA counts VmData.
VmSize shows what a driver has reserved without the right to write, which does not count. If VmData with the first device
exceeds 4 GiB (VTR_ROOM_DRIVER), that number has to grow.
"""
import os
import re
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../tests/proto'))
import harness  # noqa: E402
import venus  # noqa: E402
import vtest  # noqa: E402


def show(pid, what):
    with open(f'/proc/{pid}/status') as file:
        found = dict(re.findall(r'(VmSize|VmData|RssAnon|RssShmem|Threads):\s*(\d+)', file.read()))
    with open(f'/proc/{pid}/limits') as file:
        limits = re.search(r'Max data size +(\w+) +(\w+)', file.read()).groups()
    threads = found.pop('Threads')
    print(what, {key: f'{int(kib) >> 10} MiB' for key, kib in found.items()}, f'{threads} threads, limits', limits, flush=True)


harness.PROGRAM = os.path.abspath(sys.argv[1])
with harness.Server(*sys.argv[2:]) as server, vtest.Client(server.path) as client:
    pid, = server.workers()
    show(pid, 'before the driver')
    gpu = venus.Gpu(client)
    show(pid, 'one device')
    for device in (4000, 4001):
        gpu.call(venus.create_device(venus.PHYSICAL, device))
        show(pid, 'one more')
