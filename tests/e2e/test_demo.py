#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`vitrine demo`: it boots and says what the guest shows; whatever is missing, it says how to get it."""
import re
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import e2e
import qemu
from harness import expect


def demo(*options, seconds=120):
    done = e2e.run([e2e.program('vitrine'), 'demo', *options], e2e.native_env(), timeout=seconds, check=False)
    return done.returncode, done.stdout, done.stderr


def fake_qemu(folder, text, status=0):
    path = Path(folder) / 'qemu'
    path.write_text(f'#!/bin/sh\necho "{text}"\nexit {status}\n')
    path.chmod(0o755)
    return str(path)


def test_demo():
    """Ends at Ctrl-C."""
    qemu.find_guest()
    command = [e2e.program('vitrine'), 'demo', '--display', '800x600', '--qemu', qemu.find_qemu()]
    with subprocess.Popen(command, env=e2e.native_env(), stdout=subprocess.PIPE) as process:
        lines = qemu.Lines(process.stdout)
        try:
            last = lines.wait(r'cube: \d+\.\d frames/s', 0, 300, 'vitrine demo')
            process.send_signal(signal.SIGINT)
            status = process.wait(60)
        finally:
            process.kill()
    out = '\n'.join(lines.lines[:last + 1])
    print(out)
    expect(status == 0, f'status {status}\n{out}')
    expect(re.search(r'http://127\.0\.0\.1:\d+/', out), 'no address')
    expect(re.search(r'cube: .*800x600', out), 'no device and mode')


def test_too_short():
    """A guest that has not got as far as a frame."""
    qemu.find_guest()
    status, _, err = demo('--exit-after', '1', '--qemu', qemu.find_qemu())
    expect(status == 1 and 'has not shown a frame' in err, f'{status} {err}')


def test_old_qemu():
    qemu.find_guest()
    with tempfile.TemporaryDirectory() as folder:
        path = fake_qemu(folder, 'QEMU emulator version 7.2.22 (Debian)')
        status, _, err = demo('--qemu', path)
        expect(status == 1 and 'is QEMU 7.2, older than 11.1' in err and 'make guest' in err, f'{status} {err}')
        status, _, err = demo('--qemu', fake_qemu(folder, 'no version here'))
        expect(status == 1 and 'prints no version' in err, f'{status} {err}')
        status, _, err = demo('--qemu', fake_qemu(folder, 'QEMU emulator version 11.1.0', 1))
        expect(status == 1 and 'does not run' in err, f'{status} {err}')


def test_nothing_there():
    with tempfile.TemporaryDirectory() as folder:
        status, _, err = demo('--guest', folder)
        expect(status == 1 and folder in err and 'make guest' in err, f'{status} {err}')
        (Path(folder) / 'vmlinuz').touch()
        (Path(folder) / 'initramfs.img').touch()
        status, _, err = demo('--guest', folder, '--qemu', '/no/such/qemu')
        expect(status == 1 and 'make guest' in err, f'{status} {err}')


def test_port_in_use():
    qemu.find_guest()
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        sock.listen()
        address = f'127.0.0.1:{sock.getsockname()[1]}'
        status, _, err = demo('--http', address, '--qemu', qemu.find_qemu())
    expect(status == 1 and 'in use' in err, f'{status} {err}')


def test_no_kernel():
    """A guest that does not boot: its QEMU's words are there, and it ends."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / 'vmlinuz').write_bytes(b'no kernel')
        (Path(folder) / 'initramfs.img').touch()
        status, _, err = demo('--guest', folder, '--qemu', qemu.find_qemu(), '--exit-after', '30')
    expect(status == 1 and 'QEMU ended' in err, f'{status} {err}')


def test_wrong_options():
    for options in (['--accel', 'xen'], ['--display', '0x0'], ['--frames', '0', '--local']):
        status, _, err = demo(*options, '--exit-after', '20')
        expect(status in (1, 2) and err, f'{options}: {status} {err}')


if __name__ == '__main__':
    e2e.main()
