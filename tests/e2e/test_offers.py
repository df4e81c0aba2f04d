#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Everything that a device offers can be enabled: what works natively works through vitrine.

vk-offers enables each extension and each feature alone, everything at once, and all queues, and says how that
went. It can be run by hand on other hosts, for instance one with an NVIDIA GPU:

    tests/e2e/test_offers.py --native-icd /usr/share/vulkan/icd.d/nvidia_icd.json
"""
import re
import statistics
import subprocess

import e2e
import harness
import test_failures
from harness import expect

ROUNDS = 7

# Cases that may go another way than natively, and why.
EXCEPTIONS = {
    'odd.feature.VkPhysicalDeviceBufferDeviceAddressFeaturesEXT.bufferDeviceAddress':
        "Mesa answers for this struct with the feature of Vulkan 1.2, also where it lacks the struct's extension",
}


def results(output):
    return dict(line.split('\t', 1) for line in output.splitlines())


def wrong(native, guest):
    """Cases that go another way through vitrine: {case: text}."""
    found = {}
    for case, result in guest.items():
        if case.startswith('odd.'):
            if case not in native:
                found[case] = f'{result}; not so natively'
        elif case not in native:  # the guest's own, or emulated
            if result != 'ok':
                found[case] = f'offered through vitrine only: {result}'
        elif native[case].startswith('ok') and result != native[case]:
            found[case] = f'native {native[case]}, vitrine {result}'
    for case in native:
        if case.startswith(('all.', 'queues.', 'work.')) and case not in guest:
            found[case] = 'missing through vitrine'
    return found


def compare(native, guest):
    found = wrong(native, guest)
    worked = {kind: sum(case.startswith(kind + '.') and result.startswith('ok') for case, result in guest.items())
              for kind in ('extension', 'feature', 'all', 'queues', 'work')}
    failed = [f'{case}: {result}' for case, result in native.items()
              if not case.startswith('odd.') and not result.startswith('ok')]
    print('work through vitrine: ' + ', '.join(f'{n} {kind}' for kind, n in worked.items())
          + f'; of {len(native)} native cases fail natively: {", ".join(failed) or "none"}')
    bad = [f'{case}: {text}' for case, text in found.items() if case not in EXCEPTIONS]
    expect(not bad, f'{len(bad)} cases go another way through vitrine:\n  ' + '\n  '.join(bad))
    expect(worked['extension'] > 50 and worked['feature'] > 100 and worked['work'] == 2, f'too little works: {worked}')


def run_both(server, native_command, env, draws=True):
    """The cases natively and in a guest of the server, at the same time. A driver that draws nothing gives anything."""
    with subprocess.Popen(native_command, env=env, stdout=subprocess.PIPE, text=True) as native:
        try:
            guest = server.run([e2e.program('vk-offers')], check=False, timeout=300).stdout
            server.expect_alive()
            outputs = [results(native.communicate(timeout=300)[0]), results(guest)]
        finally:
            native.kill()
    if not draws:
        outputs = [{case: re.sub('^ok .*', 'ok', result) for case, result in output.items()} for output in outputs]
    compare(*outputs)


def test_offers():
    with e2e.Server() as server:
        run_both(server, [e2e.program('vk-offers')], e2e.native_env())


def test_offers_of_test_driver():
    """It has several queue families, many queues and nearly all that the protocol knows, and costs little."""
    env = test_failures.driver_env('null')
    with e2e.Server(env=env) as server:
        run_both(server, [e2e.program('vk-offers')], env, draws=False)


def state(worker):
    return {'KiB': harness.memory_kib(worker), 'fds': harness.count_fds(worker), 'threads': harness.count_threads(worker)}


def cycles(env, devices, spare_kib):
    """So many devices with everything in each round, one after another, leave nothing in the worker.

    Memory that was freed may stay with the process for a while: the heap takes a step once. A leak grows in each round, so
    the medians of the earlier and the later rounds differ.
    """
    with e2e.Server(env=env) as server:
        client = server.start([e2e.program('vk-offers'), '--cycles', str(ROUNDS), str(devices)],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        states = []
        for _ in range(ROUNDS):
            line = client.stdout.readline()
            expect(line == 'round\n', f'vk-offers: {line!r} after {len(states)} rounds')
            worker, = server.workers()
            states.append(state(worker))
            client.stdin.write('\n')
            client.stdin.flush()
        client.communicate(timeout=60)
        expect(client.returncode == 0, f'vk-offers: status {client.returncode}')
    print(f'the worker after each {devices} devices: {states}')
    early, late = states[:ROUNDS // 2], states[ROUNDS // 2:]
    growth = {what: statistics.median(s[what] for s in late) - statistics.median(s[what] for s in early)
              for what in early[0]}
    # Some come and go.
    expect(growth['fds'] < devices and growth['threads'] < devices, f'the worker grows: {growth}')
    expect(growth['KiB'] <= spare_kib, f'the worker grows: {growth}')


def test_cycles():
    """lavapipe's compiler makes its process grow natively as well: by 3 MiB at first, when it does not trim 50 MiB."""
    cycles(e2e.native_env(), 10, 8192)


def test_cycles_of_test_driver():
    cycles(test_failures.driver_env('null'), 30, 128)


if __name__ == '__main__':
    e2e.main()
