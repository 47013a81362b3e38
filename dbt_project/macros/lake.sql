{#-
What differs where the warehouse is a lake (docs/decisions/0032). Models do not know it.
-#}

{% macro is_lake() %}
    {% do return(target.name == 'lake') %}
{% endmacro %}

{#-
Parquet has no 128-bit integers, and DuckDB writes them as DOUBLE without a word, which is exact to
2^53 only. So a lake keeps these columns as DECIMAL(38, 0), and whoever reads such a model gets
HUGEINT again, with the same arithmetic. All of them are in the schema `intermediate`.
-#}
{% macro wide_columns() %}
    {% do return({
        'int_customer_months_watched': [
            'cohort_opening_micros', 'cohort_kept_micros', 'cohort_closing_micros'
        ],
        'int_customer_mrr_changed': ['opening_micros', 'change_micros', 'closing_micros'],
        'int_days_measured': [
            'mrr_gross_micros', 'mrr_micros', 'mrr_net_micros', 'estimated_mrr_micros',
            'cohort_opening_micros', 'cohort_kept_micros', 'cohort_closing_micros',
            'mrr_new_micros', 'mrr_new_30d_micros', 'mrr_reactivation_micros',
            'mrr_reactivation_30d_micros', 'mrr_expansion_micros', 'mrr_expansion_30d_micros',
            'mrr_contraction_micros', 'mrr_contraction_30d_micros', 'mrr_churn_micros',
            'mrr_churn_30d_micros'
        ],
        'int_discounts_gathered': ['kept_numerator', 'kept_denominator'],
        'int_mrr_days_summed': [
            'mrr_gross_micros', 'mrr_micros', 'mrr_net_micros', 'estimated_mrr_micros',
            'mrr_new_micros', 'mrr_reactivation_micros', 'mrr_expansion_micros',
            'mrr_contraction_micros', 'mrr_churn_micros', 'cohort_opening_micros',
            'cohort_kept_micros', 'cohort_closing_micros'
        ],
        'int_subscription_item_spans_merged': ['mrr_gross_micros', 'mrr_micros', 'mrr_net_micros'],
        'int_subscription_item_spans_valued': ['mrr_gross_micros', 'mrr_micros', 'mrr_net_micros'],
        'int_subscription_items_discounted': ['amount_numerator', 'amount_denominator'],
        'int_subscription_items_priced': [
            'monthly_numerator', 'monthly_denominator', 'amount_numerator', 'amount_denominator',
            'untaxed_numerator', 'untaxed_denominator'
        ]
    }) %}
{% endmacro %}

{% macro duckdb__create_table_as(
    temporary, relation, compiled_code, language='sql', partitioned_by=none, sorted_by=none
) -%}
    {%- set code = as_kept_in_a_lake(compiled_code) if is_lake() else compiled_code -%}
    {{ dbt.duckdb__create_table_as(
        temporary, relation, code, language, partitioned_by=partitioned_by, sorted_by=sorted_by
    ) }}
{%- endmacro %}

{% macro as_kept_in_a_lake(compiled_code) %}
    {% set code = namespace(text=compiled_code) %}
    {% for name, columns in wide_columns().items() if name != model.name %}
        {% set relation = '"' ~ target.database ~ '"."intermediate"."' ~ name ~ '"' %}
        {% set code.text = code.text | replace(
            relation, '(' ~ with_types(relation, columns, 'hugeint') ~ ')'
        ) %}
    {% endfor %}
    {% if model.name in wide_columns() %}
        {% set code.text = with_types(
            '(' ~ code.text ~ ')', wide_columns()[model.name], 'decimal(38, 0)'
        ) %}
    {% endif %}
    {% do return(code.text) %}
{% endmacro %}

{% macro with_types(relation, columns, type) %}
    {% set casts = [] %}
    {% for column in columns %}
        {% do casts.append('cast(' ~ column ~ ' as ' ~ type ~ ') as ' ~ column) %}
    {% endfor %}
    {% do return('select * replace (' ~ casts | join(', ') ~ ') from ' ~ relation) %}
{% endmacro %}

{#- The end of a build: no column was forgotten, which would lose digits in silence. -#}
{% macro require_exact_types() %}
    {% if execute and is_lake() %}
        {% set inexact = run_query(
            "select schema_name || '.' || table_name || '.' || column_name from duckdb_columns()"
            " where database_name = current_database() and data_type like '%HUGEINT%'"
            " and (schema_name, table_name) in (select (schema_name, table_name)"
            " from duckdb_tables() where database_name = current_database())"
        ).columns[0].values() %}
        {% if inexact %}
            {{ exceptions.raise_compiler_error(
                "A lake cannot keep 128-bit integers exactly: cast " ~ inexact | join(', ')
                ~ " to another type, or name it in wide_columns() of macros/lake.sql."
            ) }}
        {% endif %}
    {% endif %}
{% endmacro %}

{#-
A new table under an old name makes DuckLake read its whole catalogue again, in every transaction
that follows; new rows in the old table do not. So a table is emptied and filled, in one
transaction, as long as it is made by the same code.
-#}
{% materialization table, adapter='duckdb' %}
    {% if not is_lake() %}
        {% do return(dbt.materialization_table_duckdb()) %}
    {% endif %}
    {% set former = load_cached_relation(this) %}
    {% set target = this.incorporate(type='table') %}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% if former is not none and former.is_table and was_built_with(code_fingerprint()) %}
        {% call statement('main') -%}
            delete from {{ target }};
            -- A contract may have another order of columns than the model.
            insert into {{ target }} by name
            {{ as_kept_in_a_lake(compiled_code) }}
        {%- endcall %}
    {% else %}
        {% if former is not none %}
            {% do drop_relation(former) %}
        {% endif %}
        {% call statement('main') -%}
            {{ create_table_as(False, target, compiled_code) }}
        {%- endcall %}
        {% call statement('remember') -%}
            delete from intermediate.built_with where model = '{{ this.name }}';
            insert into intermediate.built_with values ('{{ this.name }}', '{{ code_fingerprint() }}')
        {%- endcall %}
    {% endif %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}
