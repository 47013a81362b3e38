{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    meta={'follows_touched': true},
    pre_hook="{{ forget_touched() }}",
    post_hook="{{ remember_code() }}"
) }}

with states as (
    {{ touched_of(ref('int_subscription_states_dated')) }}
),

item_states as (
    {{ touched_of(ref('int_subscription_item_states_dated')) }}
),

invoices as (
    {{ touched_of(ref('stg_stripe__invoices')) }}
    {{ where_told_by('invoice_line') }}
),

cycles as (
    {{ touched_of(ref('int_subscription_cycles_billed')) }}
),

discounts as (
    select * from {{ ref('int_discounts_gathered') }}
),

interruptions as (
    {{ touched_of(ref('int_subscription_interruptions_inferred')) }}
),

holes as (
    select
        account_id,
        unnest(holes, max_depth := 2)
    from {{ ref('int_accounts_clocked') }}
),

subscriptions as (
    select distinct
        account_id,
        subscription_id,
        customer_id,
        currency,
        started_at,
        ended_at
    from states
),

-- Discounts of the subscription, of its items and of its customer, those that are gone by now
-- among them.
discount_uses as (
    select distinct
        account_id,
        subscription_id,
        unnest(discount_ids) as discount_id
    from states
    union
    select distinct
        account_id,
        subscription_id,
        unnest(discount_ids) as discount_id
    from item_states
    union
    select
        subscriptions.account_id,
        subscriptions.subscription_id,
        discounts.discount_id
    from subscriptions
    inner join discounts
        on
            subscriptions.account_id = discounts.account_id
            and subscriptions.customer_id = discounts.customer_id
            and coalesce(discounts.subscription_id, subscriptions.subscription_id)
            = subscriptions.subscription_id
),

-- A subscription whose first payment did not go through is incomplete until it does; where no
-- event tells, its first invoice says when that was.
first_payments as (
    select
        account_id,
        subscription_id,
        min(paid_at) as paid_at
    from invoices
    where
        billing_reason = 'subscription_create'
        and collection_method = 'charge_automatically'
        and amount_due_minor > 0
        and paid_at > created_at
    group by account_id, subscription_id
),

-- A pause older than every event and sync began with the first invoice of the last unbroken run
-- of those that brought nothing, else with the running period.
earlier_cycles as (
    select
        states.account_id,
        states.subscription_id,
        states.period_started_at,
        cycles.period_starts_at,
        cycles.status in ('void', 'uncollectible', 'draft') as brings_nothing,
        max(cycles.period_starts_at) filter (
            where cycles.status not in ('void', 'uncollectible', 'draft')
        ) over (partition by states.account_id, states.subscription_id) as last_paid_starts_at
    from states
    left join cycles
        on
            states.account_id = cycles.account_id
            and states.subscription_id = cycles.subscription_id
            and cycles.period_starts_at < states.valid_to
    where states.is_reconstructed and states.pause_behavior is not null
),

pauses as (
    select
        account_id,
        subscription_id,
        coalesce(
            min(period_starts_at) filter (
                where brings_nothing
                and period_starts_at > coalesce(last_paid_starts_at, '-infinity')
            ),
            any_value(period_started_at)
        ) as paused_from
    from earlier_cycles
    group by account_id, subscription_id
),

-- Every instant at which anything that MRR depends on can change.
cuts as (
    select
        account_id,
        subscription_id,
        valid_from as cut_at
    from states
    union
    select
        account_id,
        subscription_id,
        unnest([valid_from, valid_to]) as cut_at
    from item_states
    union
    select
        account_id,
        subscription_id,
        unnest([
            trial_started_at,
            trial_ends_at,
            canceled_at
            {%- if policy('past_due_grace_days') != 'unlimited' %},
            past_due_since + interval {{ policy('past_due_grace_days') }} day
            {%- endif %}
        ]) as cut_at
    from states
    union
    select
        account_id,
        subscription_id,
        paid_at as cut_at
    from first_payments
    union
    select
        account_id,
        subscription_id,
        paused_from as cut_at
    from pauses
    union
    select
        account_id,
        subscription_id,
        unnest([valid_from, valid_to]) as cut_at
    from interruptions
    union
    select
        subscriptions.account_id,
        subscriptions.subscription_id,
        unnest([holes.begins_at, holes.ends_at]) as cut_at
    from subscriptions
    inner join holes
        on subscriptions.account_id = holes.account_id
    union
    select
        discount_uses.account_id,
        discount_uses.subscription_id,
        unnest([discounts.starts_at, discounts.ends_at, discounts.gone_at]) as cut_at
    from discount_uses
    inner join discounts
        on
            discount_uses.account_id = discounts.account_id
            and discount_uses.discount_id = discounts.discount_id
),

bounded as (
    select
        cuts.account_id,
        cuts.subscription_id,
        subscriptions.customer_id,
        subscriptions.currency,
        subscriptions.started_at,
        subscriptions.ended_at,
        cuts.cut_at as valid_from,
        lead(cuts.cut_at, 1, subscriptions.ended_at) over (
            partition by cuts.account_id, cuts.subscription_id
            order by cuts.cut_at
        ) as valid_to
    from cuts
    inner join subscriptions
        on
            cuts.account_id = subscriptions.account_id
            and cuts.subscription_id = subscriptions.subscription_id
    where
        cuts.cut_at >= subscriptions.started_at
        and (subscriptions.ended_at is null or cuts.cut_at < subscriptions.ended_at)
),

stated as (
    select
        bounded.*,
        states.source,
        states.is_reconstructed,
        case
            when states.is_reconstructed and silences.pause_behavior is not null
                then silences.pause_behavior
            when not states.is_reconstructed or bounded.valid_from >= pauses.paused_from
                then states.pause_behavior
        end as pause_behavior,
        states.is_reconstructed
        and (
            states.pause_behavior is not null
            or states.status = 'unpaid'
            or silences.pause_behavior is not null
            or interrupted.status is not null
        )
        -- Nobody watched: held, whether it changed over the hole or not.
        or holes.begins_at is not null as is_state_estimated,
        states.discount_ids,
        states.hides_discounts,
        states.trial_started_at,
        coalesce(
            bounded.valid_from >= states.trial_started_at
            and bounded.valid_from < states.trial_ends_at,
            false
        ) as is_in_trial,
        coalesce(bounded.valid_from >= states.canceled_at, false) as is_cancel_requested,
        coalesce(
            {% if policy('past_due_grace_days') == 'unlimited' -%}
            false
            {%- else -%}
            bounded.valid_from
            >= states.past_due_since + interval {{ policy('past_due_grace_days') }} day
            {%- endif %},
            false
        ) as is_past_grace,
        -- Before the events began only the end is known: whoever has ended was once active.
        -- A trial converts when it ends, not when the event of it is rendered.
        case
            when states.is_reconstructed and bounded.valid_from < first_payments.paid_at
                then 'incomplete'
            when states.is_reconstructed and interrupted.status is not null
                then interrupted.status
            when
                states.is_reconstructed
                and states.status in ('canceled', 'past_due', 'trialing', 'unpaid')
                then 'active'
            when
                states.status = 'trialing'
                and bounded.valid_from >= states.trial_ends_at
                and states.next_status in ('active', 'past_due')
                then 'active'
            when states.status = 'canceled' then 'active'
            else states.status
        end as status_after_trial
    from bounded
    inner join states
        on
            bounded.account_id = states.account_id
            and bounded.subscription_id = states.subscription_id
            and bounded.valid_from >= states.valid_from
            and (states.valid_to is null or bounded.valid_from < states.valid_to)
    left join first_payments
        on
            bounded.account_id = first_payments.account_id
            and bounded.subscription_id = first_payments.subscription_id
    left join pauses
        on
            bounded.account_id = pauses.account_id
            and bounded.subscription_id = pauses.subscription_id
    left join interruptions as interrupted
        on
            bounded.account_id = interrupted.account_id
            and bounded.subscription_id = interrupted.subscription_id
            and bounded.valid_from >= interrupted.valid_from
            and bounded.valid_from < interrupted.valid_to
            and interrupted.status is not null
    left join interruptions as silences
        on
            bounded.account_id = silences.account_id
            and bounded.subscription_id = silences.subscription_id
            and bounded.valid_from >= silences.valid_from
            and bounded.valid_from < silences.valid_to
            and silences.pause_behavior is not null
    left join holes
        on
            bounded.account_id = holes.account_id
            and bounded.valid_from >= holes.begins_at
            and bounded.valid_from < holes.ends_at
),

final as (
    select
        account_id,
        subscription_id,
        customer_id,
        currency,
        started_at,
        ended_at,
        valid_from,
        valid_to,
        source,
        is_reconstructed,
        trial_started_at,
        pause_behavior,
        is_state_estimated,
        discount_ids,
        hides_discounts,
        case
            when is_in_trial and status_after_trial in ('active', 'past_due', 'trialing', 'paused')
                then 'trialing'
            else status_after_trial
        end as status,
        status_after_trial in ('active', 'past_due') and not is_in_trial as is_active,
        status_after_trial in ('active', 'past_due')
        and not is_in_trial
        and not is_past_grace
        {% if policy('cancel_request_ends_mrr') == 'true' -%}
        and not is_cancel_requested
        {% endif -%}
        {% if policy('count_keep_as_draft') == 'true' -%}
        and coalesce(pause_behavior, 'keep_as_draft') = 'keep_as_draft'
        {% else -%}
        and pause_behavior is null
        {% endif -%}
        as has_mrr
    from stated
)

select * from final
