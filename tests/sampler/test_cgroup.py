from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vain.sampler.cgroup import CgroupReader, Limits, groups

Put = Callable[[str, str], Path]
UNIFIED = "31 23 0:28 {root} /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
NO_LIMITS = Limits(None, None, None, None, None)


def version_1(*controllers: str, root: str = "/") -> str:
    line = "3{n} 31 0:{n} {root} /sys/fs/cgroup/{name} rw - cgroup cgroup rw,{name}\n"
    return "".join(line.format(n=n, root=root, name=name) for n, name in enumerate(controllers))


@pytest.fixture
def unified(put: Put) -> Put:
    """A container with version 2: its own group is the root of what it sees."""
    put("proc/self/cgroup", "0::/\n")
    put("proc/self/mountinfo", UNIFIED.format(root="/"))
    put("sys/fs/cgroup/cpu.max", "150000 100000\n")
    put("sys/fs/cgroup/cpu.stat", "usage_usec 1000000\nuser_usec 5\n")
    put("sys/fs/cgroup/memory.max", "1000\n")
    put("sys/fs/cgroup/memory.current", "700\n")
    put("sys/fs/cgroup/memory.stat", "anon 1\ninactive_file 200\n")
    return put


def test_memory_used_of_the_limit_is_without_cache_that_can_go(unified: Put, dial: Any, tmp_path: Path) -> None:
    limits = CgroupReader(dial, tmp_path).read(None)
    assert (limits.memory_bytes, limits.memory_used_bytes, limits.memory_percent) == (1000, 500, 50.0)


def test_cpu_is_in_percent_of_the_cores_allowed(unified: Put, dial: Any, tmp_path: Path) -> None:
    reader = CgroupReader(dial, tmp_path)
    assert (reader.read(None).cores, reader.read(None).cpu_percent) == (1.5, None)
    unified("sys/fs/cgroup/cpu.stat", "usage_usec 2500000\n")
    assert reader.read(2.0).cpu_percent == 50.0


def test_cpu_counter_that_fell_back_is_unknown(unified: Put, dial: Any, tmp_path: Path) -> None:
    reader = CgroupReader(dial, tmp_path)
    reader.read(None)
    unified("sys/fs/cgroup/cpu.stat", "usage_usec 5\n")
    assert reader.read(1.0).cpu_percent is None


def test_group_with_more_than_its_limit_for_a_moment_is_at_100(unified: Put, dial: Any, tmp_path: Path) -> None:
    reader = CgroupReader(dial, tmp_path)
    reader.read(None)
    unified("sys/fs/cgroup/cpu.stat", "usage_usec 9000000\n")
    assert reader.read(1.0).cpu_percent == 100.0


def test_word_max_is_no_limit(unified: Put, dial: Any, tmp_path: Path) -> None:
    unified("sys/fs/cgroup/cpu.max", "max 100000\n")
    unified("sys/fs/cgroup/memory.max", "max\n")
    assert CgroupReader(dial, tmp_path).read(None) == NO_LIMITS


def test_tightest_limit_of_all_groups_above_holds(put: Put, dial: Any) -> None:
    put("proc/self/cgroup", "0::/user.slice/vain.service\n")
    put("proc/self/mountinfo", UNIFIED.format(root="/"))
    put("sys/fs/cgroup/user.slice/memory.max", "400\n")
    put("sys/fs/cgroup/user.slice/memory.current", "100\n")
    root = put("sys/fs/cgroup/user.slice/vain.service/memory.max", "900\n")
    limits = CgroupReader(dial, root).read(None)
    assert (limits.memory_bytes, limits.memory_used_bytes) == (400, 100)


def test_limit_that_is_changed_is_seen_after_ten_seconds(unified: Put, dial: Any, tmp_path: Path) -> None:
    reader = CgroupReader(dial, tmp_path)
    reader.read(None)
    unified("sys/fs/cgroup/memory.max", "2000\n")
    dial.seconds += 10
    assert reader.read(None).memory_bytes == 2000


def test_version_1_is_read_with_its_own_names_and_units(put: Put, dial: Any) -> None:
    put("proc/self/cgroup", "4:memory:/docker/abc\n2:cpuacct:/docker/abc\n1:cpu:/docker/abc\n0::/\n")
    put("proc/self/mountinfo", version_1("memory", "cpu", "cpuacct", root="/docker/abc") + UNIFIED.format(root="/"))
    put("sys/fs/cgroup/memory/memory.limit_in_bytes", "1000\n")
    put("sys/fs/cgroup/memory/memory.usage_in_bytes", "700\n")
    put("sys/fs/cgroup/memory/memory.stat", "inactive_file 1\ntotal_inactive_file 300\n")
    put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000\n")
    put("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n")
    reader = CgroupReader(dial, put("sys/fs/cgroup/cpuacct/cpuacct.usage", "1000000000\n"))
    assert reader.read(None) == Limits(2.0, None, 1000, 400, 40.0)
    put("sys/fs/cgroup/cpuacct/cpuacct.usage", "2000000000\n")
    assert reader.read(1.0).cpu_percent == 50.0


def test_version_1_that_counts_us_in_another_group_leaves_the_use_unknown(put: Put, dial: Any) -> None:
    put("proc/self/cgroup", "2:cpuacct:/\n1:cpu:/half\n")
    put("proc/self/mountinfo", version_1("cpu", "cpuacct"))
    put("sys/fs/cgroup/cpu/half/cpu.cfs_quota_us", "50000\n")
    put("sys/fs/cgroup/cpu/half/cpu.cfs_period_us", "100000\n")
    reader = CgroupReader(dial, put("sys/fs/cgroup/cpuacct/cpuacct.usage", "1\n"))
    assert (reader.read(1.0).cores, reader.read(1.0).cpu_percent) == (0.5, None)


def test_version_1_without_limits_has_none(put: Put, dial: Any) -> None:
    put("proc/self/cgroup", "4:memory:/\n1:cpu,cpuacct:/\n")
    put("proc/self/mountinfo", version_1("memory", "cpu"))
    put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
    root = put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n")
    assert CgroupReader(dial, root).read(None) == NO_LIMITS


def test_group_path_is_found_below_the_root_of_the_mount(put: Put, tmp_path: Path) -> None:
    put("proc/self/cgroup", "0::/docker/abc/inner\n")
    put("proc/self/mountinfo", UNIFIED.format(root="/docker/abc"))
    put("sys/fs/cgroup/inner/cpu.max", "max 100000\n")
    top = tmp_path / "sys/fs/cgroup"
    assert [group.folder for group in groups("cpu", tmp_path)] == [top / "inner", top]


def test_path_that_is_not_visible_here_falls_back_to_the_mount(put: Put, tmp_path: Path) -> None:
    put("proc/self/cgroup", "0::/../elsewhere\n")
    put("proc/self/mountinfo", UNIFIED.format(root="/"))
    assert [group.folder for group in groups("cpu", tmp_path)] == [tmp_path / "sys/fs/cgroup"]


def test_system_without_groups_has_no_limits(dial: Any, tmp_path: Path) -> None:
    reader = CgroupReader(dial, tmp_path)
    assert reader.read(1.0) == NO_LIMITS
    reader.close()
