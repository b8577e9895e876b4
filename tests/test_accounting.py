"""Whose time is whose when processes end: every row is what the kernel's counters would say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vain.accounting import Bill, Identity, Reading

ROOT, CHILD, GRANDCHILD, OTHER = (Identity(pid, pid) for pid in range(1, 5))


def nobody(identity: Identity) -> bool:
    return False


def everybody(identity: Identity) -> bool:
    return True


def reading(own: float, inherited: float = 0.0, parent: Identity | None = None) -> Reading:
    return Reading(parent, own, inherited)


def test_own_time_and_that_of_waited_children_count() -> None:
    assert Bill().take({ROOT: reading(3, 4)}, nobody) == 7


def test_what_was_used_before_the_watch_is_taken_off() -> None:
    bill = Bill()
    assert bill.take({ROOT: reading(100, 50)}, everybody) == 0
    assert bill.take({ROOT: reading(103, 50)}, everybody) == 3


def test_a_child_that_was_waited_for_does_not_count_twice() -> None:
    bill = Bill()
    assert bill.take({ROOT: reading(1), CHILD: reading(5, parent=ROOT)}, nobody) == 6
    assert bill.take({ROOT: reading(1, 5.5)}, nobody) == 6.5


def test_a_child_that_nobody_waited_for_is_not_lost() -> None:
    bill = Bill()
    bill.take({ROOT: reading(1), CHILD: reading(5, parent=ROOT)}, nobody)
    assert bill.take({ROOT: reading(2)}, nobody) == 7
    assert bill.take({ROOT: reading(3)}, nobody) == 8
    assert bill.take({ROOT: reading(3, 9)}, nobody) == 17, "what comes later are other children"


def test_a_parent_that_was_read_before_it_waited_takes_over_at_the_next_look() -> None:
    bill = Bill()
    bill.take({ROOT: reading(1), CHILD: reading(5, parent=ROOT)}, nobody)
    assert bill.take({ROOT: reading(1, 0)}, nobody) == 6
    assert bill.take({ROOT: reading(1, 5)}, nobody) == 6


def test_a_child_and_its_parent_that_end_together_go_to_the_one_above() -> None:
    bill = Bill()
    members = {ROOT: reading(1), CHILD: reading(5, parent=ROOT), GRANDCHILD: reading(7, parent=CHILD)}
    assert bill.take(members, nobody) == 13
    assert bill.take({ROOT: reading(1, 12)}, nobody) == 13


def test_an_orphan_that_ends_outside_of_the_tree_is_kept() -> None:
    bill = Bill()
    bill.take({ROOT: reading(1), CHILD: reading(5, parent=Identity(999, 1))}, nobody)
    assert bill.take({ROOT: reading(1)}, nobody) == 6
    assert bill.take({}, nobody) == 6, "the total stays when all are gone"


def test_a_member_that_is_older_takes_its_past_along_to_its_parent() -> None:
    bill = Bill()
    bill.take({ROOT: reading(10), CHILD: reading(100, parent=ROOT)}, everybody)
    assert bill.take({ROOT: reading(10), CHILD: reading(103, parent=ROOT)}, everybody) == 3
    assert bill.take({ROOT: reading(10, 104)}, everybody) == 4


def test_a_number_that_was_given_again_is_another_process() -> None:
    bill = Bill()
    bill.take({ROOT: reading(1), Identity(2, 2): reading(50, parent=ROOT)}, nobody)
    assert bill.take({ROOT: reading(1, 50), Identity(2, 77): reading(1, parent=ROOT)}, nobody) == 52


def test_a_parent_that_takes_over_and_ends_at_once_counts_once() -> None:
    bill = Bill()
    bill.take({ROOT: reading(0), CHILD: reading(1, parent=ROOT), GRANDCHILD: reading(5, parent=CHILD)}, nobody)
    assert bill.take({ROOT: reading(0), CHILD: reading(1, 0, ROOT)}, nobody) == 6
    assert bill.take({ROOT: reading(0, 6)}, nobody) == 6


class Machine:
    """Processes as a kernel keeps them, and how much they have used in truth."""

    def __init__(self) -> None:
        self.processes = {ROOT: [None, 0.0, 0.0]}
        self.used = 0.0
        self.next = 2

    def step(self, choice: int, amount: float) -> None:
        living = list(self.processes)
        who = living[choice % len(living)]
        if choice % 3 == 0:
            born = Identity(self.next, self.next)
            self.next += 1
            self.processes[born] = [who, 0.0, 0.0]
        elif choice % 3 == 1 or who == ROOT:
            self.processes[who][1] += amount
            self.used += amount
        else:
            self._end(who)

    def _end(self, who: Identity) -> None:
        """It is waited for, after its children went to the root, which here is a reaper."""
        parent, own, inherited = self.processes.pop(who)
        for entry in self.processes.values():
            if entry[0] == who:
                entry[0] = ROOT
        self.processes[parent or ROOT][2] += own + inherited

    def readings(self) -> dict[Identity, Reading]:
        return {who: Reading(parent, own, inherited) for who, (parent, own, inherited) in self.processes.items()}


@given(st.lists(st.tuples(st.integers(0, 50), st.floats(0, 10), st.booleans()), max_size=80))
def test_with_a_reaper_the_sum_is_the_truth_however_often_one_looks(steps: list[tuple[int, float, bool]]) -> None:
    machine, bill, last = Machine(), Bill(), 0.0
    for choice, amount, look in steps:
        machine.step(choice, amount)
        if look:
            total = bill.take(machine.readings(), nobody)
            assert total >= last
            last = total
    total = bill.take(machine.readings(), nobody)
    assert abs(total - machine.used) < 1e-6
