"""Figures of lots and of any set of lots, from roll-ups; knows neither gRPC nor storage."""
