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

{#- The monthly factor of an interval as its numerator (part 0) or denominator (part 1). -#}
{% macro monthly_factor(interval, part) -%}
    case {{ interval }}
        {% for name, factor in var('monthly_factors').items() -%}
        when '{{ name }}' then {{ (factor ~ '/1').split('/')[part] }}
        {% endfor -%}
    end
{%- endmacro %}
