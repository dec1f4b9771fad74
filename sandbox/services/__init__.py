"""What tests need besides files: databases, each sandbox with a branch of its own of their data."""
