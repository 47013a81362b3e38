"""dlt sources. What reads an outside service lives here; what decides when to read does not."""

import os

# dlt starts its telemetry with its first use of any setting, before a setting made in code could
# stop it: only the environment is early enough, and this runs before any module of ours uses dlt.
os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
