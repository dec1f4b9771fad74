"""The store in memory, for tests and for what keeps nothing."""
