"""Who is connected, on which tier, with which credentials; what was asked for and what happened.

All of it lives in Postgres and is reached through this package alone. What belongs here: settings,
the embedded Postgres server, the tables and their migrations, tiers, the vault, the OAuth flows,
access tokens, sync requests and sync results. What does not: reading Stripe's data
(`dlt_sources`), numbers (`dbt_project`), timetables (`orchestration`), pages (`console`).

Where to look, in the order of an account's life:

- `settings`, `postgres`: begin with `open_database(Settings.from_environment())`.
- `accounts`, `oauth`: connect, list, change tier, pause, disconnect.
- `requests`: ask for a sync within the quota; hand what was asked for out to runs.
- `syncs`: who is due; take accounts for a run; record how it ended.
- `tokens`: what to send to Stripe with each call.
- `tiers`, `models`: what the tiers promise; the tables.

Every function takes an `Engine` (or `Settings`, or a `Vault`) explicitly; there are no globals.
"""
