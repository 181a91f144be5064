"""What a device told, in words for a technician's screen. PINs are never shown.

Card numbers stand here whole; `kept` says the same for what outlives the screen.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from controller.cards import FORMS, CardFormat, mask
from controller.cli.hw_ears import Seen
from controller.config import ReaderStanza
from controller.model import Strength
from controller.ports import Alarm, Card, Health, Keys, Level, Refused

_STATES = {
    "contact": ("shut", "open"),
    "exit_button": ("let go", "pressed"),
    "tamper": ("closed", "opened"),
    "fire": ("quiet", "fire alarm"),
}
_WHERE = (
    *("port", "host", "device", "i2c", "chip", "unit", "address"),
    *("pin", "d0", "d1", "coil", "channel", "output", "input"),
)


def kind(seen: Seen) -> str:
    return type(seen.told).__name__.lower()


def told(seen: Seen, reader: ReaderStanza | None = None) -> list[str]:
    """First what it is, then what else there is to know, a line each.

    `reader`: the stanza of the reader that told it.
    """
    secret = is_pin(seen, reader)
    match seen.told:
        case Card() as card:
            lines = [f"a PIN of {len(card.text)} digits (never shown)"]
            lines = lines if secret else _card(card, reader)
        case Keys(text):
            lines = [f"{text}  ({len(text)} pressed; never shown)"]
        case Refused(why, raw):
            lines = [f"REFUSED: {why}", *([] if secret else _raw(raw))]
        case Level(active):
            lines = [level(seen.part, active=active)]
        case Health(ok, why):
            lines = ["works" if ok else f"DOES NOT WORK: {why}"]
        case Alarm(what, on, why):
            lines = [f"{'ALARM' if on else 'alarm over'}: {what}" + (f": {why}" if why else "")]
    return lines


def as_data(seen: Seen, at: str | None, reader: ReaderStanza | None = None) -> dict[str, Any]:
    """The same for programs."""
    data: dict[str, Any] = {"at": at, "door": seen.door, "part": seen.part, "told": kind(seen)}
    if isinstance(seen.told, Keys):
        return {**data, "count": len(seen.told.text)}
    fields = seen.told._asdict()
    if is_pin(seen, reader):
        hidden = {"text": "", "raw": "", "pin": True}
        fields.update((name, value) for name, value in hidden.items() if name in (*fields, "pin"))
    elif isinstance(seen.told, Card):
        fields["forms"] = dict(canonical_forms(seen.told.text))
    return {**data, **fields}


def is_pin(seen: Seen, reader: ReaderStanza | None) -> bool:
    """May it hold a PIN: from a reader that is told to read PINs, or by its strength?"""
    if isinstance(seen.told, Card) and seen.told.strength is Strength.PIN:
        return True
    typed = reader is not None and "pin" in (reader.card.format, reader.strength)
    return typed and isinstance(seen.told, Card | Refused)


def canonical_forms(text: str) -> Iterator[tuple[str, str]]:
    """Each way of writing cards that fits, with the card it would be. No PIN among them."""
    for name in FORMS:
        if name == "pin":
            continue
        try:
            yield name, CardFormat(name).canonical(text)
        except ValueError:
            continue


def level(part: str, *, active: bool) -> str:
    return _STATES.get(part, ("not active", "active"))[active]


def kept(card: Card) -> str:
    """A card as a protocol may hold it."""
    if card.strength is Strength.PIN or len(card.text) < 8:
        return "…"  # what is so short may have been typed
    return mask(card.text.partition(":")[2] or card.text)


def hidden(text: str) -> str:
    """The same words without anything in them that may be bytes or digits of a card."""
    return re.sub(r"(?<![\w/])[0-9A-Fa-f]{6,}(?![\w/])", lambda found: mask(found[0]), text)


def where(kind: str, settings: Mapping[str, Any]) -> str:
    """A device as its stanza names it: `serial /dev/ttyUSB0`."""
    named = [f"{key} {settings[key]}" for key in _WHERE if settings.get(key) not in (None, "")]
    return " ".join([kind, *(each.removeprefix("port ").removeprefix("device ") for each in named)])


def as_toml(value: object) -> str:
    """A value as it stands in the configuration, tables in one line."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {as_toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def card_settings(card: CardFormat) -> dict[str, Any]:
    """What stands under `card`: only what differs from the default."""
    settings: dict[str, Any] = {"format": card.form}
    if card.keep_bits is not None:
        settings["keep_bits"] = card.keep_bits
    if card.reverse:
        settings["byte_order"] = "reversed"
    return settings


def _card(card: Card, reader: ReaderStanza | None) -> list[str]:
    forms = [f"{name:8} {made}" for name, made in canonical_forms(card.text)]
    first = f"{card.text}  ({card.strength.value})"
    return [first, *_raw(card.raw, card.text), *forms, *_here(card.text, reader)]


def _raw(raw: str, text: str = "") -> list[str]:
    return [f"raw      {raw}"] if raw and raw != text else []


def _here(text: str, reader: ReaderStanza | None) -> list[str]:
    """What the configuration makes of it."""
    if reader is None:
        return []
    card = reader.card.card_format()
    try:
        made = card.canonical(text)
    except ValueError as error:
        made = f"NO CARD: it {error}"
    return [f"here     {made}  (card = {as_toml(card_settings(card))})"]
