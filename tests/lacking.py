"""A test whose surroundings are missing is skipped, or fails where somebody has promised them."""

import os
from typing import NoReturn

import pytest


def lacking(promise: str, reason: str) -> NoReturn:
    """Skip the test with `reason`; fail it instead if the environment variable `promise` is 1."""
    if os.environ.get(promise) == "1":
        pytest.fail(f"{promise}=1, but {reason}")
    pytest.skip(reason)
