from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.views import test_board_browser as board
from tests.views.board_page import Site
from tests.views.test_board_browser import focused, opened

pytestmark = board.pytestmark
site, browser, page = board.site, board.browser, board.page


def as_columns(page: Page, site: Site, more: str = "") -> Page:
    page.goto(f"{site.address}/?as=columns{more}")
    page.locator("section.board[data-state]").wait_for()
    return page


def column(page: Page, status: str, card: int) -> object:
    return expect(page.locator(f".column[data-status={status}] .card[data-id='{card}']"))


def test_a_card_is_dragged_to_another_column_and_the_move_can_be_undone(page: Page, site: Site) -> None:
    site.reset(3)
    as_columns(page, site).locator(".card[data-id='2']").drag_to(page.locator(".column[data-status=completed]"))
    column(page, "completed", 2).to_be_visible()  # type: ignore[attr-defined]
    expect(page.locator(".notice")).to_contain_text("completed: succeeded")
    assert site.source.tasks[2].outcome == "succeeded"
    page.get_by_role("button", name="Failed instead").click()
    expect(page.locator(".card[data-id='2'] .sign[data-state=failed]")).to_be_visible()
    page.locator(".card[data-id='1']").drag_to(page.locator(".column[data-status=in-progress]"))
    page.get_by_role("button", name="Undo").click()
    column(page, "pending", 1).to_be_visible()  # type: ignore[attr-defined]


def test_the_keyboard_walks_moves_selects_and_opens_cards(page: Page, site: Site) -> None:
    site.reset(3)
    as_columns(page, site).locator(".card[data-id='3']").focus()
    page.keyboard.press("ArrowDown")
    assert focused(page).startswith("Job 00002")
    page.keyboard.press("Shift+ArrowRight")
    expect(
        page.locator(".column[data-status=in-progress] .card[data-id='2'] .sign[data-state=in-progress]")
    ).to_be_visible()
    assert focused(page).startswith("Job 00002")
    page.keyboard.press("ArrowLeft")
    assert focused(page).startswith("Job 00003")
    page.keyboard.press("x")
    expect(page.locator(".bulk b")).to_have_text("1 selected")
    page.keyboard.press("Escape")
    page.keyboard.press("m")
    expect(page.get_by_role("menu")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Name")).to_have_value("Job 00003")


def test_a_refused_move_springs_back_and_says_why(page: Page, site: Site) -> None:
    site.reset(2)
    as_columns(page, site).locator(".card[data-id='2']").focus()
    site.source.refused = "Task 2 may not move."
    try:
        page.keyboard.press("Shift+ArrowRight")
        expect(page.locator(".notice[data-bad]")).to_contain_text("stays pending: Task 2 may not move.")
        column(page, "pending", 2).to_be_visible()  # type: ignore[attr-defined]
        assert focused(page).startswith("Job 00002")
    finally:
        site.source.refused = ""


def test_each_column_is_bounded_and_shows_more_when_asked(page: Page, site: Site) -> None:
    site.reset(60)
    as_columns(page, site)
    expect(page.locator(".column[data-status=pending] .count")).to_have_text("25 of 60")
    page.get_by_role("button", name="More").click()
    expect(page.locator(".column[data-status=pending] .card")).to_have_count(60)


def test_a_selection_is_changed_in_one_go(page: Page, site: Site) -> None:
    site.reset(60)
    boxes = opened(page, site).locator("tbody .box")
    boxes.nth(1).click()
    boxes.nth(4).click(modifiers=["Shift"])
    expect(page.locator(".bulk b")).to_have_text("4 selected")
    page.get_by_role("button", name="Add tag").click()
    page.get_by_label("Tag", exact=True).last.fill("tonight")
    page.keyboard.press("Enter")
    expect(page.locator(".notice")).to_contain_text("4 changed")
    expect(page.locator("tbody .tag")).to_have_text(["tonight"] * 4)
    page.get_by_label("Select all on this page").click()
    page.get_by_role("button", name="Select all 60 that match").click()
    page.get_by_role("toolbar").get_by_role("button", name="Delete").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    expect(page.locator(".notice")).to_contain_text("60 deleted")
    expect(page.get_by_text("No tasks yet")).to_be_visible()


def test_filters_go_into_the_address_and_the_back_button_takes_them_out(page: Page, site: Site) -> None:
    site.reset(12)
    site.update(7, status="completed", outcome="crashed", tags=["gpu"])
    opened(page, site).get_by_label("Trouble").select_option("failed")
    expect(page.locator("tbody .name")).to_have_text(["Job 00007"])
    page.get_by_label("As columns by status").click()
    expect(page.locator(".card .name")).to_have_text(["Job 00007"])
    assert page.url.endswith("?trouble=failed&as=columns")
    page.go_back()
    expect(page.locator("tbody .name")).to_have_text(["Job 00007"])
    page.go_back()
    expect(page.locator("tbody tr")).to_have_count(12)
    page.get_by_label("Tag", exact=True).fill("nothing")
    page.keyboard.press("Enter")
    expect(page.get_by_text("What is asked for: tag “nothing”.")).to_be_visible()
    page.get_by_role("button", name="Clear search and filters").click()
    expect(page.locator("tbody tr")).to_have_count(12)


def test_filters_are_saved_under_a_name_and_deleted_again(page: Page, site: Site) -> None:
    site.reset(5)
    site.update(2, priority="high")
    opened(page, site).get_by_label("Priority", exact=True).select_option("high")
    page.get_by_role("button", name="View: ").click()
    page.get_by_role("menuitemradio", name="Save these filters").click()
    page.get_by_label("Name").fill("<b>Urgent</b>")
    page.keyboard.press("Enter")
    views = page.get_by_role("button", name="View: <b>Urgent</b>")
    expect(views).to_be_visible()
    views.click()
    page.get_by_role("menuitemradio", name="All tasks").click()
    expect(page.locator("tbody tr")).to_have_count(5)
    page.reload()
    page.get_by_role("button", name="View: All tasks").click()
    page.get_by_role("menuitemradio", name="<b>Urgent</b>").click()
    expect(page.locator("tbody .name")).to_have_text(["Job 00002"])
    views.click()
    page.get_by_role("menuitemradio", name="Delete “<b>Urgent</b>”").click()
    expect(page.get_by_role("button", name="View: Own filters")).to_be_visible()


def test_an_address_with_a_number_opens_the_editor_of_that_task(page: Page, site: Site) -> None:
    site.reset(80)
    page.goto(f"{site.address}/?id=7")
    expect(page.get_by_label("Name")).to_have_value("Job 00007")
    page.keyboard.press("Escape")
    expect(page.locator(".board dialog")).to_have_count(0)
    assert "id=" not in page.url
    expect(page.locator("tbody a.number").first).to_have_attribute("href", "./task?id=80")


def test_columns_fit_a_phone(page: Page, site: Site) -> None:
    site.reset()
    site.create(name="W" * 200, tags=["t" * 64], message="m" * 400, due_at="2030-01-01T00:00:00Z")
    page.set_viewport_size({"width": 390, "height": 844})
    as_columns(page, site)
    expect(page.locator(".card")).to_be_visible()
    assert page.locator("section.board").evaluate("board => board.scrollWidth <= board.clientWidth")
    page.locator(".card [data-act=status]").click()
    page.get_by_role("menuitemradio", name="In progress").click()
    column(page, "in-progress", 1).to_be_visible()  # type: ignore[attr-defined]
