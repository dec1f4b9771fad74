"""What can go wrong while orchestrating. One root; each message names the value and says what to do next."""


class OrchestratorError(Exception):
    """Raised when a ticket cannot be filed, worked on, shown or delivered."""


class OrderRefused(OrchestratorError, ValueError):
    """Raised when an order cannot be taken: no text, a text too large, a bad path, an unknown agent or suite."""


class UnknownTicket(OrchestratorError, LookupError):
    """Raised when no ticket, or more than one, has the given id or prefix."""


class TicketTaken(OrchestratorError, ValueError):
    """Raised when a ticket is to be kept under an id that another one has."""


class WrongStatus(OrchestratorError, RuntimeError):
    """Raised when what was asked does not fit where the job stands (another process works on it, nothing to apply)."""


class UnknownOption(OrchestratorError, LookupError):
    """Raised when a question is answered with what is no answer to it: an option that it does not have, no words, or too many."""


class UnknownHunk(OrchestratorError, LookupError):
    """Raised when a part of a change is chosen that the change, as it is now, does not have."""


class Superseded(OrchestratorError, RuntimeError):
    """Raised when somebody decides about a version of a change that is not the present one."""


class LeaseLost(OrchestratorError, RuntimeError):
    """Raised when a worker writes under a lease that ended or passed to somebody else."""


class WouldOverwrite(OrchestratorError, RuntimeError):
    """Raised when applying a change would overwrite edits made in the working tree since."""


class StoreError(OrchestratorError, RuntimeError):
    """Raised when the store cannot be opened: unreadable, of a newer version, on a full disk."""


class StoreAway(StoreError):
    """Raised when a store that was opened does not answer now: its disk is full, somebody locks it, its server is away."""


class UnknownRecord(OrchestratorError, ValueError):
    """Raised when the store holds a record that another version of nightcrew wrote."""


class ServerUnreachable(OrchestratorError, ConnectionError):
    """Raised when the server that was named does not answer, or ends while somebody waits for it."""


class ServerRefused(OrchestratorError, RuntimeError):
    """Raised when the server that was named refuses what was asked, and says why."""


class BadConfig(OrchestratorError, ValueError):
    """Raised when a configuration file cannot be read, or holds a key or value that nightcrew does not know."""
