"""One file per data set; each defines `ENTRY`. The registry finds them by itself.

To add a data set, copy the nearest neighbour (`digits.py` if a package brings the data,
`mnist.py` if they are fetched), fill in every field with `sha256=""`, and run
`course data fetch NAME` (or `verify` for bundled data): the message tells the sha256 of what
arrived. Compare the data with what the authors publish before you write it into the entry;
`tests/test_datasets.py` then checks that the entry is complete.
"""
