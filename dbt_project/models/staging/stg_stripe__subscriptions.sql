{{ config(materialized='table') }}

with versions as (
    select * from {{ ref('stg_stripe__subscription_versions') }}
),

final as (
    select * exclude (prices)
    from versions
    qualify row_number() over (
        partition by account_id, subscription_id
        order by read_at desc, read_order desc
    ) = 1
)

select * from final
