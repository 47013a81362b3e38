{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    meta={'follows_touched': true},
    pre_hook="{{ forget_touched() }}",
    post_hook="{{ remember_code() }}"
) }}

with versions as (
    {% if tells('observed') -%}
    {{ touched_of(ref('stg_stripe__subscription_versions')) }}
    {%- else -%}
    {{ touched_of(ref('stg_stripe__subscriptions')) }}
    {%- endif %}
),

changes as (
    {{ touched_of(ref('int_subscription_changes_ordered')) }}
),

cut_subscriptions as (
    select distinct
        account_id,
        subscription_id
    from changes
    where items_before_cut or items_after_cut
),

observed as (
    select
        account_id,
        subscription_id,
        read_at,
        read_order,
        {{ subscription_state() }} as state
    from versions
    inner join cut_subscriptions
        using (account_id, subscription_id)
),

first_observed as (
    select
        account_id,
        subscription_id,
        min(read_at) as read_at
    from observed
    group by account_id, subscription_id
),

first_changes as (
    select changes.*
    from changes
    inner join first_observed
        on
            changes.account_id = first_observed.account_id
            and changes.subscription_id = first_observed.subscription_id
            and changes.occurred_at <= first_observed.read_at
    qualify row_number() over (
        partition by changes.account_id, changes.subscription_id
        order by changes.occurred_at
    ) = 1
),

-- In one second an event beats the list that was read in it. What the first event began with is
-- asked only for what it hides.
readings as (
    select
        account_id,
        subscription_id,
        occurred_at as told_at,
        0 as told_rank,
        0 as told_order,
        'event' as source,
        items_before_cut as is_cut,
        state_before.items
    from first_changes
    where state_before is not null
    union all
    select
        account_id,
        subscription_id,
        read_at as told_at,
        1 as told_rank,
        read_order as told_order,
        'observed' as source,
        false as is_cut,
        state.items
    from observed
    union all
    select
        changes.account_id,
        changes.subscription_id,
        changes.occurred_at as told_at,
        2 as told_rank,
        0 as told_order,
        'event' as source,
        changes.items_after_cut as is_cut,
        changes.state_after.items
    from changes
    inner join cut_subscriptions
        on
            changes.account_id = cut_subscriptions.account_id
            and changes.subscription_id = cut_subscriptions.subscription_id
),

listed as (
    select
        * exclude (items),
        unnest(items) as item
    from readings
),

known as (
    select
        account_id,
        subscription_id,
        item.item_id,
        min(item.created_at) as created_at,
        min(told_at) as first_shown_at
    from listed
    group by account_id, subscription_id, item.item_id
),

seen as (
    select
        readings.account_id,
        readings.subscription_id,
        known.item_id,
        known.created_at,
        known.first_shown_at,
        readings.told_at,
        readings.told_rank,
        readings.told_order,
        readings.source,
        readings.is_cut,
        listed.item is not null as is_shown,
        listed.item.price_id,
        listed.item.quantity,
        listed.item.discount_ids,
        listed.item.position
    from readings
    inner join known
        on
            readings.account_id = known.account_id
            and readings.subscription_id = known.subscription_id
    left join listed
        on
            readings.account_id = listed.account_id
            and readings.subscription_id = listed.subscription_id
            and readings.told_at = listed.told_at
            and readings.told_rank = listed.told_rank
            and readings.told_order = listed.told_order
            and known.item_id = listed.item.item_id
),

-- A list that is cut says nothing of what it does not show; but what was among the first ten
-- and is not among them any more has gone.
followed as (
    select
        *,
        is_cut
        and not is_shown
        and coalesce(lag(is_shown and position <= 10) over item_readings, false) as has_left
    from seen
    window item_readings as (
        partition by account_id, subscription_id, item_id
        order by told_at, told_rank, told_order
    )
),

judged as (
    select
        *,
        bool_or(has_left or (not is_cut and not is_shown and told_at > first_shown_at)) over (
            partition by account_id, subscription_id, item_id
            order by told_at, told_rank, told_order
        ) as is_gone
    from followed
),

final as (
    select
        account_id,
        subscription_id,
        item_id,
        told_at,
        source,
        is_shown as is_present,
        price_id,
        quantity,
        discount_ids,
        position,
        created_at
    from judged
    where
        told_rank > 0
        and (is_shown or not is_cut or has_left)
        and (account_id, subscription_id, item_id) in (
            select (hidden.account_id, hidden.subscription_id, hidden.item_id)
            from judged as hidden
            where
                hidden.is_cut
                and not hidden.is_shown
                and not hidden.is_gone
                and hidden.created_at <= hidden.told_at
        )
    qualify row_number() over (
        partition by account_id, subscription_id, item_id, told_at
        order by told_rank desc, told_order desc
    ) = 1
)

select * from final
