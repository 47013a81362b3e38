{{ config(post_hook="{{ remember_listing(
    ['int_spans_touched', 'int_subscription_item_spans_merged']
) }}") }}

-- Not read, but to be there first: whoever follows this listing sums those spans.
-- depends_on: {{ ref('int_subscription_item_spans_merged') }}
with touched as (
    select * from {{ ref('int_spans_touched') }}
),

subscriptions as (
    select * from {{ ref('stg_stripe__subscriptions') }}
),

final as (
    select distinct
        subscriptions.account_id,
        subscriptions.customer_id
    from subscriptions
    inner join touched
        on
            subscriptions.account_id = touched.account_id
            and subscriptions.subscription_id = touched.subscription_id
)

select * from final
