"""Tests of the migration agent."""
