"""The card that the wizard was shown, and how platforms and lists hold it."""

from typing import NamedTuple

from controller.cards import CardFormat
from controller.cards_match import match

_USUAL = CardFormat("dec10")


class Shown(NamedTuple):
    """What is `printed` on it, what the reader `sent` of it, and `form`, which was learnt of both.

    Empty and None where that is not known. It is a key: it is never kept.
    """

    printed: str = ""
    sent: str = ""
    form: CardFormat | None = None

    def stored(self) -> CardFormat:
        """How what is printed on it is written, which is what most platforms hold."""
        return self._as_printed() or _USUAL

    def listed(self) -> tuple[CardFormat, str]:
        """How a new list is to write cards, and this one in it: as printed, else as it is sent."""
        if printed := self._as_printed():
            return printed, self.printed
        if self.form:
            return self.form, self.sent
        return _USUAL, self.printed

    def _as_printed(self) -> CardFormat | None:
        """None if it is not known to be the same card as what the reader sends."""
        meetings = match(self.sent, self.printed) if self.sent and self.printed else []
        fitting = (each.stored for each in meetings if each.reader == self.form)
        return next(fitting, None)


# Of a simulated reader: a trial without hardware ends with a door that opens, too.
SIMULATED = Shown("0077705923", "04A1B2C3", CardFormat("hex"))
