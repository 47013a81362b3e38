"""People: the `dashtray` command, and later the web pages.

Everything here talks to Postgres through `connections`, reads numbers from the published
marts alone, and starts work by asking Dagster for a job by name. Avoid placing here how a
sync works (`orchestration`, `dlt_sources`) or what a number means (`dbt_project`).
"""
