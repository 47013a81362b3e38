with spans as (
    select * from {{ ref('int_subscription_item_spans_valued') }}
),

clock as (
    select * from {{ ref('int_accounts_clocked') }}
),

-- The first and the last local day at whose close the span is in force. What has not ended by
-- now is open.
final as (
    select
        spans.*,
        {{ local_day('spans.valid_from', 'clock.time_zone') }} as first_day,
        case
            when spans.valid_to <= clock.now_at
                then {{ local_day('spans.valid_to', 'clock.time_zone') }}
        end as day_after_last
    from spans
    inner join clock
        on spans.account_id = clock.account_id
    where spans.valid_from <= clock.now_at
)

select * from final
