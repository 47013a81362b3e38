{#-
Which landed rows a staging model reads. A load counts once `_dlt_loads` says that it is
complete; each staging model remembers the loads that it has taken, so that a load that was
begun early and completed late (a large first import beside short ticks) is not missed.

Into a lake others load while the models are built: what counts is what was complete when the build
began, so that all models tell of the same loads.
-#}

{% macro create_processed_loads() %}
    create schema if not exists staging;
    create table if not exists staging.processed_loads (model varchar, load_id varchar)
    {%- if is_lake() %};
    create or replace table staging.loads_of_build as
    select load_id from {{ source('raw_stripe', '_dlt_loads') }} where status = 0
    {%- endif %}
{% endmacro %}

{% macro complete_loads() -%}
    {% if is_lake() -%}
    select load_id from staging.loads_of_build where true
    {%- else -%}
    select load_id from {{ source('raw_stripe', '_dlt_loads') }} where status = 0
    {%- endif %}
{%- endmacro %}

{% macro landed(stream) -%}
    select
        *,
        rowid as landed_row
    from {{ source('raw_stripe', stream) }}
    where _dlt_load_id in (
        {{ complete_loads() }}
        {% if is_incremental() -%}
        and load_id not in (
            select taken.load_id
            from staging.processed_loads as taken
            where taken.model = '{{ this.name }}'
        )
        {%- endif %}
    )
{%- endmacro %}

{#- The post-hook of every model that uses `landed`. -#}
{% macro remember_loads() %}
    {% if not is_incremental() %}
    delete from staging.processed_loads where model = '{{ this.name }}';
    delete from intermediate.staged_whole where model = '{{ this.name }}';
    insert into intermediate.staged_whole
    select
        '{{ this.name }}' as model,
        build
    from intermediate.build_number;
    {{ remember_code(env_var('DASHTRAY_CODE_FINGERPRINT', '')) }};
    {% endif %}
    insert into staging.processed_loads
    select
        '{{ this.name }}' as model,
        load_id
    from ({{ complete_loads() }})
    where load_id not in (
        select taken.load_id
        from staging.processed_loads as taken
        where taken.model = '{{ this.name }}'
    )
{% endmacro %}

{#-
The newest reading of each object in the new loads, still as JSON, and when it was seen to be
gone. Only the keys are grouped; the objects stream past, found by their row. A tombstone carries
no object; where nothing but one was landed, `newest_of_landed_and_known` sees to it.
-#}
{% macro newest_landed(relation) -%}
    select
        {{ relation }}.* exclude (landed_row),
        newest.deletion_seen_at
    from {{ relation }}
    inner join (
        select
            max({'read_at': read_at, 'read_order': read_order, 'landed_row': landed_row})
                filter (where not deleted) as reading,
            max(read_at) filter (where deleted) as deletion_seen_at
        from {{ relation }}
        group by account_id, id
    ) as newest
        on {{ relation }}.landed_row = newest.reading.landed_row
{%- endmacro %}

{#-
Guards the merge: among what was just landed and what staging already holds, the newest
reading of each object wins, and a tombstone never erases the columns that were read before.
The first build has nothing to merge with, and would sort every object for nothing.
-#}
{% macro newest_of_landed_and_known(renamed, landed, key) -%}
    {% if not is_incremental() -%}
    select
        *,
        {{ this_build() }} as staged_in
    from {{ renamed }}
    {%- else -%}
    select
        candidates.* exclude (deletion_seen_at, staged_in),
        -- The newest reading may be of a load that completed late, and tell of no deletion.
        greatest(
            max(candidates.deletion_seen_at) over (
                partition by candidates.account_id, candidates.{{ key }}
            ),
            tombstones.read_at
        ) as deletion_seen_at,
        {{ this_build() }} as staged_in
    from (
        select * from {{ renamed }}
        union all by name
        select known.*
        from {{ this }} as known
        where (known.account_id, known.{{ key }}) in (
            select (touched.account_id, touched.id) from {{ landed }} as touched
        )
    ) as candidates
    left join (
        select
            account_id,
            id,
            max(read_at) as read_at
        from {{ landed }}
        where deleted
        group by account_id, id
    ) as tombstones
        on
            candidates.account_id = tombstones.account_id
            and candidates.{{ key }} = tombstones.id
    qualify row_number() over (
        partition by candidates.account_id, candidates.{{ key }}
        order by candidates.read_at desc, candidates.read_order desc
    ) = 1
    {%- endif %}
{%- endmacro %}
