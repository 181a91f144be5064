"""What touches metal: one module per device, named here; a driver is imported only if configured.

A driver class has `Settings` (its stanza) and is made as `Driver(settings, "door/part")`.
"""

READERS = {
    "serial": "hw.serial_reader:SerialReader",
    "sim": "hw.sim:SimReader",
}
LOCKS = {
    "gpio-relay": "hw.gpio_relay:GpioRelay",
    "sim": "hw.sim:SimLock",
}
INPUTS = {
    "sim": "hw.sim:SimInput",
}
INDICATORS = {
    "sim": "hw.sim:SimIndicator",
}
TABLES = {"reader": READERS, "lock": LOCKS, "input": INPUTS, "indicator": INDICATORS}
