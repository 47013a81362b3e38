{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['account_id', 'stripe_account_id'],
    on_schema_change='fail',
    post_hook="{{ remember_loads() }}"
) }}

with landed as not materialized (
    {{ landed('accounts') }}
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
            '{
                "country": "VARCHAR", "default_currency": "VARCHAR", "created": "BIGINT",
                "business_profile": {"name": "VARCHAR"},
                "settings": {"dashboard": {"timezone": "VARCHAR", "display_name": "VARCHAR"}}
            }'
        ) as a
    from newest
),

renamed as (
    select
        account_id,
        id as stripe_account_id,
        read_at,
        read_order,
        deletion_seen_at,
        {{ utc('a.created') }} as created_at,
        coalesce(a.settings.dashboard.display_name, a.business_profile.name) as name,
        a.country,
        lower(a.default_currency) as default_currency,
        a.settings.dashboard.timezone as time_zone
    from parsed
),

final as (
    {{ newest_of_landed_and_known('renamed', 'landed', 'stripe_account_id') }}
)

select * from final
