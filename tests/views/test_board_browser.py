from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.views.board_page import Site, served

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
NASTY = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with served() as site:
        yield site


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    """A fresh page; the test fails if it logged an error or asked another host for anything."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
    page.on("request", lambda sent: wrong.append(sent.url) if not _is_ours(sent.url, site) else None)
    yield page
    page.close()
    assert wrong == []


def _is_ours(url: str, site: Site) -> bool:
    return url.startswith((site.address, site.address.replace("http", "ws"), "blob:", "data:"))


def opened(page: Page, site: Site) -> Page:
    page.goto(site.address)
    page.locator("section.board[data-state]").wait_for()
    return page


def focused(page: Page) -> str:
    """What has the focus, through the shadow roots: its label, or its text."""
    return str(
        page.evaluate(
            """() => {
                let at = document.activeElement;
                while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
                return at.getAttribute("aria-label") || at.id || at.textContent;
            }"""
        )
    )


def test_an_empty_board_says_how_to_begin(page: Page, site: Site) -> None:
    site.reset()
    opened(page, site)
    expect(page.get_by_text("No tasks yet")).to_be_visible()
    expect(page.locator(".command code").first).to_have_text("vain run -- python train.py")
    expect(page.locator(".command code").last).to_contain_text(f"curl {site.address}/tasks")


def test_a_task_is_made_in_the_dialog_and_stands_on_the_board(page: Page, site: Site) -> None:
    site.reset()
    opened(page, site).get_by_role("button", name="New task").first.click()
    page.get_by_label("Name").fill("Write the report")
    page.get_by_label("Description").fill("twelve pages")
    page.get_by_label("Priority", exact=True).last.select_option("high")
    page.get_by_label("Tags").fill("paper, urgent")
    page.get_by_label("Due").fill("2030-01-02T03:04")
    page.get_by_role("button", name="Create").click()
    expect(page.locator("tbody tr")).to_contain_text(["Write the report"])
    (task,) = site.source.tasks.values()
    assert (task.description, task.priority, task.tags) == ("twelve pages", "high", ["paper", "urgent"])
    assert task.due_at is not None and task.due_at.startswith("2030-01-0")


def test_a_refused_change_shows_the_servers_sentence_at_the_field(page: Page, site: Site) -> None:
    site.reset()
    opened(page, site).get_by_role("button", name="New task").first.click()
    page.get_by_label("Name").fill("   ")
    page.get_by_role("button", name="Create").click()
    expect(page.locator("[data-field=name] .refusal")).to_have_text(
        "A name needs at least one character that can be seen."
    )
    assert focused(page) == "field-name"


def test_an_edit_sends_only_what_was_edited(page: Page, site: Site) -> None:
    site.reset(1)
    opened(page, site).locator("tbody .name").click()
    page.get_by_label("Description").fill("mine")
    site.update(1, message="it goes on")
    expect(page.locator("tbody .note")).to_have_text("it goes on")
    expect(page.locator(".meanwhile")).to_be_hidden()
    site.update(1, priority="high", name="Renamed elsewhere")
    expect(page.locator(".meanwhile")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("Job 00001")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".board dialog")).to_have_count(0)
    task = site.source.tasks[1]
    assert (task.name, task.priority, task.description) == ("Renamed elsewhere", "high", "mine")


def test_status_outcome_and_priority_change_in_the_row(page: Page, site: Site) -> None:
    site.reset(1)
    opened(page, site).get_by_role("button", name="Status: Pending. Change").click()
    page.get_by_role("menuitemradio", name="In progress").click()
    expect(page.locator("tbody .standing")).to_have_text("In progress")
    expect(page.locator("tbody .progress")).to_contain_text("unknown")
    page.get_by_role("button", name="Complete", exact=True).click()
    page.get_by_role("menuitemradio", name="Timed out").click()
    expect(page.locator("tbody .standing")).to_have_text("Timed out")
    page.get_by_role("button", name="Priority: Medium. Change").click()
    page.get_by_role("menuitemradio", name="High").click()
    expect(page.locator("tbody .rank")).to_have_text("High")


def test_a_refusal_in_a_menu_is_said_in_the_menu(page: Page, site: Site) -> None:
    site.reset(2)
    opened(page, site).locator("tbody .standing").first.click()
    site.delete(2)
    page.get_by_role("menuitemradio", name="Cancelled").click()
    expect(page.locator(".menu .refusal")).to_have_text("There is no task 2.")
    page.keyboard.press("Escape")
    expect(page.locator("tbody tr")).to_have_count(1)


def test_deleting_asks_first(page: Page, site: Site) -> None:
    site.reset(2)
    opened(page, site).get_by_role("button", name="Delete").first.click()
    expect(page.get_by_role("alertdialog")).to_contain_text("Job 00002")
    page.get_by_role("button", name="Cancel").click()
    assert len(site.source.tasks) == 2
    page.get_by_role("button", name="Delete").first.click()
    page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    assert list(site.source.tasks) == [1]


def test_filters_search_and_order_find_a_task_and_stay_in_the_address(page: Page, site: Site) -> None:
    site.reset(60)
    site.update(7, status="completed", outcome="failed", priority="high")
    site.update(8, status="completed")
    opened(page, site).get_by_role("button", name="Completed").click()
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_label("Outcome").select_option("failed")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.reload()
    expect(page.locator("tbody .name")).to_have_text(["Job 00007"])
    page.get_by_label("Outcome").select_option("")
    page.get_by_label("Search tasks", exact=True).fill("job 0003")
    expect(page.locator("tbody tr")).to_have_count(10)


def test_headings_sort_and_say_so(page: Page, site: Site) -> None:
    site.reset(60)
    opened(page, site).get_by_role("columnheader", name="Task").get_by_role("button").click()
    expect(page.locator("th[aria-sort=ascending]")).to_have_text("Task")
    expect(page.locator("tbody .name").first).to_have_text("Job 00001")
    page.get_by_role("columnheader", name="Task").get_by_role("button").click()
    expect(page.locator("th[aria-sort=descending]")).to_have_text("Task")
    expect(page.locator("tbody .name").first).to_have_text("Job 00060")


def test_ten_thousand_tasks_are_paged_and_none_is_cut(page: Page, site: Site) -> None:
    site.reset(10_000)
    opened(page, site)
    expect(page.locator(".range")).to_have_text("1–50 of 10,000")
    expect(page.locator("tbody tr")).to_have_count(50)
    page.get_by_role("button", name="Last page").click()
    expect(page.locator(".range")).to_have_text("9,951–10,000 of 10,000")
    expect(page.locator("tbody .name").last).to_have_text("Job 00001")
    page.get_by_role("button", name="Previous page").click()
    expect(page.locator(".range")).to_have_text("9,901–9,950 of 10,000")
    page.get_by_label("Search tasks", exact=True).fill("09999")
    expect(page.locator(".range")).to_have_text("1–1 of 1")


def test_what_others_change_appears_in_place_without_a_redraw(page: Page, site: Site) -> None:
    site.reset(20)
    opened(page, site)
    row = page.locator("tbody tr[data-id='5']")
    row.evaluate("row => { row.marked = true }")
    row.get_by_role("button", name="Edit").focus()
    site.update(5, name="Changed elsewhere", progress=30.0, status="in-progress")
    expect(row.locator(".name")).to_have_text("Changed elsewhere")
    site.create(name="A new one above")
    expect(page.locator("tbody .name").first).to_have_text("A new one above")
    assert row.evaluate("row => row.marked")
    assert focused(page) == "Edit"


def test_an_open_menu_and_an_open_editor_survive_what_others_do(page: Page, site: Site) -> None:
    site.reset(5)
    opened(page, site).locator("tbody tr[data-id='3'] .standing").click()
    site.create(name="meanwhile")
    expect(page.locator(".tab .count").first).to_have_text("6")
    expect(page.get_by_role("menu")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("tbody .name").first).to_have_text("meanwhile")
    page.locator("tbody tr[data-id='3'] .name").click()
    page.get_by_label("Name").fill("half typed")
    site.update(3, name="theirs")
    site.delete(5)
    expect(page.locator(".tab .count").first).to_have_text("5")
    expect(page.get_by_label("Name")).to_have_value("half typed")


def test_nothing_that_a_user_wrote_becomes_markup(page: Page, site: Site) -> None:
    site.reset()
    site.create(
        name=NASTY, description=NASTY, tags=["<b>x</b>"], unit="<i>u</i>", current=1.0, key="<u>k</u>", message=NASTY
    )
    row = opened(page, site).locator("tbody tr")
    expect(row.locator(".name")).to_have_text(NASTY)
    expect(row.locator(".note")).to_have_text(NASTY)
    expect(row.locator(".tag")).to_have_text("<b>x</b>")
    expect(row.locator(".words")).to_have_text("1 <i>u</i>")
    row.locator(".name").click()
    expect(page.locator(".facts")).to_contain_text("<u>k</u>")
    expect(page.get_by_label("Description")).to_have_value(NASTY)
    page.keyboard.press("Escape")
    row.get_by_role("button", name="Delete").click()
    expect(page.locator(".subject")).to_contain_text(NASTY)
    assert page.evaluate("window.hacked") is None


def test_a_keyboard_is_enough(page: Page, site: Site) -> None:
    site.reset(3)
    opened(page, site).keyboard.press("n")
    page.keyboard.type("typed")
    page.keyboard.press("Control+Enter")
    expect(page.locator("tbody .name").first).to_have_text("typed")
    expect(page.locator(".board dialog[open]")).to_have_count(0)
    page.keyboard.press("/")
    assert focused(page) == "Search tasks"
    page.keyboard.type("typed")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("tbody tr")).to_have_count(4)
    page.locator("tbody .standing").first.focus()
    for key in ("Enter", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("tbody .standing").first).to_have_text("In progress")
    assert focused(page).startswith("Status: In progress")
    page.keyboard.press("Tab")
    assert focused(page) == "typed"


def test_the_keyboard_walks_selects_and_opens_rows_as_it_does_cards(page: Page, site: Site) -> None:
    site.reset(3)
    opened(page, site)
    row = page.locator("tbody tr:focus")
    for key, number in (("j", 3), ("j", 2), ("ArrowDown", 1), ("j", 1), ("k", 2), ("ArrowUp", 3)):
        page.keyboard.press(key)
        expect(row).to_have_attribute("data-id", str(number))
    page.keyboard.press("x")
    expect(page.locator(".bulk b")).to_have_text("1 selected")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Name")).to_have_value("Job 00002")
    page.keyboard.press("Escape")
    expect(row).to_have_attribute("data-id", "2")
    site.delete(2)
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(row).to_have_attribute("data-id", "1")
    page.keyboard.press("m")
    expect(page.get_by_role("menu")).to_be_visible()


def test_a_read_only_viewer_is_offered_no_change(page: Page, site: Site) -> None:
    site.reset(2, role="read")
    opened(page, site)
    expect(page.get_by_role("button", name="New task")).to_have_count(0)
    expect(page.get_by_role("button", name="Delete")).to_have_count(0)
    expect(page.locator("tbody .standing").first).to_be_disabled()
    page.locator("tbody .name").first.click()
    expect(page.get_by_label("Name")).to_be_disabled()
    expect(page.get_by_role("button", name="Save")).to_have_count(0)


def test_on_a_phone_the_filters_stand_behind_one_button(page: Page, site: Site) -> None:
    site.reset(3)
    page.set_viewport_size({"width": 390, "height": 844})
    opened(page, site)
    button, search = page.get_by_role("button", name="Filters"), page.get_by_role("searchbox", name="Search tasks")
    expect(search).to_be_hidden()
    assert page.locator("tbody tr").first.bounding_box()["y"] < 300  # type: ignore[index]
    button.click()
    page.get_by_label("Priority", exact=True).select_option("high")
    expect(page.get_by_role("button", name="Filters, 1 set")).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_text("No task matches")).to_be_visible()
    page.get_by_role("button", name="Clear search and filters").click()
    expect(page.locator("tbody tr")).to_have_count(3)
    button.click()
    expect(search).to_be_hidden()
    page.keyboard.press("/")
    assert focused(page) == "Search tasks"


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_a_phone_shows_cards_and_never_scrolls_sideways(page: Page, site: Site, mode: str) -> None:
    site.reset()
    site.create(name="W" * 200, tags=["t" * 64], message="m" * 400, due_at="2030-01-01T00:00:00Z")
    page.emulate_media(color_scheme="dark" if mode == "dark" else "light")
    page.set_viewport_size({"width": 390, "height": 844})
    opened(page, site)
    expect(page.locator("tbody td.due")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
