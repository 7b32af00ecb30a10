from django.contrib.admin.apps import AdminConfig


class PanelConfig(AdminConfig):
    """The admin whose site is the panel, so that each layer's `admin.py` registers there without importing it."""

    default_site = "segmenthub.panel.site.PanelSite"
