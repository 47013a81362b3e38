"""Print the table of cases: ``python -m stripe_simulator.world.cases``."""

from stripe_simulator.world.cases import CASES


def main() -> None:
    """One line a case: the section of the definitions, the name, what it is about."""
    width = max(map(len, CASES))
    for case in CASES.values():
        note = "" if case.exact else " (afterwards only to be estimated)"
        print(f"{case.section}  {case.name:{width}}  {case.about}{note}")


if __name__ == "__main__":
    main()
