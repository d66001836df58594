"""Typesets the book: MyST's content (JSON) in, pages (HTML) out.

`pages.render_book` is the way in. It knows pages and files; `nodes` turns one MyST node into HTML
with the template of that node's name; `outputs`, `svg`, `highlight` and `sanitize` do what a
template cannot; `search` and `assets` make what pages load.
"""
