"""Traps of shapes that moved, where events are read: their payloads are of another time.

Objects that are read again come in our version, so only what is told by events is listed here.
"""

from tests.dlt_sources.traps.trap import Trap, trap

SHAPES_TEST = (
    "tests/dbt_project/test_shapes.py::test_an_event_of_an_old_shape_is_read_as_one_of_the_present"
)
STRUCTURES = "dbt_project/macros/structures.sql"

TRAPS: tuple[Trap, ...] = (
    trap(
        "`discount` → `discounts[]`",
        SHAPES_TEST,
        STRUCTURES,
        "when json_type(s.discount) = 'OBJECT' then",
        "when false then",
    ),
    trap(
        "`discount.coupon` → `discount.source.coupon`",
        SHAPES_TEST,
        STRUCTURES,
        "d ->> '$.coupon.id'",
        "cast(null as varchar)",
    ),
    trap(
        "`subscription.current_period_*` → `items.data[]`",
        SHAPES_TEST,
        STRUCTURES,
        "coalesce(s.items.data[1].current_period_start, s.current_period_start)",
        "s.items.data[1].current_period_start",
    ),
)
