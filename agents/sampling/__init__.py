"""Localise, sample, verify: small edits of suspicious places, asked for many times and tried in forks; for models of any size."""

from agents.sampling.agent import SamplingAgent, Settings

__all__ = ["SamplingAgent", "Settings"]
