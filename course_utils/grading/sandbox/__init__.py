"""Where a student's code runs: behind walls, forked from a warm process, with nothing to find.

- `places`: what may be seen of the disk;
- `bubblewrap`: the outer wall, around the warm process;
- `forkserver` and `warm`: the process that imports once and forks candidates;
- `keeper` and `walls`: the inner walls of each candidate, its limits, its end;
- `spawn`: how the examiner asks for a candidate, whatever kind of sandbox there is.
"""
