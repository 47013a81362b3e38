"""Personal data in Stripe's objects: where they are, and how they are hashed or dropped.

Applied to every answer as soon as it is decoded, so nothing that a policy takes away is written
anywhere, neither by an import nor beside it. Fields are found by name at any depth: events carry
objects in the shape of older API versions, and an expanded object may hang anywhere.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

KEEP, HASH, DROP = "keep", "hash", "drop"

_FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "names": """
            account_holder_name business_name cardholder_name customer_name first_name
            first_name_kana first_name_kanji full_name_aliases individual_name last_name
            last_name_kana last_name_kanji maiden_name name name_kana name_kanji passenger_name
            payer_name refund_account_holder_name sender_name shipping_first_name shipping_last_name
            verified_name
        """,
        "emails": """
            billing_email customer_email customer_email_address email email_sent_to
            hashed_account_email_address instructions_email payer_email receipt_email support_email
            verified_email
        """,
        "phones": """
            customer_phone phone phone_number support_phone verified_phone
        """,
        "addresses": """
            account_holder_address address address_city address_country address_kana address_kanji
            address_line1 address_line2 address_state address_zip billing_address cardholder_address
            city customer_address from_postal_code line1 line2 normalized_address postal_code
            refund_account_holder_address_city refund_account_holder_address_line1
            refund_account_holder_address_line2 refund_account_holder_address_postal_code
            refund_account_holder_address_state registered_address shipping_address state
            support_address to_postal_code verified_address
        """,
        # Cards' and accounts' fingerprints and last digits, tax ids, IP addresses.
        "identifiers": """
            account_number account_number_last4 bsb_number buyer_address customer_device_fingerprint
            customer_purchase_ip customer_tax_ids device_fingerprint dob dynamic_last4 fingerprint
            iban iban_last4 ip ip_address ip_address_location last4 refund_iban
            shipping_tracking_number tax_id tax_ids tracking_number verified_phone_last4
        """,
        "descriptions": """
            access_activity_log cancellation_policy_disclosure cancellation_rebuttal comment
            custom_fields description duplicate_charge_explanation explanation footer memo
            product_description refund_policy_disclosure refund_refusal_explanation
            return_description uncategorized_text
        """,
        "metadata": """
            metadata
        """,
        # Whoever has such an address sees the customer's invoice or receipt without a login.
        "links": """
            hosted_instructions_url hosted_invoice_url hosted_verification_url hosted_voucher_url
            invoice_pdf mandate_url mobile_auth_url receipt_url tracking_url
        """,
    }
)
"""Names of fields by class, one word each. Adding one is one word here."""

FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {kind: tuple(names.split()) for kind, names in _FIELDS.items()}
)
"""The same, taken apart."""

IMPERSONAL_TYPES = frozenset(
    {"account", "coupon", "plan", "price", "product", "promotion_code", "tax_rate"}
)
"""Objects about the business itself: what they are called is no personal datum."""

IMPERSONAL_FIELDS = frozenset({"name", "description", "comment"})
"""The fields that this is said of."""

COARSE = frozenset({"country", "address_country"})
"""Parts of an address that a hashed one keeps: revenue is reported by country."""

_HASHED = re.compile(r"hmac:[0-9a-f]{32}")
_CLASS_OF = {name: kind for kind, names in FIELDS.items() for name in names}


@dataclass(frozen=True)
class Treatment:
    """A policy that can be carried out; callable on decoded objects. Its `repr` shows no key.

    Attributes:
        policy: As text, recorded with each sync.
        modes: `keep`, `hash` or `drop` by class; a class that is not named is kept.
        key: Under which values are hashed.
    """

    policy: str
    modes: Mapping[str, str]
    key: bytes = field(repr=False)
    _actions: Mapping[str, tuple[str, bool]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse what is not known.

        Raises:
            ValueError: An unknown class or mode.
        """
        if unknown := self.modes.keys() - FIELDS.keys():
            raise ValueError(f"unknown classes of personal data: {', '.join(sorted(unknown))}")
        if unknown := set(self.modes.values()) - {KEEP, HASH, DROP}:
            raise ValueError(f"unknown modes: {', '.join(sorted(unknown))}")
        actions = {
            name: (kind, self.modes[kind] == HASH)
            for name, kind in _CLASS_OF.items()
            if self.modes.get(kind, KEEP) != KEEP
        }
        object.__setattr__(self, "_actions", actions)

    def __call__(self, body: dict[str, Any]) -> dict[str, Any]:
        """Treat a decoded object, or a list page, in place; returns it."""
        if self._actions:
            self._treat(body, personal=True)
        return body

    def _treat(self, value: dict[str, Any], *, personal: bool) -> None:
        kind = value.get("object")
        if kind == "event":
            # What changed is told beside the object, not inside it.
            personal = _about(value) not in IMPERSONAL_TYPES
        elif isinstance(kind, str):
            personal = kind not in IMPERSONAL_TYPES
        for name, each in value.items():
            action = self._actions.get(name)
            if action is not None and (personal or name not in IMPERSONAL_FIELDS):
                value[name] = self._treated(name, each, *action)
            elif type(each) is dict:
                self._treat(each, personal=personal)
            elif type(each) is list:
                for member in each:
                    if type(member) is dict:
                        self._treat(member, personal=personal)

    def _treated(self, name: str, value: Any, kind: str, hashed: bool) -> Any:
        if hashed:
            return value if name in COARSE else self._hash(kind, value)
        # Always a mapping, so that a model may look into it.
        return {} if name == "metadata" and value is not None else None

    def _hash(self, kind: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {
                name: each if name in COARSE and kind == "addresses" else self._hash(kind, each)
                for name, each in value.items()
            }
        if isinstance(value, list):
            return [self._hash(kind, each) for each in value]
        if value is None or value == "" or isinstance(value, bool):
            return value
        text = str(value)
        if _HASHED.fullmatch(text):
            return value
        # One person writes one address in several ways.
        text = text.strip().casefold() if kind == "emails" else text.strip()
        digest = hmac.digest(self.key, f"{kind}\0{text}".encode(), "sha256")
        return f"hmac:{digest[:16].hex()}"


def _about(event: Mapping[str, Any]) -> str:
    data = event.get("data")
    obj = data.get("object") if isinstance(data, dict) else None
    return str(obj.get("object", "")) if isinstance(obj, dict) else ""
