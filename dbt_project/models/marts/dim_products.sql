with products as (
    select * from {{ ref('stg_stripe__products') }}
),

final as (
    select
        account_id,
        product_id,
        name,
        description,
        unit_label,
        created_at,
        is_active,
        deletion_seen_at is not null as is_deleted
    from products
)

select * from final
