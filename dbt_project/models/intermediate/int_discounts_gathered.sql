with versions as (
    select * from {{ ref('stg_stripe__subscription_versions') }}
),

events as (
    select * from {{ ref('stg_stripe__subscription_events') }} {{ where_told_by('event') }}
),

customers as (
    select * from {{ ref('stg_stripe__customers') }}
),

invoices as (
    select * from {{ ref('stg_stripe__invoices') }} {{ where_told_by('invoice_line') }}
),

all_events as (
    select * from {{ ref('stg_stripe__events') }} {{ where_told_by('event') }}
),

coupons as (
    select * from {{ ref('stg_stripe__coupons') }}
),

discount_events as (
    select
        account_id,
        event_type,
        created_at,
        {{ parsed_discounts('[payload]') }} as discounts
    from all_events
    where starts_with(event_type, 'customer.discount.') and payload is not null
),

readings as (
    select
        account_id,
        unnest(list_concat(
            discounts, flatten(list_transform(items, lambda item: item.discounts))
        )) as discount
    from versions
    union all
    select
        account_id,
        unnest(list_concat(
            discounts, flatten(list_transform(items, lambda item: item.discounts))
        )) as discount
    from events
    union all
    select
        account_id,
        unnest(discounts) as discount
    from customers
    union all
    select
        account_id,
        unnest(discounts) as discount
    from invoices
    union all
    select
        account_id,
        unnest(discounts) as discount
    from discount_events
),

-- A list may name a discount by its id alone; some other reading has the object.
discounts as (
    select
        account_id,
        discount.discount_id,
        max(discount.coupon_id) as coupon_id,
        min(discount.starts_at) as starts_at,
        max(discount.ends_at) as ends_at,
        max(discount.customer_id) as customer_id,
        max(discount.subscription_id) as subscription_id,
        max(discount.item_id) as item_id
    from readings
    group by account_id, discount.discount_id
),

invoice_discounts as (
    select
        account_id,
        invoice_id,
        subscription_id,
        customer_id,
        created_at,
        list_distinct(list_concat(
            list_transform(discounts, lambda d: d.discount_id),
            flatten(list_transform(lines, lambda l: l.discount_ids))
        )) as discount_ids
    from invoices
),

uses as (
    select
        account_id,
        unnest(discount_ids) as discount_id,
        created_at as used_at
    from invoice_discounts
),

known_uses as (
    select
        account_id,
        discount_id,
        min(used_at) as first_used_at,
        max(used_at) as last_used_at
    from uses
    group by account_id, discount_id
),

-- Discounts that began in one second are told apart by their order on the first invoice.
placed as (
    select
        account_id,
        discount_id,
        arg_min(place, (created_at, invoice_id)) as invoice_place
    from (
        select
            account_id,
            invoice_id,
            created_at,
            generate_subscripts(discounts, 1) as place,
            unnest(list_transform(discounts, lambda d: d.discount_id)) as discount_id
        from invoices
    ) as listed
    group by account_id, discount_id
),

deletions as (
    select
        account_id,
        discounts[1].discount_id as discount_id,
        max(created_at) as deleted_at
    from discount_events
    where event_type = 'customer.discount.deleted'
    group by account_id, discounts[1].discount_id
),

levelled as (
    select
        discounts.account_id,
        discounts.discount_id,
        discounts.customer_id,
        discounts.subscription_id,
        discounts.item_id,
        coupons.duration,
        coupons.amount_off_minor,
        coupons.product_ids,
        cast(100000000 - coupons.percent_off * 1000000 as hugeint) as kept_numerator,
        cast(100000000 as hugeint) as kept_denominator,
        discounts.starts_at,
        case
            when coupons.duration = 'once'
                then least(discounts.ends_at, known_uses.first_used_at)
            else discounts.ends_at
        end as ends_at,
        known_uses.last_used_at,
        deletions.deleted_at,
        case
            when discounts.item_id is not null then 'item'
            when discounts.subscription_id is not null then 'subscription'
            else 'customer'
        end as holder
    from discounts
    inner join coupons
        on
            discounts.account_id = coupons.account_id
            and discounts.coupon_id = coupons.coupon_id
    left join known_uses
        on
            discounts.account_id = known_uses.account_id
            and discounts.discount_id = known_uses.discount_id
    left join deletions
        on
            discounts.account_id = deletions.account_id
            and discounts.discount_id = deletions.discount_id
),

-- A discount that is gone, without an event that says when, ended by the first invoice that
-- no longer carried it.
missed as (
    select
        levelled.account_id,
        levelled.discount_id,
        min(invoice_discounts.created_at) as missed_at
    from levelled
    inner join invoice_discounts
        on
            levelled.account_id = invoice_discounts.account_id
            and levelled.customer_id = invoice_discounts.customer_id
            and (
                levelled.subscription_id is null
                or levelled.subscription_id = invoice_discounts.subscription_id
            )
            and invoice_discounts.created_at > levelled.last_used_at
            and (levelled.holder != 'customer' or len(invoice_discounts.discount_ids) = 0)
    group by levelled.account_id, levelled.discount_id
),

-- A customer has one discount of its own: the next takes the place of the one before.
replaced as (
    select
        account_id,
        discount_id,
        lead(starts_at) over (
            partition by account_id, customer_id
            order by starts_at, discount_id
        ) as replaced_at
    from levelled
    where holder = 'customer'
),

final as (
    select
        levelled.* exclude (last_used_at, deleted_at),
        placed.invoice_place,
        least(levelled.ends_at, levelled.deleted_at, replaced.replaced_at, missed.missed_at)
            as gone_at
    from levelled
    left join placed
        on
            levelled.account_id = placed.account_id
            and levelled.discount_id = placed.discount_id
    left join missed
        on
            levelled.account_id = missed.account_id
            and levelled.discount_id = missed.discount_id
    left join replaced
        on
            levelled.account_id = replaced.account_id
            and levelled.discount_id = replaced.discount_id
)

select * from final
