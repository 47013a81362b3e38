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

lines as (
    {{ touched_of(ref('stg_stripe__invoice_line_items')) }}
    {{ where_told_by('invoice_line') }}
),

prices as (
    select * from {{ ref('int_prices_gathered') }}
),

clock as (
    select * from {{ ref('int_accounts_clocked') }}
),

unnested as (
    select
        account_id,
        subscription_id,
        created_at as subscription_created_at,
        started_at as subscription_started_at,
        valid_from,
        valid_to,
        source,
        is_reconstructed,
        unnest(items) as item
    from states
),

watched as (
    select
        account_id,
        subscription_id,
        item.item_id,
        valid_from,
        valid_to,
        item.price_id,
        item.quantity,
        item.discount_ids,
        item.position,
        source,
        false as is_estimated
    from unnested
    where not is_reconstructed
),

-- From here on: the time before the events begin, told by invoice lines.
zones as (
    select
        states.account_id,
        states.subscription_id,
        states.created_at,
        states.valid_from,
        states.valid_to,
        clock.history_started_at
    from states
    inner join clock
        on states.account_id = clock.account_id
    where states.is_reconstructed
),

base_items as (
    select
        account_id,
        subscription_id,
        item.item_id,
        item.price_id,
        item.quantity,
        item.discount_ids,
        item.position,
        case
            when item.created_at > subscription_created_at then item.created_at
            else subscription_started_at
        end as added_at
    from unnested
    where is_reconstructed
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
        from base_items
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

item_lines as (
    select
        lines.* exclude (subscription_item_id),
        coalesce(lines.subscription_item_id, items_by_price.item_id) as subscription_item_id
    from lines
    left join items_by_price
        on
            lines.account_id = items_by_price.account_id
            and lines.subscription_id = items_by_price.subscription_id
            and lines.price_id = items_by_price.price_id
            and lines.subscription_item_id is null
            and lines.is_proration
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
            and lines.period_starts_at < zones.valid_to
            and lines.period_starts_at >= zones.valid_from
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

-- One row per moment at which a line says what an item was, before it (credit) or from it on
-- (debit).
moments as (
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
),

item_ids as (
    select
        account_id,
        subscription_id,
        item_id
    from base_items
    union
    select
        account_id,
        subscription_id,
        item_id
    from moments
),

line_bounds as (
    select
        account_id,
        subscription_id,
        item_id,
        min(dated_at) as first_at,
        arg_min(price_id, dated_at) filter (where has_debit) as first_price_id,
        arg_min(quantity, dated_at) filter (where has_debit) as first_quantity,
        arg_min(has_credit, dated_at) as first_has_credit,
        arg_min(is_dated, dated_at) as first_is_dated,
        arg_min(price_id_before, dated_at) as price_id_before,
        arg_min(quantity_before, dated_at) as quantity_before,
        max(dated_at) filter (where has_credit and not has_debit) as removed_at
    from moments
    group by account_id, subscription_id, item_id
),

items as (
    select
        item_ids.account_id,
        item_ids.subscription_id,
        item_ids.item_id,
        zones.history_started_at,
        base_items.item_id is not null as is_in_base,
        base_items.price_id as base_price_id,
        base_items.quantity as base_quantity,
        coalesce(base_items.discount_ids, []) as discount_ids,
        coalesce(base_items.position, 1000) as position,
        line_bounds.first_at,
        line_bounds.first_price_id,
        line_bounds.first_quantity,
        line_bounds.first_has_credit,
        line_bounds.price_id_before,
        line_bounds.quantity_before,
        -- An item that is gone by now was there from the start unless its first line is the
        -- debit of an addition.
        greatest(
            zones.valid_from,
            case
                when base_items.item_id is not null then base_items.added_at
                when line_bounds.first_is_dated and not line_bounds.first_has_credit
                    then line_bounds.first_at
                else zones.valid_from
            end
        ) as valid_from,
        case
            when base_items.item_id is not null then zones.valid_to
            else least(zones.valid_to, coalesce(line_bounds.removed_at, zones.valid_to))
        end as valid_to
    from item_ids
    inner join zones
        on
            item_ids.account_id = zones.account_id
            and item_ids.subscription_id = zones.subscription_id
    left join base_items
        on
            item_ids.account_id = base_items.account_id
            and item_ids.subscription_id = base_items.subscription_id
            and item_ids.item_id = base_items.item_id
    left join line_bounds
        on
            item_ids.account_id = line_bounds.account_id
            and item_ids.subscription_id = line_bounds.subscription_id
            and item_ids.item_id = line_bounds.item_id
),

points as (
    -- Before its first line an item was what that line's credit takes back, proven as far as
    -- the imported invoices reach.
    select
        account_id,
        subscription_id,
        item_id,
        valid_from as dated_at,
        case
            when first_has_credit then price_id_before
            else coalesce(first_price_id, base_price_id)
        end as price_id,
        case
            when first_has_credit then quantity_before
            when first_price_id is not null then first_quantity
            else base_quantity
        end as quantity,
        case
            when first_has_credit and valid_from >= history_started_at then 'invoice_line'
            else 'current'
        end as source,
        not coalesce(first_has_credit and valid_from >= history_started_at, false)
            as is_estimated,
        true as is_dated
    from items
    where first_at is null or valid_from < first_at
    union all
    select
        account_id,
        subscription_id,
        item_id,
        history_started_at as dated_at,
        price_id_before as price_id,
        quantity_before as quantity,
        'invoice_line' as source,
        false as is_estimated,
        true as is_dated
    from items
    where first_has_credit and valid_from < history_started_at and history_started_at < first_at
    union all
    select
        moments.account_id,
        moments.subscription_id,
        moments.item_id,
        moments.dated_at,
        case when moments.has_debit then moments.price_id else items.base_price_id end
            as price_id,
        case when moments.has_debit then moments.quantity else items.base_quantity end
            as quantity,
        'invoice_line' as source,
        false as is_estimated,
        moments.is_dated
    from moments
    inner join items
        on
            moments.account_id = items.account_id
            and moments.subscription_id = items.subscription_id
            and moments.item_id = items.item_id
    where
        moments.dated_at >= items.valid_from
        and moments.dated_at < items.valid_to
),

followed as (
    select
        points.*,
        lead(dated_at) over item_points as next_at,
        lead(price_id) over item_points as next_price_id,
        lead(quantity) over item_points as next_quantity,
        lead(is_dated) over item_points as next_is_dated
    from points
    window item_points as (
        partition by account_id, subscription_id, item_id
        order by dated_at
    )
),

-- A line that differs from the one before without a proration that dates the difference
-- leaves the time between them estimated.
reconstructed as (
    select
        followed.account_id,
        followed.subscription_id,
        followed.item_id,
        followed.dated_at as valid_from,
        coalesce(followed.next_at, items.valid_to) as valid_to,
        followed.price_id,
        followed.quantity,
        items.discount_ids,
        items.position,
        followed.source,
        followed.is_estimated or case
            when followed.next_at is not null
                then
                    not followed.next_is_dated
                    and (followed.price_id, followed.quantity)
                    is distinct from (followed.next_price_id, followed.next_quantity)
            when items.is_in_base
                then
                    (followed.price_id, followed.quantity)
                    is distinct from (items.base_price_id, items.base_quantity)
            else false
        end as is_estimated
    from followed
    inner join items
        on
            followed.account_id = items.account_id
            and followed.subscription_id = items.subscription_id
            and followed.item_id = items.item_id
),

final as (
    select * from watched
    union all by name
    select *
    from reconstructed
    where valid_from < valid_to
)

select * from final
