"""An agent of the Agent Client Protocol in a few lines of standard library, which starts at once: puts one text for another.

    python plain.py PATH OLD NEW

It writes the file by itself, as many agents do.
"""

import json
import sys
from pathlib import Path

PATH, OLD, NEW = sys.argv[1:]

for line in sys.stdin:
    asked = json.loads(line)
    result: "dict[str, object]" = {}
    if asked["method"] == "initialize":
        result = {"protocolVersion": asked["params"]["protocolVersion"], "agentInfo": {"name": "plain", "version": "1"}}
    elif asked["method"] == "session/new":
        result = {"sessionId": "one"}
    elif asked["method"] == "session/prompt":
        text = Path(PATH).read_text()
        if NEW not in text:
            Path(PATH).write_text(text.replace(OLD, NEW))
        chunk = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": f"I put {NEW} for {OLD}."}}
        told = {"jsonrpc": "2.0", "method": "session/update", "params": {"sessionId": "one", "update": chunk}}
        sys.stdout.write(json.dumps(told) + "\n")
        result = {"stopReason": "end_turn"}
    if "id" in asked:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}) + "\n")
        sys.stdout.flush()
