#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every scene of vk-suite gives the same bytes through vitrine as with the native driver."""
import tempfile
from pathlib import Path

import e2e
from harness import expect

# Scenes that a Venus driver may skip though the native one runs them, and why.
MAY_SKIP = {
    **{name: 'Mesa 25.0 does not know VK_EXT_host_image_copy, Mesa 26 does'
       for name in ('host_image_copy', 'host_image_copy_large')},
    **{name: 'lavapipe of Mesa 25.0 has no sparse binding for guests (docs/differences.md); test_sid.py runs these'
       for name in ('sparse_buffer', 'sparse_mapped', 'sparse_aliased', 'sparse_image')},
}


def results(output):
    """{scene: {item: (size, hash)}}; a skipped scene has the item 'skipped'."""
    scenes = {}
    for line in output.splitlines():
        fields = line.split('\t')
        if fields[0] != 'device':
            scenes.setdefault(fields[0], {})[fields[1]] = tuple(fields[2:])
    return scenes


def first_difference(name, item, native, guest):
    a = (native / f'{name}.{item}').read_bytes()
    b = (guest / f'{name}.{item}').read_bytes()
    if len(a) != len(b):
        return f'{len(a)} bytes native, {len(b)} through vitrine'
    wrong = [i for i in range(len(a)) if a[i] != b[i]]
    return f'{len(wrong)} of {len(a)} bytes differ, the first at {wrong[0]}: {a[wrong[0]]} and {b[wrong[0]]}'


def compare(native, guest, native_folder, guest_folder, may_skip=MAY_SKIP):
    bad = []
    skipped = []
    for name in native:
        if name not in guest:
            bad.append(f'{name}: missing')
        elif 'skipped' in guest[name]:
            skipped.append(name)
            if 'skipped' not in native[name] and name not in may_skip:
                bad.append(f'{name}: skipped: {guest[name]["skipped"]}')
        elif 'skipped' in native[name]:
            bad.append(f'{name}: native skips it, vitrine does not')
        else:
            for item in sorted(set(native[name]) | set(guest[name])):
                if native[name].get(item) != guest[name].get(item):
                    if item in native[name] and item in guest[name]:
                        bad.append(f'{name}.{item}: ' + first_difference(name, item, native_folder, guest_folder))
                    else:
                        bad.append(f'{name}.{item}: in one of them only')
    items = sum(len(scene) for scene in guest.values())
    print(f'{len(guest)} scenes, {items} items compared; skipped: {", ".join(skipped) or "none"}')
    expect(not bad, 'differences:\n  ' + '\n  '.join(bad))


def run_both(*server_options, arguments=(), may_skip=()):
    """`may_skip`: scenes besides MAY_SKIP."""
    with tempfile.TemporaryDirectory() as folder:
        native_folder, guest_folder = Path(folder) / 'native', Path(folder) / 'guest'
        native_folder.mkdir()
        guest_folder.mkdir()
        suite = e2e.program('vk-suite')
        native = e2e.run([suite, '--dump', native_folder], e2e.native_env())
        with e2e.Server(*server_options) as server:
            guest = server.run([suite, '--dump', guest_folder, *arguments])
            server.expect_alive()
        expect('Virtio-GPU Venus' in guest.stdout.splitlines()[0], guest.stdout.splitlines()[0])
        compare(results(native.stdout), results(guest.stdout), native_folder, guest_folder, {*MAY_SKIP, *may_skip})


def test_native_is_deterministic():
    """Else comparing with it would mean nothing."""
    suite = e2e.program('vk-suite')
    first = e2e.run([suite], e2e.native_env())
    second = e2e.run([suite], e2e.native_env())
    expect(first.stdout == second.stdout, 'two native runs differ')


def test_same_bytes():
    run_both()


def test_long_recordings():
    """Mesa sends recordings of more than 8 KiB as indirect streams. They give the same bytes, too."""
    run_both(arguments=['--long'])


def test_demo_picture():
    """The demo's picture, 1280x800 with multisampling, is the same file."""
    with tempfile.TemporaryDirectory() as folder:
        pictures = [Path(folder) / 'native.png', Path(folder) / 'guest.png']
        cube = e2e.program('vitrine-cube')
        e2e.run([cube, '--frames', '3', '--png', pictures[0], '--png-frame', '100'], e2e.native_env())
        with e2e.Server() as server:
            server.run([cube, '--frames', '3', '--png', pictures[1], '--png-frame', '100'])
        expect(pictures[0].read_bytes() == pictures[1].read_bytes(), 'the pictures differ')


if __name__ == '__main__':
    e2e.main()
