"""The Payments page as a person uses it, in Chromium, over the small published file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from tests.browser.axe import grave_findings
from tests.browser.chromium import running_chromium
from tests.console.numbers.conftest import UNPUBLISHED, Console
from tests.console.numbers.marts_file import EMPTY, FULL

pytestmark = pytest.mark.e2e

#: Machines that run other tests beside these are slow; a failure is not told by time.
expect.set_options(timeout=30_000)

PAYMENTS = f"/payments?account={FULL}&range=30d&locale=en"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def page(console: Console, chromium: Browser) -> Iterator[Page]:
    """A page whose scripts may not complain, about the security policy neither."""
    context = chromium.new_context(base_url=console.url, color_scheme="light")
    fresh = context.new_page()
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(message.text)

    fresh.on("console", note)
    fresh.on("pageerror", lambda error: complaints.append(str(error)))
    yield fresh
    context.close()
    assert complaints == []


def drawn(page: Page, widget_id: str) -> None:
    chart = page.locator(f"#chart-{widget_id}")
    chart.scroll_into_view_if_needed()
    expect(chart).to_have_attribute("data-state", "drawn")


def test_pickers_change_the_address_and_the_numbers(page: Page) -> None:
    page.goto(PAYMENTS)
    before = page.locator('[data-metric="gross_revenue"]').inner_text()
    page.get_by_label("Range", exact=True).select_option("7d")
    page.wait_for_url("**range=7d**")
    assert page.locator('[data-metric="gross_revenue"]').inner_text() != before
    page.get_by_label("Week", exact=True).check(force=True)
    page.wait_for_url("**grain=week**")
    assert "range=7d" in page.url
    expect(page.get_by_label("From", exact=True)).to_be_hidden()
    page.get_by_label("Range", exact=True).select_option("custom")
    page.wait_for_url("**range=custom**")
    expect(page.get_by_label("From", exact=True)).to_be_visible()


def test_charts_are_drawn_and_follow_the_theme(page: Page) -> None:
    page.goto(PAYMENTS)
    for widget_id in ("mrr_over_time", "mrr_movements", "mrr_waterfall", "cohorts", "plan_mix"):
        drawn(page, widget_id)
        assert page.locator(f"#chart-{widget_id} svg.main-svg").count() > 0
    line = "document.querySelector('#chart-mrr_over_time').data.at(-1).line.color"
    light = page.evaluate(line)
    page.evaluate("import('/static/theme.js').then((theme) => theme.choose('dark'))")
    # Not `wait_for_function`: it evaluates text in the page, which our policy forbids.
    darker = f"""async () => {{
      const until = performance.now() + 10_000;
      while ({line} === '{light}' && performance.now() < until)
        await new Promise(requestAnimationFrame);
      return {line};
    }}"""
    assert page.evaluate(darker) != light


def test_a_chart_is_saved_as_a_picture(page: Page) -> None:
    page.goto(PAYMENTS)
    drawn(page, "mrr_over_time")
    page.get_by_label("More about MRR over time").click()
    with page.expect_download() as waiting:
        page.locator('[data-png="mrr_over_time"]').click()
    saved = waiting.value
    assert saved.suggested_filename == "mrr_over_time.png"
    assert saved.path().read_bytes().startswith(b"\x89PNG")


def test_paper_gets_every_chart_light_and_within_its_width(page: Page) -> None:
    page.goto(PAYMENTS)
    page.evaluate("import('/static/theme.js').then((theme) => theme.choose('dark'))")
    page.emulate_media(media="print")
    # Nobody has scrolled: most charts are far below.
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    for chart in page.locator("[data-chart]").all():
        expect(chart).to_have_attribute("data-state", "drawn")
    too_wide = page.evaluate(
        "[...document.querySelectorAll('[data-chart]')].filter((chart) =>"
        " chart.querySelector('svg.main-svg').clientWidth > chart.clientWidth + 1).length"
    )
    assert too_wide == 0
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(ground) != light


def test_the_print_button_waits_for_every_chart(page: Page) -> None:
    page.goto(PAYMENTS)
    # In a function of its own: a value that is a function would be called at once.
    page.evaluate(
        "() => { window.print = () => { document.body.dataset.undrawn ="
        " document.querySelectorAll('[data-chart]:not([data-state=drawn])').length; }; }"
    )
    page.get_by_role("button", name="Print").click()
    expect(page.locator("body")).to_have_attribute("data-undrawn", "0", timeout=30_000)


def test_a_number_leads_down_to_stripe_and_to_its_definition(page: Page) -> None:
    page.goto(PAYMENTS)
    page.get_by_role("link", name="Failed payments", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Failed payments")
    link = page.get_by_role("link", name="Open in Stripe").first
    assert (link.get_attribute("href") or "").startswith("https://dashboard.stripe.com/")
    page.get_by_role("link", name="What it means").click()
    expect(page.get_by_text("Formula.")).to_be_visible()


def test_an_account_of_zeros_draws_what_it_can_and_says_the_rest(page: Page) -> None:
    page.goto(f"/payments?account={EMPTY}")
    chart = page.locator("#chart-cohorts")
    chart.scroll_into_view_if_needed()
    expect(chart.locator(".chart-message")).to_contain_text("No customer has started to pay yet.")


def test_nothing_moves_while_charts_arrive(page: Page) -> None:
    page.add_init_script(
        "window.shifts = 0; new PerformanceObserver((list) => {"
        " for (const entry of list.getEntries()) window.shifts += entry.value;"
        "}).observe({ type: 'layout-shift', buffered: true });"
    )
    page.goto(PAYMENTS)
    drawn(page, "mrr_over_time")
    assert page.evaluate("window.shifts") < 0.02


def test_pages_work_without_scripts(console: Console, chromium: Browser) -> None:
    context = chromium.new_context(base_url=console.url, java_script_enabled=False)
    plain = context.new_page()
    plain.goto(PAYMENTS)
    plain.get_by_label("Range", exact=True).select_option("7d")
    plain.get_by_role("button", name="Show").click()
    assert "range=7d" in plain.url
    plain.get_by_role("link", name="Show this one as a table").first.click()
    expect(plain.get_by_role("table")).to_be_visible()
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_keeps_people_out(console: Console, chromium: Browser, scheme: str) -> None:
    context = chromium.new_context(
        base_url=console.url, color_scheme=scheme, bypass_csp=True, reduced_motion="reduce"
    )
    reader = context.new_page()
    found = {}
    for address in (
        PAYMENTS,
        f"/payments?account={UNPUBLISHED}",
        f"/payments?account={FULL}&range=nonsense",
        f"/payments/drill/mrr?account={FULL}",
        f"/payments/table/cohorts?account={FULL}",
        "/payments/definitions",
        "/payments/definitions/ltv",
        f"/embed/mrr_over_time?account={FULL}",
        "/docs",
    ):
        reader.goto(address, wait_until="load")
        if findings := grave_findings(reader):
            found[address] = findings
    context.close()
    assert found == {}


def test_a_phone_shows_everything_in_its_width(console: Console, chromium: Browser) -> None:
    context = chromium.new_context(
        base_url=console.url, viewport={"width": 375, "height": 800}, is_mobile=True
    )
    phone = context.new_page()
    for address in (PAYMENTS, f"/payments/drill/mrr?account={FULL}", "/payments/definitions"):
        phone.goto(address)
        assert phone.evaluate("document.documentElement.scrollWidth") <= 375, address
    phone.goto(PAYMENTS)
    drawn(phone, "mrr_movements")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 375
    context.close()
