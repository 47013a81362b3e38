"""The server: a world, its clock and its three faces (API, OAuth, control) behind one port.

What belongs here: putting the parts together and routing by the first part of the path. Options
and signals are in ``__main__``.
"""

import logging
import time
from dataclasses import dataclass, field
from typing import Any

from stripe_simulator.consent import AccountChoice
from stripe_simulator.control import PREFIX, Control, Truth, describe_accounts
from stripe_simulator.interventions import delete_object
from stripe_simulator.oauth import OAuth
from stripe_simulator.store import ObjectStore
from stripe_simulator.webhooks import Target, Webhooks
from stripe_simulator.wire.app import API_VERSION, StripeApi
from stripe_simulator.wire.auth import PLATFORM_CLIENT_ID, Credentials, derive
from stripe_simulator.wire.clock import VirtualClock
from stripe_simulator.wire.endpoints import ENDPOINTS
from stripe_simulator.wire.faults import Faults, Latency
from stripe_simulator.wire.http import Request, Response
from stripe_simulator.wire.limits import MODES, Limiter

LOG = logging.getLogger(__name__)
ALL_PERMISSIONS = frozenset(endpoint.permission for endpoint in ENDPOINTS)


@dataclass
class Options:
    """What can be set about a server, beyond its world."""

    seed: str = "1"
    redirect_uris: list[str] = field(default_factory=list)
    app_permissions: frozenset[str] = ALL_PERMISSIONS
    # live, sandbox or off
    limits: str = "off"
    latency: Latency = field(default_factory=Latency)
    # The chance that a request meets a random fault, drawn by `fault_seed`.
    storm: float = 0.0
    fault_seed: int = 1
    webhook_url: str | None = None


class Simulator:
    """A running Stripe without a socket: `handle` answers requests."""

    def __init__(
        self, world: Any, truth: Truth, store: ObjectStore, clock: VirtualClock, options: Options
    ) -> None:
        """Wrap a world.

        Args:
            world: What ``build_world`` returned: has `now`, `advance(to)`, `accounts`.
            truth: The ledger's question: ``truth(world, account_id, first_day, last_day)``.
            store: The store that the world writes to.
            clock: The virtual clock; the world is advanced to it before each request.
            options: The rest.
        """
        self._world = world
        self.store = store
        self._clock = clock
        livemode = any(getattr(account, "livemode", False) for account in world.accounts)
        self.credentials = Credentials(clock, options.seed, livemode)
        for account in world.accounts:
            self.credentials.add_account_key(account.id)
        self.webhook_secret = "whsec_" + derive(options.seed, "webhooks", 32)
        self.api = StripeApi(
            store,
            self.credentials,
            clock,
            self.tick,
            Limiter(MODES[options.limits]),
            Faults(options.fault_seed, storm=options.storm, latency=options.latency),
            effects=self,
        )
        self.oauth = OAuth(
            self.credentials,
            clock,
            self._choices,
            options.redirect_uris,
            options.app_permissions,
        )
        self.webhooks = Webhooks(store, self.credentials, clock, self.webhook_secret, self.tick)
        if options.webhook_url is not None:
            self.webhooks.target = Target(options.webhook_url)
        store.on_event = self.webhooks.offer
        self.oauth.on_deauthorized = self.webhooks.deauthorized
        self._control = Control(
            world,
            truth,
            store,
            clock,
            self.credentials,
            self.oauth,
            self.api,
            self.webhooks,
            self.delete_object,
            self.tick,
        )

    @property
    def accounts(self) -> list[Any]:
        """The accounts of the world."""
        return list(self._world.accounts)

    @property
    def api_version(self) -> str:
        """The version of Stripe's API that objects are rendered in."""
        return API_VERSION

    def tick(self) -> None:
        """Let the world catch up with the clock."""
        now = self._clock.now()
        if now > self._world.now:
            self._world.advance(now)

    def delete_object(self, account_id: str, object_type: str, object_id: str) -> bool:
        """Delete an object now; whether the world, and so the ledger, knows of it."""
        return delete_object(self._world, self.store, account_id, object_type, object_id)

    def revoke(self, account_id: str) -> None:
        """Let an account's owner take the platform's access away."""
        self.oauth.revoke(account_id)

    def expire_tokens(self, account_id: str) -> None:
        """Let an account's access tokens run out now."""
        self.credentials.expire_tokens(account_id)

    def handle(self, request: Request) -> Response:
        """Answer any request; a mistake of the simulator's own is a 500 and a traceback."""
        try:
            return self._dispatch(request)
        except Exception:
            LOG.exception("failed to answer %s %s", request.method, request.path)
            return Response(500, b'{"error": {"message": "the simulator failed: see its log"}}')

    def _dispatch(self, request: Request) -> Response:
        """Route by the first part of the path."""
        if request.path.startswith(PREFIX):
            return self._control.handle(request)
        if "oauth" in request.path:
            answer = self.oauth.handle(request)
            if answer is not None:
                answer.headers["Date"] = self._clock.http_date()
                return answer
        return self.api.handle(request)

    def ready(self, url: str) -> dict[str, Any]:
        """What a client needs in order to use this server."""
        return {
            "url": url,
            "client_id": PLATFORM_CLIENT_ID,
            "secret_key": self.credentials.platform.secret,
            "webhook_secret": self.webhook_secret,
            "accounts": describe_accounts(self._world.accounts, self.credentials),
        }

    def _choices(self) -> list[AccountChoice]:
        """The accounts as the consent page offers them."""
        return [
            AccountChoice(account.id, account.name, account.default_currency)
            for account in self._world.accounts
        ]


def machine_now() -> int:
    """The machine's clock in whole seconds."""
    return int(time.time())
