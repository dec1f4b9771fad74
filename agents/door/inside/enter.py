"""Makes the model's address inside a sandbox, hands it out to nightcrew, and becomes the program that asks there.

It listens on the sandbox's own loopback and passes the listening socket itself over the channel: from then on
nightcrew answers there, and nothing of ours runs inside.
"""

from __future__ import annotations

import array
import os
import signal
import socket
import sys

BACKLOG = 64
ADDRESSES = ("OPENAI_BASE_URL", "OPENAI_API_BASE", "LLM_BASE_URL")


def hand_out(listener: socket.socket, channel: int) -> None:
    """Send a listening socket over the channel, which stays open for the program."""
    with socket.socket(fileno=os.dup(channel)) as end:
        rights = array.array("i", [listener.fileno()])
        end.sendmsg([b"D"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])


def main(argv: list[str]) -> None:
    """Become the program `argv`, to which the model's address is told."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(BACKLOG)
        hand_out(listener, int(os.environ["NIGHTCREW_CHANNEL"]))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    os.environ.update(dict.fromkeys(ADDRESSES, address))
    # Python ignores these, and what ignores them is inherited.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(argv[0], argv)
    except OSError as error:
        sys.stderr.write(f"nightcrew: {argv[0]}: {error.strerror}\n")
        sys.exit(127)


main(sys.argv[1:])
