{{ config(post_hook="{{ remember_listing(
    ['int_attempts_touched', 'fct_payment_attempts', 'fct_refunds']
) }}") }}
{%- set since = done_until(['fct_revenue_lines']) %}
{%- set lines = kept_relation('marts', 'fct_revenue_lines') %}

with touched as (
    select * from {{ ref('int_attempts_touched') }}
),

attempts as (
    select * from {{ ref('fct_payment_attempts') }}
),

refunds as (
    select * from {{ ref('fct_refunds') }}
),

staged_refunds as (
    select * from {{ ref('stg_stripe__refunds') }}
),

disputes as (
    select * from {{ ref('stg_stripe__disputes') }}
),

dispute_transactions as (
    select * from {{ ref('stg_stripe__dispute_balance_transactions') }}
),

charges as (
    select * from {{ ref('stg_stripe__charges') }}
),

customers as (
    select * from {{ ref('stg_stripe__customers') }}
),

clock as (
    select * from {{ ref('int_accounts_clocked') }}
),

moved as (
    {{ moved_accounts(['fct_revenue_lines']) }}
),

-- A sync lists what was made while it ran; if midnight passed meanwhile, that is of a day which
-- the account had not reached when the lines were made.
days_done as (
    select
        clock.account_id,
        least(clock.today, clocks_done.today) as last_day
    from clock
    inner join intermediate.clocks_done as clocks_done
        on
            clock.account_id = clocks_done.account_id
            and clocks_done.model = 'fct_revenue_lines'
),

later as (
    select
        attempts.account_id,
        attempts.attempt_id as charge_id
    from attempts
    inner join days_done
        on
            attempts.account_id = days_done.account_id
            and attempts.day > days_done.last_day
    union all
    select
        refunds.account_id,
        refunds.charge_id
    from refunds
    inner join days_done
        on
            refunds.account_id = days_done.account_id
            and refunds.day > days_done.last_day
    union all
    -- Their local day is no more than a day off.
    select
        dispute_transactions.account_id,
        dispute_transactions.charge_id
    from dispute_transactions
    inner join days_done
        on
            dispute_transactions.account_id = days_done.account_id
            and dispute_transactions.created_at > days_done.last_day - interval 1 day
),

of_moved as (
    select
        account_id,
        charge_id
    from charges
    where account_id in (select moved.account_id from moved)
    union all
    select
        account_id,
        charge_id
    from refunds
    where account_id in (select moved.account_id from moved)
    union all
    select
        account_id,
        charge_id
    from disputes
    where account_id in (select moved.account_id from moved)
    {% if lines %}
    union all
    select
        lines.account_id,
        lines.charge_id
    from {{ lines }} as lines
    where lines.account_id in (select moved.account_id from moved)
    {% endif %}
),

changed as (
    select
        account_id,
        attempt_id as charge_id
    from touched
    union all
    select
        account_id,
        charge_id
    from staged_refunds
    where staged_in > {{ since }}
    union all
    select
        account_id,
        charge_id
    from disputes
    where staged_in > {{ since }}
    union all
    -- Where the charge itself does not say of which country it is, its customer does.
    select
        charges.account_id,
        charges.charge_id
    from charges
    inner join customers
        on
            charges.account_id = customers.account_id
            and charges.customer_id = customers.customer_id
            and customers.staged_in > {{ since }}
    where charges.country is null
    union all
    select * from later
    union all
    select * from of_moved
),

final as (
    select distinct
        account_id,
        charge_id
    from changed
    where charge_id is not null
)

select * from final
