{#-
The choices that docs/metrics.md leaves open, by preset. `policy(name)` is the var where one
is set, else what the preset says.
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
        },
        'stripe_dashboard': {'cancel_request_ends_mrr': 'true'},
        'profitwell': {'mrr_discounts': 'all'},
    }) %}
{% endmacro %}

{% macro policy(name) %}
    {% set preset = var('preset') %}
    {% if preset not in presets() %}
        {{ exceptions.raise_compiler_error(
            "preset '" ~ preset ~ "' is unknown; choose one of " ~ (presets().keys() | join(', '))
        ) }}
    {% endif %}
    {% set chosen = var(name, '') | string | lower %}
    {% do return(chosen or presets()[preset].get(name, presets()['default'][name])) %}
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
    case {{ interval }}
        {% for name, factor in var('monthly_factors').items() -%}
        when '{{ name }}' then {{ (factor ~ '/1').split('/')[part] }}
        {% endfor -%}
    end
{%- endmacro %}
