"""Propose: agents that work on a task in a workspace and end with a proposal, a question, or an honest reason for neither."""

from importlib import import_module
from typing import TYPE_CHECKING

from agents.acp import AcpAgent
from agents.agent import (
    Agent,
    Attend,
    Hit,
    NoFix,
    Opener,
    Option,
    Proposal,
    Query,
    Question,
    Result,
    Step,
    Task,
    Workspace,
)
from agents.command import CommandAgent
from agents.errors import AgentError, BadPattern, OutOfBudget, Stopped
from agents.expression import Expression
from agents.formed import Formed, totals
from agents.locating import IndexFile, Locator
from agents.memory import MemoryWorkspace
from agents.modelled import model_agent
from agents.models import (
    ALONE,
    APPLY,
    JUDGE,
    Compared,
    Endpoint,
    Finish,
    HttpModel,
    JournaledModel,
    Message,
    MeteredModel,
    Model,
    ModelError,
    NamedModel,
    Patience,
    Priced,
    Probed,
    Recording,
    Replaying,
    Reply,
    Request,
    Role,
    ScriptedModel,
    TextToolModel,
    Tool,
    ToolCall,
    ToolStyle,
    Trouble,
    Usage,
    Watch,
    arguments_of,
    choose,
    endpoints,
    probe,
    recall,
)
from agents.models import Refused as RefusedCall
from agents.repair import RepairAgent
from agents.scripted import Ask, Delete, Inquire, ScriptedAgent, Write
from agents.seeding import Harvest, Seeded, Wanted, seed_bugs
from agents.variant import Variant
from agents.verbs import LanguageVerbs
from agents.wording import title

if TYPE_CHECKING:
    from agents.editing import Edited, put_edits
    from agents.edits import Replace, Whole
    from agents.index import Definition, Outliner, is_code
    from agents.migration import MigrationAgent, diff_example
    from agents.preferring import Preference, prefer

__all__ = [
    "ALONE",
    "APPLY",
    "JUDGE",
    "AcpAgent",
    "Agent",
    "AgentError",
    "Ask",
    "Attend",
    "BadPattern",
    "CommandAgent",
    "Compared",
    "Definition",
    "Delete",
    "Edited",
    "Endpoint",
    "Expression",
    "Finish",
    "Formed",
    "Harvest",
    "Hit",
    "HttpModel",
    "IndexFile",
    "Inquire",
    "JournaledModel",
    "LanguageVerbs",
    "Locator",
    "MemoryWorkspace",
    "Message",
    "MeteredModel",
    "MigrationAgent",
    "Model",
    "ModelError",
    "NamedModel",
    "NoFix",
    "Opener",
    "Option",
    "OutOfBudget",
    "Outliner",
    "Patience",
    "Preference",
    "Priced",
    "Probed",
    "Proposal",
    "Query",
    "Question",
    "Recording",
    "RefusedCall",
    "RepairAgent",
    "Replace",
    "Replaying",
    "Reply",
    "Request",
    "Result",
    "Role",
    "ScriptedAgent",
    "ScriptedModel",
    "Seeded",
    "Step",
    "Stopped",
    "Task",
    "TextToolModel",
    "Tool",
    "ToolCall",
    "ToolStyle",
    "Trouble",
    "Usage",
    "Variant",
    "Wanted",
    "Watch",
    "Whole",
    "Workspace",
    "Write",
    "arguments_of",
    "choose",
    "diff_example",
    "endpoints",
    "is_code",
    "model_agent",
    "prefer",
    "probe",
    "put_edits",
    "recall",
    "seed_bugs",
    "title",
    "totals",
]

_LATER = {
    "MigrationAgent": "agents.migration",
    "diff_example": "agents.migration",
    "Definition": "agents.index",
    "Edited": "agents.editing",
    "Outliner": "agents.index",
    "Replace": "agents.edits",
    "Whole": "agents.edits",
    "is_code": "agents.index",
    "prefer": "agents.preferring",
    "Preference": "agents.preferring",
    "put_edits": "agents.editing",
}
"""What takes a while to import, and most commands do not need: it is imported when it is asked for."""


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"agents has no {name!r}")
    return getattr(import_module(_LATER[name]), name)
