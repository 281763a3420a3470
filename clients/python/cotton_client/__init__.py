"""The client of the cotton inspection data service."""
