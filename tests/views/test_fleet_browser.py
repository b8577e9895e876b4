"""All hosts, and pages of one of them, in a real browser."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser import Visit, eventually, pages_served

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

LIVE = "#live[data-state=live]"
NASTY = '<img src=x onerror="window.hacked=1">'


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    with pages_served("--agents", "12", "--pages", "/,/machine,/fleet,/board") as url:
        yield url


@pytest.fixture
def visit(served: str, browser: Browser) -> Iterator[Visit]:
    opened = fleet_at(browser, served + "/fleet")
    yield opened
    assert (opened.complaints, opened.foreign) == ([], [])
    opened.close()


def fleet_at(browser: Browser, url: str, width: int = 1440) -> Visit:
    opened = Visit(browser, url, width)
    opened.page.wait_for_selector(LIVE)
    opened.page.wait_for_selector("tr.host")
    return opened


def hosts(page: Page) -> Locator:
    return page.locator("td.name a")


def row(page: Page, host: str) -> Locator:
    return page.locator(f"tr.host[data-host='{host}']")


def heat(page: Page) -> Locator:
    return page.get_by_role("img", name="of all hosts")


def test_the_silent_come_first_and_say_so_in_words(visit: Visit) -> None:
    page = visit.page
    first = page.locator("tr.host").first
    expect(first).to_have_attribute("data-host", "gpu-2")
    expect(first.locator("td.state")).to_have_text("▲ silent for 3 min")
    expect(first.locator("td.cpu")).to_have_text("–")
    expect(page.locator("th.state")).to_have_attribute("aria-sort", "descending")
    expect(page.get_by_text("13 hosts · 1 silent")).to_be_visible()
    expect(row(page, "gpu-1").locator("td.state")).to_have_text("● live")
    assert first.locator("td.seen").get_attribute("title")


def test_any_column_sorts_by_key_and_the_address_keeps_it(visit: Visit, browser: Browser) -> None:
    page = visit.page
    page.locator("th.name button").focus()
    page.keyboard.press("Enter")
    expect(page.locator("th.name")).to_have_attribute("aria-sort", "ascending")
    names = [f"gpu-{number}" for number in range(1, 13)] + ["kestrel"]
    expect(hosts(page)).to_have_text(names)
    page.keyboard.press("Enter")
    expect(page.locator("th.name")).to_have_attribute("aria-sort", "descending")
    expect(hosts(page)).to_have_text(names[::-1])
    again = fleet_at(browser, page.url)
    expect(hosts(again.page)).to_have_text(names[::-1])
    again.close()


def test_unknown_comes_last_whichever_way_it_is_sorted(visit: Visit) -> None:
    for _ in range(2):
        visit.page.locator("th.cpu button").click()
        expect(hosts(visit.page).last).to_have_text("gpu-2")


def test_names_are_filtered_and_the_address_keeps_it(visit: Visit) -> None:
    page = visit.page
    page.get_by_label("Filter the hosts by name").fill("PU-1")
    expect(page.locator("tr.host")).to_have_count(4)
    expect(page.get_by_text("4 of 13 hosts")).to_be_visible()
    assert page.url.endswith("q=PU-1")
    page.get_by_label("Filter the hosts by name").fill("nothing")
    expect(page.get_by_text("No host has this in its name.")).to_be_visible()


def test_figures_move_in_rows_that_stay(visit: Visit) -> None:
    page = visit.page
    page.locator("th.name button").click()
    row(page, "gpu-1").evaluate("(row) => { row.isTheSame = true }")
    cpu = row(page, "gpu-1").locator("td.cpu .text")
    before = cpu.inner_text()
    assert eventually(lambda: cpu.inner_text() != before)
    assert row(page, "gpu-1").evaluate("(row) => row.isTheSame")


def test_what_is_wrong_has_a_mark_and_what_a_host_says_is_text(visit: Visit) -> None:
    wrong = row(visit.page, "gpu-3")
    expect(wrong.locator("td.skew")).to_have_text("▲ +2.4 s")
    expect(wrong.locator("td.waiting")).to_have_text("17")
    expect(wrong.locator("td.version")).to_have_text(NASTY)
    expect(wrong.get_by_role("link", name="2", exact=True)).to_have_attribute(
        "href", "./board?status=in-progress&host=gpu-3"
    )
    expect(row(visit.page, "gpu-4").locator("td.skew")).to_have_text("")
    assert visit.page.evaluate("window.hacked") is None
    assert visit.page.locator("img[src=x]").count() == 0


def test_strips_are_walked_by_keys_and_open_the_timeline_of_a_host(visit: Visit) -> None:
    page = visit.page
    heat(page).focus()
    said = page.locator(".said")
    for key in ("ArrowDown", "ArrowDown", "ArrowLeft"):
        page.keyboard.press(key)
    host = page.locator(".axis a").nth(1).inner_text()
    expect(said).to_contain_text(f"{host}, ")
    assert said.inner_text().endswith(" %")
    expect(heat(page)).to_have_attribute("aria-label", f"CPU of all hosts. {said.inner_text()}. "
                                         "Arrow keys walk through it, Enter opens the timeline of a host.")  # fmt: skip
    page.keyboard.press("End")
    for _ in range(20):
        page.keyboard.press("ArrowDown")
    expect(said).to_contain_text("Largest, ")
    page.keyboard.press("Escape")
    expect(said).to_contain_text("Highest mean")
    page.keyboard.press("ArrowDown")
    first = page.locator(".axis a").first.inner_text()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/?{'' if first == 'kestrel' else f'host={first}&'}live=3600")


def test_another_metric_and_another_time_are_read_and_kept_in_the_address(visit: Visit) -> None:
    page = visit.page
    page.locator(".kinds").get_by_role("button", name="Disk").click()
    page.locator(".kinds").get_by_role("button", name="7 d").click()
    expect(page.get_by_role("heading", name="Disk of all hosts")).to_be_visible()
    assert page.url.endswith("metric=disk&last=604800")
    page.reload()
    expect(page.get_by_role("heading", name="Disk of all hosts")).to_be_visible()
    expect(page.locator(".kinds").get_by_role("button", name="7 d")).to_have_attribute("aria-pressed", "true")


def test_it_moves_through_time_by_button_and_by_key_and_the_address_keeps_it(visit: Visit, served: str) -> None:
    page = visit.page
    walk = page.get_by_role("group", name="Which time")
    now, later, earlier = (walk.get_by_role("button", name=name) for name in ("Now", "Later", "Earlier"))
    expect(now).to_have_attribute("aria-pressed", "true")
    expect(later).to_be_disabled()
    times = page.locator(".times")
    before = times.inner_text()
    earlier.click()
    expect(now).to_have_attribute("aria-pressed", "false")
    assert eventually(lambda: times.inner_text() != before)
    until = int(page.url.rpartition("until=")[2])
    assert 1_500 < time.time() - until < 2_400, "half of the hour that is seen"
    link = page.locator(".axis a").first.get_attribute("href")
    assert link is not None and "after=" in link and "before=" in link
    page.reload()
    expect(now).to_have_attribute("aria-pressed", "false")
    heat(page).focus()
    page.keyboard.press("Shift+ArrowLeft")
    assert eventually(lambda: int(page.url.rpartition("until=")[2]) == until - 1_800)
    later.click()
    later.click()
    expect(later).to_be_disabled()
    expect(now).to_have_attribute("aria-pressed", "true")
    assert "until" not in page.url


def test_what_is_not_known_is_empty(visit: Visit) -> None:
    page = visit.page
    heat(page).wait_for()
    assert eventually(lambda: "gpu-10" in page.locator(".axis a").all_inner_texts())
    place = page.locator(".axis a").all_inner_texts().index("gpu-10")
    seen = heat(page).evaluate(
        """(canvas, place) => {
            const line = canvas.getContext("2d").getImageData(0, place * 16 + 4, canvas.width, 1).data;
            return [line[3], line[4 * (canvas.width - 1) + 3]];
        }""",
        place,
    )
    assert seen[0] == 0 and seen[1] > 0


def test_a_thousand_hosts_have_the_rows_in_view(browser: Browser) -> None:
    with pages_served("--agents", "1000", "--pages", "/fleet") as url:
        opened = fleet_at(browser, url + "/fleet?sort=name")
        page = opened.page
        expect(page.get_by_text("1,001 hosts · 1 silent")).to_be_visible()
        expect(page.get_by_role("table", name="Hosts")).to_have_attribute("aria-rowcount", "1002")
        assert 0 < page.locator("tr.host").count() < 60
        page.get_by_role("region", name="Hosts").focus()
        page.keyboard.press("End")
        expect(row(page, "kestrel")).to_be_visible()
        assert 0 < page.locator("tr.host").count() < 60
        expect(row(page, "kestrel")).to_have_attribute("aria-rowindex", "1002")
        page.get_by_label("Filter the hosts by name").fill("gpu-777")
        expect(page.locator("td.name a")).to_have_text(["gpu-777"])
        expect(page.locator(".axis")).to_contain_text("801 others, mean")
        page.locator("#host summary").click()
        page.get_by_label("Find a host").fill("gpu-777")
        page.keyboard.press("Enter")
        page.wait_for_url("**/?host=gpu-777")
        assert opened.foreign == []
        opened.close()


def test_another_host_is_chosen_by_keys_and_links_keep_it(served: str, browser: Browser) -> None:
    opened = Visit(browser, served + "/machine?last=86400").drawn()
    page = opened.page
    page.locator("#host summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#host a[aria-current]")).to_be_focused()
    expect(page.locator("#host a[aria-current]")).to_contain_text("kestrel")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/machine?last=86400&host=gpu-1")
    opened.drawn()
    expect(page.locator("#host summary .name")).to_have_text("gpu-1")
    assert page.title() == "Machine · gpu-1 · vAIn"
    expect(page.get_by_role("heading", name="What the agent costs")).to_be_visible()
    timeline = page.get_by_role("navigation").get_by_role("link", name="Timeline")
    expect(timeline).to_have_attribute("href", "./?host=gpu-1")
    expect(page.get_by_role("navigation").get_by_role("link", name="Board")).to_have_attribute("href", "./board")
    page.keyboard.press("g")
    page.keyboard.press("t")
    page.wait_for_url("**/?host=gpu-1")
    page.wait_for_selector(LIVE)
    page.keyboard.press("g")
    page.keyboard.press("h")
    page.wait_for_url("**/fleet")
    opened.close()


def test_the_choice_closes_by_escape_and_by_a_click_elsewhere(visit: Visit) -> None:
    page = visit.page
    summary, entries = page.locator("#host summary"), page.locator("#host li")
    summary.click()
    expect(entries).to_have_count(13)
    page.keyboard.press("Escape")
    expect(entries.first).to_be_hidden()
    expect(summary).to_be_focused()
    summary.click()
    page.mouse.click(700, 600)
    expect(entries.first).to_be_hidden()


def test_a_timeline_of_a_host_has_its_tasks_alone(served: str, browser: Browser) -> None:
    opened = Visit(browser, served + "/?host=gpu-1").drawn()
    expect(opened.page.get_by_text("0 tasks", exact=True)).to_be_visible()
    expect(opened.page.locator(".alerts")).to_be_hidden()
    assert opened.complaints == []
    opened.close()


def test_of_a_silent_host_it_is_said_from_when_the_figures_are(served: str, browser: Browser) -> None:
    opened = Visit(browser, served + "/?host=gpu-2").drawn()
    expect(opened.page.locator("#notice")).to_contain_text("gpu-2 is silent: nothing was heard of its agent since")
    expect(opened.page.locator("#host .silent").first).to_have_text("▲ silent")
    opened.close()


@pytest.mark.parametrize("named", ["nobody", NASTY])
def test_a_host_that_nobody_knows_leads_to_those_that_are(served: str, browser: Browser, named: str) -> None:
    opened = Visit(browser, served + "/machine")
    opened.page.wait_for_selector(LIVE)
    opened.page.evaluate("(named) => location.assign('./machine?host=' + encodeURIComponent(named))", named)
    expect(opened.page.get_by_role("heading", name=f"No agent has reported of {named}")).to_be_visible()
    opened.page.wait_for_selector(LIVE)
    assert opened.page.evaluate("window.hacked") is None
    opened.page.get_by_role("main").get_by_role("link", name="All hosts").click()
    opened.page.wait_for_url("**/fleet")
    opened.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_without_an_agent_it_is_said_how_to_begin(browser: Browser, scheme: str) -> None:
    with pages_served("--pages", "/fleet,/machine") as url:
        opened = Visit(browser, url + "/fleet", 390, color_scheme=scheme)
        page = opened.page
        expect(page.get_by_role("heading", name="No other machine reports yet")).to_be_visible()
        expect(page.locator("code").first).to_have_text("vain keys create gpu-3 --role agent --host gpu-3")
        expect(page.locator("code").last).to_contain_text(f"vain agent --server {url}")
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_role("button", name="Copy: On this server").click()
        assert page.evaluate("navigator.clipboard.readText()").startswith("vain keys create")
        expect(page.locator("td.name a")).to_have_text(["kestrel"])
        expect(page.locator("#host summary")).to_have_count(0)
        expect(page.locator("#host")).to_have_text("kestrel")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert (opened.complaints, opened.foreign) == ([], [])
        opened.close()


def test_on_a_narrow_screen_the_table_scrolls_in_its_box(served: str, browser: Browser) -> None:
    opened = fleet_at(browser, served + "/fleet", 390)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 390
    box = opened.page.get_by_role("region", name="Hosts")
    assert box.evaluate("(box) => box.scrollWidth > box.clientWidth")
    expect(heat(opened.page)).to_be_visible()
    opened.close()


def test_the_board_shows_the_tasks_of_a_host(served: str, browser: Browser) -> None:
    opened = Visit(browser, served + "/board?host=gpu-1")
    page = opened.page
    page.wait_for_selector(LIVE)
    chip = page.get_by_role("button", name="Only tasks on gpu-1")
    expect(chip).to_have_text("On gpu-1 ×")
    expect(page.locator("tr[data-id]")).to_have_count(0)
    chip.click()
    expect(page.locator("tr[data-id]")).to_have_count(6)
    assert "host=" not in page.url
    opened.close()
