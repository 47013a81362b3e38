with attempts as (
    select * from {{ ref('fct_payment_attempts') }}
),

refunds as (
    select * from {{ ref('fct_refunds') }}
),

dispute_transactions as (
    select * from {{ ref('stg_stripe__dispute_balance_transactions') }}
),

invoices as (
    select * from {{ ref('stg_stripe__invoices') }}
),

charges as (
    select * from {{ ref('stg_stripe__charges') }}
),

customers as (
    select * from {{ ref('stg_stripe__customers') }}
),

clock as (
    select * from {{ ref('int_accounts_clocked') }}
),

sources as (
    select
        account_id,
        'charge' as kind,
        attempt_id as source_id,
        attempt_id as charge_id,
        customer_id,
        currency,
        day,
        {{ minor('captured_amount', 'currency') }} as amount_minor
    from attempts
    where captured_amount > 0
    union all
    select
        account_id,
        'refund' as kind,
        refund_id as source_id,
        charge_id,
        customer_id,
        currency,
        day,
        -{{ minor('counted_amount', 'currency') }} as amount_minor
    from refunds
    where counted_amount > 0
    union all
    select
        dispute_transactions.account_id,
        'dispute' as kind,
        dispute_transactions.balance_transaction_id as source_id,
        dispute_transactions.charge_id,
        null as customer_id,
        dispute_transactions.currency,
        {{ local_day('dispute_transactions.created_at', 'clock.time_zone') }} as day,
        dispute_transactions.amount_minor
    from dispute_transactions
    inner join clock
        on dispute_transactions.account_id = clock.account_id
    where dispute_transactions.amount_minor != 0
),

charged as (
    select
        sources.* exclude (customer_id),
        coalesce(sources.customer_id, charges.customer_id) as customer_id,
        coalesce(charges.country, customers.country) as country,
        attempts.invoice_id,
        clock.is_live
    from sources
    inner join clock
        on
            sources.account_id = clock.account_id
            and sources.day >= clock.first_day
            and sources.day <= clock.today
    left join attempts
        on
            sources.account_id = attempts.account_id
            and sources.charge_id = attempts.attempt_id
    left join charges
        on
            sources.account_id = charges.account_id
            and sources.charge_id = charges.charge_id
    left join customers
        on
            sources.account_id = customers.account_id
            and coalesce(sources.customer_id, charges.customer_id) = customers.customer_id
),

-- What each line asks for: after its discounts, with the tax that comes on top.
weighted as (
    select
        account_id,
        invoice_id,
        list_transform(
            lines, lambda l: l.amount_minor - l.discount_minor + l.exclusive_tax_minor
        ) as weights,
        lines
    from invoices
),

shared as (
    select
        charged.*,
        weighted.lines,
        weighted.weights,
        list_sum(weighted.weights) as total,
        -- Cents times cents pass BIGINT only beyond a hundred million; not to be risked.
        abs(cast(charged.amount_minor as hugeint)) as share_factor
    from charged
    left join weighted
        on
            charged.account_id = weighted.account_id
            and charged.invoice_id = weighted.invoice_id
            and list_sum(weighted.weights) > 0
),

-- Most invoices have one line, and it gets everything; so does an unknown one.
whole as (
    select
        shared.* exclude (lines, weights, total, share_factor),
        lines[1].line_id as line_id,
        coalesce(lines[1].line_position, 0) as line_position,
        lines[1].subscription_id as subscription_id,
        lines[1].price_id as price_id,
        lines[1].product_id as product_id,
        abs(amount_minor) as share_minor
    from shared
    where total is null or len(lines) = 1
),

unnested as (
    select
        shared.* exclude (lines, weights, total, share_factor),
        unnest(lines) as line,
        share_factor * unnest(weights) as share_numerator,
        total
    from shared
    where total is not null and len(lines) > 1
),

floored as (
    select
        *,
        share_numerator // total - cast(share_numerator % total < 0 as integer) as whole,
        share_numerator % total
        + case when share_numerator % total < 0 then total else 0 end as rest
    from unnested
),

-- Largest remainder: the units that the floors leave go to the largest fractions.
split as (
    select
        floored.* exclude (line, share_numerator, total, whole, rest),
        line.line_id,
        line.line_position,
        line.subscription_id,
        line.price_id,
        line.product_id,
        whole + cast(
            row_number() over (
                partition by account_id, source_id
                order by rest desc, line.line_position
            ) <= abs(amount_minor) - sum(whole) over (
                partition by account_id, source_id
            ) as integer
        ) as share_minor
    from floored
),

allocated as (
    select * from whole
    union all by name
    select * from split
),

final as (
    select
        account_id,
        kind,
        source_id,
        cast(line_position as bigint) as line_number,
        charge_id,
        invoice_id,
        line_id as invoice_line_id,
        subscription_id,
        customer_id,
        product_id,
        price_id,
        country,
        currency,
        day,
        {{ major('sign(amount_minor) * share_minor', 'currency') }} as amount,
        {{ stripe_url('payments', 'charge_id') }} as stripe_url
    from allocated
    where share_minor != 0
)

select * from final
