"""Which SQLite is used: pysqlite3's newer one where it is installed, else Python's own.

It is the module that sqlite-utils picks (a test holds that), taken by the same rule here because importing sqlite-utils
takes half a second: it imports pandas.
"""

try:
    import pysqlite3 as sqlite3
except ImportError:
    import sqlite3

__all__ = ["sqlite3"]
