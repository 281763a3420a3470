"""From received bytes to one decided outcome per bale, committed before it is acknowledged."""
