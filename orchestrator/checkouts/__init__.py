"""Managed checkouts: repositories that are not on this disk, cloned and set up when a ticket needs them."""
