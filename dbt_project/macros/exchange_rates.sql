{#- The operator's exchange rates, where docs/metrics.md §10 finds them. -#}

{#-
The file that `dashtray rates import` writes, or the one that DASHTRAY_EXCHANGE_RATES names; by
default `exchange_rates.csv` beside the warehouse.
-#}
{% macro exchange_rates_path() %}
    {% set chosen = env_var('DASHTRAY_EXCHANGE_RATES', '') | trim %}
    {% if chosen %}{% do return(chosen) %}{% endif %}
    {% set warehouse = env_var('DASHTRAY_WAREHOUSE_PATH') %}
    {% set folder, slash, _ = warehouse.rpartition('/') %}
    {% do return(folder ~ slash ~ 'exchange_rates.csv') %}
{% endmacro %}

{#-
Whether there is a file to read. None by default is no rates; one that was asked for and is not
there is a mistake.
-#}
{% macro has_exchange_rates_file() %}
    {% if not execute or not policy('reporting_currency') or policy('exchange_rates_table') %}
        {% do return(false) %}
    {% endif %}
    {% set path = exchange_rates_path() %}
    {% set found = run_query("select count(*) from glob('" ~ path | replace("'", "''") ~ "')") %}
    {% if found.columns[0][0] > 0 %}{% do return(true) %}{% endif %}
    {% if env_var('DASHTRAY_EXCHANGE_RATES', '') | trim %}
        {{ exceptions.raise_compiler_error(
            "DASHTRAY_EXCHANGE_RATES names '" ~ path ~ "', which is not there. Put a CSV with the"
            ~ " columns date,from_currency,to_currency,rate there, or unset it."
        ) }}
    {% endif %}
    {% do return(false) %}
{% endmacro %}
