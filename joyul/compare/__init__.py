"""Several methods on the same rows: baselines, protocol, verdict, table."""
