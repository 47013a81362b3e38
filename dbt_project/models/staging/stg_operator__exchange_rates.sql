{{ config(materialized='table') }}

{%- set table = policy('exchange_rates_table') if policy('reporting_currency') else '' %}

with written as (
    {% if table -%}
    select
        cast(null as bigint) as line_number,
        cast(date as varchar) as rate_date,
        cast(from_currency as varchar) as from_currency,
        cast(to_currency as varchar) as to_currency,
        cast(rate as varchar) as rate
    from {{ table }}
    {%- elif has_exchange_rates_file() -%}
    select
        line_number,
        trim(fields[1]) as rate_date,
        trim(fields[2]) as from_currency,
        trim(fields[3]) as to_currency,
        trim(fields[4]) as rate
    from (
        select
            line_number,
            string_split(line, ',') as fields
        from (
            select
                unnest(string_split(replace(content, chr(13), ''), chr(10))) as line,
                generate_subscripts(string_split(content, chr(10)), 1) as line_number
            from read_text('{{ exchange_rates_path() | replace("'", "''") }}')
        )
        where line_number > 1 and trim(line) != ''
    )
    {%- else -%}
    select
        cast(null as bigint) as line_number,
        cast(null as varchar) as rate_date,
        cast(null as varchar) as from_currency,
        cast(null as varchar) as to_currency,
        cast(null as varchar) as rate
    where false
    {%- endif %}
),

-- A rate that cannot be read stops the build: a total without it would be a guess.
checked as (
    select
        *,
        case
            when try_cast(rate_date as date) is null
                then 'date ''' || coalesce(rate_date, '') || ''' is not like 2026-03-31'
            when not coalesce(regexp_full_match(from_currency, '[A-Za-z]{3}'), false)
                then 'from_currency ''' || coalesce(from_currency, '') || ''' is not a currency'
            when not coalesce(regexp_full_match(to_currency, '[A-Za-z]{3}'), false)
                then 'to_currency ''' || coalesce(to_currency, '') || ''' is not a currency'
            when
                not coalesce(regexp_full_match(rate, '[0-9]{1,6}([.][0-9]{1,12})?'), false)
                or try_cast(rate as decimal(18, 12)) = 0
                then
                    'rate ''' || coalesce(rate, '')
                    || ''' is not above 0 and below 1000000 with at most 12 decimals'
        end as mistake
    from written
),

final as (
    select
        case
            when mistake is null then cast(rate_date as date)
            else error(
                'Exchange rates: '
                || coalesce('line ' || line_number || ': ', '')
                || mistake
            )
        end as rate_date,
        lower(from_currency) as from_currency,
        lower(to_currency) as to_currency,
        cast(rate as decimal(18, 12)) as rate
    from checked
)

select * from final
