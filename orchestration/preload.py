"""What a run needs before its first step: imported once, in the process that runs are forked from.

Importing this has to start no thread and open no file or connection, since a fork would share it.
"""

import gc

import dlt_sources.stripe
import dlt_sources.stripe.load  # noqa: F401
from orchestration.definitions import defs
from orchestration.jobs import SYNC_JOB_NAME

# Resolving sixty assets to a job takes longer than starting it.
defs.get_repository_def().get_job(SYNC_JOB_NAME)

# What is here lives as long as the process; left out of collections, its pages stay shared.
gc.collect()
gc.freeze()
