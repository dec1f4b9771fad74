"""Other people's appliers on the same cases, run by the interpreter of an environment of their own: cases on standard input, results on output.

It imports nothing of nightcrew's. A result is the new file, or null where the applier refused.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

Apply = Callable[[Mapping[str, Any]], "str | None"]


def aider(case: Mapping[str, Any]) -> str | None:
    """Apply the blocks as aider's editblock coder does."""
    coder = import_module("aider.coders.editblock_coder")
    content = case["file"]
    try:
        edits = list(coder.find_original_update_blocks(case["blocks"], valid_fnames=[case["path"]]))
        for _, before, after in edits:
            content = coder.do_replace(Path("/nowhere") / case["path"], content, before, after, coder.DEFAULT_FENCE)
            if not content:
                return None
    except ValueError:
        return None
    return str(content)


def apply_edit_block(case: Mapping[str, Any]) -> str | None:
    """Apply the blocks as the package apply-edit-block does."""
    package = import_module("apply_edit_block")
    text = case["file"]
    for edit in package.parse_blocks(case["blocks"]):
        result = package.apply_edit(text, edit)
        if not result.ok:
            return None
        text = result.text
    return str(text)


def purepatch_blocks(case: Mapping[str, Any]) -> str | None:
    """Apply SEARCH and REPLACE as purepatch's `apply_edit` does."""
    package = import_module("purepatch")
    try:
        return str(package.apply_edit(case["file"], case["search"], case["replace"]))
    except package.PatchError:
        return None


def purepatch_unified(case: Mapping[str, Any]) -> str | None:
    """Apply a unified diff as purepatch does."""
    package = import_module("purepatch")
    try:
        return str(package.apply(case["unified"], case["file"]))
    except package.PatchError:
        return None


def codex(case: Mapping[str, Any]) -> str | None:
    """Apply a V4A patch as the package codex-apply-patch, OpenAI's code, does."""
    package = import_module("codex_apply_patch")
    try:
        result = package.apply_patch_in_memory(case["v4a"], {case["path"]: case["file"]})
    except RuntimeError:
        return None
    return str(result.files[case["path"]])


PEERS: dict[str, Apply] = {
    "aider": aider,
    "apply-edit-block": apply_edit_block,
    "codex-apply-patch": codex,
    "purepatch, blocks": purepatch_blocks,
    "purepatch, unified": purepatch_unified,
}


def main() -> None:
    """Answer all cases with each peer that can be imported."""
    cases = json.load(sys.stdin)
    told: dict[str, Any] = {}
    for name, peer in PEERS.items():
        try:
            peer(cases[0])
        except ImportError as error:
            told[name] = {"missing": str(error)}
            continue
        start = time.process_time()
        results = [peer(case) for case in cases]
        told[name] = {"results": results, "cpu_s": time.process_time() - start}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
