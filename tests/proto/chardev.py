# SPDX-License-Identifier: MIT
"""QEMU's end of the socket of a guest's port, for tests."""

import select
import socket
import time


class Chardev:
    def __init__(self, path, seconds=60):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(seconds)
        self.sock.connect(path)
        self.rest = b''

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def is_closed(self, seconds=60):
        """Whether the host closes the connection in time."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if not select.select([self.sock], [], [], max(0, until - time.monotonic()))[0]:
                return False
            try:
                if not self.sock.recv(1 << 20):
                    return True
            except ConnectionResetError:
                return True
        return False
