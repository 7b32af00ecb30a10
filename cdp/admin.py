"""Profiles, identifiers and links are shown by pages of their own (`segmenthub.panel.people`): they are read-only."""
