"""The gRPC face: thin handlers that say who, what and at which revision, and compute nothing."""
