"""Numbers for pages: from the published marts to what a page, the JSON API or an export shows.

Belongs here: the tables of metrics and widgets, the selection that a URL holds, queries on the
published marts, and the drawing of numbers as text, charts and tables. Routes and templates do
not; nothing here writes anything.
"""
