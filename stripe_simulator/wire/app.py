"""One request in, one answer out: the order in which Stripe looks at things.

What belongs here: dispatch. Credentials, parameters, lists, rendering, limits and faults each have
a module of their own; this one calls them in turn.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from stripe_simulator.entries import Entry
from stripe_simulator.store import ObjectStore
from stripe_simulator.wire import errors, lists, parameters
from stripe_simulator.wire.auth import PLATFORM_ACCOUNT, Access, Credentials
from stripe_simulator.wire.clock import VirtualClock
from stripe_simulator.wire.endpoints import ENDPOINTS, NOUNS, Endpoint
from stripe_simulator.wire.faults import Effects, Fault, Faults, error_of, spoil
from stripe_simulator.wire.http import Request, Response
from stripe_simulator.wire.limits import Limiter
from stripe_simulator.wire.related import Lookup, Related
from stripe_simulator.wire.rendering import NO_EXPANSION, Expansion, answer, expansion, render

MOST_NAMES = 500
API_VERSION = "2026-05-27.dahlia"


@dataclass
class RequestLog:
    """How often which endpoint was asked, and how it answered."""

    endpoints: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)

    def add(self, method: str, template: str, status: int) -> None:
        """Count one answered request."""
        name = f"{method} {template}"
        # Paths that do not exist are counted by name, until there are too many of them.
        if len(self.endpoints) >= MOST_NAMES and name not in self.endpoints:
            name = f"{method} (other)"
        self.endpoints[name] += 1
        self.statuses[str(status)] += 1


@dataclass(slots=True)
class Call:
    """What is known of a request while it is being answered."""

    request_id: str
    template: str
    account_id: str = ""


class StripeApi:
    """The read side of ``/v1``."""

    def __init__(
        self,
        store: ObjectStore,
        credentials: Credentials,
        clock: VirtualClock,
        tick: Callable[[], None],
        limiter: Limiter,
        faults: Faults,
        effects: Effects,
    ) -> None:
        self._store = store
        self._related = Related(store)
        self._credentials = credentials
        self._clock = clock
        # Lets the world catch up with the clock before a request looks at it.
        self._tick = tick
        self.log = RequestLog()
        self.limiter = limiter
        self.faults = faults
        self.effects = effects
        self._routes = {endpoint.path: endpoint for endpoint in ENDPOINTS}

    def handle(self, request: Request) -> Response:
        """Answer one request to ``/v1``, errors included; latency is left to the HTTP server."""
        self._tick()
        call = Call("req_" + secrets.token_hex(7), request.path)
        fault = None
        try:
            endpoint, object_id = self._route(request)
            call.template = endpoint.path
            access = self._credentials.authenticate(request.headers)
            call.account_id = access.account_id
            self.limiter.admit(access.account_id, endpoint.path)
            if not self.faults.quiet:
                fault = self.faults.draw(endpoint.path, access.account_id)
                if fault is not None:
                    self._befall(fault, request)
            response = Response(200, self._answer(request, access, endpoint, object_id))
            if fault is not None:
                spoil(response, fault)
                if fault.kind == "delete":
                    self._delete_last(fault, access, endpoint, response.body)
        except errors.StripeError as error:
            response = Response(error.status, error.body(call.request_id), dict(error.headers))
        response.headers["Date"] = self._clock.http_date()
        response.headers["Request-Id"] = call.request_id
        response.headers["Stripe-Version"] = API_VERSION
        self.log.add(request.method, call.template, response.status)
        if self.faults.quiet:
            return response
        response.delay += self.faults.delay()
        if response.delay:
            # Until the answer is due the request counts as running, whatever becomes of the client.
            self.limiter.started(call.account_id, call.template)
            asyncio.get_running_loop().call_later(
                response.delay, self.limiter.finished, call.account_id, call.template
            )
        return response

    def _befall(self, fault: Fault, request: Request) -> None:
        """What a fault does before the request is looked at any further.

        Raises:
            StripeError: If the fault is an error, or took the key away.
        """
        error = error_of(fault, self._credentials.livemode)
        if error is not None:
            raise error
        if fault.kind in ("revoke", "expire"):
            account_id = self._credentials.authenticate(request.headers).account_id
            if fault.kind == "revoke":
                self.effects.revoke(account_id)
            else:
                self.effects.expire_tokens(account_id)
            self._credentials.authenticate(request.headers)

    def _delete_last(self, fault: Fault, access: Access, endpoint: Endpoint, body: bytes) -> None:
        """Delete an object right after a page was made: the next page's cursor, unless named."""
        object_id = fault.object_id
        if object_id is None:
            data = orjson.loads(body).get("data") or []
            object_id = data[-1]["id"] if data else None
        if object_id is not None:
            self.effects.delete_object(access.account_id, endpoint.object_type, object_id)

    def _route(self, request: Request) -> tuple[Endpoint, str]:
        """The endpoint of a path, and the id in it ("" when it has none)."""
        object_id = ""
        endpoint = self._routes.get(request.path)
        if endpoint is None:
            parts = request.path.split("/")
            if len(parts) > 3 and parts[3]:
                object_id = parts[3]
                parts[3] = "{id}"
                endpoint = self._routes.get("/".join(parts))
        if endpoint is None or request.method != "GET":
            # Authentication comes first on Stripe, even for paths that do not exist.
            self._credentials.authenticate(request.headers)
            raise errors.unrecognized_url(request.method, request.path)
        return endpoint, object_id

    def _answer(
        self, request: Request, access: Access, endpoint: Endpoint, object_id: str
    ) -> bytes:
        """The body of a good answer.

        Raises:
            StripeError: For everything else.
        """
        version = request.headers.get("stripe-version", API_VERSION)
        if version != API_VERSION:
            raise errors.invalid_version(version, API_VERSION)
        self._credentials.require(access, endpoint.permission)
        values = parameters.read(request.query, endpoint.parameters)
        self._check_references(access.account_id, endpoint, values)
        in_list = endpoint.kind in ("list", "nested", "items")
        asked = NO_EXPANSION
        if "expand" in values:
            asked = expansion(tuple(values["expand"]), endpoint.object_type, in_list)
        if endpoint.kind == "list":
            return self._list(access.account_id, endpoint, values, asked)
        if endpoint.kind == "account":
            return self._account(access, object_id, asked)
        if endpoint.kind == "retrieve":
            return self._retrieve(access.account_id, endpoint, object_id, asked)
        parent_id = object_id or values["subscription"]
        return self._nested(access.account_id, endpoint, parent_id, values, asked, request)

    def _check_references(
        self, account_id: str, endpoint: Endpoint, values: dict[str, Any]
    ) -> None:
        """Filters by an object's id need the object to exist, or to have existed."""
        for name, value in values.items():
            target = endpoint.parameters[name].refers_to
            if target is not None and not self._store.exists(account_id, target, value):
                raise errors.resource_missing(NOUNS.get(target, target), value, name, 400)

    def _list(
        self, account_id: str, endpoint: Endpoint, values: dict[str, Any], asked: Expansion
    ) -> bytes:
        """A page of a collection."""
        shelf = self._store.shelf(account_id, endpoint.object_type)
        oldest = self._event_horizon(endpoint)
        arrived = self._arrival(endpoint)
        entries, has_more = lists.page(shelf, values, oldest, arrived)
        lookup = self._lookup(account_id)
        views = [answer(entry, asked, lookup) for entry in entries]
        return envelope(endpoint.path, has_more, views)

    def _event_horizon(self, endpoint: Endpoint) -> int | None:
        """Events are gone after thirty days; nothing else ever is."""
        if endpoint.object_type != "event":
            return None
        return self._clock.now() - lists.EVENT_RETENTION_SECONDS

    def _arrival(self, endpoint: Endpoint) -> Callable[[Entry], bool] | None:
        """Which events have arrived yet, while the faults say that some are late."""
        late = self.faults.late_events
        if endpoint.object_type != "event" or late is None:
            return None
        now = self._clock.now()
        return lambda entry: entry.created + late.seconds_of(entry.id) <= now

    def _lookup(self, account_id: str) -> Lookup:
        """How expansion finds the objects of one account."""
        return Lookup(self._store, self._related, account_id)

    def _retrieve(
        self, account_id: str, endpoint: Endpoint, object_id: str, asked: Expansion
    ) -> bytes:
        """One object, or the tombstone of a deleted one."""
        shelf = self._store.shelf(account_id, endpoint.object_type)
        entry = shelf.find(object_id)
        oldest = self._event_horizon(endpoint)
        if entry is not None and (oldest is None or entry.created >= oldest):
            return answer(entry, asked, self._lookup(account_id))
        found = None if entry is not None else shelf.deleted.get(object_id)
        if found is None and endpoint.object_type == "subscription_item":
            found = self._find_item(account_id, object_id)
        if found is None:
            noun = NOUNS.get(endpoint.object_type, endpoint.object_type)
            raise errors.resource_missing(noun, object_id, "id", 404)
        return orjson.dumps(render(found, asked.tree, self._lookup(account_id)))

    def _find_item(self, account_id: str, item_id: str) -> dict[str, Any] | None:
        """A subscription item, which lives inside its subscription."""
        for subscription in self._store.scan(account_id, "subscription"):
            for item in subscription["items"]["data"]:
                if item["id"] == item_id:
                    found: dict[str, Any] = item
                    return found
        return None

    def _account(self, access: Access, object_id: str, asked: Expansion) -> bytes:
        """The account that the key belongs to, or another one that it may read."""
        account_id = object_id or access.account_id
        allowed = account_id == access.account_id or (
            access.credential.kind == "platform" and account_id in self._credentials.connected
        )
        if not allowed:
            raise errors.account_invalid(access.credential.secret, account_id)
        account = self._store.get(account_id, "account", account_id)
        if account is None and account_id == PLATFORM_ACCOUNT:
            account = {"id": account_id, "object": "account"}
        if account is None:
            raise errors.resource_missing("account", account_id, "account", 404)
        return orjson.dumps(render(account, asked.tree, self._lookup(account_id)))

    def _nested(
        self,
        account_id: str,
        endpoint: Endpoint,
        parent_id: str,
        values: dict[str, Any],
        asked: Expansion,
        request: Request,
    ) -> bytes:
        """A page of a list that is part of another object."""
        parent_type = endpoint.parent_type or ""
        parent = self._store.get(account_id, parent_type, parent_id)
        if parent is None or parent.get("deleted"):
            noun = NOUNS.get(parent_type, parent_type)
            raise errors.resource_missing(noun, parent_id, parent_type, 404)
        lookup = self._lookup(account_id)
        name = endpoint.parent_property or ""
        holder = parent.get(name) or lookup.list_of(parent, name) or {"data": []}
        elements, has_more = lists.nested_page(holder["data"], endpoint.object_type, values)
        views = [orjson.dumps(render(element, asked.tree, lookup)) for element in elements]
        return envelope(request.path, has_more, views)


def envelope(url: str, has_more: bool, views: list[bytes]) -> bytes:
    """A list object around serialised elements."""
    head = b'{"object":"list","url":%b,"has_more":%b,"data":[' % (
        orjson.dumps(url),
        b"true" if has_more else b"false",
    )
    return b"".join((head, b",".join(views), b"]}"))
