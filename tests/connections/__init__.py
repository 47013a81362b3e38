"""Tests of the package `connections`."""
