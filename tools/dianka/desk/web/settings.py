"""Django's settings of the pages, beside the office's own (office/settings.py).

No application of Django is added, so that the database of the office has the same tables whether it
is used by pages or by the command line: sign-ins are the office's own, with a signed cookie.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils.translation import gettext_lazy as _

HERE = Path(__file__).parent
IDLE_S = 30 * 60  # without a key pressed: then the operator signs in again
LOOPBACK = ("127.0.0.1", "::1", "localhost")
_LANGUAGE = "dianka_language"


@dataclass(frozen=True)
class Site:
    """Where the pages are: of which desk, under which names, and whether their way is encrypted."""

    desk: str
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "[::1]")
    secure: bool = False  # by TLS, here or at a proxy
    proxy: bool = False  # a proxy says in X-Forwarded-Proto how it was asked


def make_web_settings(site: Site) -> dict[str, Any]:
    """Return the settings that pages of this site need beside those of the office."""
    # Cookies know no ports: two desks on one PC have their own.
    mark = hashlib.sha256(site.desk.encode()).hexdigest()[:8]
    return {
        "ROOT_URLCONF": "dianka.desk.web.urls",
        "ALLOWED_HOSTS": list(site.hosts),
        "DESK_NAME": site.desk,
        "SIGN_IN_COOKIE": f"dianka_sign_in_{mark}",
        "STATIC_URL": "/static/",
        "APPEND_SLASH": False,
        "LANGUAGES": [("zh-hans", _("Chinese")), ("en", _("English"))],
        "LANGUAGE_COOKIE_NAME": _LANGUAGE,
        "LANGUAGE_COOKIE_AGE": 365 * 24 * 3600,
        "MIDDLEWARE": [
            "dianka.desk.web.middleware.PrivateMiddleware",
            "django.middleware.security.SecurityMiddleware",
            "dianka.desk.web.middleware.StaticMiddleware",
            "csp.middleware.CSPMiddleware",
            "django.middleware.locale.LocaleMiddleware",
            "django.middleware.common.CommonMiddleware",  # refuses names that are not ours
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.middleware.clickjacking.XFrameOptionsMiddleware",
            "django_htmx.middleware.HtmxMiddleware",
            "dianka.desk.web.middleware.ProblemMiddleware",
        ],
        "TEMPLATES": [_make_templates()],
        "LOGGING": _LOGGING,
        "DATA_UPLOAD_MAX_MEMORY_SIZE": 2_000_000,
        "DATA_UPLOAD_MAX_NUMBER_FIELDS": 500,
        **_make_safety(site, mark),
    }


def _make_safety(site: Site, mark: str) -> dict[str, Any]:
    return {
        "CSRF_COOKIE_NAME": f"dianka_form_{mark}",
        "CSRF_COOKIE_HTTPONLY": True,
        "CSRF_COOKIE_SAMESITE": "Strict",
        "CSRF_COOKIE_SECURE": site.secure,
        "CSRF_COOKIE_AGE": None,
        "CSRF_FAILURE_VIEW": "dianka.desk.web.kept.resume_old_form",
        "LANGUAGE_COOKIE_SAMESITE": "Strict",
        "LANGUAGE_COOKIE_SECURE": site.secure,
        "LANGUAGE_COOKIE_HTTPONLY": True,
        "SIGN_IN_COOKIE_SECURE": site.secure,
        "SECURE_CONTENT_TYPE_NOSNIFF": True,
        "SECURE_REFERRER_POLICY": "same-origin",
        "SECURE_SSL_REDIRECT": site.proxy,
        "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https") if site.proxy else None,
        "X_FRAME_OPTIONS": "DENY",
        "CONTENT_SECURITY_POLICY": {
            "DIRECTIVES": {
                "default-src": ["'none'"],
                "script-src": ["'self'"],
                "style-src": ["'self'"],
                "img-src": ["'self'", "data:"],
                "font-src": ["'self'"],
                "connect-src": ["'self'"],
                "form-action": ["'self'"],
                "frame-src": ["'self'"],
                "base-uri": ["'none'"],
                "frame-ancestors": ["'none'"],
            }
        },
    }


def _make_templates() -> dict[str, Any]:
    return {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [HERE / "templates"],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "dianka.desk.web.menu.add_menu",
                "dianka.desk.web.done_line.add_done",
            ],
            "builtins": [
                "django.templatetags.i18n",
                "django.templatetags.static",
                "dianka.desk.web.shown",
            ],
        },
    }


# Django's own log of a failed request holds its stack, never its fields; what is refused by a rule
# (a wrong host, a missing page) is no news.
_LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {
        "django": {"handlers": ["stderr"], "level": "ERROR", "propagate": False},
        "django.security": {"handlers": ["stderr"], "level": "CRITICAL", "propagate": False},
        # They tell of signs that a font lacks: signs of people's names.
        "fpdf": {"handlers": ["stderr"], "level": "CRITICAL", "propagate": False},
        "fontTools": {"handlers": ["stderr"], "level": "CRITICAL", "propagate": False},
    },
}
