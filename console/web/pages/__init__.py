"""One module a group of pages: its routes, and what its templates are given."""
