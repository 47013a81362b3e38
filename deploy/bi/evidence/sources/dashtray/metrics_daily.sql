select account_id, currency, day, mrr, arr, net_revenue, active_subscribers
from metrics_daily
