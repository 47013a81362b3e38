"""One file per migration step, in the order of their `down_revision`."""
