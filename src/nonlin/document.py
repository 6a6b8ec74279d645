"""A report as one HTML page that holds everything in itself."""

from __future__ import annotations

from html import escape


def document(title: str, css: str, body: str, head: str = "") -> str:
    """The page; `title` is text, `body` and what is put at the start of the head are HTML."""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">{head}
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{css}</style>
</head>
<body>
{body}
</body>
</html>
"""
