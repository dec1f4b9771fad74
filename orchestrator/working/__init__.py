"""One leased job, from its ticket to a clear end."""
