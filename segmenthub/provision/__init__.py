"""An account as a file: makes what is missing, updates what differs, deletes nothing.

    read      text to a tree of nodes, each with its place in the file
    rows      brings one row of a table to what the file says
    tables    which keys each kind of row has, and how they are read
    work      the kinds in order, in one transaction

A key that is absent leaves an existing row as it is and gives a new one its default.
"""

from segmenthub.provision.read import Mistake, parse
from segmenthub.provision.work import provision

__all__ = ["Mistake", "parse", "provision"]
