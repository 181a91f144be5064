"""A live rig without hardware: the whole product as processes, with real ends on this machine."""
