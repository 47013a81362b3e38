{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['account_id', 'invoice_id'],
    on_schema_change='fail',
    post_hook="{{ remember_loads() }}"
) }}

with landed as not materialized (
    {{ landed('invoices') }}
),

newest as not materialized (
    {{ newest_landed('landed') }}
),

parsed as (
    select
        account_id,
        id,
        read_at,
        read_order,
        deletion_seen_at,
        from_json(
            object,
            '{{ invoice_structure() }}'
        ) as i
    from newest
),

renamed as (
    select
        account_id,
        id as invoice_id,
        read_at,
        read_order,
        deletion_seen_at,
        {{ utc('i.created') }} as created_at,
        i.number,
        {{ id_of('i.customer') }} as customer_id,
        {{ id_of('i.parent.subscription_details.subscription') }} as subscription_id,
        lower(i.currency) as currency,
        i.status,
        i.billing_reason,
        i.collection_method,
        {{ utc('i.status_transitions.finalized_at') }} as finalized_at,
        {{ utc('i.status_transitions.paid_at') }} as paid_at,
        {{ utc('i.status_transitions.voided_at') }} as voided_at,
        {{ utc('i.status_transitions.marked_uncollectible_at') }} as marked_uncollectible_at,
        {{ utc('i.period_start') }} as period_started_at,
        {{ utc('i.period_end') }} as period_ends_at,
        i.subtotal as subtotal_minor,
        i.total as total_minor,
        coalesce(i.total_excluding_tax, i.total) as total_excluding_tax_minor,
        i.amount_due as amount_due_minor,
        i.amount_paid as amount_paid_minor,
        coalesce(i.amount_paid_off_stripe, 0) as amount_paid_off_stripe_minor,
        i.amount_remaining as amount_remaining_minor,
        coalesce(i.attempt_count, 0) as attempt_count,
        {{ parsed_discounts('i.discounts') }} as discounts,
        list_transform(coalesce(i.payments.data, []), lambda p: {
            'invoice_payment_id': p.id,
            'status': p.status,
            'amount_paid_minor': p.amount_paid,
            'payment_type': p.payment.type,
            'charge_id': {{ id_of('p.payment.charge') }},
            'payment_intent_id': {{ id_of('p.payment.payment_intent') }}
        }) as payments,
        list_transform(coalesce(i.lines.data, []), lambda l, n: {
            'line_id': l.id,
            'line_position': n,
            'amount_minor': l.amount,
            'quantity': l.quantity,
            'period_starts_at': {{ utc('l.period.start') }},
            'period_ends_at': {{ utc('l.period.end') }},
            'subscription_id': coalesce(
                l.parent.subscription_item_details.subscription,
                l.parent.invoice_item_details.subscription
            ),
            'subscription_item_id': l.parent.subscription_item_details.subscription_item,
            'is_proration': coalesce(
                l.parent.subscription_item_details.proration,
                l.parent.invoice_item_details.proration,
                false
            ),
            'is_credit': coalesce(
                l.parent.subscription_item_details.proration_details.credited_items.invoice,
                l.parent.invoice_item_details.proration_details.credited_items.invoice
            ) is not null or l.amount < 0,
            'price_id': {{ id_of('l.pricing.price_details.price') }},
            'product_id': l.pricing.price_details.product,
            'discount_ids': list_transform(
                coalesce(l.discount_amounts, []), lambda a: {{ id_of('a.discount') }}
            ),
            'discount_minor': cast(coalesce(
                list_sum(list_transform(coalesce(l.discount_amounts, []), lambda a: a.amount)), 0
            ) as bigint),
            'inclusive_tax_minor': cast(coalesce(
                list_sum(list_transform(
                    coalesce(l.taxes, []),
                    lambda t: case when t.tax_behavior = 'inclusive' then t.amount else 0 end
                )),
                0
            ) as bigint),
            'exclusive_tax_minor': cast(coalesce(
                list_sum(list_transform(
                    coalesce(l.taxes, []),
                    lambda t: case when t.tax_behavior = 'inclusive' then 0 else t.amount end
                )),
                0
            ) as bigint)
        }) as lines
    from parsed
),

-- Whose MRR the lines tell of, and at which prices: so that a build that asks which subscriptions
-- an invoice touches need not read all lines of all invoices again.
billed as (
    select
        *,
        list_distinct(list_transform(
            lines, lambda l: {'subscription_id': l.subscription_id, 'price_id': l.price_id}
        )) as line_prices
    from renamed
),

final as (
    {{ newest_of_landed_and_known('billed', 'landed', 'invoice_id') }}
)

select * from final
