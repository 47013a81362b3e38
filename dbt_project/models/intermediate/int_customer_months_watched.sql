with changes as (
    select * from {{ ref('int_customer_mrr_changed') }}
),

-- Each measure is a step function of the day, kept as the days on which it steps. What a
-- customer was 30 days ago steps 30 days after the customer did.
steps as (
    select
        account_id,
        customer_id,
        currency,
        day,
        closing_micros,
        cast(null as hugeint) as opening_micros
    from changes
    union all
    select
        account_id,
        customer_id,
        currency,
        day + 30 as day,
        null as closing_micros,
        closing_micros as opening_micros
    from changes
),

days as (
    select
        account_id,
        customer_id,
        currency,
        day,
        max(closing_micros) as closing_micros,
        max(opening_micros) as opening_micros
    from steps
    group by account_id, customer_id, currency, day
),

filled as (
    select
        account_id,
        customer_id,
        currency,
        day,
        coalesce(last_value(closing_micros ignore nulls) over customer_days, 0)
            as closing_micros,
        coalesce(last_value(opening_micros ignore nulls) over customer_days, 0)
            as opening_micros
    from days
    window customer_days as (
        partition by account_id, customer_id, currency
        order by day
        rows between unbounded preceding and current row
    )
),

cohort as (
    select
        account_id,
        customer_id,
        currency,
        day,
        opening_micros,
        least(closing_micros, opening_micros) as kept_micros,
        case when opening_micros > 0 then closing_micros else 0 end as grown_micros
    from filled
),

cohort_steps as (
    select
        account_id,
        currency,
        day,
        opening_micros - lag(opening_micros, 1, 0) over customer_days as opening_micros,
        kept_micros - lag(kept_micros, 1, 0) over customer_days as kept_micros,
        grown_micros - lag(grown_micros, 1, 0) over customer_days as grown_micros
    from cohort
    window customer_days as (
        partition by account_id, customer_id, currency
        order by day
    )
),

starts_and_ends as (
    select
        account_id,
        customer_id,
        currency,
        day,
        movement = 'churn' as is_end,
        lead(day) over (
            partition by account_id, customer_id, currency
            order by day
        ) as next_day,
        lead(day, 2) over (
            partition by account_id, customer_id, currency
            order by day
        ) as day_after_next
    from changes
    where opening_micros = 0 or closing_micros = 0
),

-- At risk on a day: positive at the close of any of the days D−30 … D. Churned: lost on any of
-- D−29 … D. Each customer once.
counters as (
    select
        account_id,
        currency,
        day,
        1 as exposed,
        0 as churned
    from starts_and_ends
    where not is_end
    union all
    select
        account_id,
        currency,
        least(next_day + 30, day_after_next) as day,
        -1 as exposed,
        0 as churned
    from starts_and_ends
    where not is_end and next_day is not null
    union all
    select
        account_id,
        currency,
        day,
        0 as exposed,
        1 as churned
    from starts_and_ends
    where is_end
    union all
    select
        account_id,
        currency,
        least(day + 30, day_after_next) as day,
        0 as exposed,
        -1 as churned
    from starts_and_ends
    where is_end
),

combined as (
    select
        account_id,
        currency,
        day,
        opening_micros,
        kept_micros,
        grown_micros,
        0 as exposed,
        0 as churned
    from cohort_steps
    union all
    select
        account_id,
        currency,
        day,
        0 as opening_micros,
        0 as kept_micros,
        0 as grown_micros,
        exposed,
        churned
    from counters
),

final as (
    select
        account_id,
        currency,
        day,
        cast(sum(opening_micros) as hugeint) as cohort_opening_micros,
        cast(sum(kept_micros) as hugeint) as cohort_kept_micros,
        cast(sum(grown_micros) as hugeint) as cohort_closing_micros,
        cast(sum(exposed) as bigint) as customers_exposed,
        cast(sum(churned) as bigint) as customers_churned
    from combined
    group by account_id, currency, day
)

select * from final
