"""What pixeltwin costs, measured side by side with its peers in one run: `python -m benchmarks`.

`rounds` starts each measurement in a fresh process and lets the variants take turns; a case (`track`, `contention`,
`drain`, `page`, `imports`, `weight`, `freshness`) says what is measured and what is aimed at; `report` and `plot` show
it. README.md beside this file explains how to read the results.
"""
