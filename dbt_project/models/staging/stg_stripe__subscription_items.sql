with parents as (
    select * from {{ ref('stg_stripe__subscriptions') }}
),

-- Children live and die with the reading of their parent: a removed one is gone.
unnested as (
    select
        account_id,
        subscription_id,
        currency,
        unnest(items) as child
    from parents
),

final as (
    select
        * exclude (child),
        unnest(child)
    from unnested
)

select * from final
