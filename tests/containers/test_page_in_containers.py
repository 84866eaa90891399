"""The page's own tests again, against the containers of both compose files."""

import pytest
from stacks import Stack
from test_page import *  # noqa: F403 # every test of the page, with the server below


@pytest.fixture(scope="module", params=["docker-compose.yml", "bonus/docker-compose.yml"])
def stack(request, stacks_of_module) -> Stack:
    if request.param.startswith("bonus"):
        return request.getfixturevalue("bonus").start()
    return stacks_of_module(request.param).start()


@pytest.fixture
def server(stack) -> Stack:
    stack.forget_feedback()
    return stack
