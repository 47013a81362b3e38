{#-
The choices that docs/metrics.md §12 leaves open, by preset. `policy(name)` is the var where one
is set, else the environment variable of the same name, else what the preset says. A value that
is not in the table is refused, whoever gave it.
-#}

{% macro presets() %}
    {% do return({
        'default': {
            'mrr_discounts': 'forever',
            'cancel_request_ends_mrr': 'false',
            'past_due_grace_days': 'unlimited',
            'count_keep_as_draft': 'true',
            'reactivation_window_days': 'unlimited',
            'ltv_gross_margin': '1',
            'reporting_currency': '',
            'exchange_rates_table': '',
            'exchange_rate_max_age_days': '0',
        },
        'stripe_dashboard': {'cancel_request_ends_mrr': 'true'},
        'profitwell': {'mrr_discounts': 'all'},
    }) %}
{% endmacro %}

{#- What each choice may be: a pattern for the whole value, and the same in words. -#}
{% macro permitted_policies() %}
    {% do return({
        'preset': ['default|stripe_dashboard|profitwell', 'one of default, stripe_dashboard, profitwell'],
        'mrr_discounts': ['forever|all|none', 'one of forever, all, none'],
        'cancel_request_ends_mrr': ['true|false', 'true or false'],
        'past_due_grace_days': ['unlimited|[0-9]{1,5}', 'a number of days or unlimited'],
        'count_keep_as_draft': ['true|false', 'true or false'],
        'reactivation_window_days': ['unlimited|[0-9]{1,5}', 'a number of days or unlimited'],
        'ltv_gross_margin': ['0([.][0-9]{1,6})?|1([.]0{1,6})?', 'a decimal from 0 to 1, such as 0.8'],
        'reporting_currency': ['([a-z]{3})?', 'a currency of three letters, or empty'],
        'exchange_rates_table': [
            '([a-z_][a-z0-9_]*([.][a-z_][a-z0-9_]*){0,2})?', 'a table, such as operator.rates, or empty'
        ],
        'exchange_rate_max_age_days': ['[0-9]{1,5}', 'a number of days'],
    }) %}
{% endmacro %}

{#- A value as it was given, by var or by environment; empty where it was not. -#}
{% macro given(name) %}
    {% set chosen = var(name, '') | string | lower | trim %}
    {% set chosen = chosen or (env_var('DASHTRAY_' ~ (name | upper), '') | lower | trim) %}
    {% set pattern, words = permitted_policies()[name] %}
    {% if chosen and not modules.re.fullmatch(pattern, chosen) %}
        {{ exceptions.raise_compiler_error(
            name ~ " '" ~ chosen ~ "' is unknown; it must be " ~ words
        ) }}
    {% endif %}
    {% do return(chosen) %}
{% endmacro %}

{% macro policy(name) %}
    {% set preset = given('preset') or 'default' %}
    {% do return(given(name) or presets()[preset].get(name, presets()['default'][name])) %}
{% endmacro %}

{#- Whether a source of docs/metrics.md §5 may tell of the past. -#}
{% macro tells(source) %}
    {% set known = ['observed', 'event', 'invoice_line', 'current'] %}
    {% for chosen in var('history_sources') if chosen not in known %}
        {{ exceptions.raise_compiler_error(
            "history_sources names '" ~ chosen
            ~ "', which is unknown; choose among " ~ (known | join(', '))
        ) }}
    {% endfor %}
    {% do return(source in var('history_sources')) %}
{% endmacro %}

{#- Behind an import CTE: no rows of a source that may not tell. -#}
{% macro where_told_by(source) -%}
    {{ 'where true' if tells(source) else 'where false' }}
{%- endmacro %}

{#- The monthly factor of an interval as its numerator (part 0) or denominator (part 1). -#}
{% macro monthly_factor(interval, part) -%}
    {%- set factors = var('monthly_factors') -%}
    {%- if factors.keys() | sort != ['day', 'month', 'week', 'year'] -%}
        {{ exceptions.raise_compiler_error(
            "monthly_factors must name year, month, week and day, each once; it names "
            ~ (factors.keys() | join(', '))
        ) }}
    {%- endif -%}
    case {{ interval }}
        {% for name, factor in factors.items() -%}
        {%- if not modules.re.fullmatch('[1-9][0-9]{0,5}/[1-9][0-9]{0,5}', factor | string) -%}
        {{ exceptions.raise_compiler_error(
            "monthly_factors: '" ~ factor ~ "' of " ~ name
            ~ " is unknown; it must be a fraction, such as 365/12"
        ) }}
        {%- endif -%}
        when '{{ name }}' then {{ (factor | string).split('/')[part] }}
        {% endfor -%}
    end
{%- endmacro %}
