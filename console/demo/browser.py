"""A person's browser, as far as the demo needs one: it clicks "approve" on the consent page.

It follows links, keeps cookies, reads the form that the page shows and posts it, so that
the whole OAuth round trip happens over HTTP as it does with a person.
"""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request
from html.parser import HTMLParser
from http.cookiejar import CookieJar

from connections.errors import DashtrayError

_TIMEOUT_SECONDS = 30


class ConsentFailed(DashtrayError):
    """The consent page was not as expected, or the callback answered with an error."""


class _Form(HTMLParser):
    """Collects the first form: its action, its fields, its first choice of account."""

    def __init__(self) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self._select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form" and self.action is None:
            self.action = values.get("action", "")
        elif tag == "input" and values.get("type", "text") not in {"submit", "radio", "checkbox"}:
            self.fields[values["name"]] = values.get("value", "")
        elif tag == "input" and values.get("type") == "radio":
            self.fields.setdefault(values["name"], values.get("value", ""))
        elif tag == "select":
            self._select = values["name"]
        elif tag == "option" and self._select:
            self.fields.setdefault(self._select, values.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = None


def approve(start_url: str, account_id: str) -> None:
    """Open the connect link, choose the account, click "approve", and come back.

    Args:
        start_url: Our link, which sends the browser on to Stripe's consent page.
        account_id: The account to choose there.

    Raises:
        ConsentFailed: A page answered with an error, or showed no form.
    """
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    page_url, page = _open(opener, start_url)
    form = _Form()
    form.feed(page)
    if form.action is None:
        raise ConsentFailed(f"The consent page at {_bare(page_url)} shows no form to approve.")
    fields = {**form.fields, "account": account_id, "action": "approve"}
    target = urllib.parse.urljoin(page_url, form.action or page_url)
    _open(opener, target, urllib.parse.urlencode(fields).encode())


def _open(
    opener: urllib.request.OpenerDirector, url: str, body: bytes | None = None
) -> tuple[str, str]:
    try:
        with opener.open(url, data=body, timeout=_TIMEOUT_SECONDS) as answer:
            return answer.url, answer.read().decode()
    except urllib.error.HTTPError as error:
        raise ConsentFailed(
            f"{_bare(error.url or url)} answered {error.code}: {error.read().decode()[:300]}"
        ) from None


def _bare(url: str) -> str:
    # Without the query, which carries codes and states.
    return url.split("?", 1)[0]
