"""Models behind one Protocol: asked over HTTP, from a script, or out of a journal."""

from agents.models.arguments import Refused, arguments_of
from agents.models.calls import Printed, ToolStyle, printed
from agents.models.endpoint import ALONE, APPLY, JUDGE, Endpoint, Key, NamedModel, choose, endpoints
from agents.models.errors import ModelError, Trouble
from agents.models.http import HttpModel
from agents.models.journaled import JournaledModel, Recording, recall
from agents.models.metered import MeteredModel, Price, Priced, free, within_budget
from agents.models.model import (
    Finish,
    Message,
    Model,
    Reply,
    Request,
    Role,
    Token,
    Tool,
    ToolCall,
    Usage,
    Watch,
    unwatched,
)
from agents.models.patience import Patience
from agents.models.probe import Probed, Trial, goes_on, probe
from agents.models.record import Recorded
from agents.models.replaying import Compared, Replaying
from agents.models.scripted import ScriptedModel
from agents.models.text_tools import TextToolModel

__all__ = [
    "ALONE",
    "APPLY",
    "JUDGE",
    "Compared",
    "Endpoint",
    "Finish",
    "HttpModel",
    "JournaledModel",
    "Key",
    "Message",
    "MeteredModel",
    "Model",
    "ModelError",
    "NamedModel",
    "Patience",
    "Price",
    "Priced",
    "Printed",
    "Probed",
    "Recorded",
    "Recording",
    "Refused",
    "Replaying",
    "Reply",
    "Request",
    "Role",
    "ScriptedModel",
    "TextToolModel",
    "Token",
    "Tool",
    "ToolCall",
    "ToolStyle",
    "Trial",
    "Trouble",
    "Usage",
    "Watch",
    "arguments_of",
    "choose",
    "endpoints",
    "free",
    "goes_on",
    "printed",
    "probe",
    "recall",
    "unwatched",
    "within_budget",
]
