"""Settlement put together: what the registry holds, graded and summed up, priced and paid.

Knows no gRPC: takes terms and gives tables of lines, their totals, their canonical content and its
digest; keeps the lines of frozen runs, and compares them.
"""
