from __future__ import annotations

from vain.sampler.machine import Devices
from vain.sampler.rates import DeviceRates


def devices(**counters: int) -> Devices:
    return Devices({name: (value,) for name, value in counters.items()}, counters.keys())


def test_first_rate_is_unknown() -> None:
    assert DeviceRates(1).update(devices(sda=5), None) == ({"sda": (None,)}, (None,))


def test_rate_is_over_the_real_period() -> None:
    rates = DeviceRates(1)
    rates.update(devices(sda=100), None)
    assert rates.update(devices(sda=300), 2.0) == ({"sda": (100.0,)}, (100.0,))


def test_counter_that_fell_back_is_unknown_and_starts_anew() -> None:
    rates = DeviceRates(1)
    rates.update(devices(sda=2**32 - 10), None)
    assert rates.update(devices(sda=10), 1.0) == ({"sda": (None,)}, (None,))
    assert rates.update(devices(sda=30), 1.0) == ({"sda": (20.0,)}, (20.0,))


def test_one_counter_that_fell_back_makes_its_whole_device_unknown() -> None:
    rates = DeviceRates(2)
    rates.update(Devices({"sda": (100, 100)}, {"sda"}), None)
    assert rates.update(Devices({"sda": (200, 0)}, {"sda"}), 1.0)[0] == {"sda": (None, None)}


def test_device_that_vanishes_does_not_pull_the_sum_down() -> None:
    rates = DeviceRates(1)
    rates.update(devices(eth0=1000, wlan0=10**9), None)
    assert rates.update(devices(eth0=1500), 1.0) == ({"eth0": (500.0,)}, (500.0,))


def test_device_that_comes_is_unknown_and_does_not_push_the_sum_up() -> None:
    rates = DeviceRates(1)
    rates.update(devices(eth0=1000), None)
    assert rates.update(devices(eth0=1500, wlan0=10**9), 1.0) == ({"eth0": (500.0,), "wlan0": (None,)}, (500.0,))


def test_device_that_was_away_is_not_compared_with_its_old_self() -> None:
    rates = DeviceRates(1)
    rates.update(devices(eth0=1000, usb0=10), None)
    rates.update(devices(eth0=1000), 1.0)
    assert rates.update(devices(eth0=1000, usb0=10**6), 1.0)[0]["usb0"] == (None,)


def test_devices_that_stand_on_others_are_not_in_the_sum() -> None:
    rates = DeviceRates(1)
    rates.update(Devices({"sda": (0,), "md0": (0,)}, {"sda"}), None)
    assert rates.update(Devices({"sda": (10,), "md0": (10,)}, {"sda"}), 1.0)[1] == (10.0,)


def test_sum_of_no_devices_is_unknown() -> None:
    rates = DeviceRates(1)
    rates.update(devices(), None)
    assert rates.update(devices(), 1.0) == ({}, (None,))


def test_causes_tell_a_new_device_from_one_that_was_reset() -> None:
    rates = DeviceRates(1)
    rates.update(devices(sda=100, sdb=100), None)
    assert (rates.causes, rates.sum_cause()) == ({"sda": "first", "sdb": "first"}, "first")
    rates.update(devices(sda=100, sdb=1, sdc=1), 1.0)
    assert (rates.causes, rates.sum_cause()) == ({"sdb": "reset", "sdc": "first"}, "reset")
    rates.update(devices(sda=100, sdb=1, sdc=1), 1.0)
    assert (rates.causes, rates.sum_cause()) == ({}, None)
