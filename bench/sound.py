#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the sound of a guest costs: processor time of `vitrine gpu` and its screen process, while a guest plays a tone,
without a listener and with one viewer who listens. Guest and viewer are played by this program, and do not count. It
prints the smallest and the median second, in percent of a core: other programs only ever make a second dearer."""

import argparse
import os
import statistics
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tests', 'proto'))

import harness
import processes
import sound_card
import ws

SECONDS = 10
ROUNDS = 3
PLAYBACK = 1
# As PipeWire asks for it: messages of 1024 frames, stereo, 16 bits.
PERIOD = 4 * 1024
AHEAD = 8
PACKETS_PER_S = 50
ACK_EVERY = 10


def play(card, ends):
    """A guest, until the event is set."""
    tone = sound_card.tone(1000, 0.5, 0, 48000) * 2
    card.prepare(PLAYBACK)
    waiting = [card.play(PLAYBACK, tone[:PERIOD]) for _ in range(AHEAD)]
    assert card.control(sound_card.START, PLAYBACK) == sound_card.OK
    sent = AHEAD
    while not ends.is_set():
        assert card.finish(waiting.pop(0))[0] == sound_card.OK
        at = sent * PERIOD % (4 * 48000)
        waiting.append(card.play(PLAYBACK, tone[at:at + PERIOD]))
        sent += 1


class Link:
    """Where a viewer finds the server."""

    def __init__(self, link):
        address, self.token = link.split('://')[1].split('/#token=')
        self.host, port = address.rsplit(':', 1)
        self.port = int(port)


def measure(pid, second):
    """Calls second() SECONDS times. Returns the percentages of a core."""
    pids = processes.tree(pid)
    results = []
    for _ in range(SECONDS):
        begin, cpu = time.monotonic_ns(), sum(processes.thread_times(pids).values())
        second()
        used = sum(processes.thread_times(pids).values()) - cpu
        results.append(100 * used / (time.monotonic_ns() - begin))
    return results


def hear(viewer, count):
    while count > 0:
        packet = viewer.wait('packet')
        count -= 1
        if packet['number'] % ACK_EVERY == ACK_EVERY - 1:
            viewer.send(ws.heard(packet['number']))


def run(program):
    """Returns: percentages without a listener, and with one."""
    harness.PROGRAM = program
    gpu = harness.Server('--sound', '{dir}/sound', '--http', '127.0.0.1:0', command=('gpu',))
    card = sound_card.Card(os.path.join(gpu.dir, 'sound'))
    card.start()
    ends = threading.Event()
    guest = threading.Thread(target=play, args=(card, ends))
    guest.start()
    try:
        unheard = measure(gpu.pid, lambda: time.sleep(1))
        viewer = ws.Viewer(Link(gpu.links[0]))
        viewer.wait('sound')
        viewer.send(ws.listen())
        hear(viewer, PACKETS_PER_S)
        heard = measure(gpu.pid, lambda: hear(viewer, PACKETS_PER_S))
        viewer.close()
    finally:
        ends.set()
        guest.join()
        card.close()
        gpu.stop()
    return unheard, heard


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('vitrine', nargs='*', default=['build/vitrine'],
                        help='programs to measure in turns; default: build/vitrine')
    programs = [os.path.abspath(name) for name in parser.parse_args().vitrine]
    results = {program: ([], []) for program in programs}
    for _ in range(ROUNDS):
        for program in programs:
            for total, part in zip(results[program], run(program)):
                total += part
    for program, (unheard, heard) in results.items():
        for name, percent in (('no listener', unheard), ('one listener', heard)):
            print(f'{program}: {name}: {min(percent):.2f}, {statistics.median(percent):.2f} % of a core')


main()
