#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`vitrine gpu` and a guest that plays a tone in the time of its card's clock, and records.

    sound_guest.py VITRINE HERTZ

Prints "READY LINK LINK" (to control, to watch). Each line on standard input is answered: "stop" and "play" end and begin
the tone, "voice" is answered by "OK voice HERTZ LEVEL" of what was recorded since the last time, "underruns" by
"OK underruns N". The end of the input ends all."""

import os
import queue
import sys
import threading

import harness
import sound_card
from sound_card import OK, RELEASE, RX, START, STOP, TX

PERIOD_FRAMES = 480
PERIOD = 4 * PERIOD_FRAMES
# So many messages are ahead of what is heard, like a driver's buffer of a third of a second.
AHEAD = 32
PLAYBACK, CAPTURE = 1, 4


class Guest:
    def __init__(self, card, hertz):
        self.card = card
        self.second = sound_card.tone(hertz, 0.5, 0, 48000)
        self.plays = True
        self.orders = queue.Queue()
        self.recorded = bytearray()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def start(self, test):
        """Runs in its own thread, at most until the test ends."""
        self.thread.start()
        test.addCleanup(self.end, test)

    def end(self, test):
        """May be called again."""
        self.orders.put(None)
        self.thread.join(harness.SECONDS)
        test.assertFalse(self.thread.is_alive(), 'the guest goes on to the end')

    def period(self, number):
        at = number * PERIOD % len(self.second)
        return self.second[at:at + PERIOD]

    def run(self):
        """Until an order is None."""
        self.card.prepare(PLAYBACK)
        self.card.prepare(CAPTURE)
        playing, recording = [], []
        sent, started = 0, False
        assert self.card.control(START, CAPTURE) == OK
        while True:
            while len(recording) < AHEAD:
                recording.append(self.card.record(CAPTURE, PERIOD))
            while self.plays and len(playing) < AHEAD:
                playing.append(self.card.play(PLAYBACK, self.period(sent)))
                sent += 1
            if self.plays and not started:
                assert self.card.control(START, PLAYBACK) == OK
                started = True
            status, data = self.card.finish(recording.pop(0), queue=RX)
            assert status == OK
            self.recorded += data
            self.card.queues[TX].collect()
            while playing and playing[0].written:
                assert self.card.finish(playing.pop(0))[0] == OK
            try:
                order = self.orders.get_nowait()
            except queue.Empty:
                continue
            if order is None:
                return
            if order == 'stop' and started:
                self.plays = started = False
                assert self.card.control(STOP, PLAYBACK) == OK
                assert self.card.control(RELEASE, PLAYBACK) == OK
                for request in playing:
                    self.card.finish(request)
                playing.clear()
                self.card.prepare(PLAYBACK)
            elif order == 'play':
                self.plays = True

    def voice(self):
        samples = sound_card.left_channel(bytes(self.recorded))
        self.recorded.clear()
        loud = [sample for sample in samples if abs(sample) > 0.001]
        if len(loud) < 4800:
            return 0, 0
        return sound_card.pitch_of(loud), max(loud)


def main():
    harness.PROGRAM = os.path.abspath(sys.argv[1])
    gpu = harness.Server('--sound', '{dir}/sound', '--http', '127.0.0.1:0', command=('gpu',))
    card = sound_card.Card(os.path.join(gpu.dir, 'sound'))
    card.start()
    guest = Guest(card, int(sys.argv[2]))
    page = sound_card.Page(gpu.pid)
    guest.thread.start()
    print('READY', *gpu.links, flush=True)
    for line in sys.stdin:
        order = line.strip()
        if order == 'voice':
            print('OK voice %.1f %.3f' % guest.voice(), flush=True)
        elif order == 'underruns':
            print('OK underruns', page.counters()[0], flush=True)
        else:
            guest.orders.put(order)
            print('OK', order, flush=True)
    guest.orders.put(None)
    guest.thread.join()
    page.close()
    card.close()
    gpu.stop()


if __name__ == '__main__':
    main()
