{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    meta={'is_kept': true},
    pre_hook="{{ forget_listed('subscription_id', ref('int_spans_touched')) }}",
    post_hook="{{ remember_fact(ref('int_spans_touched')) }}"
) }}
{%- set touched = ref('int_spans_touched') %}

with spans as (
    {{ listed_of(ref('int_subscription_item_spans_valued'), 'subscription_id', touched) }}
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
