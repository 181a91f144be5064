"""`doorward journal`: prove that what is written was not changed, and write it out."""

import csv
import json
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

import click

from controller.cli.events import event_as_data
from controller.cli.inputs import json_option, moment
from controller.cli.output import counted, local, print_json
from controller.cli.reach import clock_of, configured, journal_of

if TYPE_CHECKING:
    from controller.journal_read import JournalReader, Verdict
    from controller.model import Recorded
