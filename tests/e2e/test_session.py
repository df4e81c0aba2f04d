#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The desktop guest is like a computer at hand: clipboard, files, text of telephones and sound, with Debian's own programs in
the guest."""
import ctypes
import hashlib
import json
import os
import random
import re
import subprocess
import time
import unittest

import e2e
import harness
import qemu
import sound_card
import test_agent
import test_desktop
import test_input
import vdagent
import ws
from harness import expect

MIB = 1 << 20
ADDED = b'and back'
RUN = qemu.SOURCE / 'tests' / 'web' / 'run.sh'
TYPIST = qemu.SOURCE / 'tests' / 'web' / 'type_in_guest.mjs'
# What each layout has, with dead keys and AltGr. What all of them lack goes by the clipboard.
TEXTS = {
    'us': 'ls -l ~/*.c | grep "x" > \'y\' && echo $((1 << 2)) #done\n',
    'de': 'Zwölf Boxkämpfer jagen Viktor quer über den Deich: {[\\|@€~]} é à Ê <ß>\n',
    'fr': 'Voix ambiguë d\'un héros qui préfère les jattes de kiwis : {[|`\\^@]} 12€ Éà ù\n',
}
LACKED = '日本語 Ω 🎉'
RATE, PACKET_FRAMES, CHANNELS = 48000, 960, 2


class Desktop(test_desktop.Desktop):
    """With a port for the agent, and a sound card."""

    def __init__(self):
        super().__init__(sound=True)

    def start_gpu(self):
        agent = self.path('agent')
        self.gpu_options = ['--agent', str(agent)]
        self.more_options = [*self.more_options, '-device', 'virtio-serial-pci', '-chardev',
                             f'socket,id=agent,path={agent},reconnect-ms=1000', '-device',
                             'virtserialport,chardev=agent,name=com.redhat.spice.0']
        super().start_gpu()

    def viewer(self):
        """One that knows of the agent, which is ready."""
        viewer = vdagent.Viewer(test_input.Address('127.0.0.1', self.port, self.token))
        viewer.wait_state(vdagent.READY, 120)
        # The daemon is ready before the session's agent is.
        expect(harness.wait_until(lambda: self.is_pasted(viewer, b'start'), 120), 'nothing can be pasted in the guest')
        return viewer

    def is_pasted(self, viewer, data):
        viewer.put(data)
        return data.decode() in self.run('timeout 5 xclip -selection clipboard -o', check=False)

    def paste(self, target, file):
        """The hash of what a program of the guest pastes."""
        return self.run(f'timeout 60 xclip -selection clipboard -t {target} -o >{file}; sha256sum <{file}').split()[0]


def hash_of(data):
    return hashlib.sha256(data).hexdigest()


def exchange(machine, viewer, kind, target, data):
    """From the browser to the guest, and with a little more at the end back."""
    viewer.put(data, kind, confirms=1)
    expect(viewer.wait('result', 60)['result'] == vdagent.OFFERED, 'the guest\'s agent has refused it')
    begin = time.monotonic()
    expect(machine.paste(target, '/tmp/pasted') == hash_of(data), f'{target}: something else was pasted in the guest')
    middle = time.monotonic()
    machine.run(f'printf "%s" "{ADDED.decode()}" >>/tmp/pasted; xclip -selection clipboard -t {target} -i /tmp/pasted')
    # The owner before it was this viewer.
    while not (owner := viewer.wait('owner', 60))['formats'] & kind or owner['selection'] != 0:
        pass
    viewer.send(vdagent.request(kind))
    answer, found = viewer.contents(kind)
    expect((answer, hash_of(found)) == (vdagent.ANSWERED, hash_of(data + ADDED)), f'{target}: {answer}, {len(found)} bytes')
    print(f'{target}: {len(data)} bytes to the guest in {middle - begin:.1f} s, back in {time.monotonic() - middle:.1f} s')


def send_file(viewer, file, name, data, stop_at=None):
    """Its last state, or that of the moment in which so many bytes were sent."""
    viewer.send(vdagent.file_start(file, len(data), name))
    return viewer.push(file, data, stop_at)['state']


def test_clipboard():
    """Text of every script, and a picture, both ways."""
    with Desktop() as machine, machine.viewer() as viewer:
        exchange(machine, viewer, vdagent.TEXT, 'UTF8_STRING', test_agent.every_script(MIB))
        exchange(machine, viewer, vdagent.PNG, 'image/png', b'\x89PNG\r\n\x1a\n' + random.Random(1).randbytes(4 * MIB))
        machine.expect_alive()


def test_files():
    """A file arrives as it is, and one that is cancelled leaves nothing."""
    data = random.Random(2).randbytes(20 * MIB)
    with Desktop() as machine, machine.viewer() as viewer:
        begin = time.monotonic()
        state = send_file(viewer, 1, 'größe.bin'.encode(), data)
        expect(state == vdagent.FILE_DONE, f'state {state}')
        print(f'{len(data) / MIB:.0f} MiB in {time.monotonic() - begin:.1f} s')
        expect(machine.run('sha256sum <"/root/Downloads/größe.bin"').split()[0] == hash_of(data), 'it is another file now')
        expect(send_file(viewer, 2, b'cancelled', data, 2 * MIB) == vdagent.FILE_GOING, 'it ended too early')
        machine.expect_in_time('ls /root/Downloads | grep -c cancelled', '1')
        viewer.send(vdagent.file_cancel(2))
        machine.expect_in_time('ls /root/Downloads | grep -c cancelled', '0')
        machine.expect_alive()


class Telephone:
    """Chromium as a telephone, whose keyboard has no key codes."""

    def __init__(self, machine, layout):
        link = f'http://127.0.0.1:{machine.port}/#token={machine.token}'
        self.process = subprocess.Popen(['sh', RUN, TYPIST, link, layout], stdin=subprocess.PIPE, env=os.environ,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def type(self, text):
        try:
            self.process.stdin.write(json.dumps(text) + '\n')
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ''
        if line.strip() != 'typed':
            said = line + self.process.stdout.read()
            if self.process.wait() == 77:
                raise unittest.SkipTest(said.strip())
            raise AssertionError(said)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()


def test_text_of_a_telephone():
    """It arrives in a terminal of the guest under three layouts; what a layout lacks, by the clipboard."""
    with Desktop() as machine:
        machine.viewer().close()
        machine.run('killall vkcube xterm')
        for layout, text in TEXTS.items():
            machine.run(f'setxkbmap {layout}; rm -f /tmp/typed')
            machine.start('xterm -e "stty -icanon; cat >/tmp/typed"', 'terminal')
            machine.run('while [ ! -e /tmp/typed ]; do usleep 200000; done')
            with Telephone(machine, layout) as telephone:
                typed = ''
                # Word by word: a guest that is busy for a tenth of a second may lose keys of a longer text.
                for word in [*re.findall('[^ ]+ ?', text), LACKED]:
                    telephone.type(word)
                    typed += word
                    machine.expect_in_time('od -An -v -tx1 /tmp/typed | tr -d " \\n"', typed.encode().hex())
            print(f'{layout}: {len(typed)} characters')
            machine.run('killall xterm')
        machine.expect_alive()


class Decoder:
    """libopus."""

    def __init__(self):
        try:
            self.opus = ctypes.CDLL('libopus.so.0')
        except OSError:
            raise unittest.SkipTest('there is no libopus')
        self.opus.opus_decoder_create.restype = ctypes.c_void_p
        self.state = ctypes.c_void_p(self.opus.opus_decoder_create(RATE, CHANNELS, None))
        self.room = ctypes.create_string_buffer(PACKET_FRAMES * CHANNELS * 2)

    def decode(self, packet):
        """The samples of the left channel."""
        frames = self.opus.opus_decode(self.state, packet, len(packet), self.room, PACKET_FRAMES, 0)
        expect(frames == PACKET_FRAMES, f'opus_decode: {frames}')
        return sound_card.left_channel(self.room.raw, CHANNELS)


def test_sound():
    """A tone of the guest has its pitch in the browser's packets, and is interrupted only if the guest was late."""
    decoder = Decoder()
    with Desktop() as machine, machine.viewer() as viewer:
        machine.run('killall vkcube; while pidof aplay; do sleep 1; done')  # the tune
        viewer.send(ws.listen())
        page = sound_card.Page(machine.gpu.pid)
        late = page.counters()[0]
        machine.start('speaker-test -t sine -f 440 -c 2 -l 1', 'speaker')
        samples, packets = [], 0
        while packets < 250:
            name, found = viewer.next(60)
            if name == 'packet':
                viewer.send(ws.heard(found['number']))
                samples += decoder.decode(found['data'])
                packets += 1
        machine.run('while pidof speaker-test; do sleep 1; done')
        underruns = len(re.findall('(?i)underrun', machine.log_of('speaker')))
        late = page.counters()[0] - late
        page.close()
        machine.expect_alive()
    parts = [samples[at:at + RATE // 10] for at in range(0, len(samples), RATE // 10)]
    # speaker-test plays on one side at a time.
    loud = [part for part in parts if min(map(max, (part[:960], part[-960:]))) > 0.1]
    expect(len(loud) > 10, f'{len(loud)} of {len(parts)} parts have a tone')
    pitches = sorted(sound_card.pitch_of(part) for part in loud)
    print(f'{len(loud)} parts of 100 ms, {pitches[0]:.1f} to {pitches[-1]:.1f} Hz; {late} gaps, {underruns} underruns in the guest')
    expect(abs(pitches[len(pitches) // 2] - 440) < 1, pitches)
    expect(late <= underruns, f'{late} gaps, of which the guest knows {underruns}')


if __name__ == '__main__':
    e2e.main()
