{{ config(post_hook="{{ remember_listing() }}") }}

with subscriptions as (
    select * from {{ ref('stg_stripe__subscriptions') }}
),

spans as (
    select * from {{ ref('int_subscription_item_spans_valued') }}
),

-- When each subscription's spans were last computed: their last model says so when it is done.
done as (
    select * from intermediate.subscriptions_done
),

moved as (
    {{ moved_accounts(span_facts()) }}
),

passed as (
    {{ passed_times(span_facts()) }}
),

instants as (
    select
        account_id,
        subscription_id,
        valid_from as occurs_at
    from spans
    union all
    select
        account_id,
        subscription_id,
        valid_to as occurs_at
    from spans
),

-- What was to come has come since: a span begins to count and ceases to by the clock alone.
final as (
    select
        account_id,
        subscription_id
    from done
    where build > {{ done_until(span_facts()) }}
    union
    select
        account_id,
        subscription_id
    from subscriptions
    where account_id in (select moved.account_id from moved)
    union
    select
        instants.account_id,
        instants.subscription_id
    from instants
    inner join passed
        on
            instants.account_id = passed.account_id
            and instants.occurs_at > passed.passed_from
            and instants.occurs_at <= passed.passed_to
)

select * from final
