"""Django's settings of one office: its folder, and its database if that is not in the folder."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from dianka.card_port import CardError

DATABASE = "office.sqlite3"
BUSY_MS = 20_000
# One statement each: Django splits at ";".
_PRAGMAS = "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA foreign_keys=ON"
_POSTGRESQL = ("postgresql", "postgres")
_MOST_POOLED = 4  # of one desk
_PREPARED_FROM = 5  # uses of a statement of sql.py; Django's own are never prepared
# A desk that sleeps in the middle of a sale must not hold the others up for longer.
_TIMEOUTS = (
    "-c lock_timeout=5s -c statement_timeout=120s -c idle_in_transaction_session_timeout=30s"
)
# A network that is gone without a word: psycopg waits for an answer for ever, libpq's keepalives
# end that (PostgreSQL's documentation, "Parameter Key Words").
_KEEPALIVES = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}


def make_settings(folder: Path, url: str, key: str) -> dict[str, Any]:
    """Return the settings; `url` names a PostgreSQL database, or is empty for SQLite.

    `key` is the office's secret for signed cookies. CardError if the URL is none.
    """
    return {
        "SECRET_KEY": key,
        "DEBUG": False,
        "ALLOWED_HOSTS": ["127.0.0.1", "localhost"],
        "USE_TZ": True,
        "TIME_ZONE": "UTC",
        "LANGUAGE_CODE": "zh-hans",
        "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
        "AUTH_USER_MODEL": "people.Operator",
        "PASSWORD_HASHERS": ["django.contrib.auth.hashers.Argon2PasswordHasher"],
        "AUTH_PASSWORD_VALIDATORS": [
            {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
            for name, options in (
                ("MinimumLengthValidator", {"min_length": 10}),
                ("CommonPasswordValidator", {}),
                ("NumericPasswordValidator", {}),
                ("UserAttributeSimilarityValidator", {}),
            )
        ],
        "INSTALLED_APPS": [
            "django.contrib.contenttypes",
            "django.contrib.auth",
            "dianka.desk.office.people",
            "dianka.desk.office.audit",
            "dianka.desk.office.ledger",
            "dianka.desk.office.estate",
            "dianka.desk.office.customers",
            "dianka.desk.office.cards",
            "dianka.desk.office.vending",
            "dianka.desk.office.statistics",
        ],
        "DATABASES": {"default": _postgresql(url) if url else _sqlite(folder / DATABASE)},
    }


def pool_connections(settings: dict[str, Any]) -> None:
    """Let the requests of a server share a few connections to PostgreSQL; SQLite needs none.

    Each request has a thread of its own, which would connect anew.
    """
    database = settings["DATABASES"]["default"]
    if database["ENGINE"].endswith("postgresql"):
        database["OPTIONS"]["pool"] = {"min_size": 1, "max_size": _MOST_POOLED, "timeout": 10}


def _sqlite(file: Path) -> dict[str, Any]:
    # IMMEDIATE: a reading transaction that turns into a writing one would fail at once, whatever
    # the timeout says. FULL: NORMAL may lose a committed sale at a power cut.
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(file),
        "OPTIONS": {
            "timeout": BUSY_MS / 1000,
            "transaction_mode": "IMMEDIATE",
            "init_command": _PRAGMAS,
        },
    }


def _postgresql(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    name = parts.path.lstrip("/")
    if parts.scheme not in _POSTGRESQL or not name:
        raise CardError(
            "DIANKA_DATABASE is no address of a database: write it as in "
            "postgresql://user:password@host:5432/name, or leave it out"
        )
    more = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(name),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": more.pop("host", parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "OPTIONS": {
            "connect_timeout": 10,
            "options": _TIMEOUTS,
            "prepare_threshold": _PREPARED_FROM,
            **_KEEPALIVES,
            **more,
        },
    }
