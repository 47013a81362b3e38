{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    meta={'follows_touched': true},
    pre_hook="{{ forget_touched() }}",
    post_hook="{{ remember_code() }}"
) }}

with later_items as (
    {{ touched_of(ref('int_subscription_later_items_told')) }}
),

moments as (
    {{ touched_of(ref('int_subscription_item_lines_dated')) }}
),

first_told as (
    select
        account_id,
        subscription_id,
        item_id,
        min(told_at) as told_at
    from later_items
    group by account_id, subscription_id, item_id
),

-- From its first reading on a later item is what readings show and lines say between them.
points as (
    select
        account_id,
        subscription_id,
        item_id,
        told_at as dated_at,
        2 as point_rank,
        is_present,
        price_id,
        quantity,
        discount_ids,
        position,
        source,
        source = 'event' as is_dated
    from later_items
    union all
    select
        account_id,
        subscription_id,
        item_id,
        created_at as dated_at,
        0 as point_rank,
        true as is_present,
        price_id,
        quantity,
        discount_ids,
        position,
        source,
        true as is_dated
    from (
        select
            *,
            lag(told_at) over (
                partition by account_id, subscription_id, item_id
                order by told_at
            ) as previous_told_at
        from later_items
    )
    where created_at > previous_told_at and created_at < told_at
    union all by name
    select
        moments.account_id,
        moments.subscription_id,
        moments.item_id,
        moments.dated_at,
        1 as point_rank,
        moments.has_debit as is_present,
        moments.price_id,
        moments.quantity,
        'invoice_line' as source,
        moments.is_dated
    from moments
    inner join first_told
        on
            moments.account_id = first_told.account_id
            and moments.subscription_id = first_told.subscription_id
            and moments.item_id = first_told.item_id
            and moments.dated_at > first_told.told_at
),

filled as (
    select
        * replace (
            coalesce(last_value(discount_ids ignore nulls) over to_point, []) as discount_ids,
            coalesce(last_value(position ignore nulls) over to_point, 1000) as position
        )
    from points
    window to_point as (
        partition by account_id, subscription_id, item_id
        order by dated_at, point_rank
    )
    qualify row_number() over (
        partition by account_id, subscription_id, item_id, dated_at
        order by point_rank desc
    ) = 1
),

followed as (
    select
        *,
        lead(dated_at) over item_points as valid_to,
        lead(is_dated, 1, true) over item_points as is_next_dated,
        lead({'price_id': price_id, 'quantity': quantity, 'is_present': is_present})
            over item_points as next_state
    from filled
    window item_points as (
        partition by account_id, subscription_id, item_id
        order by dated_at
    )
),

final as (
    select
        account_id,
        subscription_id,
        item_id,
        dated_at as valid_from,
        valid_to,
        price_id,
        quantity,
        discount_ids,
        position,
        source,
        not is_next_dated
        and next_state is distinct from {
            'price_id': price_id, 'quantity': quantity, 'is_present': is_present
        } as is_estimated
    from followed
    where is_present
)

select * from final
