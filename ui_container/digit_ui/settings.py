"""What the environment may choose; everything has a default that works for one person at home."""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from limits import parse
from platformdirs import user_cache_path
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from digit_ui.capacity import Capacity
from digit_ui.limits import Limits, positive_number

# As a browser writes it: in small letters, and without a path.
ORIGIN = re.compile(r"\*|https?://[a-z0-9.-]+(:[0-9]+)?|https?://\[[0-9a-f:]+\](:[0-9]+)?")

DATABASES = ("sqlite", "postgresql")
PROJECT_SHARED_DIR = Path(__file__).resolve().parents[2] / "shared"
STORE_URL = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9!_.*'()-]+)*/?")


@dataclass(frozen=True)
class Settings:
    """The choices of one server process.

    shared_dir: where models are found, a copy of store_url if that is given, an object store's address, which is looked
    at every store_poll_interval_s; pretrained_dir: where the shipped one is; cache_dir: where their converted form
    is kept, trusted as our own code is; database_url: of SQLite or PostgreSQL; poll_interval_s: how often a new model
    is looked for; admin_token: who sends it may change things, nobody where there is none; training_public: whether the
    others may see the training and what people drew; metrics: whether anybody may read them; log_addresses: whether
    clients are named in the log; capacity: how much is done at once; limits: how much a request may take; rate_limit:
    how often an address may ask for the same operation, None: as often as it likes, and rate_limit_storage: where that
    is counted, None: in memory; trusted_proxies: how many are in front and say whom they speak for; cors_origins:
    whose pages may have drawings read, "*" for all; feedback_retention_days: when drawings are deleted, None: when
    somebody does it.
    """

    shared_dir: Path
    pretrained_dir: Path
    cache_dir: Path
    database_url: URL
    poll_interval_s: float
    admin_token: str | None = field(default=None, repr=False)
    training_public: bool = True
    metrics: bool = True
    log_addresses: bool = False
    capacity: Capacity = field(default_factory=Capacity.from_environment)
    limits: Limits = field(default_factory=Limits.from_environment)
    rate_limit: str | None = None
    rate_limit_storage: str | None = field(default=None, repr=False)
    trusted_proxies: int = 0
    cors_origins: frozenset[str] = frozenset()
    feedback_retention_days: float | None = None
    store_url: str | None = None
    store_poll_interval_s: float = 2.0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read each setting's variable: its name in capitals.

        Raises ValueError naming the variable whose value cannot be used.
        """
        store_url = _store_url(environment, "SHARED_DIR")
        folder = Path(environment.get("SHARED_DIR") or PROJECT_SHARED_DIR)
        shared_dir = (folder if store_url is None else _copy_dir(environment, store_url)).resolve()
        own_dir = shared_dir if store_url is None else PROJECT_SHARED_DIR
        if store_url is not None and not environment.get("DATABASE_URL"):
            raise ValueError(
                "DATABASE_URL is not set: with SHARED_DIR in an object store, which cannot hold a database, it names "
                "the one in which feedback is kept"
            )
        return cls(
            shared_dir=shared_dir,
            pretrained_dir=Path(environment.get("PRETRAINED_DIR") or own_dir / "pretrained").resolve(),
            cache_dir=Path(environment.get("CACHE_DIR") or user_cache_path("projet-digit")).resolve(),
            database_url=_database(environment, "DATABASE_URL", shared_dir / "feedback" / "feedback.db"),
            poll_interval_s=positive_number(environment, "POLL_INTERVAL_S", 1.0),
            admin_token=_token(environment, "ADMIN_TOKEN"),
            training_public=_switch(environment, "TRAINING_PUBLIC", default=True),
            metrics=_switch(environment, "METRICS", default=True),
            log_addresses=_switch(environment, "LOG_ADDRESSES", default=False),
            capacity=Capacity.from_environment(environment),
            limits=Limits.from_environment(environment),
            rate_limit=_rate(environment, "RATE_LIMIT", "300/second"),
            rate_limit_storage=environment.get("RATE_LIMIT_STORAGE") or None,
            trusted_proxies=_proxies(environment, "TRUSTED_PROXIES"),
            cors_origins=_origins(environment, "CORS_ORIGINS"),
            feedback_retention_days=_days(environment, "FEEDBACK_RETENTION_DAYS"),
            store_url=store_url,
            store_poll_interval_s=positive_number(environment, "STORE_POLL_INTERVAL_S", 2.0),
        )


def _store_url(environment: Mapping[str, str], name: str) -> str | None:
    """Give the address of an object store; None of a folder. An address with credentials is not repeated."""
    text = environment.get(name) or ""
    if "://" not in text:
        return None
    if "@" in text:
        raise ValueError(f"{name} has credentials in it; give them as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    if not STORE_URL.fullmatch(text):
        raise ValueError(f"{name} is {text!r}, expected a folder, or s3://bucket/prefix")
    return text.rstrip("/")


def _copy_dir(environment: Mapping[str, str], store_url: str) -> Path:
    """Give the folder for this machine's copy of the store: another one for each address."""
    folder = Path(environment.get("STORE_COPY_DIR") or user_cache_path("projet-digit") / "store")
    return folder / f"ui-{hashlib.sha256(store_url.encode()).hexdigest()[:12]}"


def _database(environment: Mapping[str, str], name: str, default: Path) -> URL:
    given = environment.get(name)
    if not given:
        return URL.create("sqlite", database=str(default))
    wanted = "such as postgresql://user:password@host/database or sqlite:////folder/feedback.db"
    try:
        url = make_url(given)
    except (ArgumentError, ValueError):
        raise ValueError(f"{name} is no database's URL, {wanted}") from None  # what it is may hold a password
    if url.get_backend_name() not in DATABASES:
        raise ValueError(f"{name} begins with {url.drivername!r}, expected one of {', '.join(DATABASES)}, {wanted}")
    return url


def _token(environment: Mapping[str, str], name: str) -> str | None:
    """Give the token that the variable says, or the file that NAME_FILE names, as Docker's secrets are files."""
    token, file = (environment.get(name) or "").strip(), environment.get(f"{name}_FILE")
    if token and file:
        raise ValueError(f"{name} and {name}_FILE are both set; set one of them")
    if file:
        try:
            token = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{name}_FILE is {file!r}, which cannot be read as text ({error})") from error
        if not token:
            raise ValueError(f"{name}_FILE is {file!r}, which is empty; write the token into it")
    if not all(" " <= character <= "~" for character in token):
        raise ValueError(f"{name} has characters that a browser cannot send; use letters, digits and signs of ASCII")
    return token or None


def _days(environment: Mapping[str, str], name: str) -> float | None:
    return positive_number(environment, name, 365) if environment.get(name) else None


def _rate(environment: Mapping[str, str], name: str, default: str) -> str | None:
    text = environment.get(name) or default
    if text == "none":
        return None
    try:
        parse(text)
    except ValueError as error:
        raise ValueError(f"{name} is {text!r}, expected a rate, such as {default}, or none") from error
    return text


def _proxies(environment: Mapping[str, str], name: str) -> int:
    text = environment.get(name) or "0"
    if not (text.isascii() and text.isdigit() and len(text) == 1):
        raise ValueError(f"{name} is {text!r}, expected how many proxies are in front, 0 to 9")
    return int(text)


def _origins(environment: Mapping[str, str], name: str) -> frozenset[str]:
    origins = (environment.get(name) or "").split()
    for origin in origins:
        if not ORIGIN.fullmatch(origin):
            raise ValueError(
                f"{name} has {origin!r}, expected origins with spaces between, such as https://example.org, or *"
            )
    return frozenset(origins)


def _switch(environment: Mapping[str, str], name: str, default: bool) -> bool:
    text = environment.get(name) or str(int(default))
    if text not in ("0", "1"):
        raise ValueError(f"{name} is {text!r}, expected 1 or 0")
    return text == "1"
