{#- Stripe's dashboard, where every number ends: docs/metrics.md §9. -#}

{#- The page of one object; NULL without an id. `is_live` tells test mode from real money. -#}
{% macro stripe_url(page, id, account_id='account_id', is_live='is_live') -%}
    'https://dashboard.stripe.com/' || {{ account_id }}
    || case when {{ is_live }} then '/' else '/test/' end
    || '{{ page }}/' || {{ id }}
{%- endmacro %}
