#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hosts that are not here, emulated: coarse import alignment, and memory that cannot be shared or not by images."""
import e2e
from harness import expect, wait_for
from test_scenes import run_both


def test_import_alignment_16k():
    """Apple's page size: every scene must still give the same bytes."""
    run_both('-o', 'test:import-alignment=16K')


def test_allocations_16k():
    with e2e.Server('-o', 'test:import-alignment=16K') as server:
        server.run([e2e.program('bench-client'), '--only', 'allocate,bandwidth', '--repeat', '1'])


def test_private_images():
    """As on KosmicKrisp, imported memory is for buffers only: no image can be mapped, all others are the same."""
    run_both('-o', 'test:no-image-import', may_skip=['linear_image'])


def expect_no_device(*options):
    """One clear line in the log, no device, no crash."""
    with e2e.Server(*options) as server:
        done = server.run([e2e.program('bench-client'), '--only', 'submit'], check=False)
        expect(done.returncode == 1, f'status {done.returncode}: {done.stderr}')
        # the loader's own word (-3) for drivers without a device
        expect('no Vulkan device' in done.stderr or 'VkResult -3' in done.stderr, done.stderr)
        server.expect_alive()
        wait_for(lambda: 'share' in server.log(), what='a line about sharing')
        lines = [line for line in server.log().splitlines() if 'share' in line]
        print('\n'.join(lines))
        expect(len(lines) == 1, f'{len(lines)} lines about sharing in the log:\n{server.log()}')


def test_no_import():
    """Lavapipe exports memory, but behind a header: nothing that a vtest client could map."""
    expect_no_device('-o', 'test:no-host-import')


def test_nothing_can_be_shared():
    expect_no_device('-o', 'test:no-host-import', '-o', 'test:no-export')


if __name__ == '__main__':
    e2e.main()
