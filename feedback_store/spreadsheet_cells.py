"""Cells of a CSV that a spreadsheet must not take for a formula.

Source: https://owasp.org/www-community/attacks/CSV_Injection. A cell that begins with = + - @ TAB or CR gets an
apostrophe in front, and so does one that begins with an apostrophe, so that taking one away brings every cell back. No
value is an empty cell; a text that is empty is a lone apostrophe.
"""

DANGEROUS = ("=", "+", "-", "@", "\t", "\r")


def escaped(text: str | None) -> str:
    """Return the cell for a text, or for no value."""
    if text is None:
        return ""
    return f"'{text}" if text == "" or text.startswith((*DANGEROUS, "'")) else text


def unescaped(cell: str) -> str | None:
    """Return what `escaped` was given."""
    if cell == "":
        return None
    return cell[1:] if cell.startswith("'") else cell
