"""Text on a dashboard, written by its maker: paragraphs, headings, lists, bold, emphasis, code.

Everything is escaped first; there are no links and no HTML.
"""

from __future__ import annotations

import re
from html import escape

from markupsafe import Markup

from console.web.numbers.data import Column, Data, Shown
from console.web.numbers.published import Reader
from console.web.numbers.selection import Selection

#: Characters that a text may have.
LONGEST = 5000


def read(_reader: Reader, _selection: Selection) -> Data:
    """A text needs no numbers."""
    return data(None)


def data(text: str | None) -> Data:
    """A text as the one row of its data."""
    words = (text or "").strip()[:LONGEST]
    return Data(
        columns=(Column("text", "Text", Shown.TEXT),),
        rows=[(words,)] if words else [],
        empty="This text is empty.",
    )


def draw(answer: Data, _selection: Selection) -> Markup:
    """The text as HTML."""
    text = str(answer.rows[0][0]).replace("\r\n", "\n")
    blocks = [_block(block) for block in re.split(r"\n\s*\n", text) if block.strip()]
    return Markup("\n".join(blocks))  # noqa: S704 - `_inline` escapes


def _block(block: str) -> str:
    lines = block.strip().split("\n")
    if len(lines) == 1 and (heading := re.fullmatch(r"#{1,3} +(.+)", lines[0])):
        return f"<h3>{_inline(heading[1])}</h3>"
    if all(line.startswith("- ") for line in lines):
        return f"<ul>{''.join(f'<li>{_inline(line[2:])}</li>' for line in lines)}</ul>"
    return f"<p>{'<br>'.join(_inline(line) for line in lines)}</p>"


def _inline(line: str) -> str:
    text = escape(line.strip())
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    text = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", text)
    return re.sub(r"(?<![\w*])\*([^*]+)\*", r"<em>\1</em>", text)
