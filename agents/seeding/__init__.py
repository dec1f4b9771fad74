"""Seeding: realistic bugs put into copies of a repository's files, each noticed by its suite. Repairs reversed."""

from agents.seeding.harvest import Harvest, Seeded
from agents.seeding.hunt import Wanted, seed_bugs

__all__ = ["Harvest", "Seeded", "Wanted", "seed_bugs"]
