{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    meta={'follows_touched': true},
    pre_hook="{{ forget_touched() }}",
    post_hook="{{ remember_code() }}"
) }}

with states as (
    {{ touched_of(ref('int_subscription_states_dated')) }}
),

later_items as (
    {{ touched_of(ref('int_subscription_later_items_told')) }}
),

lines as (
    {{ touched_of(ref('stg_stripe__invoice_line_items')) }}
    {{ where_told_by('invoice_line') }}
),

prices as (
    select * from {{ ref('int_prices_gathered') }}
),

later_subscriptions as (
    select distinct
        account_id,
        subscription_id
    from later_items
),

-- The time whose lines are asked: before the events begin, and all of it where events leave
-- items out.
zones as (
    select
        states.account_id,
        states.subscription_id,
        min(states.valid_from) as valid_from,
        max(case
            when later_subscriptions.subscription_id is not null then 'infinity'
            else states.valid_to
        end) as valid_to
    from states
    left join later_subscriptions
        on
            states.account_id = later_subscriptions.account_id
            and states.subscription_id = later_subscriptions.subscription_id
    where states.is_reconstructed or later_subscriptions.subscription_id is not null
    group by states.account_id, states.subscription_id
),

known_items as (
    select
        account_id,
        subscription_id,
        item.item_id,
        item.price_id
    from (
        select
            account_id,
            subscription_id,
            unnest(items) as item
        from states
        where is_reconstructed
    )
    union
    select
        account_id,
        subscription_id,
        item_id,
        price_id
    from later_items
    where is_present
),

-- Which item a price belongs to, where that is beyond doubt: a proration may come as an invoice
-- item, which names the subscription and the price but no item.
items_by_price as (
    select
        account_id,
        subscription_id,
        price_id,
        min(item_id) as item_id
    from (
        select
            account_id,
            subscription_id,
            price_id,
            item_id
        from known_items
        union
        select
            account_id,
            subscription_id,
            price_id,
            subscription_item_id as item_id
        from lines
        where subscription_item_id is not null
    )
    group by account_id, subscription_id, price_id
    having count(*) = 1
),

-- The price is looked up for such lines alone; a condition on one side of the join beside the
-- others would compare every line with every item.
item_lines as (
    select
        lines.* exclude (subscription_item_id, sought_price_id),
        coalesce(lines.subscription_item_id, items_by_price.item_id) as subscription_item_id
    from (
        select
            *,
            case when subscription_item_id is null and is_proration then price_id end
                as sought_price_id
        from lines
    ) as lines
    left join items_by_price
        on
            lines.account_id = items_by_price.account_id
            and lines.subscription_id = items_by_price.subscription_id
            and lines.sought_price_id = items_by_price.price_id
),

zone_lines as (
    select
        lines.account_id,
        lines.subscription_id,
        lines.subscription_item_id as item_id,
        lines.price_id,
        -- Graduated prices are billed in one line for each tier.
        case
            when prices.tiers_mode = 'graduated'
                then cast(sum(lines.quantity) over billed_together as bigint)
            else lines.quantity
        end as quantity,
        lines.is_proration,
        lines.is_credit,
        lines.period_starts_at as dated_at,
        lines.invoice_created_at,
        lines.line_position
    from item_lines as lines
    inner join zones
        on
            lines.account_id = zones.account_id
            and lines.subscription_id = zones.subscription_id
            and lines.period_starts_at >= zones.valid_from
            and lines.period_starts_at < zones.valid_to
    inner join prices
        on
            lines.account_id = prices.account_id
            and lines.price_id = prices.price_id
    where
        lines.subscription_item_id is not null
        and prices.usage_type = 'licensed'
        and prices.billing_interval is not null
    window billed_together as (
        partition by
            lines.account_id,
            lines.invoice_id,
            lines.subscription_item_id,
            lines.price_id,
            lines.period_starts_at,
            lines.is_credit,
            lines.is_proration
    )
),

-- Several changes of one second: a debit that another line takes back at once was not the
-- last, and a credit for what was only just charged was not the first.
ranked_lines as (
    select
        *,
        count(*) filter (where is_credit) over same_state > 0
        and count(*) filter (where not is_credit) over same_state > 0 as is_undone
    from zone_lines
    window same_state as (
        partition by account_id, item_id, dated_at, price_id, quantity
    )
),

debits as (
    select
        account_id,
        subscription_id,
        item_id,
        dated_at,
        price_id,
        quantity,
        is_proration
    from ranked_lines
    where not is_credit
    qualify row_number() over (
        partition by account_id, subscription_id, item_id, dated_at
        order by is_undone, invoice_created_at desc, is_proration desc, line_position desc
    ) = 1
),

credits as (
    select
        account_id,
        subscription_id,
        item_id,
        dated_at,
        price_id,
        quantity
    from ranked_lines
    where is_credit
    qualify row_number() over (
        partition by account_id, subscription_id, item_id, dated_at
        order by is_undone, invoice_created_at, line_position
    ) = 1
),

-- Before it an item was what the credit says, from it on what the debit does.
final as (
    select
        account_id,
        subscription_id,
        item_id,
        dated_at,
        debits.price_id,
        debits.quantity,
        debits.item_id is not null as has_debit,
        credits.item_id is not null as has_credit,
        coalesce(debits.is_proration, false) or credits.item_id is not null as is_dated,
        credits.price_id as price_id_before,
        credits.quantity as quantity_before
    from debits
    full outer join credits
        using (account_id, subscription_id, item_id, dated_at)
)

select * from final
