"""Study files: from TOML to checked sections, with a sentence for every error."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from geosearch.config.relative_paths import place_path, place_set
from geosearch.config.study_config import StudyFile
from geosearch.errors import InvalidOptionError
from geosearch.runtime.redact import mask
from geosearch.runtime.user_folder import expand_user, is_path


def read_study(path: Path) -> StudyFile:
    """Read and check a study file; `${VAR}` and `~` are expanded in paths and storage addresses only.

    A relative path of a data set, of `domain.root` or of weights is looked up from the working folder; if
    there is nothing, and there is something beside the study file, it becomes the absolute path of that. Databases and
    results are written below the working folder.

    Raises:
        InvalidOptionError: no such file, not TOML, an unknown key, a wrong type, a value out of range.
    """
    try:
        data = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise InvalidOptionError(_missing_file_message(Path(path))) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidOptionError(f"cannot read {path}: {error}; expected a TOML study file") from error
    except tomllib.TOMLDecodeError as error:
        raise InvalidOptionError(f"{path} is not valid TOML: {error}") from error
    folder = Path(path).parent
    return _parse(data, str(path), folder).read_from(folder)


def parse_study(data: Mapping[str, Any], where: str = "study") -> StudyFile:
    """Check a study given as nested dictionaries (see `read_study`).

    Args:
        data: section -> key -> value.
        where: its origin, for messages.

    Raises:
        InvalidOptionError: an unknown key, a wrong type, a value out of range.
    """
    return _parse(data, where, None)


def _parse(data: Mapping[str, Any], where: str, folder: Path | None) -> StudyFile:
    try:
        return StudyFile.model_validate(_expand_paths(data, folder))
    except ValidationError as error:
        lines = [_explain(entry) for entry in _joined(error.errors())]
        raise InvalidOptionError(f"{where}: " + "; ".join(lines)) from error


def expand(text: str) -> str:
    """Expand `${VAR}` and a leading `~`, behind a prefix such as "npz:" or "sqlite:///" too.

    Raises:
        InvalidOptionError: a variable that is not set.
    """
    for variable in re.findall(r"\$\{(\w+)\}", text):
        if variable not in os.environ:
            raise InvalidOptionError(
                f"'{mask(text)}' needs the environment variable {variable}, which is not set; export it"
            )
    text = re.sub(r"\$\{(\w+)\}", lambda match: os.environ[match[1]], text)
    return re.sub(r"^((?:[a-z]+:(?:///)?)?)~(?=/|$)", lambda match: match[1] + str(expand_user("~")), text)


def _expand_paths(data: Mapping[str, Any], folder: Path | None) -> dict[str, Any]:
    """Expand variables where a path may stand: names of sets, root, weights, addresses of studies.

    Sets, root and weights that are not found from the working folder, but in `folder`, become absolute paths.
    """

    def place(spec: str) -> str:
        return expand(spec) if folder is None else place_set(expand(spec), folder)

    def place_file(path: str) -> str:
        return expand(path) if folder is None else place_path(expand(path), folder)

    def place_weights(weights: str) -> str:
        return place_file(weights) if is_path(weights) else expand(weights)

    sections = {name: dict(keys) if isinstance(keys, Mapping) else keys for name, keys in data.items()}
    domain, search = (sections.get(name) for name in ("domain", "search"))
    if isinstance(domain, dict):
        for key in ("target", "unlabelled", "test"):
            if isinstance(domain.get(key), str):
                domain[key] = place(domain[key])
        if isinstance(domain.get("root"), str):
            domain["root"] = place_file(domain["root"])
        if isinstance(domain.get("sources"), list):
            domain["sources"] = [place(s) if isinstance(s, str) else s for s in domain["sources"]]
    if isinstance(limits := sections.get("limits"), dict):
        _expand_limits(limits, place)
    if isinstance(price := sections.get("price"), dict) and isinstance(price.get("sources"), Mapping):
        price["sources"] = {place(source): value for source, value in price["sources"].items()}
    for section in (sections.get("transport"), sections.get("recipe")):
        if isinstance(section, dict) and isinstance(section.get("weights"), str):
            section["weights"] = place_weights(section["weights"])
    if isinstance(search, dict):
        if isinstance(search.get("storage"), str):
            search["storage"] = expand(search["storage"])
        if isinstance(search.get("earlier"), list):
            search["earlier"] = [expand(one) if isinstance(one, str) else one for one in search["earlier"]]
    return sections


def _expand_limits(limits: dict[str, Any], place: Callable[[str], str]) -> None:
    """Expand variables in [limits], where sources are written as in domain.sources."""
    for key in ("floors", "caps"):
        if isinstance(limits.get(key), Mapping):
            limits[key] = {place(source): value for source, value in limits[key].items()}
    if isinstance(limits.get("groups"), list):
        limits["groups"] = [
            {**group, "sources": [place(source) for source in group["sources"]]}
            if isinstance(group, Mapping) and _all_text(group.get("sources"))
            else group
            for group in limits["groups"]
        ]


def _all_text(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(entry, str) for entry in value)


def _joined(entries: Iterable[Any]) -> list[Any]:
    """Pydantic's errors; those of the members of a union, of which it gives one each, are one error of the key."""
    found: dict[Any, Any] = {}
    for number, entry in enumerate(entries):
        *key, last = entry["loc"] or ("",)
        if key and entry["type"] != "extra_forbidden" and _MEMBER.fullmatch(str(last)):
            known = found.get((*key,))
            message = f"{known['msg']}, or {entry['msg'].removeprefix(_EXPECTED)}" if known else entry["msg"]
            found[*key,] = {**entry, "loc": (*key,), "msg": message}
        else:
            found[number] = entry
    return list(found.values())


_MEMBER = re.compile(r"literal\[.*\]|int|float|str")  # what pydantic adds to the place of an error
_EXPECTED = "Input should be "


def _explain(entry: Any) -> str:
    """One of pydantic's errors in a sentence: the key, the expected and the given value."""
    location = ".".join(str(part) for part in entry["loc"] if not isinstance(part, int))
    if entry["type"] == "extra_forbidden":
        return f"unknown key '{location}'{_suggest_key(entry['loc'])}"
    if entry["type"] == "missing":
        return f"'{location}' is missing"
    if entry["type"] == "option":
        return f"'{location}': {entry['msg']}"
    message = entry["msg"].removeprefix("Value error, ").removeprefix(_EXPECTED)
    expected = message if entry["type"] in ("value_error", "option") else f"expected {message}, got {entry['input']!r}"
    return f"'{location}': {expected}" if location else expected


def _suggest_key(location: tuple[Any, ...]) -> str:
    model: Any = StudyFile
    for part in (part for part in location[:-1] if not isinstance(part, int)):
        annotation = model.model_fields[part].annotation
        model = next((one for one in (annotation, *get_args(annotation)) if hasattr(one, "model_fields")), model)
    known = [*model.model_fields, *model.option_settings()]
    close = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.5)
    if close:
        place = [str(part) for part in location[:-1] if not isinstance(part, int)]
        return f"; did you mean '{'.'.join([*place, close[0]])}'?"
    return f"; known are {', '.join(known)}"


def _missing_file_message(path: Path) -> str:
    if path.is_symlink():
        return f"no such study file: {path} is a link to {path.readlink()}, which is not there; copy the file itself"
    folder = path.parent if path.parent.is_dir() else Path(".")
    names = [str(file) for file in sorted(folder.glob("*.toml")) if file.exists()]
    close = difflib.get_close_matches(str(path), names, n=1, cutoff=0.4)
    hint = f"did you mean {close[0]}?" if close else "give the path of a study file, or quickstart for the example"
    return f"no such study file: {path}; {hint}"
