with parents as (
    select * from {{ ref('stg_stripe__invoices') }}
),

-- Children live and die with the reading of their parent: a removed one is gone.
unnested as (
    select
        account_id,
        invoice_id,
        status as invoice_status,
        billing_reason,
        created_at as invoice_created_at,
        unnest(lines) as child
    from parents
),

final as (
    select
        * exclude (child),
        unnest(child)
    from unnested
)

select * from final
