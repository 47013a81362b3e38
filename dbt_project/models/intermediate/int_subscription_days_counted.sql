with segments as (
    select * from {{ ref('int_subscription_segments_cut') }}
),

subscriptions as (
    select * from {{ ref('stg_stripe__subscriptions') }}
),

clock as (
    select * from {{ ref('int_accounts_clocked') }}
),

dated as (
    select
        segments.account_id,
        segments.subscription_id,
        segments.currency,
        segments.ended_at,
        segments.is_active,
        segments.status = 'trialing' as is_trialing,
        clock.time_zone,
        clock.now_at,
        {{ local_day('segments.valid_from', 'clock.time_zone') }} as first_day,
        case
            when segments.valid_to <= clock.now_at
                then {{ local_day('segments.valid_to', 'clock.time_zone') }}
        end as day_after_last
    from segments
    inner join clock
        on segments.account_id = clock.account_id
    where
        segments.valid_from <= clock.now_at
        and (segments.is_active or segments.status = 'trialing')
),

changes as (
    select
        account_id,
        currency,
        first_day as day,
        cast(is_active as integer) as active,
        cast(is_trialing as integer) as trialing,
        0 as started,
        0 as trial_started,
        0 as churned
    from dated
    union all
    select
        account_id,
        currency,
        day_after_last as day,
        -cast(is_active as integer) as active,
        -cast(is_trialing as integer) as trialing,
        0 as started,
        0 as trial_started,
        0 as churned
    from dated
    where day_after_last is not null
    union all
    select
        account_id,
        any_value(currency) as currency,
        min(first_day) as day,
        0 as active,
        0 as trialing,
        1 as started,
        0 as trial_started,
        0 as churned
    from dated
    where is_active
    group by account_id, subscription_id
    union all
    select
        account_id,
        any_value(currency) as currency,
        any_value({{ local_day('ended_at', 'time_zone') }}) as day,
        0 as active,
        0 as trialing,
        0 as started,
        0 as trial_started,
        1 as churned
    from dated
    where is_active and ended_at <= now_at
    group by account_id, subscription_id
    union all
    select
        subscriptions.account_id,
        subscriptions.currency,
        {{ local_day('subscriptions.trial_started_at', 'clock.time_zone') }} as day,
        0 as active,
        0 as trialing,
        0 as started,
        1 as trial_started,
        0 as churned
    from subscriptions
    inner join clock
        on subscriptions.account_id = clock.account_id
    where
        subscriptions.trial_started_at = subscriptions.started_at
        and subscriptions.trial_started_at <= clock.now_at
),

final as (
    select
        account_id,
        currency,
        day,
        cast(sum(active) as bigint) as active_change,
        cast(sum(trialing) as bigint) as trialing_change,
        cast(sum(started) as bigint) as new_subscriptions,
        cast(sum(trial_started) as bigint) as trial_starts,
        cast(sum(churned) as bigint) as churned_subscriptions
    from changes
    group by account_id, currency, day
)

select * from final
