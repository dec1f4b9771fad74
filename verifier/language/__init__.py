"""Headless language-server sessions: what a programmer's editor knows of a text, for whoever has no editor."""

from verifier.language.delta import Checked, Delta, introduced
from verifier.language.diagnostic import (
    Call,
    Diagnostic,
    FileEdit,
    Fix,
    Location,
    Position,
    Severity,
    Span,
    Symbol,
    TextEdit,
)
from verifier.language.language import ANSWER_S, LanguageSession
from verifier.language.languages import Findings, Inspection, Languages
from verifier.language.registry import SERVERS, ServerPlaces, chosen_servers, find_servers, known_servers
from verifier.language.restarting import RestartingSession
from verifier.language.scripted import ScriptedSession
from verifier.language.server import Found, Says, Server, Tier, language_of
from verifier.language.session import ServerSession, start_language_server
from verifier.language.text import Text, apply_edits
from verifier.language.warm import LeasedSession, View, WarmServers
from verifier.language.within import carried, servers_within

__all__ = [
    "ANSWER_S",
    "SERVERS",
    "Call",
    "Checked",
    "Delta",
    "Diagnostic",
    "FileEdit",
    "Findings",
    "Fix",
    "Found",
    "Inspection",
    "LanguageSession",
    "Languages",
    "LeasedSession",
    "Location",
    "Position",
    "RestartingSession",
    "Says",
    "ScriptedSession",
    "Server",
    "ServerPlaces",
    "ServerSession",
    "Severity",
    "Span",
    "Symbol",
    "Text",
    "TextEdit",
    "Tier",
    "View",
    "WarmServers",
    "apply_edits",
    "carried",
    "chosen_servers",
    "find_servers",
    "introduced",
    "known_servers",
    "language_of",
    "servers_within",
    "start_language_server",
]
