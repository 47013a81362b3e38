"""Errors as Stripe words them: status, type, code, parameter and message.

What belongs here: one constructor for each error that the simulator can answer with. The messages
follow those that Stripe's documentation and its issue trackers quote; live wording may differ.
"""

from typing import Any

import orjson


class StripeError(Exception):
    """An answer that is an error; the application turns it into a response."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        error_type: str = "invalid_request_error",
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        error: dict[str, Any] = {}
        if code is not None:
            error["code"] = code
            slug = code.replace("_", "-")
            error["doc_url"] = f"https://docs.stripe.com/error-codes#{slug}"
        error["message"] = message
        if param is not None:
            error["param"] = param
        error["type"] = error_type
        self.error = error

    def body(self, request_id: str) -> bytes:
        """The JSON body, with the link to the request's log that Stripe adds."""
        error = {
            **self.error,
            "request_log_url": f"https://dashboard.stripe.com/test/logs/{request_id}",
        }
        return orjson.dumps({"error": error}, option=orjson.OPT_INDENT_2)


def redact(key: str) -> str:
    """A key as Stripe shows it in messages: its prefix, stars, its last four characters."""
    if len(key) <= 12:
        return "*" * len(key)
    head, _, _ = key.rpartition("_")
    kept = head + "_" if 0 < len(head) < len(key) - 8 else key[:3]
    return kept + "*" * (len(key) - len(kept) - 4) + key[-4:]


def no_api_key() -> StripeError:
    """No credentials came with the request."""
    return StripeError(
        401,
        "You did not provide an API key. You need to provide your API key in the Authorization "
        "header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See "
        "https://stripe.com/docs/api#authentication for details, or we can help at "
        "https://support.stripe.com/.",
        headers={"WWW-Authenticate": 'Bearer realm="Stripe"'},
    )


def invalid_api_key(key: str) -> StripeError:
    """The key never existed, or was revoked."""
    return StripeError(401, f"Invalid API Key provided: {redact(key)}")


def expired_api_key(key: str) -> StripeError:
    """The key, or the access token, has run out."""
    return StripeError(401, f"Expired API Key provided: {redact(key)}", code="api_key_expired")


def account_invalid(key: str, account_id: str) -> StripeError:
    """The key may not act for this account (any more)."""
    return StripeError(
        403,
        f"The provided key '{redact(key)}' does not have access to account '{account_id}' (or "
        "that account does not exist). Application access may have been revoked.",
        code="account_invalid",
    )


def missing_permission(key: str, permission: str, account_id: str) -> StripeError:
    """A restricted key or an app's token lacks a permission."""
    return StripeError(
        403,
        f"The provided key '{redact(key)}' does not have the required permissions for this "
        f"endpoint on account '{account_id}'. Having the '{permission}' permission would allow "
        "this request to continue.",
    )


def unrecognized_url(method: str, path: str) -> StripeError:
    """No such endpoint."""
    return StripeError(
        404,
        f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we "
        "can help at https://support.stripe.com/.",
    )


def resource_missing(noun: str, object_id: str, param: str, status: int) -> StripeError:
    """An id that names nothing: 404 in the path, 400 in a parameter."""
    return StripeError(
        status, f"No such {noun}: '{object_id}'", code="resource_missing", param=param
    )


def unknown_parameters(names: list[str]) -> StripeError:
    """Parameters that the endpoint does not take."""
    plural = "s" if len(names) > 1 else ""
    return StripeError(
        400,
        f"Received unknown parameter{plural}: {', '.join(names)}",
        code="parameter_unknown",
        param=names[0],
    )


def invalid_parameter(param: str, message: str, code: str | None = None) -> StripeError:
    """A parameter whose value cannot be used."""
    return StripeError(400, message, code=code, param=param)


def empty_parameter(param: str) -> StripeError:
    """An empty string where a value is needed."""
    return StripeError(
        400,
        f"You passed an empty string for '{param}'. We assume empty values are an attempt to "
        f"unset a parameter; however '{param}' cannot be unset. You should remove '{param}' from "
        "your request or supply a non-empty value.",
        code="parameter_invalid_empty",
        param=param,
    )


def missing_parameter(param: str) -> StripeError:
    """A parameter without which the endpoint cannot answer."""
    return StripeError(
        400, f"Missing required param: {param}.", code="parameter_missing", param=param
    )


def exclusive_parameters(first: str, second: str) -> StripeError:
    """Two parameters that shut each other out; Stripe gives this refusal no code."""
    return StripeError(
        400, f"Received both {first} and {second} parameters. Please pass in only one."
    )


def too_deep(path: str, levels: int) -> StripeError:
    """An expansion of too many levels."""
    return StripeError(
        400,
        f"You cannot expand more than {levels} levels of a property. Property: {path}",
        code="property_expansion_max_depth",
    )


def not_expandable(path: str, in_list: bool) -> StripeError:
    """An expansion that leads nowhere; in a list perhaps only for want of ``data.``."""
    hint = ""
    if in_list and path.partition(".")[0] != "data":
        hint = f" You may want to try expanding 'data.{path}' instead."
    return StripeError(400, f"This property cannot be expanded ({path}).{hint}")


def invalid_version(version: str, served: str) -> StripeError:
    """A `Stripe-Version` that the simulator cannot render; Stripe itself knows them all."""
    return StripeError(
        400, f"Invalid Stripe API version: {version} (this simulator renders {served} only)"
    )


def rate_limited(reason: str, livemode: bool) -> StripeError:
    """Too many requests; `reason` goes into ``Stripe-Rate-Limited-Reason``."""
    message = (
        "Request rate limit exceeded. You can learn more about rate limits here "
        "https://stripe.com/docs/rate-limits."
    )
    if not livemode:
        message = (
            "Testmode request rate limit exceeded, the rate limits in testmode are lower than "
            "livemode. You can learn more about rate limits here "
            "https://stripe.com/docs/rate-limits."
        )
    return StripeError(
        429, message, code="rate_limit", headers={"Stripe-Rate-Limited-Reason": reason}
    )


def lock_timeout() -> StripeError:
    """Another request holds the object: a 429 without a rate-limit reason."""
    return StripeError(
        429,
        "This object cannot be accessed right now because another API request or Stripe process "
        "is currently accessing it. If you see this error intermittently, retry the request. If "
        "you see this error frequently and are making multiple concurrent requests to a single "
        "object, make your requests serially or at a lower rate. For more details, see "
        "https://stripe.com/docs/rate-limits#object-lock-timeouts.",
        code="lock_timeout",
    )


def server_error(status: int) -> StripeError:
    """Stripe's own failure."""
    return StripeError(
        status,
        "An error occurred with our connection to Stripe. Please try again.",
        error_type="api_error",
    )


def conflict() -> StripeError:
    """The request collided with another one."""
    return StripeError(
        409,
        "There is currently another in-progress request using this object (that probably means "
        "you submitted twice, and the other request is still going through). Please try again.",
        error_type="idempotency_error",
    )
