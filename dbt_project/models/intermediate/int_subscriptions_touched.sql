with subscriptions as (
    select * from {{ ref('stg_stripe__subscriptions') }}
),

versions as (
    select * from {{ ref('stg_stripe__subscription_versions') }}
),

events as (
    select * from {{ ref('stg_stripe__subscription_events') }}
),

invoices as (
    select * from {{ ref('stg_stripe__invoices') }}
),

attempts as (
    select * from {{ ref('fct_payment_attempts') }}
),

customers as (
    select * from {{ ref('stg_stripe__customers') }}
),

discounts as (
    select * from {{ ref('int_discounts_gathered') }}
),

prices as (
    select * from {{ ref('int_prices_gathered') }}
),

clock as (
    select * from {{ ref('int_accounts_clocked') }}
),

done as (
    select
        account_id,
        subscription_id,
        inputs
    from intermediate.subscriptions_done
),

price_marks as (
    select
        account_id,
        price_id,
        hash(prices) as mark
    from prices
),

-- Every row that a subscription's states and MRR are computed from, as a hash.
readings as (
    select
        account_id,
        subscription_id,
        hash(read_at, read_order) as mark,
        list_transform(items, lambda item: item.price_id) as price_ids
    from versions
    union all
    select
        account_id,
        subscription_id,
        hash(event_id, moment) as mark,
        list_transform(items, lambda item: item.price_id) as price_ids
    from events
),

priced as (
    select
        account_id,
        subscription_id,
        mark,
        unnest(list_distinct(price_ids)) as price_id
    from readings
    union all
    select
        account_id,
        line.subscription_id,
        mark,
        line.price_id
    from (
        select
            account_id,
            hash(invoice_id, read_at, read_order) as mark,
            unnest(line_prices) as line
        from invoices
    )
),

marks as (
    select
        account_id,
        subscription_id,
        mark
    from readings
    union all
    select
        account_id,
        subscription_id,
        hash(invoice_id, read_at, read_order) as mark
    from invoices
    where subscription_id is not null
    union all
    -- Failed attempts date what was unpaid before the watching began.
    select
        attempts.account_id,
        invoices.subscription_id,
        hash(attempts.invoice_id, attempts.attempted_at) as mark
    from attempts
    inner join invoices
        on
            attempts.account_id = invoices.account_id
            and attempts.invoice_id = invoices.invoice_id
    where attempts.outcome = 'failed' and invoices.subscription_id is not null
    union all
    select
        priced.account_id,
        priced.subscription_id,
        hash(priced.mark, priced.price_id, price_marks.mark) as mark
    from priced
    left join price_marks
        on
            priced.account_id = price_marks.account_id
            and priced.price_id = price_marks.price_id
    where priced.subscription_id is not null
),

subscription_marks as (
    select
        account_id,
        subscription_id,
        sum(mark) as mark
    from marks
    group by account_id, subscription_id
),

customer_marks as (
    select
        account_id,
        customer_id,
        sum(mark) as mark
    from (
        select
            account_id,
            customer_id,
            hash(customers.discounts) as mark
        from customers
        union all
        select
            account_id,
            customer_id,
            hash(discounts) as mark
        from discounts
    )
    group by account_id, customer_id
),

-- A discount of nobody known may be anybody's.
account_marks as (
    select
        clock.account_id,
        any_value(hash(
            clock.time_zone,
            clock.watched_from,
            clock.first_synced_at,
            clock.history_started_at,
            clock.holes
        )) as clock_mark,
        sum(customer_marks.mark) as discount_mark
    from clock
    left join customer_marks
        on
            clock.account_id = customer_marks.account_id
            and customer_marks.customer_id is null
    group by clock.account_id
),

present as (
    select
        subscriptions.account_id,
        subscriptions.subscription_id,
        hash(
            subscription_marks.mark,
            customer_marks.mark,
            account_marks.clock_mark,
            account_marks.discount_mark
        ) as inputs
    from subscriptions
    inner join account_marks
        on subscriptions.account_id = account_marks.account_id
    left join subscription_marks
        on
            subscriptions.account_id = subscription_marks.account_id
            and subscriptions.subscription_id = subscription_marks.subscription_id
    left join customer_marks
        on
            subscriptions.account_id = customer_marks.account_id
            and subscriptions.customer_id = customer_marks.customer_id
),

-- One that is no longer staged is touched too: what was computed of it goes.
final as (
    select
        account_id,
        subscription_id,
        present.inputs
    from present
    full outer join done
        using (account_id, subscription_id)
    where present.inputs is distinct from done.inputs
)

select * from final
