"""The cotton inspection data service: api, intake, ledger, registry, grading, summary."""
