"""Secrets planted into real processes, and looked for in everything that they leave or show."""

import base64
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from controller.clock import SystemClock
from controller.control import ask
from controller.errors import DoorwardError
from controller.secrets import device_key
from sync.simulator.cobot import SimulatedCobot
from sync.simulator.hive import SimulatedHive
from sync.simulator.messages import Request, Response
from tests.halls import KEYPAD_AND_KEYS, doorward
from tests.hives import DOORS
from tests.houses import UNLIMITED, config_text, gym_user
from tests.test_processes import Processes, until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
TOKEN, KEY = "canary+token/7f3a==cobot", "canary+key/91bc==hive"
SIGNED, PHRASE = "canary+signing/secret==1f", "canary passphrase of a backup"
CARD, STRANGER, GYM = "0123456789", "3987654321", "C0FFEE15DEADBEEF"
PIN, WRONG = "482910573846", "739164820517"
MAIL, CONSOLE, MISTYPED = "canary/mail+password=5b", "canary of the console", "canary mistyped"
CANARIES = {
    "token": TOKEN,
    "key": KEY,
    "signing secret": SIGNED,
    "passphrase": PHRASE,
    "card": CARD,
    "card in hex": f"{int(CARD):08X}",
    "gym card": GYM,
    "PIN": PIN,
    "stranger's card": STRANGER,
    "stranger's card in hex": f"{int(STRANGER):08X}",
    "wrong PIN": WRONG,
    "mail password": MAIL,
    "console password": CONSOLE,
    "mistyped password": MISTYPED,
}
OWN_PLACES = {
    *("cobot-token", "hive-key", "hook-secret", "keys.csv", "passphrase"),
    *("mail-password", "console-password"),
}
MORE = f"""{KEYPAD_AND_KEYS}\
[targets.hook]
url = "http://127.0.0.1:9/hook"
secret = {{ file = "hook-secret" }}
allow_private = true
[mail]
server = "127.0.0.1"
port = 9
sender = "doors@example.org"
user = "doors"
password = {{ file = "mail-password" }}
"""
COMMANDS = (
    *("status", "doors", "people", "explain Ada front", f"explain {CARD} front", "events"),
    *("events --json", "checkins", "journal verify", "journal export -", "config check", "targets"),
    *("config show", "visitors", "mail", "sync", "sync --dry-run", "cards list --blocked"),
    f"explain {STRANGER} front",
    f"cards block {STRANGER}",
)


def echoed(request: Request) -> Response:
    """A platform in trouble that tells everything it was told."""
    headers = dict(request.headers.items())
    said = {
        "cards": f"{CARD}, {STRANGER} and {GYM}",
        "auth": headers.pop("Authorization", ""),
        "query": request.query,
        "body": request.body.decode(errors="replace"),
        "headers": headers,
    }
    return Response(500, said)


class Cobot(SimulatedCobot):
    """`mood`: as it should, echoing, or with rows that are wrong and hold cards."""

    mood = ""

    def handle(self, request: Request) -> Response:
        if self.mood == "echo":
            return echoed(request)
        response = super().handle(request)
        if self.mood == "wrong" and isinstance(response.body, list) and response.body:
            wrong = [{**row, "id": {"token": CARD, "was": GYM}} for row in response.body]
            return Response(200, wrong)
        return response


class Hive(SimulatedHive):
    mood = ""

    def handle(self, request: Request) -> Response:
        if self.mood == "echo":
            return echoed(request)
        response = super().handle(request)
        if self.mood == "wrong" and "/users" in request.path:
            return Response(200, {"success": True, "data": [{"door_access_id": [GYM, CARD]}]})
        return response


class Planted(Processes):
    """The two processes, with every secret in its place."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.cobot: Cobot = Cobot(self.cobot.now, token=TOKEN)
        self.hive: Hive = Hive(SystemClock(folder), KEY, DOORS)
        self.said: dict[str, bytes] = {}

    def plant(self) -> None:
        text = config_text(self.cobot.url, self.hive.url)
        text = text.replace("console = false", "port = 0\napi = true")
        text = text.replace('admits = ["plan:*"]', 'admits = ["plan:*", "keyholder"]')
        (self.folder / "doorward.toml").write_text(text + MORE)
        keys = f"id,name,card,pin,labels\nk2,Pim Pin,,{PIN},keyholder\n"
        for name, secret in (
            *(("cobot-token", TOKEN), ("hive-key", KEY), ("hook-secret", SIGNED)),
            *(("keys.csv", keys), ("passphrase", PHRASE)),
            *(("mail-password", MAIL), ("console-password", CONSOLE)),
        ):
            (self.folder / name).write_text(secret)
            (self.folder / name).chmod(0o600)
        self.cobot.add_member("Ada Ruiz", UNLIMITED, cards=[CARD])
        self.hive.put(gym_user(7, GYM))

    def type(self, words: str) -> None:
        """A command; what it says is kept."""
        self.said[f"doorward {words}"] = doorward(
            self.folder / "doorward.toml", *words.split()
        ).all.encode()

    def poke(self, socket: str, request: dict[str, object]) -> None:
        """A request that may be nonsense."""
        try:
            answer: object = ask(self.folder / "run" / socket, request)
        except DoorwardError as error:
            answer = str(error)
        self.said[f"{socket} {sorted(request)} {len(self.said)}"] = repr(answer).encode()

    def log_in(self) -> dict[str, str]:
        """To the console, after a mistake, and to the API; the secrets that this made."""
        url = self.ask("syncd", {"do": "status"})["http"]["url"]
        folder = self.folder
        self.type(f"users add mira --role admin --password-file {folder}/console-password")
        made = doorward(folder / "doorward.toml", "tokens", "add", "desk", "--scope", "users:read")
        token = re.findall(r"dw_[\w-]+", made.all)[0]
        with httpx.Client(base_url=url, headers={"Origin": url}) as browser:
            for password in (MISTYPED, CONSOLE):
                answer = browser.post("/login", data={"name": "mira", "password": password})
                self.said[f"login {answer.status_code}"] = answer.content
            for path in ("/", "/people", "/settings", "/check-ins"):
                self.said[f"page {path}"] = browser.get(path).content
            session = browser.cookies["doorward"]
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}) as program:
            self.said["api"] = program.get("/api/v1/users").content
        return {"session": session, "API token": token}

    def bundle(self) -> None:
        """What is sent to support, unpacked."""
        self.type(f"doctor --bundle {self.folder}/bundle.tar.gz")
        with tarfile.open(self.folder / "bundle.tar.gz") as bundle:
            for each in bundle:
                if file := bundle.extractfile(each):
                    self.said[f"bundle {each.name}"] = file.read()

    def pin(self, text: str) -> str:
        request = {"do": "sim", "door": "front", "reader": "keypad", "act": "scan", "text": text}
        return str(self.ask("controller", request)["last"]["reason"])

    def processes(self) -> dict[str, bytes]:
        """What anybody may read of the processes while they run."""
        return {
            f"/proc {name} {what}": Path(f"/proc/{process.pid}/{what}").read_bytes()
            for name, process in self.running.items()
            for what in ("cmdline", "environ", "comm", "status")
        }

    def files(self) -> dict[str, bytes]:
        paths = (path for path in self.folder.rglob("*") if path.is_file())
        kept = {*OWN_PLACES, "device.key"}
        return {str(p): p.read_bytes() for p in paths if p.name not in kept}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Planted]:
    made = Planted(tmp_path)
    with made.cobot, made.hive:
        made.plant()
        try:
            yield made
        finally:
            for process in made.running.values():
                process.kill()
                process.wait()


def forms(secret: bytes) -> set[bytes]:
    """A secret as it may look: plain, in hex, in base64 wherever it begins, in an address."""
    found = {
        secret,
        secret.hex().encode(),
        secret.hex().upper().encode(),
        quote(secret, safe="").encode(),
    }
    for before in (b"", b"x", b"xx"):
        code = base64.b64encode(before + secret).rstrip(b"=")
        inner = code[-(-8 * len(before) // 6) :][:-1]
        found |= {inner, inner.replace(b"+", b"-").replace(b"/", b"_")}
    return found


def leaks(things: dict[str, bytes], secrets: dict[str, bytes]) -> list[str]:
    return [
        f"{name} in {where}"
        for name, secret in secrets.items()
        for form in forms(secret)
        for where, text in things.items()
        if form in text
    ]


def drive(place: Planted) -> dict[str, str]:
    """A day at which everything is met: entries, failures, nonsense; secrets it made."""
    place.start("controller")
    place.start("syncd")
    place.sync()
    assert place.scan("front", CARD) == place.scan("gym", GYM) == place.pin(PIN) == "granted"
    assert place.scan("front", STRANGER) == "denied_unknown_credential"
    place.pin(WRONG)
    until(lambda: place.cobot.check_ins, "the check-in arrives")
    for mood in ("echo", "wrong"):
        place.cobot.mood = place.hive.mood = mood
        place.type("sync")
        status = place.ask("syncd", {"do": "status"})
        failures = {each["platform"]: each["failure"] for each in status["platforms"]}
        assert failures["loft"], "each mood was noticed"
        assert failures["gym"]
        place.said[f"status {mood}"] = repr(status).encode()
    place.type("status")
    place.cobot.mood = place.hive.mood = ""
    for wrong in ([CARD], {"pin": PIN}, None, 7):
        place.poke("door.sock", {"do": "sim", "door": "front", "act": "scan", "text": wrong})
        place.poke("door.sock", {"do": "note", "items": wrong})
        place.poke("door.sock", {"do": "settled", "items": [wrong]})
        place.poke("sync.sock", {"do": "card-block", "number": wrong})
        place.poke("sync.sock", {"do": "ask", "within": 1, "canonical": wrong})
    for words in COMMANDS:
        place.type(words)
    place.type(f"backup {place.folder}/x.backup --passphrase-file {place.folder}/passphrase")
    made = place.log_in()
    place.type("mail test ada@example.org")
    place.bundle()
    return made


def test_no_secret_is_anywhere_but_in_its_own_place(place: Planted) -> None:
    made = drive(place)
    secrets = {name: text.encode() for name, text in (CANARIES | made).items()}
    secrets["device key"] = device_key(place.folder / "data")
    seen = place.processes()
    place.kill("controller")
    place.kill("syncd")
    typed = {where: text for where, text in place.said.items() if STRANGER in where}
    others = {where: text for where, text in place.said.items() if where not in typed}
    assert (place.folder / "x.backup").exists(), place.said
    assert {"login 401", "login 303"} < place.said.keys()
    assert b"Ada Ruiz" in place.said["page /people"]
    assert b"granted" in next(v for k, v in place.said.items() if k.endswith("events.jsonl"))
    assert not leaks({**seen, **place.files(), **others, **typed}, secrets)


def test_a_canary_in_any_form_would_be_found() -> None:
    secret = TOKEN.encode()
    for text in (
        *(b"a " + secret, b"?key=" + quote(TOKEN, safe="").encode(), secret.hex().encode()),
        *(base64.b64encode(b"Basic user:" + secret), base64.urlsafe_b64encode(b"ab" + secret)),
    ):
        assert leaks({"somewhere": text}, {"token": secret}), text


@pytest.mark.parametrize("unit", ["doorward-controller.service", "doorward-sync.service"])
def test_a_crash_leaves_no_image_of_the_memory(unit: str) -> None:
    assert "LimitCORE=0" in (ROOT / "systemd" / unit).read_text().splitlines()
