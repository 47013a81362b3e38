{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    post_hook="{{ remember_loads() }}"
) }}

with landed as (
    {{ landed('syncs') }}
),

final as (
    select distinct
        account_id,
        sync_id,
        mode as sync_mode,
        started_at,
        history_start as history_started_at,
        reporting_timezone as reporting_time_zone,
        read_order
    from landed
)

select * from final
