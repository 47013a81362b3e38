with clock as (
    select * from {{ ref('int_accounts_clocked') }}
),

final as (
    select
        account_id,
        name,
        country,
        default_currency,
        time_zone as reporting_time_zone,
        now_at,
        today,
        first_day,
        history_started_at,
        first_synced_at,
        watched_from
    from clock
)

select * from final
