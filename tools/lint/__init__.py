"""The rules of the house style that a program can see: one small function a rule.

`tools/lint_notebooks.py` is the command; `core` holds what rules share, each other module rules of
one kind. A rule is a function with the decorator `core.rule`; its docstring says the rule in its
first line, then **Why:** and **Cure:**.
"""
