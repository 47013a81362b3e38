"""dlt sources. What reads an outside service lives here; what decides when to read does not."""
