# SPDX-License-Identifier: MIT
"""Says to a front what its screen process would say of a person: over the very socket that the screen process
has, which the tests may borrow from it since they started it."""

import ctypes
import os
import signal
import socket
import struct

import harness

CONTROL_FD = 3
PIDFD_GETFD = 438
INPUT = 4
KEY, MOTION, WHEEL, RELEASE, TOUCH, PAD = range(6)


def pack(kind, display=0, code=0, down=0, x=0, y=0, wheel_x=0, wheel_y=0, buttons=0, axes=(0,) * 6):
    body = struct.pack('<6I2iI6h', kind, display, code, down, x, y, wheel_x, wheel_y, buttons, *axes)
    return struct.pack('<4I', INPUT, len(body), 0, 0) + body


def find_screen(front):
    """The screen process of a front."""
    return harness.wait_for(lambda: harness.children_with(front, 'screen'), what='a screen process')[0]


def borrow_fd(pid, number):
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(pid)
    try:
        fd = libc.syscall(PIDFD_GETFD, pidfd, number, 0)
        if fd < 0:
            raise OSError(ctypes.get_errno(), 'pidfd_getfd', f'/proc/{pid}/fd/{number}')
        return fd
    finally:
        os.close(pidfd)


class Person:
    """A user of the displays of a front."""

    def __init__(self, front):
        self.screen = find_screen(front)
        self.sock = socket.socket(fileno=borrow_fd(self.screen, CONTROL_FD))

    def send(self, message):
        self.sock.send(message, socket.MSG_NOSIGNAL)

    def key(self, code, down):
        self.send(pack(KEY, code=code, down=int(down)))

    def motion(self, display, x, y):
        self.send(pack(MOTION, display=display, x=x, y=y))

    def wheel(self, x, y):
        self.send(pack(WHEEL, wheel_x=x, wheel_y=y))

    def touch(self, contact, down, x=0, y=0, display=0):
        self.send(pack(TOUCH, display=display, code=contact, down=int(down), x=x, y=y))

    def pad(self, number, buttons=0, axes=(0,) * 6):
        self.send(pack(PAD, code=number, buttons=buttons, axes=axes))

    def release(self):
        self.send(pack(RELEASE))

    def kill(self):
        self.sock.close()
        os.kill(self.screen, signal.SIGKILL)
        harness.wait_for(lambda: harness.is_gone(self.screen), 60, 'the end of the screen process')
