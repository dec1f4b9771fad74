"""Models of the Hugging Face hub: found in its cache, or brought there, whole and checked, where that is asked for.

The one module that knows the hub's library.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import httpx2
from huggingface_hub import HfApi, constants, snapshot_download, try_to_load_from_cache
from huggingface_hub.errors import (
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from orchestrator.errors import BadConfig
from orchestrator.plain import one_line
from orchestrator.pool.hubname import HubName
from sandbox import headroom

_OTHERS = ("original/*", "onnx/*", "openvino/*", "*.onnx", "*.onnx_data", "*.h5", "*.msgpack", "*.ot", "*.gguf")
"""The same weights for other programs."""
_PICKLED = ("*.bin", "*.pt", "*.pth")
"""The same weights again, where there are safetensors."""
_WHY_CHARS = 300


@dataclass(frozen=True, slots=True)
class Hub:
    """The hub and its cache, as an engine's environment names them: HF_ENDPOINT, HF_TOKEN, HF_HOME, HF_HUB_CACHE."""

    environment: Mapping[str, str]
    say: Callable[[str], None] = lambda _: None

    @property
    def _at(self) -> str:
        return self.environment.get("HF_ENDPOINT") or constants.ENDPOINT

    @property
    def _token(self) -> str | None:
        return self.environment.get("HF_TOKEN") or None

    @property
    def cache(self) -> Path:
        """Return the cache: that which engines of this environment use."""
        home = self.environment.get("HF_HOME")
        named = self.environment.get("HF_HUB_CACHE") or (f"{home}/hub" if home else constants.HF_HUB_CACHE)
        return Path(named).expanduser()

    def find(self, name: HubName) -> Path | None:
        """Return where a model lies in the cache, None where it does not, or is not whole."""
        if name.file:
            folder = self._whole(name, (name.file,), only=[_file_pattern(name)])
            return folder and folder / name.file
        tensors = self._whole(name, ("*.safetensors",), without=[*_OTHERS, *_PICKLED])
        return tensors or self._whole(name, _PICKLED, without=[*_OTHERS])

    def fetch(self, name: HubName) -> Path:
        """Bring a model into the cache; what is there of it stays. Raises `BadConfig`."""
        try:
            self._fetch(name)
        except BadConfig:
            raise
        except GatedRepoError as error:
            raise BadConfig(f"{name} is not for everybody: accept its terms on its page, and set HF_TOKEN") from error
        except RepositoryNotFoundError as error:
            why = f"there is no model {name.repo} at {self._at}: correct its name, or set HF_TOKEN if it is private"
            raise BadConfig(why) from error
        except RevisionNotFoundError as error:
            raise BadConfig(f"{name.repo} has no revision {name.revision}: name a branch, a tag or a commit") from error
        except (OSError, ValueError, httpx2.HTTPError) as error:
            why = one_line(str(error), _WHY_CHARS) or type(error).__name__
            raise BadConfig(
                f"{name} cannot be fetched from {self._at}: {why}. What came of it stays: try again"
            ) from error
        path = self.find(name)
        if path is None:
            raise BadConfig(f"{name} has no weights that vLLM reads: name a model that has, or one file of this one")
        return path

    def _fetch(self, name: HubName) -> None:
        api = HfApi(self._at, self._token)
        told = api.model_info(name.repo, revision=name.revision, files_metadata=True)
        sizes = {each.rfilename: each.size or 0 for each in told.siblings or ()}
        wanted = _wanted(name, sizes)
        if not wanted:
            raise BadConfig(f"{name.repo} has no {name.file or 'file for an engine'}: look at {self._at}/{name.repo}")
        there = [each for each in wanted if self._is_cached(name.repo, each, told.sha)]
        missing = sum(sizes[each] for each in wanted) - sum(sizes[each] for each in there)
        free = headroom(self.cache).disk_bytes
        if missing > free:
            raise BadConfig(
                f"{name} needs {_size(missing)} more in {self.cache}, where {_size(free)} are free: make room, or set HF_HOME"
            )
        self.say(f"fetching {name}: {len(wanted) - len(there)} of {len(wanted)} files, {_size(missing)}")
        snapshot_download(
            name.repo,
            revision=name.revision,
            cache_dir=self.cache,
            allow_patterns=wanted,
            endpoint=self._at,
            token=self._token,
        )
        checked = api.verify_repo_checksums(name.repo, revision=told.sha, cache_dir=self.cache)
        for wrong in checked.mismatches:
            link = checked.verified_path / wrong["path"]
            link.resolve().unlink(missing_ok=True)
            link.unlink(missing_ok=True)
        if checked.mismatches:
            files = one_line(", ".join(each["path"] for each in checked.mismatches), _WHY_CHARS)
            raise BadConfig(
                f"{name}: {files} came with another checksum than the hub tells, and was removed: try again"
            )
        self.say(f"{name} is there, and its checksums are right")

    def _whole(
        self, name: HubName, weights: Iterable[str], only: list[str] | None = None, without: list[str] | None = None
    ) -> Path | None:
        """Return a model's folder, if all is there that the patterns leave of it, and weights are among that."""
        try:
            found = snapshot_download(
                name.repo,
                revision=name.revision,
                cache_dir=self.cache,
                local_files_only=True,
                allow_patterns=only,
                ignore_patterns=without,
            )
        except (LocalEntryNotFoundError, HFValidationError):
            return None
        folder = Path(found)
        return folder if any(file.is_file() for kind in weights for file in folder.glob(kind)) else None

    def _is_cached(self, repo: str, file: str, commit: str | None) -> bool:
        return isinstance(try_to_load_from_cache(repo, file, cache_dir=self.cache, revision=commit), str)


def _wanted(name: HubName, files: Iterable[str]) -> list[str]:
    """Return the files that an engine needs."""
    if name.file:
        return [each for each in files if fnmatchcase(each, _file_pattern(name))]
    left = [each for each in files if not _matches(each, _OTHERS)]
    has_tensors = any(fnmatchcase(each, "*.safetensors") for each in left)
    return [each for each in left if not (has_tensors and _matches(each, _PICKLED))]


def _file_pattern(name: HubName) -> str:
    """Return what matches a file, and the other parts of one that is split."""
    return name.file.replace("-00001-of-", "-*-of-")


def _matches(file: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(file, each) for each in patterns)


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
