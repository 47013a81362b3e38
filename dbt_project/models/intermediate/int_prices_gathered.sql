with listed as (
    select * from {{ ref('stg_stripe__prices') }}
),

versions as (
    select * from {{ ref('stg_stripe__subscription_versions') }}
),

events as (
    select * from {{ ref('stg_stripe__subscription_events') }}
),

-- Inline prices are in no list; the items that carry them are the only place to read them
-- where the source could not fetch them by id.
carried as (
    select distinct
        account_id,
        unnest(prices) as p
    from versions
    union
    select distinct
        account_id,
        unnest(prices) as p
    from events
),

harvested as (
    select
        account_id,
        p.id as price_id,
        {{ price_columns() }}
    from carried
    where
        p.id is not null
        and (account_id, p.id) not in (
            select (listed.account_id, listed.price_id) from listed
        )
    qualify row_number() over (
        partition by account_id, p.id
        order by len(coalesce(p.tiers, [])) desc, p.active
    ) = 1
),

gathered as (
    select
        * exclude (read_at, read_order, deletion_seen_at, staged_in),
        deletion_seen_at is not null as is_deleted,
        false as is_inline
    from listed
    union all by name
    select
        *,
        false as is_deleted,
        true as is_inline
    from harvested
),

final as (
    select
        *,
        {{ monthly_factor('billing_interval', 0) }} as monthly_numerator,
        {{ monthly_factor('billing_interval', 1) }} * interval_count as monthly_denominator
    from gathered
)

select * from final
