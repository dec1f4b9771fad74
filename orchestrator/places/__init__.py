"""Where an attempt works: a shadow, a sandbox on it, and what else its agent holds."""
