# SPDX-License-Identifier: MIT
"""An X server without a screen, whose picture can be read."""

import mmap
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import zlib

import harness


def receive(server, size):
    data = b''
    while len(data) < size:
        more = server.recv(size - len(data))
        assert more, 'the X server hung up'
        data += more
    return data


class Xvfb:
    """An X server of its own, where keys that are held do not repeat. `display` is its name, for DISPLAY; if none is given,
    one that is free."""

    def __init__(self, width=1600, height=1000, display=None):
        self.width, self.height = width, height
        self.memory = None
        self.dir = tempfile.mkdtemp(prefix='vitrine-xvfb-')
        read_fd, write_fd = os.pipe()
        self.process = subprocess.Popen(
            ['Xvfb', *([display] if display else []), '-displayfd', str(write_fd), '-screen', '0', f'{width}x{height}x24', '-fbdir', self.dir,
             '-nolisten', 'tcp', '-noreset', '-r'], pass_fds=[write_fd], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(write_fd)
        with os.fdopen(read_fd) as pipe:
            number = pipe.readline().strip()
        assert number, 'Xvfb did not start'
        self.display = ':' + number
        self.env = dict(os.environ, DISPLAY=self.display)
        self.env.pop('WAYLAND_DISPLAY', None)

    def part(self, x, y, width, height):
        """What the screen shows there, as rows of R, G, B."""
        if not self.memory:
            with open(os.path.join(self.dir, 'Xvfb_screen0'), 'rb') as file:
                self.memory = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        # XWDFileHeader (X11/XWDFile.h): 25 words, big-endian whatever the machine
        head = struct.unpack('>25I', self.memory[:100])
        size, bits, stride, colours = head[0], head[11], head[12], head[19]
        assert bits == 32, bits
        result = []
        for at in range(size + 12 * colours + y * stride, size + 12 * colours + (y + height) * stride, stride):
            row = self.memory[at + x * 4:at + (x + width) * 4]
            rgb = bytearray(3 * width)
            rgb[0::3], rgb[1::3], rgb[2::3] = row[2::4], row[1::4], row[0::4]
            result.append(bytes(rgb))
        return result

    def save(self, path):
        """As a PNG, for people."""
        width, height = self.width, self.height
        def chunk(name, body):
            return struct.pack('>I', len(body)) + name + body + struct.pack('>I', zlib.crc32(name + body))
        body = b''.join(b'\0' + row for row in self.part(0, 0, width, height))
        with open(path, 'wb') as file:
            file.write(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)) +
                       chunk(b'IDAT', zlib.compress(body)) + chunk(b'IEND', b''))

    def do(self, *words):
        """Runs xdotool, which is a person's hands."""
        done = subprocess.run(['xdotool', *map(str, words)], env=self.env, capture_output=True, text=True, timeout=harness.SECONDS)
        assert done.returncode == 0, f'xdotool {words}: {done.stderr}'
        return done.stdout.split()

    def windows(self, name):
        """The numbers of the windows that are shown and whose title begins with this."""
        done = subprocess.run(['xdotool', 'search', '--onlyvisible', '--name', '^' + name], env=self.env,
                              capture_output=True, text=True, timeout=harness.SECONDS)
        return [int(word) for word in done.stdout.split()]

    def place(self, window):
        """-> x, y, width, height"""
        values = dict(word.split('=') for word in self.do('getwindowgeometry', '--shell', window))
        return tuple(int(values[name]) for name in ('X', 'Y', 'WIDTH', 'HEIGHT'))

    def wait_for_window(self, name):
        return harness.wait_for(lambda: self.windows(name), 60, f'a window called {name!r}')[0]

    def close(self, window):
        """What the cross in a window's corner does: WM_DELETE_WINDOW (ICCCM 4.1.2.7), which xdotool cannot say."""
        with socket.socket(socket.AF_UNIX) as server:
            server.settimeout(harness.SECONDS)
            server.connect('/tmp/.X11-unix/X' + self.display[1:])
            server.sendall(struct.pack('<BxHHHHxx', ord('l'), 11, 0, 0, 0))
            ok, words = struct.unpack('<BxxxxxH', receive(server, 8))
            receive(server, 4 * words)
            assert ok == 1, 'the X server takes no clients'
            atoms = []
            for name in b'WM_PROTOCOLS', b'WM_DELETE_WINDOW':
                padded = name + bytes(-len(name) % 4)
                server.sendall(struct.pack('<BBHHxx', 16, 0, 2 + len(padded) // 4, len(name)) + padded)  # InternAtom
                atoms.append(struct.unpack('<8xI20x', receive(server, 32))[0])
            message = struct.pack('<BBHIIII12x', 33, 32, 0, window, atoms[0], atoms[1], 0)  # ClientMessage
            server.sendall(struct.pack('<BBHII', 25, 0, 11, window, 0) + message)  # SendEvent
            server.sendall(struct.pack('<BBH', 43, 0, 1))  # GetInputFocus: its answer says that all was done
            receive(server, 32)

    def freeze(self, frozen):
        self.process.send_signal(signal.SIGSTOP if frozen else signal.SIGCONT)

    def stop(self):
        self.freeze(False)
        self.process.terminate()
        self.process.wait(harness.SECONDS)
        shutil.rmtree(self.dir)
