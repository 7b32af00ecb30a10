"""The panel at /panel/: the admin with unfold, one account at a time.

`accounts.panel` has what each model's pages share; here are the site, its menu and the pages that are no model's:
the overview, people, events, the members of a segment, the account switcher and the invitation.
"""
