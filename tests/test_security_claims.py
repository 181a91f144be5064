"""docs/security.md promises nothing that no test shows."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "security.md").read_text()
PROTECTED = TEXT.partition("## Protected")[2].partition("## Not protected")[0]
NAMED = sorted(set(re.findall(r"`(test_\w+\.py(?:::\w+)?)`", TEXT)))
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-hardware.lock")


def test_every_claim_names_its_tests() -> None:
    claims = re.split(r"\n(?=\*\*)", PROTECTED)[1:]
    assert len(claims) > 20
    without = [claim for claim in claims if not re.search(r"Tests:\s+`test_", claim)]
    assert not without


@pytest.mark.parametrize("named", NAMED)
def test_every_test_named_exists(named: str) -> None:
    file, _, name = named.partition("::")
    text = (ROOT / "tests" / file).read_text()
    assert re.search(rf"def {name}\b" if name else r"def test_", text)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_pinned_with_its_hashes(lock: str) -> None:
    text = (ROOT / lock).read_text().replace("\\\n", " ")
    packages = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    assert packages
    assert not [p for p in packages if not re.match(r"\S+==\S+.* --hash=sha256:[0-9a-f]{64}", p)]


def test_our_code_is_linted_as_bandit_would() -> None:
    rules = re.search(r"^select = (\[.*\])$", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert rules
    assert '"S"' in rules[1]
