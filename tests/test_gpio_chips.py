"""Which GPIO chip and which line are meant."""

import pytest

from controller.errors import HardwareError
from hw.gpio_chips import Chip, find_chip, line_of

HEADER = Chip("/dev/gpiochip4", "pinctrl-rp1", 54)
OTHER = Chip("/dev/gpiochip0", "raspberrypi-exp-gpio", 8)
BOARD = Chip("/dev/gpiochip1", "IT8786", 64)
LOCKED = Chip("/dev/gpiochip2", why="Permission denied")


@pytest.mark.parametrize("label", ["pinctrl-bcm2835", "pinctrl-bcm2711", "pinctrl-rp1"])
def test_a_raspberry_pis_header_is_found_whatever_number_its_chip_has(label: str) -> None:
    header = Chip("/dev/gpiochip7", label, 54)
    assert find_chip("", [OTHER, header, BOARD]) == "/dev/gpiochip7"


def test_another_machines_only_chip_needs_no_name() -> None:
    assert find_chip("", [BOARD]) == "/dev/gpiochip1"


@pytest.mark.parametrize("wanted", ["IT8786", "/dev/gpiochip1", "gpiochip1"])
def test_a_chip_is_found_by_label_path_and_name(wanted: str) -> None:
    assert find_chip(wanted, [OTHER, BOARD, HEADER]) == "/dev/gpiochip1"


def test_two_chips_and_no_name_is_never_a_guess() -> None:
    with pytest.raises(HardwareError, match=r"more than one GPIO chip is here.*exp-gpio.*IT8786"):
        find_chip("", [OTHER, BOARD])


def test_two_chips_of_one_label_are_told_apart_by_path() -> None:
    twin = BOARD._replace(path="/dev/gpiochip9")
    with pytest.raises(HardwareError, match=r"more than one GPIO chip 'IT8786'.*/dev/gpiochip9"):
        find_chip("IT8786", [BOARD, twin])
    assert find_chip("/dev/gpiochip9", [BOARD, twin]) == "/dev/gpiochip9"


def test_a_missing_chip_names_those_that_are_there() -> None:
    with pytest.raises(HardwareError, match=r"no GPIO chip 'rp1' is here.*gpiochip1 \(IT8786\)"):
        find_chip("rp1", [BOARD])


def test_a_machine_without_gpio_says_so() -> None:
    with pytest.raises(HardwareError, match=r"no GPIO chip is here. There are: none"):
        find_chip("", [])


def test_a_chip_that_may_not_be_opened_asks_for_the_group() -> None:
    with pytest.raises(HardwareError, match=r"Permission denied.*group gpio"):
        find_chip("pinctrl-rp1", [LOCKED])


@pytest.mark.parametrize("pin", [17, "17", "GPIO17", "bcm17", "BOARD11"])
def test_one_pin_of_the_header_has_many_names(pin: int | str) -> None:
    assert line_of(pin) == 17


def test_any_other_name_is_a_lines_own() -> None:
    assert line_of("relay-front") == "relay-front"


def test_a_place_of_the_header_that_is_ground_is_no_line() -> None:
    with pytest.raises(HardwareError, match="BOARD9 is no GPIO"):
        line_of("BOARD9")
