"""The table of streams against Stripe's own description, and against the traps it defends from."""

from dlt_sources.stripe.streams import BY_NAME, STREAMS, Kind


def test_canceled_subscriptions_are_listed() -> None:
    assert BY_NAME["subscriptions"].variants == ({"status": "all"},)


def test_archived_prices_are_listed_and_what_they_hide_is_expanded() -> None:
    prices = BY_NAME["prices"]
    assert [variant["active"] for variant in prices.variants] == ["true", "false"]
    assert prices.expand == ("tiers", "currency_options")


def test_state_is_read_whole_and_only_payments_by_window() -> None:
    history = {stream.name for stream in STREAMS if stream.kind is Kind.HISTORY}
    assert history == {"charges", "refunds", "disputes", "invoices"}


def test_no_expansion_is_deeper_than_stripe_allows() -> None:
    for stream in STREAMS:
        for name in stream.expand:
            assert len(f"data.{name}".split(".")) <= 4, (stream.name, name)


def test_every_stream_but_the_feed_and_the_account_has_its_own_event() -> None:
    for stream in STREAMS:
        if stream.kind in (Kind.STATE, Kind.HISTORY):
            direct = [touch for touch in stream.touches if touch.path == ("id",)]
            assert [touch.object_type for touch in direct] == [stream.object_type]


def test_references_name_streams() -> None:
    for stream in STREAMS:
        for reference in stream.references:
            assert reference.stream in BY_NAME
