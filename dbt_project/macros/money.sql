{#-
Money as docs/metrics.md §0 has it: minor units by Stripe's exponents on the way in, major
units in the marts. MRR travels in micro-minor units (10⁻⁶ of a minor unit, an integer).
-#}

{% macro zero_decimal_currencies() -%}
    ('bif', 'clp', 'djf', 'gnf', 'jpy', 'kmf', 'krw', 'mga', 'pyg', 'rwf', 'vnd', 'vuv', 'xaf', 'xof', 'xpf')
{%- endmacro %}

{% macro three_decimal_currencies() -%}
    ('bhd', 'jod', 'kwd', 'omr', 'tnd')
{%- endmacro %}

{#- 10 to the power (3 − exponent): thousandths of a major unit in one minor unit. -#}
{% macro thousandths_per_minor(currency) -%}
    case
        when {{ currency }} in {{ zero_decimal_currencies() }} then 1000
        when {{ currency }} in {{ three_decimal_currencies() }} then 1
        else 10
    end
{%- endmacro %}

{#- Integer minor units to DECIMAL(18, 3) major units. -#}
{% macro major(minor, currency) -%}
    cast(
        cast({{ minor }} * {{ thousandths_per_minor(currency) }} as decimal(18, 0))
        * cast(0.001 as decimal(3, 3)) as decimal(18, 3)
    )
{%- endmacro %}

{#- Micro-minor units to DECIMAL(38, 9) major units. -#}
{% macro major_of_micros(micros, currency) -%}
    cast(
        cast({{ micros }} * {{ thousandths_per_minor(currency) }} as decimal(38, 0))
        * cast(0.000000001 as decimal(9, 9)) as decimal(38, 9)
    )
{%- endmacro %}

{#- DECIMAL(18, 3) major units back to integer minor units. -#}
{% macro minor(major, currency) -%}
    (cast({{ major }} * 1000 as bigint) // {{ thousandths_per_minor(currency) }})
{%- endmacro %}
