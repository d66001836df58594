"""What other programs read of the site: sitemap.xml, robots.txt, and the words about a page.

They need the site's public address, `site.options.address` in myst.yml. Without it a book that is
read from a folder or on a machine of its own says nothing that might be wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from .errors import ThemeError


def base(address: str | None) -> str | None:
    """Return the site's address with one slash at its end, None when there is none.

    Raises ThemeError for what is no address.
    """
    if not address:
        return None
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment:
        raise ThemeError(
            f"site.options.address in myst.yml is {address!r}, which is not the address of a site. "
            "Write it as https://example.org/course"
        )
    return address.rstrip("/") + "/"


def sitemap(site: str, pages: Iterable[tuple[str, str | None]]) -> str:
    """Return sitemap.xml for (address, date of the run or None); see sitemaps.org/protocol.html."""
    entries = []
    for page, date in pages:
        where = site if page == "index.html" else site + page
        when = f"<lastmod>{date[:10]}</lastmod>" if date else ""
        entries.append(f"<url><loc>{escape(where)}</loc>{when}</url>\n")
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        f"{''.join(entries)}</urlset>\n"
    )


def robots(site: str | None) -> str:
    """Return robots.txt (RFC 9309): everything may be read."""
    found = f"Sitemap: {site}sitemap.xml\n" if site else ""
    return f"User-agent: *\nAllow: /\n{found}"
