"""Choice: a key of study files whose values are names of options, and the classes that registered under these names."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from inspect import signature
from pkgutil import walk_packages
from threading import RLock
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from geosearch.errors import InvalidOptionError

Option = TypeVar("Option")
ENTRY_POINTS = "geosearch.options"  # modules of other packages that register options
_SETTING = "setting"
_names: dict[type, str] = {}
_importing = RLock()  # one for all choices: modules of one may ask another while they are imported


@dataclass(frozen=True)
class Setting:
    """One field of an option that a study file may set.

    Attributes:
        key: the key, in the section of the choice.
        kind: its type, as pydantic understands it.
        default: its value where a study file leaves it out.
        meaning: one line for the reference of study files.
        bounds: any of ge, gt, le, lt.
    """

    key: str
    kind: Any
    default: Any
    meaning: str
    bounds: Mapping[str, float] = field(default_factory=dict)


def setting(default: Any, key: str, meaning: str, *, kind: Any = None, **bounds: float) -> Any:
    """A dataclass field that a study file may set under `key`; see `Setting`.

    >>> @dataclass(frozen=True)
    ... class Ridge:
    ...     penalty: float = setting(1.0, "penalty", "Weight of the squared norm.", gt=0)
    >>> settings_of(Ridge)["penalty"].bounds
    {'gt': 0}
    """
    entry = Setting(key, kind or type(default), default, meaning, bounds)
    return field(default=default, metadata={_SETTING: entry})


def settings_of(option: type) -> dict[str, Setting]:
    """Field of an option class -> its setting, for the fields that a study file may set.

    A class whose ``from_settings`` reads further keys names them in a classmethod ``settings()``.
    """
    known = fields(option) if is_dataclass(option) else ()
    further = option.settings() if hasattr(option, "settings") else ()
    declared = {entry.name: entry.metadata[_SETTING] for entry in known if _SETTING in entry.metadata}
    return declared | {entry.key: entry for entry in further}


def name_of(option: type) -> str:
    """The name under which an option class is registered; the class's own name if it is not.

    Content keys hold this name, so that renaming a class changes none of them.
    """
    return _names.get(option, option.__name__)


@dataclass(frozen=True)
class Entry(Generic[Option]):
    """One registered option.

    Attributes:
        name: its name in study files.
        option: the class.
        meaning: a few words for the reference of study files.
        preset: fields whose values this name fixes.
    """

    name: str
    option: type[Option]
    meaning: str
    preset: Mapping[str, Any]


class Choice(Generic[Option]):
    """A key of study files that takes the name of an option.

    The package's own options register when the modules of `room` are imported, which the choice does when it is first
    asked; an option in any other module is known as soon as that module is imported. Packages can name such modules
    under the entry point ``geosearch.options``.

    >>> SCALES = Choice("toy.scale", default="plain", meaning="How numbers are scaled.")
    >>> @SCALES.register("plain", "as they are")
    ... @dataclass(frozen=True)
    ... class Plain:
    ...     factor: float = setting(1.0, "factor", "What numbers are multiplied by.", gt=0)
    >>> SCALES.names(), SCALES.build("plain", {"factor": 2.0})
    (('plain',), Plain(factor=2.0))

    Args:
        key: "section.key".
        default: name of the default option; None if the key may be left out.
        meaning: one line for the reference of study files.
        room: package whose modules hold options; one module of options if it has no submodules.
        many: the key takes a list of names.
    """

    def __init__(self, key: str, *, default: Any, meaning: str, room: str | None = None, many: bool = False) -> None:
        self.key = key
        self.default = default
        self.meaning = meaning
        self.many = many
        self._room = room
        self._entries: dict[str, Entry[Option]] = {}
        self._imported = False
        self._is_importing = False

    @property
    def section(self) -> str:
        """Section of the key."""
        return self.key.partition(".")[0]

    @property
    def name(self) -> str:
        """The key within its section."""
        return self.key.partition(".")[2]

    def register(
        self, name: str, meaning: str, *, key_name: str | None = None, **preset: Any
    ) -> Callable[[type[Any]], type[Any]]:
        """Class decorator: the frozen dataclass below is the option of this name.

        Args:
            name: in study files and on the command line; "FAMILY:NAME" for all names that begin with "FAMILY:", whose
                class makes itself and is given the ``name``.
            meaning: a few words for the reference of study files.
            key_name: name of the class in content keys, if not `name`: what it was before it was registered.
            preset: fields of the class that this name fixes.

        Raises:
            InvalidOptionError: another class has the name, or another option declares the key of one of the class's
                settings differently.
        """

        def decorate(option: type[Any]) -> type[Any]:
            if (known := self._entries.get(name)) and known.option.__qualname__ != option.__qualname__:
                raise InvalidOptionError(f"{self.key} = '{name}' is {known.option.__name__} already; take another name")
            others = tuple(self._entries.values())  # another thread may register one meanwhile
            declared = {one.key: one for other in others for one in settings_of(other.option).values()}
            for entry in settings_of(option).values():
                if (twin := declared.get(entry.key, entry)) != entry and not known:
                    raise InvalidOptionError(
                        f"{option.__name__} declares {self.section}.{entry.key} as {entry}, another option of "
                        f"{self.key} as {twin}; declare it alike, or take another key"
                    )
            self._entries[name] = Entry(name, option, meaning, MappingProxyType(preset))
            if not preset:
                _names[option] = key_name or name
            return option

        return decorate

    def names(self) -> tuple[str, ...]:
        """Names of all registered options: the default, then the others in alphabetical order."""
        self._import_options()
        return tuple(sorted(self._entries, key=lambda name: (name != self.default, name)))

    def entries(self) -> Iterator[Entry[Option]]:
        """All registered options, the default first."""
        return (self._entries[name] for name in self.names())

    def has(self, name: str) -> bool:
        """Whether there is an option of this name, or of its family."""
        return self._registered(name) in self.names()

    @staticmethod
    def _registered(name: str) -> str:
        """The name itself, or that of its family: "timm:resnet18" is one of "timm:NAME"."""
        family, colon, own = name.partition(":")
        return f"{family}:NAME" if colon and own else name

    def entry(self, name: str) -> Entry[Option]:
        """The option of a name.

        Raises:
            InvalidOptionError: there is none.
        """
        if not self.has(name):
            close = difflib.get_close_matches(name, self.names(), n=1)
            hint = f"; did you mean '{close[0]}'?" if close else ""
            raise InvalidOptionError(f"'{self.key}': {self.expected()}, got {name!r}{hint}")
        return self._entries[self._registered(name)]

    def expected(self) -> str:
        """What a study file may say, for messages: "expected 'a', 'b' or 'c'"."""
        *others, last = map(repr, self.names())
        return f"expected {', '.join(others)} or {last}" if others else f"expected {last}"

    def settings(self) -> dict[str, Setting]:
        """Key -> setting, of all options together."""
        return {one.key: one for entry in self.entries() for one in settings_of(entry.option).values()}

    def build(self, name: str, settings: Mapping[str, Any], **context: Any) -> Option:
        """The option of a name.

        A class with a classmethod ``from_settings(settings, **context)`` makes itself. Of any other, fields with a
        `setting` are taken from `settings`, and parameters of the name of something in `context` from there.

        Args:
            name: of the option.
            settings: key -> value, as in a section of a study file; what is missing or None keeps its default.
            context: what a study as a whole decides, e.g. the device.

        Raises:
            InvalidOptionError: there is no such option, or a value that it refuses.
        """
        entry = self.entry(name)
        make = getattr(entry.option, "from_settings", None)
        if make is not None:
            given = {"name": name} if ":" in entry.name else {}
            made: Option = make(settings, **entry.preset, **given, **context)
            return made
        known = signature(entry.option).parameters
        values = {name: value for name, value in context.items() if name in known}
        own = settings_of(entry.option)
        values |= {name: settings[one.key] for name, one in own.items() if settings.get(one.key) is not None}
        return entry.option(**{**values, **entry.preset})

    def _import_options(self) -> None:
        """Import every module that may register an option here, the first time; other threads wait for all of them."""
        if self._imported:
            return
        with _importing:
            if self._imported or self._is_importing:  # by a thread before, or asked by one of these modules
                return
            self._is_importing = True
            try:
                if self._room:
                    room = import_module(self._room)
                    for module in walk_packages(getattr(room, "__path__", ()), f"{self._room}."):
                        import_module(module.name)
                import_extensions()
                self._imported = True
            finally:
                self._is_importing = False


@cache
def import_extensions() -> None:
    """Import the modules of other packages that register options, loaders or writers, once."""
    for found in entry_points(group=ENTRY_POINTS):
        found.load()
