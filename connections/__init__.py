"""Who is connected, on which tier, with which credentials; what was asked for and what happened.

All of it lives in Postgres and is reached through this package alone. What belongs here: settings,
the embedded Postgres server, the tables and their migrations, tiers, the vault, the OAuth flows,
access tokens, sync requests and sync results. What does not: reading Stripe's data
(`dlt_sources`), numbers (`dbt_project`), timetables (`orchestration`), pages (`console`).

Every function takes an `Engine` (or `Settings`, or a `Vault`) explicitly; there are no globals.
"""
