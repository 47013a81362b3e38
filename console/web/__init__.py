"""The project's own web pages: what people look at, served on loopback beside the Dagster UI.

Belongs here: routes, templates, styles and scripts of the pages, and who may see them. What they
show is read from the published marts (`console.marts`) and from `connections`; nothing here opens
the warehouse.
"""
