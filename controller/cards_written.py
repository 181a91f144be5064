"""From a canonical card back to the texts that may stand for it in one way of writing. Pure."""

from collections.abc import Iterator

from controller.cards import FORMS, CardFormat

_PAIRS = {"3-5": (3, 16), "5-5": (5, 16)}  # digits of the facility, bits of the number


def written(form: CardFormat, canonical: str) -> tuple[str, ...]:
    """The likeliest first; none if this way of writing cannot say this card.

    Where it keeps fewer bits than were written, only texts of no more than those are found.
    """
    texts = dict.fromkeys(_texts(form, canonical))
    return tuple(text for text in texts if _means(form, text, canonical))


def _texts(form: CardFormat, canonical: str) -> Iterator[str]:
    kind, _, rest = canonical.partition(":")
    if FORMS[form.form].read is None:
        yield rest
        return
    if not kind.isdecimal():
        return
    bits, value = int(kind), int(rest, 16)
    if form.reverse and not bits % 8:
        value = int.from_bytes(value.to_bytes(bits // 8, "big"), "little")
    digits = f"{value:0{-(-bits // 4)}X}"
    if form.form == "hex":
        yield digits
    elif form.form == "bits":
        yield f"{bits}:{digits}"
    elif form.form in _PAIRS:
        width, low = _PAIRS[form.form]
        facility, number = value >> low, value & ((1 << low) - 1)
        yield f"{facility:0{width}},{number:05}"
        yield f"{facility},{number:05}"
        yield f"{facility},{number}"
    else:
        yield f"{value:0{form.form.removeprefix('dec')}}"
        yield str(value)


def _means(form: CardFormat, text: str, canonical: str) -> bool:
    try:
        return form.canonical(text) == canonical
    except ValueError:
        return False
