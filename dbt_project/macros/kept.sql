{#-
The facts of payments and of spans are kept from build to build, and only what changed is computed
again.

Builds are numbered. A row of staging says in which build it was last staged (`staged_in`), a fact
until which build it is done (`facts_done`) and by which clock of each account (`clocks_done`); both
are written in the fact's own transaction, so a build that failed half-way leaves nothing out. The
`int_…_touched` models list the keys that anything was staged for since; a fact forgets those and
computes them from all that is staged about them, as a whole build would.

Built whole is a fact that was made by other code, or before a staging model was built whole: rows
that are gone from staging then leave no trace of a change.
-#}

{% macro create_kept_state() %}
    create table if not exists intermediate.build_number (build bigint);
    insert into intermediate.build_number
    select 0 where not exists (select 1 from intermediate.build_number);
    update intermediate.build_number set build = build + 1;
    create table if not exists intermediate.staged_whole (model varchar, build bigint);
    create table if not exists intermediate.facts_done (
        model varchar, code varchar, build bigint
    );
    create table if not exists intermediate.clocks_done (
        model varchar, account_id varchar, clock ubigint, today date, now_at timestamp
    );
    create table if not exists intermediate.payments_left (
        account_id varchar, payment_id varchar, build bigint
    )
{% endmacro %}

{#- The number of this build; other commands than those that make tables have none. -#}
{% macro this_build() %}
    {% if not execute or flags.WHICH not in ('build', 'run', 'test') %}
        {% do return('cast(0 as bigint)') %}
    {% endif %}
    {% set found = run_query('select build from intermediate.build_number') %}
    {% do return('cast(' ~ found.columns[0].values()[0] ~ ' as bigint)') %}
{% endmacro %}

{#- The facts that these macros keep and that depend on each other. -#}
{% macro payment_facts() %}
    {% do return(['fct_payment_attempts', 'fct_payments', 'fct_revenue_lines']) %}
{% endmacro %}

{% macro span_facts() %}
    {% do return([
        'int_subscription_item_spans_merged', 'fct_subscription_item_spans', 'fct_subscriptions',
        'int_customer_mrr_changed', 'fct_mrr_movements', 'fct_mrr_movement_items'
    ]) %}
{% endmacro %}

{#- Which of them go on from what they hold, each with the build until which it is done. -#}
{% macro kept_until(models) %}
    {% set code = code_fingerprint() if execute else '' %}
    {% if not code or flags.FULL_REFRESH or flags.WHICH not in ('build', 'run') %}
        {% do return({}) %}
    {% endif %}
    {% set found = run_query(
        "select model, build from intermediate.facts_done where code = '" ~ code ~ "'"
        ~ " and model in ('" ~ models | join("', '") ~ "') and build >= coalesce("
        ~ "(select max(build) from intermediate.staged_whole), 0)"
    ) %}
    {% set kept = {} %}
    {% for row in found.rows %}
        {% do kept.update({row[0]: row[1] | int}) %}
    {% endfor %}
    {% do return(kept) %}
{% endmacro %}

{#- What is staged later than this is new to one of these facts; nothing, if none is kept. -#}
{% macro done_until(models) %}
    {% do return(kept_until(models).values() | min | default(9223372036854775807, true)) %}
{% endmacro %}

{#- All of an account that decides about its facts; `today` moves on by itself. -#}
{% macro clock_mark(clock) -%}
    hash({{ clock }}.time_zone, {{ clock }}.is_live, {{ clock }}.history_started_at,
        {{ clock }}.first_day)
{%- endmacro %}

{#- The accounts whose clock is another than the one by which these facts were made. -#}
{% macro moved_accounts(models) -%}
    {%- set kept = kept_until(models).keys() | list -%}
    select clock.account_id
    from {{ ref('int_accounts_clocked') }} as clock
    left join (
        select
            account_id,
            clock,
            count(*) as facts
        from intermediate.clocks_done
        where model in ('{{ kept | join("', '") }}')
        group by account_id, clock
    ) as done
        on
            clock.account_id = done.account_id
            and {{ clock_mark('clock') }} = done.clock
    where coalesce(done.facts, 0) < {{ kept | length }}
{%- endmacro %}

{#- The instants between the now by which these facts were made and the present one, by account. -#}
{% macro passed_times(models) -%}
    select
        clock.account_id,
        least(clock.now_at, min(done.now_at)) as passed_from,
        greatest(clock.now_at, max(done.now_at)) as passed_to
    from {{ ref('int_accounts_clocked') }} as clock
    inner join intermediate.clocks_done as done
        on clock.account_id = done.account_id
    where done.model in ('{{ kept_until(models).keys() | join("', '") }}')
    group by clock.account_id, clock.now_at
{%- endmacro %}

{#- A table of another model as the last build left it; none, if it is not there. -#}
{% macro kept_relation(schema, model) %}
    {% if execute %}
        {% do return(adapter.get_relation(this.database, schema, model)) %}
    {% endif %}
{% endmacro %}

{#- The import of a fact: rows whose key is listed as touched; with `or_null` also keyless ones. -#}
{% macro listed_of(relation, key, listing, listed_key=none, or_null=false) -%}
    {%- set listed_key = listed_key or key -%}
    select known.*
    from {{ relation }} as known
    {% if is_incremental() -%}
    {{ 'left' if or_null else 'inner' }} join {{ listing }} as touched
        on
            known.account_id = touched.account_id
            and known.{{ key }} = touched.{{ listed_key }}
    {% if or_null -%}
    where known.{{ key }} is null or touched.{{ listed_key }} is not null
    {%- endif %}
    {%- endif %}
{%- endmacro %}

{#- The pre-hook of a fact: the rows that are computed again go. -#}
{% macro forget_listed(key, listing, listed_key=none, or_null=false) %}
    {% set listed_key = listed_key or key %}
    {% if is_incremental() %}
    delete from {{ this }} as known
    using {{ listing }} as touched
    where
        known.account_id = touched.account_id
        and known.{{ key }} = touched.{{ listed_key }}
    {% if or_null %};
    delete from {{ this }} where {{ key }} is null
    {% endif %}
    {% endif %}
{% endmacro %}

{#- The pre-hook of the attempts: `fct_payments` must know which payments the touched ones left. -#}
{% macro forget_attempts(listing) %}
    {% if is_incremental() %}
    delete from intermediate.payments_left
    where build <= {{ done_until(['fct_payments']) }};
    insert into intermediate.payments_left
    select distinct
        known.account_id,
        known.payment_id,
        {{ this_build() }} as build
    from {{ this }} as known
    inner join {{ listing }} as touched
        on
            known.account_id = touched.account_id
            and known.attempt_id = touched.attempt_id;
    {{ forget_listed('attempt_id', listing) }}
    {% endif %}
{% endmacro %}

{#- The same for a fact that needs no listing, as each row of it is of one staged row. -#}
{% macro staged_since(relation) -%}
    select known.*
    from {{ relation }} as known
    {% if is_incremental() -%}
    where
        known.staged_in > {{ done_until([this.name]) }}
        or known.account_id in (
            {{ moved_accounts([this.name]) }}
        )
    {%- endif %}
{%- endmacro %}

{% macro forget_staged(relation, key) %}
    {% if is_incremental() %}
    delete from {{ this }}
    where account_id in (
        {{ moved_accounts([this.name]) }}
    );
    delete from {{ this }} as known
    using {{ relation }} as staged
    where
        known.account_id = staged.account_id
        and known.{{ key }} = staged.{{ key }}
        and staged.staged_in > {{ done_until([this.name]) }}
    {% endif %}
{% endmacro %}

{#- The post-hook of a model that is built whole each time, but from which a kept fact is made. -#}
{% macro remember_build(after=[]) %}
    delete from intermediate.facts_done where model = '{{ this.name }}';
    insert into intermediate.facts_done
    select
        '{{ this.name }}' as model,
        '' as code,
        min(build) as build
    from (
        select build from intermediate.build_number
        union all
        select build from intermediate.facts_done
        where model in ('{{ after | join("', '") }}')
    )
{% endmacro %}

{#- The post-hook of a listing: by which clock, and no later a build than the models before it. -#}
{% macro remember_listing(after=[]) %}
    {{ remember_build(after) }};
    {{ remember_clock(ref('int_accounts_clocked')) }}
{% endmacro %}

{% macro remember_clock(clock) %}
    delete from intermediate.clocks_done where model = '{{ this.name }}';
    insert into intermediate.clocks_done
    select
        '{{ this.name }}' as model,
        clock.account_id,
        {{ clock_mark('clock') }} as clock,
        clock.today,
        clock.now_at
    from {{ clock }} as clock
{% endmacro %}

{#- The post-hook of a fact: done as far as its listing, or, without one, as far as staging. -#}
{% macro remember_fact(listing=none) %}
    {% set name = listing.identifier if listing else '' %}
    delete from intermediate.facts_done where model = '{{ this.name }}';
    insert into intermediate.facts_done
    select
        '{{ this.name }}' as model,
        '{{ code_fingerprint() }}' as code,
        build
    {% if listing and is_incremental() %}
    from intermediate.facts_done
    where model = '{{ name }}';
    delete from intermediate.clocks_done where model = '{{ this.name }}';
    insert into intermediate.clocks_done
    select
        '{{ this.name }}' as model,
        account_id,
        clock,
        today,
        now_at
    from intermediate.clocks_done
    where model = '{{ name }}'
    {% else %}
    from intermediate.build_number;
    {{ remember_clock(ref('int_accounts_clocked')) }}
    {% endif %}
{% endmacro %}
