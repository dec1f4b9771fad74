"""Measures the applier on drifted edits of real files, beside the appliers of others on the same cases in the same run.

Thresholds were tuned on `DEVELOPMENT`; what is reported is `REPORTED`, other libraries with another seed, run once for each set of rules.
"""

from __future__ import annotations

import ast
import hashlib
import json
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from pathlib import Path

from agents.edits import Applied, Reading, apply, read
from tests.bench.model_edits_drift import Case, cases
from tests.bench.model_edits_kinds import KINDS
from tests.bench.model_edits_sources import CACHE, DEVELOPMENT, REPORTED, Corpus, files
from tests.bench.target import Target

SEED_DEVELOPMENT, SEED_REPORTED = 7, 20261122
COUNT, QUICK_COUNT = 2000, 400
PEERS = ("aider-chat==0.86.2", "codex-apply-patch==0.4.0", "apply-edit-block==0.1.0", "purepatch==0.1.1")
HINTED = ("codex-apply-patch", "purepatch, unified")
MUST_REFUSE = ("absent", "sibling", "duplicated", "duplicated drift")


@dataclass(frozen=True, slots=True)
class Score:
    """What one applier did with all cases, by kind: right, refused or corrupt."""

    told: tuple[tuple[str, str], ...]
    cpu_s: float

    def share(self, outcome: str, *kinds: str) -> float:
        """Return how many of a hundred cases, of some kinds or of all, had an outcome."""
        asked = [what for kind, what in self.told if not kinds or kind in kinds]
        return 100 * asked.count(outcome) / len(asked)

    def count(self, outcome: str, *kinds: str) -> int:
        """Return how many cases of some kinds had an outcome."""
        return sum(what == outcome for kind, what in self.told if kind in kinds)


def measure(quick: bool) -> Iterable[Target]:
    """Return the targets: right, corrupt and misplaced over the frozen corpus, and figures without a limit by kind and form."""
    made, missing = corpus(REPORTED, SEED_REPORTED, QUICK_COUNT if quick else COUNT)
    own = {form: score(made, ours(made, form), form != "blocks") for form in ("blocks", "v4a", "unified")}
    others = {name: score(made, each, name in HINTED) for name, each in peers(made).items()}
    return targets(made, missing, own, others)


def corpus(of: Corpus, seed: int, count: int) -> tuple[list[Case], list[str]]:
    """Return the cases of a seed, and the libraries that could not be fetched."""
    sources, missing = files(of)
    return cases(sources, KINDS, count, seed), missing


def targets(
    made: Sequence[Case], missing: Sequence[str], own: Mapping[str, Score], others: Mapping[str, Score]
) -> Iterable[Target]:
    """Return what was measured as targets."""
    blocks = own["blocks"]
    beside = {**{f"nightcrew, {form}": each for form, each in own.items() if form != "blocks"}, **others}
    languages = Counter(case.language for case in made)
    digest = hashlib.sha256(json.dumps([asdict(case) for case in made]).encode()).hexdigest()[:12]
    why = f"{len(made)} cases, sha256 {digest}; {', '.join(f'{name} {n}' for name, n in sorted(languages.items()))}"
    if missing:
        why += f"; not fetched: {', '.join(missing)}"
    yield Target(
        "edits applied or refused rightly",
        "%",
        95.0,
        blocks.share("right"),
        _each(beside, "right"),
        least=True,
        why=why,
    )
    yield Target("edits that left a file wrong", "%", 0.5, blocks.share("corrupt"), _each(beside, "corrupt"))
    misplaced = {name: float(each.count("corrupt", *MUST_REFUSE)) for name, each in beside.items()}
    yield Target(
        "edits misplaced on absent or duplicated targets",
        "",
        0.0,
        float(blocks.count("corrupt", *MUST_REFUSE)),
        misplaced,
    )
    yield Target(
        "edits refused that had a target",
        "%",
        None,
        _refused(blocks),
        {name: _refused(each) for name, each in beside.items()},
    )
    cpu = {name: 1000 * each.cpu_s / len(made) for name, each in beside.items()}
    yield Target("processor time of an edit", "ms", None, 1000 * blocks.cpu_s / len(made), cpu)
    for kind in dict.fromkeys(name for name, _ in KINDS):
        yield Target(
            f"right: {kind}",
            "%",
            None,
            blocks.share("right", kind),
            {n: e.share("right", kind) for n, e in beside.items()},
        )


def _each(scores: Mapping[str, Score], outcome: str) -> dict[str, float]:
    return {name: each.share(outcome) for name, each in scores.items()}


def _refused(each: Score) -> float:
    return each.share("refused", *(name for name, _ in KINDS if name not in MUST_REFUSE))


def ours(made: Sequence[Case], form: str) -> tuple[list[str | None], float]:
    """Return what our applier makes of each case, and the seconds of processor time."""
    results: list[str | None] = []
    start = time.process_time()
    for case in made:
        reading = read(written(case)[form])
        done = apply(reading.edits, {case.path: case.file.encode()}) if isinstance(reading, Reading) else reading
        data = done.files.get(case.path) if isinstance(done, Applied) else None
        results.append(data.decode() if data is not None else None)
    return results, time.process_time() - start


def peers(made: Sequence[Case]) -> dict[str, tuple[list[str | None], float]]:
    """Return the same of the peers that can be installed."""
    python = peers_environment()
    told = [{"file": case.file, "path": case.path, **written(case)} for case in made]
    ran = subprocess.run(
        [python, "-I", Path(__file__).with_name("model_edits_peers.py")],
        input=json.dumps(told),
        capture_output=True,
        text=True,
        check=True,
    )
    answers = json.loads(ran.stdout.splitlines()[-1])
    return {name: (each["results"], each["cpu_s"]) for name, each in answers.items() if "results" in each}


def peers_environment() -> Path:
    """Return the interpreter of an environment with the peers, made once."""
    target = CACHE / "peers"
    python = target / "bin" / "python"
    if not (target / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", target], check=True)
        for requirement in PEERS:
            command = [str(python), "-m", "pip", "-q", "--disable-pip-version-check", "install", requirement]
            subprocess.run(command, capture_output=True, check=False, timeout=600)
        (target / "ready").touch()
    return python


def written(case: Case) -> dict[str, str]:
    """Return a case in each form: what a model would have sent."""
    lines = list(_prefixed(case))
    old, new = (sum(line[0] in kinds for line in lines) for kinds in (" -", " +"))
    at = f"@@ {case.under}" if case.under else "@@"
    blocks = ["```", "<<<<<<< SEARCH", *case.search, "=======", *case.replace, ">>>>>>> REPLACE", "```"]
    head = [f"--- a/{case.path}", f"+++ b/{case.path}", f"@@ -{case.line},{old} +{case.line},{new} @@"]
    patch = ["*** Begin Patch", f"*** Update File: {case.path}", at, *lines, "*** End Patch"]
    return {
        "search": "\n".join(case.search),
        "replace": "\n".join(case.replace),
        "blocks": "\n".join([case.path, *blocks, ""]),
        "unified": "\n".join([*head, *lines, ""]),
        "v4a": "\n".join([*patch, ""]),
    }


def _prefixed(case: Case) -> Iterable[str]:
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, case.search, case.replace, autojunk=False).get_opcodes():
        if tag == "equal":
            yield from (f" {line}" for line in case.search[i1:i2])
        else:
            yield from (f"-{line}" for line in case.search[i1:i2])
            yield from (f"+{line}" for line in case.replace[j1:j2])


def score(made: Sequence[Case], answered: tuple[Sequence[str | None], float], hints: bool = False) -> Score:
    """Judge results against what was intended; `hints` says that the form names the definition or the line."""
    results, cpu_s = answered
    return Score(
        tuple((case.kind, judged(case, result, hints)) for case, result in zip(made, results, strict=True)), cpu_s
    )


def judged(case: Case, result: str | None, hints: bool = False) -> str:
    """Return `right`, `refused` or `corrupt`: trees are compared for Python, texts without spaces elsewhere."""
    if result is None or result == case.file:
        return "right" if case.intended is None else "refused"
    if case.intended is None:
        return "right" if hints and result == case.hinted else "corrupt"
    return (
        "right"
        if result == case.intended or meaning(result, case.language) == meaning(case.intended, case.language)
        else "corrupt"
    )


def meaning(text: str, language: str) -> str:
    """Return what of a text counts."""
    if language == "Python":
        try:
            with warnings.catch_warnings(action="ignore"):
                return ast.dump(ast.parse(text))
        except (SyntaxError, ValueError):
            return text
    return "".join(text.split())


def main() -> None:
    """Print how the applier does on the development seed, by kind, and the first cases that went wrong."""
    made, _ = corpus(DEVELOPMENT, SEED_DEVELOPMENT, int(sys.argv[1]))
    results, cpu_s = ours(made, sys.argv[2] if len(sys.argv) > 2 else "blocks")
    whole = score(made, (results, cpu_s))
    for kind in dict.fromkeys(name for name, _ in KINDS):
        print(
            f"{kind:18} right {whole.share('right', kind):5.1f} refused {whole.share('refused', kind):5.1f} corrupt {whole.share('corrupt', kind):5.1f}"
        )
    print(
        f"all right {whole.share('right'):.2f} corrupt {whole.share('corrupt'):.2f} {1000 * cpu_s / len(made):.1f} ms each"
    )
    for case, result in zip(made, results, strict=True):
        if (outcome := judged(case, result)) != "right":
            print(json.dumps({"outcome": outcome, **asdict(case), "result": result}), file=sys.stderr)


if __name__ == "__main__":
    main()
