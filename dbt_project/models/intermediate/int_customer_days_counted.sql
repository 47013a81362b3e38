with customers as (
    select * from {{ ref('stg_stripe__customers') }}
),

events as (
    select * from {{ ref('stg_stripe__events') }}
),

subscriptions as (
    select * from {{ ref('stg_stripe__subscriptions') }}
),

clock as (
    select * from {{ ref('int_accounts_clocked') }}
),

deletions as (
    select
        account_id,
        object_id as customer_id,
        min(object_created_at) as created_at,
        max(created_at) as deleted_at
    from events
    where event_type = 'customer.deleted'
    group by account_id, object_id
),

last_ends as (
    select
        account_id,
        customer_id,
        case when bool_and(ended_at is not null) then max(ended_at) end as ended_at
    from subscriptions
    group by account_id, customer_id
),

known as (
    select
        account_id,
        customer_id,
        created_at,
        deletion_seen_at
    from customers
    union all
    select
        account_id,
        customer_id,
        created_at,
        null as deletion_seen_at
    from deletions
    where
        created_at is not null
        and (account_id, customer_id) not in (
            select (customers.account_id, customers.customer_id) from customers
        )
),

-- Stripe forgets the deleted: its event dates the deletion, else the end of the customer's
-- subscriptions, else the sync that found it gone.
lifetimes as (
    select
        known.account_id,
        known.customer_id,
        known.created_at,
        case
            when deletions.deleted_at is not null or known.deletion_seen_at is not null
                then coalesce(deletions.deleted_at, last_ends.ended_at, known.deletion_seen_at)
        end as deleted_at
    from known
    left join deletions
        on
            known.account_id = deletions.account_id
            and known.customer_id = deletions.customer_id
    left join last_ends
        on
            known.account_id = last_ends.account_id
            and known.customer_id = last_ends.customer_id
),

dated as (
    select
        lifetimes.account_id,
        lifetimes.customer_id,
        {{ local_day('lifetimes.created_at', 'clock.time_zone') }} as created_day,
        case
            when lifetimes.deleted_at <= clock.now_at
                then {{ local_day('lifetimes.deleted_at', 'clock.time_zone') }}
        end as deleted_day
    from lifetimes
    inner join clock
        on lifetimes.account_id = clock.account_id
    where lifetimes.created_at <= clock.now_at
),

changes as (
    select
        account_id,
        created_day as day,
        1 as customers,
        1 as new_customers
    from dated
    union all
    select
        account_id,
        deleted_day as day,
        -1 as customers,
        0 as new_customers
    from dated
    where deleted_day is not null
),

final as (
    select
        account_id,
        day,
        cast(sum(customers) as bigint) as customers_change,
        cast(sum(new_customers) as bigint) as new_customers
    from changes
    group by account_id, day
)

select * from final
