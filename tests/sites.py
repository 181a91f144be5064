"""The smallest site there can be: one simulated door and a list of one person."""

from pathlib import Path

CONFIG = """
[site]
data = "data"
run = "run"

[http]
console = false

[doors.front]
admits = ["*"]
lock = { driver = "sim" }
readers.main = { driver = "sim", card = { format = "hex" } }

[platforms.list]
kind = "file"
path = "people.csv"
card = { format = "hex" }
"""


def small_site(folder: Path) -> None:
    """Write its `doorward.toml` and the list, and make an empty `data`."""
    (folder / "doorward.toml").write_text(CONFIG)
    (folder / "people.csv").write_text("id,name,card\n1,Ada Quill,04A1B2C3\n")
    (folder / "data").mkdir()
