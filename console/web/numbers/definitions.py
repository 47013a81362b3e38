"""What a metric means: the definitions of `dbt_project/docs/metrics/`, as HTML.

dbt's docs and the pages read the same text, so a definition is written once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from html import escape

from markupsafe import Markup

from console.dagster_home import PROJECT_DIR
from console.web.numbers.metrics import METRICS

_DOCS = PROJECT_DIR / "dbt_project" / "docs" / "metrics"
_BLOCK = re.compile(r"{% docs (\w+) %}\n(.*?)\n?{% enddocs %}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Definition:
    """One metric's definition.

    Attributes:
        name: The metric.
        summary: Its first paragraph, as text.
        paragraphs: All of them, as HTML.
    """

    name: str
    summary: str
    paragraphs: tuple[Markup, ...]


@cache
def definitions() -> dict[str, Definition]:
    """Every definition by its metric's name."""
    found = {}
    for page in sorted(_DOCS.glob("*.md")):
        for name, body in _BLOCK.findall(page.read_text(encoding="utf-8")):
            paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", body.strip())]
            found[name] = Definition(
                name=name,
                summary=re.sub(r"[*`]", "", paragraphs[0]),
                paragraphs=tuple(_html(paragraph) for paragraph in paragraphs),
            )
    return found


def _html(paragraph: str) -> Markup:
    """The few marks that definitions use: bold, emphasis, code; a known metric is a link."""
    text = escape(paragraph, quote=False)
    text = re.sub(r"`([^`]+)`", _code, text)
    text = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", text)
    text = re.sub(r"(?<!\w)\*([^*]+)\*", r"<em>\1</em>", text)
    return Markup(text)  # noqa: S704 - escaped above


def _code(match: re.Match[str]) -> str:
    word = match[1]
    if word in METRICS:
        return f'<a href="/payments/definitions/{word}"><code>{word}</code></a>'
    return f"<code>{word}</code>"
