"""The pages of the machine and of the settings in a real browser: what they show, and that names stay text."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import Visit, pages_served

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

CANVAS = """(() => {
    const found = (root) => {
        for (const each of root.querySelectorAll("*")) {
            if (each.matches("canvas[role=img]")) return each;
            const inner = each.shadowRoot && found(each.shadowRoot);
            if (inner) return inner;
        }
        return null;
    };
    return found(document);
})()"""
PAINTED = """canvas => {
    const pixels = canvas.getContext("2d").getImageData(299, 0, 1, canvas.height).data;
    return [...pixels].some((value, index) => index % 4 === 2 && pixels[index + 1] > 0 && value > 150);
}"""
NASTY = '<img src=x onerror="window.hacked=1">'


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    with pages_served("--disks", f"/,{NASTY}", "--pages", "/machine,/settings") as url:
        yield url


@pytest.fixture(scope="module")
def machine(served: str, browser: Browser) -> Iterator[Visit]:
    visit = Visit(browser, served + "/machine").drawn()
    yield visit
    assert (visit.complaints, visit.foreign) == ([], [])
    visit.close()


@pytest.fixture
def settings(served: str, browser: Browser) -> Iterator[Visit]:
    visit = Visit(browser, served + "/settings", color_scheme="light")
    visit.page.wait_for_selector("#live[data-state=live]")
    yield visit
    assert (visit.complaints, visit.foreign) == ([], [])
    visit.close()


def names(visit: Visit) -> list[str]:
    return visit.page.locator("td.name").all_inner_texts()


def test_processes_stand_with_their_tasks_and_are_sorted(machine: Visit) -> None:
    page = machine.page
    expect(page.locator("td.name").first).to_have_text("python3")
    expect(page.get_by_role("link", name="Task 2")).to_have_attribute("href", "./task?id=2")
    expect(page.locator("th.cpu")).to_have_attribute("aria-sort", "descending")
    page.get_by_role("button", name="Process", exact=True).click()
    expect(page.locator("th.name")).to_have_attribute("aria-sort", "ascending")
    assert names(machine) == [NASTY, "python3", "systemd"]
    page.get_by_role("button", name="Process").click()
    assert names(machine) == ["systemd", "python3", NASTY]


def test_only_those_of_tasks_can_be_shown(machine: Visit) -> None:
    machine.page.get_by_label("Only those of tasks").check()
    expect(machine.page.locator("td.name")).to_have_text(["python3"])
    machine.page.get_by_label("Only those of tasks").uncheck()
    expect(machine.page.locator("td.name")).to_have_count(3)


def test_unknown_is_no_zero_and_a_figure_moves(machine: Visit) -> None:
    row = machine.page.locator("tr", has_text="systemd")
    expect(row.locator("td.io")).to_have_text("–")
    cpu = machine.page.locator("tr", has_text="python3").locator("td.cpu")
    expect(cpu).not_to_have_text(cpu.inner_text())


def test_what_the_machine_calls_things_is_text(machine: Visit) -> None:
    expect(machine.page.locator("li .label", has_text="<img src=x")).to_have_count(1)
    assert NASTY in names(machine)
    assert machine.page.evaluate("window.hacked") is None


def test_cores_are_painted_in_the_colour_of_data_and_told_by_key(machine: Visit) -> None:
    canvas = machine.page.get_by_role("img", name="Each core over the last minutes")
    canvas.wait_for()
    machine.page.wait_for_function(f"({PAINTED})({CANVAS})")
    canvas.focus()
    machine.page.keyboard.press("ArrowDown")
    expect(machine.page.locator(".said")).to_contain_text("Core 1:")
    machine.page.keyboard.press("Escape")
    expect(machine.page.locator(".said")).to_contain_text("Now: mean")


def test_what_is_missing_is_said(machine: Visit) -> None:
    expect(machine.page.get_by_text("No GPU was found")).to_be_visible()
    expect(machine.page.get_by_text("has no sensor of a temperature")).to_be_visible()


def test_commands_have_the_address_and_can_be_copied(settings: Visit, served: str) -> None:
    page = settings.page
    expect(page.locator("code", has_text="/performance").first).to_have_text(f"curl {served}/performance")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy: Run a command as a task").click()
    expect(page.get_by_role("button", name="Copy: Run a command as a task")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "vain run -- python train.py"


def test_the_theme_is_chosen_and_remembered(settings: Visit) -> None:
    page, theme = settings.page, "document.documentElement.dataset.theme ?? ''"
    page.get_by_label("Dark", exact=True).check()
    assert page.evaluate(theme) == "dark"
    page.reload()
    expect(page.get_by_label("Dark", exact=True)).to_be_checked()
    page.get_by_label("As the system").check()
    assert page.evaluate(theme) == ""
    assert page.evaluate("localStorage.getItem('vain-theme')") is None


def test_keys_are_listed_and_their_names_are_text(settings: Visit) -> None:
    expect(settings.page.locator("td.name")).to_have_text([NASTY])
    expect(settings.page.get_by_text("/data", exact=True)).to_be_visible()
    assert settings.page.evaluate("window.hacked") is None


def test_a_reader_sees_neither_keys_nor_paths(browser: Browser) -> None:
    with pages_served("--role", "read", "--pages", "/settings") as url:
        visit = Visit(browser, url + "/settings")
        expect(visit.page.get_by_text("Keys are shown to administrators")).to_be_visible()
        expect(visit.page.get_by_text("not shown to readers").first).to_be_visible()
        assert visit.page.get_by_text("/data", exact=True).count() == 0
        visit.close()
