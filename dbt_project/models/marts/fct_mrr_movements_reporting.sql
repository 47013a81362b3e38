with changes as (
    select * from {{ ref('int_customer_mrr_changed') }}
),

rates as (
    select * from {{ ref('int_exchange_rates_dated') }}
),

clock as (
    select * from {{ ref('int_accounts_clocked') }}
),

valued as (
    select
        changes.* exclude (opening_micros, closing_micros, change_micros),
        {{ major_of_micros('changes.opening_micros', 'changes.currency') }} as opening,
        {{ major_of_micros('changes.closing_micros', 'changes.currency') }} as closing,
        clock.first_day,
        clock.today
    from changes
    inner join clock
        on changes.account_id = clock.account_id
    where changes.day <= clock.today
),

-- From the day after a change to the next one a customer opens each day with that closing.
held as (
    select
        valued.account_id,
        valued.customer_id,
        valued.currency,
        rates.day,
        'fx' as movement,
        valued.closing * rates.rate_before as opening_mrr,
        valued.closing * rates.rate as closing_mrr
    from valued
    inner join rates
        on
            valued.account_id = rates.account_id
            and valued.currency = rates.currency
            and valued.day < rates.day
            and coalesce(valued.next_day, valued.today) >= rates.day
            and valued.first_day <= rates.day
    where
        valued.closing > 0
        and valued.currency != '{{ policy("reporting_currency") }}'
        and (rates.rate != rates.rate_before or rates.rate is null or rates.rate_before is null)
),

moved as (
    select
        valued.account_id,
        valued.customer_id,
        valued.currency,
        valued.day,
        valued.movement,
        valued.opening * rates.rate as opening_mrr,
        valued.closing * rates.rate as closing_mrr
    from valued
    inner join rates
        on
            valued.account_id = rates.account_id
            and valued.currency = rates.currency
            and valued.day = rates.day
    where valued.day >= valued.first_day
),

final as (
    select
        account_id,
        customer_id,
        currency,
        day,
        movement,
        '{{ policy("reporting_currency") }}' as reporting_currency,
        cast(closing_mrr - opening_mrr as decimal(38, 21)) as mrr_change,
        cast(opening_mrr as decimal(38, 21)) as opening_mrr,
        cast(closing_mrr as decimal(38, 21)) as closing_mrr
    from (
        select * from held
        union all
        select * from moved
    )
)

select * from final
