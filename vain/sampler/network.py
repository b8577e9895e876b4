"""How much the network interfaces receive and send."""

from __future__ import annotations

from vain.sampler.machine import Machine
from vain.sampler.rates import DeviceRates
from vain.samples import Network, NetworkInterface


class NetworkReader:
    """Keeps the last counters of each interface."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.rates = DeviceRates(3)

    def read(self, seconds: float | None) -> Network:
        """``seconds`` since the last look; None if it must not be compared with."""
        rates, (received, sent, errors) = self.rates.update(self._machine.interfaces(), seconds)
        interfaces = [NetworkInterface(name, *each[:2]) for name, each in rates.items()]
        return Network(received, sent, errors, interfaces)
