"""Inputs that nobody would send on purpose, made from good ones; the same ones each time unless FUZZ_SEED is set."""

import os
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

INPUTS = int(os.environ.get("FUZZ_INPUTS", "10000"))
SEED = int(os.environ.get("FUZZ_SEED", "0"))
# What lies at the edge of a number's range, or means something to some format.
STRAYS = [
    b"\0",
    b"\xff" * 4,
    b"\x7f\xff\xff\xff",
    b"\x80\0\0\0",
    b"-1",
    b"1e999",
    b"NaN",
    b"null",
    b"[" * 200,
    b'"',
    b"\n",
]


@dataclass
class Outcome:
    """How many inputs were taken, and how many were refused as they should be."""

    taken: int = 0
    refused: int = 0


def fuzz(
    check: Callable[[bytes], object], seeds: Sequence[bytes], refusal: type[Exception], inputs: int = INPUTS
) -> Outcome:
    """Give `check` damaged forms of `seeds`; it may take one or raise `refusal`, and nothing else."""
    outcome = Outcome()
    for data in mutants(seeds, inputs):
        try:
            check(data)
        except refusal:
            outcome.refused += 1
        except Exception as error:
            raise AssertionError(f"FUZZ_SEED={SEED}: {type(error).__name__}: {error} for {data!r}") from error
        else:
            outcome.taken += 1
    return outcome


def mutants(seeds: Sequence[bytes], count: int = INPUTS) -> Iterator[bytes]:
    """Yield damaged forms of `seeds`, most of them damaged in one place."""
    rng = random.Random(SEED)
    for _ in range(count):
        data = rng.choice(seeds)
        for _ in range(1 + int(rng.expovariate(1))):
            data = _damaged(data, seeds, rng)
        yield data


def _damaged(data: bytes, seeds: Sequence[bytes], rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    length = min(int(rng.expovariate(1 / 4)), len(data) - at)
    part = data[at : at + length]
    other = rng.choice(seeds)
    there = rng.randrange(len(other) + 1)
    put = rng.choice(
        [
            b"",
            part * 2,
            rng.choice(STRAYS),
            rng.randbytes(length),
            bytes(byte ^ 1 << rng.randrange(8) for byte in part),
            other[there : there + int(rng.expovariate(1 / 30))],
        ]
    )
    return data[:at] + put + data[at + length :]
