with parents as (
    select * from {{ ref('stg_stripe__disputes') }}
),

-- Children live and die with the reading of their parent: a removed one is gone.
unnested as (
    select
        account_id,
        dispute_id,
        charge_id,
        unnest(balance_transactions) as child
    from parents
),

final as (
    select
        * exclude (child),
        unnest(child)
    from unnested
)

select * from final
