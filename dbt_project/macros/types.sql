{#- Small readers of Stripe's JSON: times, ids that may be expanded, exact decimals. -#}

{% macro utc(unix_seconds) -%}
    make_timestamp({{ unix_seconds }} * 1000000)
{%- endmacro %}

{#- A field that holds either an id or, expanded, the object itself. -#}
{% macro id_of(field) -%}
    case when left({{ field }}, 1) = '{' then {{ field }} ->> '$.id' else {{ field }} end
{%- endmacro %}

{#- The calendar day of an instant where the account lives. -#}
{% macro local_day(instant, time_zone) -%}
    cast(timezone({{ time_zone }}, timezone('UTC', {{ instant }})) as date)
{%- endmacro %}
