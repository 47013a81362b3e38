select account_id, as_of, last_synced_at, published_at
from _published
