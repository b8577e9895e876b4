"""Rules on the page of notifications, in a real browser over a real server with a history."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser import Visit
from tests.web.harness import Running, running
from vain.cli import _load_dashboard
from vain.clock import utc

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

NASTY = "<img src=x onerror=alert(1)>"
FILE = f"""
[[rules]]
name = "of-the-file"
title = "{NASTY}"
metric = "memory.percent"
above = 0.01
level = "error"
"""
STEP_SECONDS = 10


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Two stretches of 200 s of the last hour at 95 %, the rest at 20; a rule of the file that fires."""
    folder = tmp_path_factory.mktemp("rules")
    file = folder / "vain.toml"
    file.write_text(FILE)
    with running(folder / "data", _load_dashboard, rules=str(file)) as run:
        begin = time.time() - 3_000
        rows = [
            f"{utc(begin + at)},{95 if 500 <= at < 700 or 1_500 <= at < 1_700 else 20}"
            for at in range(0, 2_900, STEP_SECONDS)
        ]
        body = ("timestamp,room.percent\n" + "\n".join(rows) + "\n").encode()
        swap = body.replace(b"room.percent", b"swap.percent")
        assert run.call("POST", "/performance/history", swap, {"Content-Type": "text/csv"}).status == 201
        yield run


@pytest.fixture
def page(server: Running, browser: Browser) -> Iterator[Page]:
    visit = Visit(browser, f"http://{server.host}/alerts")
    expect(row(visit.page, "cpu-busy")).to_be_visible(timeout=30_000)
    yield visit.page
    assert (visit.complaints, visit.foreign) == ([], [])
    visit.close()


def row(page: Page, name: str) -> Locator:
    return page.locator(f"tr[data-rule='{name}']")


def names_of(server: Running) -> dict[str, bool]:
    return {rule["name"]: rule["enabled"] for rule in server.call("GET", "/rules").json}


def edited(page: Page) -> Locator:
    """The editor of a new rule about swap, over the last hour."""
    page.get_by_role("button", name="New rule").click()
    dialog = page.locator("dialog.rule-editor")
    dialog.get_by_label("Metric", exact=True).select_option("swap.percent")
    dialog.get_by_role("button", name="1 h").click()
    dialog.get_by_label("For at least").fill("60 s")
    return dialog


def drag_to(page: Page, slider: Locator, value: float) -> None:
    """Takes the threshold by its grip to a value, in steps as a hand does."""
    box = slider.locator(".grip").bounding_box()
    chart = page.locator("dialog svg.chart").bounding_box()
    assert box is not None and chart is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    # The axis goes from 0 to 100 % between 26 pixels above the lower edge and 12 below the upper one.
    aim = chart["y"] + chart["height"] - 26 - value / 100 * (chart["height"] - 38)
    for part in (0.3, 0.7, 1.0):
        page.mouse.move(x, y + (aim - y) * part)
    page.mouse.up()


def test_a_threshold_is_dragged_tried_saved_and_there_after_a_reload(page: Page, server: Running) -> None:
    dialog = edited(page)
    result, slider = dialog.get_by_role("status"), dialog.get_by_role("slider", name="Threshold")
    expect(result).to_have_text("Would have fired 2 times, 6 min 40 s in all", timeout=15_000)
    expect(dialog.locator(".shades > .fires")).to_have_count(2)
    drag_to(page, slider, 10)
    expect(result).to_contain_text("Would have fired once", timeout=15_000)
    drag_to(page, slider, 97)
    expect(result).to_contain_text("Would not have fired", timeout=15_000)
    expect(dialog.locator(".shades > .fires")).to_have_count(0)
    slider.focus()
    for _ in range(3):
        page.keyboard.press("PageDown")
    expect(result).to_contain_text("Would have fired 2 times", timeout=15_000)
    dialog.get_by_label("Name", exact=True).fill("swapping")
    dialog.get_by_role("button", name="Make the rule").click()
    expect(dialog).to_have_count(0)
    expect(row(page, "swapping")).to_be_visible()
    (made,) = [rule for rule in server.call("GET", "/rules").json if rule["name"] == "swapping"]
    assert made["metric"] == "swap.percent" and 60 < made["above"] < 75 and made["for"] == 60
    page.reload()
    expect(row(page, "swapping")).to_contain_text("Swap above", timeout=30_000)


def test_what_is_wrong_is_said_at_its_field_and_nothing_typed_is_lost(page: Page) -> None:
    dialog = edited(page)
    dialog.get_by_label("Over again at").fill("99")
    dialog.get_by_label("Title").fill("Swap is used")
    dialog.get_by_role("button", name="Make the rule").click()
    field = dialog.locator("[data-field=clear]")
    expect(field.get_by_role("alert")).to_have_text("Not above the threshold, or it would clear as it fires.")
    expect(dialog.get_by_label("Over again at")).to_be_focused()
    expect(dialog.get_by_label("Title")).to_have_value("Swap is used")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("button", name="New rule")).to_be_focused()


def test_a_rule_is_switched_off_changed_and_deleted(page: Page, server: Running) -> None:
    server.call("POST", "/rules", {"name": "short-lived", "metric": "cpu.percent", "above": 99.5})
    page.reload()
    line = row(page, "short-lived")
    expect(line).to_be_visible(timeout=30_000)
    line.get_by_role("switch").click()
    expect(line).to_contain_text("off")
    assert names_of(server)["short-lived"] is False
    line.get_by_role("button", name="Edit").click()
    dialog = page.locator("dialog.rule-editor")
    dialog.locator("[data-field=threshold] input").fill("98")
    dialog.get_by_role("button", name="Save").click()
    expect(line).to_contain_text("CPU above 98 %")
    line.get_by_role("button", name="Delete").click()
    line.get_by_role("button", name="No").click()
    expect(line).to_be_visible()
    line.get_by_role("button", name="Delete").click()
    line.get_by_role("button", name="Yes").click()
    expect(line).to_have_count(0)
    assert "short-lived" not in names_of(server)


def test_a_rule_of_ours_that_was_changed_can_be_had_back(page: Page, server: Running) -> None:
    line = row(page, "memory-low")
    line.get_by_role("switch").click()
    expect(line).to_contain_text("changed by people")
    line.get_by_role("button", name="Reset").click()
    line.get_by_role("button", name="Yes").click()
    expect(line).not_to_contain_text("changed by people")  # "vAIn's own" stands in the question, too
    expect(line).to_contain_text("vAIn's own")
    assert names_of(server)["memory-low"] is True


def test_a_rule_of_the_file_is_locked_and_its_words_stay_text(page: Page) -> None:
    line = row(page, "of-the-file")
    expect(line.locator(".title")).to_have_text(NASTY)
    expect(line.get_by_role("switch")).to_be_disabled()
    line.get_by_role("button", name="Show").click()
    dialog = page.locator("dialog.rule-editor")
    expect(dialog).to_contain_text("can only be changed there")
    expect(dialog.locator("[data-field=threshold] input")).to_be_disabled()
    expect(dialog.get_by_role("button", name="Save")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert page.evaluate("document.querySelectorAll('img[src=x]').length") == 0


def test_what_fires_is_acknowledged_and_silenced(page: Page, server: Running) -> None:
    fires = page.locator("#firing")
    expect(fires).to_contain_text(NASTY, timeout=30_000)
    fires.get_by_role("button", name="Acknowledge").click()
    expect(fires).to_contain_text("acknowledged")
    (rule,) = [rule for rule in server.call("GET", "/rules").json if rule["name"] == "of-the-file"]
    assert rule["firing"][0]["acknowledged_at"] is not None
    fires.get_by_role("button", name="1 h").click()
    end = fires.get_by_role("button", name="End")
    expect(end).to_be_visible()
    (silence,) = server.call("GET", "/silences").json
    assert (silence["rules"], silence["subject"]) == (["of-the-file"], "memory.percent")
    end.click()
    expect(end).to_have_count(0)
    assert server.call("GET", "/silences").json == []
