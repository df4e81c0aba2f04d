#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The validation layer watches what the workers ask of the host's driver, and has nothing to say.

What it says all the same is in ALLOWED, with the reason. A message that natively comes up, too, is the
client's and not ours: those are taken off first.
"""
import re
import tempfile
import unittest
from pathlib import Path

import e2e
from harness import expect

LAYER = 'VK_LAYER_KHRONOS_validation'
LAYER_MANIFEST = Path('/usr/share/vulkan/explicit_layer.d/VkLayer_khronos_validation.json')

# What a message may say: why.
ALLOWED = {
    r'unknown VkStructureType \(1000470001\)':
        "Debian 12's layer (1.3.239) does not know VK_KHR_maintenance5, whose properties Mesa's Venus asks for",
}


def settings(folder):
    """Each message of the layer, errors and warnings, goes to the file "messages" in the folder."""
    return ('khronos_validation.debug_action = VK_DBG_LAYER_ACTION_LOG_MSG\n'
            'khronos_validation.report_flags = error,warn\n'
            f'khronos_validation.log_filename = {folder}/messages\n'
            'khronos_validation.enable_message_limit = false\n')


def layer_env(folder):
    if not LAYER_MANIFEST.exists():
        raise unittest.SkipTest('vulkan-validationlayers is not installed')
    path = Path(folder) / 'vk_layer_settings.txt'
    # Debian 12's layer is older than its driver: it would wrap handles and then pass them on wrapped in
    # the functions that it does not know.
    path.write_text(settings(folder)
                    + 'khronos_validation.disables = VK_VALIDATION_FEATURE_DISABLE_UNIQUE_HANDLES_EXT\n')
    return {'VK_INSTANCE_LAYERS': LAYER, 'VK_LAYER_SETTINGS_PATH': str(path)}


def messages(folder):
    """{message without its handles: [message id, how often]}"""
    found = {}
    path = Path(folder) / 'messages'
    lines = path.read_text(errors='replace').splitlines() if path.exists() else []
    for line, following in zip(lines, lines[1:] + ['']):
        match = re.search(r'\[ (\S*[A-Z]\S+) \]', line)
        if match:
            text = re.sub(r'0x[0-9a-f]+', '0x...', f'{line} {following}')
            found.setdefault(text, [match[1], 0])[1] += 1
    return found


def watch(command):
    """What the layer says natively, and what it says to the worker, of the same program."""
    with tempfile.TemporaryDirectory() as folder:
        e2e.run(command, e2e.native_env(**layer_env(folder)), timeout=300)
        native = messages(folder)
    with tempfile.TemporaryDirectory() as folder:
        # The sandbox would keep the layer from its settings and its log.
        with e2e.Server('-o', 'sandbox=off', env=e2e.native_env(**layer_env(folder))) as server:
            # The prober has ended. It enables all that the driver has, of which an old layer knows too little;
            # e2e-sid has a layer that knows it all.
            (Path(folder) / 'messages').unlink(missing_ok=True)
            server.run(command, timeout=300)
        worker = messages(folder)
    ours = {text: what for text, what in worker.items() if text not in native}
    print(f'{Path(command[0]).name}: {sum(n for _, n in native.values())} messages natively, '
          f'{sum(n for _, n in worker.values())} in the worker, {len(ours)} of them ours: '
          f'{", ".join(sorted({name for name, _ in ours.values()})) or "none"}')
    bad = [f'{count} x {text}' for text, (name, count) in ours.items() if not any(re.search(pattern, text) for pattern in ALLOWED)]
    expect(not bad, '\n'.join(bad))


def test_layer_speaks():
    """Silence means something only if the layer is there: it must complain about an excess."""
    with tempfile.TemporaryDirectory() as folder:
        e2e.run([e2e.program('vk-suite'), '--scene', 'excess'], e2e.native_env(**layer_env(folder)))
        expect(messages(folder), 'the layer said nothing about an allocation of 64 TiB')


def test_scenes():
    watch([e2e.program('vk-suite')])


def test_bench():
    watch([e2e.program('bench-client'), '--repeat', '1', '--draws', '2000'])


def test_cube():
    watch([e2e.program('vitrine-cube'), '--frames', '3'])


def test_dump():
    watch([e2e.program('vk-dump')])


if __name__ == '__main__':
    e2e.main()
