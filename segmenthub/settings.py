"""Settings, read from the environment (and from `.env` beside manage.py). Each name is explained in `.env.example`.

A wrong value stops the start and names its variable; risky combinations are system checks in `segmenthub.checks`.
"""

from ipaddress import ip_network
from os import cpu_count
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static

from segmenthub import embedded
from segmenthub.secret_key import secret_key

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
env.read_env(BASE_DIR / ".env", overwrite=False)


FALSE = ("false", "off", "n", "no", "0")


def require(condition: object, message: str) -> None:
    """Stops the start with what to do about a setting."""
    if not condition:
        raise ImproperlyConfigured(message)


def network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def setting(kind: str, name: str, default: Any = environ.Env.NOTSET) -> Any:
    """The variable `name` read as `kind` ("bool", "int", "list", ...); a value that cannot be read names itself."""
    value = env.ENVIRON.get(name)
    if kind == "bool" and value and value.lower() not in (*env.BOOLEAN_TRUE_STRINGS, *FALSE):
        raise ImproperlyConfigured(f"{name}={value!r} is neither true nor false.")
    if not value and name in env.ENVIRON and default is not environ.Env.NOTSET:
        return default  # set, but empty: as in .env.example
    try:
        return getattr(env, kind)(name, default=default)
    except (ValueError, TypeError) as error:
        raise ImproperlyConfigured(f"{name}={env.ENVIRON.get(name)!r} cannot be read as {kind}: {error}") from error


DATA_DIR = Path(setting("str", "SEGMENTHUB_DATA_DIR", str(BASE_DIR / ".data")))
PRODUCTION = setting("bool", "PRODUCTION", False)
DEBUG = setting("bool", "DEBUG", not PRODUCTION)
SECRET_KEY = setting("str", "SECRET_KEY", "") or ("" if PRODUCTION else secret_key(DATA_DIR))
ALLOWED_HOSTS = setting(
    "list", "ALLOWED_HOSTS", [] if PRODUCTION else ["localhost", "127.0.0.1", "[::1]", "testserver"]
)
API_URL = setting("str", "API_URL", "http://127.0.0.1:8000").rstrip("/")
PANEL_URL = setting("str", "PANEL_URL", "").rstrip("/")
TRUSTED_PROXIES = setting("list", "TRUSTED_PROXIES", [])
for proxy in TRUSTED_PROXIES:
    require(network(proxy), f"TRUSTED_PROXIES: {proxy!r} is no address or network such as 10.0.0.0/8.")
if PRODUCTION:
    require(SECRET_KEY, "SECRET_KEY: production needs one of its own, 50 random characters that stay the same.")
    require(not DEBUG, "DEBUG: production does not run with it; unset DEBUG or PRODUCTION.")
    named = ALLOWED_HOSTS and "*" not in ALLOWED_HOSTS
    require(named, "ALLOWED_HOSTS: name the hosts of API and panel, comma-separated; production does not take any.")
CSRF_TRUSTED_ORIGINS = [PANEL_URL] if PANEL_URL else []

# --- What the service keeps and where ---
DATABASE_URL = setting("str", "DATABASE_URL", "") or embedded.database_url(DATA_DIR)
REDIS_URL = setting("str", "REDIS_URL", "") or embedded.redis_url(DATA_DIR)
require(
    DATABASE_URL.startswith(("postgres://", "postgresql://", "psql://", "pgsql://")),
    "DATABASE_URL: give postgres://user:password@host:5432/database.",
)
require(
    REDIS_URL.startswith(("redis://", "rediss://", "unix://")),
    "REDIS_URL: give redis://host:6379/0 or unix:///path?db=0.",
)
DATABASES = {"default": env.db_url_config(DATABASE_URL)}
DATABASES["default"].update(CONN_MAX_AGE=None, DISABLE_SERVER_SIDE_CURSORS=setting("bool", "PGBOUNCER", False))
DATABASES["default"].setdefault("OPTIONS", {}).update(
    connect_timeout=3,
    application_name="segmenthub",
    # Through PgBouncer set these on the role, and `ignore_startup_parameters = options`.
    options=" ".join(
        f"-c {name}={value}"
        for name, value in {
            "lock_timeout": "5s",
            "statement_timeout": setting("str", "STATEMENT_TIMEOUT", "60s"),
            "idle_in_transaction_session_timeout": "60s",
            "plan_cache_mode": "force_generic_plan",  # see dmp.sql
        }.items()
    ),
)
UNSAFE_DATABASE = setting("bool", "UNSAFE_DATABASE", False)  # see segmenthub.checks
require(DEBUG or not UNSAFE_DATABASE, "UNSAFE_DATABASE: only with DEBUG, for tests, may a crash lose events.")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
EVENT_RETENTION = setting("int", "EVENT_RETENTION", 0)  # days; 0 keeps events for ever
MEDIA_URL = setting("str", "MEDIA_URL", "/media/")
MEDIA_ROOT = setting("str", "MEDIA_ROOT", str(DATA_DIR / "media"))
GEOIP_PATH = setting("str", "GEOIP_PATH", "") or None
PUBLIC_RATE_PER_ADDRESS = setting("int", "PUBLIC_RATE_PER_ADDRESS", 0)  # requests a minute, 0 = no limit
TRACKING_RATE_PER_VISITOR = setting("int", "TRACKING_RATE_PER_VISITOR", 1_200)
TRACKING_RATE_PER_ADDRESS = setting("int", "TRACKING_RATE_PER_ADDRESS", 12_000)
SNAPSHOT_SECONDS = setting("float", "SNAPSHOT_SECONDS", 0.25)
BUILDS_AT_ONCE = setting("int", "BUILDS_AT_ONCE", 2 if (cpu_count() or 1) > 3 else 1)  # a worker has 3 processes
WEBHOOK_ALLOW_PRIVATE = setting("bool", "WEBHOOK_ALLOW_PRIVATE", False)
require(not (PRODUCTION and WEBHOOK_ALLOW_PRIVATE), "WEBHOOK_ALLOW_PRIVATE: production posts to public addresses only.")
NOW_OFFSET = setting("float", "SEGMENTHUB_NOW_OFFSET", 0.0)  # seconds
require(DEBUG or not NOW_OFFSET, "SEGMENTHUB_NOW_OFFSET: only with DEBUG may the clock be moved.")

# --- Django ---
INSTALLED_APPS = [
    "segmenthub",
    "adserver",
    "cdp",
    "dmp",
    "accounts",
    "unfold.apps.BasicAppConfig",  # its looks; the site is ours
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "segmenthub.panel.apps.PanelConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "axes",
]
# The API answers before the rest of this list runs; what follows ApiFirst is for the panel alone.
MIDDLEWARE = [
    "segmenthub.middleware.ApiFirst",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "segmenthub.urls"
WSGI_APPLICATION = "segmenthub.wsgi.application"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_FORM_FIELD = "username"
AXES_LOCKOUT_CALLABLE = "segmenthub.panel.entry.locked_out"
AXES_VERBOSE = False
LANGUAGE_CODE = "en-us"
FORMAT_MODULE_PATH = ["segmenthub.formats"]
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
STATIC_ROOT = str(DATA_DIR / "static")
STATICFILES_DIRS = [BASE_DIR / "segmenthub" / "static"]
WHITENOISE_USE_FINDERS = not PRODUCTION
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
SESSION_COOKIE_AGE = 12 * 3600
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_HSTS_SECONDS = 31_536_000 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE_SSL_REDIRECT = PRODUCTION
X_FRAME_OPTIONS = "DENY"
LOGIN_URL = "/panel/login/"
LOGIN_REDIRECT_URL = "/panel/"
if (email_url := setting("str", "EMAIL_URL", "")) or not PRODUCTION:
    globals().update(env.email_url_config(email_url or "consolemail://"))

CONTENT_SECURITY_POLICY = {
    "EXCLUDE_URL_PREFIXES": ("/docs", "/demo/"),
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'", "'unsafe-eval'"],  # unfold's Alpine evaluates its attributes; no script is inline
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:", "https:"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
        "base-uri": ["'self'"],
    },
}

# --- The panel (segmenthub.panel) ---
UNFOLD = {
    "SITE_TITLE": "SegmentHub",
    "SITE_HEADER": "SegmentHub",
    "SITE_URL": None,
    "SITE_ICON": lambda request: static("segmenthub/logo.svg"),
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("segmenthub/logo.svg")},
    ],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "8px",
    "STYLES": [lambda request: static("segmenthub/panel.css")],
    "SCRIPTS": [lambda request: static("segmenthub/panel.js")],
    "COLORS": {
        "primary": {
            "50": "oklch(97.0% .014 254.604)",
            "100": "oklch(93.2% .032 255.585)",
            "200": "oklch(88.2% .059 254.128)",
            "300": "oklch(80.9% .105 251.813)",
            "400": "oklch(70.7% .165 254.624)",
            "500": "oklch(62.3% .214 259.815)",
            "600": "oklch(54.6% .245 262.881)",
            "700": "oklch(48.8% .243 264.376)",
            "800": "oklch(42.4% .199 265.638)",
            "900": "oklch(37.9% .146 265.522)",
            "950": "oklch(28.2% .091 267.935)",
        },
    },
    "SIDEBAR": {"show_search": True, "show_all_applications": False, "navigation": "segmenthub.panel.navigation.menu"},
}
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}

# --- Celery: see segmenthub/celery.py for how tasks survive a killed worker ---
# What comes each second is dropped when no worker took it in time: the next one does the same work.
EACH_SECOND = {"schedule": 1.0, "options": {"expires": 1.0}}
CELERY_BEAT_SCHEDULE = {
    "clock": {"task": "dmp.tasks.tick", **EACH_SECOND},
    "segments": {"task": "dmp.tasks.build_segments", **EACH_SECOND},
    "webhooks": {"task": "dmp.tasks.deliver_webhooks", **EACH_SECOND},
    "partitions": {"task": "dmp.tasks.make_partitions", "schedule": 3600.0},
    "expired": {"task": "dmp.tasks.sweep_expired", "schedule": 600.0},
    "pacing": {"task": "adserver.tasks.pace", "schedule": 60.0, "options": {"expires": 60.0}},
    "orders": {"task": "adserver.tasks.attribute_orders", "schedule": 600.0},
    "statistics": {"task": "adserver.tasks.roll_up", "schedule": 60.0, "options": {"expires": 60.0}},
    "late": {"task": "adserver.tasks.roll_up_late", "schedule": 3600.0},
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": setting("str", "LOG_LEVEL", "WARNING" if DEBUG else "INFO")},
}
