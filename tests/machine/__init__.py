"""Emulated machines that prove what no unit test can: `python -m tests.machine`.

Outside: building the images, booting a container and a virtual machine, the report. What is done
inside them is in `tests.machine.guest`, which needs nothing but Python's own library.
"""
