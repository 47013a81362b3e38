{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    meta={'is_kept': true},
    pre_hook="{{ forget_listed('charge_id', ref('int_charges_touched'), or_null=true) }}",
    post_hook="{{ remember_fact(ref('int_charges_touched')) }}"
) }}
{%- set touched = ref('int_charges_touched') %}

with attempts as (
    {{ listed_of(ref('fct_payment_attempts'), 'attempt_id', touched, 'charge_id') }}
),

refunds as (
    {{ listed_of(ref('fct_refunds'), 'charge_id', touched, or_null=true) }}
),

dispute_transactions as (
    {{ listed_of(
        ref('stg_stripe__dispute_balance_transactions'), 'charge_id', touched, or_null=true
    ) }}
),

invoices as (
    select * from {{ ref('stg_stripe__invoices') }}
),

charges as (
    {{ listed_of(ref('stg_stripe__charges'), 'charge_id', touched) }}
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
    {% if is_incremental() -%}
    where (account_id, invoice_id) in (
        select (attempts.account_id, attempts.invoice_id) from attempts
    )
    {%- endif %}
),

-- Only where a source is shared among several lines are all of them carried along: the joins hold
-- every invoice in memory.
narrowed as (
    select
        account_id,
        invoice_id,
        lines[1].line_id as line_id,
        lines[1].line_position as line_position,
        lines[1].subscription_id as subscription_id,
        lines[1].price_id as price_id,
        lines[1].product_id as product_id,
        list_sum(weights) as total,
        case when len(lines) > 1 then weights end as weights,
        case when len(lines) > 1 then list_transform(lines, lambda l: {
            'line_id': l.line_id,
            'line_position': l.line_position,
            'subscription_id': l.subscription_id,
            'price_id': l.price_id,
            'product_id': l.product_id
        }) end as lines
    from weighted
    where list_sum(weights) > 0
),

shared as (
    select
        charged.*,
        narrowed.* exclude (account_id, invoice_id),
        -- Cents times cents pass BIGINT only beyond a hundred million; not to be risked.
        abs(cast(charged.amount_minor as hugeint)) as share_factor
    from charged
    left join narrowed
        on
            charged.account_id = narrowed.account_id
            and charged.invoice_id = narrowed.invoice_id
),

-- Most invoices have one line, and it gets everything; so does an unknown one.
whole as (
    select
        shared.* exclude (lines, weights, total, share_factor, line_position),
        coalesce(line_position, 0) as line_position,
        abs(amount_minor) as share_minor
    from shared
    where lines is null
),

unnested as (
    select
        shared.* exclude (
            lines, weights, share_factor, line_id, line_position, subscription_id, price_id,
            product_id
        ),
        unnest(lines) as line,
        share_factor * unnest(weights) as share_numerator
    from shared
    where lines is not null
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
