"""Cases of status: trials, dunning, pauses, ends, new beginnings (docs/metrics.md §1, §2, §7)."""

from stripe_simulator.world import billing, changes, lifecycle
from stripe_simulator.world.cases.stage import Play, Stage, case

MONTH = 31


@case("§3")
def trial_converts(stage: Stage) -> Play:
    """A trial becomes a paying subscription: MRR from the trial's end."""
    stage.subscribe(stage.price(), trial_days=14)
    yield from ()


@case("§1")
def trial_lapses(stage: Stage) -> Play:
    """A trial without a card is canceled at its end: never MRR."""
    stage.customer.has_card = False
    stage.subscribe(stage.price(), trial_days=7)
    yield from ()


@case("§1", exact=False)
def trial_pauses_and_resumes(stage: Stage) -> Play:
    """A trial without a card pauses the subscription; a card resumes it."""
    stage.customer.has_card = False
    subscription = stage.subscribe(stage.price(), trial_days=7, trial_missing="pause")
    yield stage.days(12)
    stage.customer.has_card = True
    changes.resume(stage.account, subscription)


@case("§1")
def trial_pauses_for_good(stage: Stage) -> Play:
    """A subscription that stays paused counts nothing."""
    stage.customer.has_card = False
    stage.subscribe(stage.price(), trial_days=7, trial_missing="pause")
    yield from ()


@case("§1")
def trial_ends_in_dunning(stage: Stage) -> Play:
    """A trial that converts and whose first real payment fails: active, then past_due."""
    stage.script("card_declined", "succeeded")
    stage.subscribe(stage.price(), trial_days=7, trial_missing="create_invoice")
    yield from ()


@case("§1")
def trial_ended_early(stage: Stage) -> Play:
    """A trial of a month that its owner ends after ten days."""
    subscription = stage.subscribe(stage.price(), trial_days=30)
    yield stage.days(10)
    changes.end_trial(stage.account, subscription)


@case("§3")
def trial_canceled_before_its_end(stage: Stage) -> Play:
    """A trial canceled on the way ends as no churn: it was never active."""
    subscription = stage.subscribe(stage.price(), trial_days=14)
    yield stage.days(3)
    stage.cancel(subscription)


@case("§7", exact=False)
def back_into_trial(stage: Stage) -> Play:
    """A paying subscription put into a trial: churn, but no trial start; later reactivation."""
    subscription = stage.subscribe(stage.price())
    yield stage.days(10)
    changes.put_on_trial(stage.account, subscription, 9)


@case("§1")
def past_due_recovers(stage: Stage) -> Play:
    """Two failed retries, then success: past_due counts all the while."""
    stage.script("succeeded", "insufficient_funds", "card_declined", "succeeded")
    stage.subscribe(stage.price())
    yield from ()


@case("§1")
def dunning_cancels(stage: Stage) -> Play:
    """Every retry fails and the subscription is canceled."""
    stage.script("succeeded", *["card_declined"] * 4)
    stage.subscribe(stage.price())
    yield from ()


@case("§1", exact=False)
def dunning_ends_unpaid_then_canceled(stage: Stage) -> Play:
    """past_due, then unpaid (counts nothing), then canceled."""
    stage.script("succeeded", *["card_declined"] * 4)
    subscription = stage.subscribe(stage.price(), after_dunning="unpaid")
    yield stage.days(MONTH + 40)
    stage.cancel(subscription)


@case("§2", exact=False)
def unpaid_recovers(stage: Stage) -> Play:
    """Unpaid, then the newest invoice is paid: churn and reactivation."""
    stage.script("succeeded", *["expired_card"] * 4)
    subscription = stage.subscribe(stage.price(), after_dunning="unpaid")
    yield stage.days(MONTH + 38)
    stage.bill(subscription.invoices[-1])


@case("§1")
def dunning_stays_past_due(stage: Stage) -> Play:
    """Nothing happens after the last retry: past_due goes on counting."""
    stage.script("succeeded", *["card_declined"] * 20)
    stage.subscribe(stage.price(), after_dunning="past_due")
    yield from ()


@case("§1")
def incomplete_then_paid(stage: Stage) -> Play:
    """The first payment fails and is made two hours later."""
    stage.script("card_declined", "succeeded")
    stage.subscribe(stage.price())
    yield from ()


@case("§1")
def incomplete_expired(stage: Stage) -> Play:
    """The first payment never comes: no subscriber, no churn."""
    stage.script(*["card_declined"] * 30)
    stage.subscribe(stage.price())
    yield from ()


@case("§1")
def pause_keep_as_draft(stage: Stage) -> Play:
    """Collection paused with drafts kept: the MRR goes on."""
    subscription = stage.subscribe(stage.price())
    yield stage.days(20)
    stage.pause(subscription, "keep_as_draft")
    yield stage.days(45)
    stage.pause(subscription, None)
    for invoice in subscription.invoices:
        if invoice.status == "draft":
            stage.bill(invoice)


@case("§1", exact=False)
def pause_void(stage: Stage) -> Play:
    """Collection paused with invoices voided: no MRR until it resumes."""
    subscription = stage.subscribe(stage.price())
    yield stage.days(20)
    stage.pause(subscription, "void")
    yield stage.days(45)
    stage.pause(subscription, None)


@case("§1", exact=False)
def pause_mark_uncollectible(stage: Stage) -> Play:
    """Collection paused with invoices uncollectible: no MRR until it resumes."""
    subscription = stage.subscribe(stage.price())
    yield stage.days(20)
    stage.pause(subscription, "mark_uncollectible")
    yield stage.days(45)
    stage.pause(subscription, None)


@case("§7", exact=False)
def pause_for_good(stage: Stage) -> Play:
    """Collection paused and never resumed: soon older than every event."""
    subscription = stage.subscribe(stage.price())
    yield stage.days(40)
    stage.pause(subscription, "void")


@case("§1")
def cancel_at_period_end(stage: Stage) -> Play:
    """Canceled for the period's end: counts until it has ended."""
    subscription = stage.subscribe(stage.price())
    yield stage.days(40)
    stage.leave(subscription)


@case("§1")
def yearly_plan_canceled(stage: Stage) -> Play:
    """A yearly plan canceled in its first month still counts for eleven more."""
    subscription = stage.subscribe(stage.price(12_000, "year"))
    yield stage.days(20)
    stage.leave(subscription)


@case("§1")
def cancellation_taken_back(stage: Stage) -> Play:
    """A cancellation that is taken back changes nothing."""
    subscription = stage.subscribe(stage.price())
    yield stage.days(35)
    stage.leave(subscription)
    yield stage.days(5)
    lifecycle.keep_after_all(stage.account, subscription)


@case("§1")
def cancel_at_a_date(stage: Stage) -> Play:
    """Canceled for a date in the middle of a period."""
    subscription = stage.subscribe(stage.price())
    yield stage.days(10)
    lifecycle.cancel_at(stage.account, subscription, stage.now + stage.days(25))


@case("§2")
def canceled_at_once(stage: Stage) -> Play:
    """Canceled at this moment: churn today."""
    subscription = stage.subscribe(stage.price())
    yield stage.days(25)
    stage.cancel(subscription)


@case("§2")
def canceled_with_credit(stage: Stage) -> Play:
    """Canceled at once with credit for the rest of the year: a credit line without a debit."""
    subscription = stage.subscribe(stage.price(12_000, "year"))
    yield stage.days(33)
    changes.cancel_with_credit(stage.account, subscription)


@case("§2")
def reactivation(stage: Stage) -> Play:
    """A customer who left comes back: reactivation, neither new nor expansion."""
    subscription = stage.subscribe(stage.price())
    yield stage.days(25)
    stage.cancel(subscription)
    yield stage.days(12)
    stage.subscribe(stage.price(2_400))


@case("§2")
def reactivation_after_long(stage: Stage) -> Play:
    """The first stay is older than the imported window; coming back is still reactivation."""
    subscription = stage.subscribe(stage.price())
    yield stage.days(20)
    stage.cancel(subscription)
    yield stage.days(130)
    stage.subscribe(stage.price())


@case("§2")
def cancel_and_recreate(stage: Stage) -> Play:
    """Canceled and begun anew within a day: it nets out."""
    subscription = stage.subscribe(stage.price())
    yield stage.until_local(33, 10)
    stage.cancel(subscription)
    yield 600
    stage.subscribe(stage.price())


@case("§2")
def second_subscription(stage: Stage) -> Play:
    """A second subscription is expansion; canceling one of two is contraction."""
    first = stage.subscribe(stage.price())
    yield stage.days(15)
    stage.subscribe(stage.price(3_600))
    yield stage.days(15)
    stage.cancel(first)


@case("§7")
def backdated_start(stage: Stage) -> Play:
    """A subscription that began before it was created restates closed days."""
    stage.subscribe(stage.price(), backdate_to=stage.now - stage.days(18))
    yield from ()


@case("§3")
def deleted_while_paying(stage: Stage) -> Play:
    """A paying customer is deleted: churn, and one customer less."""
    stage.subscribe(stage.price())
    yield stage.days(50)
    lifecycle.delete_customer(stage.account, stage.customer)


@case("§7")
def deleted_after_leaving(stage: Stage) -> Play:
    """A customer leaves and is deleted later."""
    subscription = stage.subscribe(stage.price())
    yield stage.days(25)
    stage.cancel(subscription)
    yield stage.days(10)
    lifecycle.delete_customer(stage.account, stage.customer)


@case("§3")
def deleted_without_a_trace(stage: Stage) -> Play:
    """A customer without any business, deleted after a day."""
    yield stage.days(1)
    lifecycle.delete_customer(stage.account, stage.customer)


@case("§4")
def invoice_by_mail(stage: Stage) -> Play:
    """An invoice that is sent and paid by bank transfer: revenue collected, but no attempt."""
    subscription = stage.subscribe(stage.price(9_600), collection_method="send_invoice")
    yield stage.days(12)
    billing.pay_elsewhere(stage.account, subscription.invoices[-1])


@case("§7", exact=False)
def schedule_changes_at_renewal(stage: Stage) -> Play:
    """A subscription schedule moves to a larger plan at the renewal, without proration."""
    subscription = stage.subscribe(stage.price())
    yield stage.days(10)
    item = subscription.items[0]
    changes.change_at_renewal(stage.account, subscription, item, stage.price(2_400), 2)
