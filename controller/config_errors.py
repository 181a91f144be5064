"""Problems of a configuration in words: the key, what is wrong with it, what to write instead."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails


def problem_lines(model: type[BaseModel], error: ValidationError, where: str) -> list[str]:
    """One line for each thing that pydantic found in the table `where`."""
    return [
        f"{_key(where, each['loc'])}: {_words(model, each)}"
        for each in error.errors(include_url=False)
    ]


def meant(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'admits'?`, or what there is to choose from."""
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake has to wait for it

    known = list(known)
    near = get_close_matches(word.lower(), known, 1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; there are: {', '.join(known)}" if known else ""


def clashes(stanzas: Mapping[str, Any], doors: Iterable[str]) -> list[str]:
    """Two devices in one place, and doors that platforms name and nobody built."""
    known = list(doors)
    problems = []
    taken: list[tuple[str, Any]] = []
    for where, settings in stanzas.items():
        for place in settings.attached():
            found = (_conflict(place, other, first) for first, other in taken)
            problems += [f"{where}.{place.key}: {why}" for why in found if why][:1]
            taken.append((where, place))
        problems += [
            f"{where}.doors.{door}: there is no such door{meant(door, known)}"
            for door in _named_doors(settings)
            if door not in known
        ]
    return problems


def unfit_doors(doors: Mapping[str, Any], site: Any) -> list[str]:
    """What one door's settings need of the others and of the site."""
    problems = []
    for name, door in doors.items():
        if door is None:
            continue
        where = f"doors.{name}"
        hours = door.unlocked or [each for each in door.demands if each.begin is not None]
        if hours and site and site.zone is None:
            problems.append(f'{where}: has hours; say of which time zone: [site] zone = "…"')
        for partner in door.interlock:
            if partner not in doors or partner == name:
                others = [each for each in doors if each != name]
                problems.append(
                    f"{where}.interlock: {partner!r} is no other door{meant(partner, others)}"
                )
            elif doors[partner] and (doors[partner].contact is None or doors[partner].unlocked):
                problems.append(f"{where}.interlock: {partner!r} needs a contact, and no hours")
    return problems


def _conflict(place: Any, other: Any, first: str) -> str:
    """Why the device at `place` cannot be where it is beside that of `first`; "" if it can."""
    if place.line != other.line:
        return ""
    if place.speaks is None or other.speaks is None or place.unit == other.unit:
        return f"is taken by {first}; each device needs its own"
    if place.speaks != other.speaks:
        return f"is shared with {first}, which is set differently; protocol and speed must agree"
    return ""


def _named_doors(settings: object) -> list[str]:
    doors = getattr(settings, "doors", None)
    return list(doors) if isinstance(doors, Mapping) else []


def _words(model: type[BaseModel], error: ErrorDetails) -> str:
    match error["type"]:
        case "extra_forbidden":
            table = _model_at(model, error["loc"][:-1])
            known = table.model_fields if table else ()
            return f"is not known{meant(str(error['loc'][-1]), known)}"
        case "value_error":
            return str(error["ctx"]["error"])
        case "literal_error":
            words = f"must be {error['ctx']['expected']}{_not_this(error['input'])}"
        case "missing":
            words = "is missing"
        case "model_type" | "model_attributes_type" | "dict_type":
            words = "must be a table"
        case "too_short":
            words = "is empty"
        case kind if kind.startswith("date_"):
            words = "must be a date without quotes, e.g. 2026-12-25"
        case _:
            words = error["msg"].replace("Input should", "must", 1)
    return words + _description(model, error["loc"])


def _not_this(value: object) -> str:
    return f", not {value!r}" if isinstance(value, str | int | float) else ""


def _description(model: type[BaseModel], loc: tuple[int | str, ...]) -> str:
    parent = _model_at(model, loc[:-1])
    field = parent.model_fields.get(str(loc[-1])) if parent and loc else None
    return f"; {field.description}" if field and field.description else ""


def _model_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> type[BaseModel] | None:
    """The settings class of the table at `loc`, looking through lists, tables and optionals."""
    found: type[BaseModel] | None = model
    for step in loc:
        if isinstance(step, int) or found is None:
            continue
        field = found.model_fields.get(step)
        if field is not None:
            found = next(_models_in(field.annotation), None)
    return found


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for each in get_args(annotation):
        yield from _models_in(each)


def _key(where: str, loc: tuple[int | str, ...]) -> str:
    return where + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in loc)
