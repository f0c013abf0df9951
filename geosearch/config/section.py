"""Section: how one section of a study file is checked, together with the settings of the options it names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from geosearch.runtime.registry import Choice, Setting


class Section(BaseModel):
    """A section of a study file: frozen and strict.

    Its keys are the fields below and the settings of the options that its choices offer, read from the registry
    whenever a section is checked; any other key is refused.
    """

    model_config = ConfigDict(frozen=True, extra="allow", strict=True, allow_inf_nan=False)
    choices: ClassVar[tuple[Choice[Any], ...]] = ()

    @classmethod
    def option_settings(cls) -> dict[str, Setting]:
        """Key -> setting, of all options of all choices of the section."""
        return {key: entry for choice in cls.choices for key, entry in choice.settings().items()}

    @property
    def settings(self) -> dict[str, Any]:
        """Key -> value, those of options included."""
        return {key: getattr(self, key) for key in (*type(self).model_fields, *(self.model_extra or {}))}

    @model_validator(mode="wrap")
    @classmethod
    def _check_options(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(data, Mapping):
            return handler(data)
        own = {key: value for key, value in data.items() if key in cls.model_fields}
        errors = [error for choice in cls.choices for error in _choice_errors(choice, data)]
        try:
            given = {key: value for key, value in data.items() if key not in own}
            own |= cls._settings_model(data).model_validate(given).model_dump()
        except ValidationError as error:
            errors += _details(error)
        try:
            section = handler(own)
        except ValidationError as error:
            errors += [one for one in _details(error) if one.get("loc") not in [known.get("loc") for known in errors]]
        if errors:
            raise ValidationError.from_exception_data(cls.__name__, errors)
        return section

    @classmethod
    def _settings_model(cls, data: Mapping[str, Any]) -> type[BaseModel]:
        """A model of the settings of all options; those of a choice that may be left out, and is, are None."""
        keys: dict[str, Any] = {}
        for choice in cls.choices:
            left_out = choice.default is None and not choice.many and data.get(choice.name) is None
            for key, one in choice.settings().items():
                bounds: dict[str, Any] = {**one.bounds}
                keys[key] = (Any, None) if left_out else (one.kind, Field(one.default, **bounds))
        return create_model(
            cls.__name__, __config__=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False), **keys
        )


def _choice_errors(choice: Choice[Any], data: Mapping[str, Any]) -> Iterator[InitErrorDetails]:
    """Names that no option has, and settings of an optional choice that is not made."""
    value = data.get(choice.name, choice.default)
    if value is None and not choice.many and choice.default is None:
        names = " or ".join(f'"{name}"' for name in choice.names())
        for key in choice.settings():
            if data.get(key) is not None:
                yield _error(f"needs {choice.name} = {names}; set it too, or leave {key} out", key, data[key])
        return
    many = choice.many and isinstance(value, list | tuple)
    for name in value if many else () if choice.many and value is None else (value,):
        if not isinstance(name, str) or not choice.has(name):
            yield _error(f"{choice.expected()}, got {name!r}", choice.name, name)


def _error(message: str, key: str, value: Any) -> InitErrorDetails:
    # a template, since pydantic would fill in braces in the message
    return {"type": PydanticCustomError("option", "{text}", {"text": message}), "loc": (key,), "input": value}


def _details(error: ValidationError) -> list[InitErrorDetails]:
    """The details of an error, so that they can be raised again together with others."""
    return [
        {
            "type": PydanticCustomError("option", "{text}", {"text": one["msg"]})
            if one["type"] == "option"
            else one["type"],
            "loc": one["loc"],
            "input": one["input"],
            "ctx": one.get("ctx", {}),
        }
        for one in error.errors(include_url=False)
    ]
