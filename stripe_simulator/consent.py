"""The page on which an account's owner says yes or no.

What belongs here: its HTML. It needs no script and loads nothing, so that a browser, a test or
``curl`` can answer it alike.
"""

from dataclasses import dataclass
from html import escape

STYLE = """
:root { color-scheme: light dark; --ink: #1a1f36; --quiet: #5b6478; --line: #d9dee8;
  --paper: #fff; --ground: #f4f6fa; --accent: #4f46e5; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebf3; --quiet: #a3abbd; --line: #363d4f;
  --paper: #1c2130; --ground: #12151f; --accent: #8b85ff; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem;
  background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { width: 100%; max-width: 27rem; background: var(--paper); border: 1px solid var(--line);
  border-radius: 14px; padding: 2rem; }
h1 { font-size: 1.3rem; line-height: 1.3; margin: 0 0 .5rem; }
p, li { color: var(--quiet); }
p { margin: 0 0 1rem; }
ul { padding-left: 1.2rem; margin: 0 0 1.5rem; }
.badge { display: inline-block; font-size: .75rem; font-weight: 600; letter-spacing: .04em;
  color: var(--accent); border: 1px solid currentcolor; border-radius: 99px; padding: .1rem .6rem;
  margin-bottom: 1rem; }
label { display: block; font-weight: 600; margin-bottom: .4rem; }
select { width: 100%; font: inherit; color: inherit; background: var(--ground); padding: .6rem;
  border: 1px solid var(--line); border-radius: 8px; margin-bottom: 1.5rem; }
.buttons { display: flex; gap: .75rem; }
button { flex: 1; font: inherit; font-weight: 600; padding: .7rem; border-radius: 8px;
  cursor: pointer; border: 1px solid var(--line); background: transparent; color: inherit; }
button.approve { background: var(--accent); border-color: var(--accent); color: var(--paper); }
button:focus-visible, select:focus-visible {
  outline: 3px solid var(--accent); outline-offset: 2px; }
code { font-size: .9em; overflow-wrap: anywhere; }
"""

READS = (
    "payments, refunds and disputes",
    "subscriptions, invoices and their prices",
    "customers, products and coupons",
)


@dataclass(frozen=True, slots=True)
class AccountChoice:
    """An account as the page offers it."""

    id: str
    name: str
    currency: str


def _page(title: str, content: str) -> str:
    """The frame of both pages."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body><main>{content}</main></body></html>\n"
    )


def consent_page(
    flow: str, accounts: list[AccountChoice], scope: str, preferred: str | None
) -> str:
    """The question, with the accounts to choose from and two buttons.

    The form posts to the address it was loaded from, so the request's parameters stay with it.
    """
    options = "".join(
        f'<option value="{escape(account.id)}"{" selected" if account.id == preferred else ""}>'
        f"{escape(account.name)} · {escape(account.currency.upper())} · {escape(account.id)}"
        "</option>"
        for account in accounts
    )
    reads = "".join(f"<li>{escape(line)}</li>" for line in READS)
    how = "Stripe App" if flow == "app" else "Stripe Connect"
    return _page(
        "Connect a simulated account",
        '<span class="badge">SIMULATOR</span>'
        "<h1>Let this application read your Stripe account?</h1>"
        f"<p>{how}, scope <code>{escape(scope)}</code>. It will be able to read:</p>"
        f"<ul>{reads}</ul>"
        '<form method="post"><label for="account">Account</label>'
        f'<select id="account" name="account">{options}</select>'
        '<div class="buttons">'
        '<button type="submit" name="action" value="deny">Deny</button>'
        '<button class="approve" type="submit" name="action" value="approve">Approve</button>'
        "</div></form>",
    )


def error_page(error: str, description: str) -> str:
    """Why nobody is asked for consent."""
    return _page(
        "This request cannot be authorised",
        '<span class="badge">SIMULATOR</span><h1>This request cannot be authorised</h1>'
        f"<p><code>{escape(error)}</code></p><p>{escape(description)}</p>",
    )
