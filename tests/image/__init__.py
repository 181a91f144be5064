"""The disk image, booted for real in an emulator: `python -m tests.image`.

The emulated machine is used as a technician would use a real one: by its boot partition, which is
written and read from outside, and by SSH, once a setup file let them in. Nothing is put into the
image besides.
"""
