"""What a test can do to a world that lives by itself.

What belongs here: acting as an account's owner would, through the world's own transitions, so that
events follow and the ledger knows. Where the world has no such transition, the object is taken out
of the store behind its back.
"""

from typing import Any

from stripe_simulator.store import ObjectStore


def delete_object(
    world: Any, store: ObjectStore, account_id: str, object_type: str, object_id: str
) -> bool:
    """Delete an object now.

    Args:
        world: The world that owns it.
        store: What is served.
        account_id: The account that owns it.
        object_type: Its type.
        object_id: Its id.

    Returns:
        Whether the world took part: then there are events, and the truth includes the deletion.
    """
    from stripe_simulator.world import World, lifecycle

    if object_type == "customer" and isinstance(world, World):
        account = world.account(account_id)
        customer = account.customers.get(object_id)
        if customer is not None:
            lifecycle.delete_customer(account, customer)
            account.advance(world.now)
            return True
    store.delete(account_id, object_type, object_id)
    return False
