"""Personal data: each class is found wherever it stands, and is gone before anything is written."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connections.pii_policy import DEFAULTS, Mode
from dlt_sources.stripe import Treatment, extract_accounts, load_extraction
from dlt_sources.stripe.pii import COARSE, FIELDS, IMPERSONAL_FIELDS, IMPERSONAL_TYPES
from tests.dlt_sources.stub import Stub, running_stub
from tests.stripe_simulator.description import description

CLASSES = list(FIELDS)

#: Objects of the streams, as Stripe's description names them.
ROOTS = [
    *("account", "charge", "coupon", "customer", "discount", "dispute", "invoice"),
    *("invoice_payment", "line_item", "price", "product", "refund"),
    *("subscription", "subscription_item"),
]

LOOKS_PERSONAL = re.compile(
    r"(^|_)(name|email|phone|address|fingerprint|last4|description|metadata|ip|tax_id|tax_ids|iban"
    r"|dob|comment|memo|footer|url|pdf|city|postal_code|line1|line2|state|explanation|rebuttal"
    r"|number)($|_)"
)

# The business's own, a bank's, a product's or a picture's; whether, when or how, but never what;
# numbers of documents. One word per field.
NOT_PERSONAL = """
account_name account_tax_ids application_preferred_name background_image_url bank_address
bank_address_city bank_address_line_1 bank_address_line_2 bank_address_postal_code bank_name
branch_name custom_mandate_url dedicated_file_name default_account_tax_ids display_name doc_url
image_data_url image_url image_url_png image_url_svg institution_number interval_description
logo_url native_url pay_later_name pay_later_redirect_url pay_now_name pay_now_redirect_url
pay_over_time_name pay_over_time_redirect_url product_name product_url qr_code_url redirect_to_url
redirect_url request_log_url return_url routing_number service_user_number support_url
tax_deduction_account_number transit_number url refund_routing_number
address_line1_check address_postal_code_check address_zip_check email_sent email_sent_at
id_number_provided id_number_secondary_provided requested_address_types tax_id_provided
tax_id_registrar confirmation_number number pdf receipt_number
refund_account_holder_address_country
address_validation card_number_source eori_number flight_number footer_body footer_title
system_trace_audit_number token_requestor_name vehicle_number
"""


def treatment(mode: str, classes: list[str] = CLASSES) -> Treatment:
    return Treatment("test", dict.fromkeys(classes, mode), b"k" * 32)


def named(schema: dict[str, Any], seen: set[str]) -> Iterator[str]:
    """The names of all fields that an object of this schema can have, at any depth."""
    schemas = description()["components"]["schemas"]
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        if name not in seen:
            seen.add(name)
            yield from named(schemas[name], seen)
    for each in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from named(each, seen)
    yield from named(schema["items"], seen) if "items" in schema else ()
    for name, each in schema.get("properties", {}).items():
        yield name
        yield from named(each, seen)


def test_every_field_of_stripes_description_that_looks_personal_is_judged() -> None:
    seen: set[str] = set()
    names = {name for root in ROOTS for name in named({"$ref": f"#/{root}"}, seen)}
    assert len(names) > 800
    ours = {name for fields in FIELDS.values() for name in fields}
    suspicious = {name for name in names if LOOKS_PERSONAL.search(name)}
    not_personal = set(NOT_PERSONAL.split())
    assert sorted(suspicious - ours - not_personal) == []
    assert not not_personal & ours


def test_the_classes_of_the_policy_are_those_of_the_fields() -> None:
    assert list(DEFAULTS) == CLASSES
    assert [mode.value for mode in Mode] == ["keep", "hash", "drop"]
    twice = [name for fields in FIELDS.values() for name in fields]
    assert len(twice) == len(set(twice))


@pytest.mark.parametrize(("classes", "mode"), [({"eyes": "drop"}, "drop"), ({"names": "x"}, "x")])
def test_unknown_words_raise(classes: dict[str, str], mode: str) -> None:
    with pytest.raises(ValueError, match="unknown"):
        Treatment("x", classes, b"")


CHARGE = {
    "id": "ch_1",
    "object": "charge",
    "created": 1,
    "customer": "cus_1",
    "amount": 100,
    "receipt_email": " Ada@Example.com",
    "description": "for Ada",
    "billing_details": {
        "name": "Ada L",
        "email": "ada@example.com",
        "phone": "+491",
        "address": {"city": "Berlin", "country": "DE", "line1": "Weg 1"},
    },
    "payment_method_details": {
        "card": {"brand": "visa", "country": "DE", "fingerprint": "Fp1", "last4": "4242"}
    },
    "metadata": {"who": "Ada", "plan": 7, "vip": True},
    "receipt_url": "https://pay.stripe.com/receipts/1",
    "outcome": {"seller_message": "Payment complete."},
}


def treated(mode: str, obj: dict[str, Any], classes: list[str] = CLASSES) -> dict[str, Any]:
    return treatment(mode, classes)(json.loads(json.dumps(obj)))


def test_keep_changes_nothing() -> None:
    assert treated("keep", CHARGE) == CHARGE


def test_drop_takes_every_class_and_nothing_else() -> None:
    assert treated("drop", CHARGE) == {
        **CHARGE,
        "receipt_email": None,
        "description": None,
        "billing_details": {"name": None, "email": None, "phone": None, "address": None},
        "payment_method_details": {
            "card": {"brand": "visa", "country": "DE", "fingerprint": None, "last4": None}
        },
        "metadata": {},
        "receipt_url": None,
    }


def test_hashes_join_and_keep_the_country() -> None:
    first = treated("hash", CHARGE)
    again = treated("hash", CHARGE)
    assert first == again
    details = first["billing_details"]
    assert details["email"] == first["receipt_email"] != CHARGE["receipt_email"]
    assert re.fullmatch(r"hmac:[0-9a-f]{32}", details["email"])
    assert details["address"]["country"] == "DE"
    assert details["address"]["city"].startswith("hmac:")
    assert set(first["metadata"]) == {"who", "plan", "vip"}
    # One text in two classes says nothing about the other.
    assert (
        first["metadata"]["who"] != treated("hash", {**CHARGE, "description": "Ada"})["description"]
    )
    other = Treatment("x", dict.fromkeys(CLASSES, "hash"), b"q" * 32)
    assert other(json.loads(json.dumps(CHARGE)))["receipt_email"] != first["receipt_email"]
    assert "k" * 32 not in repr(treatment("hash"))


def test_applying_a_policy_again_changes_nothing() -> None:
    for mode in ("hash", "drop"):
        once = treated(mode, CHARGE)
        assert treated(mode, once) == once


def test_one_class_alone() -> None:
    assert treated("drop", CHARGE, ["phones"]) == {
        **CHARGE,
        "billing_details": {**CHARGE["billing_details"], "phone": None},  # type: ignore[dict-item]
    }


@pytest.mark.parametrize("kind", sorted(IMPERSONAL_TYPES))
def test_what_the_business_calls_its_own_things_stays(kind: str) -> None:
    thing = {"object": kind, "name": "Pro plan", "description": "All of it", "metadata": {"a": "b"}}
    assert treated("drop", thing) == {**thing, "metadata": {}}
    inside = {"object": "subscription", "items": {"data": [{"price": thing}]}, "description": "Ada"}
    assert treated("drop", inside)["items"]["data"][0]["price"]["name"] == "Pro plan"
    assert treated("drop", inside)["description"] is None


def test_events_are_treated_in_the_shape_of_any_version() -> None:
    event = {
        "object": "event",
        "type": "customer.updated",
        "data": {
            "object": {
                "object": "customer",
                "name": "Ada",
                "sources": {"data": [{"object": "card", "name": "Ada", "address_city": "Berlin"}]},
            },
            "previous_attributes": {"name": "Eva", "email": "eva@example.com"},
        },
    }
    said = json.dumps(treated("drop", event))
    assert not re.search("Ada|Eva|eva@|Berlin", said)
    product = {
        "object": "event",
        "data": {
            "object": {"object": "product", "name": "Pro"},
            "previous_attributes": {"name": "Basic"},
        },
    }
    assert treated("drop", product) == product


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([n for f in FIELDS.values() for n in f[:3]] + ["a", "object", "data"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["data", "email", "x", "object"]), _JSON))
def test_anything_is_treated_without_an_error_and_twice_is_once(body: dict[str, Any]) -> None:
    for mode in ("hash", "drop"):
        once = treated(mode, body)
        assert once.keys() == body.keys()
        assert treated(mode, once) == once


def fill(stub: Stub) -> list[str]:
    """Objects with a canary in every personal field, in every stream; returns the canaries."""
    canaries = []

    def personal(kind: str) -> dict[str, Any]:
        fields = {}
        for names in FIELDS.values():
            for name in names:
                if kind in IMPERSONAL_TYPES and name in IMPERSONAL_FIELDS:
                    continue
                if name in COARSE:
                    continue
                canaries.append(f"canary-{kind}-{name}-{len(canaries)}")
                fields[name] = {"deep": canaries[-1]} if name == "metadata" else canaries[-1]
        return fields

    now = stub.now - 1000
    for path, kind, number in (
        ("/v1/charges", "charge", "ch_1"),
        ("/v1/customers", "customer", "cus_1"),
        ("/v1/products", "product", "prod_1"),
        ("/v1/coupons", "coupon", "co_1"),
    ):
        stub.add(path, {"id": number, "object": kind, "created": now, **personal(kind)})
    changed = {"id": "cus_1", "object": "customer", "created": now, **personal("customer")}
    stub.happen("customer.deleted", changed, created=now)
    return canaries


@pytest.mark.parametrize("mode", ["drop", "hash"])
def test_what_is_not_kept_is_written_nowhere(tmp_path: Path, mode: str) -> None:
    with running_stub() as stub:
        canaries = fill(stub)
        task = stub.task()
        policy = treatment(mode)
        extraction = extract_accounts(
            [type(task)(**{**task.__dict__, "pii": policy})], work_dir=tmp_path / "runs", run_id="r"
        )
        assert extraction.ok
        warehouse = tmp_path / "warehouse.duckdb"
        load_extraction(extraction, warehouse=warehouse)
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        for table in ("charges", "customers", "products", "coupons", "events"):
            (texts,) = connection.execute(
                f"select string_agg(object::varchar, ' ') from raw_stripe.{table}"
            ).fetchone()  # type: ignore[misc]
            assert texts
            assert [canary for canary in canaries if canary in texts] == []
        assert connection.execute("select pii from raw_stripe.syncs").fetchall() == [("test",)]
