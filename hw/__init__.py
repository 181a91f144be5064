"""What touches metal: one module per device, named here; a driver is imported only if configured.

A driver class has `Settings` (its stanza) and is made as `Driver(settings, "door/part")`.
"""

READERS = {
    "serial": "hw.serial_reader:SerialReader",
    "wedge": "hw.wedge_reader:WedgeReader",
    "wiegand": "hw.wiegand_reader:WiegandReader",
    "pn532": "hw.pn532_reader:Pn532Reader",
    "osdp": "hw.osdp_reader:OsdpReader",
    "sim": "hw.sim:SimReader",
}
LOCKS = {
    "gpio-relay": "hw.gpio_relay:GpioRelay",
    "serial-relay": "hw.serial_relay:SerialRelay",
    "modbus-relay": "hw.modbus_relay:ModbusRelay",
    "osdp-output": "hw.osdp_output:OsdpOutput",
    "sim": "hw.sim:SimLock",
}
INPUTS = {
    "gpio-input": "hw.gpio_input:GpioInput",
    "modbus-input": "hw.modbus_input:ModbusInput",
    "osdp-input": "hw.osdp_input:OsdpInput",
    "sim": "hw.sim:SimInput",
}
INDICATORS = {
    "gpio-indicator": "hw.gpio_indicator:GpioIndicator",
    "osdp-indicator": "hw.osdp_indicator:OsdpIndicator",
    "sim": "hw.sim:SimIndicator",
}
TABLES = {"reader": READERS, "lock": LOCKS, "input": INPUTS, "indicator": INDICATORS}
