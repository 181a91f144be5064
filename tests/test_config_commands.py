"""What `doorward config` prints, and that the example and the reference leave no key out."""

import importlib
import json
import re
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest
from click.testing import CliRunner, Result

import hw
import sync.platforms
from controller.cli.config import config
from controller.config import CardSettings, Config, Door, PlatformCommon, SecretRef, Strict, load
from controller.config_alerts import AlertSettings
from controller.config_areas import Area, JourneySettings
from controller.config_example import EXAMPLE
from controller.config_hours import Demands, Unlocked
from controller.config_mail import MailSettings
from controller.config_model import (
    ClockSettings,
    HttpSettings,
    JournalSettings,
    LiveSettings,
    Site,
    Staleness,
    SyncSettings,
)
from controller.config_shown import effective
from controller.config_targets import TargetSettings
from controller.errors import ConfigError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "doorward.toml"


def run(*words: str, path: Path | None = None) -> Result:
    return CliRunner().invoke(config, list(words), obj=SimpleNamespace(path=path, json=False))


SITE = """
[doors.front]
admits = ["*"]
lock = { driver = "sim" }
[doors.front.readers.main]
driver = "sim"
card = { format = "hex" }
[platforms.hive]
kind = "hive"
url = "https://api.example/hive"
key = { file = "hive-key" }
zone = "Europe/Berlin"
cards = [{ source = "barcode_id", format = "text" }]
"""


def test_check_is_content_with_a_good_file_and_its_secrets(file: Path) -> None:
    file.write_text(SITE)
    key = file.parent / "hive-key"
    key.write_text("s3cret")
    key.chmod(0o600)
    shown = run("check", path=file)
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert shown.stdout == f"{file}: in order; doors: 1, platforms: 1\n"
    key.chmod(0o644)
    assert f"chmod 600 {key}" in run("check", path=file).stderr
    assert len(json.loads(run("check", "--json", path=file).stdout)["warnings"]) == 1


def test_check_warns_of_cards_that_no_reader_can_read(file: Path) -> None:
    file.write_text(SITE.replace('format = "hex"', 'format = "hex", keep_bits = 32'))
    (file.parent / "hive-key").touch(mode=0o600)
    (file.parent / "hive-key").write_text("s3cret")
    shown = run("check", path=file)
    assert shown.exit_code == 0
    assert "platforms.hive.cards[0]: no reader has cards of this kind (text)" in shown.stderr


def test_check_names_missing_secrets_along_with_all_other_problems(file: Path) -> None:
    file.write_text(SITE.replace('admits = ["*"]', "admits = []"))
    caught = run("check", path=file).exception
    assert isinstance(caught, ConfigError)
    assert caught.exit_code == 3
    assert len(caught.problems) == 2
    assert "platforms.hive.key" in caught.problems[1]


def test_show_is_the_file_with_all_defaults_and_loads_to_the_same(file: Path) -> None:
    file.write_text(EXAMPLE)
    shown = run("show", path=file)
    assert "renewal_grace = " in shown.stdout
    again = file.with_name("again.toml")
    again.write_text(shown.stdout, "utf-8")
    assert effective(everything(again)) == effective(everything(file))
    assert json.loads(run("show", "--json", path=file).stdout) == effective(everything(file))


def test_check_tries_the_templates_of_mail(file: Path) -> None:
    mail = '[mail]\nserver = "localhost"\nsecurity = "none"\nsender = "a@b.de"\n'
    (file.parent / "hive-key").touch(mode=0o600)
    (file.parent / "hive-key").write_text("s3cret")
    file.write_text(SITE + mail)
    assert run("check", path=file).exit_code == 0
    assert "[mail]" in run("show", path=file).stdout
    file.write_text(SITE + mail + 'subject = "PIN {{ pni }}"\n')
    caught = run("check", path=file).exception
    assert isinstance(caught, ConfigError)
    assert str(caught) == f"{file}: mail.subject: cannot be filled in: 'pni' is undefined"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ('server = "smtp.example.org"\nsecurity = "none"', "in the clear"),
        ('server = "10.0.0.9"\nsecurity = "none"', "say 'insecure'"),
        ('server = "localhost"\nuser = "doors"', "user and password belong together"),
        (
            'server = "x"\nsecurity = "insecure"\nuser = "a"\npassword = { file = "hive-key" }',
            "a password is never sent in the clear",
        ),
        ('server = "smtp.example.org"\npassword = "secret"', "never stands in the configuration"),
        ('server = "https://smtp.example.org"', "must be the name or the IP address"),
        ('server = "a b"', "must be the name or the IP address"),
        ('server = "localhost"\nsubject = ""', "subject"),
        ('server = "localhost"\nfrom = "x@y.z"', "is not known"),
        ('server = "localhost"\nreply_to = "desk"', "no mail address"),
    ],
)
def test_mail_is_not_set_up_carelessly(file: Path, more: str, why: str) -> None:
    file.write_text(f'{SITE}[mail]\nsender = "doors@example.org"\n{more}\n')
    with pytest.raises(ConfigError, match=why):
        everything(file)


@pytest.mark.parametrize(
    ("more", "port"),
    [
        ('server = "smtp.example.org"', 587),
        ('server = "smtp.example.org"\nsecurity = "tls"', 465),
        ('server = "::1"\nsecurity = "none"', 25),
        ('server = "10.0.0.9"\nsecurity = "insecure"\nport = 2525', 2525),
    ],
)
def test_mail_goes_to_the_port_that_is_usual(file: Path, more: str, port: int) -> None:
    file.write_text(f'{SITE}[mail]\nsender = "doors@example.org"\n{more}\n')
    mail = everything(file).mail
    assert mail
    assert mail.at_port == port


def test_the_password_of_the_mail_server_is_tried_too(file: Path) -> None:
    (file.parent / "hive-key").write_text("s3cret")
    file.write_text(
        f'{SITE}[mail]\nserver = "smtp.example.org"\nsender = "doors@example.org"\n'
        'user = "doors"\npassword = { file = "none" }\n'
    )
    caught = run("check", path=file).exception
    assert isinstance(caught, ConfigError)
    assert "mail.password: " in caught.problems[0]


def test_show_gives_no_secret_away(file: Path) -> None:
    file.write_text('[site]\nname = "see https://guest:pa55word@wiki.example/"\n' + SITE)
    (file.parent / "hive-key").write_text("s3cret")
    shown = run("show", path=file).stdout
    assert f'file = "{file.parent}/hive-key"' in shown
    assert "https://****@wiki.example/" in shown
    assert "s3cret" not in shown
    assert "pa55word" not in shown


# The example and the reference


def everything(path: Path) -> Config:
    """Loaded with the tables of the product."""
    return load(path, hw.TABLES, sync.platforms.PLATFORMS)


def test_the_example_is_a_configuration_that_loads(file: Path) -> None:
    file.write_text(run("example").stdout)
    assert set(everything(file).doors) == {"front"}
    assert list(everything(file).warnings()) == []


def test_what_the_example_comments_out_would_load_too(file: Path) -> None:
    file.write_text(re.sub(r"^# (?=[a-z0-9_]+ = )", "", EXAMPLE, flags=re.MULTILINE))
    assert file.read_text() != EXAMPLE
    assert everything(file)


def models() -> list[tuple[str, type[Strict]]]:
    """Every settings class of the product, under its heading in the reference."""
    found: list[tuple[str, type[Strict]]] = [
        ("[site]", Site),
        ("[clock]", ClockSettings),
        ("[journal]", JournalSettings),
        ("[sync]", SyncSettings),
        ("[live]", LiveSettings),
        ("[http]", HttpSettings),
        ("[mail]", MailSettings),
        ("[alerts]", AlertSettings),
        ("[[staleness]]", Staleness),
        ("[areas.<area>]", Area),
        ("[[journeys]]", JourneySettings),
        ("[doors.<door>]", Door),
        ("[[doors.<door>.demands]]", Demands),
        ("[[doors.<door>.unlocked]]", Unlocked),
        ("[platforms.<platform>]", PlatformCommon),
        ("[targets.<target>]", TargetSettings),
        ("Cards", CardSettings),
        ("Secrets", SecretRef),
    ]
    tables = {**hw.TABLES, "platform": sync.platforms.PLATFORMS}
    for table, drivers in tables.items():
        for name, target in drivers.items():
            module, _, cls = target.partition(":")
            with suppress(ModuleNotFoundError):  # an extra that has no wheel for this Python
                settings = getattr(importlib.import_module(module), cls).Settings
                found.append((f"{table} {name}", settings))
    return found


def own_keys(model: type[Strict]) -> dict[str, str]:
    """Key → default as the reference shows it; of a platform only what is not every platform's."""
    common = PlatformCommon if issubclass(model, PlatformCommon) else None
    keys = {}
    for name, field in model.model_fields.items():
        default = shown_default(model, name)
        if (
            common
            and common is not model
            and name in common.model_fields
            and (name == "kind" or shown_default(common, name) == default)
        ):
            continue
        keys[name] = default
        for inner in models_in(field.annotation):
            keys |= {f"{name}.{key}": default for key, default in inner_keys(inner).items()}
    return keys


def inner_keys(model: type[Strict]) -> dict[str, str]:
    """Keys of a table within a table, but for those that have a table of their own."""
    if issubclass(model, SecretRef | Demands | Unlocked):
        return {}
    known = CardSettings.model_fields if issubclass(model, CardSettings) else {}
    return {key: default for key, default in own_keys(model).items() if key not in known}


def models_in(annotation: Any) -> list[type[Strict]]:
    if isinstance(annotation, type) and issubclass(annotation, Strict):
        return [annotation]
    return [model for each in get_args(annotation) for model in models_in(each)]


def shown_default(model: type[Strict], name: str) -> str:
    field = model.model_fields[name]
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    bare = model.model_construct(**{name: value})
    written = bare.model_dump(mode="json", include={name})[name]
    return "–" if written is None else f"`{json.dumps(written)}`"


def reference() -> dict[str, dict[str, str]]:
    """Heading → key → default, as docs/configuration.md has it."""
    found: dict[str, dict[str, str]] = {}
    headings: list[str] = []
    text = (Path(__file__).parent.parent / "docs" / "configuration.md").read_text("utf-8")
    for line in text.splitlines():
        if line.startswith("#"):
            headings = [part.strip("# ").replace("`", "") for part in line.split(", ")]
        elif line.startswith("| `") and line.count("|") == 5:
            key, _, default, _ = (cell.strip() for cell in line.strip("|").split("|"))
            for heading in headings:
                found.setdefault(heading, {})[key.strip("`")] = default
    return found


@pytest.mark.parametrize(("heading", "model"), models(), ids=[name for name, _ in models()])
def test_the_reference_has_every_key_with_its_default(heading: str, model: type[Strict]) -> None:
    told = reference().get(heading, {})
    if model is Door:
        del (
            told["card"],
            told["strength"],
            told["side"],
        )  # a reader's keys, told in the same section
    assert told == own_keys(model)


@pytest.mark.parametrize(("heading", "model"), models(), ids=[name for name, _ in models()])
def test_the_example_shows_every_key(heading: str, model: type[Strict]) -> None:
    shown = set(re.findall(r"\b([a-z0-9_]+) = ", EXAMPLE)) | {
        "readers",
        "demands",
        "unlocked",
        "api",
    }
    assert {key.rpartition(".")[2] for key in own_keys(model)} <= shown
