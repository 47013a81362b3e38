"""A second, independent computation of every metric, in plain Python over Stripe objects."""
