{#-
The parts of Stripe's objects that the models read, as DuckDB's from_json wants them. Fields
that may be an id or an expanded object are read as text (`id_of`). Where a shape moved between
API versions both places are listed, and the model coalesces them.
-#}

{% macro tier_structure() -%}
{
        "up_to": "BIGINT", "unit_amount": "VARCHAR", "unit_amount_decimal": "VARCHAR",
        "flat_amount": "VARCHAR", "flat_amount_decimal": "VARCHAR"
    }
{%- endmacro %}

{% macro price_structure() -%}
{
    "id": "VARCHAR", "active": "BOOLEAN", "billing_scheme": "VARCHAR", "created": "BIGINT",
    "currency": "VARCHAR", "nickname": "VARCHAR", "product": "VARCHAR",
    "recurring": {"interval": "VARCHAR", "interval_count": "BIGINT", "usage_type": "VARCHAR"},
    "tax_behavior": "VARCHAR", "tiers_mode": "VARCHAR", "type": "VARCHAR",
    "tiers": [{{ tier_structure() }}],
    "transform_quantity": {"divide_by": "BIGINT", "round": "VARCHAR"},
    "unit_amount": "VARCHAR", "unit_amount_decimal": "VARCHAR", "currency_options": "JSON"
}
{%- endmacro %}

{% macro subscription_structure() -%}
{
    "id": "VARCHAR", "customer": "VARCHAR", "status": "VARCHAR", "currency": "VARCHAR",
    "created": "BIGINT", "start_date": "BIGINT", "trial_start": "BIGINT", "trial_end": "BIGINT",
    "cancel_at": "BIGINT", "cancel_at_period_end": "BOOLEAN", "canceled_at": "BIGINT",
    "ended_at": "BIGINT", "current_period_start": "BIGINT", "collection_method": "VARCHAR",
    "pause_collection": {"behavior": "VARCHAR", "resumes_at": "BIGINT"},
    "discounts": ["JSON"], "discount": "JSON",
    "items": {"has_more": "BOOLEAN", "data": [{
        "id": "VARCHAR", "created": "BIGINT", "quantity": "BIGINT",
        "current_period_start": "BIGINT", "price": {{ price_structure() }},
        "discounts": ["JSON"]
    }]}
}
{%- endmacro %}

{% macro invoice_structure() -%}
{
    "id": "VARCHAR", "number": "VARCHAR", "customer": "VARCHAR", "status": "VARCHAR",
    "currency": "VARCHAR", "created": "BIGINT", "billing_reason": "VARCHAR",
    "collection_method": "VARCHAR", "period_start": "BIGINT", "period_end": "BIGINT",
    "subtotal": "BIGINT", "total": "BIGINT", "total_excluding_tax": "BIGINT",
    "amount_due": "BIGINT", "amount_paid": "BIGINT", "amount_paid_off_stripe": "BIGINT",
    "amount_remaining": "BIGINT", "attempt_count": "BIGINT",
    "parent": {"subscription_details": {"subscription": "VARCHAR"}},
    "discounts": ["JSON"],
    "status_transitions": {
        "finalized_at": "BIGINT", "paid_at": "BIGINT", "voided_at": "BIGINT",
        "marked_uncollectible_at": "BIGINT"
    },
    "payments": {"data": [{
        "id": "VARCHAR", "status": "VARCHAR", "amount_paid": "BIGINT",
        "payment": {"type": "VARCHAR", "charge": "VARCHAR", "payment_intent": "VARCHAR"}
    }]},
    "lines": {"data": [{
        "id": "VARCHAR", "amount": "BIGINT", "quantity": "BIGINT",
        "period": {"start": "BIGINT", "end": "BIGINT"},
        "parent": {
            "subscription_item_details": {
                "subscription": "VARCHAR", "subscription_item": "VARCHAR",
                "proration": "BOOLEAN",
                "proration_details": {"credited_items": {"invoice": "VARCHAR"}}
            },
            "invoice_item_details": {
                "subscription": "VARCHAR", "proration": "BOOLEAN",
                "proration_details": {"credited_items": {"invoice": "VARCHAR"}}
            }
        },
        "pricing": {
            "price_details": {"price": "VARCHAR", "product": "VARCHAR"}
        },
        "discount_amounts": [{"amount": "BIGINT", "discount": "VARCHAR"}],
        "taxes": [{"amount": "BIGINT", "tax_behavior": "VARCHAR"}]
    }]}
}
{%- endmacro %}

{#- A list of discounts, each an id or an object, as structs; ids alone keep their id. -#}
{% macro parsed_discounts(discounts) -%}
    list_transform(
        coalesce({{ discounts }}, []),
        lambda d: case
            when json_type(d) = 'VARCHAR' then {
                'discount_id': d ->> '$',
                'coupon_id': cast(null as varchar),
                'starts_at': cast(null as timestamp),
                'ends_at': cast(null as timestamp),
                'customer_id': cast(null as varchar),
                'subscription_id': cast(null as varchar),
                'item_id': cast(null as varchar)
            }
            else {
                'discount_id': d ->> '$.id',
                'coupon_id': coalesce(
                    case
                        when json_type(d, '$.source.coupon') = 'VARCHAR'
                            then d ->> '$.source.coupon'
                    end,
                    d ->> '$.source.coupon.id',
                    d ->> '$.coupon.id'
                ),
                'starts_at': {{ utc("cast(d ->> '$.start' as bigint)") }},
                'ends_at': {{ utc("cast(d ->> '$.end' as bigint)") }},
                'customer_id': d ->> '$.customer',
                'subscription_id': d ->> '$.subscription',
                'item_id': d ->> '$.subscription_item'
            }
        end
    )
{%- endmacro %}

{#-
The columns that every reading of a subscription gives, from the struct `s` that
`subscription_structure` describes: the same for a listed object and for an event's payload,
in the present shape and in those before it.
-#}
{% macro subscription_columns() -%}
    {{ id_of('s.customer') }} as customer_id,
    s.status,
    lower(s.currency) as currency,
    {{ utc('s.created') }} as created_at,
    {{ utc('coalesce(s.start_date, s.created)') }} as started_at,
    {{ utc('s.trial_start') }} as trial_started_at,
    {{ utc('s.trial_end') }} as trial_ends_at,
    {{ utc('s.cancel_at') }} as cancel_at,
    coalesce(s.cancel_at_period_end, false) as cancel_at_period_end,
    {{ utc('s.canceled_at') }} as canceled_at,
    {{ utc('s.ended_at') }} as ended_at,
    {{ utc('coalesce(s.items.data[1].current_period_start, s.current_period_start)') }}
        as period_started_at,
    s.collection_method,
    s.pause_collection.behavior as pause_behavior,
    {{ utc('s.pause_collection.resumes_at') }} as pause_resumes_at,
    case
        when len(coalesce(s.discounts, [])) > 0 then {{ parsed_discounts('s.discounts') }}
        when json_type(s.discount) = 'OBJECT' then {{ parsed_discounts('[s.discount]') }}
        else {{ parsed_discounts('cast([] as json[])') }}
    end as discounts,
    s.discounts is null as shows_one_discount,
    coalesce(s.items.has_more, false) as items_cut,
    list_transform(
        coalesce(s.items.data, []),
        lambda item, position: {
            'item_id': item.id,
            'position': position,
            'created_at': {{ utc('item.created') }},
            'price_id': item.price.id,
            'quantity': item.quantity,
            'discounts': {{ parsed_discounts('item.discounts') }}
        }
    ) as items
{%- endmacro %}

{#- The tiers of a price in order, amounts as decimal text. -#}
{% macro tiers_of(tiers) -%}
    list_transform(coalesce({{ tiers }}, []), lambda tier: {
        'up_to': tier.up_to,
        'unit_amount': coalesce(tier.unit_amount_decimal, tier.unit_amount, '0'),
        'flat_amount': coalesce(tier.flat_amount_decimal, tier.flat_amount, '0')
    })
{%- endmacro %}

{#- Every column of a price, from the struct `p` that `price_structure` describes. -#}
{% macro price_columns() -%}
    {{ id_of('p.product') }} as product_id,
    lower(p.currency) as currency,
    {{ utc('p.created') }} as created_at,
    coalesce(p.active, false) as is_active,
    p.nickname,
    p.type as price_type,
    coalesce(p.billing_scheme, 'per_unit') as billing_scheme,
    p.recurring.interval as billing_interval,
    coalesce(p.recurring.interval_count, 1) as interval_count,
    coalesce(p.recurring.usage_type, 'licensed') as usage_type,
    p.tax_behavior,
    p.tiers_mode,
    p.transform_quantity.divide_by as divide_by,
    p.transform_quantity.round as divide_round,
    coalesce(p.unit_amount_decimal, p.unit_amount) as unit_amount,
    {{ tiers_of('p.tiers') }} as tiers,
    -- The same price in other currencies, by currency; Stripe tells only whoever asks.
    list_transform(
        coalesce(json_keys(p.currency_options), []),
        lambda currency: {
            'currency': lower(currency),
            'unit_amount': coalesce(
                p.currency_options ->> ('$.' || currency || '.unit_amount_decimal'),
                p.currency_options ->> ('$.' || currency || '.unit_amount')
            ),
            'tiers': {{ tiers_of(
                "from_json(p.currency_options -> ('$.' || currency || '.tiers'), '["
                ~ tier_structure() ~ "]')"
            ) }}
        }
    ) as currency_options
{%- endmacro %}

{#- What a reading of a subscription says that its MRR depends on, as one struct to compare. -#}
{% macro subscription_state() -%}
    {
        'status': status,
        'trial_started_at': trial_started_at,
        'trial_ends_at': trial_ends_at,
        'canceled_at': canceled_at,
        'pause_behavior': pause_behavior,
        'discount_ids': list_transform(discounts, lambda d: d.discount_id),
        'hides_discounts': shows_one_discount and len(discounts) > 0,
        'items': list_transform(items, lambda item: {
            'item_id': item.item_id,
            'position': item.position,
            'created_at': item.created_at,
            'price_id': item.price_id,
            'quantity': item.quantity,
            'discount_ids': list_transform(item.discounts, lambda d: d.discount_id)
        })
    }
{%- endmacro %}
