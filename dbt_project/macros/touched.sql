{#-
The models from a subscription's states to the MRR of its spans are kept from build to build, and
only the subscriptions that anything changed for are computed again: `int_subscriptions_touched`
names them. Each of these models computes a subscription from that subscription alone, so the
result is what a build of everything gives.

A change of the code itself touches everything. The caller says which code this is by
DASHTRAY_CODE_FINGERPRINT; without it these models are always built whole, and staging is not.
-#}

{% macro create_touched_state() %}
    create schema if not exists intermediate;
    create table if not exists intermediate.subscriptions_done (
        account_id varchar, subscription_id varchar, inputs ubigint, build bigint
    );
    alter table intermediate.subscriptions_done add column if not exists build bigint;
    create table if not exists intermediate.built_with (model varchar, code varchar)
{% endmacro %}

{#- What these models are made of beside their inputs; empty where that is not known. -#}
{% macro code_fingerprint() %}
    {% set code = env_var('DASHTRAY_CODE_FINGERPRINT', '') %}
    {% if not code %}
        {% do return('') %}
    {% endif %}
    {% set choices = [] %}
    {% for name in presets()['default'] %}
        {% do choices.append(policy(name)) %}
    {% endfor %}
    {% do return(local_md5(
        tojson([code, choices, var('history_sources'), var('monthly_factors')])
    )) %}
{% endmacro %}

{#-
dbt's own question, which it asks before each incremental model; see above. A staging model reads
all loads again after the code changed: its columns may be others than those of the table.
-#}
{% macro should_full_refresh() %}
    {% set asked = config.get('full_refresh') %}
    {% if flags.FULL_REFRESH or asked %}
        {% do return(true) %}
    {% endif %}
    {% if not execute %}
        {% do return(false) %}
    {% endif %}
    {#- Other commands do not make the table that tells. -#}
    {% set told = flags.WHICH in ('build', 'run') %}
    {% if config.get('meta', {}).get('follows_touched') %}
        {% set code = code_fingerprint() %}
        {% do return(not (code and told and was_built_with(code))) %}
    {% endif %}
    {% if config.get('meta', {}).get('is_kept') %}
        {% do return(this.name not in kept_until([this.name])) %}
    {% endif %}
    {% set code = env_var('DASHTRAY_CODE_FINGERPRINT', '') %}
    {% do return(code and told and not was_built_with(code)) %}
{% endmacro %}

{% macro was_built_with(code) %}
    {% set built = run_query(
        "select 1 from intermediate.built_with where model = '" ~ this.name
        ~ "' and code = '" ~ code ~ "'"
    ) %}
    {% do return(built | length > 0) %}
{% endmacro %}

{#- The import of such a model: the rows of the subscriptions that are to be computed again. -#}
{% macro touched_of(relation) -%}
    {%- set touched = ref('int_subscriptions_touched') -%}
    select known.*
    from {{ relation }} as known
    {% if is_incremental() -%}
    inner join {{ touched }} as touched
        on
            known.account_id = touched.account_id
            and known.subscription_id = touched.subscription_id
    {% endif -%}
{%- endmacro %}

{#- The pre-hook of such a model: what it held of them goes. -#}
{% macro forget_touched() %}
    {% if is_incremental() %}
    delete from {{ this }} as known
    using {{ ref('int_subscriptions_touched') }} as touched
    where
        known.account_id = touched.account_id
        and known.subscription_id = touched.subscription_id
    {% endif %}
{% endmacro %}

{#- The post-hook of a model that is kept: the code that it was built with. -#}
{% macro remember_code(code=none) %}
    {% if not is_incremental() %}
    delete from intermediate.built_with where model = '{{ this.name }}';
    insert into intermediate.built_with
    values ('{{ this.name }}', '{{ code_fingerprint() if code is none else code }}')
    {% endif %}
{% endmacro %}

{#- The last post-hook of the last of them: all of it is done. -#}
{% macro remember_touched() %}
    delete from intermediate.subscriptions_done as done
    using {{ ref('int_subscriptions_touched') }} as touched
    where
        done.account_id = touched.account_id
        and done.subscription_id = touched.subscription_id;
    insert into intermediate.subscriptions_done
    select
        account_id,
        subscription_id,
        inputs,
        {{ this_build() }} as build
    from {{ ref('int_subscriptions_touched') }}
    where inputs is not null
{% endmacro %}
