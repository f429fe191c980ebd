"""One kind of mistake a file: its description, and how to find it.

A rule imports from `ownloss.check.explaining` and `ownloss.check.observing`, never
from another rule. Its module has a `KIND` and a function `explain(seen)` that yields
findings. To add a kind, add a file; nothing else needs to know.
"""
