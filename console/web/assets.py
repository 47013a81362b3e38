"""Styles, scripts and the chart library: where they lie, and addresses that change with them.

A page that names a file together with what is in it (`?v=…`) lets the browser keep the file: the
next page is painted without asking for it again.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import parse_qs

from starlette.templating import Jinja2Templates
from starlette.types import Scope

from console.web.context import HERE

KEPT = "public, max-age=31536000, immutable"
ASKED_FOR_AGAIN = "no-cache"


def chart_library() -> Path:
    """Where plotly.min.js lies: it comes with plotly's Python package, which is not imported."""
    spec = find_spec("plotly")
    if spec is None or spec.origin is None:
        raise RuntimeError("plotly is not installed: run make setup")
    return Path(spec.origin).parent / "package_data"


#: The folders by the address that they are served under.
FOLDERS = {"/static": HERE / "static", "/library": chart_library()}


def asset(address: str) -> str:
    """The address of a file with its version, for templates.

    Args:
        address: Such as `/static/console.css`.
    """
    return f"{address}?v={_version(address)}"


def make_templates() -> Jinja2Templates:
    """The templates, which name their files by `asset`; for each application that renders them."""
    templates = Jinja2Templates(HERE / "templates")
    templates.env.globals["asset"] = asset
    return templates


def caching(scope: Scope) -> str:
    """What a browser may do with the file that a request is for."""
    [asked] = parse_qs(scope["query_string"].decode("ascii", "replace")).get("v", [""])[:1]
    # A page of another version may name a file that is not there any more in that form.
    return KEPT if asked and asked == _version(str(scope["path"])) else ASKED_FOR_AGAIN


def _version(address: str) -> str | None:
    folder, _, name = address.lstrip("/").partition("/")
    home = FOLDERS.get(f"/{folder}")
    if home is None or "/" in name or not name or name.startswith("."):
        return None
    path = home / name
    try:
        return _digest(path, path.stat().st_mtime_ns)
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=256)
def _digest(path: Path, _changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
