"""What was answered so far, so that the wizard can be left and taken up again. No secrets."""

import json
from pathlib import Path
from typing import Any

from controller.cli.provision_file import put
from controller.errors import ConfigError

NAME = ".doorward-setup.json"


class Answers:
    """Kept beside the configuration, for its owner's eyes; every answer is on the disk at once."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._all: dict[str, Any] = {}

    @property
    def there(self) -> bool:
        return self._path.exists()

    def take_up(self) -> None:
        """ConfigError if it cannot be read."""
        try:
            found = json.loads(self._path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"{self._path}: cannot be read ({error}); begin again: rm {self._path}"
            ) from error
        self._all = found if isinstance(found, dict) else {}

    def get(self, key: str) -> Any:
        """None if it was not answered yet."""
        return self._all.get(key)

    def put(self, key: str, answer: Any) -> None:
        self._all[key] = answer
        try:
            put(self._path, json.dumps(self._all, ensure_ascii=False), 0o600)
        except OSError as error:
            raise ConfigError(
                f"{self._path.parent} cannot be written to ({error.strerror}); type: "
                "sudo doorward setup, or name another place: doorward --config FILE setup"
            ) from error

    def forget(self) -> None:
        self._all = {}
        self._path.unlink(missing_ok=True)
