"""Statistics: what was sold and used, where the money is, and which meters want a visit.

table, chart, sheet   a report as a table of text, as a chart and as a sheet
summaries             sums by day and month that follow the audit chains
sales_reports, field_reports, statement, reports   the reports, and their list
rules, suspects, inspections   rules of suspicion, the monthly list, what inspectors found
"""
