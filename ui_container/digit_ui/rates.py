"""How often one address may ask: bounds for what a program does by mistake, and for guessing the token."""

import logging
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar, cast

from flask import Flask, Response, request
from limits import RateLimitItem, parse
from limits.errors import ConfigurationError
from limits.storage import RedisStorage, storage_from_string
from limits.strategies import FixedWindowRateLimiter, RateLimiter

from digit_ui.access import QUIET
from digit_ui.counts import Counts
from digit_ui.problems import Problem
from digit_ui.settings import Settings

if TYPE_CHECKING:
    from redis import Redis

# Of wrong tokens. The right one is not looked at either once that many came from the same address.
TOKEN_RATE = parse("10/minute")
WRONG_TOKEN = (401, 403)
# What is asked for by machines and browsers all the time, and what is not here at all.
NOT_COUNTED = {*QUIET, None}
# A storage that is away costs a request so long; then it is looked for, so often, beside the requests.
STORAGE_TIMEOUT_S = 0.25
STORAGE_PAUSE_S = 2

Answer = TypeVar("Answer")

log = logging.getLogger(__name__)


def init_app(app: Flask, settings: Settings) -> None:
    """Answer 429 to an address that asks `app` too often. Raises ValueError if the counts cannot be kept."""
    rates = Rates(settings)
    app.before_request(rates.count)
    app.after_request(rates.tell)


class Rates:
    """Counts what each address asks for: where RATE_LIMIT_STORAGE says, in this process while that does not answer."""

    def __init__(self, settings: Settings) -> None:
        self._rate = None if settings.rate_limit is None else parse(settings.rate_limit)
        self._own = FixedWindowRateLimiter(Counts())
        self._shared = None if settings.rate_limit_storage is None else _shared(settings.rate_limit_storage)
        self._is_away = threading.Lock()  # held from when the storage failed until it answers again

    def count(self) -> None:
        """Count a request. Raises Problem 429 if it is one too many."""
        if request.endpoint in NOT_COUNTED:
            return
        if _has_token() and not self._ask(lambda counts: counts.test(TOKEN_RATE, "token", _address())):
            raise self._problem("wrong tokens", TOKEN_RATE, "token")
        rate, operation = self._rate, request.endpoint or ""
        if rate is not None and not self._ask(lambda counts: counts.hit(rate, operation, _address())):
            raise self._problem("requests", rate, operation)

    def tell(self, response: Response) -> Response:
        """Count a wrong token, and say how often the address may ask yet."""
        if request.endpoint in NOT_COUNTED:
            return response
        if _has_token() and response.status_code in WRONG_TOKEN:
            self._ask(lambda counts: counts.hit(TOKEN_RATE, "token", _address()))
        rate, operation = self._rate, request.endpoint or ""
        if rate is not None:
            window = self._ask(lambda counts: counts.get_window_stats(rate, operation, _address()))
            response.headers["RateLimit-Limit"] = str(rate.amount)
            response.headers["RateLimit-Remaining"] = str(window.remaining)
            response.headers["RateLimit-Reset"] = str(_seconds_until(window.reset_time))
        return response

    def _problem(self, what: str, rate: RateLimitItem, name: str) -> Problem:
        window = self._ask(lambda counts: counts.get_window_stats(rate, name, _address()))
        wait_s = _seconds_until(window.reset_time)
        detail = f"too many {what} came from your address, {rate} are let in; ask again in {wait_s} s"
        return Problem(429, "too_many_requests", detail, retry_after_s=wait_s)

    def _ask(self, question: Callable[[RateLimiter], Answer]) -> Answer:
        """Ask the counts of all servers, or this process's own: no bound at all would let tokens be guessed."""
        if self._shared is not None and not self._is_away.locked():
            try:
                return question(self._shared)
            except Exception as error:  # noqa: BLE001 # whatever its client raises
                if self._is_away.acquire(blocking=False):
                    name = type(error).__name__
                    log.error("RATE_LIMIT_STORAGE does not answer (%s): this worker counts by itself", name)
                    threading.Thread(target=self._await, args=(self._shared,), name="counts", daemon=True).start()
        return question(self._own)

    def _await(self, shared: RateLimiter) -> None:
        """Look for the storage until it answers; no request waits for that, or for the lookup of its name."""
        while True:
            time.sleep(STORAGE_PAUSE_S)
            if shared.storage.check():
                break
        log.info("RATE_LIMIT_STORAGE answers again")
        self._is_away.release()


def _shared(url: str) -> RateLimiter:
    # What a client does by itself, waiting for ever and trying again, would stop every answer while Redis is away.
    waits = {"socket_timeout": STORAGE_TIMEOUT_S, "socket_connect_timeout": STORAGE_TIMEOUT_S}
    try:
        storage = storage_from_string(url, **(waits if url.startswith("redis") else {}))
    except ConfigurationError as error:
        scheme = url.partition(":")[0]
        raise ValueError(
            f"RATE_LIMIT_STORAGE names {scheme}, which cannot be used ({error}); name Redis, such as "
            "redis://127.0.0.1:6379, or leave the setting out to count in memory"
        ) from error
    if type(storage) is RedisStorage:  # others have no such pool, or look for servers by themselves
        pool = cast("Redis", storage.get_connection()).connection_pool
        pool.connection_class = type("Connection", (_InTime, pool.connection_class), {})
    return FixedWindowRateLimiter(storage)


class _InTime:
    """What a connection to Redis is given beside its own class: a limit for the lookup of the name as well.

    Where the machine is lost on which Redis ran, nobody may know the name for a while, and asking takes ten seconds.
    """

    def _connect(self) -> object:
        connected: Future[object] = Future()
        connect = super()._connect  # type: ignore[misc] # of the other class

        def try_to() -> None:
            try:
                connected.set_result(connect())
            except BaseException as error:  # noqa: BLE001 # raised where the connection is wanted
                connected.set_exception(error)

        threading.Thread(target=try_to, name="connect", daemon=True).start()
        return connected.result(STORAGE_TIMEOUT_S)


def _address() -> str:
    return request.remote_addr or ""


def _has_token() -> bool:
    return "Authorization" in request.headers


def _seconds_until(moment: float) -> int:
    return max(0, math.ceil(moment - time.time()))
