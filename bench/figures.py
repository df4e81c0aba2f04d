# SPDX-License-Identifier: MIT
"""The figures of run.py: what they mean, how they are judged, and the tables."""
import statistics

# Programs with windows: windows.py measures them all, run.py only vkcube.
WINDOWS = [
    ('vkcube', 'vkcube 1280x800 under Xvfb'),
    ('vkmark_cube', 'vkmark 800x600: cube'),
    ('vkmark_vertex', 'vkmark 800x600: vertex'),
    ('vkmark_desktop', 'vkmark 800x600: desktop'),
    ('sdl_cube', "SDL_gpu's cube"),
]

# name, what, how it is judged with lavapipe, limit, how it is judged with NVIDIA, limit (None: not)
#   ratio: vitrine / native at most; at_least: at least; plus: vitrine - native at most; value: vitrine at most
LIMITS = [
    ('draws_wall', '100,000 draws in one command buffer', 'ratio', 1.12, 'ratio', 2.0),
    ('draws_record', '  of which recording', None, None, None, None),
    ('frames_1', '3 frames in flight, 4 x 2,500 draws, one pool', 'ratio', 1.3, 'ratio', 1.3),
    ('frames_1_host', '  processor time of the host', None, None, None, None),
    ('frames_4', '  4 threads, each its pool', 'ratio', 1.3, 'ratio', 1.3),
    ('frames_4_host', '  processor time of the host', None, None, None, None),
    ('frames_8', '  8 threads, each its pool', 'ratio', 1.3, 'ratio', 1.3),
    ('frames_8_host', '  processor time of the host', None, None, None, None),
    ('submit_wait', 'empty submit + fence wait', 'plus', 20, 'plus', 15),
    ('submit_wait_after_5ms', '  the same after 5 ms of idling', 'plus', 50, 'plus', 100),
    ('submit_wait_idle', 'empty submit + vkQueueWaitIdle', None, None, None, None),
    ('submit_command', 'submit of a command buffer + fence wait', 'value', 40, 'plus', 10),
    ('submit_command_after_5ms', '  the same after 5 ms of idling', 'value', 80, 'plus', 40),
    ('update_descriptors_total', 'vkUpdateDescriptorSets, two writes', 'value', 200, 'value', 120),
    ('update_descriptors_call', '  of which in the call', None, None, None, None),
    ('allocate_map_free_4k', 'allocate + map + free, 4 KiB', 'value', 45, 'ratio', 1.1),
    ('allocate_map_free_64m', 'allocate + map + free, 64 MiB', 'value', 45, 'ratio', 1.1),
    ('allocate_touch_free_4k', '  with one byte written, 4 KiB', None, None, None, None),
    ('allocate_touch_free_64m', '  with one byte written, 64 MiB', None, None, None, None),
    ('allocate_map_held_64k', 'allocate + map, held, 64 KiB', 'value', 40, None, None),
    ('timeline_signal_wait', 'timeline semaphore signal + wait', 'value', 15, None, None),
    ('timeline_two_threads', '  from one thread to another and back', None, None, None, None),
    ('mapped_write', 'mapped memory, write', 'at_least', 0.95, 'at_least', 0.95),
    ('mapped_read', 'mapped memory, read', 'at_least', 0.95, 'at_least', 0.95),
    ('device_copy', 'device copy in mapped memory', 'at_least', 0.95, 'at_least', 0.95),
    ('pipeline_compute', 'compute pipeline creation', None, None, None, None),
    ('pipeline_graphics', 'graphics pipeline creation', None, None, None, None),
    ('instance_create', 'instance creation, first look at the device', None, None, None, None),
    ('device_create', 'device creation', None, None, None, None),
    ('first_submit', '  from the instance to the first submit', None, None, None, None),
    ('first_look', 'the same in a new process, with shader caches', 'plus', 12, None, None),
    *(row for name, what in WINDOWS for row in (
        (name, what, 'at_least', 0.95, None, None),
        (name + '_cpu', '  processor time of a frame', None, None, None, None),
        (name + '_waits', '  waits in a frame', None, None, None, None),
        (name + '_interrupted', '  interruptions in a frame', None, None, None, None),
    )),
    ('idle_private', 'idle context: private memory beyond native', 'plus', 2048, 'plus', 2048),
    ('idle_threads', 'idle context: threads beyond the driver\'s', 'plus', 4, 'plus', 4),
    ('idle_cpu', 'idle context: processor time', 'value', 0.5, 'value', 0.5),
    ('idle_pss', 'each further idle client: memory (PSS)', 'value', 8, None, None),
    ('rate_60hz', '60 Hz: submit of a command buffer + fence', None, None, None, None),
    ('rate_60hz_host', '  processor time of the host', 'value', 10, 'value', 10),
]

# What of the group `commands` is compared with a goal, on the null driver: its name, which kinds, the goal in ns.
DECODE = [
    ('draws, binds and push constants', ('draw', 'bind_sets', 'bind_pipeline', 'bind_vertex_buffers', 'push_constants'), 8),
    ('a descriptor write', ('update_many',), 40),
]
# Not recorded, but sent to the device at once.
DIRECT = ('update', 'update_many', 'reset_begin_end')
COMMANDS = [
    ('draw', 'vkCmdDraw'),
    ('bind_sets', 'vkCmdBindDescriptorSets'),
    ('bind_pipeline', 'vkCmdBindPipeline'),
    ('bind_vertex_buffers', 'vkCmdBindVertexBuffers'),
    ('push_constants', 'vkCmdPushConstants, 64 bytes'),
    ('barrier', 'vkCmdPipelineBarrier2, an image'),
    ('dispatch', 'vkCmdDispatch'),
    ('copy_buffer', 'vkCmdCopyBuffer'),
    ('mixed', 'bind + push 16 bytes + draw'),
    ('update', 'vkUpdateDescriptorSets, 2 writes'),
    ('update_many', '  1,000 writes in a call, each'),
    ('reset_begin_end', 'reset + begin + end'),
]


def is_command(name):
    """Whether the figure is one of a single command's: of these, the smallest counts. Other programs that use the same
    core, or its second thread, make processor time longer by half, and never shorter."""
    return name.startswith('cmd_')


def empty_round(name):
    """The figure whose rounds are like those of `name`, but without its commands; or '', which is none."""
    if not is_command(name) or name in ('cmd_none', 'cmd_drain'):
        return ''
    return 'cmd_drain' if name[4:] in DIRECT else 'cmd_none'


class Backend:
    """One way to the device: its name and the environment of its clients."""

    def __init__(self, name, env, server=None, prefix=()):
        self.name, self.env, self.prefix = name, env, list(prefix)
        self.server = server  # the process that serves, or None
        self.device = None
        self.rounds = {}  # figure: the medians of the rounds
        self.unit = {}

    def add(self, name, unit, value):
        self.rounds.setdefault(name, []).append(value)
        self.unit[name] = unit

    def median(self, name):
        """Of all rounds; or the smallest, see is_command()."""
        if name not in self.rounds:
            return None
        return min(self.rounds[name]) if is_command(name) else statistics.median(self.rounds[name])


def pairs(native, guest, name, how):
    """Each round compared with its neighbour, then the median: what else the machine does cancels out."""
    a, b = native.rounds.get(name), guest.rounds.get(name)
    if not a or not b:
        return None
    if how == 'plus':
        return statistics.median(y - x for x, y in zip(a, b))
    values = [y / x for x, y in zip(a, b) if x]
    return statistics.median(values) if values else None


def judge(native, guest, name, how, limit):
    """(text of the comparison, limit's text, whether it is kept or None)."""
    ratio, plus, value = pairs(native, guest, name, 'ratio'), pairs(native, guest, name, 'plus'), guest.median(name)
    text = f'x {ratio:.2f}' if ratio is not None else ''
    if value is None:
        return '-', '', None
    if how is None or limit is None:
        return text, '', None
    if how == 'plus':
        return (f'{plus:+.1f}' if plus is not None else '-', f'<= +{limit}', plus is not None and plus <= limit)
    if how == 'value':
        return text, f'<= {limit}', value <= limit
    if how == 'at_least':
        return (f'x {ratio:.3f}' if ratio else '-', f'>= x {limit}', ratio is not None and ratio >= limit)
    return text, f'<= x {limit}', ratio is not None and ratio <= limit


def number(value):
    if value is None:
        return '-'
    return f'{value:.0f}' if value >= 1000 else f'{value:.1f}' if abs(value) >= 10 else f'{value:.2f}'


def print_table(backends, device):
    """`device`: null, nvidia, or anything else. Returns how many limits the first guest misses."""
    native, guests = backends[0], backends[1:]
    header = f'{"":46} {"unit":9}' + ''.join(f' {b.name:>10}' for b in backends)
    print('\n' + header + ''.join(f' {"against":>9} {"limit":>10}     ' for _ in guests))
    missed = 0
    for name, what, *limits in LIMITS:
        if not any(name in b.rounds for b in backends):
            continue
        how, limit = (None, None) if device == 'null' else limits[2:] if device == 'nvidia' else limits[:2]
        unit = next(b.unit[name] for b in backends if name in b.unit)
        line = f'{what:46} {unit:9}' + ''.join(f' {number(b.median(name)):>10}' for b in backends)
        for i, guest in enumerate(guests):
            text, bound, ok = judge(native, guest, name, how, limit)
            mark = '' if ok is None else 'pass' if ok else 'MISS'
            missed += ok is False and i == 0  # others are here to be looked at
            line += f' {text:>9} {bound:>10} {mark:4}'
        print(line)
    return missed


def command_figures(backend, kind):
    """Recording, the host's busiest thread, all of the host, and the whole time, in ns."""
    return [backend.median(f'cmd_{kind}{part}') for part in ('_record', '_thread', '_host', '_wall')]


def decoding(native, guest, kinds):
    """What the host's thread takes beyond the driver, whose share is what the same calls take natively."""
    sums = []
    for kind in kinds:
        own, thread = native.median(f'cmd_{kind}_record'), guest.median(f'cmd_{kind}_thread')
        if own is None or thread is None:
            return None
        sums.append(thread - own)
    return statistics.mean(sums)


def print_commands(backends, device):
    """The group `commands`. Returns how many goals of the null driver the first guest misses."""
    native, guests = backends[0], backends[1:]
    if not any('cmd_draw_wall' in b.rounds for b in backends):
        return 0
    print(f'\n{"ns for each command":34} {"native":>8}' + ''.join(f' | {g.name:^35}' for g in guests))
    print(f'{"":34} {"":>8}' + ''.join(f' | {"record":>8} {"thread":>8} {"host":>8} {"wall":>8}' for _ in guests))
    for kind, what in COMMANDS:
        line = f'{what:34} {number(native.median(f"cmd_{kind}_wall")):>8}'
        for guest in guests:
            line += ' |' + ''.join(f' {number(value):>8}' for value in command_figures(guest, kind))
        print(line)
    missed = 0
    for what, kinds, goal in DECODE:
        line = f'decoding {what}: '
        for i, guest in enumerate(guests):
            value = decoding(native, guest, kinds)
            if value is not None:
                mark = '' if device != 'null' else 'pass' if value <= goal else 'MISS'
                missed += mark == 'MISS' and i == 0
                line += f' {guest.name} {number(value)} ns (goal {goal}) {mark}'
        print(line)
    return missed
