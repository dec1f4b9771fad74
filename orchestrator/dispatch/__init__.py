"""Which job begins, whose turn it is, and by which worker."""
