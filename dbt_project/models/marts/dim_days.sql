with clock as (
    select * from {{ ref('int_accounts_clocked') }}
),

-- From the first day that any account's window has to the end of the year that is running.
bounds as (
    select
        min(first_day) as first_day,
        cast(date_trunc('year', max(today)) + interval 1 year - interval 1 day as date)
            as last_day
    from clock
),

final as (
    select cast(unnest(generate_series(
        cast(date_trunc('year', first_day) as date), last_day, interval 1 day
    )) as date) as day
    from bounds
)

select * from final
