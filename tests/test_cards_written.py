"""From the canonical card back to what a platform may have stored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.cards import FORMS, CardFormat
from controller.cards_written import written

NUMBERS = {name: form.bits for name, form in FORMS.items() if form.bits}


@pytest.mark.parametrize(
    ("form", "canonical", "texts"),
    [
        (CardFormat("hex"), "32:007B3972", ("007B3972",)),
        (CardFormat("hex", reverse=True), "32:007B3972", ("72397B00",)),
        (CardFormat("hex", keep_bits=32), "32:007B3972", ("007B3972",)),
        (CardFormat("dec10"), "32:007B3972", ("0008075634", "8075634")),
        (CardFormat("dec10", reverse=True), "32:007B3972", ("1916369664",)),
        (CardFormat("dec10"), "24:7B3972", ()),
        (CardFormat("3-5"), "24:0B3972", ("011,14706", "11,14706")),
        (CardFormat("5-5"), "32:00000001", ("00000,00001", "0,00001", "0,1")),
        (CardFormat("bits"), "26:07B3972", ("26:07B3972",)),
        (CardFormat("hex"), "26:07B3972", ()),
        (CardFormat("text"), "text:AB-1", ("AB-1",)),
        (CardFormat("text"), "32:007B3972", ()),
        (CardFormat("hex"), "text:AB-1", ()),
        (CardFormat("pin"), "pin:0711", ("0711",)),
    ],
)
def test_written(form: CardFormat, canonical: str, texts: tuple[str, ...]) -> None:
    assert written(form, canonical) == texts


@given(st.sampled_from(sorted(NUMBERS)), st.booleans(), st.data())
def test_every_number_can_be_written_back(name: str, turned: bool, data: st.DataObject) -> None:
    bits = NUMBERS[name]
    value = data.draw(st.integers(0, 2**bits - 1))
    canonical = f"{bits}:{value:0{-(-bits // 4)}X}"
    form = CardFormat(name, reverse=turned)
    texts = written(form, canonical)
    assert texts
    assert {form.canonical(text) for text in texts} == {canonical}
