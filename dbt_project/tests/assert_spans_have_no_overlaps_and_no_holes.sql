{{ config(meta={'dagster': {'ref': {'name': 'fct_subscription_item_spans'}}}) }}

-- Spans of one item follow each other without a gap, and end when the subscription does.
with spans as (
    select * from {{ ref('fct_subscription_item_spans') }}
),

subscriptions as (
    select * from {{ ref('fct_subscriptions') }}
),

followed as (
    select
        *,
        lead(valid_from) over (
            partition by account_id, subscription_id, item_id
            order by valid_from
        ) as next_valid_from
    from spans
)

select followed.*
from followed
inner join subscriptions
    on
        followed.account_id = subscriptions.account_id
        and followed.subscription_id = subscriptions.subscription_id
where
    followed.valid_to <= followed.valid_from
    or (followed.next_valid_from is not null and followed.valid_to is null)
    or followed.next_valid_from != followed.valid_to
    or followed.valid_from < subscriptions.started_at
    or coalesce(followed.valid_to, 'infinity') > coalesce(subscriptions.ended_at, 'infinity')
