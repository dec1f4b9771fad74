"""Closed records: what a configuration file's tables are made of. An unknown key is an error."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Closed(BaseModel):
    """A table: its keys are its fields, their values of exactly their types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
