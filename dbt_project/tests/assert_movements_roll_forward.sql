-- closing = opening + movement, and each opening is the closing before it.
with movements as (
    select * from {{ ref('fct_mrr_movements') }}
),

followed as (
    select
        *,
        lag(closing_mrr) over (
            partition by account_id, customer_id, currency
            order by day
        ) as previous_closing_mrr
    from movements
)

select *
from followed
where
    closing_mrr != opening_mrr + mrr_change
    or opening_mrr != coalesce(previous_closing_mrr, opening_mrr)
    or mrr_change = 0
    or movement != case
        when closing_mrr = 0 then 'churn'
        when opening_mrr > 0 and mrr_change > 0 then 'expansion'
        when opening_mrr > 0 then 'contraction'
        when movement in ('new', 'reactivation') then movement
    end
