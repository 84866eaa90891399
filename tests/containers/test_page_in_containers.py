"""The page's own tests again, against the published images; the other Compose file differs in nothing else."""

import pytest
from stacks import Stack
from test_page import *  # noqa: F403 # every test of the page, with the server below


@pytest.fixture(scope="module")
def stack(bonus) -> Stack:
    return bonus.start()


@pytest.fixture
def server(stack) -> Stack:
    stack.forget_feedback()
    return stack
