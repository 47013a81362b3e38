{{ config(post_hook="{{ remember_listing() }}") }}
{%- set since = done_until(payment_facts()) %}
{%- set attempts = kept_relation('marts', 'fct_payment_attempts') %}

with charges as (
    select * from {{ ref('stg_stripe__charges') }}
),

invoices as (
    select * from {{ ref('stg_stripe__invoices') }}
),

events as (
    select * from {{ ref('stg_stripe__events') }}
),

failures as (
    select
        account_id,
        object_id as payment_intent_id,
        staged_in
    from events
    where event_type = 'payment_intent.payment_failed'
),

moved as (
    {{ moved_accounts(payment_facts()) }}
),

changed_charges as (
    select
        account_id,
        charge_id,
        payment_intent_id
    from charges
    where
        staged_in > {{ since }}
        or account_id in (select moved.account_id from moved)
),

changed_invoices as (
    select
        account_id,
        invoice_id,
        payments
    from invoices
    where staged_in > {{ since }}
),

changed_links as (
    select
        account_id,
        link.charge_id,
        link.payment_intent_id
    from (
        select
            account_id,
            unnest(payments) as link
        from changed_invoices
    )
),

-- A PaymentIntent that failed is an attempt by its own id, until a charge of it is there. Which
-- one a charge belongs to never changes.
intents as (
    select
        account_id,
        payment_intent_id
    from changed_charges
    where payment_intent_id is not null
    union
    select
        account_id,
        payment_intent_id
    from changed_links
    where payment_intent_id is not null
    union
    select
        account_id,
        payment_intent_id
    from failures
    where
        staged_in > {{ since }}
        or account_id in (select moved.account_id from moved)
),

final as (
    select
        account_id,
        charge_id as attempt_id
    from changed_charges
    union
    select
        account_id,
        charge_id as attempt_id
    from changed_links
    where charge_id is not null
    union
    select
        account_id,
        payment_intent_id as attempt_id
    from intents
    union
    select
        charges.account_id,
        charges.charge_id as attempt_id
    from charges
    inner join intents
        on
            charges.account_id = intents.account_id
            and charges.payment_intent_id = intents.payment_intent_id
    {% if attempts %}
    union
    -- What was linked to an invoice, whether the invoice still says so or not.
    select
        attempts.account_id,
        attempts.attempt_id
    from {{ attempts }} as attempts
    inner join changed_invoices
        on
            attempts.account_id = changed_invoices.account_id
            and attempts.invoice_id = changed_invoices.invoice_id
    union
    select
        attempts.account_id,
        attempts.attempt_id
    from {{ attempts }} as attempts
    where attempts.account_id in (select moved.account_id from moved)
    {% endif %}
)

select * from final
