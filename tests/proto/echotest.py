# SPDX-License-Identifier: MIT
"""Tests with a device that answers a request with its own bytes (echo.c)."""

import struct

import harness
from vhost import Vm

WINDOW = 1 << 30
STATE = struct.Struct('<7I')  # struct state of echo.c


class EchoTest(harness.ServerTest):
    ARGS = ('--window', str(WINDOW))
    COMMAND = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.idle_fds = cls.server.fds()

    def connect(self, **options):
        vm = Vm(self.server.path, **options)
        self.addCleanup(vm.close)
        return vm

    def realized(self, **options):
        vm = self.connect(**options)
        vm.realize()
        return vm

    def started(self, **options):
        vm = self.realized(**options)
        vm.start()
        self.check_works(vm)
        return vm

    def settle(self, vm):
        """Until the back end has handled what came before. It starts the device when no more messages come, which is
        after the last answer, and then sleeps."""
        vm.get_config()
        harness.wait_idle(self.server.pid, 'a back end that has started')

    def check_works(self, vm):
        for queue in vm.used_queues:
            self.assertEqual(queue.call(b'E' + bytes([queue.index])), b'E' + bytes([queue.index]))

    def state(self, vm):
        values = STATE.unpack(vm.queues[0].call(b'S'))
        return dict(zip(('starts', 'resets', 'stops', 'ram_changes', 'kicks0', 'kicks1', 'held'), values))

    def check_still_serves(self):
        vm = self.started()
        vm.close()

    def check_nothing_left(self):
        """The server holds nothing of any VMM."""
        harness.wait_for(lambda: self.server.fds() == self.server.idle_fds,
                         what=f'{self.server.idle_fds} fds remain')
        with open(f'/proc/{self.server.pid}/maps') as file:
            self.assertNotIn('memfd:ram', file.read())
