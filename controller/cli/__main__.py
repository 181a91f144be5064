"""`python -m controller.cli`: the same as the command `doorward`."""

from controller.cli import main

main()
