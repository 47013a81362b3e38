with subscriptions as (
    select * from {{ ref('stg_stripe__subscriptions') }}
),

segments as (
    select * from {{ ref('int_subscription_segments_cut') }}
),

clock as (
    select * from {{ ref('int_accounts_clocked') }}
),

-- What a segment says of the future, such as the end of a trial that runs, is not yet so.
lives as (
    select
        segments.account_id,
        segments.subscription_id,
        min(segments.valid_from) filter (where segments.is_active) as first_active_at,
        bool_or(
            segments.status = 'trialing'
            and (segments.valid_to is null or segments.valid_to > clock.now_at)
        ) as is_trialing
    from segments
    inner join clock
        on segments.account_id = clock.account_id
    where segments.valid_from <= clock.now_at
    group by segments.account_id, segments.subscription_id
),

final as (
    select
        subscriptions.account_id,
        subscriptions.subscription_id,
        subscriptions.customer_id,
        subscriptions.currency,
        subscriptions.trial_started_at as started_at,
        {{ local_day('subscriptions.trial_started_at', 'clock.time_zone') }} as started_day,
        subscriptions.trial_ends_at as ends_at,
        case
            when lives.first_active_at is not null then 'converted'
            when lives.is_trialing then 'open'
            else 'lost'
        end as outcome,
        lives.first_active_at as converted_at,
        {{ local_day('lives.first_active_at', 'clock.time_zone') }} as converted_day,
        {{ stripe_url(
            'subscriptions', 'subscriptions.subscription_id', 'subscriptions.account_id',
            'clock.is_live'
        ) }} as stripe_url
    from subscriptions
    inner join clock
        on subscriptions.account_id = clock.account_id
    left join lives
        on
            subscriptions.account_id = lives.account_id
            and subscriptions.subscription_id = lives.subscription_id
    where
        subscriptions.trial_started_at = subscriptions.started_at
        and subscriptions.trial_started_at <= clock.now_at
)

select * from final
