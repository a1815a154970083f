"""What the demo is stocked with: live numbers, numbers reserved for fiction, rates.

The numbers are made by devtools/numbers.py; the prices are made up, for no market is asked here.
"""
