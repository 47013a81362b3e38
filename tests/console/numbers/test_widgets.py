"""Every widget, for accounts that have everything, little and nothing; exports and embedding."""

from __future__ import annotations

import csv
import io
import json
import re
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qsl

import httpx
import pytest

from connections.errors import DashtrayError
from connections.settings import Settings
from console.web.numbers.cards import Card
from console.web.numbers.queries import reach_of
from console.web.numbers.selection import parse
from console.web.numbers.widgets import WIDGETS, Kind, render
from tests.console.numbers.conftest import Console
from tests.console.numbers.marts_file import EMPTY, FULL, PARTIAL

TOKEN = re.compile(r"@(font|[a-z]+(-[a-z0-9]+)*([/~](0?\.\d+|1))?)")


@pytest.mark.parametrize(
    ("account", "span"),
    [
        (FULL, "range=90d"),
        (FULL, "to=2020-01-01&grain=month&compare=year"),
        (PARTIAL, "range=90d&currency=jpy"),
        (EMPTY, "range=7d"),
    ],
)
def test_every_widget_can_be_shown(console: Console, account: str, span: str) -> None:
    with console.app.state.marts.reading() as reader:
        reach = reach_of(reader, account)
        assert reach is not None
        selection = parse(dict(parse_qsl(span))).resolve(reach)
        for widget_id, widget in WIDGETS.items():
            shown = render(reader, widget_id, selection, text="**Hello**")
            assert bool(shown.data.rows) == (shown.empty is None), widget_id
            assert all(len(row) == len(shown.data.columns) for row in shown.data.rows), widget_id
            if widget.kind is Kind.CHART:
                assert (shown.content is None) == (not shown.data.rows), widget_id
                assert unknown_tokens(json.loads(json.dumps(shown.content))) == [], widget_id
            if widget.kind is Kind.METRIC:
                assert isinstance(shown.content, Card), widget_id
                assert (shown.content.missing is None) == (shown.content.value != "–"), widget_id


def test_pages_of_charts_and_tables(client: httpx.Client) -> None:
    for widget_id, widget in WIDGETS.items():
        if widget.kind is Kind.METRIC and widget_id != "mrr":
            continue
        query = f"account={FULL}&range=90d"
        page = client.get(f"/embed/{widget_id}?{query}")
        assert page.status_code == 200, widget_id
        table = client.get(f"/payments/table/{widget_id}?{query}")
        assert widget.title in table.text, widget_id
        shown = client.get(f"/api/v1/widgets/{widget_id}?{query}").json()
        assert table.text.count("<tr>") == (len(shown["rows"]) + 1 if shown["rows"] else 0)


def unknown_tokens(value: object) -> list[str]:
    """Colours of a figure that the browser would not find in the style sheet."""
    styles = (Path(__file__).parents[3] / "console/web/static/console.css").read_text()
    known = set(re.findall(r"--([a-z0-9-]+):", styles)) | {"font"}

    def walk(part: object) -> list[str]:
        if isinstance(part, dict):
            return [word for each in part.values() for word in walk(each)]
        if isinstance(part, list):
            return [word for each in part for word in walk(each)]
        if isinstance(part, str) and part.startswith("@"):
            name = re.split(r"[/~]", part[1:])[0]
            return [] if TOKEN.fullmatch(part) and name in known else [part]
        return []

    return walk(value)


def test_the_full_account_leaves_no_widget_empty(console: Console) -> None:
    with console.app.state.marts.reading() as reader:
        reach = reach_of(reader, FULL)
        assert reach is not None
        selection = parse({"range": "90d"}).resolve(reach)
        empty = [each for each in WIDGETS if render(reader, each, selection).empty]
    # A text is what a person wrote on a dashboard.
    assert empty == ["text"]


def test_a_text_is_marked_up_and_never_html(console: Console) -> None:
    with console.app.state.marts.reading() as reader:
        reach = reach_of(reader, FULL)
        assert reach is not None
        written = "# Plan\n\n- **more**\n- <script>alert(1)</script>\n\n*soon*"
        shown = render(reader, "text", parse({}).resolve(reach), text=written)
    assert shown.content == (
        "<h3>Plan</h3>\n<ul><li><strong>more</strong></li>"
        "<li>&lt;script&gt;alert(1)&lt;/script&gt;</li></ul>\n<p><em>soon</em></p>"
    )


def test_csv_has_the_rows_of_the_json(client: httpx.Client) -> None:
    for widget_id in ("mrr_over_time", "top_customers", "plan_mix", "gross_revenue"):
        address = f"/api/v1/widgets/{widget_id}?account={FULL}&range=90d"
        answer = client.get(f"{address}&format=csv")
        assert answer.headers["content-type"].startswith("text/csv")
        assert "attachment" in answer.headers["content-disposition"]
        heading, *rows = csv.reader(io.StringIO(answer.text))
        shown = client.get(address).json()
        assert heading == [column["name"] for column in shown["columns"]]
        plain = [[cell or "" for cell in row] for row in shown["rows"]]
        assert [[cell.removeprefix("'") for cell in row] for row in rows] == plain


def test_a_customers_name_is_no_formula_in_csv(client: httpx.Client) -> None:
    text = client.get(f"/api/v1/widgets/top_customers?account={FULL}&format=csv").text
    names = [row[0] for row in csv.reader(io.StringIO(text))]
    assert "'=1+1" in names
    assert not [name for name in names if name.startswith(("=", "+", "-", "@"))]


def test_the_waterfall_leads_from_opening_to_closing(client: httpx.Client) -> None:
    shown = client.get(f"/api/v1/widgets/mrr_waterfall?account={FULL}&range=90d").json()
    amounts = [Decimal(row[2]) for row in shown["rows"]]
    assert sum(amounts[:-1]) == amounts[-1]


def test_widgets_are_listed(client: httpx.Client) -> None:
    listed = client.get("/api/v1/widgets").json()["widgets"]
    assert [each["id"] for each in listed] == list(WIDGETS)
    assert all(1 <= each["columns"] <= 12 for each in listed)
    assert client.get("/api/v1/widgets/clock").json()["error"]["code"] == "no_such_widget"
    assert client.get("/embed/clock").status_code == 404


def test_other_sites_may_not_frame_a_widget_until_they_are_named(client: httpx.Client) -> None:
    page = client.get(f"/embed/mrr?account={FULL}")
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert "DASHTRAY_EMBED_ANCESTORS" in page.text


def test_named_sites_may_frame_a_widget(console: Console, client: httpx.Client) -> None:
    web = console.app.state.web
    named = Settings.from_environment(
        {
            "DASHTRAY_HOME": str(console.settings.home),
            "DASHTRAY_EMBED_ANCESTORS": "https://wiki.example https://*.example.org:8443",
        }
    )
    object.__setattr__(web, "settings", named)
    try:
        page = client.get(f"/embed/mrr?account={FULL}")
    finally:
        object.__setattr__(web, "settings", console.settings)
    policy = page.headers["content-security-policy"]
    assert policy.endswith("frame-ancestors https://wiki.example https://*.example.org:8443")
    assert "x-frame-options" not in page.headers
    assert "DASHTRAY_EMBED_ANCESTORS" not in page.text


@pytest.mark.parametrize("value", ["*", "http://wiki.example", "https://a.b; script-src *", "wiki"])
def test_ancestors_that_are_no_origins_are_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(DashtrayError, match="DASHTRAY_EMBED_ANCESTORS"):
        Settings.from_environment(
            {"DASHTRAY_HOME": str(tmp_path), "DASHTRAY_EMBED_ANCESTORS": value}
        )


def test_docs_are_in_a_sandbox_or_say_how_to_build_them(
    console: Console, client: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "index.html"
    monkeypatch.setattr("console.web.pages.dbt_docs.PAGE", page)
    assert "make docs" in client.get("/docs").text
    assert client.get("/docs/site").status_code == 404
    page.write_text("<script>1</script>")
    assert "<iframe" in client.get("/docs").text
    site = client.get("/docs/site")
    assert site.text == "<script>1</script>"
    assert site.headers["content-security-policy"].startswith("sandbox allow-scripts")
