{#-
Exact arithmetic. Money and rates are integers until the last step; DuckDB's `/` would turn a
DECIMAL into a DOUBLE, so it is used nowhere. A sum or product beyond HUGEINT raises an error.
-#}

{#- n ÷ d rounded half-up (away from zero) to an integer; NULL where d is 0 or NULL. -#}
{% macro half_up(n, d) -%}
    cast(
        sign({{ n }}) * ((2 * abs(cast({{ n }} as hugeint)) + abs({{ d }}))
        // nullif(2 * cast(abs({{ d }}) as hugeint), 0)) as hugeint
    )
{%- endmacro %}

{#- n ÷ d as DECIMAL(precision, 6), rounded once. -#}
{% macro ratio(n, d, precision=18) -%}
    cast(
        cast({{ half_up('(' ~ n ~ ') * cast(1000000 as hugeint)', d) }} as decimal(38, 0))
        * cast(0.000001 as decimal(6, 6)) as decimal({{ precision }}, 6)
    )
{%- endmacro %}

{#- A decimal string as an integer number of 10⁻¹² units. -#}
{% macro twelfths(text) -%}
    cast(replace(cast(cast({{ text }} as decimal(38, 12)) as varchar), '.', '') as hugeint)
{%- endmacro %}

{#- MRR in major units ÷ paying customers, in one fraction. -#}
{% macro arpu(mrr_micros, subscribers, currency) -%}
    {{ ratio(
        mrr_micros ~ ' * ' ~ thousandths_per_minor(currency),
        '(cast(1000000000 as hugeint) * ' ~ subscribers ~ ')',
        38
    ) }}
{%- endmacro %}

{#-
ARPU × margin ÷ customer churn rate in one fraction: mrr × margin × exposed ÷ (subscribers ×
churned). The margin is a decimal, such as 0.8.
-#}
{% macro ltv(mrr_micros, subscribers, churned, exposed, currency) -%}
    {%- set margin = policy('ltv_gross_margin') -%}
    {%- set decimals = (margin ~ '.').split('.')[1] | length -%}
    {{ ratio(
        mrr_micros ~ ' * ' ~ thousandths_per_minor(currency) ~ ' * ' ~ exposed
        ~ ' * ' ~ (margin | replace('.', '') | int),
        '(cast(1000000000 as hugeint) * ' ~ subscribers ~ ' * ' ~ churned
        ~ ' * ' ~ (10 ** decimals) ~ ')',
        38
    ) }}
{%- endmacro %}
