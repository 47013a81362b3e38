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

later_states as (
    {{ touched_of(ref('int_subscription_later_items_dated')) }}
),

moments as (
    {{ touched_of(ref('int_subscription_item_lines_dated')) }}
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

-- Readings tell of each item that they show, but of those that cut lists leave out.
shown as (
    select unnested.*
    from unnested
    where (account_id, subscription_id, item.item_id) not in (
        select (later_items.account_id, later_items.subscription_id, later_items.item_id)
        from later_items
    )
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
    from shown
    where not is_reconstructed
),

-- From here on: the time that invoice lines tell of. It ends where the events begin, and for a
-- later item with the first reading that shows it.
first_told as (
    select
        account_id,
        subscription_id,
        item_id,
        min(told_at) as told_at,
        arg_min(is_present, told_at) as is_present,
        arg_min(price_id, told_at) as price_id,
        arg_min(quantity, told_at) as quantity,
        arg_min(discount_ids, told_at) as discount_ids,
        arg_min(position, told_at) as position,
        arg_min(created_at, told_at) as created_at
    from later_items
    group by account_id, subscription_id, item_id
),

-- The first list that is whole, where those of events are not.
first_lists as (
    select
        account_id,
        subscription_id,
        min(told_at) as read_at
    from later_items
    where source = 'observed'
    group by account_id, subscription_id
),

subscription_zones as (
    select
        states.account_id,
        states.subscription_id,
        min(states.started_at) as started_at,
        min(states.created_at) as created_at,
        min(states.valid_from) filter (where states.is_reconstructed) as valid_from,
        max(states.valid_to) filter (where states.is_reconstructed) as valid_to
    from states
    group by states.account_id, states.subscription_id
),

base_items as (
    select
        account_id,
        subscription_id,
        item.item_id,
        true as is_in_base,
        item.price_id,
        item.quantity,
        item.discount_ids,
        item.position,
        case
            when item.created_at > subscription_created_at then item.created_at
            else subscription_started_at
        end as added_at,
        valid_from as zone_from,
        valid_to as zone_to
    from shown
    where is_reconstructed
    union all by name
    select
        first_told.account_id,
        first_told.subscription_id,
        first_told.item_id,
        first_told.is_present as is_in_base,
        first_told.price_id,
        first_told.quantity,
        first_told.discount_ids,
        first_told.position,
        case
            when first_told.created_at > zones.created_at then first_told.created_at
            else zones.started_at
        end as added_at,
        zones.started_at as zone_from,
        first_told.told_at as zone_to
    from first_told
    inner join subscription_zones as zones
        on
            first_told.account_id = zones.account_id
            and first_told.subscription_id = zones.subscription_id
),

-- An item that was gone before anything was read is known by its lines alone.
zone_items as (
    select * from base_items
    union all by name
    select distinct
        moments.account_id,
        moments.subscription_id,
        moments.item_id,
        false as is_in_base,
        cast([] as varchar []) as discount_ids,
        1000 as position,
        coalesce(zones.valid_from, zones.started_at) as zone_from,
        greatest(zones.valid_to, first_lists.read_at) as zone_to
    from moments
    inner join subscription_zones as zones
        on
            moments.account_id = zones.account_id
            and moments.subscription_id = zones.subscription_id
    left join first_lists
        on
            moments.account_id = first_lists.account_id
            and moments.subscription_id = first_lists.subscription_id
    where
        moments.dated_at < greatest(zones.valid_to, first_lists.read_at)
        and (moments.account_id, moments.subscription_id, moments.item_id) not in (
            select (unnested.account_id, unnested.subscription_id, unnested.item.item_id)
            from unnested
        )
),

line_bounds as (
    select
        moments.account_id,
        moments.subscription_id,
        moments.item_id,
        min(moments.dated_at) as first_at,
        arg_min(moments.price_id, moments.dated_at) filter (where moments.has_debit)
            as first_price_id,
        arg_min(moments.quantity, moments.dated_at) filter (where moments.has_debit)
            as first_quantity,
        arg_min(moments.has_credit, moments.dated_at) as first_has_credit,
        arg_min(moments.is_dated, moments.dated_at) as first_is_dated,
        arg_min(moments.price_id_before, moments.dated_at) as price_id_before,
        arg_min(moments.quantity_before, moments.dated_at) as quantity_before,
        max(moments.dated_at) filter (where moments.has_credit and not moments.has_debit)
            as removed_at
    from moments
    inner join zone_items
        on
            moments.account_id = zone_items.account_id
            and moments.subscription_id = zone_items.subscription_id
            and moments.item_id = zone_items.item_id
            and moments.dated_at < zone_items.zone_to
    group by moments.account_id, moments.subscription_id, moments.item_id
),

items as (
    select
        zone_items.account_id,
        zone_items.subscription_id,
        zone_items.item_id,
        clock.history_started_at,
        zone_items.is_in_base,
        zone_items.price_id as base_price_id,
        zone_items.quantity as base_quantity,
        coalesce(zone_items.discount_ids, []) as discount_ids,
        coalesce(zone_items.position, 1000) as position,
        line_bounds.first_at,
        line_bounds.first_price_id,
        line_bounds.first_quantity,
        line_bounds.first_has_credit,
        line_bounds.price_id_before,
        line_bounds.quantity_before,
        -- An item that is gone by now was there from the start unless its first line is the
        -- debit of an addition.
        greatest(
            zone_items.zone_from,
            case
                when zone_items.is_in_base then zone_items.added_at
                when line_bounds.first_is_dated and not line_bounds.first_has_credit
                    then line_bounds.first_at
                else zone_items.zone_from
            end
        ) as valid_from,
        case
            when zone_items.is_in_base then zone_items.zone_to
            else least(
                zone_items.zone_to, coalesce(line_bounds.removed_at, zone_items.zone_to)
            )
        end as valid_to
    from zone_items
    inner join clock
        on zone_items.account_id = clock.account_id
    left join line_bounds
        on
            zone_items.account_id = line_bounds.account_id
            and zone_items.subscription_id = line_bounds.subscription_id
            and zone_items.item_id = line_bounds.item_id
    where zone_items.is_in_base or line_bounds.item_id is not null
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
    union all by name
    select * from later_states
)

select * from final
