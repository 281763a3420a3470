"""Reference documents: what they say, checked when loaded, and applied as of a revision."""
