#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`vitrine demo`: it boots and says what the guest shows; whatever is missing, it says how to get it."""
import os
import pty
import re
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import e2e
import harness
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


def fake_machine(folder, script):
    """A QEMU that runs a shell script, whose output is the guest's console, and the options to start it."""
    path = Path(folder) / 'qemu'
    path.write_text(f'#!/bin/sh\ncase $1 in\n--version) echo "QEMU emulator version 11.1.0"; exit;;\n-device) exit;;\nesac\n'
                    f'{script}\n')
    path.chmod(0o755)
    for name in ('vmlinuz', 'initramfs.img'):
        (Path(folder) / name).touch()
    return ['--qemu', str(path), '--guest', folder, '--accel', 'tcg']


def demo_with(script, *options):
    with tempfile.TemporaryDirectory() as folder:
        return demo(*fake_machine(folder, script), *options)


def screen(data):
    """The lines of a terminal that was sent this."""
    lines = ['']
    column = 0
    for part in re.findall(r'\n|\r|\x1b\[K|[^\n\r\x1b]+', data):
        if part == '\n':
            lines.append('')
            column = 0
        elif part == '\r':
            column = 0
        elif part == '\x1b[K':
            lines[-1] = lines[-1][:column]
        else:
            lines[-1] = lines[-1][:column] + part + lines[-1][column + len(part):]
            column += len(part)
    return lines


def read_terminal(fd, until):
    """What comes until a text, or until the other side closes."""
    data = ''
    while not until or until not in data:
        try:
            data += os.read(fd, 4096).decode()
        except OSError:  # Linux's way to say that the other side is closed
            break
    return data


FRAMES = "echo 'guest: up after 1.00 s, Linux'; echo 'cube: first frame 2.00 s after the start of the system'"


def test_terminal():
    """A person at a terminal: the rate has one line, at the bottom, which nothing else is mixed with."""
    script = FRAMES + """
echo 'cube: 61.0 frames/s, frame 120'
sleep 0.5
echo 'a message of QEMU' >&2
sleep 0.5
echo 'cube: 62.0 frames/s, frame 240'
exec sleep 600"""
    with tempfile.TemporaryDirectory() as folder:
        pid, fd = pty.fork()
        if pid == 0:
            os.execve(e2e.program('vitrine'), ['vitrine', 'demo', *fake_machine(folder, script)], e2e.native_env())
        data = read_terminal(fd, '62.0 frames/s')
        before = screen(data)
        os.write(fd, b'\x03')
        data += read_terminal(fd, None)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    print('\n'.join([*before, '---', *screen(data)]))
    expect(status == 0, f'status {status}')
    expect(before[-1] == 'The guest shows 62.0 frames/s' and before[-2] == 'a message of QEMU', 'the rate and the message')
    expect('\x1b[Ka message' in data and '61.0 frames/s' in data, 'the rate was there when the message came')
    after = screen(data)
    expect(after[:-2] == before[:-1], 'Ctrl-C changes what is above the rate')
    expect(after[-2:] == ['The demo has ended, and the virtual machine is switched off.', ''], 'the last line')
    links = [line for line in after if 'http://' in line]
    expect(len(links) == 2 and links[0] == links[1] and re.fullmatch(r'    http://\S+', links[0]), 'the link, twice alone')
    expect(max(map(len, after)) <= 80, 'a line is longer than terminals are')


def test_shutdown():
    status, out, err = demo_with(f"{FRAMES}; echo 'cube: 60.0 frames/s, frame 1'; echo 'cube: 50.0 frames/s, frame 2'")
    expect(status == 0 and not err, f'{status} {err}')
    lines = out.splitlines()
    expect(lines[-2:] == ['The guest shows 60.0 frames/s', 'The guest has shut down.'] and '\x1b' not in out, out)


def test_time_is_over():
    status, out, _ = demo_with(f'{FRAMES}; exec sleep 600', '--exit-after', '10')
    expect(status == 0, f'status {status}')
    expect(out.endswith('\nThe demo has ended after 10 s, and the virtual machine is switched off.\n'), out)


def test_qemu_ends():
    """The reason comes first, and then what to do."""
    for script, words in (('echo no such device >&2; exit 1', r'^no such device\n.*QEMU ended .*\(status 1\), .*above\. Run '),
                          ('exit 3', r'QEMU ended .*\(status 3\), .*It gave no reason\. Run '),
                          ('kill -9 $$', r'QEMU ended .*\(signal 9\), .*memory')):
        status, out, err = demo_with(f'{FRAMES}; {script}')
        expect(status == 1 and re.search(words, err), f'{script}: {status} {err}')
        expect('shut down' not in out and 'has ended' not in out, out)


def test_escapes():
    """A guest sends bytes for the terminal, and rates that are none."""
    status, out, _ = demo_with(FRAMES + r"; printf 'guest: \033[2Jx\ncube: nan frames/s\ncube: 1e300 frames/s\n'")
    expect(status == 0 and 'guest: ?[2Jx\n' in out and '\x1b' not in out, out)
    expect('The guest shows' not in out, out)


def test_demo():
    """Ends at Ctrl-C."""
    qemu.find_guest()
    command = [e2e.program('vitrine'), 'demo', '--display', '800x600', '--qemu', qemu.find_qemu()]
    with subprocess.Popen(command, env=e2e.native_env(), stdout=subprocess.PIPE) as process:
        lines = qemu.Lines(process.stdout)
        try:
            lines.wait(r'The guest shows \d+\.\d frames/s', 0, 300, 'vitrine demo')
            process.send_signal(signal.SIGINT)
            status = process.wait(60)
        finally:
            process.kill()
    expect(harness.wait_until(lambda: lines.ended, 10), 'its output is still open')
    out = '\n'.join(lines.lines)
    print(out)
    expect(status == 0, f'status {status}\n{out}')
    expect(len(re.findall(r'^    http://127\.0\.0\.1:\d+/', out, re.M)) == 2, 'the link, and once more with the first frame')
    expect(lines.lines[-1] == 'The demo has ended, and the virtual machine is switched off.', 'no last line')
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
