"""What runs inside the sandbox: the student's cells, and answers to the examiner's questions.

Nothing here is trusted: a student's code lives in the same process and may change all of it. It
can only change its own answers. Nothing here knows a test, a solution or a gradebook.
"""
