"""Our side of the examination: runs test cells, and asks the candidate for values.

- `candidate`: the line to a candidate as questions and answers, with limits on each;
- `proxies`: what a test cell holds in place of the student's functions and objects;
- `namespace`: where a test cell finds its names;
- `judge`: one test cell, from its text to points and a sentence;
- `examine`: a whole notebook: repair, run, judge, restart what died;
- `server`: the warm process that forks an examiner for each job.
"""
