"""How often one address may ask: bounds for what a program does by mistake, and for guessing the token."""

import logging
import math
import time

from flask import Flask, Response, request
from limits import RateLimitItem, parse
from limits.errors import ConfigurationError
from limits.storage import storage_from_string
from limits.strategies import FixedWindowRateLimiter

from digit_ui.access import QUIET
from digit_ui.counts import Counts
from digit_ui.problems import Problem
from digit_ui.settings import Settings

# Of wrong tokens. The right one is not looked at either once that many came from the same address.
TOKEN_RATE = parse("10/minute")
WRONG_TOKEN = (401, 403)
# What is asked for by machines and browsers all the time, and what is not here at all.
NOT_COUNTED = {*QUIET, None}

log = logging.getLogger(__name__)


def init_app(app: Flask, settings: Settings) -> None:
    """Answer 429 to an address that asks `app` too often. Raises ValueError if the counts cannot be kept."""
    rates = Rates(settings)
    app.before_request(rates.count)
    app.after_request(rates.tell)


class Rates:
    """Counts what each address asks for, in this process or where RATE_LIMIT_STORAGE says."""

    def __init__(self, settings: Settings) -> None:
        self._rate = None if settings.rate_limit is None else parse(settings.rate_limit)
        url = settings.rate_limit_storage
        try:
            self._counts = FixedWindowRateLimiter(Counts() if url is None else storage_from_string(url))
        except ConfigurationError as error:
            scheme = (url or "").partition(":")[0]
            raise ValueError(
                f"RATE_LIMIT_STORAGE names {scheme}, which cannot be used ({error}); install the package for it "
                "(for Redis: pip install redis), or leave the setting out to count in memory"
            ) from error

    def count(self) -> None:
        """Count a request. Raises Problem 429 if it is one too many."""
        if request.endpoint in NOT_COUNTED:
            return
        try:
            if _has_token() and not self._counts.test(TOKEN_RATE, "token", _address()):
                raise self._problem("wrong tokens", TOKEN_RATE, "token")
            if self._rate is not None and not self._counts.hit(self._rate, request.endpoint or "", _address()):
                raise self._problem("requests", self._rate, request.endpoint or "")
        except Problem:
            raise
        except Exception as error:  # noqa: BLE001 # whatever its client raises: counts that are away stop no answer
            log.error("requests cannot be counted: %s", type(error).__name__)

    def tell(self, response: Response) -> Response:
        """Count a wrong token, and say how often the address may ask yet."""
        if request.endpoint in NOT_COUNTED:
            return response
        try:
            if _has_token() and response.status_code in WRONG_TOKEN:
                self._counts.hit(TOKEN_RATE, "token", _address())
            if self._rate is not None:
                window = self._counts.get_window_stats(self._rate, request.endpoint or "", _address())
                response.headers["RateLimit-Limit"] = str(self._rate.amount)
                response.headers["RateLimit-Remaining"] = str(window.remaining)
                response.headers["RateLimit-Reset"] = str(_seconds_until(window.reset_time))
        except Exception as error:  # noqa: BLE001 # as above
            log.error("requests cannot be counted: %s", type(error).__name__)
        return response

    def _problem(self, what: str, rate: RateLimitItem, name: str) -> Problem:
        wait_s = _seconds_until(self._counts.get_window_stats(rate, name, _address()).reset_time)
        detail = f"too many {what} came from your address, {rate} are let in; ask again in {wait_s} s"
        return Problem(429, "too_many_requests", detail, retry_after_s=wait_s)


def _address() -> str:
    return request.remote_addr or ""


def _has_token() -> bool:
    return "Authorization" in request.headers


def _seconds_until(moment: float) -> int:
    return max(0, math.ceil(moment - time.time()))
