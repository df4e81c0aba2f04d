#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Stock Linux plays and records by virtio_snd and ALSA's own programs."""
import base64
import re
import statistics

import e2e
import harness
import qemu
import sound_card
from harness import expect

# ALSA's library without its configuration files: the card as it is, and with conversion.
ALSA = 'pcm.card { type hw card 0 device 0 }', 'pcm.any { type plug slave.pcm card }'


class Machine(qemu.Machine):
    def __init__(self):
        super().__init__(sound=True, processors=2)

    def find_guest(self):
        qemu.find_guest()  # unpacks the packages
        folder = e2e.build / 'guest'  # with the files of one release or more
        files = next(path.parent for path in folder.glob('*/vmlinuz') if (path.parent / 'versions.json').exists() and
                     path.read_bytes() == (folder / 'vmlinuz').read_bytes())
        programs = [files / 'root' / 'usr' / 'bin' / name for name in ('aplay', 'speaker-test')]
        return qemu.find_guest(programs=[*qemu.guest_programs(), *programs])

    def __enter__(self):
        super().__enter__()
        for line in ALSA:
            self.run(f"echo '{line}' >>/tmp/alsa.conf")
        self.run('export ALSA_CONFIG_PATH=/tmp/alsa.conf; ln -s aplay /usr/bin/arecord')
        self.page = sound_card.Page(self.gpu.pid)
        self.listener = sound_card.Listener(self.gpu.pid)
        self.listener.listen()
        return self

    def listen_to(self, command, seconds=qemu.GUEST_S):
        """Runs a program of the guest; what it printed, the pieces that were heard of it, and how often it was late."""
        self.page.skip()
        late = self.page.counters()[0]
        start = self.seen
        self.send(f'{command} 2>&1; echo "guest: status $?"')
        pieces = []

        def is_done():
            pieces.extend(self.page.take())
            return any(re.search(r'guest: status \d+$', line) for line in self.console.lines[start:])
        expect(harness.wait_until(is_done, seconds, 0.05), f'{command}: not done after {seconds} s')
        self.seen = self.console.wait(r'guest: status \d+$', start, seconds, command) + 2
        text = '\n'.join(self.console.lines[start:self.seen])
        return text, pieces + self.page.take(), self.page.counters()[0] - late


SHARED = qemu.Shared(Machine)


def is_tone(samples, rate):
    """Whether they are a pure tone, and nothing else."""
    level = sound_card.level_of_tone(samples, rate)
    power = sum(sample * sample for sample in samples) / len(samples)
    return level > 0 and abs(level * level / 2 - power) < 0.02 * power


def expect_tone(pieces, frequency, channel, frames, late):
    """A tone of at least so many frames. It is interrupted only where the guest was late: each time in one or two parts."""
    samples = []
    for piece in pieces:
        samples += sound_card.left_channel(piece.data[2 * channel:2 * piece.channels * piece.frames], piece.channels)
    loud = [at for at, sample in enumerate(samples) if abs(sample) > 0.01]
    expect(loud, 'silence')
    tone = samples[loud[0]:loud[-1] + 1]
    expect(len(tone) > frames, f'{len(tone)} frames')
    middle = tone[len(tone) // 4:3 * len(tone) // 4]
    rate = pieces[0].rate
    parts = [middle[at:at + rate // 10] for at in range(0, len(middle) - rate // 10, rate // 10)]
    pure = [part for part in parts if is_tone(part, rate)]
    expect(len(pure) >= max(1, len(parts) - 2 * late), f'{len(pure)} of {len(parts)} parts are the tone; {late} times late')
    pitch = statistics.median(sound_card.pitch_of(part, rate) for part in pure)
    expect(abs(pitch - frequency) < 1, pitch)  # speaker-test 1.2.14 plays 1000.8 Hz for 1000


def expect_no_gap(pieces, late, text):
    """Every frame was heard, in order; the sound was interrupted only if the guest says that it was late."""
    position, run = 0, pieces[0].run
    for piece in pieces:
        if piece.run != run:
            position, run = 0, piece.run
        expect(piece.position == position, f'{piece.position}, not {position}')
        position += piece.frames
    expect(late <= len(re.findall('(?i)underrun', text)), f'{late} gaps: {text}')


def test_the_card_is_what_alsa_expects():
    with SHARED as machine:
        cards = machine.run('cat /proc/asound/pcm')
        text = machine.run('aplay -D card --dump-hw-params -d 1 /dev/zero 2>&1')
    expect('playback 4 : capture 2' in cards, cards)
    expect('RATE: [8000 192000]' in text and 'CHANNELS: [1 2]' in text, text)
    for name in 'S8', 'U8', 'S16_LE', 'U16_LE', 'S24_LE', 'S24_3LE', 'S32_LE', 'FLOAT_LE':
        expect(name in text, text)


def test_tones_are_heard():
    with SHARED as machine:
        for frequency, rate, channels in (440, 48000, 2), (1000, 44100, 1):
            text, pieces, late = machine.listen_to(f'speaker-test -D card -t sine -f {frequency} -c {channels} -r {rate} '
                                             '-F S16_LE -l 1')
            expect({(piece.rate, piece.channels) for piece in pieces} == {(rate, channels)}, pieces[0][:8])
            expect_no_gap(pieces, late, text)
            for channel in range(channels):
                expect_tone(pieces, frequency, channel, rate, late)


def test_a_microphone_is_recorded():
    """By a guest that wants another rate, too."""
    with SHARED as machine:
        with sound_card.Speaker(machine.listener, frequency=600):
            for name, options, rate in ('card', '-r 48000 -c 2', 48000), ('any', '-r 16000 -c 1', 16000):
                machine.run(f'arecord -D {name} -t raw -f S16_LE {options} -d 4 /tmp/recorded 2>&1')
                text = machine.run('base64 /tmp/recorded')
                data = base64.b64decode(text)
                samples = sound_card.left_channel(data, 2 if rate == 48000 else 1)
                expect(len(samples) == 4 * rate, len(samples))
                # On a busy machine the guest or the test may be late, which cuts pieces out of the tone.
                parts = [samples[at:at + rate // 10] for at in range(rate, 4 * rate, rate // 10)]
                levels = [sound_card.level_of_tone(part, rate) for part in parts]
                whole = [part for part, level in zip(parts, levels) if abs(level - 0.5) < 0.03]
                expect(len(whole) > 15, levels)
                pitches = sorted(sound_card.pitch_of(part, rate) for part in whole)
                expect(abs(pitches[len(pitches) // 2] - 600) < 3.1, pitches)  # half a percent


if __name__ == '__main__':
    e2e.main()
