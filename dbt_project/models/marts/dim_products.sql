with products as (
    select * from {{ ref('stg_stripe__products') }}
),

clock as (
    select * from {{ ref('int_accounts_clocked') }}
),

final as (
    select
        products.account_id,
        products.product_id,
        products.name,
        products.description,
        products.unit_label,
        products.created_at,
        products.is_active,
        products.deletion_seen_at is not null as is_deleted,
        {{ stripe_url('products', 'products.product_id', 'products.account_id', 'clock.is_live') }}
            as stripe_url
    from products
    inner join clock
        on products.account_id = clock.account_id
)

select * from final
