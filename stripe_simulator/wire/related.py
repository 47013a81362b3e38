"""What belongs to an object without being stored in it: a charge's refunds, for example.

What belongs here: finding objects for expansion and for nested lists, within one account.
"""

from dataclasses import dataclass
from typing import Any

from stripe_simulator.entries import INDEXED_FIELDS
from stripe_simulator.store import ObjectStore, Shelf


@dataclass(frozen=True, slots=True)
class Relation:
    """A list of objects that name their owner in one of their fields.

    An `object_type` of None is a list that is always empty here: it is not simulated.
    """

    url: str
    object_type: str | None = None
    owner_field: str = ""
    without_status: str | None = None


RELATIONS: dict[tuple[str, str], Relation] = {
    ("charge", "refunds"): Relation("/v1/charges/{id}/refunds", "refund", "charge"),
    ("customer", "sources"): Relation("/v1/customers/{id}/sources"),
    ("customer", "subscriptions"): Relation(
        "/v1/customers/{id}/subscriptions", "subscription", "customer", without_status="canceled"
    ),
    ("customer", "tax_ids"): Relation("/v1/customers/{id}/tax_ids"),
}


class Related:
    """Finds objects in a store by what they belong to; remembers until something changes."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._indexes: dict[tuple[str, str], tuple[int, dict[Any, list[int]]]] = {}

    def list_of(
        self, account_id: str, owner_type: str, name: str, owner_id: str
    ) -> dict[str, Any] | None:
        """The list object of a relation, whole and newest first; None if there is no such one."""
        relation = RELATIONS.get((owner_type, name))
        if relation is None:
            return None
        data: list[dict[str, Any]] = []
        if relation.object_type is not None:
            shelf = self._store.shelf(account_id, relation.object_type)
            places = self._index(account_id, shelf, relation.owner_field).get(owner_id, [])
            data = [shelf.at(place).load() for place in reversed(places)]
        if relation.without_status is not None:
            data = [each for each in data if each["status"] != relation.without_status]
        url = relation.url.replace("{id}", owner_id)
        return {"object": "list", "data": data, "has_more": False, "url": url}

    def _index(self, account_id: str, shelf: Shelf, owner_field: str) -> dict[Any, list[int]]:
        """Where the objects of each owner are on a shelf."""
        key = (account_id, shelf.object_type)
        version, index = self._indexes.get(key, (-1, {}))
        if version != shelf.version:
            index = {}
            position = INDEXED_FIELDS[shelf.object_type].index(owner_field)
            for place in range(len(shelf)):
                entry = shelf.at(place)
                if shelf.is_listed(entry):
                    index.setdefault(entry.fields[position], []).append(place)
            self._indexes[key] = (shelf.version, index)
        return index


@dataclass(frozen=True, slots=True)
class Lookup:
    """The objects of one account, for one request."""

    store: ObjectStore
    related: Related
    account_id: str

    def find(self, object_types: tuple[str, ...], object_id: str) -> dict[str, Any] | None:
        """The object behind an id, given the types it may have."""
        for object_type in object_types:
            found = self.store.get(self.account_id, object_type, object_id)
            if found is not None:
                return found
        return None

    def list_of(self, owner: dict[str, Any], name: str) -> dict[str, Any] | None:
        """A list that belongs to an object without being stored in it."""
        if "id" not in owner or owner.get("deleted"):
            return None
        return self.related.list_of(self.account_id, owner["object"], name, owner["id"])
