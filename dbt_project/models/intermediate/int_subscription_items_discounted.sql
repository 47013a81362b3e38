{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    meta={'follows_touched': true},
    pre_hook="{{ forget_touched() }}",
    post_hook="{{ remember_code() }}"
) }}

with recursive items as (
    {{ touched_of(ref('int_subscription_items_priced')) }}
),

segments as (
    {{ touched_of(ref('int_subscription_segments_cut')) }}
),

customers as (
    select * from {{ ref('stg_stripe__customers') }}
),

discounts as (
    select * from {{ ref('int_discounts_gathered') }}
),

-- When the discounts that a subscription lists began: what is gone by now stood among them.
listed_starts as (
    select
        lists.account_id,
        lists.subscription_id,
        lists.valid_from,
        list(
            struct_pack(at := discounts.starts_at, place := discounts.invoice_place)
            order by lists.listed_at
        ) as starts
    from (
        select
            account_id,
            subscription_id,
            valid_from,
            generate_subscripts(discount_ids, 1) as listed_at,
            unnest(discount_ids) as discount_id
        from segments
        where has_mrr and (is_reconstructed or hides_discounts)
    ) as lists
    left join discounts
        on
            lists.account_id = discounts.account_id
            and lists.discount_id = discounts.discount_id
    group by lists.account_id, lists.subscription_id, lists.valid_from
),

-- Which discounts each level lists, in Stripe's order: those of items come first.
listed as (
    select
        account_id,
        subscription_id,
        valid_from,
        0 as level,
        position as item_position,
        item_id,
        generate_subscripts(discount_ids, 1) as listed_at,
        false as is_unlisted,
        unnest(discount_ids) as discount_id
    from items
    where has_mrr and len(discount_ids) > 0
    union all
    select
        account_id,
        subscription_id,
        valid_from,
        1 as level,
        0 as item_position,
        null as item_id,
        generate_subscripts(discount_ids, 1) as listed_at,
        false as is_unlisted,
        unnest(discount_ids) as discount_id
    from segments
    where has_mrr and len(discount_ids) > 0
    union all
    select
        segments.account_id,
        segments.subscription_id,
        segments.valid_from,
        2 as level,
        0 as item_position,
        null as item_id,
        generate_subscripts(customers.discounts, 1) as listed_at,
        false as is_unlisted,
        unnest(list_transform(customers.discounts, lambda d: d.discount_id)) as discount_id
    from segments
    inner join customers
        on
            segments.account_id = customers.account_id
            and segments.customer_id = customers.customer_id
    where segments.has_mrr and len(customers.discounts) > 0
    union all
    -- What the lists no longer show but invoices or events once did.
    select
        segments.account_id,
        segments.subscription_id,
        segments.valid_from,
        case when discounts.holder = 'subscription' then 1 else 2 end as level,
        0 as item_position,
        null as item_id,
        -- What is gone was listed after the last one that began before it; what an old event
        -- hides, after the first, which it shows.
        case
            when discounts.holder = 'customer' then 0
            else greatest(
                list_max(list_transform(
                    listed_starts.starts,
                    lambda began, listed_at: case
                        when
                            began.at < discounts.starts_at
                            or (
                                began.at = discounts.starts_at
                                and began.place < discounts.invoice_place
                            )
                            then listed_at
                    end
                )),
                cast(segments.hides_discounts and not segments.is_reconstructed as integer)
            )
        end as listed_at,
        true as is_unlisted,
        discounts.discount_id
    from segments
    inner join discounts
        on
            segments.account_id = discounts.account_id
            and segments.customer_id = discounts.customer_id
            and coalesce(discounts.subscription_id, segments.subscription_id)
            = segments.subscription_id
    left join listed_starts
        on
            segments.account_id = listed_starts.account_id
            and segments.subscription_id = listed_starts.subscription_id
            and segments.valid_from = listed_starts.valid_from
    left join discounts as shown
        on
            segments.account_id = shown.account_id
            and segments.discount_ids[1] = shown.discount_id
    left join customers
        on
            segments.account_id = customers.account_id
            and segments.customer_id = customers.customer_id
    where
        segments.has_mrr
        and (discounts.gone_at is null or segments.valid_from < discounts.gone_at)
        and (
            (
                discounts.holder = 'subscription'
                -- An old event shows the first discount alone: what it hides came later.
                and (
                    segments.is_reconstructed
                    or (
                        segments.hides_discounts
                        and (
                            discounts.starts_at > shown.starts_at
                            or (
                                discounts.starts_at = shown.starts_at
                                and coalesce(discounts.invoice_place > shown.invoice_place, true)
                            )
                        )
                    )
                )
                and not list_contains(segments.discount_ids, discounts.discount_id)
            )
            or (
                discounts.holder = 'customer'
                -- Of a deleted customer no list tells; of another one the list of today is
                -- right wherever the end of the discount is not known.
                and (
                    discounts.gone_at is not null
                    or customers.customer_id is null
                    or segments.is_reconstructed
                )
                and not list_contains(
                    list_transform(
                        coalesce(customers.discounts, []), lambda d: d.discount_id
                    ),
                    discounts.discount_id
                )
            )
        )
),

live as (
    select
        listed.*,
        discounts.duration,
        discounts.kept_numerator,
        discounts.kept_denominator,
        cast(discounts.amount_off_minor as hugeint) as amount_off_minor,
        discounts.product_ids,
        discounts.starts_at,
        discounts.invoice_place,
        min(case when listed.level > 0 then listed.level end) over (
            partition by listed.account_id, listed.subscription_id, listed.valid_from
        ) as top_level
    from listed
    inner join discounts
        on
            listed.account_id = discounts.account_id
            and listed.discount_id = discounts.discount_id
            and listed.valid_from >= discounts.starts_at
            and (discounts.ends_at is null or listed.valid_from < discounts.ends_at)
),

-- A discount of the subscription suppresses the customer's, subtracted itself or not.
effective as (
    select *
    from live
    where level = 0 or level = top_level
),

views as (
    select
        *,
        'all' as discounts_taken
    from effective
    union all
    select
        *,
        'forever' as discounts_taken
    from effective
    where duration = 'forever'
),

steps as (
    select
        *,
        row_number() over (
            partition by account_id, subscription_id, valid_from, discounts_taken
            order by
                level, item_position, listed_at, is_unlisted, starts_at, invoice_place, discount_id
        ) as step
    from views
),

baskets as (
    select
        items.account_id,
        items.subscription_id,
        items.valid_from,
        list(
            {
                'item_id': items.item_id,
                'product_id': items.product_id,
                -- The monthly factor, comparable across items: the greater, the shorter the
                -- interval.
                'frequency': items.monthly_numerator * 1000000000 // items.monthly_denominator,
                'numerator': items.amount_numerator,
                'denominator': items.amount_denominator
            }
            order by items.position, items.item_id
        ) as basket
    from items
    where (items.account_id, items.subscription_id, items.valid_from) in (
        select (effective.account_id, effective.subscription_id, effective.valid_from)
        from effective
    )
    group by items.account_id, items.subscription_id, items.valid_from
),

applied as (
    select
        baskets.account_id,
        baskets.subscription_id,
        baskets.valid_from,
        steps.discounts_taken,
        cast(0 as bigint) as step,
        baskets.basket
    from baskets
    inner join steps
        on
            baskets.account_id = steps.account_id
            and baskets.subscription_id = steps.subscription_id
            and baskets.valid_from = steps.valid_from
            and steps.step = 1
    union all
    select
        account_id,
        subscription_id,
        valid_from,
        discounts_taken,
        step,
        case
            when amount_off_minor is null
                then list_transform(basket, lambda x: case
                    when not list_contains(eligible, x.item_id) then x
                    when kept_numerator = 0 then struct_update(x, numerator := cast(0 as hugeint))
                    else struct_update(
                        x,
                        numerator := x.numerator * kept_numerator // gcd(
                            x.numerator * kept_numerator, x.denominator * kept_denominator
                        ),
                        denominator := x.denominator * kept_denominator // gcd(
                            x.numerator * kept_numerator, x.denominator * kept_denominator
                        )
                    )
                end)
            when amount_off_minor * common >= total
                then list_transform(basket, lambda x: case
                    when list_contains(eligible, x.item_id)
                        then struct_update(x, numerator := cast(0 as hugeint))
                    else x
                end)
            -- Largest remainder in whole minor units: one more for those with the greatest
            -- rest, ties in listed order.
            else list_transform(basket, lambda x: case
                when not list_contains(eligible, x.item_id) then x
                else struct_update(
                    x,
                    numerator := greatest(
                        cast(0 as hugeint),
                        x.numerator - x.denominator * (
                            amount_off_minor * x.numerator * (common // x.denominator) // total
                            + case
                                when
                                    len(list_filter(
                                        shares,
                                        lambda y: y.rest
                                        > (amount_off_minor * x.numerator
                                            * (common // x.denominator)) % total
                                        or (
                                            y.rest = (amount_off_minor * x.numerator
                                                * (common // x.denominator)) % total
                                            and y.place < list_position(eligible, x.item_id)
                                        )
                                    ))
                                    < amount_off_minor - list_sum(
                                        list_transform(shares, lambda y: y.whole)
                                    )
                                    then 1
                                else 0
                            end
                        )
                    )
                )
            end)
        end as basket
    from (
        select
            *,
            list_transform(weights, lambda w, n: {
                'place': n,
                'whole': amount_off_minor * w // nullif(total, 0),
                'rest': (amount_off_minor * w) % nullif(total, 0)
            }) as shares
        from (
            select
                *,
                coalesce(list_sum(weights), 0) as total
            from (
                select
                    *,
                    list_transform(
                        list_filter(basket, lambda x: list_contains(eligible, x.item_id)),
                        lambda x: x.numerator * (common // x.denominator)
                    ) as weights
                from (
                    select
                        *,
                        list_reduce(
                            list_transform(
                                list_filter(
                                    basket, lambda x: list_contains(eligible, x.item_id)
                                ),
                                lambda x: x.denominator
                            ),
                            lambda a, b: a // gcd(a, b) * b,
                            cast(1 as hugeint)
                        ) as common
                    from (
                        select
                            applied.account_id,
                            applied.subscription_id,
                            applied.valid_from,
                            applied.discounts_taken,
                            steps.step,
                            steps.kept_numerator,
                            steps.kept_denominator,
                            steps.amount_off_minor,
                            applied.basket,
                            -- An amount belongs to one invoice: that of the shortest interval.
                            list_transform(
                                list_filter(
                                    list_filter(
                                        applied.basket,
                                        lambda x: x.numerator > 0
                                        and coalesce(x.item_id = steps.item_id, true)
                                        and coalesce(
                                            list_contains(steps.product_ids, x.product_id), true
                                        )
                                    ),
                                    lambda x: steps.amount_off_minor is null
                                    or x.frequency = list_max(list_transform(
                                        list_filter(
                                            applied.basket,
                                            lambda y: y.numerator > 0
                                            and coalesce(y.item_id = steps.item_id, true)
                                            and coalesce(
                                                list_contains(steps.product_ids, y.product_id),
                                                true
                                            )
                                        ),
                                        lambda y: y.frequency
                                    ))
                                ),
                                lambda x: x.item_id
                            ) as eligible
                        from applied
                        inner join steps
                            on
                                applied.account_id = steps.account_id
                                and applied.subscription_id = steps.subscription_id
                                and applied.valid_from = steps.valid_from
                                and applied.discounts_taken = steps.discounts_taken
                                and applied.step + 1 = steps.step
                    )
                )
            )
        )
    )
),

discounted as (
    select
        account_id,
        subscription_id,
        valid_from,
        discounts_taken,
        unnest(basket) as x
    from applied
    qualify row_number() over (
        partition by account_id, subscription_id, valid_from, discounts_taken
        order by step desc
    ) = 1
),

final as (
    select
        account_id,
        subscription_id,
        valid_from,
        discounts_taken,
        x.item_id,
        x.numerator as amount_numerator,
        x.denominator as amount_denominator
    from discounted
)

select * from final
