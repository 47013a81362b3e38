{#- Generic tests. Keys and references always include the account. -#}

{#- Fails for keys that repeat or have a NULL part: the grain, in one query. -#}
{% test one_row_per(model, columns) %}
select
    {{ columns | join(', ') }},
    count(*) as repeated
from {{ model }}
group by {{ columns | join(', ') }}
having
    count(*) > 1
    {% for column in columns -%}
    or {{ column }} is null
    {% endfor %}
{% endtest %}

{#- Fails for rows with a NULL in any of the columns. -#}
{% test never_null(model, columns) %}
select *
from {{ model }}
where
    {% for column in columns -%}
    {{ "or " if not loop.first }}{{ column }} is null
    {% endfor %}
{% endtest %}

{#- Fails for rows that point at nothing in the same account; a NULL points nowhere. -#}
{% test belongs_to(model, column, to, field) %}
select distinct
    child.account_id,
    child.{{ column }}
from {{ model }} as child
left join {{ to }} as parent
    on
        child.account_id = parent.account_id
        and child.{{ column }} = parent.{{ field }}
where child.{{ column }} is not null and parent.account_id is null
{% endtest %}
