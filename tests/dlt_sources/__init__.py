"""Tests of `dlt_sources`."""
