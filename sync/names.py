"""Names to addresses, within a time: the C library waits for name servers as long as it likes."""

import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from ipaddress import ip_address

Lookup = Callable[[str, int], Sequence[str]]


def looked_up(host: str, port: int) -> list[str]:
    """All numeric addresses of a host, as the machine is set up to find them; blocks. OSError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(f"{host} is no name of a host") from error
    return list(dict.fromkeys(str(each[4][0]) for each in found))


class Names:
    """Looks names up; any thread may ask. One that hangs costs one thread, however often asked."""

    def __init__(self, lookup: Lookup = looked_up) -> None:
        self._lookup = lookup
        self._guard = threading.Lock()
        self._under_way: dict[tuple[str, int], Future[Sequence[str]]] = {}

    def addresses(self, host: str, port: int, seconds: float) -> Sequence[str]:
        """In order of preference. Raises OSError, TimeoutError if it takes longer than that."""
        with suppress(ValueError):
            ip_address(host)
            return [host]
        try:
            return self._asked(host, port).result(max(0.0, seconds))
        except TimeoutError:
            raise TimeoutError(
                f"no name server tells the address of {host}; look at the name servers of this "
                "machine"
            ) from None

    def _asked(self, host: str, port: int) -> Future[Sequence[str]]:
        with self._guard:
            key = host, port
            if key not in self._under_way:
                self._under_way[key] = Future()
                threading.Thread(
                    target=self._look_up, args=key, name=f"look-up-{host}", daemon=True
                ).start()
            return self._under_way[key]

    def _look_up(self, host: str, port: int) -> None:
        found: Sequence[str] | None = None
        failure: BaseException = OSError(f"the address of {host} cannot be looked up")
        try:
            found = self._lookup(host, port)
        except OSError as error:
            failure = error
        finally:
            with self._guard:
                waiting = self._under_way.pop((host, port))
        if found is None:
            waiting.set_exception(failure)
        else:
            waiting.set_result(found)


NAMES = Names()
