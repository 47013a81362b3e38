with spans as (
    select * from {{ ref('int_subscription_item_spans_merged') }}
),

clock as (
    select * from {{ ref('int_accounts_clocked') }}
),

-- The months of the imported window, each read at its close; the running one as it stands.
months as (
    select
        account_id,
        month,
        least(cast(month + interval 1 month - interval 1 day as date), today) as last_day
    from (
        select
            account_id,
            today,
            cast(unnest(generate_series(
                date_trunc('month', first_day), today, interval 1 month
            )) as date) as month
        from clock
    )
),

mixed as (
    select
        spans.account_id,
        spans.currency,
        months.month,
        spans.product_id,
        spans.price_id,
        count(distinct spans.subscription_id) as subscriptions,
        count(distinct spans.customer_id) filter (where spans.mrr_micros > 0) as subscribers,
        cast(sum(coalesce(spans.quantity, 0)) as bigint) as quantity,
        cast(sum(spans.mrr_gross_micros) as hugeint) as mrr_gross_micros,
        cast(sum(spans.mrr_micros) as hugeint) as mrr_micros,
        cast(sum(spans.mrr_net_micros) as hugeint) as mrr_net_micros
    from spans
    inner join months
        on
            spans.account_id = months.account_id
            and months.last_day >= spans.first_day
            and (spans.day_after_last is null or months.last_day < spans.day_after_last)
    where spans.is_active
    group by
        spans.account_id, spans.currency, months.month, spans.product_id, spans.price_id
),

totalled as (
    select
        *,
        cast(sum(mrr_micros) over (partition by account_id, currency, month) as hugeint)
            as total_micros
    from mixed
),

final as (
    select
        account_id,
        currency,
        month,
        product_id,
        price_id,
        subscriptions,
        subscribers,
        quantity,
        {{ major_of_micros('mrr_gross_micros', 'currency') }} as mrr_gross,
        {{ major_of_micros('mrr_micros', 'currency') }} as mrr,
        {{ major_of_micros('mrr_net_micros', 'currency') }} as mrr_net,
        {{ ratio('mrr_micros', 'total_micros') }} as mrr_share
    from totalled
)

select * from final
