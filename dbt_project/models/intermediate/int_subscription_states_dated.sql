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

subscriptions as (
    {{ touched_of(ref('stg_stripe__subscriptions')) }}
),

clock as (
    select * from {{ ref('int_accounts_clocked') }}
),

observed as (
    select
        account_id,
        subscription_id,
        read_at,
        read_order,
        {{ subscription_state() }} as state
    from versions
),

first_changes as (
    select *
    from changes
    qualify row_number() over (
        partition by account_id, subscription_id
        order by occurred_at
    ) = 1
),

first_observed as (
    select *
    from observed
    qualify row_number() over (
        partition by account_id, subscription_id
        order by read_at, read_order
    ) = 1
),

-- What the subscription was before anything that we saw happen to it. None where its creation
-- itself is among the events.
base as (
    select
        first_observed.account_id,
        first_observed.subscription_id,
        case
            when first_changes.occurred_at <= first_observed.read_at
                then first_changes.state_before
            else first_observed.state
        end as state
    from first_observed
    left join first_changes
        on
            first_observed.account_id = first_changes.account_id
            and first_observed.subscription_id = first_changes.subscription_id
),

-- At the end of a hole in the feed a subscription is what the first thing told after it says that
-- it was before.
told_after_holes as (
    select
        told.account_id,
        told.subscription_id,
        told.hole.ends_at as valid_from,
        arg_min(
            {'source': told.source, 'state': told.state},
            {'told_at': told.told_at, 'told_order': told.told_order}
        ) as told
    from (
        select
            changes.account_id,
            changes.subscription_id,
            changes.occurred_at as told_at,
            0 as told_order,
            'event' as source,
            changes.state_before as state,
            unnest(clock.holes) as hole
        from changes
        inner join clock
            on changes.account_id = clock.account_id
        union all
        select
            observed.account_id,
            observed.subscription_id,
            observed.read_at as told_at,
            1 as told_order,
            'observed' as source,
            observed.state,
            unnest(clock.holes) as hole
        from observed
        inner join clock
            on observed.account_id = clock.account_id
    ) as told
    inner join first_observed
        on
            told.account_id = first_observed.account_id
            and told.subscription_id = first_observed.subscription_id
            and told.hole.begins_at >= first_observed.read_at
    where told.told_at >= told.hole.ends_at
    group by told.account_id, told.subscription_id, told.hole.ends_at
),

points as (
    select
        account_id,
        subscription_id,
        valid_from,
        0 as reading_rank,
        0 as reading_order,
        told.source,
        told.state
    from told_after_holes
    where told.state is not null
    union all
    select
        base.account_id,
        base.subscription_id,
        subscriptions.started_at as valid_from,
        0 as reading_rank,
        0 as reading_order,
        'current' as source,
        base.state
    from base
    inner join subscriptions
        on
            base.account_id = subscriptions.account_id
            and base.subscription_id = subscriptions.subscription_id
    where base.state is not null
    union all
    select
        account_id,
        subscription_id,
        read_at as valid_from,
        1 as reading_rank,
        read_order as reading_order,
        'observed' as source,
        state
    from observed
    union all
    select
        account_id,
        subscription_id,
        occurred_at as valid_from,
        2 as reading_rank,
        0 as reading_order,
        'event' as source,
        state_after as state
    from changes
),

ordered as (
    select
        *,
        lag(state) over subscription_readings as previous_state,
        row_number() over subscription_readings as reading_number
    from points
    window subscription_readings as (
        partition by account_id, subscription_id
        order by valid_from, reading_rank, reading_order
    )
),

changed as (
    select
        ordered.account_id,
        ordered.subscription_id,
        ordered.source,
        ordered.state,
        case
            when ordered.reading_number = 1
                then least(ordered.valid_from, subscriptions.started_at)
            else greatest(ordered.valid_from, subscriptions.started_at)
        end as valid_from,
        ordered.reading_number
    from ordered
    inner join subscriptions
        on
            ordered.account_id = subscriptions.account_id
            and ordered.subscription_id = subscriptions.subscription_id
    where ordered.state is distinct from ordered.previous_state
),

spanned as (
    select
        *,
        lead(valid_from) over subscription_changes as valid_to,
        lead(state.status) over subscription_changes as next_status
    from changed
    window subscription_changes as (
        partition by account_id, subscription_id
        order by valid_from, reading_number
    )
),

-- The base is proven back to where the events begin; before that it is held back, and invoice
-- lines correct it.
split as (
    select
        spanned.* exclude (valid_to, source),
        case
            when clock.watched_from < coalesce(spanned.valid_to, 'infinity')
                then clock.watched_from
            else spanned.valid_to
        end as valid_to,
        'current' as source,
        true as is_reconstructed
    from spanned
    inner join clock
        on spanned.account_id = clock.account_id
    where
        spanned.source = 'current'
        and spanned.valid_from < clock.watched_from
    union all by name
    select
        spanned.* exclude (valid_from, source),
        case
            when spanned.source = 'current'
                then greatest(spanned.valid_from, clock.watched_from)
            else spanned.valid_from
        end as valid_from,
        case
            when spanned.source != 'current' then spanned.source
            when clock.watched_from < clock.first_synced_at then 'event'
            else 'observed'
        end as source,
        false as is_reconstructed
    from spanned
    inner join clock
        on spanned.account_id = clock.account_id
    where
        spanned.source != 'current'
        or coalesce(spanned.valid_to, 'infinity') > clock.watched_from
),

-- A subscription falls past due once for several states that follow each other.
runs as (
    select
        *,
        sum(cast(state.status != 'past_due' as integer)) over (
            partition by account_id, subscription_id
            order by valid_from, reading_number
        ) as past_due_run
    from split
),

final as (
    select
        runs.account_id,
        runs.subscription_id,
        subscriptions.customer_id,
        subscriptions.currency,
        subscriptions.created_at,
        subscriptions.started_at,
        subscriptions.ended_at,
        subscriptions.period_started_at,
        runs.valid_from,
        runs.valid_to,
        runs.source,
        runs.is_reconstructed,
        runs.state.status,
        runs.next_status,
        runs.state.trial_started_at,
        runs.state.trial_ends_at,
        runs.state.canceled_at,
        runs.state.pause_behavior,
        runs.state.discount_ids,
        runs.state.hides_discounts,
        runs.state.items,
        case
            when runs.state.status = 'past_due'
                then min(case when runs.state.status = 'past_due' then runs.valid_from end) over (
                    partition by runs.account_id, runs.subscription_id, runs.past_due_run
                )
        end as past_due_since
    from runs
    inner join subscriptions
        on
            runs.account_id = subscriptions.account_id
            and runs.subscription_id = subscriptions.subscription_id
    where runs.valid_to is null or runs.valid_from < runs.valid_to
)

select * from final
