"""What a shop copies into its pages, for the page of a platform."""

from django import template
from django.conf import settings
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.models import Platform
from segmenthub import sdk

register = template.Library()


@register.simple_tag
def sdk_tag(platform: Platform) -> SafeString:
    """The script tag that alone is enough; it always loads the newest version."""
    return format_html(
        '<script async src="{}/sdk/v1.js" data-account="{}" data-platform="{}"></script>',
        *(settings.API_URL, platform.account_id, platform.code),
    )


@register.simple_tag
def sdk_pinned_tag(platform: Platform) -> SafeString:
    """Loads one version, and runs it only where its bytes are those that we know."""
    name = sdk.newest()
    return format_html(
        '<script async src="{}/sdk/{}" integrity="{}" crossorigin="anonymous"'
        ' data-account="{}" data-platform="{}"></script>',
        *(settings.API_URL, name, sdk.files()[name].integrity, platform.account_id, platform.code),
    )
