"""The simulator's own API under ``/_simulator``: time, truth, state, requests, keys.

What belongs here: what a test or a demo needs and Stripe does not have. None of it asks for a key.
"""

from collections.abc import Callable
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any, Protocol
from urllib.parse import parse_qs

import orjson

from stripe_simulator.oauth import OAuth
from stripe_simulator.store import ObjectStore
from stripe_simulator.webhooks import Target, WebhookError, Webhooks
from stripe_simulator.wire.app import StripeApi
from stripe_simulator.wire.auth import Credentials
from stripe_simulator.wire.clock import VirtualClock
from stripe_simulator.wire.endpoints import ENDPOINTS
from stripe_simulator.wire.faults import FaultError, LateEvents, Latency, fault_from
from stripe_simulator.wire.http import Request, Response
from stripe_simulator.wire.limits import MODES

PREFIX = "/_simulator/"
MAX_TRUTH_DAYS = 2000
MAX_STATE_OBJECTS = 250_000

Truth = Callable[..., dict[Any, Any]]


class AccountInfo(Protocol):
    """What the server needs to know of an account of the world."""

    id: str
    name: str
    default_currency: str
    timezone: str | None


class ControlError(Exception):
    """A control request that makes no sense; the message says what would."""


class Control:
    """Answers what is asked under ``/_simulator/``."""

    def __init__(
        self,
        world: Any,
        truth: Truth,
        store: ObjectStore,
        clock: VirtualClock,
        credentials: Credentials,
        oauth: OAuth,
        api: StripeApi,
        webhooks: Webhooks,
        delete: Callable[[str, str, str], bool],
        tick: Callable[[], None],
    ) -> None:
        self._world = world
        self._truth = truth
        self._store = store
        self._clock = clock
        self._credentials = credentials
        self._oauth = oauth
        self._api = api
        self._webhooks = webhooks
        self._delete = delete
        self._tick = tick
        self._routes: dict[tuple[str, str], Callable[[dict[str, str], Any], Any]] = {
            ("GET", "health"): self._health,
            ("GET", "accounts"): self._accounts,
            ("GET", "truth"): self._truth_of,
            ("GET", "state"): self._state,
            ("GET", "requests"): self._requests,
            ("POST", "requests/reset"): self._reset_requests,
            ("POST", "advance"): self._advance,
            ("POST", "keys"): self._add_key,
            ("POST", "revoke"): self._revoke,
            ("POST", "delete"): self._delete_object,
            ("GET", "faults"): self._faults,
            ("POST", "faults"): self._add_faults,
            ("DELETE", "faults"): self._clear_faults,
            ("GET", "webhooks"): self._deliveries,
            ("POST", "webhooks"): self._set_webhook,
            ("DELETE", "webhooks"): self._remove_webhook,
        }

    def handle(self, request: Request) -> Response:
        """Answer one control request; mistakes are 400 with a sentence."""
        name = request.path.removeprefix(PREFIX)
        route = self._routes.get((request.method, name))
        if route is None:
            known = ", ".join(f"{method} {PREFIX}{path}" for method, path in self._routes)
            return _json(404, {"error": f"no {request.method} {request.path}; there is: {known}"})
        query = {key: values[-1] for key, values in parse_qs(request.query).items()}
        try:
            body = orjson.loads(request.body) if request.body else {}
            self._tick()
            answer = route(query, body)
        except (ControlError, FaultError, WebhookError, orjson.JSONDecodeError) as error:
            return _json(400, {"error": str(error)})
        if isinstance(answer, bytes):
            return Response(200, answer, content_type="application/jsonl")
        return _json(200, answer)

    def _health(self, query: dict[str, str], body: Any) -> dict[str, Any]:
        """The virtual present."""
        return {"now": self._clock.now()}

    def _accounts(self, query: dict[str, str], body: Any) -> list[dict[str, Any]]:
        """Every account with a full key of its own."""
        return describe_accounts(self._world.accounts, self._credentials)

    def _truth_of(self, query: dict[str, str], body: Any) -> dict[str, Any]:
        """The ledger's numbers for one day or several."""
        account_id = self._account_id(query)
        first = _day(query, "day" if "day" in query else "from")
        last = first if "day" in query else _day(query, "to")
        if last < first or last - first > timedelta(days=MAX_TRUTH_DAYS):
            raise ControlError(f"from={first} to={last}: give 1 to {MAX_TRUTH_DAYS} days in order")
        known: dict[str, int] = {}
        if "first_sync" in query:
            # What an account's import can know depends on when it was first read.
            known["first_sync"] = _unix_seconds(query, "first_sync")
        if "history_start" in query:
            # Likewise on where the payment history that was read begins.
            known["history_start"] = _unix_seconds(query, "history_start")
        days = self._truth(self._world, account_id, first, last, **known)
        return {"account": account_id, "now": self._clock.now(), "days": days}

    def _state(self, query: dict[str, str], body: Any) -> bytes:
        """All current objects of one type, complete, oldest first, one a line."""
        account_id = self._account_id(query)
        object_type = query.get("type", "")
        known = self._store.types(account_id)
        if object_type not in known:
            raise ControlError(f"type={object_type!r}: this account has {', '.join(known)}")
        count = len(self._store.shelf(account_id, object_type))
        if count > MAX_STATE_OBJECTS:
            raise ControlError(
                f"{count} objects are too many for one answer (at most {MAX_STATE_OBJECTS}): "
                "read them by the list"
            )
        objects = self._store.scan(account_id, object_type)
        return b"".join(orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE) for each in objects)

    def _requests(self, query: dict[str, str], body: Any) -> dict[str, Any]:
        """Requests to Stripe's API since the start or the last reset."""
        log = self._api.log
        return {
            "total": sum(log.endpoints.values()),
            "endpoints": dict(sorted(log.endpoints.items())),
            "statuses": dict(sorted(log.statuses.items())),
        }

    def _reset_requests(self, query: dict[str, str], body: Any) -> dict[str, Any]:
        """Start counting anew."""
        self._api.log.endpoints.clear()
        self._api.log.statuses.clear()
        return {"reset": True}

    def _advance(self, query: dict[str, str], body: Any) -> dict[str, Any]:
        """Let virtual time pass: ``{"seconds": n}`` or ``{"to": unix seconds}``."""
        match body:
            case {"seconds": int(seconds)} if seconds >= 0:
                moment = self._clock.now() + seconds
            case {"to": int(moment)}:
                pass
            case _:
                raise ControlError('send {"seconds": n} with n >= 0, or {"to": unix seconds}')
        try:
            self._clock.advance_to(moment)
        except ValueError as error:
            raise ControlError(str(error)) from error
        self._tick()
        return {"now": self._clock.now()}

    def _add_key(self, query: dict[str, str], body: Any) -> dict[str, Any]:
        """Make a restricted key: ``{"account": …, "permissions": ["charge", "invoice"]}``."""
        account_id = self._account_id(body)
        permissions = frozenset(body.get("permissions", ()))
        known = sorted({endpoint.permission for endpoint in ENDPOINTS})
        if not permissions <= set(known):
            unknown = ", ".join(sorted(permissions - set(known)))
            raise ControlError(f"permissions {unknown}: there is {', '.join(known)}")
        credential = self._credentials.add_restricted_key(account_id, permissions)
        return {"key": credential.secret, "permissions": sorted(permissions)}

    def _revoke(self, query: dict[str, str], body: Any) -> dict[str, Any]:
        """The account's owner removes the application: ``{"account": …}``."""
        account_id = self._account_id(body)
        self._oauth.revoke(account_id)
        return {"revoked": account_id}

    def _delete_object(self, query: dict[str, str], body: Any) -> dict[str, Any]:
        """The account's owner deletes something: ``{"account": …, "type": …, "id": …}``."""
        account_id = self._account_id(body)
        object_type, object_id = str(body.get("type", "")), str(body.get("id", ""))
        shelf = self._store.shelf(account_id, object_type)
        if shelf.find(object_id) is None:
            raise ControlError(f"type={object_type!r}, id={object_id!r}: there is no such object")
        return {"deleted": object_id, "in_truth": self._delete(account_id, object_type, object_id)}

    def _faults(self, query: dict[str, str], body: Any) -> dict[str, Any]:
        """What can go wrong at present, and how often each scripted fault has."""
        faults = self._api.faults
        limits = next(name for name, each in MODES.items() if each == self._api.limiter.limits)
        return {
            "scripted": [asdict(fault) for fault in faults.scripted],
            "storm": faults.storm,
            "latency": asdict(faults.latency),
            "late_events": None if faults.late_events is None else asdict(faults.late_events),
            "limits": limits,
        }

    def _add_faults(self, query: dict[str, str], body: Any) -> dict[str, Any]:
        """Script one fault (``{"kind": …}``) or several (a list), or set what is general.

        General are ``storm`` (a chance), ``latency`` (``median_ms``, ``spread``), ``late_events``
        (``share``, ``most_seconds``) and ``limits`` (live, sandbox, off).
        """
        faults = self._api.faults
        if isinstance(body, dict) and "kind" not in body:
            self._set_general(body)
        else:
            described = body if isinstance(body, list) else [body]
            faults.scripted += [fault_from(each) for each in described]
        return self._faults(query, None)

    def _set_general(self, body: dict[str, Any]) -> None:
        """Latency, limits and random faults."""
        unknown = sorted(set(body) - {"storm", "latency", "late_events", "limits"})
        if unknown or not body:
            raise ControlError(
                f"unknown {', '.join(unknown) or 'fault'}: send a fault with a kind, or some of "
                "storm, latency, late_events, limits"
            )
        faults = self._api.faults
        try:
            if "limits" in body:
                self._api.limiter.set_mode(body["limits"])
            if "storm" in body:
                faults.storm = float(body["storm"])
            if "latency" in body:
                faults.latency = Latency(**body["latency"])
            if "late_events" in body:
                late = body["late_events"]
                faults.late_events = None if late is None else LateEvents(**late)
        except (KeyError, TypeError, ValueError) as error:
            raise ControlError(f"cannot set {body}: {error}") from error

    def _clear_faults(self, query: dict[str, str], body: Any) -> dict[str, Any]:
        """Everything works again, at once; limits stay as they are."""
        self._api.faults.clear()
        return self._faults(query, None)

    def _deliveries(self, query: dict[str, str], body: Any) -> dict[str, Any]:
        """Where events are sent, and what became of each."""
        target = self._webhooks.target
        return {
            "url": None if target is None else target.url,
            "events": [] if target is None else list(target.events),
            "deliveries": self._webhooks.deliveries(),
        }

    def _set_webhook(self, query: dict[str, str], body: Any) -> dict[str, Any]:
        """Send events from now on: ``{"url": …, "events": ["customer.*"]}``."""
        patterns = tuple(body.get("events", ("*",)))
        self._webhooks.target = Target(str(body.get("url", "")), patterns)
        return self._deliveries(query, None)

    def _remove_webhook(self, query: dict[str, str], body: Any) -> dict[str, Any]:
        """Send no more."""
        self._webhooks.target = None
        return self._deliveries(query, None)

    def _account_id(self, fields: dict[str, Any]) -> str:
        """The `account` field, which has to name a simulated account."""
        account_id = str(fields.get("account", ""))
        known = [account.id for account in self._world.accounts]
        if account_id not in known:
            raise ControlError(f"account={account_id!r}: there is {', '.join(known[:20])}")
        return account_id


def describe_accounts(
    accounts: list[AccountInfo], credentials: Credentials
) -> list[dict[str, Any]]:
    """Accounts as the control API and the ready file show them."""
    return [
        {
            "account": account.id,
            "name": account.name,
            "default_currency": account.default_currency,
            "timezone": account.timezone,
            "api_key": credentials.account_key(account.id),
        }
        for account in accounts
    ]


def _unix_seconds(query: dict[str, str], name: str) -> int:
    try:
        return int(query[name])
    except ValueError:
        raise ControlError(f"{name}={query[name]!r}: give whole unix seconds") from None


def _day(query: dict[str, str], name: str) -> date:
    """A calendar day from the query."""
    try:
        return date.fromisoformat(query.get(name, ""))
    except ValueError as error:
        raise ControlError(
            f"{name}={query.get(name, '')!r}: give day=YYYY-MM-DD, or from= and to="
        ) from error


def _json(status: int, body: Any) -> Response:
    """A JSON answer; Decimals become strings, days their ISO form."""
    return Response(status, orjson.dumps(body, default=str, option=orjson.OPT_NON_STR_KEYS))
