{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    meta={'follows_touched': true},
    pre_hook="{{ forget_touched() }}",
    post_hook="{{ remember_code() }}"
) }}

with events as (
    {{ touched_of(ref('stg_stripe__subscription_events')) }}
    {{ where_told_by('event') }}
),

subscriptions as (
    {{ touched_of(ref('stg_stripe__subscriptions')) }}
),

present as (
    select
        account_id,
        subscription_id,
        {{ subscription_state() }} as state
    from subscriptions
),

event_states as (
    select
        account_id,
        subscription_id,
        event_id,
        event_type,
        occurred_at,
        moment,
        items_cut,
        shows_one_discount,
        {{ subscription_state() }} as state
    from events
),

-- In its old shape an event shows the first discount alone; the rest is taken from the
-- subscription itself. What a list that is cut at ten leaves out is told by
-- `int_subscription_later_items_told`.
event_states_whole as (
    select
        event_states.* exclude (shows_one_discount, state),
        struct_update(
            event_states.state,
            items := case
                when event_states.shows_one_discount
                    then list_transform(event_states.state.items, lambda item: struct_update(
                        item,
                        discount_ids := coalesce(
                            list_filter(
                                present.state.items,
                                lambda known: known.item_id = item.item_id
                            )[1].discount_ids,
                            item.discount_ids
                        )
                    ))
                else event_states.state.items
            end,
            discount_ids := case
                when event_states.shows_one_discount and len(event_states.state.discount_ids) > 0
                    then list_concat(
                        list_filter(
                            event_states.state.discount_ids,
                            lambda d: not list_contains(
                                coalesce(present.state.discount_ids, []), d
                            )
                        ),
                        coalesce(present.state.discount_ids, [])
                    )
                else event_states.state.discount_ids
            end
        ) as state
    from event_states
    left join present
        on
            event_states.account_id = present.account_id
            and event_states.subscription_id = present.subscription_id
),

changes as (
    select
        after.account_id,
        after.subscription_id,
        after.event_id,
        after.event_type,
        after.occurred_at,
        before.state as state_before,
        before.items_cut as items_before_cut,
        after.state as state_after,
        after.items_cut as items_after_cut
    from event_states_whole as after
    left join event_states_whole as before
        on
            after.account_id = before.account_id
            and after.event_id = before.event_id
            and before.moment = 'before'
    where after.moment = 'after'
),

-- Ids and seconds do not order the events of one second: the one whose outcome another one
-- starts from comes before it.
linked as (
    select
        changes.*,
        exists (
            select 1
            from changes as later
            where
                later.account_id = changes.account_id
                and later.subscription_id = changes.subscription_id
                and later.occurred_at = changes.occurred_at
                and later.event_id != changes.event_id
                and later.state_before is distinct from later.state_after
                and later.state_before = changes.state_after
        ) as has_successor,
        exists (
            select 1
            from changes as earlier
            where
                earlier.account_id = changes.account_id
                and earlier.subscription_id = changes.subscription_id
                and earlier.occurred_at = changes.occurred_at
                and earlier.event_id != changes.event_id
                and earlier.state_before is distinct from earlier.state_after
                and earlier.state_after = changes.state_before
        ) as has_predecessor
    from changes
),

outcomes as (
    select *
    from linked
    qualify row_number() over (
        partition by account_id, subscription_id, occurred_at
        order by
            event_type = 'customer.subscription.deleted' desc,
            event_type = 'customer.subscription.created',
            has_successor,
            event_id desc
    ) = 1
),

first_of_second as (
    select *
    from linked
    qualify row_number() over (
        partition by account_id, subscription_id, occurred_at
        order by
            event_type = 'customer.subscription.created' desc,
            has_predecessor,
            event_id
    ) = 1
),

-- What the first event of a second began with and the last one left behind.
final as (
    select
        outcomes.account_id,
        outcomes.subscription_id,
        outcomes.occurred_at,
        first_of_second.state_before,
        first_of_second.items_before_cut,
        outcomes.state_after,
        outcomes.items_after_cut
    from outcomes
    inner join first_of_second
        on
            outcomes.account_id = first_of_second.account_id
            and outcomes.subscription_id = first_of_second.subscription_id
            and outcomes.occurred_at = first_of_second.occurred_at
)

select * from final
