"""Where Stripe delivers its events. What they mean is in `connections.webhooks`."""

from __future__ import annotations

import logging
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from connections.webhooks import Effect, WebhookRefusedError, read_event, receive
from console.web.context import Web, web_of
from console.web.identity import client_of
from console.web.paths import WEBHOOK_PATH

router = APIRouter()
log = logging.getLogger(__name__)


@router.post(WEBHOOK_PATH)
def delivery(request: Request, web: Annotated[Web, Depends(web_of)]) -> Response:
    """Take one event: 200 when it is Stripe's, whatever it is about, so that it is not repeated."""
    secrets = web.web_settings.webhook_secrets
    if not secrets:
        return JSONResponse({"error": "STRIPE_WEBHOOK_SECRET is not set."}, 404)
    try:
        event = read_event(request.state.body, request.headers.get("stripe-signature"), secrets)
    except WebhookRefusedError as error:
        # Only bad ones are counted: nobody can use up Stripe's own room.
        often = not web.limiter.allows("webhook", client_of(request.scope))
        return JSONResponse({"error": str(error)}, 429 if often else 400)
    effect = receive(web.engine, event, client_id=web.settings.stripe_client_id)
    if effect is Effect.REVOKED:
        log.warning("The owner of %s withdrew the access at Stripe.", event.account_id)
    return JSONResponse({"received": effect is not Effect.REPEATED})
