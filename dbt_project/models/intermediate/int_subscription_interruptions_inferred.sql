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

cycles as (
    {{ touched_of(ref('int_subscription_cycles_billed')) }}
),

invoices as (
    {{ touched_of(ref('stg_stripe__invoices')) }}
    {{ where_told_by('invoice_line') }}
),

attempts as (
    select * from {{ ref('fct_payment_attempts') }} {{ where_told_by('invoice_line') }}
),

clock as (
    select * from {{ ref('int_accounts_clocked') }}
),

paid_cycles as (
    select
        account_id,
        subscription_id,
        max(period_starts_at) as period_starts_at
    from cycles
    where status not in ('void', 'uncollectible', 'draft')
    group by account_id, subscription_id
),

-- Unpaid before the events begin: since the retries of the newest invoice that they could not
-- collect came to an end, else since invoices are no longer collected, else since this period.
failures as (
    select
        invoices.account_id,
        invoices.subscription_id,
        invoices.created_at,
        coalesce(invoices.paid_at, 'infinity') as paid_at,
        attempts.attempted_at
    from invoices
    inner join attempts
        on
            invoices.account_id = attempts.account_id
            and invoices.invoice_id = attempts.invoice_id
            and attempts.outcome = 'failed'
    where invoices.subscription_id is not null
),

last_failures as (
    select
        states.account_id,
        states.subscription_id,
        max({'created_at': failures.created_at, 'attempted_at': failures.attempted_at})
            as failure
    from states
    inner join failures
        on
            states.account_id = failures.account_id
            and states.subscription_id = failures.subscription_id
            and failures.attempted_at < states.valid_to
            and states.valid_to <= failures.paid_at
    where states.is_reconstructed and states.status = 'unpaid'
    group by states.account_id, states.subscription_id
),

first_drafts as (
    select
        states.account_id,
        states.subscription_id,
        min(cycles.period_starts_at) as period_starts_at
    from states
    inner join cycles
        on
            states.account_id = cycles.account_id
            and states.subscription_id = cycles.subscription_id
            and cycles.status = 'draft'
            and cycles.period_starts_at < states.valid_to
    left join paid_cycles as paid
        on
            states.account_id = paid.account_id
            and states.subscription_id = paid.subscription_id
    where
        states.is_reconstructed
        and states.status = 'unpaid'
        and cycles.period_starts_at > coalesce(paid.period_starts_at, '-infinity')
    group by states.account_id, states.subscription_id
),

defaults as (
    select
        states.account_id,
        states.subscription_id,
        coalesce(
            last_failures.failure.attempted_at,
            first_drafts.period_starts_at,
            states.period_started_at
        ) as unpaid_from
    from states
    left join last_failures
        on
            states.account_id = last_failures.account_id
            and states.subscription_id = last_failures.subscription_id
    left join first_drafts
        on
            states.account_id = first_drafts.account_id
            and states.subscription_id = first_drafts.subscription_id
    where states.is_reconstructed and states.status = 'unpaid'
),

billed as (
    select
        account_id,
        subscription_id,
        unnest(list_transform(lines, lambda l: l.period_starts_at)) as period_starts_at
    from invoices
    where subscription_id is not null
),

-- A trial that ended without a way to pay, and was resumed or canceled before the events begin:
-- nothing is billed from its end until then.
resumed_trials as (
    select
        states.account_id,
        states.subscription_id,
        any_value(states.trial_ends_at) as paused_from,
        coalesce(
            min(billed.period_starts_at),
            any_value(case when states.status = 'canceled' then states.valid_to end)
        ) as paused_to
    from states
    inner join clock
        on
            states.account_id = clock.account_id
            and states.trial_ends_at >= clock.history_started_at
    left join billed
        on
            states.account_id = billed.account_id
            and states.subscription_id = billed.subscription_id
            and states.trial_ends_at <= billed.period_starts_at
    where
        states.is_reconstructed
        and states.trial_ends_at < states.valid_to
        and states.status in ('active', 'past_due', 'unpaid', 'canceled')
    group by states.account_id, states.subscription_id
),

-- Collection that was paused and resumed before the events begin: cycle invoices that were
-- written off as soon as they were final, without an attempt, until one that was not.
followed_cycles as (
    select
        *,
        status in ('void', 'uncollectible')
        and attempt_count = 0
        and coalesce(voided_at, marked_uncollectible_at)
        <= coalesce(finalized_at, created_at) + interval 1 hour as is_silent,
        lead(period_starts_at) over (
            partition by account_id, subscription_id
            order by period_starts_at
        ) as next_starts_at
    from cycles
    where period_starts_at is not null
),

silences as (
    select
        account_id,
        subscription_id,
        period_starts_at as valid_from,
        next_starts_at as valid_to
    from (
        select
            *,
            max(period_starts_at) filter (where not is_silent) over (
                partition by account_id, subscription_id
            ) as last_billed_at
        from followed_cycles
    )
    where is_silent and period_starts_at < last_billed_at
),

final as (
    select
        defaults.account_id,
        defaults.subscription_id,
        defaults.unpaid_from as valid_from,
        states.valid_to,
        'unpaid' as status,
        cast(null as varchar) as pause_behavior
    from defaults
    inner join states
        on
            defaults.account_id = states.account_id
            and defaults.subscription_id = states.subscription_id
            and states.is_reconstructed
    union all
    select
        account_id,
        subscription_id,
        paused_from as valid_from,
        paused_to as valid_to,
        'paused' as status,
        null as pause_behavior
    from resumed_trials
    where paused_from < paused_to
    union all
    select
        account_id,
        subscription_id,
        valid_from,
        valid_to,
        null as status,
        'void' as pause_behavior
    from silences
)

select * from final
