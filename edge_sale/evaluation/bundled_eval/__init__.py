"""`edge-sale bench bundled`: the paper's table, live, from the models that come with edge-sale.

`tasks.py` what is sold, `grid.py` everyone at everything, in batches, `sales.py` auctions that remember, in several
orders, `away.py` the senior behind a server, `rows.py` who is in the table, `run.py` all of it in a runs file,
`goals.py` and `likeness.py` what comes out of it, `printed.py` how it is shown; `fitting.py` makes the pool's weights.
"""
