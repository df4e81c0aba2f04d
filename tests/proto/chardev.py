# SPDX-License-Identifier: MIT
"""QEMU's end of the socket of a guest's port, for tests."""

import contextlib
import select
import socket
import threading

import waiting


class Chardev:
    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(waiting.SECONDS)
        self.sock.connect(path)
        self.rest = b''

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def is_closed(self):
        """Whether the host closes the connection. What it says before is dropped."""
        try:
            while self.sock.recv(1 << 20):
                pass
        except TimeoutError:
            return False
        except ConnectionResetError:
            pass
        return True

    @contextlib.contextmanager
    def dropping(self):
        """Meanwhile what the host says is read and dropped."""
        ended = threading.Event()

        def read():
            while not ended.is_set():
                if select.select([self.sock], [], [], 0.05)[0]:
                    self.sock.recv(1 << 20)
        reading = threading.Thread(target=read)
        reading.start()
        try:
            yield
        finally:
            ended.set()
            reading.join()
