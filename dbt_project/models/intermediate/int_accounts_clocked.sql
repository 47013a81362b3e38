with syncs as (
    select * from {{ ref('stg_stripe__syncs') }}
),

accounts as (
    select * from {{ ref('stg_stripe__accounts') }}
),

events as (
    select * from {{ ref('stg_stripe__events') }}
),

customers as (
    select * from {{ ref('stg_stripe__customers') }}
),

charges as (
    select * from {{ ref('stg_stripe__charges') }}
),

invoices as (
    select * from {{ ref('stg_stripe__invoices') }}
),

latest_sync as (
    select *
    from syncs
    qualify row_number() over (
        partition by account_id
        order by started_at desc, read_order desc
    ) = 1
),

all_syncs as (
    select
        account_id,
        min(started_at) as first_synced_at,
        min(history_started_at) as history_started_at
    from syncs
    group by account_id
),

-- Events reach back 30 days. Between a sync and the start of what the next one could read lies
-- a hole if they are further apart.
holes as (
    select
        account_id,
        list({'begins_at': previous_at, 'ends_at': started_at - interval 30 day}
            order by started_at) as holes
    from (
        select
            account_id,
            started_at,
            lag(started_at) over (
                partition by account_id
                order by started_at
            ) as previous_at
        from syncs
    )
    where previous_at < started_at - interval 30 day
    group by account_id
),

-- Without a single event the account's events could not be read, and an empty feed proves
-- nothing about the 30 days before the first sync.
first_events as (
    select
        account_id,
        min(created_at) as first_event_at
    from events
    group by account_id
),

-- An account is read in one mode, live or test; each of its objects says in which.
modes as (
    select
        account_id,
        bool_and(is_live) as is_live
    from (
        select
            account_id,
            is_live
        from customers
        union all
        select
            account_id,
            is_live
        from charges
    )
    group by account_id
),

objects as (
    select
        account_id,
        created_at
    from customers
    union all
    select
        account_id,
        created_at
    from charges
    union all
    select
        account_id,
        created_at
    from invoices
),

first_objects as (
    select
        account_id,
        min(created_at) as first_object_at
    from objects
    group by account_id
),

clocked as (
    select
        latest_sync.account_id,
        accounts.name,
        accounts.country,
        coalesce(accounts.default_currency, 'usd') as default_currency,
        coalesce(latest_sync.reporting_time_zone, accounts.time_zone, 'UTC') as time_zone,
        latest_sync.started_at as now_at,
        all_syncs.first_synced_at,
        all_syncs.history_started_at,
        coalesce(modes.is_live, true) as is_live,
        coalesce(holes.holes, []) as holes,
        -- All there is reaches back to Stripe's own beginning; days before the account's first
        -- object are nobody's.
        case
            when all_syncs.history_started_at <= timestamp '2011-01-01 00:00:00'
                then coalesce(first_objects.first_object_at, latest_sync.started_at)
            else all_syncs.history_started_at
        end as measured_from,
        case
            {% if tells('event') -%}
            when first_events.first_event_at < all_syncs.first_synced_at
                then all_syncs.first_synced_at - interval 30 day
            {%- endif %}
            when {{ tells('observed') }} then all_syncs.first_synced_at
            else latest_sync.started_at
        end as watched_from
    from latest_sync
    inner join all_syncs
        on latest_sync.account_id = all_syncs.account_id
    left join accounts
        on
            latest_sync.account_id = accounts.account_id
            and latest_sync.account_id = accounts.stripe_account_id
    left join first_events
        on latest_sync.account_id = first_events.account_id
    left join holes
        on latest_sync.account_id = holes.account_id
    left join modes
        on latest_sync.account_id = modes.account_id
    left join first_objects
        on latest_sync.account_id = first_objects.account_id
),

final as (
    select
        *,
        {{ local_day('measured_from', 'time_zone') }} as first_day,
        {{ local_day('now_at', 'time_zone') }} as today
    from clocked
)

select * from final
