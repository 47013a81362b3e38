"""Tests of the dbt project: its models against hand-made objects, the oracle and the ledger."""
