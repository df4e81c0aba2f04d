#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a program sees when the host's driver fails, natively and through vitrine, on the driver of tests/driver.

Mesa's Venus driver does not wait for the answer to most calls: it says VK_SUCCESS, and an error comes later or never.
SYNCHRONOUS makes it wait where it can: then programs must see what they see natively.
"""
import re
import signal
import subprocess
import time

import e2e
import harness
from harness import expect

# Mesa's words for "ask the host".
SYNCHRONOUS = {'VN_PERF': 'no_async_set_alloc,no_async_buffer_create,no_async_image_create,no_async_mem_alloc,'
                          'no_async_queue_submit,no_fence_feedback,no_semaphore_feedback,no_event_feedback,'
                          'no_query_feedback'}
# Those that it waits for anyway, and those that it waits for when asked to.
ALWAYS_TOLD = {'Buffer', 'Image'}
TOLD = ALWAYS_TOLD | {'Memory', 'LocalMemory', 'DescriptorSets'}
MARK = 'from=vkTrimCommandPool'
NO_MEMORY = 'OUT_OF_DEVICE_MEMORY'
CLIENT_S = harness.SECONDS  # Mesa looks at the state of its ring ever more rarely


def driver_env(words, **more):
    icd = str(e2e.build / 'tests' / 'driver' / 'test_icd.json')
    return {**e2e.native_env(**more), 'VK_DRIVER_FILES': icd, 'VK_ICD_FILENAMES': icd, 'VTR_TEST_DRIVER': words}


def server(words):
    return e2e.Server(env=driver_env(words))


def scene(*words):
    return [e2e.program('vk-failures'), *words]


def native(words, *what):
    return e2e.run(scene(*what), driver_env(words)).stdout.splitlines()


def guest(host, *what, env=None):
    """The lines, and the status."""
    done = host.run(scene(*what), check=False, more_env=env or {})
    return done.stdout.splitlines(), done.returncode


def expect_fine(host):
    """The next program works, and no worker is left."""
    lines, status = guest(host, 'basic')
    expect(status == 0 and lines[0] == 'bytes 7 9' and lines[-1] == 'end', f'the next program: {status}, {lines}')
    host.expect_alive()
    # The supervisor kills one that hangs in its driver.
    expect(harness.wait_until(lambda: not host.workers()), 'a worker is left')


def command_of(name):
    if name.endswith('Memory'):
        return 'vkAllocateMemory'
    return f'vkAllocate{name}' if name in ('DescriptorSets', 'CommandBuffers') else f'vkCreate{name}'


def has_own_fences():
    """Whether the guest's Mesa looks after fences itself: they tell that the host's queue has no work left."""
    with e2e.Server() as host:
        info = host.run([e2e.tool('vulkaninfo'), '--summary']).stdout
    return int(re.search(r'driverInfo\s*= Mesa (\d+)', info)[1]) >= 26


def words(lines):
    """'create SUCCESS', ... in short."""
    return ', '.join(line.removeprefix('vk') for line in lines)


def test_nothing_fails():
    """vulkaninfo, and a program that uses memory, buffers, submits and timelines."""
    run = [e2e.program('vitrine'), 'run', '-o', f'driver={e2e.build}/tests/driver/test_icd.json', '--']
    env = {**e2e.plain_env(), 'VTR_TEST_DRIVER': 'null,count'}
    done = e2e.run([*run, e2e.tool('vulkaninfo'), '--summary'], env)
    expect('Virtio-GPU Venus (vitrine test driver)' in done.stdout, done.stdout)
    done = e2e.run([*run, *scene('basic')], env)
    expect(done.stdout.splitlines() == native('null', 'basic'), done.stdout)
    for name in ('vkAllocateMemory', 'vkQueueSubmit', 'vkCmdCopyBuffer', 'vkDestroyDevice'):
        expect(f': {name} ' in done.stderr, f'{name} did not reach the driver:\n{done.stderr}')


def try_create(name, result):
    rule = f'fail={command_of(name)}:VK_ERROR_{result}:{MARK}:times=1'
    want = native(rule, 'create', name)
    with server(rule) as host:
        fast, fast_status = guest(host, 'create', name)
        slow, slow_status = guest(host, 'create', name, env=SYNCHRONOUS)
        expect_fine(host)
    print(f'{command_of(name)}: natively {words(want[1:2])}\n    vitrine {words(fast[1:-2])}\n'
          f'    synchronous {words(slow[1:-2])}')
    expect(want[1] == f'create {result}', f'the driver does not fail: {want}')
    for lines, status, told in ((fast, fast_status, ALWAYS_TOLD), (slow, slow_status, TOLD)):
        expect(status == 0 and lines[-2:] == want[-2:] == ['a second try is made', 'end'], f'{status}, {lines}')
        if name in told:
            expect(lines == want, f'{name}: natively {want}, through vitrine {lines}')
        else:
            expect(lines[1] == 'create SUCCESS', f'{name}: Mesa waits for this by now: {lines}')


def test_creates_fail():
    """A failed create costs the program its object: no context, and nothing of what it makes after that."""
    for name in e2e.run(scene('--list'), e2e.plain_env()).stdout.split():
        try_create(name, NO_MEMORY)


def test_no_host_memory():
    for name in ('Memory', 'LocalMemory', 'Buffer'):
        try_create(name, 'OUT_OF_HOST_MEMORY')


def expect_lost(fast, status, slow, want):
    """What a program sees whose submit, the second one, has lost the device."""
    at = want.index('vkQueueSubmit DEVICE_LOST')
    expect(slow[:at + 1] == want[:at + 1], f'natively {want}, through vitrine {slow}')
    if has_own_fences():
        expect(slow[at + 1].endswith(' TIMEOUT') and status in (-signal.SIGPIPE, -signal.SIGABRT),
               f'{slow}, {status}, {fast}')
    else:
        expect(slow == want, f'natively {want}, through vitrine {slow}')
        expect(status == -signal.SIGABRT and any('TIMEOUT' in line for line in fast), f'{status}, {fast}')


def test_device_lost():
    """Told where Mesa asks; else Mesa ends the program when it finds its ring dead. It never waits for good."""
    cases = [('vkQueueSubmit', 'submit'), ('vkGetFenceStatus', 'submit'), ('vkQueueSubmit', 'timeline'),
             ('vkGetSemaphoreCounterValue', 'timeline')]
    for command, what in cases:
        rule = f'fail={command}:VK_ERROR_DEVICE_LOST:{MARK}'
        want = native(f'fail=vkQueueSubmit:VK_ERROR_DEVICE_LOST:{MARK}', what)
        with server(rule) as host:
            slow, status = guest(host, what, env=SYNCHRONOUS)
            fast, fast_status = guest(host, what)
            expect_fine(host)
            log = host.log()
        print(f'{command} loses the device: natively {words(want)}\n    vitrine {words(fast)}; status {fast_status}\n'
              f'    synchronous {words(slow)}')
        expect(status == 0 and slow[-1] == 'end', f'{status}, {slow}')
        if command == 'vkQueueSubmit':
            expect_lost(fast, fast_status, slow, want)
            expect("the host's device is lost" in log, log)
        elif not has_own_fences():
            lost = [line for line in slow if not line.endswith('SUCCESS')]
            expect(lost == [x for x in want if not x.endswith('SUCCESS')][-len(lost):], f'natively {want}, {slow}')


def test_submit_fails():
    """Nothing is submitted, so nothing is signalled; the context lives."""
    rule = f'fail=vkQueueSubmit:VK_ERROR_{NO_MEMORY}:{MARK}:times=1'
    want = native(rule, 'submit')
    with server(rule) as host:
        slow, _ = guest(host, 'submit', env=SYNCHRONOUS)
        fast, status = guest(host, 'submit')
        expect_fine(host)
    told = [*want[:3], 'vkQueueSubmit SUCCESS', *want[4:]]
    if has_own_fences():
        told[4:6] = ['vkWaitForFences SUCCESS', 'vkGetFenceStatus SUCCESS']
    expect(slow == want and want[3] == f'vkQueueSubmit {NO_MEMORY}', f'natively {want}, through vitrine {slow}')
    expect(status == 0 and fast == told, f'{status}, {fast}')


def test_endless():
    """Work that never ends: the program waits no longer than it says, and its worker ends soon after it."""
    rule = f'never-signal:{MARK}'
    want = native(rule, 'endless', 'exit')
    expect('vkWaitForFences TIMEOUT' in want and 'counter 0' in want, f'{want}')
    for how, env in (('exit', None), ('exit', SYNCHRONOUS), ('kill', None)):
        with server(rule) as host:
            lines, status = guest(host, 'endless', how, env=env)
            expect_fine(host)
            expect(lines == want and status == (-signal.SIGKILL if how == 'kill' else 0), f'{status}, {lines}')


def test_endless_wait():
    """A program that waits for good can be ended, and a server with such a program can, too."""
    rule = f'never-signal:{MARK}'
    for target in ('program', 'server'):
        with server(rule) as host:
            client = host.start(scene('endless', 'wait'), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            line = None
            while line != '' and line != 'counter 0\n':
                line = client.stdout.readline()
            time.sleep(0.2)  # it is in vkQueueWaitIdle by now, on most machines, which offers no event
            expect(client.poll() is None, 'the program does not wait')
            if target == 'program':
                client.kill()
                client.communicate()
                expect_fine(host)
        try:
            client.communicate(timeout=CLIENT_S)
        except subprocess.TimeoutExpired:
            client.kill()
            client.communicate()
            raise AssertionError(f'the program still waits {CLIENT_S} s after the {target} ended')


def test_run_ends():
    """`vitrine run` with a program whose work never ends."""
    run = [e2e.program('vitrine'), 'run', '-o', f'driver={e2e.build}/tests/driver/test_icd.json', '--']
    done = e2e.run([*run, *scene('endless', 'exit')],
                   {**e2e.plain_env(), 'VTR_TEST_DRIVER': f'never-signal:{MARK}'}, check=False)
    expect(done.returncode == 0 and 'counter 0' in done.stdout, f'{done.returncode}, {done.stdout}{done.stderr}')


if __name__ == '__main__':
    e2e.main()
