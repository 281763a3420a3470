"""Keeping a data directory: backups, putting them back, finding damage."""
