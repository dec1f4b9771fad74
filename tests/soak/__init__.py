"""Kills: workers at every boundary of their journal in turn, and everything around them. Nothing is lost, nothing is there twice."""
