"""The known wrong answers of other tools, in the order of `docs/metrics.md` §6."""

from tests.dbt_project.mutations.mutation import (
    ATTEMPTS,
    COUNTS,
    DISCOUNTED,
    MONEY_USERS,
    MOVED,
    PRICED,
    SEGMENTS,
    Mutation,
    changed,
)

STEPS = """steps as (
    select
        *,
"""


def _first_percentage(numerator: str) -> str:
    """Return the discount steps with one percentage in place of all."""
    basket = "partition by account_id, subscription_id, valid_from, discounts_taken"
    return f"""steps as (
    select
        * replace (
            case
                when
                    row_number() over ({basket} order by level, item_position, listed_at) = 1
                    then {numerator.format(basket=basket)}
                else kept_denominator
            end as kept_numerator
        ),
"""


KNOWN = (
    # §6, in its order.
    changed(
        "trials count as MRR",
        SEGMENTS,
        COUNTS,
        COUNTS.replace("'past_due')", "'past_due', 'trialing')").replace(
            "        and not is_in_trial\n", ""
        ),
        "statuses_that_bring_no_mrr",
    ),
    changed(
        "incomplete counts as MRR",
        SEGMENTS,
        COUNTS,
        COUNTS.replace("'past_due')", "'past_due', 'incomplete')"),
        "statuses_that_bring_no_mrr",
    ),
    changed(
        "unpaid counts as MRR",
        SEGMENTS,
        COUNTS,
        COUNTS.replace("'past_due')", "'past_due', 'unpaid')"),
        "statuses_that_bring_no_mrr",
    ),
    changed(
        "a cancelled year still counts",
        SEGMENTS,
        "lead(cuts.cut_at, 1, subscriptions.ended_at)",
        "lead(cuts.cut_at, 1)",
        "a_cancelled_year_is_over",
    ),
    changed(
        "churned before the renewal day",
        "macros/policies.sql",
        "'cancel_request_ends_mrr': 'false'",
        "'cancel_request_ends_mrr': 'true'",
        "a_year_that_will_end_still_counts",
        "int_subscription_segments_cut",
    ),
    changed(
        "a dollar a day is nothing",
        "macros/policies.sql",
        "{% for name, factor in factors.items() -%}",
        "{% for name, factor in factors.items() if name != 'day' -%}",
        "a_dollar_a_day_is_seven_a_week",
        "int_prices_gathered",
    ),
    changed(
        "tiers are nothing",
        PRICED,
        "when billing_scheme = 'per_unit'",
        "when billing_scheme in ('per_unit', 'tiered')",
        "graduated_and_volume_tiers",
    ),
    Mutation(
        "no quantity of a metered item is one",
        PRICED,
        (
            (
                "when prices.usage_type = 'metered' then 0",
                "when prices.usage_type = 'metered' then coalesce(item_states.quantity, 1)",
            ),
            ("case\n            when usage_type = 'metered' then 0", "case"),
        ),
        "metered_counts_nothing",
    ),
    changed(
        "yen by a hundred",
        "macros/money.sql",
        "then 1000",
        "then 10",
        "yen_and_dinars",
        MONEY_USERS,
    ),
    changed(
        "dinars by a hundred",
        "macros/money.sql",
        "then 1\n",
        "then 10\n",
        "dinars_have_three_decimals",
        MONEY_USERS,
    ),
    changed(
        "kronur have no decimals",
        "macros/money.sql",
        "('bif', ",
        "('bif', 'isk', 'ugx', ",
        "two_decimals_for_kronur_and_shillings",
        MONEY_USERS,
    ),
    changed(
        "of two percentages the first alone",
        DISCOUNTED,
        "and applied.step + 1 = steps.step",
        "and applied.step + 1 = steps.step and steps.step = 1",
        "two_percentages_multiply",
    ),
    changed(
        "two percentages are added up",
        DISCOUNTED,
        STEPS,
        _first_percentage(
            "kept_denominator - sum(kept_denominator - kept_numerator) over ({basket})"
        ),
        "two_percentages_multiply",
    ),
    changed(
        "of two percentages the greatest",
        DISCOUNTED,
        STEPS,
        _first_percentage("min(kept_numerator) over ({basket})"),
        "two_percentages_multiply",
    ),
    changed(
        "reactivation is expansion",
        MOVED,
        "when opening_micros = 0 then 'reactivation'",
        "when opening_micros = 0 then 'expansion'",
        "coming_back_is_reactivation",
    ),
    changed(
        "reactivation is new",
        MOVED,
        "when opening_micros = 0 then 'reactivation'",
        "when opening_micros = 0 then 'new'",
        "coming_back_is_reactivation",
    ),
    changed(
        "old objects do not change",
        "models/staging/stg_stripe__subscription_versions.sql",
        "    where not deleted\n",
        "    where not deleted {% if is_incremental() %}and created > "
        "(select max(known.created_at) from {{ this }} as known){% endif %}\n",
        "cancelled_later",
        later=True,
    ),
    changed(
        "an authorisation that was not captured failed",
        ATTEMPTS,
        "status as outcome,",
        "case when is_captured or status = 'pending' then status else 'failed' end as outcome,",
        "what_is_no_failed_payment",
    ),
)
